// Directories: who is this person? Define `cb_lookup`; it may ask a back-end with `cb_http_get`.
//
// An instance serves many look-ups, one after the other: what is allocated and not returned must be freed. `crm.h` has the
// contract itself.
#ifndef CORDBOARD_CRM_SDK_H
#define CORDBOARD_CRM_SDK_H

#include "crm.h"
#define CB_WORLD crm
#include "common.inc.h"

/// How a look-up ends.
typedef enum cb_found {
  CB_FOUND,
  /// Nobody has this key.
  CB_NOBODY,
  /// This kind of key means nothing here.
  CB_UNSUPPORTED,
  /// The back-end gave no usable answer.
  CB_UNAVAILABLE,
  /// The configuration is wrong.
  CB_MISCONFIGURED,
} cb_found;

/// What is found; texts are copied into it.
typedef struct cb_profile cb_profile;
void cb_profile_id(cb_profile *profile, const char *id);
void cb_profile_name(cb_profile *profile, const char *name);
/// A field, at most 512 of them; more are left out.
void cb_profile_field(cb_profile *profile, const char *name, const char *value);

/// To be defined: who has this key, within so many milliseconds. `why` is told where nothing is found; it isn't freed.
cb_found cb_lookup(const char *kind, const char *value, uint32_t within_ms, cb_profile *profile, const char **why);

/// A response; `body` ends with a zero and is to be freed.
typedef struct cb_response {
  int status;
  char *body;
  size_t length;
} cb_response;

/// Asks for a URL and waits for the whole answer of at most 1 MiB. NULL, or why there is none: a text that isn't freed. Places
/// that the manifest doesn't want or the operator doesn't grant are refused.
const char *cb_http_get(const char *url, uint32_t within_ms, cb_response *response);
/// A text for a part of a path or query, percent-encoded; to be freed.
char *cb_url_encode(const char *text);

/// Goes through the members of a JSON object: calls `each` with those that are texts or numbers, as texts. False: it is none.
bool cb_json_members(const char *json, void (*each)(void *context, const char *name, const char *value), void *context);

#endif
