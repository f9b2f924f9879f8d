//! How long, and when.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error};
use std::borrow::Cow;
use std::fmt;

/// A day: nothing in a script lasts longer.
pub const DAY_MS: u64 = 86_400_000;

/// A time such as `700ms`, `2s`, `1.5s`, `10m` or `1h`, in milliseconds; at most a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub u64);

impl Span {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no time such as 700ms, 2s, 1.5s, 10m or 1h");
        let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?);
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole, 9) || !digits(fraction, 3) {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let thousandths: u64 = format!("{fraction:0<3}").parse().map_err(|_| wrong())?;
        let ms = (whole * 1_000 + thousandths) * unit_ms / 1_000;
        if ms > DAY_MS { Err(format!("`{text}` is longer than a day")) } else { Ok(Self(ms)) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ms if ms < 1_000 => write!(f, "{ms} ms"),
            ms if ms < 600_000 => write!(f, "{} s", ms as f64 / 1_000.0),
            ms => write!(f, "{} min", (ms as f64 / 6_000.0).round() / 10.0),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A time: 700ms, 2s, 1.5s, 10m or 1h; at most a day.",
            "type": "string",
            "pattern": "^[0-9]{1,9}(\\.[0-9]{1,3})?(ms|s|m|h)$",
        })
    }
}

/// A moment in UTC such as `2026-12-24T17:30:00Z` (RFC 3339, whole seconds), in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayTime(pub u64);

/// Monday, 2026-03-02T08:00:00Z: when a script is played that says nothing of it.
pub const MORNING: DayTime = DayTime(1_772_438_400_000);

impl DayTime {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(text: &str) -> Result<Self, String> {
        Self::parsed(text)
            .ok_or_else(|| format!("`{text}` is no moment such as 2026-12-24T17:30:00Z, from 1970 to 2199"))
    }

    fn parsed(text: &str) -> Option<Self> {
        let form = |(at, c): (usize, char)| match at {
            4 | 7 => c == '-',
            10 => c == 'T',
            13 | 16 => c == ':',
            19 => c == 'Z',
            _ => c.is_ascii_digit(),
        };
        if text.len() != 20 || !text.chars().enumerate().all(form) {
            return None;
        }
        let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days_of = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            1..=12 => 31,
            _ => return None,
        };
        if !(1970..2200).contains(&year) || !(1..=days_of).contains(&day) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        // Days since the epoch, years beginning in March (Hinnant, "chrono-compatible low-level date algorithms").
        let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
        let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
        Some(Self((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000))
    }
}

impl<'de> Deserialize<'de> for DayTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for DayTime {
    fn schema_name() -> Cow<'static, str> {
        "DayTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A moment in UTC: 2026-12-24T17:30:00Z.",
            "type": "string",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, expected) in [
            ("700ms", 700),
            ("2s", 2_000),
            ("1.5s", 1_500),
            ("0.05s", 50),
            ("10m", 600_000),
            ("0.5m", 30_000),
            ("24h", DAY_MS),
            ("0s", 0),
        ] {
            assert_eq!(Span::read(text), Ok(Span(expected)), "{text}");
        }
        for text in ["", "2", "s", "2 s", "-1s", "1e3s", "2d", "1.s", ".5s", "1.2345s", "9999999999s", "٣s"] {
            assert!(Span::read(text).is_err_and(|why| why.contains("no time")), "{text}");
        }
        assert!(Span::read("25h").is_err_and(|why| why.contains("longer than a day")));
    }

    #[test]
    fn times_are_shown() {
        for (ms, expected) in [(700, "700 ms"), (1_500, "1.5 s"), (60_000, "60 s"), (5_400_000, "90 min")] {
            assert_eq!(Span(ms).to_string(), expected);
        }
    }

    #[test]
    fn moments_are_read() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799_000),
            ("2026-03-02T08:00:00Z", MORNING.0),
        ] {
            assert_eq!(DayTime::read(text), Ok(DayTime(expected)), "{text}");
        }
        for text in [
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-03-02 08:00:00Z",
            "2026-03-02T24:00:00Z",
            "",
            "1969-12-31T00:00:00Z",
        ] {
            assert!(DayTime::read(text).is_err(), "{text}");
        }
    }
}
