//! Moments as people write them: a span before now, a day, or a time.

use crate::span;
use cordboard_core::time::Timestamp;
use std::str::FromStr;

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// So many microseconds ago.
    Ago(u64),
    /// This one.
    At(Timestamp),
}

/// It is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "neither a span such as 30m, 12h, 7d, 2w, nor a day such as 2026-01-31, nor a time such as 2026-01-31T09:30:00Z"
)]
pub(crate) struct NoMoment;

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        let text = text.trim();
        if let Some(ago) = span::seconds(text).and_then(|seconds| seconds.checked_mul(1_000_000)) {
            return Ok(Self::Ago(ago));
        }
        let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
        cordboard_admin::parse_time(&whole).map(Self::At).map_err(|_| NoMoment)
    }
}

impl Moment {
    /// Which moment it is; none is before 1970.
    pub(super) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(us) => Timestamp(now.0.saturating_sub(us)),
            Self::At(at) => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_or_refused() {
        for (text, moment) in [
            ("90s", Moment::Ago(90_000_000)),
            ("30m", Moment::Ago(1_800_000_000)),
            (" 12h ", Moment::Ago(43_200_000_000)),
            ("7d", Moment::Ago(604_800_000_000)),
            ("2w", Moment::Ago(1_209_600_000_000)),
            ("1970-01-02", Moment::At(Timestamp(86_400_000_000))),
            ("1970-01-01T00:00:01Z", Moment::At(Timestamp(1_000_000))),
            ("1970-01-01T01:00:01+01:00", Moment::At(Timestamp(1_000_000))),
        ] {
            assert_eq!(text.parse(), Ok(moment), "{text}");
        }
        for text in [
            "",
            "d",
            "-1d",
            "1.5h",
            "7",
            "7 d",
            "7y",
            "1d2h",
            "99999999999999999999s",
            "9999999999999999w",
            "yesterday",
            "2026-13-01",
            "2026-1-1",
            "٧d",
            "7ｄ",
            "äääää",
        ] {
            assert_eq!(text.parse::<Moment>(), Err(NoMoment), "{text}");
        }
        let now = Timestamp(5_000_000);
        assert_eq!(Moment::Ago(2_000_000).at(now), Timestamp(3_000_000));
        assert_eq!(Moment::Ago(9_000_000).at(now), Timestamp(0));
    }
}
