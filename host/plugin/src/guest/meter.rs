//! CPU time of a guest: in all, and in the step between two host calls.
//!
//! Measured on the thread's CPU clock around every poll, so that neither a parked guest nor a busy machine uses up a
//! budget. The engine's epoch ticks each millisecond and asks [`Meter::check`] whether the guest may go on.

use rustix::time::{ClockId, clock_gettime};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

/// A guest gives way to others after so long, in nanoseconds.
const SLICE_NS: u64 = 800_000;

/// The guest used more CPU time in one step than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {0} ms of CPU time between two host calls")]
pub(crate) struct StepDeadline(u32);

/// The guest used more CPU time in all than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("CPU time: more than {0} ms in all")]
pub(crate) struct CpuSpent(u32);

/// Why a guest may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exceeded {
    Step(StepDeadline),
    Run(CpuSpent),
}

impl From<Exceeded> for wasmtime::Error {
    fn from(exceeded: Exceeded) -> Self {
        match exceeded {
            Exceeded::Step(step) => step.into(),
            Exceeded::Run(run) => run.into(),
        }
    }
}

/// Whether the guest's slice of this poll is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slice {
    Left,
    Used,
}

/// Counts one guest's CPU time. Written by the thread that polls the guest; read by whoever wants to know.
#[derive(Debug)]
pub(crate) struct Meter {
    step_cpu_ms: u32,
    /// A replay is one step with a budget of its own; 0 when it is over.
    replay_cpu_ms: AtomicU32,
    max_cpu_ms: Option<u32>,
    poll_began_ns: AtomicU64,
    before_poll_ns: AtomicU64,
    step_began_ns: AtomicU64,
    steps: AtomicU64,
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    (time.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(time.tv_nsec as u64)
}

impl Meter {
    /// For a guest with so much for each step, and so much in all.
    pub(crate) fn new(step_cpu_ms: u32, max_cpu_ms: Option<u32>) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            step_cpu_ms,
            replay_cpu_ms: AtomicU32::new(0),
            max_cpu_ms,
            poll_began_ns: zero(),
            before_poll_ns: zero(),
            step_began_ns: zero(),
            steps: AtomicU64::new(1),
        }
    }

    fn used_in_poll_ns(&self) -> u64 {
        thread_cpu_ns().saturating_sub(self.poll_began_ns.load(Relaxed))
    }

    fn used_ns(&self) -> u64 {
        self.before_poll_ns.load(Relaxed).saturating_add(self.used_in_poll_ns())
    }

    /// The guest goes through its past first, with so much CPU time for all of it.
    pub(crate) fn replays(&self, cpu_ms: u32) {
        self.replay_cpu_ms.store(cpu_ms, Relaxed);
    }

    /// Called within a poll, when a host call has been answered: a new step with a new budget.
    pub(crate) fn next_step(&self) {
        self.replay_cpu_ms.store(0, Relaxed);
        self.step_began_ns.store(self.used_ns(), Relaxed);
        self.steps.fetch_add(1, Relaxed);
    }

    /// Called within a poll, at the tick.
    pub(super) fn check(&self) -> Result<Slice, Exceeded> {
        let over = |used_ns: u64, ms: u32| used_ns > u64::from(ms).saturating_mul(1_000_000);
        let used_ns = self.used_ns();
        let allowed_ms = match self.replay_cpu_ms.load(Relaxed) {
            0 => self.step_cpu_ms,
            replay_ms => replay_ms,
        };
        if over(used_ns.saturating_sub(self.step_began_ns.load(Relaxed)), allowed_ms) {
            return Err(Exceeded::Step(StepDeadline(allowed_ms)));
        }
        if let Some(max) = self.max_cpu_ms.filter(|max| over(used_ns, *max)) {
            return Err(Exceeded::Run(CpuSpent(max)));
        }
        Ok(if self.used_in_poll_ns() >= SLICE_NS { Slice::Used } else { Slice::Left })
    }

    /// CPU time used so far, in microseconds, without the poll that may be running.
    pub(crate) fn cpu_us(&self) -> u64 {
        self.before_poll_ns.load(Relaxed) / 1000
    }

    /// Steps begun: host calls answered, and one.
    pub(crate) fn steps(&self) -> u64 {
        self.steps.load(Relaxed)
    }
}

/// Runs a guest's future with its CPU time counted.
pub(crate) fn metered<F: Future>(meter: Arc<Meter>, future: F) -> impl Future<Output = F::Output> {
    Metered { meter, future: Box::pin(future) }
}

struct Metered<F> {
    meter: Arc<Meter>,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.poll_began_ns.store(thread_cpu_ns(), Relaxed);
        let polled = self.future.as_mut().poll(context);
        let used = self.meter.used_ns();
        self.meter.before_poll_ns.store(used, Relaxed);
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn burn(ms: u64) {
        let began = thread_cpu_ns();
        while thread_cpu_ns() - began < ms * 1_000_000 {
            std::hint::spin_loop();
        }
    }

    #[tokio::test]
    async fn cpu_counts_per_step_and_waiting_does_not_count() {
        let meter = Arc::new(Meter::new(20, Some(60)));
        let inside = Arc::clone(&meter);
        metered(Arc::clone(&meter), async move {
            assert_eq!(inside.check(), Ok(Slice::Left));
            burn(12);
            assert_eq!(inside.check(), Ok(Slice::Used));
            tokio::time::sleep(std::time::Duration::from_millis(40)).await;
            assert_eq!(inside.check(), Ok(Slice::Left), "parked time is free, the slice is new");
            inside.next_step();
            burn(12);
            assert_eq!(inside.check(), Ok(Slice::Used), "a step has its own budget");
            burn(12);
            assert_eq!(inside.check(), Err(Exceeded::Step(StepDeadline(20))));
            inside.next_step();
            burn(12);
            assert_eq!(inside.check(), Ok(Slice::Used));
            inside.next_step();
            burn(14);
            assert_eq!(inside.check(), Err(Exceeded::Run(CpuSpent(60))), "each step within its bound");
        })
        .await;
        assert!((60_000..100_000).contains(&meter.cpu_us()), "{}", meter.cpu_us());
        assert_eq!(meter.steps(), 4);
    }
}
