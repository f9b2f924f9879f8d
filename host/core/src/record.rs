//! What remains of a contact: exactly one record, made when it ends.

use crate::flow::{Address, Channel};
use crate::ids::{AgentId, ContactId, DecisionId, EntryPointName, QueueName, TenantId, Version};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// A contact from beginning to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactRecord {
    /// Which.
    pub id: ContactId,
    /// Whose.
    pub tenant: TenantId,
    /// How.
    pub channel: Channel,
    /// Through which entry point; none if no number matched.
    pub entry_point: Option<EntryPointName>,
    /// From whom.
    pub origin: Address,
    /// To what.
    pub dialled: Address,
    /// When it came.
    pub offered_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Why it ended.
    pub end: EndReason,
    /// Every place it held in a queue, in order.
    pub visits: Vec<QueueVisit>,
    /// What the person chose: question, what, when. Secret answers have no value.
    pub choices: Vec<ChoiceMade>,
    /// The attributes at the end.
    pub attributes: BTreeMap<String, String>,
    /// The flow versions that ran, in order.
    pub versions: Vec<Version>,
    /// The last flow failed and the safe flow took over, because of this.
    pub stepped_down: Option<String>,
    /// How many entries the journal has.
    pub journal_entries: u64,
    /// False if part of the journal could not be written.
    pub journal_durable: bool,
    /// What became of what it says of the person.
    pub personal: Personal,
}

/// What became of the personal part of a record: from whom and to what, choices, attributes, and every free text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Personal {
    /// It is there.
    #[default]
    Kept,
    /// It was erased (journal rule 20), and is empty.
    Erased,
    /// It can't be read, and is empty: its key is gone, or it is damaged.
    Unreadable,
}

impl ContactRecord {
    /// The record with an empty personal part, because of this: what statistics need stays.
    #[must_use]
    pub fn without_personal(mut self, personal: Personal) -> Self {
        self.origin = Address::default();
        self.dialled = Address::default();
        self.choices.clear();
        self.attributes.clear();
        self.end.forget_text();
        for visit in &mut self.visits {
            if let VisitOutcome::Lost(text) = &mut visit.outcome {
                text.clear();
            }
        }
        // That it stepped down is no secret.
        self.stepped_down = self.stepped_down.map(|_| String::new());
        self.personal = personal;
        self
    }
}

/// An answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoiceMade {
    /// When.
    pub at: Timestamp,
    /// The question's id.
    pub question: String,
    /// The answer for people: the choice's id, the digits, `silence`, `no-match`.
    pub answer: String,
}

/// One place in a queue, from beginning to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueVisit {
    /// Which queue.
    pub queue: QueueName,
    /// When the place was taken.
    pub queued_at: Timestamp,
    /// Every offer to an agent.
    pub offers: Vec<Offer>,
    /// When an agent answered.
    pub connected_at: Option<Timestamp>,
    /// When the place was given up, or the talk ended.
    pub left_at: Timestamp,
    /// How it ended.
    pub outcome: VisitOutcome,
}

/// One offer to an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// To whom.
    pub agent: AgentId,
    /// When.
    pub at: Timestamp,
    /// By which decision.
    pub decision: DecisionId,
    /// What came of it.
    pub result: OfferResult,
}

/// What came of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferResult {
    /// The agent answered.
    Answered,
    /// The phone rang in vain.
    TimedOut,
    /// The phone refused.
    Declined,
    /// The phone could not be reached.
    Unreachable,
    /// The contact was gone first.
    Withdrawn,
}

/// How a visit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VisitOutcome {
    /// With a talk.
    Answered {
        /// With whom.
        agent: AgentId,
        /// For how long.
        talked_ms: u64,
    },
    /// The person hung up while waiting.
    Abandoned,
    /// The flow gave the place up.
    Left,
    /// The queue went away.
    Lost(String),
}

/// Why a contact ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The flow said so.
    Completed,
    /// The flow could not help.
    Failed(String),
    /// The person hung up.
    HungUp,
    /// The person was gone before it was answered.
    Cancelled,
    /// The agent hung up and no flow went on.
    AgentHungUp,
    /// It was not taken; the text is the cause, e.g. `not-found`.
    Rejected(String),
    /// It was sent elsewhere.
    Redirected(String),
    /// An operator ended it.
    EndedByOperator,
    /// No media came any more.
    MediaLost,
    /// The signalling failed.
    SignallingFailed(String),
    /// The host was stopped.
    Shutdown,
    /// The host crashed while the contact was live.
    Interrupted,
    /// The flow's other reason.
    Other(String),
}

impl EndReason {
    /// Its stable name in records, filters and events.
    pub const fn code(&self) -> &'static str {
        match self {
            EndReason::Completed => "completed",
            EndReason::Failed(_) => "failed",
            EndReason::HungUp => "hung-up",
            EndReason::Cancelled => "cancelled",
            EndReason::AgentHungUp => "agent-hung-up",
            EndReason::Rejected(_) => "rejected",
            EndReason::Redirected(_) => "redirected",
            EndReason::EndedByOperator => "ended-by-operator",
            EndReason::MediaLost => "media-lost",
            EndReason::SignallingFailed(_) => "signalling-failed",
            EndReason::Shutdown => "shutdown",
            EndReason::Interrupted => "interrupted",
            EndReason::Other(_) => "other",
        }
    }

    /// The reason of this code, its text lost. A code that is none becomes the text of `other`.
    pub fn from_code(code: &str) -> Self {
        match code {
            "completed" => EndReason::Completed,
            "failed" => EndReason::Failed(String::new()),
            "hung-up" => EndReason::HungUp,
            "cancelled" => EndReason::Cancelled,
            "agent-hung-up" => EndReason::AgentHungUp,
            "rejected" => EndReason::Rejected(String::new()),
            "redirected" => EndReason::Redirected(String::new()),
            "ended-by-operator" => EndReason::EndedByOperator,
            "media-lost" => EndReason::MediaLost,
            "signalling-failed" => EndReason::SignallingFailed(String::new()),
            "shutdown" => EndReason::Shutdown,
            "interrupted" => EndReason::Interrupted,
            other => EndReason::Other(other.into()),
        }
    }

    /// Empties its text, if it has one: who wrote it may have named somebody.
    pub fn forget_text(&mut self) {
        match self {
            EndReason::Failed(text)
            | EndReason::Rejected(text)
            | EndReason::Redirected(text)
            | EndReason::SignallingFailed(text)
            | EndReason::Other(text) => text.clear(),
            EndReason::Completed
            | EndReason::HungUp
            | EndReason::Cancelled
            | EndReason::AgentHungUp
            | EndReason::EndedByOperator
            | EndReason::MediaLost
            | EndReason::Shutdown
            | EndReason::Interrupted => {}
        }
    }

    /// What its text says, if it has one.
    pub fn detail(&self) -> Option<&str> {
        match self {
            EndReason::Failed(text)
            | EndReason::Rejected(text)
            | EndReason::Redirected(text)
            | EndReason::SignallingFailed(text)
            | EndReason::Other(text) => Some(text),
            EndReason::Completed
            | EndReason::HungUp
            | EndReason::Cancelled
            | EndReason::AgentHungUp
            | EndReason::EndedByOperator
            | EndReason::MediaLost
            | EndReason::Shutdown
            | EndReason::Interrupted => None,
        }
    }
}
