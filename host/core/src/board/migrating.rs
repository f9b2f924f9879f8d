//! Live migration (journal rules 13 to 15): another version goes through the contact's journal beside the flow that
//! runs, and takes over the call that it waits in. Whatever goes wrong, the contact stays as it is.

use super::contact::{Contact, Life, Parked, Rung};
use super::speech::Speech;
use super::{Board, Effect, Rehearsal, Rehearse};
use crate::config::{Deployment, World};
use crate::event::What;
use crate::flow::{Channel, Request, RunEnd};
use crate::ids::{ContactId, DeploymentName, RunId, Version};
use crate::replay::{self, Pending};
use std::collections::{BTreeMap, BTreeSet};

/// Rehearsals at once: each takes the room of an instance.
const MAX_REHEARSALS: usize = 32;
/// Rule 14: how often a rehearsal goes on over what came since.
const MAX_ATTEMPTS: u8 = 3;
/// When so many rehearsals of a version failed (not: diverged) and none agreed, the others are spared.
const MAX_FAILURES: u64 = 3;

/// A contact's way to another version.
#[derive(Debug)]
pub(super) struct Migration {
    pub(super) version: Version,
    stage: Stage,
    attempts: u8,
}

#[derive(Debug)]
enum Stage {
    /// For a turn, or for a call in which it may begin.
    Waiting,
    /// Goes through the journal.
    Rehearsing(RunId),
    /// Agreed up to an entry that was answered meanwhile.
    Behind(RunId),
}

/// What became of those who were to go over to a deployment's version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Contacts that were to.
    pub wanted: u64,
    /// Went over.
    pub migrated: u64,
    /// The version does something else than their journal says.
    pub diverged: u64,
    /// Came further each time the version had caught up, or ended.
    pub moved_on: u64,
    /// The version failed.
    pub failed: u64,
    /// Were not tried: stepped down already, or without a journal that could be gone through.
    pub refused: u64,
}

/// All that are on their way.
#[derive(Debug, Default)]
pub(super) struct Moves {
    rehearsals: usize,
    /// Those that could begin, but for want of a turn.
    turns: BTreeSet<ContactId>,
    tallies: BTreeMap<DeploymentName, (Version, Tally)>,
}

impl Moves {
    pub(super) fn forget(&mut self, name: &DeploymentName) {
        self.tallies.remove(name);
    }

    pub(super) fn tally(&self, name: &DeploymentName, version: Version) -> Tally {
        self.tallies.get(name).filter(|(of, _)| *of == version).map(|(_, tally)| *tally).unwrap_or_default()
    }

    /// A contact ended on the way.
    fn ended(&mut self, name: &DeploymentName, version: Version) {
        if let Some((_, tally)) = self.tallies.get_mut(name).filter(|(of, _)| *of == version) {
            tally.moved_on += 1;
        }
    }

    fn tally_mut(&mut self, name: &DeploymentName, version: Version) -> &mut Tally {
        let (of, tally) = self.tallies.entry(name.clone()).or_insert((version, Tally::default()));
        if *of != version {
            (*of, *tally) = (version, Tally::default());
        }
        tally
    }
}

impl Migration {
    /// The rehearsal's run.
    pub(super) const fn run(&self) -> Option<RunId> {
        match self.stage {
            Stage::Waiting => None,
            Stage::Rehearsing(run) | Stage::Behind(run) => Some(run),
        }
    }
}

/// Why a contact stays.
struct Stay {
    outcome: &'static str,
    detail: String,
}

impl Board {
    /// A deployment serves another version, and its contacts are to go over.
    pub(super) fn migrate_all(&mut self, name: &DeploymentName) {
        let here = |contact: &&Contact| contact.deployment == *name && contact.run().is_some();
        let all: Vec<_> = self.contacts.values().filter(here).map(|contact| contact.id).collect();
        all.into_iter().for_each(|id| self.migrate(id));
    }

    /// A deployment doesn't serve any more what its contacts are on the way to.
    pub(super) fn call_off(&mut self, name: &DeploymentName) {
        let deployment = self.deployments.get(name);
        let here = self.contacts.values_mut().filter(|contact| contact.deployment == *name);
        for contact in here {
            let Some(to) = contact.migration.as_ref().map(|migration| migration.version) else { continue };
            if !deployment.is_some_and(|deployment| deployment.serves(to)) {
                contact.drop_migration(&mut self.out);
                let detail = "it is not deployed any more".into();
                contact.tell(&mut self.out, What::NotMigrated { to, outcome: "refused", detail });
            }
        }
    }

    /// A contact is to go over to what its deployment serves.
    pub(super) fn migrate(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let is_flow = |found: &Deployment| found.world == World::Flow;
        if !self.deployments.get(&contact.deployment).is_some_and(is_flow) {
            return;
        }
        let Some(version) = self.served(contact) else { return };
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if contact.migration.as_ref().is_some_and(|migration| migration.version == version) {
            return;
        }
        contact.drop_migration(&mut self.out);
        if contact.version == Some(version) || contact.run().is_none() {
            return;
        }
        self.moves.tally_mut(&contact.deployment, version).wanted += 1;
        contact.migration = Some(Migration { version, stage: Stage::Waiting, attempts: 0 });
        let refusal = if contact.rung > Rung::Own {
            Some("its flow failed before, and something else goes on")
        } else if contact.run().is_some_and(|run| run.tidied.is_some()) {
            Some("the person is gone")
        } else if !contact.ledger.has_past() {
            Some("its journal is too long, or full")
        } else {
            None
        };
        match refusal {
            Some(why) => self.stay(id, Stay { outcome: "refused", detail: why.into() }),
            None => drop(self.out.parked.insert(id)),
        }
    }

    /// After each input: whoever can't be woken, ended on the way, came to a call in which it can go over, or got a turn.
    pub(super) fn move_on(&mut self) {
        loop {
            while let Some(id) = self.out.lost.pop() {
                self.never_woken(id);
            }
            while let Some((name, version)) = self.out.gone.pop() {
                self.moves.ended(&name, version);
            }
            while let Some(version) = self.out.freed.pop() {
                self.rehearsal_over(version);
            }
            let next = match self.out.parked.pop_first() {
                None if self.moves.rehearsals < MAX_REHEARSALS => self.moves.turns.pop_first(),
                next => next,
            };
            match next {
                Some(id) => self.rehearse(id),
                None => return,
            }
        }
    }

    fn rehearsal_over(&mut self, version: Version) {
        self.moves.rehearsals = self.moves.rehearsals.saturating_sub(1);
        self.unhold(version);
    }

    /// Rule 13: other calls finish first.
    fn rehearse(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id).filter(|contact| contact.waits()) else { return };
        let Some(migration) = &mut contact.migration else { return };
        let version = migration.version;
        let begins = match migration.stage {
            Stage::Rehearsing(_) => return,
            Stage::Waiting if self.moves.rehearsals >= MAX_REHEARSALS => {
                self.moves.turns.insert(id);
                return;
            }
            Stage::Waiting => true,
            Stage::Behind(_) => false,
        };
        let tally = self.moves.tally(&contact.deployment, version);
        let Some(past) = contact.ledger.past() else {
            self.stay(id, Stay { outcome: "refused", detail: "its journal is too long, or full".into() });
            return;
        };
        if begins && tally.migrated == 0 && tally.failed >= MAX_FAILURES {
            let detail = "the version failed for the first contacts, and agreed for none".into();
            self.stay(id, Stay { outcome: "refused", detail });
            return;
        }
        let run = match migration.stage {
            Stage::Behind(run) | Stage::Rehearsing(run) => run,
            Stage::Waiting => self.out.run(),
        };
        migration.stage = Stage::Rehearsing(run);
        if !begins {
            self.out.push(Effect::RehearseOn { contact: id, run, past });
            return;
        }
        let ask_anew = self.deployments.get(&contact.deployment).is_some_and(|deployment| deployment.ask_anew);
        self.out.push(Effect::Rehearse(Box::new(Rehearse {
            contact: id,
            run,
            version,
            channel: Channel::Voice,
            origin: contact.origin.clone(),
            dialled: contact.dialled.clone(),
            seed: contact.seed,
            at: contact.flow_at,
            past,
            ask_anew,
        })));
        self.moves.rehearsals += 1;
        self.hold(version);
    }

    pub(super) fn rehearsed(&mut self, id: ContactId, run: RunId, result: Rehearsal) {
        let current = self.contacts.get_mut(&id).and_then(|contact| contact.migration.as_mut());
        let Some(migration) = current.filter(|of| of.run() == Some(run)) else {
            // Nobody waits for it any more, nor can it take over.
            if self.contacts.get(&id).and_then(Contact::run).is_none_or(|current| current.id != run) {
                self.out.push(Effect::CancelFlow { contact: id, run });
            }
            return;
        };
        match result {
            // Told twice.
            Rehearsal::Agreed { .. } if matches!(migration.stage, Stage::Behind(_)) => {}
            Rehearsal::Agreed { entry, request } => {
                migration.stage = Stage::Behind(run);
                self.agreed(id, entry, request);
            }
            Rehearsal::Diverged(what) => self.stay(id, Stay { outcome: "diverged", detail: what.to_string() }),
            Rehearsal::Failed(end) => {
                let detail = match end {
                    RunEnd::Returned(_) => "it returned".into(),
                    RunEnd::GuestError(text) => text,
                    RunEnd::Trap(text) => format!("it trapped: {text}"),
                    RunEnd::Deadline => "it used too much CPU time".into(),
                    RunEnd::Limit(text) => format!("it hit a limit: {text}"),
                    RunEnd::NotStarted(text) | RunEnd::NoRoom(text) => format!("it could not be started: {text}"),
                    RunEnd::Diverged(what) => what.to_string(),
                };
                self.stay(id, Stay { outcome: "failed", detail: super::shortened(detail, 1024) });
            }
        }
    }

    /// Rule 13: valid only if that call is still pending. Rule 14: else it goes on, three times.
    fn agreed(&mut self, id: ContactId, entry: u64, request: Request) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let waits = contact.waits();
        let pending = contact.run().and_then(|run| run.pending.as_ref());
        if !waits || pending.is_none_or(|pending| pending.entry != entry) {
            let Some(migration) = &mut contact.migration else { return };
            migration.attempts += 1;
            if migration.attempts > MAX_ATTEMPTS {
                let detail = format!("it was further on each of {} times", migration.attempts);
                self.stay(id, Stay { outcome: "moved-on", detail });
            } else {
                self.out.parked.insert(id);
            }
            return;
        }
        let ask_anew = self.deployments.get(&contact.deployment).is_some_and(|deployment| deployment.ask_anew);
        let agreement = contact.ledger.pending(entry).map(|recorded| replay::pending(recorded, &request));
        match agreement {
            Some(Pending::Agrees) => self.take_over(id, entry, request, false),
            Some(Pending::AsksAnew) if ask_anew => self.take_over(id, entry, request, true),
            Some(Pending::AsksAnew | Pending::Diverges) | None => {
                let detail = format!("entry {entry}: got {}", replay::in_words(&request));
                self.stay(id, Stay { outcome: "diverged", detail });
            }
        }
    }

    /// One step: the old instance is gone, the new one waits in its place, and nothing else has changed.
    fn take_over(&mut self, id: ContactId, entry: u64, request: Request, anew: bool) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let (Some(migration), Some(from)) = (contact.migration.take(), contact.version) else { return };
        let (Some(run), to) = (migration.run(), migration.version) else { return };
        let Some(current) = contact.run_mut() else { return };
        let before = std::mem::replace(&mut current.id, run);
        if std::mem::replace(&mut current.life, Life::Awake) != Life::Asleep {
            self.out.push(Effect::CancelFlow { contact: id, run: before });
        }
        self.out.push(Effect::TakeOver { contact: id, run });
        contact.version = Some(to);
        contact.versions.push(to);
        contact.ledger.segment(&mut self.out, to, &contact.deployment, contact.seed);
        contact.tell(&mut self.out, What::Migrated { from, to, entry });
        self.moves.tally_mut(&contact.deployment, to).migrated += 1;
        let held = contact.predecessor.replace(from);
        if let Request::Ask(question) = request.clone() {
            match contact.run_mut().and_then(|run| run.pending.as_mut()).map(|pending| &mut pending.call) {
                Some(Parked::Ask(ask)) if !anew => ask.replace(question),
                Some(Parked::Speech(Speech::Ask(waiting))) if !anew => **waiting = question,
                _ => {
                    contact.ledger.asked_anew(&mut self.out, entry, &request);
                    contact.hush(&mut self.out);
                    contact.speak(&mut self.out, entry, Speech::Ask(Box::new(question)));
                }
            }
        }
        self.hold(from);
        self.pin(to);
        self.unpin(from);
        held.into_iter().for_each(|held| self.unhold(held));
        self.rehearsal_over(to);
    }

    /// The contact stays with the version it has, and that is told.
    fn stay(&mut self, id: ContactId, stay: Stay) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(to) = contact.migration.as_ref().map(|migration| migration.version) else { return };
        contact.drop_migration(&mut self.out);
        let tally = self.moves.tally_mut(&contact.deployment, to);
        match stay.outcome {
            "diverged" => tally.diverged += 1,
            "moved-on" => tally.moved_on += 1,
            "failed" => tally.failed += 1,
            _ => tally.refused += 1,
        }
        contact.tell(&mut self.out, What::NotMigrated { to, outcome: stay.outcome, detail: stay.detail });
    }
}
