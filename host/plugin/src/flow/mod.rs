//! Running flows: one store a contact, parked in its host calls.

mod port;
mod run;

pub(crate) use port::FlowPort;
#[allow(unreachable_pub, reason = "generated code re-exports them")]
pub use port::{ContactHandle, WaitingHandle};
pub(crate) use run::{Program, failure, no_room, spawn};

use crate::guest::LogLevel;
use cordboard_core::flow::{Address, Channel, Reply, Request, RunEnd};
use cordboard_core::ids::{ContactId, RunId};
use cordboard_core::time::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

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
    /// The number the run's first journal entry will have.
    pub first_entry: u64,
}

/// What a run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCost {
    /// CPU time, in microseconds, instantiation included.
    pub cpu_us: u64,
    /// Host calls answered, and one.
    pub steps: u64,
    /// The most linear memory held, in bytes.
    pub peak_memory_bytes: u64,
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

/// The answer to a call.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The journal entry the call became.
    pub(crate) entry: u64,
    /// When it was answered.
    pub(crate) at: Timestamp,
    pub(crate) reply: Reply,
}

/// What a run and its handle share.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<GateState>);

#[derive(Debug, Default)]
struct GateState {
    cancelled: bool,
    /// Who waits for the answer to the open call.
    open: Option<oneshot::Sender<Answered>>,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, GateState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `send` unless the run was cancelled: once `cancel` has returned, nothing is sent any more.
    fn unless_cancelled(&self, send: impl FnOnce()) -> bool {
        let state = self.state();
        if !state.cancelled {
            send();
        }
        !state.cancelled
    }

    /// Opens a call: `send` announces it. None if the run was cancelled.
    fn open(&self, send: impl FnOnce()) -> Option<oneshot::Receiver<Answered>> {
        let mut state = self.state();
        if state.cancelled {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        state.open = Some(answer);
        send();
        Some(answered)
    }
}

/// The shell's hold on a run. Dropping it cancels the run.
#[derive(Debug)]
pub struct FlowHandle {
    contact: ContactId,
    run: RunId,
    gate: Arc<Gate>,
    task: tokio::task::AbortHandle,
}

impl FlowHandle {
    /// Answers the open call. `entry` is the number of the journal entry the call became, `at` its time: the guest's
    /// clock and random numbers go on from them. An answer that nobody waits for is a fault of the caller: it is
    /// logged at ERROR and dropped.
    pub fn reply(&self, entry: u64, at: Timestamp, reply: Reply) {
        let Some(waiting) = self.gate.state().open.take() else {
            tracing::error!(contact = %self.contact, run = %self.run, entry, "a reply to a flow that has no open call");
            return;
        };
        // A run that ended in the meantime needs no answer.
        let _ = waiting.send(Answered { entry, at, reply });
    }

    /// Drops the instance. Nothing is sent of this run afterwards; what is in the channel already stays there.
    pub fn cancel(&self) {
        let mut state = self.gate.state();
        state.cancelled = true;
        state.open = None;
        drop(state);
        self.task.abort();
    }
}

impl Drop for FlowHandle {
    fn drop(&mut self) {
        self.cancel();
    }
}
