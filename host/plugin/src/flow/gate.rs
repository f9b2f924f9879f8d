//! What a run and its handle share: the open call, and the instance while nobody drives it.

use super::run::Instance;
use super::seen::Watch;
use crate::guest::Meter;
use cordboard_core::flow::{Reply, Request};
use cordboard_core::replay::Entries;
use cordboard_core::time::Timestamp;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// The answer to a call.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The journal entry the call became.
    pub(crate) entry: u64,
    /// When it was answered.
    pub(crate) at: Timestamp,
    pub(crate) reply: Reply,
}

/// What a call waits for.
#[derive(Debug)]
pub(crate) enum Wake {
    /// It returned.
    Answered(Answered),
    /// A rehearsal's: the journal goes on.
    More(Entries),
}

/// The call at which a rehearsal stopped.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) entry: u64,
    pub(crate) request: Request,
    /// Secret answers that stood in for unknown ones so far.
    pub(crate) substituted: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    /// Not in its past any more: what it logs is new.
    live: AtomicBool,
    meter: OnceLock<Arc<Meter>>,
    watch: Mutex<Watch>,
}

#[derive(Debug, Default)]
struct State {
    cancelled: bool,
    /// Who waits in the open call.
    open: Option<oneshot::Sender<Wake>>,
    /// A rehearsal stopped here and has not been told.
    stopped: Option<Stop>,
    /// A rehearsal that agreed, driven by nobody.
    parked: Option<Instance>,
    task: Option<AbortHandle>,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it does in its past. Held for moments only.
    pub(crate) fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn live(&self) -> bool {
        self.live.load(Relaxed)
    }

    pub(crate) fn set_live(&self) {
        self.live.store(true, Relaxed);
    }

    /// Counts the run's CPU time, once it has begun.
    pub(crate) fn meter(&self) -> Option<&Arc<Meter>> {
        self.meter.get()
    }

    pub(crate) fn metered_by(&self, meter: Arc<Meter>) {
        // A run begins once.
        let _ = self.meter.set(meter);
    }

    /// Runs `send` unless the run was cancelled: once `cancel` has returned, nothing is sent any more.
    pub(crate) fn unless_cancelled(&self, send: impl FnOnce()) -> bool {
        let state = self.state();
        if !state.cancelled {
            send();
        }
        !state.cancelled
    }

    /// Opens a call: `send` announces it. None if the run was cancelled.
    pub(crate) fn open(&self, send: impl FnOnce()) -> Option<oneshot::Receiver<Wake>> {
        let mut state = self.state();
        if state.cancelled {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        state.open = Some(answer);
        send();
        Some(answered)
    }

    /// A rehearsal stops in this call, for whoever drives it to find.
    pub(crate) fn stop(&self, stop: Stop) -> Option<oneshot::Receiver<Wake>> {
        let answered = self.open(|| {})?;
        self.state().stopped = Some(stop);
        Some(answered)
    }

    /// Where the rehearsal stopped, if it did since the last look.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.state().stopped.take()
    }

    /// Keeps an instance that nobody drives. False if the run was cancelled: then it is gone.
    pub(crate) fn park(&self, instance: Instance) -> bool {
        let mut state = self.state();
        if !state.cancelled {
            state.parked = Some(instance);
            return true;
        }
        // Giving its memory back may take a while.
        drop(state);
        drop(instance);
        false
    }

    /// Takes the parked instance, for `drive` to drive from now on.
    pub(crate) fn unpark(&self, drive: impl FnOnce(Instance) -> AbortHandle) -> bool {
        let mut state = self.state();
        match state.parked.take() {
            Some(instance) if !state.cancelled => {
                state.task = Some(drive(instance));
                true
            }
            Some(_) | None => false,
        }
    }

    /// From one task to another, unless the run was cancelled.
    pub(crate) fn hand_over(&self, instance: Instance, drive: impl FnOnce(Instance) -> AbortHandle) {
        let mut state = self.state();
        if !state.cancelled {
            state.task = Some(drive(instance));
            return;
        }
        drop(state);
        drop(instance);
    }

    /// Answers the open call; false if there is none.
    pub(crate) fn wake(&self, wake: Wake) -> bool {
        // A run that ended in the meantime needs no answer.
        self.state().open.take().map(|waiting| drop(waiting.send(wake))).is_some()
    }

    /// Who drives it, unless it was handed on already. Ended at once if the run was cancelled before.
    pub(crate) fn driven_by(&self, task: AbortHandle) {
        let mut state = self.state();
        if state.cancelled {
            task.abort();
        }
        state.task.get_or_insert(task);
    }

    /// Nothing is sent any more. Gives the instance that nobody drives, to be dropped where that may take its time.
    pub(crate) fn cancel(&self) -> Option<Instance> {
        let mut state = self.state();
        state.cancelled = true;
        state.open = None;
        if let Some(task) = state.task.take() {
            task.abort();
        }
        state.parked.take()
    }
}
