//! What every part of the board writes to: effects, timers, fresh numbers.

use super::Effect;
use super::generator::Generator;
use super::timers::Timers;
use crate::event::{Event, What};
use crate::ids::{ContactId, DecisionId, DeploymentName, FetchId, LegId, LookupId, PlayId, RunId, ValueId, Version};
use crate::time::Timestamp;
use std::collections::{BTreeSet, VecDeque};

/// The time of the input in hand, and where its consequences go.
#[derive(Debug)]
pub(super) struct Out {
    /// Never goes backwards.
    pub(super) now: Timestamp,
    /// Not yet polled.
    pub(super) effects: VecDeque<Effect>,
    /// What is to come.
    pub(super) timers: Timers,
    /// Contacts that are to go over to another version and may now have come to where they can.
    pub(super) parked: BTreeSet<ContactId>,
    /// Versions whose rehearsal is over, one for each.
    pub(super) freed: Vec<Version>,
    /// Deployments and versions that a contact which ended was on the way to, one for each.
    pub(super) gone: Vec<(DeploymentName, Version)>,
    /// Contacts that sleep, and whose journal can't be gone through any more.
    pub(super) lost: Vec<ContactId>,
    /// Whether the store writes.
    pub(super) healthy: bool,
    generator: Generator,
    last: u64,
}

/// The legs that the board names have this bit set.
const OURS: u64 = 1 << 63;

impl Out {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            now: Timestamp(0),
            effects: VecDeque::new(),
            timers: Timers::default(),
            parked: BTreeSet::new(),
            freed: Vec::new(),
            gone: Vec::new(),
            lost: Vec::new(),
            healthy: true,
            generator: Generator::new(seed),
            last: 0,
        }
    }

    pub(super) fn push(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    pub(super) fn tell(&mut self, contact: Option<ContactId>, what: What) {
        self.effects.push_back(Effect::Tell(Event { at: self.now, contact, what }));
    }

    /// One sequence serves all names: none is ever used twice, of whatever kind.
    const fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) const fn leg(&mut self) -> LegId {
        LegId(self.next() | OURS)
    }

    pub(super) const fn run(&mut self) -> RunId {
        RunId(self.next())
    }

    pub(super) const fn play(&mut self) -> PlayId {
        PlayId(self.next())
    }

    pub(super) const fn lookup(&mut self) -> LookupId {
        LookupId(self.next())
    }

    pub(super) const fn fetch(&mut self) -> FetchId {
        FetchId(self.next())
    }

    pub(super) const fn value(&mut self) -> ValueId {
        ValueId(self.next())
    }

    pub(super) const fn decision(&mut self) -> DecisionId {
        DecisionId(self.next())
    }

    /// The seed of a journal.
    pub(super) const fn seed(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// 48 bits of the time and 80 of the generator.
    pub(super) fn contact(&mut self) -> ContactId {
        let time = u128::from(self.now.as_ms() & ((1 << 48) - 1));
        let high = u128::from(self.generator.next_u64() & 0xFFFF);
        let low = u128::from(self.generator.next_u64());
        ContactId((time << 80) | (high << 64) | low)
    }
}
