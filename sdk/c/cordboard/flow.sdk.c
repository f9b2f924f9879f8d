#include "flow.sdk.h"

#define METHOD(name) cordboard_flow_conversation_method_contact_##name
#define CASE(type, name) CORDBOARD_FLOW_TYPES_##type##_##name

static char *optional(cb_option_str text) {
  return text.is_some ? cb_taken(text.val) : NULL;
}

// Notes a text that the host gave with an error, and frees it.
static void note(cb_contact *contact, cb_str text) {
  char *why = cb_taken(text);
  cb_format(contact->error, sizeof contact->error, "%s", why);
  free(why);
}

static cb_status refused(cb_contact *contact, const char *why) {
  cb_format(contact->error, sizeof contact->error, "%s", why);
  return CB_INVALID;
}

static cb_status failed(cb_contact *contact, const cordboard_flow_types_contact_error_t *error) {
  *contact->error = 0;
  switch (error->tag) {
    case CASE(CONTACT_ERROR, ENDED): return CB_ENDED;
    case CASE(CONTACT_ERROR, TAKEN_OVER): return CB_TAKEN_OVER;
    case CASE(CONTACT_ERROR, INTERRUPTED):
      if (error->val.interrupted.tag == CASE(INTERRUPTION, CONNECTED)) return CB_CONNECTED;
      note(contact, error->val.interrupted.val.other);
      return CB_OTHER;
  }
  // The others carry a text, all at the same place.
  note(contact, error->val.other);
  switch (error->tag) {
    case CASE(CONTACT_ERROR, INVALID): return CB_INVALID;
    case CASE(CONTACT_ERROR, NOT_NOW): return CB_NOT_NOW;
    case CASE(CONTACT_ERROR, LIMIT): return CB_LIMIT;
  }
  return CB_OTHER;
}

#define DO(name, ...)                                                              \
  do {                                                                             \
    cordboard_flow_types_contact_error_t error;                                    \
    return METHOD(name)(contact->handle __VA_OPT__(, ) __VA_ARGS__, &error)        \
               ? CB_OK                                                             \
               : failed(contact, &error);                                          \
  } while (0)

cb_part cb_text(const char *text) {
  return (cb_part){.tag = CASE(PROMPT_PART, TEXT), .val.text = cb_text_of(text)};
}
cb_part cb_money(int64_t minor, const char *currency) {
  return (cb_part){.tag = CASE(PROMPT_PART, MONEY), .val.money = {minor, cb_text_of(currency)}};
}
cb_part cb_date(int year, int month, int day) {
  return (cb_part){.tag = CASE(PROMPT_PART, DATE), .val.date = {(uint16_t)year, (uint8_t)month, (uint8_t)day}};
}
cb_part cb_number(int64_t number) {
  return (cb_part){.tag = CASE(PROMPT_PART, NUMBER), .val.number = number};
}
cb_part cb_digits(const char *digits) {
  return (cb_part){.tag = CASE(PROMPT_PART, DIGITS), .val.digits = cb_text_of(digits)};
}
cb_part cb_recording(const char *name) {
  return (cb_part){.tag = CASE(PROMPT_PART, RECORDING), .val.recording = cb_text_of(name)};
}
cb_part cb_silence(uint32_t ms) {
  return (cb_part){.tag = CASE(PROMPT_PART, PAUSE_MS), .val.pause_ms = ms};
}

cb_status cb_say(cb_contact *contact, const char *text) {
  return cb_say_prompt(contact, CB_PROMPT(cb_text(text)));
}
cb_status cb_say_prompt(cb_contact *contact, cb_prompt prompt) { DO(say, &prompt); }
cb_status cb_start_playing(cb_contact *contact, cb_prompt prompt, bool repeat) { DO(start_playing, &prompt, repeat); }
cb_status cb_stop_playing(cb_contact *contact) { DO(stop_playing); }
cb_status cb_ring(cb_contact *contact) { DO(ring); }
cb_status cb_answer(cb_contact *contact) { DO(answer); }
cb_status cb_pause(cb_contact *contact, uint32_t ms) { DO(pause, ms); }
cb_status cb_reject(cb_contact *contact, uint8_t cause) {
  cordboard_flow_types_reject_cause_t of = {cause};
  DO(reject, &of);
}
cb_status cb_redirect(cb_contact *contact, const char *target) {
  cb_str to = cb_text_of(target);
  DO(redirect, &to);
}

static char *number_of(cordboard_flow_types_address_t *address) {
  char *number = optional(address->number);
  address->number.is_some = false;
  cordboard_flow_types_address_free(address);
  return number;
}
char *cb_id(cb_contact *contact) {
  cb_str id;
  METHOD(id)(contact->handle, &id);
  return cb_taken(id);
}
char *cb_origin_number(cb_contact *contact) {
  cordboard_flow_types_address_t address;
  METHOD(origin)(contact->handle, &address);
  return number_of(&address);
}
char *cb_dialled_number(cb_contact *contact) {
  cordboard_flow_types_address_t address;
  METHOD(dialled)(contact->handle, &address);
  return number_of(&address);
}
char *cb_get(cb_contact *contact, const char *name) {
  cb_str of = cb_text_of(name), value;
  return METHOD(attribute)(contact->handle, &of, &value) ? cb_taken(value) : NULL;
}
cb_status cb_set(cb_contact *contact, const char *name, const char *value) {
  cb_str of = cb_text_of(name), to = cb_text_of(value);
  DO(set_attribute, &of, &to);
}

#define MAX_CHOICES 32
#define MAX_WORDS 16
#define MAX_PARTS 64

static cb_status ask(cb_contact *contact, const cb_question *question, const char *before, bool afresh, cb_reply *reply) {
  cordboard_flow_types_choice_t choices[MAX_CHOICES];
  cb_str words[MAX_CHOICES][MAX_WORDS];
  cb_part parts[MAX_PARTS + 1];
  size_t count = 0, said = 0;
  for (const cb_choice *one = question->choices; one && one->id; one++, count++) {
    if (count == MAX_CHOICES) return refused(contact, "more than 32 choices");
    size_t spoken = 0;
    for (; spoken < MAX_WORDS && one->words[spoken]; spoken++) words[count][spoken] = cb_text_of(one->words[spoken]);
    choices[count] = (cordboard_flow_types_choice_t){
        .id = cb_text_of(one->id),
        .key = {one->key != NULL, cb_text_of(one->key)},
        .words = {words[count], spoken},
    };
  }
  if (before) parts[said++] = cb_text(before);
  if (question->prompt.len > MAX_PARTS) return refused(contact, "more than 64 parts of a prompt");
  memcpy(parts + said, question->prompt.ptr, question->prompt.len * sizeof(cb_part));
  cordboard_flow_types_question_t asked = {
      .id = cb_text_of(question->id),
      .prompt = {parts, said + question->prompt.len},
      .choices = {choices, count},
      .digits = {question->max_digits > 0,
                 {question->min_digits ? question->min_digits : 1, question->max_digits, {true, cb_text_of("#")}}},
      .silence_timeout_ms = question->silence_ms ? question->silence_ms : 5000,
      .key_timeout_ms = question->between_keys_ms ? question->between_keys_ms : 3000,
      .type_ahead = {question->afresh || afresh ? CASE(TYPE_AHEAD, FLUSH) : CASE(TYPE_AHEAD, KEEP)},
      .secret = question->secret,
  };
  cordboard_flow_types_answer_t answer;
  cordboard_flow_types_contact_error_t error;
  if (!METHOD(ask)(contact->handle, &asked, &answer, &error)) return failed(contact, &error);
  *reply = (cb_reply){answer.tag, answer.tag == CASE(ANSWER, SILENCE) ? NULL : cb_taken(answer.val.choice)};
  return CB_OK;
}

cb_status cb_ask(cb_contact *contact, const cb_question *question, cb_reply *reply) {
  return ask(contact, question, NULL, false, reply);
}

cb_status cb_insist(cb_contact *contact, const cb_question *question, int times, char **answer) {
  const char *before = NULL;
  bool afresh = false;
  *answer = NULL;
  for (int time = 0; time < times; time++) {
    cb_reply reply;
    CB_TRY(ask(contact, question, before, afresh, &reply));
    switch (reply.tag) {
      case CASE(ANSWER, CHOICE):
      case CASE(ANSWER, DIGITS): *answer = reply.value; return CB_OK;
      case CASE(ANSWER, SILENCE): before = "Are you still there?"; break;
      default:
        free(reply.value);
        // Whoever is lost starts afresh: what else was typed meant something else.
        before = "Sorry, I did not understand that.";
        afresh = true;
    }
  }
  return CB_OK;
}

cb_status cb_lookup(cb_contact *contact, const char *directory, const char *kind, const char *value, uint32_t within_ms,
                    bool *found, cb_profile *profile) {
  cordboard_flow_types_lookup_key_t key = {{directory != NULL, cb_text_of(directory)}, cb_text_of(kind), cb_text_of(value)};
  cordboard_flow_conversation_option_profile_t answer;
  cordboard_flow_types_lookup_error_t error;
  *found = false;
  if (METHOD(lookup)(contact->handle, &key, within_ms, &answer, &error)) {
    if (!answer.is_some) return CB_OK;
    *found = true;
    cordboard_flow_types_list_attribute_t fields = answer.val.fields;
    *profile = (cb_profile){cb_taken(answer.val.id), optional(answer.val.display_name), NULL, fields.len};
    if (fields.len) profile->fields = cb_memory(NULL, fields.len * sizeof *profile->fields);
    for (size_t at = 0; at < fields.len; at++) {
      profile->fields[at] = (cb_field_of){cb_taken(fields.ptr[at].name), cb_taken(fields.ptr[at].value)};
    }
    if (fields.len) free(fields.ptr);
    return CB_OK;
  }
  *contact->error = 0;
  switch (error.tag) {
    case CASE(LOOKUP_ERROR, TIMEOUT): return CB_TIMEOUT;
    case CASE(LOOKUP_ERROR, BUSY): return CB_BUSY;
    case CASE(LOOKUP_ERROR, ENDED): return CB_ENDED;
  }
  note(contact, error.val.other);
  switch (error.tag) {
    case CASE(LOOKUP_ERROR, UNAVAILABLE): return CB_UNAVAILABLE;
    case CASE(LOOKUP_ERROR, UNSUPPORTED): return CB_UNSUPPORTED;
    case CASE(LOOKUP_ERROR, INVALID): return CB_INVALID;
  }
  return CB_OTHER;
}

const char *cb_field(const cb_profile *profile, const char *name) {
  for (size_t at = 0; at < profile->field_count; at++) {
    if (strcmp(profile->fields[at].name, name) == 0) return profile->fields[at].value;
  }
  return NULL;
}
void cb_profile_free(cb_profile *profile) {
  for (size_t at = 0; at < profile->field_count; at++) {
    free(profile->fields[at].name);
    free(profile->fields[at].value);
  }
  free(profile->fields);
  free(profile->id);
  free(profile->display_name);
  *profile = (cb_profile){0};
}
bool cb_field_money(const cb_profile *profile, const char *name, const char *currency, cb_part *part) {
  const char *text = cb_field(profile, name), *of = cb_field(profile, "currency");
  char *end = NULL;
  long long minor = text ? strtoll(text, &end, 10) : 0;
  if (!text || end == text || *end) return false;
  *part = cb_money(minor, of ? of : currency);
  return true;
}
bool cb_field_date(const cb_profile *profile, const char *name, cb_part *part) {
  const char *text = cb_field(profile, name);
  int year, month, day, read = 0;
  if (!text || sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &read) != 3 || text[read]) return false;
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31) return false;
  *part = cb_date(year, month, day);
  return true;
}

#define MAX_HEADERS 32
#define MAX_WANTS 16

static cb_status fetch_failed(cb_contact *contact, const cordboard_flow_types_fetch_error_t *error) {
  *contact->error = 0;
  switch (error->tag) {
    case CASE(FETCH_ERROR, TIMEOUT): return CB_TIMEOUT;
    case CASE(FETCH_ERROR, BUSY): return CB_BUSY;
    case CASE(FETCH_ERROR, NOT_GRANTED): return CB_NOT_GRANTED;
    case CASE(FETCH_ERROR, TOO_LARGE): return CB_TOO_LARGE;
    case CASE(FETCH_ERROR, UNKNOWN_OUTCOME): return CB_UNKNOWN_OUTCOME;
    case CASE(FETCH_ERROR, ENDED): return CB_ENDED;
  }
  note(contact, error->val.other);
  switch (error->tag) {
    case CASE(FETCH_ERROR, UNAVAILABLE): return CB_UNAVAILABLE;
    case CASE(FETCH_ERROR, INVALID): return CB_INVALID;
  }
  return CB_OTHER;
}

static cordboard_flow_types_method_t method_of(const char *name) {
  static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
  for (uint8_t at = 0; at < sizeof names / sizeof *names; at++) {
    if (strcmp(names[at], name) == 0) return (cordboard_flow_types_method_t){.tag = at};
  }
  return (cordboard_flow_types_method_t){.tag = CASE(METHOD, OTHER), .val.other = cb_text_of(name)};
}

cb_status cb_fetch(cb_contact *contact, const cb_request *request, cb_response *response) {
  cordboard_flow_types_request_header_t headers[MAX_HEADERS];
  cb_str wants[MAX_WANTS];
  size_t count = 0, wanted = 0;
  *response = (cb_response){0};
  for (const cb_header *one = request->headers; one && one->name; one++) {
    if (count == MAX_HEADERS) return refused(contact, "more than 32 headers");
    cordboard_flow_types_request_header_t *header = &headers[count++];
    header->name = cb_text_of(one->name);
    if (one->config) {
      header->value.tag = CASE(HEADER_VALUE, CONFIG);
      header->value.val.config.prefix = cb_text_of(one->value);
      header->value.val.config.key = cb_text_of(one->config);
    } else {
      header->value.tag = CASE(HEADER_VALUE, TEXT);
      header->value.val.text = cb_text_of(one->value);
    }
  }
  for (; request->wants && request->wants[wanted]; wanted++) {
    if (wanted == MAX_WANTS) return refused(contact, "more than 16 wanted headers");
    wants[wanted] = cb_text_of(request->wants[wanted]);
  }
  size_t length = request->body ? request->length ? request->length : strlen(request->body) : 0;
  cordboard_flow_types_fetch_request_t sent = {
      .method = method_of(request->method ? request->method : "GET"),
      .url = cb_text_of(request->url),
      .headers = {headers, count},
      .body = {request->body != NULL, {(uint8_t *)request->body, length}},
      .wanted_headers = {wants, wanted},
  };
  cordboard_flow_types_fetch_response_t got;
  cordboard_flow_types_fetch_error_t error;
  if (!METHOD(fetch)(contact->handle, &sent, request->within_ms ? request->within_ms : 3000, &got, &error)) {
    return fetch_failed(contact, &error);
  }
  response->status = got.status;
  response->length = got.body.len;
  response->body = cb_taken((cb_str){got.body.ptr, got.body.len});
  response->header_count = got.headers.len;
  if (got.headers.len) response->headers = cb_memory(NULL, got.headers.len * sizeof *response->headers);
  for (size_t at = 0; at < got.headers.len; at++) {
    response->headers[at] = (cb_field_of){cb_taken(got.headers.ptr[at].name), cb_taken(got.headers.ptr[at].value)};
  }
  if (got.headers.len) free(got.headers.ptr);
  return CB_OK;
}
const char *cb_header_of(const cb_response *response, const char *name) {
  for (size_t at = 0; at < response->header_count; at++) {
    if (strcmp(response->headers[at].name, name) == 0) return response->headers[at].value;
  }
  return NULL;
}
void cb_response_free(cb_response *response) {
  for (size_t at = 0; at < response->header_count; at++) {
    free(response->headers[at].name);
    free(response->headers[at].value);
  }
  free(response->headers);
  free(response->body);
  *response = (cb_response){0};
}

static cb_status value_failed(cb_contact *contact, const cordboard_flow_types_value_error_t *error) {
  *contact->error = 0;
  switch (error->tag) {
    case CASE(VALUE_ERROR, QUOTA): return CB_QUOTA;
    case CASE(VALUE_ERROR, NOT_GRANTED): return CB_NOT_GRANTED;
  }
  note(contact, error->val.other);
  switch (error->tag) {
    case CASE(VALUE_ERROR, UNAVAILABLE): return CB_UNAVAILABLE;
    case CASE(VALUE_ERROR, INVALID): return CB_INVALID;
  }
  return CB_OTHER;
}
cb_status cb_load(cb_contact *contact, const char *key, char **value) {
  cb_str of = cb_text_of(key);
  cb_option_str found;
  cordboard_flow_types_value_error_t error;
  *value = NULL;
  if (!METHOD(load)(contact->handle, &of, &found, &error)) return value_failed(contact, &error);
  *value = optional(found);
  return CB_OK;
}
cb_status cb_store(cb_contact *contact, const char *key, const char *value) {
  cb_str of = cb_text_of(key), to = cb_text_of(value);
  cordboard_flow_types_value_error_t error;
  return METHOD(store)(contact->handle, &of, value ? &to : NULL, &error) ? CB_OK : value_failed(contact, &error);
}

cb_status cb_choose(cb_contact *contact, const char *name, const uint32_t *weights, size_t count, uint32_t *drawn) {
  cb_str of = cb_text_of(name);
  flow_list_u32_t all = {(uint32_t *)weights, count};
  DO(choose, &of, &all, drawn);
}

#define MAX_ATTRIBUTES 256

cb_status cb_continue_as(cb_contact *contact, const char *deployment, const cb_attribute *attributes) {
  cordboard_flow_types_attribute_t set[MAX_ATTRIBUTES];
  size_t count = 0;
  for (const cb_attribute *one = attributes; one && one->name; one++) {
    if (count == MAX_ATTRIBUTES) return refused(contact, "more than 256 attributes");
    set[count++] = (cordboard_flow_types_attribute_t){cb_text_of(one->name), cb_text_of(one->value)};
  }
  cb_str to = cb_text_of(deployment);
  cordboard_flow_conversation_list_attribute_t all = {set, count};
  DO(continue_as, &to, &all);
}
void cb_hang_up(cb_contact *contact, cb_end reason) {
  cordboard_flow_types_end_reason_t why = {.tag = reason.tag, .val.other = cb_text_of(reason.why)};
  METHOD(end)(contact->handle, &why);
}

#define MAX_SKILLS 16

cb_status cb_enqueue_for(cb_contact *contact, const cb_queue *queue, cb_place *place) {
  cordboard_flow_types_skill_requirement_t skills[MAX_SKILLS];
  size_t count = 0;
  *place = (cb_place){.contact = contact, .over = true};
  for (const cb_skill *one = queue->skills; one && one->name; one++) {
    if (count == MAX_SKILLS) return refused(contact, "more than 16 skills");
    skills[count++] = (cordboard_flow_types_skill_requirement_t){cb_text_of(one->name), one->min_level};
  }
  cordboard_flow_types_queue_request_t request = {cb_text_of(queue->name), queue->priority, {skills, count}};
  cordboard_flow_types_contact_error_t error;
  if (!METHOD(enqueue)(contact->handle, &request, &place->handle, &error)) return failed(contact, &error);
  place->over = false;
  return CB_OK;
}
cb_status cb_enqueue(cb_contact *contact, const char *queue, int priority, cb_place *place) {
  cb_queue of = {.name = queue, .priority = priority};
  return cb_enqueue_for(contact, &of, place);
}
cb_status cb_wait(cb_place *place, uint32_t ms, cordboard_flow_types_wait_status_t *status) {
  cordboard_flow_conversation_borrow_waiting_t handle = cordboard_flow_conversation_borrow_waiting(place->handle);
  cordboard_flow_types_treatment_t treatment = {
      .music = {place->music != NULL, cb_text_of(place->music)},
      .announce_position_every_ms = place->announce_ms,
  };
  cordboard_flow_types_contact_error_t error;
  bool went = place->announce_ms || place->music
                  ? cordboard_flow_conversation_method_waiting_wait_with(handle, &treatment, ms, status, &error)
                  : cordboard_flow_conversation_method_waiting_wait(handle, ms, status, &error);
  cb_status ended = went ? CB_OK : failed(place->contact, &error);
  place->over = went ? status->tag != CASE(WAIT_STATUS, STILL_WAITING) : ended <= CB_TAKEN_OVER;
  return ended;
}
cb_status cb_say_waiting(cb_place *place, const char *text) {
  cb_status said = cb_say(place->contact, text);
  if (said == CB_CONNECTED) return CB_OK;
  if (said == CB_ENDED || said == CB_TAKEN_OVER) place->over = true;
  return said;
}
void cb_leave(cb_place *place) {
  if (!place->over) {
    place->over = true;
    cordboard_flow_conversation_method_waiting_leave(cordboard_flow_conversation_borrow_waiting(place->handle));
  }
  if (place->handle.__handle) cordboard_flow_conversation_waiting_drop_own(place->handle);
  place->handle.__handle = 0;
}

static const char *const NAMES[] = {
    "ok",      "ended", "taken over",  "connected",   "out of bounds", "not now",     "limit reached",
    "timeout", "busy",  "unavailable", "unsupported", "quota",         "not granted", "too large",
    "outcome unknown",  "failed",
};

bool exports_cordboard_flow_guest_run(exports_cordboard_flow_guest_own_contact_t raw,
                                      exports_cordboard_flow_guest_end_reason_t *ret, flow_string_t *err) {
  static cb_contact contact;
  contact.handle = cordboard_flow_conversation_borrow_contact(raw);
  cb_end end = {CASE(END_REASON, COMPLETED), NULL};
  cb_status status = cb_flow(&contact, &end);
  if (status == CB_ENDED) end = (cb_end){CASE(END_REASON, OTHER), "hung-up"};
  if (status == CB_TAKEN_OVER) end = (cb_end){CASE(END_REASON, OTHER), "taken-over"};
  if (status > CB_TAKEN_OVER) {
    char text[sizeof contact.error + 32];
    cb_format(text, sizeof text, "%s%s%s", NAMES[status], *contact.error ? ": " : "", contact.error);
    *err = cb_copy_of(text);
  } else {
    ret->tag = end.tag;
    if (end.tag != CASE(END_REASON, COMPLETED)) ret->val.other = cb_copy_of(end.why ? end.why : "");
  }
  cordboard_flow_conversation_contact_drop_own(raw);
  return status <= CB_TAKEN_OVER;
}
