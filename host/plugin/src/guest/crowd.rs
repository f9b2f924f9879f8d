//! Steps that take long, and the versions they are of.
//!
//! Live flows run on a few threads, each step to its end: the usual one takes a fraction of a millisecond. One that takes
//! longer goes on in the slow lane, on niced threads, in turn with the others of its version. A version whose steps loop
//! loops for many contacts at once; there they share what one may take alone, so that every contact, and whoever waits
//! behind it, is on the next rung soon.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Instant;
use tokio::sync::Semaphore;

/// So long a step may take in any case, in milliseconds, if its own limit is no shorter.
const LEAST_STEP_MS: u32 = 20;
/// The same for a version that fails.
const LEAST_FAILING_MS: u32 = 3;
/// When many take long at once, all that loop are over within about this CPU time of each thread.
const CROWD_CPU_MS: u32 = 200;
/// A version with so many steps that take long at once, or that failed so often with no pause between, is expected to do
/// it again in the next step.
const SUSPECT: u32 = 2;
/// Such a pause, in milliseconds.
const PAUSE_MS: u64 = 1000;
/// After so long the failures are counted anew all the same, in milliseconds: one a second must not take a version from
/// everybody, nor may steps that fail only since they have so little time.
const SERIES_MS: u64 = 5000;

/// The threads for steps that take long, and how many versions have such.
#[derive(Debug)]
pub(crate) struct SlowLane {
    threads: u32,
    versions: AtomicU32,
    began: Instant,
}

impl SlowLane {
    pub(crate) fn new(threads: usize) -> Self {
        let threads = u32::try_from(threads).unwrap_or(u32::MAX).max(1);
        Self { threads, versions: AtomicU32::new(0), began: Instant::now() }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// The contacts of one version whose step takes long. A version that loops loops for many contacts at once: each of them,
/// and whoever waits behind them, must be on the next rung soon, and other versions' contacts must not pay for it.
#[derive(Debug)]
pub(crate) struct Crowd {
    lane: Arc<SlowLane>,
    /// They go on in turn: the first are over soon, and give their memory back.
    pub(crate) turns: Arc<Semaphore>,
    taking_long: AtomicU32,
    /// Runs that failed with no pause between.
    failures: AtomicU32,
    /// The first of them, and the latest.
    series_ms: AtomicU64,
    failed_ms: AtomicU64,
}

impl Crowd {
    pub(crate) fn new(lane: Arc<SlowLane>) -> Self {
        let turns = Arc::new(Semaphore::new(lane.threads as usize));
        let (taking_long, failures, series_ms, failed_ms) = Default::default();
        Self { lane, turns, taking_long, failures, series_ms, failed_ms }
    }

    pub(super) fn enter(&self) {
        if self.taking_long.fetch_add(1, Relaxed) == 0 {
            self.lane.versions.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn leave(&self) {
        if self.taking_long.fetch_sub(1, Relaxed) == 1 {
            self.lane.versions.fetch_sub(1, Relaxed);
        }
    }

    /// A run of it failed.
    pub(crate) fn failed(&self) {
        let now_ms = self.lane.now_ms();
        if self.failures() == 0 {
            self.failures.store(0, Relaxed);
            self.series_ms.store(now_ms, Relaxed);
        }
        self.failed_ms.store(now_ms, Relaxed);
        self.failures.fetch_add(1, Relaxed);
    }

    /// Failures with no pause since.
    fn failures(&self) -> u32 {
        let now_ms = self.lane.now_ms();
        let longer = |since: &AtomicU64, ms: u64| now_ms.saturating_sub(since.load(Relaxed)) > ms;
        let over = longer(&self.failed_ms, PAUSE_MS) || longer(&self.series_ms, SERIES_MS);
        if over { 0 } else { self.failures.load(Relaxed) }
    }

    /// What one may take now, of what it may where there is a thread for each: a step, or a replay of so many.
    pub(super) fn share_ms(&self, steps: u32, alone_ms: u32) -> u32 {
        let together = CROWD_CPU_MS.saturating_mul(self.lane.threads) / self.lane.versions.load(Relaxed).max(1);
        let taking_long = self.taking_long.load(Relaxed).max(1);
        // Those that failed before count still, else the last would take all the time that the first had to do without.
        let (among, least_ms) = match self.failures() {
            0..SUSPECT => (taking_long, LEAST_STEP_MS),
            failures => (taking_long.saturating_add(failures), LEAST_FAILING_MS),
        };
        if among <= self.lane.threads {
            return alone_ms;
        }
        (together / among).max(least_ms * steps).min(alone_ms)
    }

    pub(super) fn suspect(&self) -> bool {
        self.taking_long.load(Relaxed) >= SUSPECT || self.failures() >= SUSPECT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_take_long_at_once_share_what_one_may_take_alone() {
        let lane = Arc::new(SlowLane::new(1));
        let (crowd, other) = (Crowd::new(Arc::clone(&lane)), Crowd::new(lane));
        assert_eq!(crowd.share_ms(1, 1000), 1000, "nobody is there yet");
        for _ in 0..5 {
            crowd.enter();
        }
        assert_eq!((crowd.share_ms(1, 1000), crowd.share_ms(1, 30)), (40, 30), "never more than alone");
        assert_eq!((other.share_ms(1, 1000), other.suspect()), (1000, false));
        other.enter();
        assert_eq!((crowd.share_ms(1, 1000), other.share_ms(1, 1000)), (20, 1000), "one of a version has a thread");
        other.enter();
        assert_eq!((crowd.share_ms(1, 1000), other.share_ms(1, 1000)), (20, 50), "versions share alike");
        for _ in 5..100 {
            crowd.enter();
        }
        assert_eq!(crowd.share_ms(1, 1000), LEAST_STEP_MS, "nobody knows yet whether they fail");
        assert_eq!(crowd.share_ms(20, 2000), 20 * LEAST_STEP_MS, "a replay");
        (0..SUSPECT).for_each(|_| crowd.failed());
        assert_eq!(crowd.share_ms(1, 1000), LEAST_FAILING_MS);
        assert_eq!(other.share_ms(1, 1000), 50, "not the other's fault");
        (0..100).for_each(|_| crowd.leave());
        (0..2).for_each(|_| other.leave());
        assert_eq!(crowd.share_ms(1, 1000), 66, "those that failed count still: 200 among one, two of them");
        assert_eq!(other.share_ms(1, 1000), 1000);
    }

    #[test]
    fn a_version_is_suspect_while_it_takes_long_or_fails() {
        let crowd = Crowd::new(Arc::new(SlowLane::new(2)));
        crowd.enter();
        assert!(!crowd.suspect(), "one may take long");
        crowd.enter();
        assert!(crowd.suspect());
        crowd.leave();
        assert!(!crowd.suspect());
        crowd.failed();
        assert!(!crowd.suspect(), "one may fail");
        crowd.failed();
        assert!(crowd.suspect());
        let later = after(crowd, PAUSE_MS + 1);
        assert!(!later.suspect(), "after a pause it is forgotten");
        later.failed();
        assert!(!later.suspect());
    }

    /// The same crowd, when so much more time has passed.
    fn after(crowd: Crowd, ms: u64) -> Crowd {
        let began = crowd.lane.began.checked_sub(std::time::Duration::from_millis(ms)).unwrap();
        Crowd { lane: Arc::new(SlowLane { began, ..SlowLane::new(2) }), ..crowd }
    }

    #[test]
    fn a_failure_a_second_does_not_add_up_for_ever() {
        let mut crowd = Crowd::new(Arc::new(SlowLane::new(2)));
        let mut most = 0;
        for _ in 0..60 {
            crowd.failed();
            most = most.max(crowd.failures());
            crowd = after(crowd, PAUSE_MS - 100);
        }
        assert!((2..=7).contains(&most), "{most}");
    }
}
