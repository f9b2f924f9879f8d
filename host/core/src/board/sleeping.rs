//! Hibernation (journal rule 17): a contact that waits needs no instance. It is dropped, and made anew from the journal
//! when the call that it waits in returns.

use super::contact::{Contact, Life, Resume};
use super::{Board, Effect};
use crate::flow::RunEnd;
use crate::ids::ContactId;
use crate::time::Timestamp;

impl Board {
    /// Drops instances, of those that have waited longest first.
    pub(super) fn hibernate(&mut self, idle_ms: u64, at_most: u32) {
        let now = self.out.now;
        let mut idle: Vec<(Timestamp, ContactId)> = self
            .contacts
            .values()
            .filter_map(|contact| Some((contact.could_sleep_since()?, contact.id)))
            .filter(|(since, _)| now.ms_since(*since) >= idle_ms)
            .collect();
        idle.sort_unstable();
        for (_, id) in idle.into_iter().take(at_most as usize) {
            let Some(run) = self.contacts.get_mut(&id).and_then(Contact::run_mut) else { continue };
            run.life = Life::Asleep;
            let run = run.id;
            self.out.push(Effect::CancelFlow { contact: id, run });
        }
    }

    /// The journal of a contact that sleeps has grown too long meanwhile, by what was done from outside: it can't be
    /// woken, and something else goes on.
    pub(super) fn never_woken(&mut self, id: ContactId) {
        let Some(run) = self.contacts.get_mut(&id).and_then(Contact::run_mut) else { return };
        run.life = Life::Resuming(Resume::Woken);
        let run = run.id;
        self.flow_ended(id, run, RunEnd::NotStarted("its journal has become too long to be gone through".into()));
    }

    /// How many contacts do without an instance.
    pub fn asleep(&self) -> usize {
        self.contacts.values().filter(|contact| contact.asleep()).count()
    }
}

impl Contact {
    /// Since when it waits in a call in which its instance is not needed.
    fn could_sleep_since(&self) -> Option<Timestamp> {
        let run = self.run().filter(|run| run.life == Life::Awake)?;
        let free = self.waits() && self.migration.is_none() && self.ledger.has_past();
        free.then_some(run.pending.as_ref()?.since)
    }

    /// Whether it does without an instance.
    pub(super) fn asleep(&self) -> bool {
        self.run().is_some_and(|run| run.life == Life::Asleep)
    }
}
