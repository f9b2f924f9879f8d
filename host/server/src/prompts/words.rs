//! English words for numbers, money and dates, as the recorded phrases have them.

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SCALES: [(u64, &str); 4] =
    [(1_000_000_000_000, "trillion"), (1_000_000_000, "billion"), (1_000_000, "million"), (1_000, "thousand")];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const ORDINALS: [&str; 20] = [
    "",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];

fn word(table: &[&'static str], at: u64) -> &'static str {
    usize::try_from(at).ok().and_then(|at| table.get(at)).copied().unwrap_or("")
}

/// Appends the words of a number: `-105` → minus one hundred five.
pub(super) fn number(value: i64, out: &mut Vec<&'static str>) {
    if value < 0 {
        out.push("minus");
    }
    unsigned(value.unsigned_abs(), out);
}

fn unsigned(mut value: u64, out: &mut Vec<&'static str>) {
    if value == 0 {
        out.push("zero");
        return;
    }
    for (scale, name) in SCALES {
        if value >= scale {
            unsigned(value / scale, out);
            out.push(name);
            value %= scale;
        }
    }
    if value >= 100 {
        out.extend([word(&SMALL, value / 100), "hundred"]);
        value %= 100;
    }
    if value >= 20 {
        out.push(word(&TENS, value / 10));
        value %= 10;
    }
    if value > 0 {
        out.push(word(&SMALL, value));
    }
}

/// Appends the words of characters said one by one; what has no word is left out.
pub(super) fn spelled(text: &str, out: &mut Vec<String>) {
    for c in text.chars() {
        match c {
            '0'..='9' => out.push(word(&SMALL, u64::from(u32::from(c) - u32::from('0'))).into()),
            '+' => out.push("plus".into()),
            '*' => out.push("star".into()),
            '#' => out.push("hash".into()),
            _ if c.is_ascii_alphabetic() => out.push(c.to_ascii_lowercase().to_string()),
            _ => {}
        }
    }
}

/// Appends the words of an amount in minor units of a currency with two decimals: `USD`, `EUR`, `GBP`; any other
/// currency is spelled after the number.
pub(super) fn money(minor: i64, currency: &str, out: &mut Vec<String>) {
    let ([one, many], [one_minor, many_minor]) = match currency {
        "USD" => (["dollar", "dollars"], ["cent", "cents"]),
        "EUR" => (["euro", "euros"], ["cent", "cents"]),
        "GBP" => (["pound", "pounds"], ["penny", "pence"]),
        _ => {
            decimal(minor, out);
            return spelled(currency, out);
        }
    };
    let (major, rest) = (minor.unsigned_abs() / 100, minor.unsigned_abs() % 100);
    let mut words = Vec::new();
    if minor < 0 {
        words.push("minus");
    }
    if major > 0 || rest == 0 {
        unsigned(major, &mut words);
        words.push(if major == 1 { one } else { many });
    }
    if rest > 0 {
        if major > 0 {
            words.push("and");
        }
        unsigned(rest, &mut words);
        words.push(if rest == 1 { one_minor } else { many_minor });
    }
    out.extend(words.into_iter().map(String::from));
}

fn decimal(minor: i64, out: &mut Vec<String>) {
    let mut words = Vec::new();
    if minor < 0 {
        words.push("minus");
    }
    unsigned(minor.unsigned_abs() / 100, &mut words);
    let rest = minor.unsigned_abs() % 100;
    if rest > 0 {
        words.extend(["point", word(&SMALL, rest / 10), word(&SMALL, rest % 10)]);
    }
    out.extend(words.into_iter().map(String::from));
}

/// Appends the words of a date, the year left out as people do: december twenty fourth.
pub(super) fn date(month: u8, day: u8, out: &mut Vec<&'static str>) {
    out.push(word(&MONTHS, u64::from(month.saturating_sub(1))));
    match day {
        0..=19 => out.push(word(&ORDINALS, day.into())),
        20 => out.push("twentieth"),
        30 => out.push("thirtieth"),
        _ => out.extend([word(&TENS, u64::from(day / 10)), word(&ORDINALS, u64::from(day % 10))]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_number(value: i64) -> String {
        let mut words = Vec::new();
        number(value, &mut words);
        words.join(" ")
    }

    #[test]
    fn numbers_read_as_people_say_them() {
        for (value, expect) in [
            (0, "zero"),
            (7, "seven"),
            (20, "twenty"),
            (21, "twenty one"),
            (100, "one hundred"),
            (105, "one hundred five"),
            (-12, "minus twelve"),
            (1_234, "one thousand two hundred thirty four"),
            (2_000_015, "two million fifteen"),
            (
                i64::MAX,
                "nine million two hundred twenty three thousand three hundred seventy two trillion \
                        thirty six billion eight hundred fifty four million seven hundred seventy five thousand \
                        eight hundred seven",
            ),
        ] {
            assert_eq!(of_number(value), expect);
        }
        assert!(of_number(i64::MIN).starts_with("minus nine million"));
    }

    #[test]
    fn money_reads_as_people_say_it() {
        for (minor, currency, expect) in [
            (123_456, "USD", "one thousand two hundred thirty four dollars and fifty six cents"),
            (100, "USD", "one dollar"),
            (1, "EUR", "one cent"),
            (-250, "EUR", "minus two euros and fifty cents"),
            (0, "GBP", "zero pounds"),
            (1_205, "SEK", "twelve point zero five s e k"),
        ] {
            let mut words = Vec::new();
            money(minor, currency, &mut words);
            assert_eq!(words.join(" "), expect);
        }
    }

    #[test]
    fn dates_read_as_people_say_them() {
        for (month, day, expect) in [
            (12, 24, "december twenty fourth"),
            (1, 1, "january first"),
            (6, 30, "june thirtieth"),
            (3, 31, "march thirty first"),
            (2, 20, "february twentieth"),
        ] {
            let mut words = Vec::new();
            date(month, day, &mut words);
            assert_eq!(words.join(" "), expect);
        }
    }
}
