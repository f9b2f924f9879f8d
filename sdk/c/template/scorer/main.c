// {{name}}: agents who have the skills that are needed, the best skilled and longest idle first.
#include "scorer.sdk.h"

#define MAX_SKILLS 64

// Set once by cb_configure, and the same for every decision after it.
static int skills, needed[MAX_SKILLS], has[MAX_SKILLS], idle_ms;
static float skill_weight;

const char *cb_configure(cb_columns *columns) {
  static const char *const parts[] = {"skill", "idle"};
  cb_parts(columns, 2, parts);
  skills = cb_skill_columns(columns, MAX_SKILLS, needed, has);
  idle_ms = cb_agent_column(columns, "idle-ms");
  if (idle_ms == CB_NO_COLUMN) return "missing idle-ms";
  char *end;
  const char *weight = cb_config("skill-weight", "10");
  skill_weight = strtof(weight, &end);
  return end == weight || *end ? "the configuration's `skill-weight` is no number" : NULL;
}

bool cb_score(const float *contact, const float *agent, float *score, float *parts) {
  float beyond = 0;
  for (int at = 0; at < skills; at++) {
    float level = contact[needed[at]], there = agent[has[at]];
    if (isnan(level)) continue;
    if (isnan(there) || there < level) return false;
    beyond += there - level;
  }
  parts[0] = beyond * skill_weight;
  parts[1] = isnan(agent[idle_ms]) ? 0 : agent[idle_ms] / 1000;
  *score = parts[0] + parts[1];
  return true;
}
