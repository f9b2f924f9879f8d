"""A flow for tests, in Python: answers, keeps what was dialled, and asks until somebody chooses to end. Never deployed."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.conversation import Contact
from wit_world.imports.types import (
    Answer_Choice,
    Choice,
    ContactError_Ended,
    EndReason,
    EndReason_Completed,
    EndReason_Other,
    PromptPart_PauseMs,
    PromptPart_Text,
    Question,
    TypeAhead_Keep,
)


def menu() -> Question:
    keys = {"balance": "1", "card": "3", "end": "9"}
    return Question(
        id="main-menu",
        prompt=[PromptPart_Text("Asked in Python."), PromptPart_PauseMs(200)],
        choices=[Choice(id=id, key=key, words=[]) for id, key in keys.items()],
        digits=None,
        silence_timeout_ms=300_000,
        key_timeout_ms=2_000,
        type_ahead=TypeAhead_Keep(),
        secret=False,
    )


def talk(contact: Contact) -> EndReason:
    contact.answer()
    contact.set_attribute("dialled", contact.dialled().number or "")
    rounds = 0
    while True:
        answer = contact.ask(menu())
        if not isinstance(answer, Answer_Choice):
            continue
        if answer.value == "end":
            return EndReason_Other(f"{rounds} rounds in Python")
        rounds += 1
        contact.set_attribute("chose", f"{answer.value} in round {rounds}")


class Guest(exports.Guest):
    def run(self, contact: Contact) -> EndReason:
        try:
            return talk(contact)
        except Err as error:
            # Hanging up is an end like any other.
            if isinstance(error.value, ContactError_Ended):
                return EndReason_Completed()
            raise Err(repr(error.value)) from error
