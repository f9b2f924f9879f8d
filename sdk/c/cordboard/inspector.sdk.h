// Inspectors: what is remarkable in this talk, and how do people feel? An inspector defines the three functions of the contract,
// `exports_cordboard_inspector_guest_...` in `inspector.h`; here are texts, the configuration and the log.
//
// An instance serves many talks. What a function is given and what it returns is freed by whoever gets it.
#ifndef CORDBOARD_INSPECTOR_SDK_H
#define CORDBOARD_INSPECTOR_SDK_H

#include "inspector.h"
#define CB_WORLD inspector
#include "common.inc.h"

/// A list with one text, to be returned.
static inline inspector_list_string_t cb_list_of(const char *text) {
  cb_str *one = cb_memory(NULL, sizeof *one);
  *one = cb_copy_of(text);
  return (inspector_list_string_t){one, 1};
}

#endif
