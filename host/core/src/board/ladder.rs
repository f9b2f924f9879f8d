//! The ladder (journal rule 16): who goes on in place of a flow that failed.
//!
//! First the version before, if it agrees with everything that was done so far (not where the flow itself says that it
//! can't go on: that is no fault of the version); then the entry point's safe flow, with
//! the attributes; then the board itself (see `safe`), which needs no plugin, so that an exhausted pool or a broken
//! engine can't be in its way. One descent for each rung of a contact, and never back up.

use super::contact::{Contact, Line, Resume, Rung};
use super::out::Out;
use super::{Board, shortened};
use crate::config::World;
use crate::event::What;
use crate::ids::ContactId;
use crate::journal::External;
use crate::rollout::{Figure, Mark};

/// Text of a failed run that records keep.
const MAX_REASON_BYTES: usize = 1024;

impl Board {
    /// The flow failed, and its run is over: the next rung.
    pub(super) fn descend(&mut self, id: ContactId, kind: &str, text: String) {
        let reason = shortened(format!("{kind}: {text}"), MAX_REASON_BYTES);
        // Where there is no room for an instance, there is none for another.
        let room = kind != "no-room";
        let fault = room && kind != "guest-error";
        if room && kind != "wake-diverged" {
            self.seen(id, Mark::Bad(Figure::Descents));
        }
        if (fault && self.try_predecessor(id, &reason)) || (room && self.try_safe_flow(id, &reason)) {
            return;
        }
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.rung = Rung::Board;
        }
        self.step_down(id, reason);
    }

    /// This contact's version before, else the deployment's, goes through the journal and then on.
    fn try_predecessor(&mut self, id: ContactId, reason: &str) -> bool {
        let Some(contact) = self.contacts.get(&id).filter(|contact| contact.rung < Rung::Predecessor) else {
            return false;
        };
        let before = contact.version;
        let version = contact.last_good(self.deployments.get(&contact.deployment));
        let Some(version) = version.filter(|version| self.loaded.contains(version)) else {
            return false;
        };
        let Some(contact) = self.contacts.get_mut(&id) else { return false };
        if !contact.resume(&mut self.out, version, Resume::Predecessor) {
            return false;
        }
        contact.rung = Rung::Predecessor;
        contact.tell(&mut self.out, What::Descended { rung: "predecessor", version, reason: reason.to_owned() });
        let held = contact.predecessor.take();
        self.pin(version);
        before.into_iter().for_each(|before| self.unpin(before));
        held.into_iter().for_each(|held| self.unhold(held));
        true
    }

    /// The entry point's safe flow, afresh. Whoever holds a place in a queue keeps it, which a fresh flow could not:
    /// that is the board's rung.
    fn try_safe_flow(&mut self, id: ContactId, reason: &str) -> bool {
        let Some(contact) = self.contacts.get(&id).filter(|contact| contact.rung < Rung::SafeFlow) else {
            return false;
        };
        if contact.place.is_some() || contact.line == Line::Gone {
            return false;
        }
        let safe = contact.safe_flow.as_ref().and_then(|name| self.deployments.get(name));
        let Some(safe) = safe.filter(|safe| safe.world == World::Flow) else { return false };
        let (name, version) = (safe.name.clone(), safe.version);
        let Some(contact) = self.contacts.get_mut(&id) else { return false };
        contact.rung = Rung::SafeFlow;
        contact.stepped_down = Some(reason.to_owned());
        contact.ledger.external(&mut self.out, External::SteppedDown(reason.to_owned()));
        contact.tell(&mut self.out, What::Descended { rung: "safe-flow", version, reason: reason.to_owned() });
        contact.keys.clear();
        contact.hush(&mut self.out);
        contact.ledger.continued(&mut self.out);
        self.start_afresh(id, name, version);
        true
    }
}

impl Contact {
    /// The predecessor went through the journal: what comes is its own.
    pub(super) fn stepped_in(&mut self, out: &mut Out) {
        if let Some(version) = self.version {
            self.versions.push(version);
            self.ledger.segment(out, version, &self.deployment, self.seed);
        }
    }
}
