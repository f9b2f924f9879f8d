//! What is said.

use super::{Date, Money, PromptPart};
use crate::units::whole_ms;
use std::time::Duration;

/// What is said: parts, spoken one after the other. `"Hello."` is one, so is [`prompt!`](crate::prompt).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompt(pub(super) Vec<PromptPart>);

impl Prompt {
    /// Silence, so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// With something said after what is there.
    #[must_use]
    pub fn then(mut self, part: impl Into<Prompt>) -> Self {
        self.0.extend(part.into().0);
        self
    }

    /// The parts, as the contract has them.
    pub fn parts(&self) -> &[PromptPart] {
        &self.0
    }
}

/// A prompt of several parts: `prompt!("Your balance is", Money::new(1234, "EUR"))`.
#[macro_export]
macro_rules! prompt {
    ($($part:expr),+ $(,)?) => { $crate::flow::Prompt::new()$(.then($part))+ };
}

/// Characters said one by one: "one, zero, five". At most 64.
pub fn digits(text: impl Into<String>) -> Prompt {
    Prompt(vec![PromptPart::Digits(text.into())])
}

/// A number, said as a number: "one hundred and five".
pub fn number(number: i64) -> Prompt {
    Prompt(vec![PromptPart::Number(number)])
}

/// A recording of the tenant's prompt library, by name.
pub fn recording(name: impl Into<String>) -> Prompt {
    Prompt(vec![PromptPart::Recording(name.into())])
}

/// Silence, at most ten seconds.
pub fn pause(duration: Duration) -> Prompt {
    Prompt(vec![PromptPart::PauseMs(whole_ms(duration))])
}

impl Money {
    /// An amount in minor units: `Money::new(1234, "EUR")` is 12.34 euros. The currency is of ISO 4217, three capital
    /// letters.
    pub fn new(minor: i64, currency: impl Into<String>) -> Self {
        Self { minor, currency: currency.into() }
    }
}

impl Date {
    /// A day of the calendar.
    pub fn new(year: u16, month: u8, day: u8) -> Self {
        Self { year, month, day }
    }

    /// Reads `2026-12-24`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let date = Self { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? };
        ((1..=12).contains(&date.month) && (1..=31).contains(&date.day) && parts.next().is_none()).then_some(date)
    }
}

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<String> for Prompt {
    fn from(text: String) -> Self {
        Self(vec![PromptPart::Text(text)])
    }
}

impl From<Money> for Prompt {
    fn from(money: Money) -> Self {
        Self(vec![PromptPart::Money(money)])
    }
}

impl From<Date> for Prompt {
    fn from(date: Date) -> Self {
        Self(vec![PromptPart::Date(date)])
    }
}

impl From<PromptPart> for Prompt {
    fn from(part: PromptPart) -> Self {
        Self(vec![part])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Units as _;

    #[test]
    fn parts_follow_each_other() {
        let said = prompt!("Your balance is", Money::new(1234, "EUR"), pause(300.ms()), Date::new(2026, 12, 24));
        assert_eq!(
            said.parts(),
            [
                PromptPart::Text("Your balance is".into()),
                PromptPart::Money(Money { minor: 1234, currency: "EUR".into() }),
                PromptPart::PauseMs(300),
                PromptPart::Date(Date { year: 2026, month: 12, day: 24 }),
            ]
        );
        assert_eq!(prompt!(digits("105"), number(7)).parts().len(), 2);
    }

    #[test]
    fn dates_are_read() {
        assert_eq!(Date::parse("2026-12-24"), Some(Date::new(2026, 12, 24)));
        for wrong in ["2026-13-01", "2026-12-32", "2026-12", "2026-12-24-1", "", "tomorrow"] {
            assert_eq!(Date::parse(wrong), None, "{wrong}");
        }
    }
}
