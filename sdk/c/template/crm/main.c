// {{name}}: asks a JSON back-end who a person is.
#include "crm.sdk.h"

/// A member of the back-end's object: `id`, `name`, and whatever else is a text or a number as a field.
static void member(void *profile, const char *name, const char *value) {
  if (strcmp(name, "id") == 0) {
    cb_profile_id(profile, value);
  } else if (strcmp(name, "name") == 0) {
    cb_profile_name(profile, value);
  } else {
    cb_profile_field(profile, name, value);
  }
}

static cb_found read_answer(const cb_response *response, cb_profile *profile, const char **why) {
  if (response->status == 404) return CB_NOBODY;
  if (response->status != 200) {
    *why = "the back-end answered with an error";
    return CB_UNAVAILABLE;
  }
  if (!cb_json_members(response->body, member, profile)) {
    *why = "the back-end's answer is no JSON object";
    return CB_UNAVAILABLE;
  }
  return CB_FOUND;
}

cb_found cb_lookup(const char *kind, const char *value, uint32_t within_ms, cb_profile *profile, const char **why) {
  const char *base = cb_config("base-url", NULL), *path;
  if (!base) {
    *why = "base-url is not set";
    return CB_MISCONFIGURED;
  }
  if (strcmp(kind, "phone") == 0) {
    path = "customers/by-phone/";
  } else if (strcmp(kind, "account") == 0) {
    path = "customers/";
  } else {
    *why = kind;
    return CB_UNSUPPORTED;
  }
  char url[2048], *key = cb_url_encode(value);
  const char *slash = base[0] && base[strlen(base) - 1] == '/' ? "" : "/";
  int length = snprintf(url, sizeof url, "%s%s%s%s", base, slash, path, key);
  free(key);
  if (length < 0 || (size_t)length >= sizeof url) {
    *why = "the URL is too long";
    return CB_UNAVAILABLE;
  }
  cb_response response;
  const char *wrong = cb_http_get(url, within_ms, &response);
  cb_found found = CB_UNAVAILABLE;
  if (wrong) {
    *why = wrong;
  } else {
    found = read_answer(&response, profile, why);
  }
  free(response.body);
  return found;
}
