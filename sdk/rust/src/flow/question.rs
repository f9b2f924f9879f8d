//! What is asked.

use super::{Choice, DigitsRule, Prompt, TypeAhead};
use crate::units::{Units as _, whole_ms};
use std::time::Duration;

/// A question: [`menu`](Self::menu) with choices, or [`digits`](Self::digits) for a number.
///
/// ```
/// # use cordboard_sdk::flow::{Question, Units as _};
/// let menu = Question::menu("main-menu", "To hear your balance, press 1. To speak to an agent, press 0.")
///     .choice("balance", "1", ["balance"])
///     .choice("agent", "0", ["agent", "operator"])
///     .silence(5.s());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    pub(super) raw: super::RawQuestion,
    pub(super) if_silent: Prompt,
    pub(super) if_unclear: Prompt,
}

impl Question {
    fn new(id: &str, prompt: Prompt, digits: Option<DigitsRule>) -> Self {
        Self {
            raw: super::RawQuestion {
                id: id.into(),
                prompt: prompt.0,
                choices: Vec::new(),
                digits,
                silence_timeout_ms: whole_ms(5.s()),
                key_timeout_ms: whole_ms(3.s()),
                type_ahead: TypeAhead::Keep,
                secret: false,
            },
            if_silent: "Are you still there?".into(),
            if_unclear: "Sorry, I did not understand that.".into(),
        }
    }

    /// One of several things. The `id` names the question in records and journals.
    pub fn menu(id: &str, prompt: impl Into<Prompt>) -> Self {
        Self::new(id, prompt.into(), None)
    }

    /// A number of `min` to `max` digits, which the hash key ends early.
    pub fn digits(id: &str, prompt: impl Into<Prompt>, min: u8, max: u8) -> Self {
        Self::new(id, prompt.into(), Some(DigitsRule { min, max, terminator: Some("#".into()) }))
    }

    /// Something that can be chosen, by a key and by words. The `id` is the answer, and what later versions must keep.
    #[must_use]
    pub fn choice<'w>(mut self, id: &str, key: &str, words: impl IntoIterator<Item = &'w str>) -> Self {
        let words = words.into_iter().map(str::to_owned).collect();
        self.raw.choices.push(Choice { id: id.into(), key: Some(key.into()), words });
        self
    }

    /// How long after the prompt the person may stay silent: 0.1 s to 5 minutes, 5 s if nothing is said.
    #[must_use]
    pub fn silence(mut self, duration: Duration) -> Self {
        self.raw.silence_timeout_ms = whole_ms(duration);
        self
    }

    /// How long between two keys: 0.1 s to a minute, 3 s if nothing is said.
    #[must_use]
    pub fn between_keys(mut self, duration: Duration) -> Self {
        self.raw.key_timeout_ms = whole_ms(duration);
        self
    }

    /// Keys that were pressed before the question don't count.
    #[must_use]
    pub fn afresh(mut self) -> Self {
        self.raw.type_ahead = TypeAhead::Flush;
        self
    }

    /// What is typed is personal: it is kept in memory only, the journal has its length alone.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.raw.secret = true;
        self
    }

    /// What [`Contact::insist`](super::Contact::insist) says before it asks a silent person again.
    #[must_use]
    pub fn if_silent(mut self, prompt: impl Into<Prompt>) -> Self {
        self.if_silent = prompt.into();
        self
    }

    /// What [`Contact::insist`](super::Contact::insist) says before it asks again after an answer that fits nothing.
    #[must_use]
    pub fn if_unclear(mut self, prompt: impl Into<Prompt>) -> Self {
        self.if_unclear = prompt.into();
        self
    }
}
