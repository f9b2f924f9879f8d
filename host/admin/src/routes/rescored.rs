//! What decisions made again add up to, as JSON.

use crate::json::Time;
use crate::routes::backtests::percent;
use cordboard_core::rescoring::{self, Change, Tally};
use cordboard_core::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What a scorer would have made of recorded decisions. Each is taken for itself, as it was recorded: behind the first that
/// differs there would have been another queue, and nothing here says how long anybody would have waited in it.
#[derive(Serialize, ToSchema)]
#[schema(as = DecisionReport)]
pub(crate) struct DecisionReport {
    /// Decisions that were looked at: compared or skipped.
    decisions: u64,
    /// Decisions that were compared.
    compared: u64,
    /// Of those looked at, in percent, rounded down to thousandths; 0 if there was none.
    compared_percent: f64,
    /// Of those compared: the same agents for the same contacts.
    agreed: u64,
    /// Of those that agreed: all scores and refusals are the same as well, in thousandths.
    same_scores: u64,
    /// The share of decisions compared that agreed, likewise in percent.
    agreement_percent: f64,
    /// Of those compared: another assignment.
    diverged: u64,
    /// Of those compared: the scorer failed.
    failed: u64,
    /// Decisions not compared: `no-scorer` (the longest idle agent was chosen), `fallback` (the same, since the scorer
    /// failed), `other-deployment`, `erased`, `damaged`, `inconsistent`, `no-grounds` (an older Cordboard kept it), each with
    /// how many.
    skipped: BTreeMap<&'static str, u64>,
    /// Pairs of a contact and an agent.
    pairs: Pairs,
    /// Contacts that another agent would have served.
    by_another: u64,
    /// Contacts to whom nobody was given, and who would have been served.
    served_instead: u64,
    /// Contacts that were served, and to whom nobody would have been given.
    not_served: u64,
    /// Whom the decisions served that the scorer didn't fail at.
    recorded: Served,
    /// Whom they would have served.
    candidate: Served,
    /// The earliest decision that differs.
    first_difference: Option<DecisionAt>,
    /// Decisions that differ, by queue, the most frequent first, at most 100 groups.
    differences: Vec<DecisionDifference>,
    /// Decisions that differ in other groups.
    differences_beyond: u64,
    /// Decisions at which the scorer failed, by how.
    failures: Vec<DecisionFailure>,
}

/// Pairs, by what became of their scores in thousandths.
#[derive(Serialize, ToSchema)]
#[schema(as = ScoredPairs)]
struct Pairs {
    /// The same score, or refused by both.
    equal: u64,
    /// Another score.
    other: u64,
    /// Refused by the candidate alone.
    newly_refused: u64,
    /// Refused by the recorded scorer alone.
    newly_accepted: u64,
}

/// Contacts served at the decisions, and how long they had waited by then.
#[derive(Serialize, ToSchema)]
#[schema(as = ServedContacts)]
struct Served {
    /// How many.
    contacts: u64,
    /// How long they had waited, added up, in milliseconds.
    waited_ms: u64,
    /// The same for each, on average, rounded down.
    mean_waited_ms: u64,
}

/// A decision.
#[derive(Serialize, ToSchema)]
struct DecisionAt {
    /// Unique within a run of the host; with `at` it is unique for ever.
    decision: u64,
    /// When it was made.
    at: Time,
}

/// Decisions of a queue that differ in the same way.
#[derive(Serialize, ToSchema)]
struct DecisionDifference {
    /// Which queue.
    queue: String,
    /// `others-served`: other contacts are served; `other-agents`: the same, but by others.
    kind: &'static str,
    /// How many decisions.
    decisions: u64,
    /// The first five that were looked at.
    examples: Vec<DecisionExample>,
}

/// A decision that differs.
#[derive(Serialize, ToSchema)]
struct DecisionExample {
    /// Which.
    #[serde(flatten)]
    decision: DecisionAt,
    /// The first five contacts that would have been served otherwise.
    changes: Vec<ServedOtherwise>,
}

/// A contact that would have been served otherwise.
#[derive(Serialize, ToSchema)]
struct ServedOtherwise {
    /// Which.
    contact: String,
    /// How long it had waited.
    waited_ms: u64,
    /// Who was given to it; null: nobody.
    recorded: Option<String>,
    /// Who would have been.
    candidate: Option<String>,
}

/// Decisions at which a scorer failed in the same way.
#[derive(Serialize, ToSchema)]
struct DecisionFailure {
    /// `trap`, `deadline`, `limit`, `refused`, `invalid-answer`, `not-configured`, `no-room`.
    kind: &'static str,
    /// How many decisions.
    decisions: u64,
    /// The first five that were looked at.
    examples: Vec<FailedDecision>,
}

/// A decision at which a scorer failed.
#[derive(Serialize, ToSchema)]
struct FailedDecision {
    /// Which.
    #[serde(flatten)]
    decision: DecisionAt,
    /// How.
    detail: String,
}

impl From<rescoring::Served> for Served {
    fn from(served: rescoring::Served) -> Self {
        let mean_waited_ms = served.mean_ms();
        Self { contacts: served.contacts, waited_ms: served.waited_ms, mean_waited_ms }
    }
}

impl From<&Change> for ServedOtherwise {
    fn from(change: &Change) -> Self {
        let name = |agent: &Option<cordboard_core::ids::AgentId>| agent.as_ref().map(ToString::to_string);
        Self {
            contact: change.contact.to_string(),
            waited_ms: change.waited_ms,
            recorded: name(&change.recorded),
            candidate: name(&change.candidate),
        }
    }
}

fn decision_at((at, id): (Timestamp, cordboard_core::ids::DecisionId)) -> DecisionAt {
    DecisionAt { decision: id.0, at: Time(at) }
}

fn differences(tally: &Tally) -> Vec<DecisionDifference> {
    let example = |example: &rescoring::Example| DecisionExample {
        decision: decision_at((example.at, example.decision)),
        changes: example.changes.iter().map(Into::into).collect(),
    };
    let difference =
        |(queue, others, group): (&cordboard_core::ids::QueueName, bool, &rescoring::Group)| DecisionDifference {
            queue: queue.to_string(),
            kind: if others { "others-served" } else { "other-agents" },
            decisions: group.decisions,
            examples: group.examples.iter().map(example).collect(),
        };
    tally.differences().into_iter().map(difference).collect()
}

fn failures(tally: &Tally) -> Vec<DecisionFailure> {
    let example = |failed: &rescoring::Failed| FailedDecision {
        decision: decision_at((failed.at, failed.decision)),
        detail: failed.detail.clone(),
    };
    let failure = |(kind, failures): (&&'static str, &rescoring::Failures)| DecisionFailure {
        kind,
        decisions: failures.decisions,
        examples: failures.examples.iter().map(example).collect(),
    };
    tally.failures.iter().map(failure).collect()
}

impl From<&Tally> for DecisionReport {
    fn from(tally: &Tally) -> Self {
        let rescoring::Pairs { equal, other, newly_refused, newly_accepted } = tally.pairs;
        Self {
            decisions: tally.looked_at,
            compared: tally.compared,
            compared_percent: percent(tally.share_compared()),
            agreed: tally.agreed,
            same_scores: tally.same_scores,
            agreement_percent: percent(tally.agreement()),
            diverged: tally.diverged,
            failed: tally.failed(),
            skipped: tally.skipped.iter().map(|(why, count)| (why.code(), *count)).collect(),
            pairs: Pairs { equal, other, newly_refused, newly_accepted },
            by_another: tally.by_another,
            served_instead: tally.served_instead,
            not_served: tally.not_served,
            recorded: tally.recorded.into(),
            candidate: tally.candidate.into(),
            first_difference: tally.first_difference.map(decision_at),
            differences: differences(tally),
            differences_beyond: tally.differences_beyond,
            failures: failures(tally),
        }
    }
}
