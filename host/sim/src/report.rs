//! What a simulated day was like.

use cordboard_core::board::Effect;
use cordboard_core::event::{Event, What};
use cordboard_core::record::{ContactRecord, OfferResult, VisitOutcome};
use cordboard_core::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// What came of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Repeats it.
    pub seed: u64,
    /// Inputs that the board was given.
    pub inputs: u64,
    /// Effects that it wanted.
    pub effects: u64,
    /// From the first to the last, in simulated time.
    pub lasted: Duration,
    /// How long it took to play, in real time: all else is the same whenever the seed is.
    pub took: Duration,
    /// Contacts that began, and ended.
    pub contacts: u64,
    /// Calls that were refused.
    pub refused: u64,
    /// Contacts by the code of their end.
    pub ends: BTreeMap<&'static str, u64>,
    /// Places taken in queues.
    pub queued: u64,
    /// Of them, answered by an agent.
    pub answered: u64,
    /// Of those answered, within 20 s.
    pub answered_in_time: u64,
    /// Hung up while waiting.
    pub abandoned: u64,
    /// The mean wait of those answered.
    pub mean_wait_ms: u64,
    /// The longest wait of those answered.
    pub longest_wait_ms: u64,
    /// Offers to agents.
    pub offers: u64,
    /// Of them, not taken.
    pub offers_missed: u64,
    /// Routing decisions.
    pub decisions: u64,
    /// Of them, without the scorer that should have made the scores.
    pub fallbacks: u64,
    /// Flows that failed, so that the safe flow took over.
    pub stepped_down: u64,
    /// Flows that failed, so that the version before or the entry point's safe flow took over.
    pub descended: u64,
    /// Contacts that went over to another version.
    pub migrated: u64,
    /// What canaries did by themselves.
    pub canaries: BTreeMap<&'static str, u64>,
    /// Contacts that didn't, by why.
    pub not_migrated: BTreeMap<&'static str, u64>,
    /// Rehearsals of other versions.
    pub rehearsals: u64,
    /// Flows that were woken, or whose journal their predecessor went through.
    pub resumed: u64,
    /// Versions that were put in another's place.
    pub swaps: u64,
    /// Versions unloaded.
    pub unloaded: u64,
    /// Journal entries.
    pub entries: u64,
    /// Of all that the board did, in order: two days with the same one were the same.
    pub digest: u64,
}

impl Report {
    /// Contacts played in a second of real time.
    pub fn contacts_per_s(&self) -> f64 {
        self.contacts as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// The share of places answered within 20 s, out of a thousand; those that were left by flows don't count.
    pub fn service_level(&self) -> u64 {
        (self.answered_in_time * 1000).checked_div(self.answered + self.abandoned).unwrap_or(1000)
    }
}

/// Counts while the day goes on.
#[derive(Debug)]
pub(crate) struct Tally {
    report: Report,
    waited_ms: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { report: Report { digest: 0xcbf2_9ce4_8422_2325, ..Report::default() }, waited_ms: 0 }
    }
}

impl Tally {
    pub(crate) fn effect(&mut self, now: Timestamp, effect: &Effect) {
        self.report.effects += 1;
        self.mix(&now.0.to_be_bytes());
        match effect {
            Effect::Journal { bytes, .. } => self.mix(bytes),
            Effect::KeepRecord(record) => self.record(record),
            Effect::Tell(event) => self.event(event),
            Effect::UnloadVersion(_) => self.report.unloaded += 1,
            Effect::RolloutStepped(_, step) => *self.report.canaries.entry(step.what.code()).or_default() += 1,
            Effect::Play { leg, play, .. } | Effect::StopPlay { leg, play } => {
                self.mix(&leg.0.to_be_bytes());
                self.mix(&play.0.to_be_bytes());
            }
            Effect::HangUpLeg(leg) | Effect::AnswerLeg(leg) | Effect::RingLeg(leg) => self.mix(&leg.0.to_be_bytes()),
            Effect::StartFlow { past, .. } => self.report.resumed += u64::from(!past.is_empty()),
            Effect::Rehearse(wanted) => {
                self.report.rehearsals += 1;
                self.mix(&wanted.run.0.to_be_bytes());
            }
            Effect::TakeOver { run, .. } => self.mix(&run.0.to_be_bytes()),
            Effect::RehearseOn { .. }
            | Effect::ReplyFlow { .. }
            | Effect::CancelFlow { .. }
            | Effect::RejectLeg { .. }
            | Effect::RedirectLeg { .. }
            | Effect::CallAgent { .. }
            | Effect::Bridge(..)
            | Effect::Unbridge(..)
            | Effect::Lookup { .. }
            | Effect::Fetch(_)
            | Effect::LoadValue { .. }
            | Effect::StoreValue { .. }
            | Effect::Score(_)
            | Effect::KeepDecision(_)
            | Effect::Drained => {}
        }
    }

    /// FNV-1a.
    fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.report.digest = (self.report.digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn record(&mut self, record: &ContactRecord) {
        self.report.contacts += 1;
        self.report.entries += record.journal_entries;
        *self.report.ends.entry(record.end.code()).or_default() += 1;
        self.mix(&record.id.0.to_be_bytes());
        self.mix(record.end.code().as_bytes());
        for visit in &record.visits {
            self.report.abandoned += u64::from(visit.outcome == VisitOutcome::Abandoned);
            self.report.offers += visit.offers.len() as u64;
            let missed =
                |result| matches!(result, OfferResult::TimedOut | OfferResult::Declined | OfferResult::Unreachable);
            self.report.offers_missed += visit.offers.iter().filter(|offer| missed(offer.result)).count() as u64;
        }
    }

    fn event(&mut self, event: &Event) {
        match &event.what {
            What::Refused { .. } => self.report.refused += 1,
            What::Queued { .. } => self.report.queued += 1,
            What::Connected { waited_ms, agent, .. } => {
                self.report.answered += 1;
                self.report.answered_in_time += u64::from(*waited_ms <= 20_000);
                self.report.longest_wait_ms = self.report.longest_wait_ms.max(*waited_ms);
                self.waited_ms += waited_ms;
                self.mix(agent.as_str().as_bytes());
            }
            What::Decided { fallback, .. } => {
                self.report.decisions += 1;
                self.report.fallbacks += u64::from(fallback.is_some());
            }
            What::SteppedDown { .. } => self.report.stepped_down += 1,
            What::Descended { .. } => self.report.descended += 1,
            What::Migrated { .. } => self.report.migrated += 1,
            What::NotMigrated { outcome, .. } => *self.report.not_migrated.entry(outcome).or_default() += 1,
            What::Deployed { before, .. } => self.report.swaps += u64::from(before.is_some()),
            What::AgentChanged { agent, state } => {
                self.mix(agent.as_str().as_bytes());
                self.mix(state.name().as_bytes());
            }
            _ => {}
        }
    }

    pub(crate) fn report(self, seed: u64, inputs: u64, lasted: Duration, took: Duration) -> Report {
        let mean_wait_ms = self.waited_ms.checked_div(self.report.answered).unwrap_or(0);
        Report { seed, inputs, lasted, took, mean_wait_ms, ..self.report }
    }
}
