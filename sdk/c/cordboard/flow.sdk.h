// Flows: a conversation with one person, as straight-line code. Define `cb_flow`; it is the plugin.
//
// A call that waits, for a prompt to end or a key to be pressed, waits. Calls return a `cb_status`; `CB_TRY(call)` returns from
// the function with one that isn't CB_OK. Durations are in milliseconds. Texts are of UTF-8; the host ends a flow that hands it
// anything else. `flow.h` has the contract itself, and its documentation.
//
// Memory. What is passed stays the caller's. What is given as `char *` is the caller's to `free`, a profile and a response have
// functions for it; what is given as `const char *` is not freed. Each conversation has an instance of its own, whose memory goes
// with it: a flow may leave to that what it needs to its end, and frees what a loop goes through again and again.
#ifndef CORDBOARD_FLOW_SDK_H
#define CORDBOARD_FLOW_SDK_H

#include "flow.h"
#define CB_WORLD flow
#include "common.inc.h"

/// How a call went.
typedef enum cb_status {
  CB_OK,
  /// The person is gone: returned by `cb_flow`, it is an end like any other.
  CB_ENDED,
  /// A supervisor has taken the contact over.
  CB_TAKEN_OVER,
  /// What was being said was cut, since an agent answered: the next wait returns when the talk is over.
  CB_CONNECTED,
  CB_INVALID,
  CB_NOT_NOW,
  CB_LIMIT,
  // Of look-ups, requests and stored values.
  CB_TIMEOUT,
  CB_BUSY,
  CB_UNAVAILABLE,
  CB_UNSUPPORTED,
  CB_QUOTA,
  CB_NOT_GRANTED,
  CB_TOO_LARGE,
  /// A request that acts was sent, and whether it was done is unknown. So it is with CB_TIMEOUT and CB_TOO_LARGE.
  CB_UNKNOWN_OUTCOME,
  CB_OTHER,
} cb_status;

/// Returns from the function unless the call went well.
#define CB_TRY(call)                             \
  do {                                           \
    cb_status cb_tried = (call);                 \
    if (cb_tried != CB_OK) return cb_tried;      \
  } while (0)

/// The conversation with one person.
typedef struct cb_contact {
  cordboard_flow_conversation_borrow_contact_t handle;
  /// What the host said to the latest call that failed, for the log; at most 255 bytes of it.
  char error[256];
} cb_contact;

/// How a flow ends.
typedef struct cb_end {
  /// CORDBOARD_FLOW_TYPES_END_REASON_...; COMPLETED if nothing is said.
  uint8_t tag;
  const char *why;
} cb_end;

/// The plugin, to be defined: the conversation from its beginning to its end. CB_ENDED and CB_TAKEN_OVER are ends like any
/// other; with any other status but CB_OK the person is handed over to the safe flow.
cb_status cb_flow(cb_contact *contact, cb_end *end);

/// A piece of what is said.
typedef cordboard_flow_types_prompt_part_t cb_part;
cb_part cb_text(const char *text);
/// An amount in minor units: `cb_money(1234, "EUR")` is 12.34 euros.
cb_part cb_money(int64_t minor, const char *currency);
cb_part cb_date(int year, int month, int day);
cb_part cb_number(int64_t number);
/// Characters said one by one: "one, zero, five".
cb_part cb_digits(const char *digits);
cb_part cb_recording(const char *name);
cb_part cb_silence(uint32_t ms);

/// What is said: `CB_PROMPT(cb_text("Your balance is"), cb_money(1234, "EUR"))`.
typedef cordboard_flow_types_prompt_t cb_prompt;
#define CB_PROMPT(...)                                                                                   \
  ((cb_prompt){(cb_part[]){__VA_ARGS__}, sizeof((cb_part[]){__VA_ARGS__}) / sizeof(cb_part)})

cb_status cb_say(cb_contact *contact, const char *text);
cb_status cb_say_prompt(cb_contact *contact, cb_prompt prompt);
/// Begins to say something and returns. Whatever is said next cuts it.
cb_status cb_start_playing(cb_contact *contact, cb_prompt prompt, bool repeat);
cb_status cb_stop_playing(cb_contact *contact);
cb_status cb_ring(cb_contact *contact);
cb_status cb_answer(cb_contact *contact);
/// Refuses the contact unanswered: CORDBOARD_FLOW_TYPES_REJECT_CAUSE_...
cb_status cb_reject(cb_contact *contact, uint8_t cause);
cb_status cb_redirect(cb_contact *contact, const char *target);
cb_status cb_pause(cb_contact *contact, uint32_t ms);

/// The contact's identifier: the same in records, events and logs.
char *cb_id(cb_contact *contact);
/// Who the contact comes from: a telephone number, or NULL.
char *cb_origin_number(cb_contact *contact);
/// What the person dialled, or NULL.
char *cb_dialled_number(cb_contact *contact);
/// A named value kept with the contact, or NULL.
char *cb_get(cb_contact *contact, const char *name);
cb_status cb_set(cb_contact *contact, const char *name, const char *value);

/// Something that can be chosen.
typedef struct cb_choice {
  /// The answer, and what later versions must keep.
  const char *id;
  const char *key;
  /// Words that choose it, with NULL at their end; at most 16.
  const char *words[17];
} cb_choice;

/// A question: choices with one without an id at their end, or digits.
typedef struct cb_question {
  /// Names it in records and journals.
  const char *id;
  cb_prompt prompt;
  const cb_choice *choices;
  /// At most so many digits; 0: none are asked for.
  uint8_t max_digits;
  uint8_t min_digits;
  /// 5,000 and 3,000 if nothing is said.
  uint32_t silence_ms;
  uint32_t between_keys_ms;
  /// Keys that were pressed before don't count.
  bool afresh;
  /// What is typed is personal: it is kept in memory only.
  bool secret;
} cb_question;

/// What the person answered. `value`: the choice's id, the digits, the text, the keys; NULL for silence.
typedef struct cb_reply {
  /// CORDBOARD_FLOW_TYPES_ANSWER_...
  uint8_t tag;
  char *value;
} cb_reply;

/// Asks once and waits for an answer.
cb_status cb_ask(cb_contact *contact, const cb_question *question, cb_reply *reply);
/// Asks up to `times` until the answer is a choice (its id) or digits; NULL: there was no such answer.
cb_status cb_insist(cb_contact *contact, const cb_question *question, int times, char **answer);

/// A name with its value.
typedef struct cb_field_of {
  char *name, *value;
} cb_field_of;

/// What a directory knows of a person.
typedef struct cb_profile {
  char *id;
  /// Or NULL.
  char *display_name;
  cb_field_of *fields;
  size_t field_count;
} cb_profile;

/// Asks a directory (NULL: the tenant's default) who the person is. `found` is false where the person is unknown.
cb_status cb_lookup(cb_contact *contact, const char *directory, const char *kind, const char *value, uint32_t within_ms,
                    bool *found, cb_profile *profile);
/// Frees what a profile holds.
void cb_profile_free(cb_profile *profile);
/// A field of a profile, or NULL. It lives as long as the profile, and so do the next two.
const char *cb_field(const cb_profile *profile, const char *name);
/// A field that holds an amount in minor units, in the currency of the field `currency` or in `currency`.
bool cb_field_money(const cb_profile *profile, const char *name, const char *currency, cb_part *part);
/// A field that holds a date, as `2026-12-24`.
bool cb_field_date(const cb_profile *profile, const char *name, cb_part *part);

/// A header of a request, in a list with one without a name at its end.
typedef struct cb_header {
  const char *name;
  /// With `config`: what stands before its value, or NULL.
  const char *value;
  /// A key of the configuration, whose value is sent and written down nowhere. `authorization` and `cookie` are always so.
  const char *config;
} cb_header;

/// A request to a back-end. All of it is in the contact's journal, but for values of the configuration.
typedef struct cb_request {
  const char *url;
  /// GET if nothing is said.
  const char *method;
  const cb_header *headers;
  /// Or NULL; of `length` bytes, or up to a zero where that is 0.
  const char *body;
  size_t length;
  /// The headers of the response to be kept, in lower case, with NULL at their end.
  const char *const *wants;
  /// How long the whole response may take: 3,000 if nothing is said.
  uint32_t within_ms;
} cb_request;

/// What a back-end answered: a status of 404 or 500 is a response, and CB_OK.
typedef struct cb_response {
  int status;
  /// With a zero after its `length` bytes.
  char *body;
  size_t length;
  cb_field_of *headers;
  size_t header_count;
} cb_response;

/// Sends a request, where the manifest wants and the operator grants, and waits for the response. Redirects are not followed.
cb_status cb_fetch(cb_contact *contact, const cb_request *request, cb_response *response);
/// A header of a response that was wanted, by its name in lower case; NULL if there is none.
const char *cb_header_of(const cb_response *response, const char *name);
/// Frees what a response holds.
void cb_response_free(cb_response *response);

/// Reads a value that this plugin stored for the tenant; NULL if there is none.
cb_status cb_load(cb_contact *contact, const char *key, char **value);
/// Stores a value for the tenant, or removes it (NULL).
cb_status cb_store(cb_contact *contact, const char *key, const char *value);

/// Draws one of these weights, the same one whenever the contact is replayed: its index.
cb_status cb_choose(cb_contact *contact, const char *name, const uint32_t *weights, size_t count, uint32_t *drawn);

/// A named value.
typedef struct cb_attribute {
  const char *name, *value;
} cb_attribute;

/// Ends this flow, and starts the flow of another deployment with these attributes set: a list with one without a name at its
/// end, or NULL. It returns only if it fails.
cb_status cb_continue_as(cb_contact *contact, const char *deployment, const cb_attribute *attributes);
/// Closes the person's side; what follows has five seconds to tidy up.
void cb_hang_up(cb_contact *contact, cb_end reason);

/// A skill the agent must have, at least at this level of 1 to 10.
typedef struct cb_skill {
  const char *name;
  uint8_t min_level;
} cb_skill;

/// What to wait for.
typedef struct cb_queue {
  const char *name;
  /// Higher is served first: -1000 to 1000.
  int priority;
  /// At most 16, with one without a name at their end; or NULL.
  const cb_skill *skills;
} cb_queue;

/// A place in a queue.
typedef struct cb_place {
  cb_contact *contact;
  cordboard_flow_conversation_own_waiting_t handle;
  /// A recording that is played meanwhile; NULL: the queue's music.
  const char *music;
  /// The host says the position so often. 0: never.
  uint32_t announce_ms;
  bool over;
} cb_place;

/// Takes a place in a queue; higher priority is served first. It doesn't answer by itself.
cb_status cb_enqueue(cb_contact *contact, const char *queue, int priority, cb_place *place);
/// The same, for an agent with these skills.
cb_status cb_enqueue_for(cb_contact *contact, const cb_queue *queue, cb_place *place);
/// Waits for an agent. `status->tag`: CORDBOARD_FLOW_TYPES_WAIT_STATUS_... The time bounds the waiting, not the talk. What the
/// status holds is freed with `cordboard_flow_types_wait_status_free`.
cb_status cb_wait(cb_place *place, uint32_t ms, cordboard_flow_types_wait_status_t *status);
/// Says something meanwhile. That an agent answers is CB_OK: the next wait returns after the talk.
cb_status cb_say_waiting(cb_place *place, const char *text);
/// Gives up the place, unless the talk has been or the person is gone, and what is held of it.
void cb_leave(cb_place *place);

#endif
