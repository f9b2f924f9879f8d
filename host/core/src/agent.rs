//! Agents' states, as everybody sees them.

use crate::ids::ContactId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What an agent is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentState {
    /// No phone is registered, or the agent went home.
    SignedOut,
    /// Here, but not to be offered anything.
    NotReady {
        /// Why, e.g. `break`, `missed-offer`.
        reason: String,
    },
    /// To be offered the next contact.
    Ready {
        /// Since when: the longest idle is served first where scores are equal.
        since: Timestamp,
    },
    /// A contact is being offered.
    Reserved {
        /// Which.
        contact: ContactId,
    },
    /// Talking.
    OnContact {
        /// With whom.
        contact: ContactId,
    },
    /// Finishing up after a contact.
    WrapUp {
        /// After which.
        contact: ContactId,
        /// Ready again then.
        until: Timestamp,
    },
}

impl AgentState {
    /// Its name in events, metrics and the API.
    pub const fn name(&self) -> &'static str {
        match self {
            AgentState::SignedOut => "signed-out",
            AgentState::NotReady { .. } => "not-ready",
            AgentState::Ready { .. } => "ready",
            AgentState::Reserved { .. } => "reserved",
            AgentState::OnContact { .. } => "on-contact",
            AgentState::WrapUp { .. } => "wrap-up",
        }
    }
}

/// What an agent or a supervisor may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedState {
    /// Take no more, and forget the phone's sign-in until asked again.
    SignedOut,
    /// Take no more for now. A talk goes on.
    NotReady {
        /// Why.
        reason: String,
    },
    /// Take the next. Ends a wrap-up.
    Ready,
}
