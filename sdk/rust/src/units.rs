//! Durations that read as they are said: `5.s()`, `1500.ms()`, `10.minutes()`.

use std::time::Duration;

/// Makes durations of whole numbers.
pub trait Units {
    /// So many milliseconds.
    fn ms(self) -> Duration;
    /// So many seconds.
    fn s(self) -> Duration;
    /// So many minutes.
    fn minutes(self) -> Duration;
}

impl Units for u32 {
    fn ms(self) -> Duration {
        Duration::from_millis(self.into())
    }
    fn s(self) -> Duration {
        Duration::from_secs(self.into())
    }
    fn minutes(self) -> Duration {
        Duration::from_secs(60 * u64::from(self))
    }
}

/// As the contract has them. What is too long is the longest there is, which the host refuses by name.
#[cfg(feature = "flow")]
pub(crate) fn whole_ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_they_are_said() {
        assert_eq!(5.s(), Duration::from_secs(5));
        assert_eq!(1500.ms(), Duration::from_millis(1500));
        assert_eq!(10.minutes(), Duration::from_secs(600));
        assert_eq!(whole_ms(2.minutes()), 120_000);
        assert_eq!(whole_ms(Duration::MAX), u32::MAX);
    }
}
