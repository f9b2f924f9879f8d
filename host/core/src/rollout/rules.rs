//! Rules: whom a canary gets or doesn't, whatever its share.

use super::Subject;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// For whom.
    pub when: Condition,
    /// What then.
    pub then: Verdict,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The canary.
    Canary,
    /// What serves.
    Stable,
    /// By the share, as where no rule fits.
    Weighted,
}

/// Whom a rule is for: everything that is given must fit; nothing given fits everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// The dialled number; `12*` fits every number that begins with `12`.
    pub dialled: Option<String>,
    /// The caller's number, likewise.
    pub caller: Option<String>,
    /// The queue.
    pub queue: Option<String>,
    /// An attribute's name, and its value, if it matters.
    pub attribute: Option<(String, Option<String>)>,
    /// When.
    pub hours: Option<Hours>,
}

/// Hours of a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// Monday is the lowest bit.
    pub days: u8,
    /// Minute of the day: 0 to 1,439.
    pub from_min: u16,
    /// Before this minute: 1 to 1,440. Not after `from_min`: of the next day.
    pub to_min: u16,
    /// East of UTC, in minutes.
    pub utc_offset_min: i16,
}

const DAY_MIN: i64 = 1_440;

impl Condition {
    /// Whether it fits.
    pub fn fits(&self, subject: &Subject<'_>) -> bool {
        let number = |pattern: &Option<String>, number| pattern.as_ref().is_none_or(|pattern| matches(pattern, number));
        let attribute = self.attribute.as_ref().is_none_or(|(name, value)| {
            let found = subject.attributes.get(name);
            found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
        });
        number(&self.dialled, subject.dialled)
            && number(&self.caller, subject.caller)
            && self.queue.as_ref().is_none_or(|queue| subject.queue == Some(queue))
            && attribute
            && self.hours.is_none_or(|hours| hours.holds(subject.at))
    }
}

impl Condition {
    /// Whether it fits everything that another fits, as far as that can be told from both.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let number = |own: &Option<String>, others: &Option<String>| match (own, others) {
            (None, _) => true,
            (Some(own), Some(others)) => {
                own == others || own.strip_suffix('*').is_some_and(|prefix| others.starts_with(prefix))
            }
            (Some(own), None) => own == "*",
        };
        let attribute = match (&self.attribute, &other.attribute) {
            (None, _) => true,
            (Some((own, value)), Some((others, other))) => own == others && (value.is_none() || value == other),
            (Some(_), None) => false,
        };
        number(&self.dialled, &other.dialled)
            && number(&self.caller, &other.caller)
            && (self.queue.is_none() || self.queue == other.queue)
            && attribute
            && (self.hours.is_none() || self.hours == other.hours)
    }
}

fn matches(pattern: &str, number: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == number, |prefix| number.starts_with(prefix))
}

impl Hours {
    /// Whether there is no such minute.
    pub(super) const fn never(self) -> bool {
        self.days & 0b111_1111 == 0 || self.from_min >= 1_440 || self.to_min == 0 || self.to_min > 1_440
    }

    /// Whether a moment lies in them. Hours that go over midnight belong to the day they begin on.
    pub fn holds(self, at: Timestamp) -> bool {
        let minutes = i64::try_from(at.as_ms() / 60_000).unwrap_or(i64::MAX).saturating_add(self.utc_offset_min.into());
        let (day, minute) = (minutes.div_euclid(DAY_MIN), minutes.rem_euclid(DAY_MIN));
        // 1970-01-01 was a Thursday.
        let on = |day: i64| self.days >> (day + 3).rem_euclid(7) & 1 == 1;
        let (from, to) = (i64::from(self.from_min), i64::from(self.to_min));
        if from < to {
            on(day) && (from..to).contains(&minute)
        } else {
            (on(day) && minute >= from) || (on(day - 1) && minute < to)
        }
    }
}
