//! What happens next outside of the board, by time; what is noted first happens first.

use cordboard_core::board::Input;
use cordboard_core::ids::{LegId, PlayId};
use cordboard_core::time::Timestamp;
use std::collections::BTreeMap;

/// Something that will happen.
#[derive(Clone, Debug)]
pub(super) enum Coming {
    /// The board is told something.
    Input(Box<Input>),
    /// The same about a call; nothing if the call is over by then.
    OfCall(LegId, Box<Input>),
    /// What plays to the caller ends by itself.
    PlayOver(LegId, PlayId),
    /// The caller presses this key, and goes on with the script if it is the last.
    Key(char, bool),
    /// The caller has been silent for long enough.
    Silence,
}

/// What will happen.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    coming: BTreeMap<(Timestamp, u64), Coming>,
    noted: u64,
}

impl Agenda {
    pub(super) fn note(&mut self, at: Timestamp, what: Coming) {
        self.noted += 1;
        self.coming.insert((at, self.noted), what);
    }

    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.coming.keys().next().map(|(at, _)| *at)
    }

    pub(super) fn pop(&mut self) -> Option<Coming> {
        self.coming.pop_first().map(|(_, what)| what)
    }

    /// The call is over: what was to come of it doesn't.
    pub(super) fn drop_call(&mut self, leg: LegId) {
        self.coming.retain(|_, what| match what {
            Coming::OfCall(of, _) | Coming::PlayOver(of, _) => *of != leg,
            Coming::Input(_) | Coming::Key(..) | Coming::Silence => true,
        });
    }

    /// What plays was stopped.
    pub(super) fn drop_play(&mut self, leg: LegId) {
        self.coming.retain(|_, what| !matches!(what, Coming::PlayOver(of, _) if *of == leg));
    }
}
