//! Times as text (RFC 3339), always in UTC with microseconds: `2026-01-31T09:30:00.000000Z`.

use cordboard_core::time::Timestamp;

const DAY_S: u64 = 86_400;
/// 9999-12-31T23:59:59.999999Z: RFC 3339 has four digits for a year.
const LAST: u64 = 253_402_300_799_999_999;

/// As text. Times beyond the year 9999 are written as its last moment.
pub fn format(at: Timestamp) -> String {
    let micros = at.0.min(LAST);
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (year, month, day) = civil(seconds / DAY_S);
    let of_day = seconds % DAY_S;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
}

/// From text; digits beyond microseconds are dropped, a leap second is the second before.
///
/// # Errors
/// What is wrong with it; also a time before 1970.
pub fn parse(text: &str) -> Result<Timestamp, &'static str> {
    const FORM: &str = "not of the form 2026-01-31T09:30:00Z or 2026-01-31T09:30:00.5+01:00";
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Result<u64, &'static str> {
        let digits = bytes.get(from..to).ok_or(FORM)?;
        digits.iter().try_fold(0u64, |value, digit| {
            if digit.is_ascii_digit() { Ok(value * 10 + u64::from(digit - b'0')) } else { Err(FORM) }
        })
    };
    let at = |index: usize, wanted: &[u8]| bytes.get(index).is_some_and(|byte| wanted.contains(byte));
    if !(at(4, b"-") && at(7, b"-") && at(10, b"Tt ") && at(13, b":") && at(16, b":")) {
        return Err(FORM);
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=month_days(year, month)).contains(&day) {
        return Err("there is no such day");
    }
    if hour > 23 || minute > 59 || second > 60 {
        return Err("there is no such time of day");
    }
    if year < 1970 {
        return Err("times before 1970 are not known");
    }
    let digits = if at(19, b".") { bytes.iter().skip(20).take_while(|b| b.is_ascii_digit()).count() } else { 0 };
    let zone = if at(19, b".") { 20 + digits } else { 19 };
    if at(19, b".") && digits == 0 {
        return Err(FORM);
    }
    let kept = digits.min(6);
    let fraction = number(20, 20 + kept).unwrap_or(0) * 10u64.pow(6 - kept as u32);
    let offset_s: i64 = match bytes.get(zone..) {
        Some(b"Z" | b"z") => 0,
        Some([sign @ (b'+' | b'-'), _, _, b':', _, _]) => {
            let (hours, minutes) = (number(zone + 1, zone + 3)?, number(zone + 4, zone + 6)?);
            if hours > 23 || minutes > 59 {
                return Err("there is no such offset");
            }
            let east = (hours * 3600 + minutes * 60) as i64;
            if *sign == b'+' { east } else { -east }
        }
        Some(_) | None => return Err(FORM),
    };
    let local = days(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second.min(59);
    let seconds = local.checked_add_signed(-offset_s).ok_or("times before 1970 are not known")?;
    Ok(Timestamp(seconds * 1_000_000 + fraction))
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn month_days(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar: years are counted from March, so that the leap day is the
/// last.
const fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    // 719,468 days from 0000-03-01 to 1970-01-01.
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

/// The day of the Gregorian calendar so many days after 1970-01-01.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_written_as_everybody_does() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_709_251_199_999_999, "2024-02-29T23:59:59.999999Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
            (LAST, "9999-12-31T23:59:59.999999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(format(Timestamp(micros)), text);
        }
    }

    #[test]
    fn times_are_read_in_every_zone() {
        for (text, micros) in [
            ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T19:00:00-05:00", u64::MAX),
            ("2024-02-29T23:59:59.999999Z", 1_709_251_199_999_999),
            ("2024-02-29t23:59:59.9z", 1_709_251_199_900_000),
            ("2024-02-29 23:59:59.123456789Z", 1_709_251_199_123_456),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000_000),
        ] {
            let expected = if micros == u64::MAX { None } else { Some(Timestamp(micros)) };
            assert_eq!(parse(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2024-02-30T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+1:00",
            "2024-01-01T00:00:00+24:00",
            "2024-01-01",
            "1970-01-01T00:00:00+00:01",
            "+024-01-01T00:00:00Z",
            "2024-01-01T00:00:00Zz",
            "２024-01-01T00:00:00Z",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_time_reads_back(micros in 0..=LAST) {
            prop_assert_eq!(parse(&format(Timestamp(micros))), Ok(Timestamp(micros)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9TZ:.+ -]{0,40}|\\PC{0,30}") {
            let _ = parse(&text);
        }
    }
}
