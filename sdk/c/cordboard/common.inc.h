// What every world has: texts, the configuration, the log. Included by the world's own header, which defines CB_WORLD.
#include <stdarg.h>
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

/// Memory, or an end: at address 0 there is memory, too, and nobody would notice.
static inline void *cb_memory(void *old, size_t bytes) {
  void *memory = realloc(old, bytes ? bytes : 1);
  if (!memory) abort();
  return memory;
}

/// Memory of zeros; none for 0 bytes, as the contract has lists and texts without anything in them.
static inline void *cb_zeroed(size_t bytes) {
  return bytes ? memset(cb_memory(NULL, bytes), 0, bytes) : NULL;
}

/// A copy of a C string, for what the host frees once it was returned.
static inline cb_str cb_copy_of(const char *text) {
  size_t bytes = strlen(text);
  return bytes ? (cb_str){memcpy(cb_memory(NULL, bytes), text, bytes), bytes} : (cb_str){NULL, 0};
}

/// Whether a text is this C string.
static inline bool cb_is(cb_str text, const char *other) {
  return text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}

/// A text as a C string of its own, to be freed.
static inline char *cb_string(cb_str text) {
  char *copy = cb_memory(NULL, text.len + 1);
  memcpy(copy, text.ptr, text.len);
  copy[text.len] = 0;
  return copy;
}

/// A text that the host gave as a C string, to be freed: the same memory with a zero at its end.
static inline char *cb_taken(cb_str text) {
  // A text without bytes is at no place of its own.
  char *taken = cb_memory(text.len ? text.ptr : NULL, text.len + 1);
  taken[text.len] = 0;
  return taken;
}

/// Cuts bytes of UTF-8 where a character ends. The host takes nothing else for a text.
static inline size_t cb_cut(const char *text, size_t bytes) {
  size_t start = bytes, follow = 0;
  while (start > 0 && follow < 3 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) start--, follow++;
  if (start == 0) return bytes;
  unsigned char first = (unsigned char)text[start - 1];
  size_t wanted = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
  return follow < wanted ? start - 1 : bytes;
}

/// As `snprintf` writes it; what doesn't fit is cut where a character ends.
static inline void cb_format(char *to, size_t room, const char *format, ...) {
  va_list values;
  va_start(values, format);
  int bytes = vsnprintf(to, room, format, values);
  va_end(values);
  if (bytes >= 0 && (size_t)bytes >= room && room > 0) to[cb_cut(to, room - 1)] = 0;
}

/// What the operator set for a key, or `otherwise` if it isn't set. A C string that lives on, and isn't freed.
static inline const char *cb_config(const char *key, const char *otherwise) {
  // It never changes while a plugin runs, so that each key is asked for once.
  static struct cb_known {
    char *key, *value;
    struct cb_known *next;
  } *known;
  for (struct cb_known *one = known; one; one = one->next) {
    if (strcmp(one->key, key) == 0) return one->value ? one->value : otherwise;
  }
  cb_str name = cb_text_of(key);
  cb_option_str found;
  wasi_config_store_error_t error;
  if (!wasi_config_store_get(&name, &found, &error)) {
    wasi_config_store_error_free(&error);
    return otherwise;
  }
  struct cb_known *one = cb_memory(NULL, sizeof *one);
  *one = (struct cb_known){cb_string(name), found.is_some ? cb_taken(found.val) : NULL, known};
  known = one;
  return one->value ? one->value : otherwise;
}

/// A line for the plugin's log, as `printf` writes it, of at most 511 bytes. It reaches the operator with the contact's id.
#define cb_log(...)                                                                                      \
  do {                                                                                                   \
    char cb_line[512];                                                                                   \
    cb_format(cb_line, sizeof cb_line, __VA_ARGS__);                                                     \
    cb_str cb_context = cb_text_of(""), cb_message = cb_text_of(cb_line);                                \
    wasi_logging_logging_log(WASI_LOGGING_LOGGING_LEVEL_INFO, &cb_context, &cb_message);                 \
  } while (0)
