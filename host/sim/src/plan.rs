//! What kind of day it is.

use serde::{Deserialize, Serialize};

/// The parameters of a simulated centre. Times in milliseconds, means of about exponential distributions; chances out
/// of a thousand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Calls that come in; then the centre drains.
    pub contacts: u32,
    /// Between two calls.
    pub arrival_ms: u64,
    /// How long people stay, whatever happens.
    pub patience_ms: u64,
    /// How long agents talk.
    pub talk_ms: u64,
    /// Agents. Each has some of three skills.
    pub agents: u32,
    /// Queues. Every other one has a scorer.
    pub queues: u32,
    /// After a talk; every third queue has none.
    pub wrap_up_ms: u32,
    /// Contacts at once.
    pub max_contacts: u32,
    /// What goes wrong.
    pub faults: Faults,
    /// Between two changes by operators: documents put and removed, contacts ended, attributes set. 0: none.
    pub operator_ms: u64,
    /// How often a new version takes the contacts in progress along, and how often it asks open questions anew, out of
    /// a thousand.
    pub migrating: u32,
    /// Between two times that room is wanted, so that instances of flows that wait are dropped. 0: never.
    pub hibernate_ms: u64,
    /// Between two failures of the store, each of up to ten seconds. 0: none.
    pub store_failure_ms: u64,
    /// Every so many inputs the whole board is held against the model.
    pub inspect_every: u32,
    /// Inputs, at most: a centre that doesn't come to rest is broken.
    pub max_steps: u64,
}

/// Chances out of a thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// A flow traps, fails, floods, never returns, or isn't started.
    pub flows: u32,
    /// Another version diverges in rehearsal, fails, never ends, is late, or claims to wait where it doesn't.
    pub rehearsals: u32,
    /// A scorer fails, answers wrongly, late or never.
    pub scorers: u32,
    /// A directory fails, answers late or never.
    pub directories: u32,
    /// A place outside fails, answers too much, late or never.
    pub places: u32,
    /// An agent's phone is gone, declines, isn't answered, or breaks.
    pub phones: u32,
    /// A caller's line breaks, or never acknowledges.
    pub lines: u32,
    /// The store acknowledges late.
    pub store: u32,
    /// With an input, another comes that is stale or makes no sense.
    pub strays: u32,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            flows: 50,
            rehearsals: 200,
            scorers: 30,
            directories: 100,
            places: 200,
            phones: 150,
            lines: 20,
            store: 50,
            strays: 10,
        }
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            contacts: 200,
            arrival_ms: 4_000,
            patience_ms: 120_000,
            talk_ms: 60_000,
            agents: 12,
            queues: 3,
            wrap_up_ms: 5_000,
            max_contacts: 500,
            faults: Faults::default(),
            operator_ms: 60_000,
            migrating: 500,
            hibernate_ms: 30_000,
            store_failure_ms: 600_000,
            inspect_every: 16,
            max_steps: 2_000_000,
        }
    }
}

impl Plan {
    /// Everything goes wrong, all the time, with hardly enough agents.
    pub fn stress() -> Self {
        Self {
            arrival_ms: 1_500,
            patience_ms: 60_000,
            talk_ms: 30_000,
            agents: 8,
            queues: 5,
            max_contacts: 60,
            faults: Faults {
                flows: 300,
                rehearsals: 500,
                scorers: 300,
                directories: 400,
                places: 500,
                phones: 500,
                lines: 150,
                store: 300,
                strays: 200,
            },
            operator_ms: 2_500,
            hibernate_ms: 3_000,
            store_failure_ms: 60_000,
            ..Self::default()
        }
    }

    /// Nothing goes wrong, and nobody changes anything.
    pub fn calm() -> Self {
        let none = Faults {
            flows: 0,
            rehearsals: 0,
            scorers: 0,
            directories: 0,
            places: 0,
            phones: 0,
            lines: 0,
            store: 0,
            strays: 0,
        };
        Self { faults: none, operator_ms: 0, hibernate_ms: 0, store_failure_ms: 0, ..Self::default() }
    }
}
