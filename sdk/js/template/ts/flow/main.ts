// {{name}}: greets callers by name, tells their balance, and hands over to an agent on request.
import { config } from "./cordboard/common.js";
import { completed, failed, flow, LookupFailed, prompt, silence, type Contact, type End, type Profile, type Prompt, type Question } from "./cordboard/flow.js";

const menu: Question = {
  id: "main-menu",
  prompt: "To hear your balance, press 1. To speak to an agent, press 0.",
  choices: { balance: ["1", "balance"], agent: ["0", "agent", "operator"] },
  silence: 5,
};

export const guest = flow((contact) => {
  const customer = find(contact);
  contact.say(customer?.displayName ? `Hello, ${customer.displayName}.` : "Hello.");
  for (;;) {
    switch (contact.insist(menu)) {
      case "balance":
        contact.say(balance(customer));
        break;
      case "agent":
        return talkToAgent(contact);
      case undefined:
        contact.say("Thank you for calling. Goodbye.");
        return failed("no answer at the menu");
    }
  }
});

/** Who is calling, if the directory knows. That it doesn't answer is no reason to turn anybody away. */
function find(contact: Contact): Profile | undefined {
  const { number } = contact.origin;
  if (!number) return undefined;
  try {
    const customer = contact.lookup("phone", number, { within: 1.5 });
    // Agents see it on their screens, scorers and records have it too.
    if (customer) contact.set("customer-id", customer.id);
    return customer;
  } catch (error) {
    if (error instanceof LookupFailed) return undefined;
    throw error;
  }
}

function balance(customer: Profile | undefined): Prompt {
  const money = customer?.money("balance_minor", "USD");
  if (!money) return "We could not find your account.";
  const due = customer?.day("due_date");
  if (!due) return prompt("Your balance is", money);
  return prompt("Your balance is", money, silence(0.3), "Your payment is due on", due);
}

function talkToAgent(contact: Contact): End {
  // Whoever leaves this function without a talk leaves the queue.
  using place = contact.enqueue(config.get("queue", "default"), { announce: 30 });
  place.say("Please hold while we connect you to an agent.");
  const waited = place.wait(10 * 60);
  switch (waited.kind) {
    case "talked":
      contact.say("Thank you for calling. Goodbye.");
      return completed;
    case "still-waiting":
      place.leave();
      contact.say("Sorry. All our agents are busy. Goodbye.");
      return failed("no agent within 10 minutes");
    case "lost":
      contact.say("Sorry. All our agents are busy. Goodbye.");
      return failed(waited.why);
  }
}
