//! A circuit breaker: a directory that fails again and again is left alone for a while. Pure.

use crate::config::BreakerConfig;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Breaker {
    settings: BreakerConfig,
    state: State,
}

#[derive(Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
    },
    /// One look-up tries; the others wait for how it goes.
    HalfOpen,
}

impl Breaker {
    pub(super) fn new(settings: BreakerConfig) -> Self {
        Self { settings, state: State::Closed { failures: 0 } }
    }

    /// Whether a look-up may go ahead; if not, why.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), String> {
        match self.state {
            State::Closed { .. } => Ok(()),
            State::Open { until } if now >= until => {
                self.state = State::HalfOpen;
                Ok(())
            }
            State::Open { until } => Err(format!(
                "it failed {} times in a row and is asked again in {} ms",
                self.settings.failures,
                until.saturating_duration_since(now).as_millis()
            )),
            State::HalfOpen => Err("it failed, and is being tried again".into()),
        }
    }

    pub(super) fn succeeded(&mut self) {
        self.state = State::Closed { failures: 0 };
    }

    pub(super) fn failed(&mut self, now: Instant) {
        let open = State::Open { until: now + Duration::from_millis(self.settings.open_ms) };
        self.state = match self.state {
            State::Closed { failures } if failures + 1 < self.settings.failures => {
                State::Closed { failures: failures + 1 }
            }
            State::Closed { .. } | State::HalfOpen => open,
            // One that was admitted before it opened: the time runs from the first.
            State::Open { until } => State::Open { until },
        };
    }

    /// A look-up that was admitted but never reached the directory.
    pub(super) fn gave_up(&mut self) {
        if matches!(self.state, State::HalfOpen) {
            self.state = State::Closed { failures: self.settings.failures.saturating_sub(1) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_one_probe_closes_it() {
        let start = Instant::now();
        let later = |ms| start + Duration::from_millis(ms);
        let mut breaker = Breaker::new(BreakerConfig { failures: 3, open_ms: 100 });
        for _ in 0..2 {
            breaker.failed(start);
        }
        breaker.succeeded();
        for _ in 0..2 {
            assert!(breaker.admit(start).is_ok());
            breaker.failed(start);
        }
        assert!(breaker.admit(start).is_ok(), "a success began the count anew");
        breaker.failed(start);
        assert!(breaker.admit(later(99)).unwrap_err().contains("3 times"));
        assert!(breaker.admit(later(100)).is_ok(), "the probe");
        assert!(breaker.admit(later(100)).is_err(), "only one");
        breaker.failed(later(110));
        assert!(breaker.admit(later(209)).is_err());
        assert!(breaker.admit(later(210)).is_ok());
        breaker.succeeded();
        assert!(breaker.admit(later(210)).is_ok() && breaker.admit(later(210)).is_ok());
    }

    #[test]
    fn a_probe_that_never_reached_the_directory_lets_the_next_one_try() {
        let start = Instant::now();
        let mut breaker = Breaker::new(BreakerConfig { failures: 1, open_ms: 0 });
        breaker.failed(start);
        assert!(breaker.admit(start).is_ok());
        breaker.gave_up();
        assert!(breaker.admit(start).is_ok());
    }
}
