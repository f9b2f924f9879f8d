//! What is to come in the world, in order of time.

use cordboard_core::board::Input;
use cordboard_core::ids::{AgentId, ContactId, LegId, PlayId, RunId};
use cordboard_core::time::Timestamp;
use std::collections::BTreeMap;

/// Something that the world does.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    /// Somebody calls.
    Arrive,
    /// A caller does something, if still there.
    Caller(LegId, CallerAct),
    /// An agent's phone does something, if still in the call.
    Phone(LegId, PhoneAct),
    /// A flow goes on to its next call.
    Flow(ContactId, RunId),
    /// An agent comes, goes, or wants something.
    Agent(AgentId),
    /// A frame is durable, unless the store has failed.
    Stored(ContactId, u64),
    /// The store fails, or works again.
    Store(bool),
    /// A flow's instance is lost, whatever it waits in.
    Lost(ContactId, RunId),
    /// Another version has come to where the contact waits, or failed.
    Rehearsed(ContactId, RunId),
    /// Room for instances is wanted.
    Room,
    /// An operator changes something.
    Operator,
    /// Whatever the state of things.
    Input(Box<Input>),
    /// The end of the day.
    Drain,
}

#[derive(Clone, Debug)]
pub(super) enum CallerAct {
    Acknowledge,
    HangUp,
    Break,
    LoseMedia,
    Press(char),
    Heard(PlayId),
}

#[derive(Clone, Debug)]
pub(super) enum PhoneAct {
    PickUp,
    GiveUp,
    Decline,
    Unreachable,
    /// There is no room at ours.
    Stall,
    HangUp,
    Break,
    LoseMedia,
}

/// Happenings in order; between equals, who was noted first.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    what: BTreeMap<(Timestamp, u64), Happening>,
    noted: u64,
}

impl Agenda {
    pub(super) fn note(&mut self, at: Timestamp, what: Happening) {
        self.noted += 1;
        self.what.insert((at, self.noted), what);
    }

    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.what.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn pop(&mut self) -> Option<Happening> {
        self.what.pop_first().map(|(_, what)| what)
    }
}
