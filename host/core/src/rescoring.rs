//! A recorded routing decision, and what another scorer makes of it: the scores that differ, the assignment that they lead
//! to, and how long those had waited who are served.
//!
//! Every decision is taken for itself, as it was recorded. Where the assignment differs, what came after it would have been
//! another queue, and of that nothing is known: later decisions are still compared, each on what it was really made from, and
//! no sum here says how long anybody would have waited later on.

mod tally;

pub use tally::{Example, Failed, Failures, Group, Tally};

use crate::decision::{Decision, Grounds, MAX_AGENTS, MAX_CONTACTS, ScoredBy};
use crate::ids::{AgentId, ContactId, DeploymentName};
use crate::matching::assign;
use std::collections::BTreeMap;

/// The number that says how long a contact had waited.
pub(crate) const WAITED: &str = "waited-ms";

/// Why a decision was not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// No scorer was asked: the longest idle agent was chosen.
    NoScorer,
    /// The scorer of another deployment was asked.
    OtherDeployment,
    /// The scorer failed, and the longest idle agent was chosen.
    Fallback,
    /// It was kept before there were [`Grounds`]: what the assignment was made on is not known.
    NoGrounds,
    /// What was kept of one of its contacts is erased, or its key is lost.
    Erased,
    /// It can't be decoded.
    Damaged,
    /// What was kept contradicts itself: its own scores don't lead to what was assigned.
    Inconsistent,
}

impl Skip {
    /// As reports have it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoScorer => "no-scorer",
            Self::OtherDeployment => "other-deployment",
            Self::Fallback => "fallback",
            Self::NoGrounds => "no-grounds",
            Self::Erased => "erased",
            Self::Damaged => "damaged",
            Self::Inconsistent => "inconsistent",
        }
    }
}

/// A scorer's answer has another shape than the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the scores are not a row for each contact with a number for each agent")]
pub struct WrongShape;

/// A decision that can be made again. Its rows are as long as it has columns, and its scores lead to what was assigned.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    decision: &'a Decision,
    grounds: &'a Grounds,
}

/// Pairs of a contact and an agent, by what became of their scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// Same score in thousandths, or refused by both.
    pub equal: u64,
    /// Another score.
    pub other: u64,
    /// Refused by the candidate alone.
    pub newly_refused: u64,
    /// Refused by the recorded scorer alone.
    pub newly_accepted: u64,
}

/// Contacts that a decision serves, with what they had waited when it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// How many.
    pub contacts: u64,
    /// How long they had waited, added up, in milliseconds.
    pub waited_ms: u64,
}

/// A contact that is served otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub contact: ContactId,
    /// How long it had waited, in milliseconds.
    pub waited_ms: u64,
    /// Who was given to it; none: nobody.
    pub recorded: Option<AgentId>,
    /// Who would have been.
    pub candidate: Option<AgentId>,
}

/// A decision, made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescored {
    /// Its scores.
    pub pairs: Pairs,
    /// Contacts that are served otherwise, in the order they were to be served; none: the assignment is the same.
    pub changes: Vec<Change>,
    /// Whom it served.
    pub recorded: Served,
    /// Whom it would have served.
    pub candidate: Served,
}

impl Rescored {
    /// Whether others are served: not only by others.
    pub fn others_served(&self) -> bool {
        self.changes.iter().any(|change| change.recorded.is_some() != change.candidate.is_some())
    }
}

impl<'a> Recorded<'a> {
    /// A decision that a scorer of this deployment made.
    ///
    /// # Errors
    /// Why it can't be made again.
    pub fn new(decision: &'a Decision, deployment: &DeploymentName) -> Result<Self, Skip> {
        if decision.scored_by == ScoredBy::LongestIdle {
            return Err(Skip::NoScorer);
        }
        let grounds = decision.grounds.as_ref().ok_or(Skip::NoGrounds)?;
        if grounds.scorer != *deployment {
            return Err(Skip::OtherDeployment);
        }
        if matches!(decision.scored_by, ScoredBy::Fallback { .. }) {
            return Err(Skip::Fallback);
        }
        let width = decision.columns.contact.len();
        if width > 0 && decision.contacts.iter().any(|row| row.values.is_empty()) {
            return Err(Skip::Erased);
        }
        let recorded = Self { decision, grounds };
        if recorded.is_consistent() { Ok(recorded) } else { Err(Skip::Inconsistent) }
    }

    /// The decision.
    pub fn decision(&self) -> &'a Decision {
        self.decision
    }

    fn is_consistent(&self) -> bool {
        let Decision { columns, contacts, agents, scores, assigned, .. } = self.decision;
        let Grounds { ranks, unfit, .. } = self.grounds;
        let (rows, width) = (contacts.len(), agents.len());
        let fits = |(row, column): &(u16, u16)| usize::from(*row) < rows && usize::from(*column) < width;
        let known = |contact: ContactId| contacts.iter().any(|row| row.contact == contact);
        rows <= MAX_CONTACTS
            && width <= MAX_AGENTS
            && contacts.iter().all(|row| row.values.len() == columns.contact.len())
            && agents.iter().all(|row| row.values.len() == columns.agent.len())
            && scores.len() == rows * width
            && ranks.len() == width
            && unfit.iter().all(fits)
            && assigned.iter().all(|(contact, _)| known(*contact))
            && self.assignment(&self.recorded_scores()) == self.assigned()
    }

    /// Row by row.
    fn recorded_scores(&self) -> Vec<Vec<Option<i64>>> {
        let width = self.decision.agents.len();
        let row = |row: usize| {
            let scores = self.decision.scores.iter().skip(row * width).take(width);
            scores.map(|pair| pair.score_milli).collect()
        };
        (0..self.decision.contacts.len()).map(row).collect()
    }

    /// For each contact who was given to it.
    fn assigned(&self) -> Vec<Option<&'a AgentId>> {
        let assigned: BTreeMap<ContactId, &AgentId> =
            self.decision.assigned.iter().map(|(contact, agent)| (*contact, agent)).collect();
        self.decision.contacts.iter().map(|row| assigned.get(&row.contact).copied()).collect()
    }

    /// The assignment that scores lead to.
    fn assignment(&self, scores: &[Vec<Option<i64>>]) -> Vec<Option<&'a AgentId>> {
        let mut scores = scores.to_vec();
        for (row, column) in &self.grounds.unfit {
            let score = scores.get_mut(usize::from(*row)).and_then(|row| row.get_mut(usize::from(*column)));
            if let Some(score) = score {
                *score = None;
            }
        }
        let ranks: Vec<usize> = self.grounds.ranks.iter().copied().map(usize::from).collect();
        let agents = &self.decision.agents;
        let agent = |column: Option<usize>| Some(&agents.get(column?)?.agent);
        assign(&scores, &ranks).into_iter().map(agent).collect()
    }

    /// What other scores make of it: a row for each contact, in their order, with a score in thousandths for each agent, in
    /// theirs; `None`: refused.
    ///
    /// # Errors
    /// [`WrongShape`]
    pub fn compare(&self, scores: &[Vec<Option<i64>>]) -> Result<Rescored, WrongShape> {
        let width = self.decision.agents.len();
        if scores.len() != self.decision.contacts.len() || scores.iter().any(|row| row.len() != width) {
            return Err(WrongShape);
        }
        let mut pairs = Pairs::default();
        for (before, now) in self.decision.scores.iter().map(|pair| pair.score_milli).zip(scores.iter().flatten()) {
            let count = match (before, now) {
                (None, None) => &mut pairs.equal,
                (Some(before), Some(now)) if before == *now => &mut pairs.equal,
                (Some(_), Some(_)) => &mut pairs.other,
                (Some(_), None) => &mut pairs.newly_refused,
                (None, Some(_)) => &mut pairs.newly_accepted,
            };
            *count += 1;
        }
        let waited = self.decision.columns.contact.iter().position(|name| name == WAITED);
        let mut rescored =
            Rescored { pairs, changes: Vec::new(), recorded: Served::default(), candidate: Served::default() };
        let both = self.assigned().into_iter().zip(self.assignment(scores));
        for (row, (recorded, candidate)) in self.decision.contacts.iter().zip(both) {
            let waited_ms = waited.and_then(|at| row.values.get(at).copied()).map_or(0, whole);
            for (agent, served) in [(recorded, &mut rescored.recorded), (candidate, &mut rescored.candidate)] {
                if agent.is_some() {
                    served.contacts += 1;
                    served.waited_ms = served.waited_ms.saturating_add(waited_ms);
                }
            }
            if recorded != candidate {
                let (recorded, candidate) = (recorded.cloned(), candidate.cloned());
                rescored.changes.push(Change { contact: row.contact, waited_ms, recorded, candidate });
            }
        }
        Ok(rescored)
    }
}

/// Milliseconds of a row; what is no number, or a negative one, is 0.
fn whole(ms: f32) -> u64 {
    // Saturates.
    ms as u64
}

#[cfg(test)]
mod tests;
