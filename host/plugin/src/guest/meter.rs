//! CPU time of a guest: in all, and in the step between two host calls.
//!
//! Measured on the thread's CPU clock around every poll, so that neither a parked guest nor a busy machine uses up a
//! budget. The engine's epoch ticks each millisecond and asks [`Meter::check`] whether the guest may go on.

use super::crowd::Crowd;
use cordboard_core::note::RunCost;
use rustix::time::{ClockId, clock_gettime};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

/// A guest gives way to others after so long, in nanoseconds.
const SLICE_NS: u64 = 800_000;

/// A step that has taken so long takes long, in milliseconds: it gives way to all that don't. Python's usual ones take 2.
const LONG_MS: u32 = 3;
/// A replay is many steps in one.
const REPLAY_STEPS: u32 = 20;

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
    /// It rehearses, on threads of its own: no step of it counts in the crowd.
    rehearses: AtomicBool,
    crowd: OnceLock<Arc<Crowd>>,
    takes_long: AtomicBool,
    /// It waits in a host call.
    rests: AtomicBool,
    poll_began_ns: AtomicU64,
    before_poll_ns: AtomicU64,
    step_began_ns: AtomicU64,
    steps: AtomicU64,
    /// The most linear memory, in bytes: the store's limiter writes it.
    peak_memory_bytes: Arc<AtomicU64>,
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
            rehearses: AtomicBool::new(false),
            crowd: OnceLock::new(),
            takes_long: AtomicBool::new(false),
            rests: AtomicBool::new(false),
            poll_began_ns: zero(),
            before_poll_ns: zero(),
            step_began_ns: zero(),
            steps: AtomicU64::new(1),
            peak_memory_bytes: Arc::default(),
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

    /// That is a rehearsal, up to its first step that is live.
    pub(crate) fn rehearses(&self) {
        self.rehearses.store(true, Relaxed);
    }

    /// Its steps share their threads with those of others. The first crowd counts.
    pub(crate) fn joins(&self, crowd: Arc<Crowd>) {
        // It has one already: nothing joins twice.
        let _ = self.crowd.set(crowd);
    }

    /// Whether the step takes long.
    pub(crate) fn takes_long(&self) -> bool {
        self.takes_long.load(Relaxed)
    }

    /// The guest is about to be woken: whether its step is expected to take long. Then it counts among those that do.
    pub(crate) fn expected_long(&self) -> bool {
        let suspect = self.crowd.get().is_some_and(|crowd| crowd.suspect()) && !self.rehearses.load(Relaxed);
        if suspect {
            self.enters();
        }
        suspect
    }

    fn enters(&self) {
        if !self.takes_long.swap(true, Relaxed)
            && let Some(crowd) = self.crowd.get()
        {
            crowd.enter();
        }
    }

    fn leaves(&self) {
        if self.takes_long.swap(false, Relaxed)
            && let Some(crowd) = self.crowd.get()
        {
            crowd.leave();
        }
    }

    /// The step is over: the guest waits in a host call.
    pub(crate) fn rests(&self) {
        self.rests.store(true, Relaxed);
        self.leaves();
    }

    /// Whether it waits in a host call.
    pub(crate) fn resting(&self) -> bool {
        self.rests.load(Relaxed)
    }

    /// What the step may take, given that it has taken so long.
    fn allowed_ms(&self, in_step_ns: u64) -> u32 {
        let replay_ms = self.replay_cpu_ms.load(Relaxed);
        let (alone_ms, steps) = if replay_ms > 0 { (replay_ms, REPLAY_STEPS) } else { (self.step_cpu_ms, 1) };
        let Some(crowd) = self.crowd.get().filter(|_| !self.rehearses.load(Relaxed)) else { return alone_ms };
        if in_step_ns > u64::from(LONG_MS * steps) * 1_000_000 {
            self.enters();
        }
        crowd.share_ms(steps, alone_ms)
    }

    /// Called within a poll, when a host call has been answered: a new step with a new budget.
    pub(crate) fn next_step(&self) {
        self.leaves();
        self.rests.store(false, Relaxed);
        self.rehearses.store(false, Relaxed);
        self.replay_cpu_ms.store(0, Relaxed);
        self.step_began_ns.store(self.used_ns(), Relaxed);
        self.steps.fetch_add(1, Relaxed);
    }

    /// Called within a poll, at the tick.
    pub(super) fn check(&self) -> Result<Slice, Exceeded> {
        let over = |used_ns: u64, ms: u32| used_ns > u64::from(ms).saturating_mul(1_000_000);
        let used_ns = self.used_ns();
        let in_step_ns = used_ns.saturating_sub(self.step_began_ns.load(Relaxed));
        let allowed_ms = self.allowed_ms(in_step_ns);
        if over(in_step_ns, allowed_ms) {
            return Err(Exceeded::Step(StepDeadline(allowed_ms)));
        }
        if let Some(max) = self.max_cpu_ms.filter(|max| over(used_ns, *max)) {
            return Err(Exceeded::Run(CpuSpent(max)));
        }
        // Among those whose steps are short nobody gives way: whoever takes long is elsewhere soon.
        let replays = self.replay_cpu_ms.load(Relaxed) > 0;
        let gives_way = self.crowd.get().is_none() || self.takes_long() || replays;
        Ok(if gives_way && self.used_in_poll_ns() >= SLICE_NS { Slice::Used } else { Slice::Left })
    }

    /// CPU time used so far, in microseconds, without the poll that may be running.
    pub(crate) fn cpu_us(&self) -> u64 {
        self.before_poll_ns.load(Relaxed) / 1000
    }

    /// What was used so far, without the poll that may be running.
    pub(crate) fn cost(&self) -> RunCost {
        let (steps, peak_memory_bytes) = (self.steps.load(Relaxed), self.peak_memory_bytes.load(Relaxed));
        RunCost { cpu_us: self.cpu_us(), steps, peak_memory_bytes }
    }

    /// Where the most linear memory that the guest held is kept.
    pub(super) fn peak_memory(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.peak_memory_bytes)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.leaves();
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
    use super::super::crowd::SlowLane;
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
        assert_eq!(meter.cost().steps, 4);
    }

    #[tokio::test]
    async fn a_step_that_takes_long_is_told_from_one_that_does_not() {
        let crowd = Arc::new(Crowd::new(Arc::new(SlowLane::new(1))));
        let meter = Arc::new(Meter::new(200, None));
        meter.joins(Arc::clone(&crowd));
        let inside = Arc::clone(&meter);
        metered(Arc::clone(&meter), async move {
            burn(2);
            assert_eq!(inside.check(), Ok(Slice::Left), "beyond a slice, but not long: it gives way to nobody");
            assert!(!inside.takes_long());
            burn(2);
            assert_eq!(inside.check(), Ok(Slice::Used));
            assert!(inside.takes_long() && !inside.resting());
            inside.rests();
            assert!(!inside.takes_long() && inside.resting());
            inside.next_step();
            assert!(!inside.expected_long() && !inside.resting(), "it alone");
            crowd.failed();
            crowd.failed();
            assert!(inside.expected_long() && inside.takes_long(), "a version that fails");
        })
        .await;
    }

    #[tokio::test]
    async fn a_rehearsal_is_not_of_the_crowd_before_it_is_live() {
        let crowd = Arc::new(Crowd::new(Arc::new(SlowLane::new(1))));
        crowd.failed();
        crowd.failed();
        let meter = Arc::new(Meter::new(200, None));
        meter.joins(crowd);
        meter.rehearses();
        meter.replays(1000);
        let inside = Arc::clone(&meter);
        metered(Arc::clone(&meter), async move {
            burn(70);
            assert!(inside.check().is_ok(), "it has the time of a whole replay");
            assert!(!inside.takes_long() && !inside.expected_long());
            inside.next_step();
            burn(4);
            assert_eq!(inside.check(), Ok(Slice::Used));
            assert!(inside.takes_long());
        })
        .await;
    }
}
