//! How many new calls a second.

use std::time::Duration;

/// A token bucket: `per_second` calls, with a burst of as many.
pub(crate) struct Bucket {
    per_second: f64,
    tokens: f64,
    filled: Duration,
}

impl Bucket {
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second: per_second.into(), tokens: per_second.into(), filled: Duration::ZERO }
    }

    /// Takes one, if there is one. `now` is the time since the stack started.
    pub(crate) fn take(&mut self, now: Duration) -> bool {
        let elapsed = now.saturating_sub(self.filled).as_secs_f64();
        self.filled = self.filled.max(now);
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.per_second);
        let free = self.tokens >= 1.0;
        if free {
            self.tokens -= 1.0;
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let mut bucket = Bucket::new(10);
        let at = Duration::from_millis;
        assert_eq!((0..20).filter(|_| bucket.take(at(0))).count(), 10);
        assert!(!bucket.take(at(99)));
        assert!(bucket.take(at(101)));
        assert_eq!((0..100).filter(|_| bucket.take(at(60_000))).count(), 10, "no more than a burst after a rest");
        assert!(!bucket.take(at(50_000)), "time that runs backwards gives nothing");
    }
}
