//! Replay: whether a flow, called again from its beginning, does what its journal says was done.
//!
//! A fresh instance of a version makes its host calls one by one. Each is compared with the journal's next entry and
//! answered from it, without any effect (journal rules 10 and 11). The same comparison serves live migration, the
//! failing version's predecessor, hibernation, recovery and time travel.

mod agreement;
mod verdict;

use crate::flow::{Answer, ContactError, Reply, Request};
use crate::journal::{Entry, Frame, encode};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub use agreement::{Pending, agrees, in_words, pending, place_in_words};
pub use verdict::{Parting, Seen, SeenLine, Verdict, verdict};

/// Where a version parts from what its journal says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("entry {entry}: expected {expected}, got {got}")]
pub struct Divergence {
    /// The entry.
    pub entry: u64,
    /// What the journal has there, in words.
    pub expected: String,
    /// What the version does instead, in words.
    pub got: String,
}

/// The entries of a flow's journal, as far as they are to be gone through again.
pub type Entries = Arc<[Arc<Entry>]>;

/// A journal being gone through.
#[derive(Clone, Debug)]
pub struct Past {
    entries: Entries,
    /// The next entry.
    next: usize,
    /// Rule 11: a question that is open and asks something else now is no divergence.
    ask_anew: bool,
    substituted: u64,
}

/// What becomes of a call during a replay.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// It returned this.
    Returned {
        /// The number that counts for the guest's random numbers.
        entry: u64,
        /// What the guest's clock shows.
        at: Timestamp,
        /// What.
        reply: Reply,
    },
    /// It is the call that the contact waits in.
    Pending {
        /// Its number.
        entry: u64,
    },
    /// The journal is at its end: from here on it is live.
    Live,
    /// It is not what the journal has.
    Diverged(Divergence),
}

impl Past {
    /// A journal from its beginning.
    pub const fn new(entries: Entries, ask_anew: bool) -> Self {
        Self { entries, next: 0, ask_anew, substituted: 0 }
    }

    /// More of the same journal: what was gone through stays so.
    pub fn go_on(&mut self, entries: Entries) {
        self.entries = entries;
    }

    /// Rule 20: how many secret answers were not known and were replaced by zeros of their length.
    pub const fn substituted(&self) -> u64 {
        self.substituted
    }

    /// Whether no call is left in it.
    pub fn over(&self) -> bool {
        self.entries.iter().skip(self.next).all(|entry| matches!(entry.as_ref(), Entry::External { .. }))
    }

    /// The call that the journal has in an entry.
    pub fn recorded(&self, entry: u64) -> Option<&Request> {
        match self.entries.get(usize::try_from(entry).ok()?)?.as_ref() {
            Entry::Call { request, .. } => Some(request),
            Entry::External { .. } => None,
        }
    }

    /// How many entries were gone through.
    pub const fn reached(&self) -> u64 {
        self.next as u64
    }

    /// The version calls.
    pub fn call(&mut self, request: &Request) -> Step {
        // Acts from outside are told by the reply that they led to.
        while let Some(Entry::External { .. }) = self.entries.get(self.next).map(AsRef::as_ref) {
            self.next += 1;
        }
        let entry = self.next as u64;
        let Some(Entry::Call { request: recorded, outcome, .. }) = self.entries.get(self.next).map(AsRef::as_ref)
        else {
            return Step::Live;
        };
        let Some((at, reply, _)) = outcome else {
            return match pending(recorded, request) {
                Pending::Agrees => Step::Pending { entry },
                Pending::AsksAnew if self.ask_anew => Step::Pending { entry },
                Pending::AsksAnew | Pending::Diverges => self.unlike(entry, recorded, request),
            };
        };
        if !agrees(recorded, reply, request) {
            return self.unlike(entry, recorded, request);
        }
        let (at, reply, substituted) = told(*at, reply);
        self.next += 1;
        self.substituted += u64::from(substituted);
        Step::Returned { entry, at, reply }
    }

    /// The version's run ended: whether it should have.
    pub fn ended(&self, how: &str) -> Option<Divergence> {
        let rest = self.entries.iter().enumerate().skip(self.next);
        let call = rest.into_iter().find_map(|(at, entry)| match entry.as_ref() {
            Entry::Call { request, .. } => Some((at as u64, in_words(request))),
            Entry::External { .. } => None,
        });
        call.map(|(entry, expected)| Divergence { entry, expected, got: how.to_owned() })
    }

    /// A call that was too large to be written has no entry: it failed, and will fail again.
    fn unlike(&self, entry: u64, recorded: &Request, request: &Request) -> Step {
        match encode(&Frame::Call { entry, at: Timestamp::default(), request: request.clone() }) {
            Ok(_) => Step::Diverged(Divergence { entry, expected: in_words(recorded), got: in_words(request) }),
            Err(cause) => {
                let (entry, at) = self.latest();
                Step::Returned { entry, at, reply: Reply::Failed(ContactError::Invalid(cause.to_string())) }
            }
        }
    }

    /// The latest entry gone through, and when it returned.
    fn latest(&self) -> (u64, Timestamp) {
        let before = self.next.checked_sub(1).and_then(|at| self.entries.get(at));
        let at = before.map(|entry| match entry.as_ref() {
            Entry::Call { at, outcome: None, .. } | Entry::External { at, .. } => *at,
            Entry::Call { outcome: Some((at, ..)), .. } => *at,
        });
        ((self.next as u64).saturating_sub(1), at.unwrap_or_default())
    }
}

/// What a guest is told, and whether it stands in for something that nobody knows any more.
fn told(at: Timestamp, reply: &Reply) -> (Timestamp, Reply, bool) {
    match reply {
        Reply::Answer(Answer::SecretDigits(count)) => {
            (at, Reply::Answer(Answer::Digits("0".repeat(usize::from(*count)))), true)
        }
        _ => (at, reply.clone(), false),
    }
}

/// The entries of a journal as read back: all of its latest flow.
pub fn entries(journal: &crate::journal::Journal) -> Entries {
    journal.entries.iter().cloned().map(Arc::new).collect()
}

#[cfg(test)]
mod tests;
