// Scorers: how well does each agent suit this contact? Define `cb_configure` and `cb_score`.
//
// An instance serves many decisions, and nothing may be kept from one to the next. `scorer.h` has the contract itself.
#ifndef CORDBOARD_SCORER_SDK_H
#define CORDBOARD_SCORER_SDK_H

#include "scorer.h"
#define CB_WORLD scorer
#include "common.inc.h"
#include <math.h>

/// No column of this name was offered.
#define CB_NO_COLUMN (-1)

/// The columns that can be had, and those that were taken.
typedef struct cb_columns cb_columns;

/// Takes a column of the contact: `waited-ms`, `priority`, `needs:SKILL`, an attribute. CB_NO_COLUMN if there is none.
int cb_contact_column(cb_columns *columns, const char *name);
/// Takes a column of the agents: `idle-ms`, `handled`, `skill:SKILL`, an attribute. CB_NO_COLUMN if there is none.
int cb_agent_column(cb_columns *columns, const char *name);
/// Takes the levels of the skills that some contact may need and some agent may have, at most `most` of them; how many.
int cb_skill_columns(cb_columns *columns, int most, int needed[], int has[]);
/// Names the parts that scores are made of, at most 16.
void cb_parts(cb_columns *columns, int count, const char *const names[]);

/// To be defined: takes columns and reads the configuration, once. NULL, or what is wrong: `missing COLUMN` or any other text.
const char *cb_configure(cb_columns *columns);
/// To be defined: scores an agent for a contact, whose numbers are in the columns' order; one that is absent is NAN. False: this
/// agent must not get this contact. `parts` has a place for each part that was named.
bool cb_score(const float *contact, const float *agent, float *score, float *parts);

#endif
