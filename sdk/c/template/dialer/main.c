// {{name}}: calls as many people as will be answered when agents are free, and fewer the more calls were abandoned.
#include "dialer.sdk.h"

#define MINUTE_MS UINT64_C(60000)
#define T(name) CORDBOARD_DIALER_TYPES_##name

static uint32_t max_attempts = 5;

bool exports_cordboard_dialer_guest_configure(exports_cordboard_dialer_guest_columns_t *offered,
                                              exports_cordboard_dialer_guest_selection_t *ret,
                                              exports_cordboard_dialer_guest_configure_error_t *err) {
  char *end;
  const char *set = cb_config("max-attempts", "5");
  unsigned long attempts = strtoul(set, &end, 10);
  exports_cordboard_dialer_guest_columns_free(offered);
  if (end == set || *end) {
    err->tag = T(CONFIGURE_ERROR_INVALID);
    err->val.invalid = cb_copy_of("the configuration's `max-attempts` is no number");
    return false;
  }
  max_attempts = (uint32_t)attempts;
  *ret = (exports_cordboard_dialer_guest_selection_t){.reasons = cb_list_of("calls for each free agent")};
  return true;
}

static float within(float least, float value, float most) { return value < least ? least : value > most ? most : value; }

/// How many people to call for each agent who is or becomes free.
static float pace(const exports_cordboard_dialer_guest_figures_t *figures) {
  if (figures->mode.tag == T(MODE_POWER)) return figures->ratio.is_some ? figures->ratio.val : 1;
  if (figures->mode.tag != T(MODE_PREDICTIVE)) return 1;
  float answered = figures->answer_rate.is_some ? within(0.1f, figures->answer_rate.val, 1) : 1;
  // At the cap of abandoned calls, one call for each agent is all there is.
  float room = within(0, 1 - figures->abandon_rate / within(0.001f, figures->abandon_cap, 1), 1);
  return 1 + (1 / answered - 1) * room;
}

// Promises first, then whom we tried least.
static int compare(const void *a, const void *b) {
  const exports_cordboard_dialer_guest_lead_t *one = *(void *const *)a, *other = *(void *const *)b;
  uint64_t mine = one->promised_ms.is_some ? one->promised_ms.val : UINT64_MAX;
  uint64_t theirs = other->promised_ms.is_some ? other->promised_ms.val : UINT64_MAX;
  if (mine != theirs) return mine < theirs ? -1 : 1;
  if (one->attempts != other->attempts) return one->attempts < other->attempts ? -1 : 1;
  // As they were offered.
  return one < other ? -1 : 1;
}

bool exports_cordboard_dialer_guest_propose(exports_cordboard_dialer_guest_figures_t *figures,
                                            exports_cordboard_dialer_guest_list_lead_t *leads,
                                            exports_cordboard_dialer_guest_proposal_t *ret,
                                            exports_cordboard_dialer_guest_dial_error_t *err) {
  (void)err;
  float by = pace(figures), free_agents = (float)figures->agents_ready + (by > 1 ? figures->agents_expected : 0);
  int64_t dial = (int64_t)(free_agents * by) - figures->ringing - figures->waiting;
  size_t count = 0;
  exports_cordboard_dialer_guest_lead_t **order = cb_memory(NULL, leads->len * sizeof *order);
  for (size_t at = 0; at < leads->len; at++) {
    if (leads->ptr[at].attempts < max_attempts) order[count++] = &leads->ptr[at];
  }
  qsort(order, count, sizeof *order, compare);
  *ret = (exports_cordboard_dialer_guest_proposal_t){
      .dial = dial < 0 ? 0 : dial > figures->most ? figures->most : (uint32_t)dial,
      .order = {cb_zeroed(count * sizeof(cb_str)), count},
      .again_ms = 2000,
      .reasons = {cb_zeroed(sizeof(float)), 1},
  };
  ret->reasons.ptr[0] = by;
  for (size_t at = 0; at < count; at++) {
    // The text goes from the lead that we were given to the order that we return.
    ret->order.ptr[at] = order[at]->id;
    order[at]->id = (cb_str){NULL, 0};
  }
  free(order);
  exports_cordboard_dialer_guest_list_lead_free(leads);
  exports_cordboard_dialer_guest_figures_free(figures);
  return true;
}

static void after(exports_cordboard_dialer_guest_next_try_t *ret, uint64_t ms) {
  ret->tag = T(NEXT_TRY_AFTER_MS);
  ret->val.after_ms = ms;
}

bool exports_cordboard_dialer_guest_retry(exports_cordboard_dialer_guest_lead_t *lead,
                                          exports_cordboard_dialer_guest_outcome_t *ended, uint64_t now_ms,
                                          exports_cordboard_dialer_guest_next_try_t *ret,
                                          exports_cordboard_dialer_guest_dial_error_t *err) {
  (void)err, (void)now_ms;
  ret->tag = T(NEXT_TRY_NEVER);
  if (lead->attempts >= max_attempts) {
    ret->val.never = cb_copy_of("tried often enough");
  } else {
    switch (ended->tag) {
      case T(OUTCOME_BUSY): after(ret, 10 * MINUTE_MS); break;
      case T(OUTCOME_NO_ANSWER):
      case T(OUTCOME_MACHINE): after(ret, 240 * MINUTE_MS); break;
      case T(OUTCOME_ABANDONED):
      case T(OUTCOME_FAILED):
      case T(OUTCOME_OTHER): after(ret, 60 * MINUTE_MS); break;
      case T(OUTCOME_TALKED): ret->val.never = cb_copy_of("talked"); break;
      default: ret->val.never = cb_copy_of("can't be reached");
    }
  }
  exports_cordboard_dialer_guest_lead_free(lead);
  exports_cordboard_dialer_guest_outcome_free(ended);
  return true;
}
