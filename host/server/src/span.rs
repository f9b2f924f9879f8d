//! Spans of time as people write them: `30s`, `10m`, `12h`, `7d`, `2w`.

const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Its seconds; none if it is no span.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let last = text.chars().last()?;
    let unit_s = UNITS.iter().find(|(unit, _)| *unit == last)?.1;
    let digits = text.get(..text.len() - 1).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse::<u64>().ok()?.checked_mul(unit_s)
}

/// So many seconds, in the largest unit that has no rest.
pub(crate) fn shown(seconds: u64) -> String {
    let fits = |unit_s: u64| seconds > 0 && seconds.is_multiple_of(unit_s);
    let found = UNITS.iter().find(|(_, unit_s)| fits(*unit_s));
    found.map_or_else(|| format!("{seconds}s"), |(unit, unit_s)| format!("{}{unit}", seconds / unit_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_shown() {
        for (text, expected) in [
            ("90s", Some(90)),
            ("10m", Some(600)),
            ("0m", Some(0)),
            ("2w", Some(1_209_600)),
            ("m", None),
            ("10", None),
            ("1.5h", None),
            ("", None),
            ("ä", None),
            ("99999999999999999999s", None),
            ("99999999999999999w", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        for (seconds, expected) in
            [(0, "0s"), (90, "90s"), (600, "10m"), (7_200, "2h"), (86_400, "1d"), (604_800, "1w")]
        {
            assert_eq!(shown(seconds), expected);
        }
    }
}
