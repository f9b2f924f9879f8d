// Dialers: how many people to call now, whom first, and when to try again? A dialer defines the three functions of the contract,
// `exports_cordboard_dialer_guest_...` in `dialer.h`; here are texts, the configuration and the log.
//
// An instance serves many decisions. What a function is given and what it returns is freed by whoever gets it.
#ifndef CORDBOARD_DIALER_SDK_H
#define CORDBOARD_DIALER_SDK_H

#include "dialer.h"
#define CB_WORLD dialer
#include "common.inc.h"

/// A list with one text, to be returned.
static inline dialer_list_string_t cb_list_of(const char *text) {
  cb_str *one = cb_memory(NULL, sizeof *one);
  *one = cb_copy_of(text);
  return (dialer_list_string_t){one, 1};
}

#endif
