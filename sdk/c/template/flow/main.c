// {{name}}: greets callers by name, tells their balance, and hands over to an agent on request.
#include "flow.sdk.h"

static const cb_choice choices[] = {
    {"balance", "1", {"balance"}},
    {"agent", "0", {"agent", "operator"}},
    {0},
};

/// Who is calling, if the directory knows. That it doesn't answer is no reason to turn anybody away.
static cb_status find(cb_contact *contact, bool *known, cb_profile *customer) {
  char *number = cb_origin_number(contact);
  *known = false;
  if (!number) return CB_OK;
  cb_status found = cb_lookup(contact, NULL, "phone", number, 1500, known, customer);
  free(number);
  if (found == CB_ENDED) return CB_ENDED;
  // Agents see it on their screens, scorers and records have it too.
  return *known ? cb_set(contact, "customer-id", customer->id) : CB_OK;
}

static cb_status tell_balance(cb_contact *contact, const cb_profile *customer) {
  cb_part money, due;
  if (!customer || !cb_field_money(customer, "balance_minor", "USD", &money)) {
    return cb_say(contact, "We could not find your account.");
  }
  cb_part balance = cb_text("Your balance is");
  if (!cb_field_date(customer, "due_date", &due)) return cb_say_prompt(contact, CB_PROMPT(balance, money));
  return cb_say_prompt(contact, CB_PROMPT(balance, money, cb_silence(300), cb_text("Your payment is due on"), due));
}

static cb_status wait_for_agent(cb_contact *contact, cb_place *place, cb_end *end) {
  cordboard_flow_types_wait_status_t status;
  CB_TRY(cb_say_waiting(place, "Please hold while we connect you to an agent."));
  CB_TRY(cb_wait(place, 10 * 60 * 1000, &status));
  switch (status.tag) {
    case CORDBOARD_FLOW_TYPES_WAIT_STATUS_TALKED: return cb_say(contact, "Thank you for calling. Goodbye.");
    case CORDBOARD_FLOW_TYPES_WAIT_STATUS_LOST:
      *end = (cb_end){CORDBOARD_FLOW_TYPES_END_REASON_FAILED, cb_taken(status.val.lost)};
      break;
    default:
      *end = (cb_end){CORDBOARD_FLOW_TYPES_END_REASON_FAILED, "no agent within 10 minutes"};
  }
  cb_leave(place);
  return cb_say(contact, "Sorry. All our agents are busy. Goodbye.");
}

cb_status cb_flow(cb_contact *contact, cb_end *end) {
  cb_profile customer;
  bool known;
  char hello[128] = "Hello.";
  CB_TRY(find(contact, &known, &customer));
  if (known && customer.display_name) cb_format(hello, sizeof hello, "Hello, %s.", customer.display_name);
  CB_TRY(cb_say(contact, hello));
  for (;;) {
    cb_question menu = {
        .id = "main-menu",
        .prompt = CB_PROMPT(cb_text("To hear your balance, press 1. To speak to an agent, press 0.")),
        .choices = choices,
        .silence_ms = 5000,
    };
    char *answer;
    CB_TRY(cb_insist(contact, &menu, 3, &answer));
    if (!answer) {
      *end = (cb_end){CORDBOARD_FLOW_TYPES_END_REASON_FAILED, "no answer at the menu"};
      return cb_say(contact, "Thank you for calling. Goodbye.");
    }
    bool balance = strcmp(answer, "balance") == 0, agent = strcmp(answer, "agent") == 0;
    free(answer);
    if (balance) CB_TRY(tell_balance(contact, known ? &customer : NULL));
    if (agent) {
      cb_place place;
      CB_TRY(cb_enqueue(contact, cb_config("queue", "default"), 0, &place));
      place.announce_ms = 30 * 1000;
      cb_status waited = wait_for_agent(contact, &place, end);
      // Whichever way it went: without a talk, the place is left.
      cb_leave(&place);
      return waited;
    }
  }
}
