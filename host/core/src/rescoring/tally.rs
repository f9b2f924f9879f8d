//! What decisions made again add up to.

use super::{Change, Pairs, Recorded, Rescored, Served, Skip};
use crate::backtest::{cut, share};
use crate::ids::{DecisionId, QueueName};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// Groups of differences that are kept; decisions of others are counted in [`Tally::differences_beyond`].
pub(super) const MAX_GROUPS: usize = 100;
/// Examples of a group.
pub(super) const MAX_EXAMPLES: usize = 5;
/// Contacts that an example names.
pub(super) const MAX_CHANGES: usize = 5;

/// A decision in which the assignment differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// When it was made.
    pub at: Timestamp,
    /// Which.
    pub decision: DecisionId,
    /// The first contacts that would have been served otherwise, at most 5.
    pub changes: Vec<Change>,
}

/// Decisions of a queue that differ in the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// How many.
    pub decisions: u64,
    /// The first of them, at most 5.
    pub examples: Vec<Example>,
}

/// A decision at which the scorer failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// When it was made.
    pub at: Timestamp,
    /// Which.
    pub decision: DecisionId,
    /// How.
    pub detail: String,
}

/// Decisions at which the scorer failed in the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many.
    pub decisions: u64,
    /// The first of them, at most 5.
    pub examples: Vec<Failed>,
}

/// Decisions added one by one, in an order that is the caller's: the same decisions in the same order make the same tally. It
/// stays small whatever they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Decisions that were looked at: those compared and those skipped.
    pub looked_at: u64,
    /// Decisions compared.
    pub compared: u64,
    /// Of those: the same assignment.
    pub agreed: u64,
    /// Of those that agreed: the same scores and refusals as well.
    pub same_scores: u64,
    /// Of those compared: another assignment.
    pub diverged: u64,
    /// Decisions not compared, by why.
    pub skipped: BTreeMap<Skip, u64>,
    /// Of those compared: the scorer failed, by how.
    pub failures: BTreeMap<&'static str, Failures>,
    /// Of decisions that did not fail.
    pub pairs: Pairs,
    /// Contacts served by another agent.
    pub by_another: u64,
    /// Contacts that nobody was given to, and would have been served.
    pub served_instead: u64,
    /// Contacts that were served, and nobody would have been given to.
    pub not_served: u64,
    /// Whom the recorded decisions served, where the candidate did not fail.
    pub recorded: Served,
    /// Whom the same decisions would have served, each for itself.
    pub candidate: Served,
    /// The earliest decision that differs: what came after it would have been another queue.
    pub first_difference: Option<(Timestamp, DecisionId)>,
    differences: BTreeMap<(QueueName, bool), Group>,
    /// Decisions of groups beyond 100.
    pub differences_beyond: u64,
}

impl Served {
    fn add(&mut self, other: Self) {
        self.contacts += other.contacts;
        self.waited_ms = self.waited_ms.saturating_add(other.waited_ms);
    }

    /// How long each had waited on average, in milliseconds, rounded down; 0 where nobody was served.
    pub fn mean_ms(&self) -> u64 {
        self.waited_ms / self.contacts.max(1)
    }
}

impl Pairs {
    fn add(&mut self, other: Self) {
        let Self { equal, other: unlike, newly_refused, newly_accepted } = other;
        self.equal += equal;
        self.other += unlike;
        self.newly_refused += newly_refused;
        self.newly_accepted += newly_accepted;
    }
}

impl Tally {
    /// A decision that was not compared.
    pub fn skip(&mut self, why: Skip) {
        self.skip_many(why, 1);
    }

    /// Several of them.
    pub fn skip_many(&mut self, why: Skip, decisions: u64) {
        if decisions > 0 {
            self.looked_at += decisions;
            *self.skipped.entry(why).or_default() += decisions;
        }
    }

    /// A decision at which the scorer failed.
    pub fn fail(&mut self, recorded: &Recorded<'_>, kind: &'static str, detail: String) {
        self.looked_at += 1;
        self.compared += 1;
        let failures = self.failures.entry(kind).or_default();
        failures.decisions += 1;
        if failures.examples.len() < MAX_EXAMPLES {
            let decision = recorded.decision();
            failures.examples.push(Failed { at: decision.decided_at, decision: decision.id, detail: cut(detail) });
        }
    }

    /// A decision that was made again.
    pub fn add(&mut self, recorded: &Recorded<'_>, rescored: Rescored) {
        self.looked_at += 1;
        self.compared += 1;
        self.pairs.add(rescored.pairs);
        self.recorded.add(rescored.recorded);
        self.candidate.add(rescored.candidate);
        let others = rescored.others_served();
        let Rescored { pairs, mut changes, .. } = rescored;
        if changes.is_empty() {
            self.agreed += 1;
            self.same_scores += u64::from(pairs.other + pairs.newly_refused + pairs.newly_accepted == 0);
            return;
        }
        self.diverged += 1;
        for change in &changes {
            match (&change.recorded, &change.candidate) {
                (Some(_), None) => self.not_served += 1,
                (None, _) => self.served_instead += 1,
                (Some(_), Some(_)) => self.by_another += 1,
            }
        }
        let decision = recorded.decision();
        let this = (decision.decided_at, decision.id);
        self.first_difference = Some(self.first_difference.map_or(this, |first| first.min(this)));
        let key = (decision.queue.clone(), others);
        if self.differences.len() >= MAX_GROUPS && !self.differences.contains_key(&key) {
            self.differences_beyond += 1;
            return;
        }
        let group = self.differences.entry(key).or_default();
        group.decisions += 1;
        if group.examples.len() < MAX_EXAMPLES {
            changes.truncate(MAX_CHANGES);
            group.examples.push(Example { at: this.0, decision: this.1, changes });
        }
    }

    /// Decisions at which the scorer failed.
    pub fn failed(&self) -> u64 {
        self.failures.values().map(|failures| failures.decisions).sum()
    }

    /// Differences by queue, and whether others are served or only by others: the largest group first, those of one size by
    /// queue.
    pub fn differences(&self) -> Vec<(&QueueName, bool, &Group)> {
        let mut all: Vec<_> = self.differences.iter().map(|((queue, others), group)| (queue, *others, group)).collect();
        // Stable: those of one size stay in their order.
        all.sort_by_key(|(.., group)| std::cmp::Reverse(group.decisions));
        all
    }

    /// The share of decisions compared that agreed, in thousandths of a percent, rounded down; 0 where none was compared.
    pub fn agreement(&self) -> u32 {
        share(self.agreed, self.compared)
    }

    /// The share of decisions looked at that were compared, likewise.
    pub fn share_compared(&self) -> u32 {
        share(self.compared, self.looked_at)
    }
}
