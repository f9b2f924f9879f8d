//! A guest's own time: it stands at the time of the latest journal entry, and only sleeping moves it.

use cordboard_core::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wasmtime::Result;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

const NS_PER_US: u64 = 1000;
const NS_PER_S: u64 = 1_000_000_000;

/// The clock of one store; copies show the same time.
#[derive(Clone, Debug, Default)]
pub(crate) struct VirtualClock(Arc<Mutex<State>>);

/// Nanoseconds since the epoch. The wall clock returns to the entries' time at each entry; the monotonic one never
/// goes back.
#[derive(Debug, Default)]
struct State {
    wall_ns: u64,
    monotonic_ns: u64,
    /// Deadlines of the timers that the guest waits for right now, by a number of their own.
    waiting: BTreeMap<u64, u64>,
    timers: u64,
}

impl VirtualClock {
    pub(crate) fn at(at: Timestamp) -> Self {
        let clock = Self::default();
        clock.entry(at);
        clock
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A journal entry was answered at this time.
    pub(crate) fn entry(&self, at: Timestamp) {
        let mut state = self.state();
        state.wall_ns = at.0.saturating_mul(NS_PER_US);
        state.monotonic_ns = state.monotonic_ns.max(state.wall_ns);
    }

    fn monotonic_ns(&self) -> u64 {
        self.state().monotonic_ns
    }

    fn begin_wait(&self, deadline_ns: u64) -> Registered {
        let mut state = self.state();
        state.timers += 1;
        let id = state.timers;
        state.waiting.insert(id, deadline_ns);
        Registered { clock: self.clone(), id }
    }

    /// Moves time on to the earliest deadline waited for.
    fn advance(&self) {
        let mut state = self.state();
        if let Some(earliest) = state.waiting.values().min().copied() {
            let slept = earliest.saturating_sub(state.monotonic_ns);
            state.monotonic_ns = state.monotonic_ns.saturating_add(slept);
            state.wall_ns = state.wall_ns.saturating_add(slept);
        }
    }
}

struct Registered {
    clock: VirtualClock,
    id: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.clock.state().waiting.remove(&self.id);
    }
}

/// A timer: waiting for it takes no time at all, it moves the clock.
struct VirtualTimer {
    clock: VirtualClock,
    deadline_ns: u64,
}

#[wasmtime_wasi::async_trait]
impl Pollable for VirtualTimer {
    async fn ready(&mut self) {
        if self.clock.monotonic_ns() >= self.deadline_ns {
            return;
        }
        let _waiting = self.clock.begin_wait(self.deadline_ns);
        // Every timer of the same `poll` gets to say what it waits for; then the earliest fires.
        tokio::task::yield_now().await;
        self.clock.advance();
        if self.clock.monotonic_ns() < self.deadline_ns {
            std::future::pending::<()>().await;
        }
    }
}

/// What the `wasi:clocks` calls of a guest see.
pub(crate) struct ClockView<'a> {
    pub(crate) clock: &'a VirtualClock,
    pub(crate) table: &'a mut ResourceTable,
}

impl ClockView<'_> {
    fn timer(&mut self, deadline_ns: u64) -> Result<Resource<DynPollable>> {
        let timer = self.table.push(VirtualTimer { clock: self.clock.clone(), deadline_ns })?;
        subscribe(self.table, timer)
    }
}

impl wall_clock::Host for ClockView<'_> {
    fn now(&mut self) -> Result<wall_clock::Datetime> {
        let now_ns = self.clock.state().wall_ns;
        Ok(wall_clock::Datetime { seconds: now_ns / NS_PER_S, nanoseconds: (now_ns % NS_PER_S) as u32 })
    }

    fn resolution(&mut self) -> Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: 0, nanoseconds: NS_PER_US as u32 })
    }
}

impl monotonic_clock::Host for ClockView<'_> {
    fn now(&mut self) -> Result<u64> {
        Ok(self.clock.monotonic_ns())
    }

    fn resolution(&mut self) -> Result<u64> {
        Ok(NS_PER_US)
    }

    fn subscribe_instant(&mut self, when: u64) -> Result<Resource<DynPollable>> {
        self.timer(when)
    }

    fn subscribe_duration(&mut self, duration: u64) -> Result<Resource<DynPollable>> {
        let deadline = self.clock.monotonic_ns().saturating_add(duration);
        self.timer(deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn timer(clock: &VirtualClock, deadline_ns: u64) -> VirtualTimer {
        VirtualTimer { clock: clock.clone(), deadline_ns }
    }

    #[tokio::test]
    async fn of_several_timers_the_earliest_fires_and_moves_the_clock() {
        let clock = VirtualClock::at(Timestamp(1000));
        let (mut late, mut soon) = (timer(&clock, 9_000_000), timer(&clock, 2_000_000));
        tokio::select! {
            biased;
            () = late.ready() => panic!("the later timer fired"),
            () = soon.ready() => {}
        }
        assert_eq!(clock.monotonic_ns(), 2_000_000);
        late.ready().await;
        assert_eq!(clock.monotonic_ns(), 9_000_000);
        assert!(clock.state().waiting.is_empty());
    }

    #[tokio::test]
    async fn an_entry_sets_the_wall_clock_and_the_monotonic_one_never_goes_back() {
        let clock = VirtualClock::at(Timestamp(1000));
        timer(&clock, 5_000_000).ready().await;
        clock.entry(Timestamp(2000));
        let wall_ns = clock.state().wall_ns;
        assert_eq!((wall_ns, clock.monotonic_ns()), (2_000_000, 5_000_000));
        assert!(timer(&clock, 4_000_000).ready().now_or_never().is_some(), "a time that has passed");
    }
}
