//! CPU time of a guest: in all, and in the step between two host calls.
//!
//! Measured on the thread's CPU clock around every poll, so that neither a parked guest nor a busy machine uses up a
//! budget. The engine's epoch ticks each millisecond and asks [`Meter::check`] whether the guest may go on.

use rustix::time::{ClockId, clock_gettime};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
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

/// So long a step may take in any case, in milliseconds, if its own limit is no shorter.
const LEAST_STEP_MS: u32 = 10;
/// When many take long at once, all that loop are over within about this CPU time of each guest thread.
const CROWD_CPU_MS: u32 = 600;

/// Those whose step takes long, on threads that they share. A version that loops loops for many contacts at once: each of
/// them, and whoever waits behind them, must be on the next rung soon.
#[derive(Debug)]
pub(crate) struct Crowd {
    threads: u32,
    taking_long: AtomicU32,
}

impl Crowd {
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads: u32::try_from(threads).unwrap_or(u32::MAX).max(1), taking_long: AtomicU32::new(0) }
    }

    /// What a step may take now, of what it may alone.
    fn share_ms(&self, alone_ms: u32) -> u32 {
        let together = CROWD_CPU_MS.saturating_mul(self.threads);
        let share = together / self.taking_long.load(Relaxed).max(1);
        share.max(LEAST_STEP_MS).min(alone_ms)
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
    crowd: OnceLock<Arc<Crowd>>,
    takes_long: AtomicBool,
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
            crowd: OnceLock::new(),
            takes_long: AtomicBool::new(false),
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

    /// Its steps share their threads with those of others. The first crowd counts.
    pub(crate) fn joins(&self, crowd: Arc<Crowd>) {
        // It has one already: nothing joins twice.
        let _ = self.crowd.set(crowd);
    }

    /// The step is over: the guest is parked, or gone.
    pub(crate) fn rests(&self) {
        if self.takes_long.swap(false, Relaxed)
            && let Some(crowd) = self.crowd.get()
        {
            crowd.taking_long.fetch_sub(1, Relaxed);
        }
    }

    /// What the step may take, given that it has taken so long.
    fn allowed_ms(&self, in_step_ns: u64) -> u32 {
        let replay_ms = self.replay_cpu_ms.load(Relaxed);
        if replay_ms > 0 {
            return replay_ms;
        }
        let Some(crowd) = self.crowd.get() else { return self.step_cpu_ms };
        if in_step_ns > u64::from(LEAST_STEP_MS) * 1_000_000 && !self.takes_long.swap(true, Relaxed) {
            crowd.taking_long.fetch_add(1, Relaxed);
        }
        crowd.share_ms(self.step_cpu_ms)
    }

    /// Called within a poll, when a host call has been answered: a new step with a new budget.
    pub(crate) fn next_step(&self) {
        self.rests();
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

impl Drop for Meter {
    fn drop(&mut self) {
        self.rests();
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

    #[tokio::test]
    async fn those_who_take_long_at_once_share_what_one_may_take_alone() {
        let crowd = Arc::new(Crowd::new(1));
        let meters: Vec<_> = (0..12)
            .map(|_| {
                let meter = Arc::new(Meter::new(200, None));
                meter.joins(Arc::clone(&crowd));
                meter
            })
            .collect();
        for meter in &meters {
            let inside = Arc::clone(meter);
            metered(Arc::clone(meter), async move {
                burn(12);
                assert!(inside.check().is_ok(), "alone, or with few");
            })
            .await;
        }
        assert_eq!(crowd.share_ms(200), 50);
        let inside = Arc::clone(&meters[0]);
        let over = metered(Arc::clone(&meters[0]), async move {
            burn(45);
            inside.check()
        });
        assert_eq!(over.await, Err(Exceeded::Step(StepDeadline(50))));
        // Whoever is parked or gone takes nobody's time.
        meters.iter().take(6).for_each(|meter| meter.rests());
        assert_eq!(crowd.share_ms(200), 100);
        drop(meters);
        assert_eq!((crowd.share_ms(200), crowd.share_ms(5)), (200, 5));
    }
}
