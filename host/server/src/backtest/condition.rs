//! Conditions of `--fail-if`.

use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// A figure of a report, how it is compared, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    figure: Figure,
    compared: Compared,
    /// In thousandths: of a percent, or of one.
    bound: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    Agreement,
    Share,
    Contacts,
    Decisions,
    Compared,
    Agreed,
    Diverged,
    Failed,
    Skipped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compared {
    Less,
    AtMost,
    More,
    AtLeast,
}

/// What is wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConditionError {
    #[error("it has none of <, <=, >, >=: write it as agreement<99%")]
    NoComparison,
    #[error(
        "`{0}` is no figure: it is one of agreement, share, contacts, decisions, compared, agreed, diverged, failed, skipped"
    )]
    UnknownFigure(String),
    #[error("`{0}` is no number: digits, and up to three behind the point of a percentage")]
    NotANumber(String),
    #[error("{0} is a number, not a percentage")]
    CountInPercent(&'static str),
}

impl Figure {
    const ALL: [Self; 9] = [
        Self::Agreement,
        Self::Share,
        Self::Contacts,
        Self::Decisions,
        Self::Compared,
        Self::Agreed,
        Self::Diverged,
        Self::Failed,
        Self::Skipped,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Agreement => "agreement",
            Self::Share => "share",
            Self::Contacts => "contacts",
            Self::Decisions => "decisions",
            Self::Compared => "compared",
            Self::Agreed => "agreed",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    const fn percent(self) -> bool {
        matches!(self, Self::Agreement | Self::Share)
    }
}

/// A decimal in thousandths.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || part.is_some_and(|part| !digits(part) || part.len() > 3) {
        return None;
    }
    let part: u64 = format!("{:0<3}", part.unwrap_or_default()).parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(part)
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let at = text.find(['<', '>']).ok_or(ConditionError::NoComparison)?;
        let (name, rest) = text.split_at(at);
        let ways = [("<=", Compared::AtMost), (">=", Compared::AtLeast), ("<", Compared::Less), (">", Compared::More)];
        let found = ways.iter().find_map(|(sign, compared)| Some((*compared, rest.strip_prefix(sign)?)));
        let (compared, number) = found.ok_or(ConditionError::NoComparison)?;
        let (name, number) = (name.trim(), number.trim());
        let figure = Figure::ALL.into_iter().find(|figure| figure.name() == name);
        let figure = figure.ok_or_else(|| ConditionError::UnknownFigure(name.chars().take(40).collect()))?;
        let (digits, percent) = number.strip_suffix('%').map_or((number, false), |digits| (digits.trim_end(), true));
        if percent && !figure.percent() {
            return Err(ConditionError::CountInPercent(figure.name()));
        }
        let bound = thousandths(digits).filter(|bound| figure.percent() || bound % 1000 == 0);
        let bound = bound.ok_or_else(|| ConditionError::NotANumber(number.chars().take(40).collect()))?;
        Ok(Self { figure, compared, bound })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.compared {
            Compared::Less => "<",
            Compared::AtMost => "<=",
            Compared::More => ">",
            Compared::AtLeast => ">=",
        };
        write!(f, "{}{sign}{}", self.figure.name(), self.shown(self.bound))
    }
}

impl Condition {
    /// What a report says of the figure, in thousandths. Where nothing was compared, agreement and share are 0.
    pub(super) fn figure(&self, done: &Value) -> Option<u64> {
        let of = |name: &str| done.get(name).filter(|report| !report.is_null());
        let report = of("report").or_else(|| of("decisions"))?;
        let count = |name: &str| report.get(name)?.as_u64()?.checked_mul(1000);
        // As it was rounded: to thousandths.
        let percent = |name: &str| report.get(name)?.as_f64().map(|percent| (percent * 1000.0).round() as u64);
        match self.figure {
            Figure::Agreement => percent("agreement_percent"),
            Figure::Share => percent("compared_percent"),
            Figure::Skipped => {
                let skipped = report.get("skipped")?.as_object()?;
                skipped.values().map(Value::as_u64).sum::<Option<u64>>()?.checked_mul(1000)
            }
            Figure::Contacts
            | Figure::Decisions
            | Figure::Compared
            | Figure::Agreed
            | Figure::Diverged
            | Figure::Failed => count(self.figure.name()),
        }
    }

    pub(super) const fn holds(&self, figure: u64) -> bool {
        match self.compared {
            Compared::Less => figure < self.bound,
            Compared::AtMost => figure <= self.bound,
            Compared::More => figure > self.bound,
            Compared::AtLeast => figure >= self.bound,
        }
    }

    /// A figure as people read it.
    pub(super) fn shown(&self, figure: u64) -> String {
        let (whole, part) = (figure / 1000, figure % 1000);
        let text = format!("{whole}.{part:03}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        if self.figure.percent() { format!("{text}%") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn conditions_are_read_or_refused() {
        let read = |text: &str| text.parse::<Condition>();
        for (text, shown) in [
            ("agreement<99%", "agreement<99%"),
            ("agreement < 99.5 %", "agreement<99.5%"),
            ("agreement<99", "agreement<99%"),
            ("share<=0.001%", "share<=0.001%"),
            ("diverged>0", "diverged>0"),
            ("failed>=10", "failed>=10"),
            ("compared<1000", "compared<1000"),
            ("skipped>5", "skipped>5"),
        ] {
            assert_eq!(read(text).map(|condition| condition.to_string()), Ok(shown.into()), "{text}");
        }
        for text in ["", "agreement", "agreement=99", "agreement!99"] {
            assert_eq!(read(text), Err(ConditionError::NoComparison), "{text}");
        }
        assert_eq!(read("<99"), Err(ConditionError::UnknownFigure(String::new())));
        assert_eq!(read("agreements<99"), Err(ConditionError::UnknownFigure("agreements".into())));
        for number in ["", "%", "-1", "1e3", "1.", ".5", "1.2345", "x", "99999999999999999999", "٩", "<5", "1_000"] {
            assert!(matches!(read(&format!("agreement<{number}")), Err(ConditionError::NotANumber(_))), "{number}");
        }
        assert_eq!(read("diverged>5%"), Err(ConditionError::CountInPercent("diverged")));
        assert!(matches!(read("diverged>0.5"), Err(ConditionError::NotANumber(_))));
    }

    #[test]
    fn conditions_hold_to_the_thousandth() {
        let done = json!({ "report": { "agreement_percent": 98.999, "compared_percent": 0.0, "contacts": 12, "compared": 10,
            "agreed": 9, "diverged": 1, "failed": 0, "skipped": { "erased": 1, "damaged": 1 } } });
        for (text, holds) in [
            ("agreement<99%", true),
            ("agreement<98.999%", false),
            ("agreement<=98.999%", true),
            ("share<1%", true),
            ("diverged>0", true),
            ("diverged>1", false),
            ("failed>0", false),
            ("skipped>=2", true),
            ("contacts<12", false),
            ("compared<11", true),
        ] {
            let condition: Condition = text.parse().unwrap();
            assert_eq!(condition.holds(condition.figure(&done).unwrap()), holds, "{text}");
        }
        let condition: Condition = "agreed<1".parse().unwrap();
        assert_eq!(condition.figure(&json!({ "report": {} })), None);
        let of_scorer = json!({ "report": null, "decisions": { "decisions": 7, "agreement_percent": 50.0 } });
        for (text, figure) in [("decisions<1", Some(7_000)), ("agreement<1%", Some(50_000)), ("contacts<1", None)] {
            assert_eq!(text.parse::<Condition>().unwrap().figure(&of_scorer), figure, "{text}");
        }
    }
}
