// Goes through the calls that give something, again and again, and looks whether memory grew.
#include "flow.sdk.h"

static cb_status asked(cb_contact *contact) {
  static const cb_choice choices[] = {{"yes", "1", {"yes"}}, {0}};
  static const cb_skill skills[] = {{"german", 3}, {0}};
  cb_question question = {.id = "again", .prompt = CB_PROMPT(cb_text("Press 1.")), .choices = choices, .silence_ms = 100};
  cb_reply reply;
  char *answer;
  uint32_t weights[] = {1, 1}, drawn;
  CB_TRY(cb_ask(contact, &question, &reply));
  free(reply.value);
  CB_TRY(cb_insist(contact, &question, 2, &answer));
  free(answer);
  CB_TRY(cb_choose(contact, "either", weights, 2, &drawn));
  cb_place place;
  cb_queue queue = {.name = "default", .skills = skills};
  CB_TRY(cb_enqueue_for(contact, &queue, &place));
  cordboard_flow_types_wait_status_t status;
  cb_status waited = cb_wait(&place, 100, &status);
  if (waited == CB_OK) cordboard_flow_types_wait_status_free(&status);
  cb_leave(&place);
  return waited;
}

static cb_status known(cb_contact *contact) {
  cb_profile profile;
  bool found;
  char *number = cb_origin_number(contact), *id = cb_id(contact), *kept;
  cb_status looked_up = cb_lookup(contact, NULL, "phone", number, 1000, &found, &profile);
  free(number);
  free(id);
  CB_TRY(looked_up);
  CB_TRY(cb_set(contact, "name", cb_field(&profile, "name")));
  cb_profile_free(&profile);
  if (cb_load(contact, "key", &kept) == CB_OK) free(kept);
  cb_response response;
  cb_request request = {.url = "https://nobody.example/", .headers = (cb_header[]){{"accept", "*/*", NULL}, {0}}};
  if (cb_fetch(contact, &request, &response) == CB_OK) cb_response_free(&response);
  // A refusal comes with a text.
  return cb_redirect(contact, "nowhere") == CB_INVALID ? CB_OK : CB_OTHER;
}

cb_status cb_flow(cb_contact *contact, cb_end *end) {
  size_t before = 0;
  int steps = 0;
  for (int round = 0; steps < 8800; round++) {
    CB_TRY(asked(contact));
    CB_TRY(known(contact));
    steps += 12;
    // Most are small: the journal is nearly full with 9,000 of them, and with fewer of the others.
    for (int small = 0; small < 110; small++, steps++) {
      char *name = cb_get(contact, "name");
      if (!name || strcmp(name, cb_config("nothing", "Ada Lovelace")) != 0) return CB_OTHER;
      free(name);
    }
    // What the first rounds took, the others have.
    if (round == 8) before = __builtin_wasm_memory_size(0);
  }
  if (__builtin_wasm_memory_size(0) > before) *end = (cb_end){CORDBOARD_FLOW_TYPES_END_REASON_FAILED, "memory grew"};
  return CB_OK;
}
