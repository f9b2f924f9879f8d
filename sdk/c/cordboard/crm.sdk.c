#include "crm.sdk.h"

#define MAX_FIELDS 512
#define MAX_BODY_BYTES (1 << 20)

struct cb_profile {
  exports_cordboard_crm_guest_profile_t found;
};

void cb_profile_id(cb_profile *profile, const char *id) {
  if (!profile->found.id.ptr) profile->found.id = cb_copy_of(id);
}
void cb_profile_name(cb_profile *profile, const char *name) {
  if (profile->found.display_name.is_some) return;
  profile->found.display_name = (cb_option_str){true, cb_copy_of(name)};
}
void cb_profile_field(cb_profile *profile, const char *name, const char *value) {
  cordboard_crm_types_list_field_t *fields = &profile->found.fields;
  if (fields->len == MAX_FIELDS) return;
  fields->ptr = cb_memory(fields->ptr, (fields->len + 1) * sizeof *fields->ptr);
  fields->ptr[fields->len].name = cb_copy_of(name);
  fields->ptr[fields->len++].value = cb_copy_of(value);
}

bool exports_cordboard_crm_guest_lookup(exports_cordboard_crm_guest_key_t *key, uint32_t timeout_ms,
                                        exports_cordboard_crm_guest_option_profile_t *ret,
                                        exports_cordboard_crm_guest_lookup_error_t *err) {
  cb_profile profile = {0};
  const char *why = "";
  char *kind = cb_string(key->kind), *value = cb_string(key->value);
  cb_found found = cb_lookup(kind, value, timeout_ms, &profile, &why);
  ret->is_some = found == CB_FOUND && profile.found.id.ptr;
  if (ret->is_some) ret->val = profile.found;
  else exports_cordboard_crm_guest_profile_free(&profile.found);
  switch (found) {
    case CB_FOUND:
    case CB_NOBODY: break;
    case CB_UNSUPPORTED: err->tag = CORDBOARD_CRM_TYPES_LOOKUP_ERROR_UNSUPPORTED; break;
    case CB_MISCONFIGURED: err->tag = CORDBOARD_CRM_TYPES_LOOKUP_ERROR_MISCONFIGURED; break;
    default: err->tag = CORDBOARD_CRM_TYPES_LOOKUP_ERROR_UNAVAILABLE;
  }
  if (found > CB_NOBODY) err->val.other = cb_copy_of(why);
  free(kind);
  free(value);
  exports_cordboard_crm_guest_key_free(key);
  return found <= CB_NOBODY;
}

char *cb_url_encode(const char *text) {
  char *encoded = cb_memory(NULL, 3 * strlen(text) + 1), *at = encoded;
  for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
    bool plain = (*byte >= '0' && *byte <= '9') || (*byte >= 'a' && *byte <= 'z') || (*byte >= 'A' && *byte <= 'Z');
    if (plain || strchr("-._~", *byte)) *at++ = (char)*byte;
    else at += sprintf(at, "%%%02X", *byte);
  }
  *at = 0;
  return encoded;
}

static const char *refused(wasi_http_types_error_code_t *code) {
  uint8_t tag = code->tag;
  wasi_http_types_error_code_free(code);
  switch (tag) {
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_DENIED:
    case WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_IP_PROHIBITED:
      return "the back-end's place is not wanted by the manifest or not granted";
    case WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_READ_TIMEOUT: return "no answer from the back-end in time";
  }
  return "the back-end can't be asked";
}

// Waits for either; whether the first is ready.
static bool ready(wasi_io_poll_own_pollable_t one, wasi_io_poll_own_pollable_t deadline) {
  wasi_io_poll_borrow_pollable_t both[] = {wasi_io_poll_borrow_pollable(one), wasi_io_poll_borrow_pollable(deadline)};
  wasi_io_poll_list_borrow_pollable_t list = {both, 2};
  crm_list_u32_t which;
  wasi_io_poll_poll(&list, &which);
  crm_list_u32_free(&which);
  return wasi_io_poll_method_pollable_ready(wasi_io_poll_borrow_pollable(one));
}

static const char *read_body(wasi_http_types_own_incoming_response_t from, wasi_io_poll_own_pollable_t deadline,
                             cb_response *response) {
  wasi_http_types_own_incoming_body_t body;
  wasi_http_types_own_input_stream_t stream;
  if (!wasi_http_types_method_incoming_response_consume(wasi_http_types_borrow_incoming_response(from), &body)) {
    return "the host gave no body";
  }
  const char *wrong = "the host gave no body";
  if (wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(body), &stream)) {
    wasi_io_streams_borrow_input_stream_t held = wasi_io_streams_borrow_input_stream(stream);
    wasi_io_poll_own_pollable_t more = wasi_io_streams_method_input_stream_subscribe(held);
    for (;;) {
      crm_list_u8_t chunk;
      wasi_io_streams_stream_error_t error;
      if (!ready(more, deadline)) {
        wrong = "no answer from the back-end in time";
        break;
      }
      if (!wasi_io_streams_method_input_stream_read(held, 64 * 1024, &chunk, &error)) {
        wrong = error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED ? NULL : "the back-end's answer broke off";
        wasi_io_streams_stream_error_free(&error);
        break;
      }
      response->body = cb_memory(response->body, response->length + chunk.len + 1);
      memcpy(response->body + response->length, chunk.ptr, chunk.len);
      response->length += chunk.len;
      response->body[response->length] = 0;
      crm_list_u8_free(&chunk);
      if (response->length > MAX_BODY_BYTES) {
        wrong = "the back-end's answer is too long";
        break;
      }
    }
    wasi_io_poll_pollable_drop_own(more);
    wasi_io_streams_input_stream_drop_own(stream);
  }
  wasi_http_types_incoming_body_drop_own(body);
  return wrong;
}

static const char *exchange(wasi_http_types_own_outgoing_request_t request, uint64_t ns, cb_response *response) {
  wasi_http_types_own_request_options_t options = wasi_http_types_constructor_request_options();
  wasi_http_types_borrow_request_options_t set = wasi_http_types_borrow_request_options(options);
  wasi_http_types_method_request_options_set_connect_timeout(set, &ns);
  wasi_http_types_method_request_options_set_first_byte_timeout(set, &ns);
  wasi_http_types_method_request_options_set_between_bytes_timeout(set, &ns);
  wasi_http_outgoing_handler_own_future_incoming_response_t future;
  wasi_http_types_error_code_t code;
  if (!wasi_http_outgoing_handler_handle(request, &options, &future, &code)) return refused(&code);
  wasi_io_poll_own_pollable_t deadline = wasi_clocks_monotonic_clock_subscribe_duration(ns);
  wasi_http_types_borrow_future_incoming_response_t held = wasi_http_types_borrow_future_incoming_response(future);
  wasi_io_poll_own_pollable_t there = wasi_http_types_method_future_incoming_response_subscribe(held);
  const char *wrong = "no answer from the back-end in time";
  bool answered = ready(there, deadline);
  wasi_io_poll_pollable_drop_own(there);
  wasi_http_types_result_result_own_incoming_response_error_code_void_t got;
  if (answered && wasi_http_types_method_future_incoming_response_get(held, &got) && !got.is_err) {
    if (got.val.ok.is_err) {
      wrong = refused(&got.val.ok.val.err);
    } else {
      wasi_http_types_own_incoming_response_t from = got.val.ok.val.ok;
      response->status = wasi_http_types_method_incoming_response_status(wasi_http_types_borrow_incoming_response(from));
      wrong = read_body(from, deadline, response);
      wasi_http_types_incoming_response_drop_own(from);
    }
  }
  wasi_io_poll_pollable_drop_own(deadline);
  wasi_http_types_future_incoming_response_drop_own(future);
  return wrong;
}

const char *cb_http_get(const char *url, uint32_t within_ms, cb_response *response) {
  *response = (cb_response){0, cb_string(cb_text_of("")), 0};
  bool tls = strncmp(url, "https://", 8) == 0;
  if (!tls && strncmp(url, "http://", 7) != 0) return "the URL is none of http or https";
  const char *host = url + (tls ? 8 : 7), *path = host + strcspn(host, "/?#");
  cb_str authority = {(uint8_t *)host, (size_t)(path - host)};
  cb_str target = *path == '/' ? (cb_str){(uint8_t *)path, strcspn(path, "#")} : cb_text_of("/");
  wasi_http_types_own_fields_t headers = wasi_http_types_constructor_fields();
  wasi_http_types_field_name_t name = cb_text_of("accept");
  wasi_http_types_field_value_t value = {(uint8_t *)"application/json", 16};
  wasi_http_types_header_error_t bad;
  if (!wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(headers), &name, &value, &bad)) {
    wasi_http_types_header_error_free(&bad);
  }
  wasi_http_types_own_outgoing_request_t request = wasi_http_types_constructor_outgoing_request(headers);
  wasi_http_types_borrow_outgoing_request_t held = wasi_http_types_borrow_outgoing_request(request);
  wasi_http_types_scheme_t scheme = {.tag = tls ? WASI_HTTP_TYPES_SCHEME_HTTPS : WASI_HTTP_TYPES_SCHEME_HTTP};
  bool set = wasi_http_types_method_outgoing_request_set_scheme(held, &scheme) &&
             wasi_http_types_method_outgoing_request_set_authority(held, &authority) &&
             wasi_http_types_method_outgoing_request_set_path_with_query(held, &target);
  if (!set) {
    wasi_http_types_outgoing_request_drop_own(request);
    return "the URL is none of http or https";
  }
  return exchange(request, (uint64_t)within_ms * 1000000, response);
}

// JSON, as far as it takes to find the members of one object.

static const char *space(const char *at) { return at + strspn(at, " \t\r\n"); }

static char *put(char *to, unsigned code) {
  if (code < 0x80) {
    *to++ = (char)code;
  } else if (code < 0x800) {
    *to++ = (char)(0xC0 | code >> 6);
    *to++ = (char)(0x80 | (code & 63));
  } else if (code < 0x10000) {
    *to++ = (char)(0xE0 | code >> 12);
    *to++ = (char)(0x80 | (code >> 6 & 63));
    *to++ = (char)(0x80 | (code & 63));
  } else {
    *to++ = (char)(0xF0 | code >> 18);
    *to++ = (char)(0x80 | (code >> 12 & 63));
    *to++ = (char)(0x80 | (code >> 6 & 63));
    *to++ = (char)(0x80 | (code & 63));
  }
  return to;
}

static bool hex4(const char *at, unsigned *code) {
  *code = 0;
  for (int digit = 0; digit < 4; digit++) {
    const char *digits = "0123456789abcdef", *found = at[digit] ? strchr(digits, at[digit] | 32) : NULL;
    if (!found) return false;
    *code = *code << 4 | (unsigned)(found - digits);
  }
  return true;
}

// A string from its opening quote on, as a C string to be freed; NULL if it is none.
static char *string(const char **from) {
  static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  if (**from != '"') return NULL;
  const char *at = *from + 1;
  char *text = cb_memory(NULL, strlen(at) + 1), *to = text;
  for (; *at && *at != '"'; at++) {
    if (*at != '\\') {
      *to++ = *at;
      continue;
    }
    unsigned code, low;
    const char *found = *++at ? strchr(escapes, *at) : NULL;
    if (found) {
      *to++ = meant[found - escapes];
    } else if (*at == 'u' && hex4(at + 1, &code)) {
      at += 4;
      if (code >= 0xD800 && code < 0xDC00 && at[1] == '\\' && at[2] == 'u' && hex4(at + 3, &low)) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        at += 6;
      }
      // A zero would end the C string, half of a pair is no character.
      to = put(to, code == 0 || (code >= 0xD800 && code < 0xE000) ? 0xFFFD : code);
    } else {
      free(text);
      return NULL;
    }
  }
  *to = 0;
  *from = *at ? at + 1 : at;
  return text;
}

// Behind an object or array; NULL if it doesn't end.
static const char *skip(const char *at) {
  int depth = 0;
  do {
    if (*at == '"') {
      char *text = string(&at);
      if (!text) return NULL;
      free(text);
      continue;
    }
    if (!*at) return NULL;
    depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
    at++;
  } while (depth > 0);
  return at;
}

bool cb_json_members(const char *json, void (*each)(void *context, const char *name, const char *value), void *context) {
  const char *at = space(json);
  if (*at++ != '{') return false;
  for (at = space(at); *at != '}';) {
    char *name = string(&at), *value = NULL;
    at = name ? space(at) : at;
    if (!name || *at++ != ':') {
      free(name);
      return false;
    }
    at = space(at);
    if (*at == '"') {
      value = string(&at);
    } else if (*at == '{' || *at == '[') {
      at = skip(at);
    } else {
      size_t length = strcspn(at, ",} \t\r\n");
      if (*at == '-' || (*at >= '0' && *at <= '9')) value = cb_string((cb_str){(uint8_t *)at, length});
      at += length;
    }
    if (value) each(context, name, value);
    free(name);
    free(value);
    if (!at) return false;
    at = space(at);
    if (*at == ',') at = space(at + 1);
    else if (*at != '}') return false;
  }
  return true;
}
