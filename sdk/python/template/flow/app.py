"""{{name}}: greets callers by name, tells their balance, and hands over to an agent on request."""

from datetime import timedelta
from typing import Optional

from cordboard import config
from cordboard.flow import (
    Choice,
    Completed,
    Contact,
    End,
    Failed,
    Lost,
    LookupFailed,
    Profile,
    Question,
    StillWaiting,
    flow,
    prompt,
)

MENU = Question(
    "main-menu",
    "To hear your balance, press 1. To speak to an agent, press 0.",
    choices=[Choice("balance", "1", ["balance"]), Choice("agent", "0", ["agent", "operator"])],
    silence=timedelta(seconds=5),
)


@flow
def talk(contact: Contact) -> End:
    customer = find(contact)
    contact.say(f"Hello, {customer.display_name}." if customer and customer.display_name else "Hello.")
    while True:
        match contact.insist(MENU):
            case "balance":
                contact.say(balance(customer))
            case "agent":
                return talk_to_agent(contact)
            case None:
                contact.say("Thank you for calling. Goodbye.")
                return Failed("no answer at the menu")


def find(contact: Contact) -> Optional[Profile]:
    """Who is calling, if the directory knows. That it doesn't answer is no reason to turn anybody away."""
    number = contact.origin.number
    if number is None:
        return None
    try:
        customer = contact.lookup("phone", number, within=timedelta(seconds=1.5))
    except LookupFailed:
        return None
    if customer:
        # Agents see it on their screens, scorers and records have it too.
        contact.set("customer-id", customer.id)
    return customer


def balance(customer: Optional[Profile]):
    money = customer and customer.money("balance_minor", "USD")
    if not money:
        return "We could not find your account."
    due = customer.date("due_date")
    if not due:
        return prompt("Your balance is", money)
    return prompt("Your balance is", money, timedelta(milliseconds=300), "Your payment is due on", due)


def talk_to_agent(contact: Contact) -> End:
    queue = config.get("queue", "default")
    # Whoever leaves this block without a talk leaves the queue.
    with contact.enqueue(queue, announce=timedelta(seconds=30)) as place:
        place.say("Please hold while we connect you to an agent.")
        waited = place.wait(timedelta(minutes=10))
    match waited:
        case StillWaiting():
            contact.say("Sorry. All our agents are busy. Goodbye.")
            return Failed("no agent within 10 minutes")
        case Lost(why):
            contact.say("Sorry. All our agents are busy. Goodbye.")
            return Failed(why)
    contact.say("Thank you for calling. Goodbye.")
    return Completed()
