//! The time handed to the core: the wall clock at the start, carried on by the monotonic clock, so that it never
//! goes backwards while the host runs.

use cordboard_core::time::Timestamp;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock that only goes forwards.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    epoch_us: u64,
}

impl Clock {
    /// Reads the wall clock, once.
    pub fn start() -> Self {
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), epoch_us: u64::try_from(epoch.as_micros()).unwrap_or(u64::MAX) }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        let elapsed = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        Timestamp(self.epoch_us.saturating_add(elapsed))
    }

    /// When to wake for `at`. Far-off times are cut to a day: waking early does no harm.
    pub fn instant(&self, at: Timestamp) -> Instant {
        let ahead = Duration::from_micros(at.0.saturating_sub(self.epoch_us));
        self.started + ahead.min(self.started.elapsed() + Duration::from_secs(86_400))
    }
}
