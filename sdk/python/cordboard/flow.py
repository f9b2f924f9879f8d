"""Flows: a conversation with one person, as straight-line code.

A function with the decorator `flow` is the plugin. A call that waits, for a prompt to end or a key to be pressed, waits; there
is nothing to poll, and no `async`. That the person hangs up is raised as `Ended` from whatever call it is, and is an end like
any other: catch it only to tidy up.

    @flow
    def talk(contact: Contact) -> End:
        contact.say("Hello. Welcome.")
        if contact.ask(Question("main", "To speak to an agent, press 0.", choices=[Choice("agent", "0")])) == Chosen("agent"):
            with contact.enqueue("support") as place:
                place.wait(timedelta(minutes=10))
        contact.say("Thank you for calling. Goodbye.")
        return Completed()
"""

from __future__ import annotations

import json as _json
import traceback
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Callable, Mapping, Optional, Sequence, Union

from componentize_py_types import Err
from wit_world.imports import conversation
from wit_world.imports import types as wit

from . import log

# --- Errors -----------------------------------------------------------------------------------------------------------


class FlowError(Exception):
    """Why a call could not be done. One that nobody catches hands the person over to the safe flow."""


class Ended(FlowError):
    """The person is gone. Five seconds and 32 calls are left to tidy up."""


class TakenOver(FlowError):
    """A supervisor has taken the contact over."""


class Connected(FlowError):
    """What was being said or asked was cut, since an agent answered: the next wait returns when the talk is over."""


class Invalid(FlowError):
    """An argument is out of bounds; the text names it."""


class NotNow(FlowError):
    """The contact's state doesn't allow it now; the text says why."""


class LimitReached(FlowError):
    """A limit is reached; the text names it."""


class LookupFailed(FlowError):
    """A directory gave no answer. `code` is `timeout`, `busy`, `unavailable`, `unsupported` or `other`."""

    def __init__(self, code: str, text: str = ""):
        super().__init__(f"{code}: {text}" if text else code)
        self.code = code


class FetchFailed(FlowError):
    """A back-end gave no response. `code` is `timeout`, `busy`, `not-granted`, `too-large`, `unknown-outcome`, `unavailable` or
    `other`."""

    def __init__(self, code: str, text: str = ""):
        super().__init__(f"{code}: {text}" if text else code)
        self.code = code

    @property
    def may_be_done(self) -> bool:
        """Whether a request that acts may have been done all the same. False: it was not sent."""
        return self.code not in ("busy", "not-granted", "unavailable")


class ValueFailed(FlowError):
    """A stored value could not be read or kept. `code` is `quota`, `not-granted`, `unavailable`, `invalid` or `other`."""

    def __init__(self, code: str, text: str = ""):
        super().__init__(f"{code}: {text}" if text else code)
        self.code = code


def _raised(error: Err) -> FlowError:
    value = error.value
    match value:
        case wit.ContactError_Ended() | wit.LookupError_Ended() | wit.FetchError_Ended():
            return Ended("the person is gone")
        case wit.ContactError_TakenOver():
            return TakenOver("a supervisor has taken over")
        case wit.ContactError_Interrupted(value=wit.Interruption_Connected()):
            return Connected("an agent has answered")
        case (
            wit.ContactError_Invalid(value=text)
            | wit.LookupError_Invalid(value=text)
            | wit.FetchError_Invalid(value=text)
        ):
            return Invalid(text)
        case wit.ContactError_NotNow(value=text):
            return NotNow(text)
        case wit.ContactError_Limit(value=text):
            return LimitReached(text)
    kind, _, case = type(value).__name__.partition("_")
    code = "".join(f"-{c.lower()}" if c.isupper() else c for c in case).lstrip("-")
    text = str(getattr(value, "value", ""))
    if kind == "LookupError":
        return LookupFailed(code, text)
    if kind == "FetchError":
        return FetchFailed(code, text)
    if kind == "ValueError":
        return ValueFailed(code, text)
    return FlowError(text)


def _call(function, *arguments):
    try:
        return function(*arguments)
    except Err as error:
        raise _raised(error) from None


# --- What is said -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Money:
    """An amount in minor units: `Money(1234, "EUR")` is 12.34 euros. The currency is of ISO 4217."""

    minor: int
    currency: str


@dataclass(frozen=True)
class Digits:
    """Characters said one by one, "one, zero, five"; or typed, as an answer."""

    text: str


@dataclass(frozen=True)
class Recording:
    """A recording of the tenant's prompt library, by name."""

    name: str


#: A piece of what is said: text, a number, money, a day, digits, a recording; a `timedelta` is silence.
Part = Union[str, int, Money, date, Digits, Recording, timedelta]


def prompt(*parts: Part | Sequence[Part]) -> list[Part]:
    """Several parts as one: `prompt("Your balance is", Money(1234, "EUR"))`."""
    return [one for part in parts for one in (part if isinstance(part, (list, tuple)) else [part])]


def _ms(duration: timedelta) -> int:
    return min(max(round(duration / timedelta(milliseconds=1)), 0), 0xFFFF_FFFF)


def _part(part: Part):
    match part:
        case str():
            return wit.PromptPart_Text(part)
        case bool():
            raise TypeError("True and False can't be said")
        case int():
            return wit.PromptPart_Number(part)
        case Money():
            return wit.PromptPart_Money(wit.Money(part.minor, part.currency))
        case date():
            return wit.PromptPart_Date(wit.Date(part.year, part.month, part.day))
        case Digits():
            return wit.PromptPart_Digits(part.text)
        case Recording():
            return wit.PromptPart_Recording(part.name)
        case timedelta():
            return wit.PromptPart_PauseMs(_ms(part))
    raise TypeError(f"{type(part).__name__} can't be said")


def _parts(parts) -> list:
    return [_part(part) for part in prompt(*parts)]


# --- What is asked ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Choice:
    """Something that can be chosen, by a key and by words. The `id` is the answer, and what later versions must keep."""

    id: str
    key: Optional[str] = None
    words: Sequence[str] = ()


@dataclass(frozen=True)
class DigitsRule:
    """A number of `min` to `max` digits, which the key `end` ends early."""

    min: int
    max: int
    end: Optional[str] = "#"


class Question:
    """A question: at least one choice, or a rule for digits. The `id` names it in records and journals."""

    def __init__(
        self,
        id: str,
        *prompt: Part | Sequence[Part],
        choices: Sequence[Choice] = (),
        digits: Optional[DigitsRule] = None,
        silence: timedelta = timedelta(seconds=5),
        between_keys: timedelta = timedelta(seconds=3),
        afresh: bool = False,
        secret: bool = False,
        if_silent: Part | Sequence[Part] = "Are you still there?",
        if_unclear: Part | Sequence[Part] = "Sorry, I did not understand that.",
    ):
        """`silence`: how long after the prompt the person may stay silent. `between_keys`: how long between two keys.
        `afresh`: keys that were pressed before don't count. `secret`: what is typed is kept in memory only. `if_silent`,
        `if_unclear`: what `insist` says before it asks again."""
        self.id, self.prompt, self.choices, self.digits = id, prompt, choices, digits
        self.silence, self.between_keys, self.afresh, self.secret = silence, between_keys, afresh, secret
        self.if_silent, self.if_unclear = if_silent, if_unclear

    def _wit(self, before: Sequence[Part] = (), afresh: bool = False) -> wit.Question:
        rule = self.digits
        return wit.Question(
            id=self.id,
            prompt=_parts([*before, *self.prompt]),
            choices=[wit.Choice(one.id, one.key, list(one.words)) for one in self.choices],
            digits=rule and wit.DigitsRule(rule.min, rule.max, rule.end),
            silence_timeout_ms=_ms(self.silence),
            key_timeout_ms=_ms(self.between_keys),
            type_ahead=wit.TypeAhead_Flush() if self.afresh or afresh else wit.TypeAhead_Keep(),
            secret=self.secret,
        )


@dataclass(frozen=True)
class Chosen:
    """The choice of this id."""

    id: str


@dataclass(frozen=True)
class Said:
    """What was written or said, where it fits no choice."""

    text: str


@dataclass(frozen=True)
class NoMatch:
    """Keys that fit no choice and no rule."""

    keys: str


@dataclass(frozen=True)
class Silence:
    """Nothing within the time for it."""


Answer = Union[Chosen, Digits, Said, NoMatch, Silence]


def _answer(answer) -> Answer:
    match answer:
        case wit.Answer_Choice(value=id):
            return Chosen(id)
        case wit.Answer_Digits(value=text):
            return Digits(text)
        case wit.Answer_Text(value=text):
            return Said(text)
        case wit.Answer_NoMatch(value=keys):
            return NoMatch(keys)
    return Silence()


# --- Who it is --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Address:
    """Where a contact comes from or was sent to. The display name is never proof of anything."""

    uri: str
    number: Optional[str]
    display_name: Optional[str]


@dataclass(frozen=True)
class Profile:
    """What a directory knows of a person."""

    id: str
    display_name: Optional[str] = None
    fields: Mapping[str, str] = field(default_factory=dict)

    def money(self, name: str, currency: str) -> Optional[Money]:
        """A field that holds an amount in minor units; the currency is that of the field `currency`, or `currency`."""
        try:
            return Money(int(self.fields[name]), self.fields.get("currency", currency))
        except (KeyError, ValueError):
            return None

    def date(self, name: str) -> Optional[date]:
        """A field that holds a date, as `2026-12-24`."""
        try:
            return date.fromisoformat(self.fields[name])
        except (KeyError, ValueError):
            return None


# --- Requests to a back-end -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FromConfig:
    """A header's value: `prefix`, and what the operator set for a key of the configuration. It is written down nowhere."""

    key: str
    prefix: str = ""


@dataclass(frozen=True)
class Response:
    """What a back-end answered: a status of 404 or 500 is a response, no error. Headers are those that were wanted, in lower
    case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is one of success, 200 to 299."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text; what is no UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self):
        """The body as JSON. `ValueError` if it is none."""
        return _json.loads(self.body)


_METHODS = {
    "GET": wit.Method_Get,
    "HEAD": wit.Method_Head,
    "POST": wit.Method_Post,
    "PUT": wit.Method_Put,
    "PATCH": wit.Method_Patch,
    "DELETE": wit.Method_Delete,
}


def _request(method: str, url: str, headers, body, json, wants) -> wit.FetchRequest:
    lines = dict(headers)
    if json is not None:
        if body is not None:
            raise TypeError("a request has `body` or `json`, not both")
        body = _json.dumps(json)
        if not any(name.lower() == "content-type" for name in lines):
            lines["content-type"] = "application/json"
    if isinstance(wants, str):
        raise TypeError("`wants` is several names, e.g. [\"location\"]")

    def value(given: str | FromConfig):
        if isinstance(given, FromConfig):
            return wit.HeaderValue_Config(wit.ConfigValue(given.prefix, given.key))
        return wit.HeaderValue_Text(given)

    return wit.FetchRequest(
        method=_METHODS[method]() if method in _METHODS else wit.Method_Other(method),
        url=url,
        headers=[wit.RequestHeader(name, value(given)) for name, given in lines.items()],
        body=body.encode() if isinstance(body, str) else body,
        wanted_headers=list(wants),
    )


# --- Waiting for an agent ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StillWaiting:
    """The time given has passed. Wait again, or leave."""

    position: int
    waiting: int
    estimate: Optional[timedelta]
    waited: timedelta


@dataclass(frozen=True)
class Talked:
    """The person talked with an agent; `ended_by` is `person`, `agent` or another word."""

    agent: str
    talked: timedelta
    ended_by: str


@dataclass(frozen=True)
class Lost:
    """The place is gone; the text says why."""

    why: str


Waited = Union[StillWaiting, Talked, Lost]


def _waited(status) -> Waited:
    match status:
        case wit.WaitStatus_StillWaiting(value=place):
            estimate = None if place.estimate_ms is None else timedelta(milliseconds=place.estimate_ms)
            return StillWaiting(place.position, place.waiting, estimate, timedelta(milliseconds=place.waited_ms))
        case wit.WaitStatus_Talked(value=talk):
            by = {wit.TalkEnd_Person: "person", wit.TalkEnd_Agent: "agent"}.get(type(talk.ended_by))
            return Talked(talk.agent, timedelta(milliseconds=talk.talked_ms), by or str(talk.ended_by.value))
    return Lost(status.value)


class Place:
    """A place in a queue. As a context it leaves the queue at its end, unless the talk has been or the person is gone."""

    def __init__(self, contact: Contact, waiting: conversation.Waiting, music: Optional[str], announce: Optional[timedelta]):
        self._contact, self._waiting, self._over = contact, waiting, False
        treated = music is not None or announce is not None
        self._treatment = wit.Treatment(music, _ms(announce or timedelta())) if treated else None

    def wait(self, duration: timedelta) -> Waited:
        """Waits for an agent, 0.1 s to an hour. The time bounds the waiting, not the talk: when an agent answers, it returns
        after the talk."""
        try:
            if self._treatment:
                waited = _waited(_call(self._waiting.wait_with, self._treatment, _ms(duration)))
            else:
                waited = _waited(_call(self._waiting.wait, _ms(duration)))
        except (Ended, TakenOver):
            self._over = True
            raise
        self._over = not isinstance(waited, StillWaiting)
        return waited

    def say(self, *parts: Part | Sequence[Part]) -> bool:
        """Says something to the person who waits. False: an agent answered meanwhile, and the next wait returns after the
        talk."""
        try:
            self._contact.say(*parts)
        except Connected:
            return False
        except (Ended, TakenOver):
            self._over = True
            raise
        return True

    def leave(self) -> None:
        """Gives up the place. An agent who answers just now keeps it."""
        if not self._over:
            self._over = True
            self._waiting.leave()

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_) -> None:
        self.leave()
        self._waiting.__exit__(None, None, None)


# --- The conversation -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Completed:
    """The person's matter was dealt with."""


@dataclass(frozen=True)
class Failed:
    """The person could not be helped here."""

    why: str


@dataclass(frozen=True)
class EndedOtherwise:
    """Any other end."""

    why: str


End = Union[Completed, Failed, EndedOtherwise]


def _end(end: End):
    match end:
        case Failed(why=why):
            return wit.EndReason_Failed(why)
        case EndedOtherwise(why=why):
            return wit.EndReason_Other(why)
    return wit.EndReason_Completed()


class Contact:
    """The conversation with one person, on whatever channel it runs. Every call raises `Ended` when the person is gone."""

    def __init__(self, raw: conversation.Contact):
        self._raw = raw

    @property
    def id(self) -> str:
        """The contact's identifier: the same in records, events and logs."""
        return self._raw.id()

    @property
    def channel(self) -> str:
        """`voice`, `text`, or another word."""
        channel = self._raw.channel()
        return {wit.Channel_Voice: "voice", wit.Channel_Text: "text"}.get(type(channel)) or channel.value

    @property
    def origin(self) -> Address:
        """Who the contact comes from."""
        address = self._raw.origin()
        return Address(address.uri, address.number, address.display_name)

    @property
    def dialled(self) -> Address:
        """What the person dialled or wrote to."""
        address = self._raw.dialled()
        return Address(address.uri, address.number, address.display_name)

    def get(self, name: str, default: Optional[str] = None) -> Optional[str]:
        """A named value kept with the contact. It may have been set from outside."""
        value = self._raw.attribute(name)
        return default if value is None else value

    def set(self, name: str, value: str) -> None:
        """Keeps a named value with the contact: scorers, agents and records see it."""
        _call(self._raw.set_attribute, name, value)

    def ring(self) -> None:
        """Tells the caller's side that it rings. `NotNow` once answered."""
        _call(self._raw.ring)

    def answer(self) -> None:
        """Answers, and waits until the person is connected. Answering again does nothing."""
        _call(self._raw.answer)

    def reject(self, cause: str) -> None:
        """Refuses the contact unanswered, and ends it: `busy`, `not-found`, `forbidden`, `unavailable`."""
        causes = {
            "busy": wit.RejectCause_Busy,
            "not-found": wit.RejectCause_NotFound,
            "forbidden": wit.RejectCause_Forbidden,
            "unavailable": wit.RejectCause_Unavailable,
        }
        if cause not in causes:
            raise ValueError(f"`{cause}` is none of {', '.join(causes)}")
        _call(self._raw.reject, causes[cause]())

    def redirect(self, target: str) -> None:
        """Sends the caller elsewhere unanswered, to a `sip:`, `sips:` or `tel:` URI, and ends the contact."""
        _call(self._raw.redirect, target)

    def say(self, *parts: Part | Sequence[Part]) -> None:
        """Says something, and waits until it was said: `say("Your balance is", Money(1234, "EUR"))`."""
        _call(self._raw.say, _parts(parts))

    def start_playing(self, *parts: Part | Sequence[Part], repeat: bool = False) -> None:
        """Begins to say something and returns, e.g. music under a look-up. Whatever is said next cuts it."""
        _call(self._raw.start_playing, _parts(parts), repeat)

    def stop_playing(self) -> None:
        """Ends what was begun."""
        _call(self._raw.stop_playing)

    def ask(self, question: Question) -> Answer:
        """Asks once and waits for an answer. Silence and what fits nothing are answers, too."""
        return _answer(_call(self._raw.ask, question._wit()))

    def insist(self, question: Question, times: int = 3) -> Optional[str]:
        """Asks up to `times` until the answer is a choice (its id) or digits. None: there was no such answer."""
        before, afresh = [], False
        for _ in range(times):
            match _answer(_call(self._raw.ask, question._wit(before, afresh))):
                case Chosen(id=answer) | Digits(text=answer):
                    return answer
                case Silence():
                    before = prompt(question.if_silent)
                case _:
                    # Whoever is lost starts afresh: what else was typed meant something else.
                    before, afresh = prompt(question.if_unclear), True
        return None

    def pause(self, duration: timedelta) -> None:
        """Does nothing for a while, at most an hour."""
        _call(self._raw.pause, _ms(duration))

    def lookup(
        self,
        kind: str,
        value: str,
        *,
        directory: Optional[str] = None,
        within: timedelta = timedelta(seconds=1.5),
    ) -> Optional[Profile]:
        """Asks a directory who the person is: `lookup("phone", number)`. None: the person is unknown. `LookupFailed` when
        the directory gave no answer."""
        found = _call(self._raw.lookup, wit.LookupKey(directory, kind, value), _ms(within))
        return found and Profile(found.id, found.display_name, {one.name: one.value for one in found.fields})

    def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str | FromConfig] = {},
        body: str | bytes | None = None,
        json=None,
        wants: Sequence[str] = (),
        within: timedelta = timedelta(seconds=3),
    ) -> Response:
        """Sends a request to a back-end, where the manifest wants and the operator grants, and waits for the response:
        `fetch("https://shop.example/hours")`. Redirects are not followed. `FetchFailed` when there is no response.

        `json`: a body that is made JSON. `wants`: the headers of the response to be kept. All of it is in the contact's journal,
        but for headers with `FromConfig`, and `authorization` and `cookie` can't be said otherwise."""
        request = _request(method, url, headers, body, json, wants)
        got = _call(self._raw.fetch, request, _ms(within))
        return Response(got.status, {one.name: one.value for one in got.headers}, bytes(got.body))

    def load(self, key: str) -> Optional[str]:
        """Reads a value that this plugin stored for the tenant, in this or any other contact."""
        return _call(self._raw.load, key)

    def store(self, key: str, value: Optional[str]) -> None:
        """Stores a value for the tenant, or removes it: it is durable when this returns."""
        _call(self._raw.store, key, value)

    def choose(self, name: str, weights: Mapping[str, int]) -> str:
        """Draws one of these by weight, the same one whenever the contact is replayed."""
        return list(weights)[_call(self._raw.choose, name, list(weights.values()))]

    def enqueue(
        self,
        queue: str,
        *,
        priority: int = 0,
        skills: Mapping[str, int] = {},
        music: Optional[str] = None,
        announce: Optional[timedelta] = None,
    ) -> Place:
        """Takes a place in a queue. `skills`: those the agent must have, with their least levels. `announce`: the host says the
        position so often. It doesn't answer by itself."""
        needed = [wit.SkillRequirement(name, level) for name, level in skills.items()]
        return Place(self, _call(self._raw.enqueue, wit.QueueRequest(queue, priority, needed)), music, announce)

    def continue_as(self, deployment: str, attributes: Mapping[str, str] = {}) -> None:
        """Ends this flow, and starts the flow of another deployment with these attributes set."""
        _call(self._raw.continue_as, deployment, [wit.Attribute(name, value) for name, value in attributes.items()])

    def end(self, reason: End = Completed()) -> None:
        """Closes the person's side; what follows has five seconds to tidy up."""
        self._raw.end(_end(reason))


def flow(talk: Callable[[Contact], End]) -> Callable[[Contact], End]:
    """Makes a function the plugin. Once in a module."""

    class Guest:
        def run(self, raw):
            try:
                return _end(talk(Contact(raw)))
            except Ended:
                return wit.EndReason_Other("hung-up")
            except TakenOver:
                return wit.EndReason_Other("taken-over")
            except Exception as error:
                for line in traceback.format_exception(error):
                    log.error(line.rstrip())
                raise Err(f"{type(error).__name__}: {error}") from error

    # The contract's name for what a plugin exports.
    talk.__globals__["Guest"] = Guest
    return talk
