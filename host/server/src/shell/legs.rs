//! What a leg is to signalling and media.

use cordboard_core::ids::{AgentId, LegId};
use cordboard_media::SessionId;
use cordboard_sip::CallId;
use std::collections::BTreeMap;

/// One side of a call.
#[derive(Debug)]
pub(super) struct Leg {
    /// For the signalling.
    pub call: CallId,
    /// For the media threads.
    pub media: SessionId,
    /// What is still to be said in SDP.
    pub sdp: Sdp,
    /// Whose phone it is, if we called it.
    pub agent: Option<AgentId>,
}

/// How far SDP has come.
#[derive(Debug)]
pub(super) enum Sdp {
    /// The caller offered: this is our answer, for the 200.
    AnswerReady(String),
    /// The caller offered nothing: the 200 carries our offer, the ACK the answer (RFC 3261 §13.2.1).
    OfferInAnswer,
    /// We offered and wait for the answer, or wait for the caller's in the ACK.
    AwaitAnswer,
    /// We offered anew in an answered call, and wait for the answer in the ACK (RFC 3261 §14.2).
    AwaitReanswer,
    /// Agreed.
    Agreed,
}

/// Every leg, by each of its names.
#[derive(Default)]
pub(super) struct Legs {
    legs: BTreeMap<LegId, Leg>,
    calls: BTreeMap<u64, LegId>,
    sessions: BTreeMap<u64, LegId>,
    offered: u64,
}

impl Legs {
    /// A new incoming leg's name. The highest bit stays clear: those belong to the board.
    pub(super) fn next_incoming(&mut self) -> LegId {
        self.offered = (self.offered + 1) & (u64::MAX >> 1);
        LegId(self.offered)
    }

    /// Adds a leg.
    pub(super) fn add(&mut self, id: LegId, leg: Leg) {
        self.calls.insert(leg.call.0, id);
        self.sessions.insert(leg.media.0, id);
        self.legs.insert(id, leg);
    }

    /// Forgets a leg.
    pub(super) fn remove(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.legs.remove(&id)?;
        self.calls.remove(&leg.call.0);
        self.sessions.remove(&leg.media.0);
        Some(leg)
    }

    /// A leg by the board's name.
    pub(super) fn get_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs.get_mut(&id)
    }

    /// A leg by the board's name.
    pub(super) fn get(&self, id: LegId) -> Option<&Leg> {
        self.legs.get(&id)
    }

    /// The board's name of a call.
    pub(super) fn of_call(&self, call: CallId) -> Option<LegId> {
        self.calls.get(&call.0).copied()
    }

    /// The board's name of a media session.
    pub(super) fn of_session(&self, session: SessionId) -> Option<LegId> {
        self.sessions.get(&session.0).copied()
    }
}
