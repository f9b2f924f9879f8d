// {{name}}: finds promises that agents may not make, and people who are angry.
#include "inspector.sdk.h"

#define RULE "forbidden-promise"
#define T(name) CORDBOARD_INSPECTOR_TYPES_##name

typedef exports_cordboard_inspector_guest_turn_t turn_t;
typedef exports_cordboard_inspector_guest_finding_t finding_t;

// In lower case, separated by commas.
static const char *promises = "";

bool exports_cordboard_inspector_guest_configure(inspector_list_string_t *offered,
                                                 exports_cordboard_inspector_guest_selection_t *ret,
                                                 exports_cordboard_inspector_guest_configure_error_t *err) {
  (void)err;
  promises = cb_config("promises", "guarantee,no risk,always refund");
  inspector_list_string_free(offered);
  *ret = (exports_cordboard_inspector_guest_selection_t){
      .emotions = cb_list_of("anger"),
      .parts = cb_list_of("promises"),
  };
  ret->rules.ptr = cb_zeroed(sizeof *ret->rules.ptr);
  ret->rules.len = 1;
  ret->rules.ptr[0].id = cb_copy_of(RULE);
  ret->rules.ptr[0].title = cb_copy_of("The agent made a promise that nobody may make");
  return true;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

/// Where a text has these words; whether it has.
static bool find(const cb_str *text, const char *words, size_t length, uint32_t *start) {
  for (size_t at = 0; length > 0 && at + length <= text->len; at++) {
    size_t same = 0;
    while (same < length && lower((char)text->ptr[at + same]) == words[same]) same++;
    if (same == length) {
      *start = (uint32_t)at;
      return true;
    }
  }
  return false;
}

static bool promised(const turn_t *turn, finding_t *finding) {
  if (turn->speaker.tag != T(SPEAKER_AGENT)) return false;
  for (const char *at = promises; *at;) {
    at += strspn(at, " ,");
    size_t length = strcspn(at, ",");
    uint32_t start;
    if (find(&turn->text, at, length, &start)) {
      *finding = (finding_t){
          .rule = cb_copy_of(RULE),
          .severity = {.tag = T(SEVERITY_SERIOUS)},
          .turn = turn->index,
          .span = {true, {start, start + (uint32_t)length}},
          .confidence = 1,
          .prompt = {true, cb_copy_of("Say what is certain, and no more.")},
      };
      return true;
    }
    at += length;
  }
  return false;
}

/// Angry people raise their voice; where there is no voice, they write in capitals.
static float anger(const turn_t *turn) {
  if (turn->voice.is_some) {
    float loud = (turn->voice.val.loudness_db + 30) / 30;
    return loud < 0 ? 0 : loud > 1 ? 1 : loud;
  }
  size_t letters = 0, capitals = 0;
  for (size_t at = 0; at < turn->text.len; at++) {
    char c = (char)turn->text.ptr[at];
    letters += lower(c) >= 'a' && lower(c) <= 'z';
    capitals += c != lower(c);
  }
  return letters ? (float)capitals / (float)letters : 0;
}

/// The findings of the turns from this number on, at most so many.
static cordboard_inspector_types_list_finding_t find_all(const exports_cordboard_inspector_guest_list_turn_t *turns,
                                                         uint32_t from, size_t most) {
  cordboard_inspector_types_list_finding_t found = {cb_zeroed(most * sizeof(finding_t)), 0};
  for (size_t at = 0; at < turns->len && found.len < most; at++) {
    const turn_t *turn = &turns->ptr[at];
    if (turn->index >= from && promised(turn, &found.ptr[found.len])) found.len++;
  }
  if (found.len == 0) {
    // Nobody frees a list without anything in it.
    free(found.ptr);
    found.ptr = NULL;
  }
  return found;
}

bool exports_cordboard_inspector_guest_inspect(exports_cordboard_inspector_guest_talk_t *talk,
                                               exports_cordboard_inspector_guest_list_turn_t *turns, uint32_t first_new,
                                               exports_cordboard_inspector_guest_inspection_t *ret,
                                               exports_cordboard_inspector_guest_inspect_error_t *err) {
  (void)err;
  *ret = (exports_cordboard_inspector_guest_inspection_t){0};
  ret->findings = find_all(turns, first_new, 64);
  float most = -1;
  for (size_t at = 0; at < turns->len; at++) {
    const turn_t *turn = &turns->ptr[at];
    if (turn->index < first_new || turn->speaker.tag != T(SPEAKER_PERSON)) continue;
    float now = anger(turn);
    most = now > most ? now : most;
  }
  if (most >= 0) {
    ret->emotions.ptr = cb_zeroed(sizeof *ret->emotions.ptr);
    ret->emotions.len = 1;
    ret->emotions.ptr[0].speaker.tag = T(SPEAKER_PERSON);
    ret->emotions.ptr[0].numbers.ptr = cb_zeroed(sizeof(float));
    ret->emotions.ptr[0].numbers.ptr[0] = most;
    ret->emotions.ptr[0].numbers.len = 1;
  }
  exports_cordboard_inspector_guest_talk_free(talk);
  exports_cordboard_inspector_guest_list_turn_free(turns);
  return true;
}

bool exports_cordboard_inspector_guest_summarise(exports_cordboard_inspector_guest_talk_t *talk,
                                                 exports_cordboard_inspector_guest_list_turn_t *turns,
                                                 exports_cordboard_inspector_guest_list_finding_t *told,
                                                 exports_cordboard_inspector_guest_summary_t *ret,
                                                 exports_cordboard_inspector_guest_inspect_error_t *err) {
  (void)err;
  *ret = (exports_cordboard_inspector_guest_summary_t){0};
  ret->findings = find_all(turns, 0, 256);
  float score = 100 - 25 * (float)ret->findings.len;
  ret->parts.ptr = cb_zeroed(sizeof *ret->parts.ptr);
  ret->parts.len = 1;
  ret->parts.ptr[0].is_some = true;
  ret->parts.ptr[0].val = score < 0 ? 0 : score;
  ret->review = ret->findings.len > 0;
  exports_cordboard_inspector_guest_talk_free(talk);
  exports_cordboard_inspector_guest_list_turn_free(turns);
  exports_cordboard_inspector_guest_list_finding_free(told);
  return true;
}
