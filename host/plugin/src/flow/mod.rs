//! Running flows: one store a contact, parked in its host calls.

mod failing;
mod gate;
mod port;
mod run;
mod seen;

pub(crate) use failing::{failure, no_room};
pub(crate) use port::FlowPort;
pub(crate) use port::Mode;
#[allow(unreachable_pub, reason = "generated code re-exports them")]
pub use port::{ContactHandle, WaitingHandle};
pub(crate) use run::{Program, Startable, spawn, spawn_rehearsal};

use cordboard_core::board::Rehearsal;
use cordboard_core::flow::{Address, Channel, Reply, Request, RunEnd};
use cordboard_core::ids::{ContactId, RunId};
use cordboard_core::note::{LogLevel, RunCost, StackFrame};
use cordboard_core::replay::{Entries, Seen};
use cordboard_core::time::Timestamp;
use gate::{Answered, Gate, Wake};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// What a run begins with.
#[derive(Clone, Debug)]
pub struct FlowStart {
    /// For whom.
    pub contact: ContactId,
    /// Which run; every message carries it.
    pub run: RunId,
    /// How the person is connected.
    pub channel: Channel,
    /// Who the contact comes from.
    pub origin: Address,
    /// What was dialled.
    pub dialled: Address,
    /// The contact's seed of random numbers.
    pub seed: u64,
    /// The time the guest's clock starts at.
    pub at: Timestamp,
    /// What the flow did and was told before, from its beginning: it goes through it without a word. A rehearsal stops
    /// in the call that has not returned, or in the first beyond.
    pub past: Entries,
    /// Whether a rehearsal may stop in a question that is open and asks something else.
    pub ask_anew: bool,
}

/// What a run tells its shell.
#[derive(Clone, Debug, PartialEq)]
pub enum FlowMessage {
    /// The flow calls and waits; answer with [`FlowHandle::reply`]. At most one call of a run is open.
    Call {
        /// Its contact.
        contact: ContactId,
        /// Its run.
        run: RunId,
        /// What it calls.
        request: Request,
    },
    /// The run is over: the last message of a run. A cancelled run sends none.
    Ended {
        /// Its contact.
        contact: ContactId,
        /// Its run.
        run: RunId,
        /// How it ended.
        end: RunEnd,
        /// What it used.
        cost: RunCost,
        /// Where it failed: the calls that had not returned, the latest first.
        stack: Vec<StackFrame>,
    },
    /// A rehearsal stopped, or failed. One that agreed waits for [`FlowHandle::take_over`],
    /// [`FlowHandle::rehearse_on`] or [`FlowHandle::cancel`]; else it is over.
    Rehearsed {
        /// Its contact.
        contact: ContactId,
        /// Its run.
        run: RunId,
        /// How it went.
        result: Rehearsal,
        /// How many entries it went through, and how many secret answers were replaced by zeros (rule 20).
        reached: (u64, u64),
        /// The guest as it was when it failed, if that was asked for: a wasm core dump.
        core_dump: Option<Vec<u8>>,
        /// What it did beside what its journal has.
        seen: Box<Seen>,
    },
    /// A line for the plugin's log. Dropped, and counted, while the channel is full.
    Log {
        /// Its contact.
        contact: ContactId,
        /// Its run.
        run: RunId,
        /// How serious the guest thinks it is.
        level: LogLevel,
        /// The line, at most 4 KiB.
        text: String,
    },
}

/// Where instances run.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Live ones.
    pub(crate) guests: Handle,
    /// Those whose step takes long: on threads of the lowest priority.
    pub(crate) slow: Handle,
    /// Rehearsals: on threads of low priority.
    pub(crate) rehearsals: Handle,
    /// A permit for each live one.
    pub(crate) flow_slots: Arc<Semaphore>,
    /// A permit for each rehearsal.
    pub(crate) rehearsal_slots: Arc<Semaphore>,
}

/// The shell's hold on a run. Dropping it cancels the run.
#[derive(Debug)]
pub struct FlowHandle {
    contact: ContactId,
    run: RunId,
    gate: Arc<Gate>,
    places: Places,
}

impl FlowHandle {
    /// Answers the open call. `entry` is the number of the journal entry the call became, `at` its time: the guest's
    /// clock and random numbers go on from them. An answer that nobody waits for is a fault of the caller: it is
    /// logged at ERROR and dropped.
    pub fn reply(&self, entry: u64, at: Timestamp, reply: Reply) {
        if !self.gate.live() || !self.gate.wake(Wake::Answered(Answered { entry, at, reply })) {
            tracing::error!(contact = %self.contact, run = %self.run, entry, "a reply to a flow that has no open call");
        }
    }

    /// A rehearsal that agreed is live from now on, waiting for the answer to the call in which it stopped. Takes no
    /// time, and needs no thread of low priority.
    pub fn take_over(&self) {
        let taken = self.gate.unpark(|instance| {
            self.gate.set_live();
            run::go_live(&self.places, instance)
        });
        if !taken {
            tracing::error!(contact = %self.contact, run = %self.run, "a rehearsal that didn't agree can't take over");
        }
    }

    /// A rehearsal that agreed goes on over what came since: the same journal, longer. Tells how it went as it did
    /// the first time.
    pub fn rehearse_on(&self, past: Entries) {
        let gone_on = self.gate.unpark(|instance| run::rehearse(&self.places, instance));
        if !gone_on || !self.gate.wake(Wake::More(past)) {
            tracing::error!(contact = %self.contact, run = %self.run, "a rehearsal that didn't agree can't go on");
        }
    }

    /// What the run has used so far: the CPU time of a step is in it once the step is over.
    pub fn cost(&self) -> RunCost {
        self.gate.meter().map(|meter| meter.cost()).unwrap_or_default()
    }

    /// Drops the instance. Nothing is sent of this run afterwards; what is in the channel already stays there.
    pub fn cancel(&self) {
        if let Some(instance) = self.gate.cancel() {
            // Giving its memory back may take a while.
            self.places.rehearsals.spawn(async move { drop(instance) });
        }
    }
}

impl Drop for FlowHandle {
    fn drop(&mut self) {
        self.cancel();
    }
}
