#include "scorer.sdk.h"

#define MAX_COLUMNS 256
#define MAX_PARTS 16

struct cb_columns {
  const scorer_list_string_t *offered_contact, *offered_agent;
  cb_str contact[MAX_COLUMNS], agent[MAX_COLUMNS], parts[MAX_PARTS];
  size_t contacts, agents, part_count;
};

static size_t contact_width, agent_width, part_count;
static bool configured;

static int take(const scorer_list_string_t *offered, cb_str *taken, size_t *count, const char *name) {
  for (size_t at = 0; at < *count; at++) {
    if (cb_is(taken[at], name)) return (int)at;
  }
  for (size_t at = 0; at < offered->len; at++) {
    if (cb_is(offered->ptr[at], name) && *count < MAX_COLUMNS) {
      taken[*count] = cb_copy_of(name);
      return (int)(*count)++;
    }
  }
  return CB_NO_COLUMN;
}

int cb_contact_column(cb_columns *columns, const char *name) {
  return take(columns->offered_contact, columns->contact, &columns->contacts, name);
}
int cb_agent_column(cb_columns *columns, const char *name) {
  return take(columns->offered_agent, columns->agent, &columns->agents, name);
}

int cb_skill_columns(cb_columns *columns, int most, int needed[], int has[]) {
  int count = 0;
  for (size_t at = 0; at < columns->offered_contact->len && count < most; at++) {
    char *name = cb_string(columns->offered_contact->ptr[at]);
    if (strncmp(name, "needs:", 6) == 0) {
      char *skill = cb_memory(NULL, strlen(name) + 1);
      strcpy(skill, "skill:");
      strcat(skill, name + 6);
      has[count] = cb_agent_column(columns, skill);
      if (has[count] != CB_NO_COLUMN) needed[count++] = cb_contact_column(columns, name);
      free(skill);
    }
    free(name);
  }
  return count;
}

void cb_parts(cb_columns *columns, int count, const char *const names[]) {
  for (int at = 0; at < count && columns->part_count < MAX_PARTS; at++) {
    columns->parts[columns->part_count++] = cb_copy_of(names[at]);
  }
}

static scorer_list_string_t list(const cb_str *texts, size_t count) {
  cb_str *copy = cb_zeroed(count * sizeof *copy);
  if (count) memcpy(copy, texts, count * sizeof *copy);
  return (scorer_list_string_t){copy, count};
}

static void free_all(cb_columns *columns) {
  for (size_t at = 0; at < columns->contacts; at++) free(columns->contact[at].ptr);
  for (size_t at = 0; at < columns->agents; at++) free(columns->agent[at].ptr);
  for (size_t at = 0; at < columns->part_count; at++) free(columns->parts[at].ptr);
}

bool exports_cordboard_scorer_guest_configure(exports_cordboard_scorer_guest_columns_t *offered,
                                              exports_cordboard_scorer_guest_selection_t *ret,
                                              exports_cordboard_scorer_guest_configure_error_t *err) {
  static cb_columns columns;
  columns = (cb_columns){.offered_contact = &offered->contact, .offered_agent = &offered->agent};
  const char *wrong = cb_configure(&columns);
  if (wrong) {
    bool missing = strncmp(wrong, "missing ", 8) == 0;
    err->tag = missing ? CORDBOARD_SCORER_TYPES_CONFIGURE_ERROR_MISSING : CORDBOARD_SCORER_TYPES_CONFIGURE_ERROR_INVALID;
    err->val.invalid = cb_copy_of(missing ? wrong + 8 : wrong);
    free_all(&columns);
    exports_cordboard_scorer_guest_columns_free(offered);
    return false;
  }
  contact_width = columns.contacts;
  agent_width = columns.agents;
  part_count = columns.part_count;
  configured = true;
  ret->contact = list(columns.contact, columns.contacts);
  ret->agent = list(columns.agent, columns.agents);
  ret->parts = list(columns.parts, columns.part_count);
  exports_cordboard_scorer_guest_columns_free(offered);
  return true;
}

bool exports_cordboard_scorer_guest_score(scorer_list_f32_t *contact, scorer_list_f32_t *agents, bool with_parts,
                                          exports_cordboard_scorer_guest_scores_t *ret,
                                          exports_cordboard_scorer_guest_score_error_t *err) {
  if (!configured || contact->len != contact_width || agent_width == 0 || agents->len % agent_width != 0) {
    err->tag = CORDBOARD_SCORER_TYPES_SCORE_ERROR_INVALID;
    err->val.invalid = cb_copy_of("the numbers don't fit the columns");
    scorer_list_f32_free(contact);
    scorer_list_f32_free(agents);
    return false;
  }
  size_t count = agents->len / agent_width;
  ret->rows.ptr = cb_zeroed(count * sizeof *ret->rows.ptr);
  ret->rows.len = count;
  ret->parts.len = with_parts ? count * part_count : 0;
  ret->parts.ptr = cb_zeroed(ret->parts.len * sizeof *ret->parts.ptr);
  for (size_t at = 0; at < count; at++) {
    float score = 0, parts[MAX_PARTS] = {0};
    bool may = cb_score(contact->ptr, agents->ptr + at * agent_width, &score, parts);
    ret->rows.ptr[at].tag = may ? CORDBOARD_SCORER_TYPES_SCORE_VALUE : CORDBOARD_SCORER_TYPES_SCORE_REFUSE;
    ret->rows.ptr[at].val.value = score;
    if (with_parts) memcpy(ret->parts.ptr + at * part_count, parts, part_count * sizeof *parts);
  }
  // What the host handed over was ours to free.
  scorer_list_f32_free(contact);
  scorer_list_f32_free(agents);
  return true;
}
