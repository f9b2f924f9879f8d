// What every world has: texts, the configuration, the log. Included by the world's own header, which defines CB_WORLD.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CB_PASTE2(a, b) a##b
#define CB_PASTE(a, b) CB_PASTE2(a, b)
/// A text of the contract: bytes of UTF-8 with their count.
typedef CB_PASTE(CB_WORLD, _string_t) cb_str;
typedef CB_PASTE(CB_WORLD, _option_string_t) cb_option_str;

/// A C string as a text of the contract; nothing is copied.
static inline cb_str cb_text_of(const char *text) {
  return (cb_str){(uint8_t *)text, text ? strlen(text) : 0};
}

/// A copy of a C string, for what the host frees once it was returned.
static inline cb_str cb_copy_of(const char *text) {
  size_t bytes = strlen(text);
  uint8_t *copy = malloc(bytes ? bytes : 1);
  memcpy(copy, text, bytes);
  return (cb_str){copy, bytes};
}

/// Whether a text is this C string.
static inline bool cb_is(cb_str text, const char *other) {
  return text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}

/// A text as a C string of its own; free it where an instance serves many calls.
static inline char *cb_string(cb_str text) {
  char *copy = malloc(text.len + 1);
  memcpy(copy, text.ptr, text.len);
  copy[text.len] = 0;
  return copy;
}

/// What the operator set for a key, or `otherwise` if it isn't set. A C string that lives on.
static inline const char *cb_config(const char *key, const char *otherwise) {
  cb_str name = cb_text_of(key);
  cb_option_str found;
  wasi_config_store_error_t error;
  if (!wasi_config_store_get(&name, &found, &error) || !found.is_some) return otherwise;
  return cb_string(found.val);
}

/// A line for the plugin's log, as `printf` writes it. It reaches the operator with the contact's id.
#define cb_log(...)                                                                                      \
  do {                                                                                                   \
    char cb_line[512];                                                                                   \
    snprintf(cb_line, sizeof cb_line, __VA_ARGS__);                                                      \
    cb_str cb_context = cb_text_of(""), cb_message = cb_text_of(cb_line);                                \
    wasi_logging_logging_log(WASI_LOGGING_LOGGING_LEVEL_INFO, &cb_context, &cb_message);                 \
  } while (0)
