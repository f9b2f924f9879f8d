//! A question while it is open: which keys answer it, and when it is over.
//!
//! Digits are the keys `0`–`9`. How a key counts, in this order:
//!
//! 1. *No digits rule*: the first key is the answer: the choice with that key, or no match.
//! 2. *Nothing typed yet*, and the key is no digit: the choice with that key; else no match (so for a terminator
//!    with nothing before it).
//! 3. *Something typed*, and the key is the terminator: the input ends.
//! 4. A digit is typed. At the rule's maximum the input ends.
//! 5. Any other key is no match, with all that was typed before it.
//!
//! When the input ends (terminator, maximum, or the time between keys has passed): at least the minimum typed is an
//! answer of digits; else a single key that a choice has is that choice ("your account number, or 0 for an agent");
//! else it is no match. So a choice by digit beside a digits rule with a minimum of 1 can't be reached.

use crate::flow::{Answer, Question};

/// An open question.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    question: Question,
    typed: String,
    prompt_over: bool,
}

/// What a key or a moment means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Still open. Wait so long for the next key.
    Open {
        /// In milliseconds; none: until the prompt ends.
        timeout_ms: Option<u32>,
    },
    /// Answered.
    Answered(Answer),
}

impl Ask {
    pub(super) const fn new(question: Question) -> Self {
        Self { question, typed: String::new(), prompt_over: false }
    }

    /// Another version asks this (journal rule 11): what was typed, heard and waited for stays, and so does the name under
    /// which it was asked, which the journal has.
    pub(super) fn replace(&mut self, question: Question) {
        let id = std::mem::take(&mut self.question.id);
        self.question = Question { id, ..question };
    }

    pub(super) const fn question(&self) -> &Question {
        &self.question
    }

    /// Whether something was typed: the prompt is cut then.
    pub(super) const fn begun(&self) -> bool {
        !self.typed.is_empty()
    }

    /// Whether the end of the prompt is waited for.
    pub(super) const fn prompted(&self) -> bool {
        !self.prompt_over && self.typed.is_empty()
    }

    /// How long to wait from now on.
    pub(super) const fn open(&self) -> Step {
        let timeout_ms = if !self.typed.is_empty() {
            Some(self.question.key_timeout_ms)
        } else if self.prompt_over {
            Some(self.question.silence_timeout_ms)
        } else {
            None
        };
        Step::Open { timeout_ms }
    }

    /// The prompt has ended: silence counts from here.
    pub(super) const fn prompt_ended(&mut self) -> Step {
        self.prompt_over = true;
        self.open()
    }

    /// The time given by [`Step::Open`] has passed.
    pub(super) fn timed_out(&self) -> Answer {
        if self.typed.is_empty() { Answer::Silence } else { self.ended() }
    }

    /// A key was pressed.
    pub(super) fn key(&mut self, key: char) -> Step {
        let Some(rule) = &self.question.digits else {
            return Step::Answered(self.choice(key).unwrap_or_else(|| Answer::NoMatch(key.into())));
        };
        let (terminator, max) = (rule.terminator, usize::from(rule.max));
        if self.typed.is_empty() && !key.is_ascii_digit() {
            return Step::Answered(self.choice(key).unwrap_or_else(|| Answer::NoMatch(key.into())));
        }
        if !self.typed.is_empty() && terminator == Some(key) {
            return Step::Answered(self.ended());
        }
        self.typed.push(key);
        if !key.is_ascii_digit() {
            return Step::Answered(Answer::NoMatch(self.typed.clone()));
        }
        if self.typed.len() >= max { Step::Answered(self.ended()) } else { self.open() }
    }

    fn ended(&self) -> Answer {
        let min = self.question.digits.as_ref().map_or(usize::MAX, |rule| usize::from(rule.min));
        if self.typed.len() >= min {
            return Answer::Digits(self.typed.clone());
        }
        let mut keys = self.typed.chars();
        match (keys.next(), keys.next()) {
            (Some(only), None) => self.choice(only),
            (Some(_), Some(_)) | (None, _) => None,
        }
        .unwrap_or_else(|| Answer::NoMatch(self.typed.clone()))
    }

    fn choice(&self, key: char) -> Option<Answer> {
        let chosen = self.question.choices.iter().find(|choice| choice.key == Some(key))?;
        Some(Answer::Choice(chosen.id.clone()))
    }
}

/// What these keys, pressed one after the other and no more, answer to a question.
pub(crate) fn keys_answer(question: &Question, keys: &str) -> Answer {
    let mut ask = Ask::new(question.clone());
    for key in keys.chars() {
        if let Step::Answered(answer) = ask.key(key) {
            return answer;
        }
    }
    ask.timed_out()
}

/// Journal rule 20: of a secret answer the journal keeps how much was typed, and nothing else.
pub(super) fn for_journal(question: &Question, answer: &Answer) -> Answer {
    if !question.secret {
        return answer.clone();
    }
    match answer {
        Answer::Digits(digits) => Answer::SecretDigits(u8::try_from(digits.len()).unwrap_or(u8::MAX)),
        Answer::NoMatch(typed) => Answer::NoMatch("*".repeat(typed.chars().count())),
        Answer::Text(text) => Answer::Text("*".repeat(text.chars().count().min(64))),
        Answer::Choice(_) | Answer::SecretDigits(_) | Answer::Silence => answer.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Choice, DigitsRule, Prompt, PromptPart, TypeAhead};

    fn question(keys: &str, digits: Option<(u8, u8, Option<char>)>) -> Question {
        Question {
            id: "q".into(),
            prompt: Prompt(vec![PromptPart::Text("?".into())]),
            choices: keys.chars().map(|key| Choice { id: format!("c{key}"), key: Some(key), words: vec![] }).collect(),
            digits: digits.map(|(min, max, terminator)| DigitsRule { min, max, terminator }),
            silence_timeout_ms: 5000,
            key_timeout_ms: 2000,
            type_ahead: TypeAhead::Keep,
            secret: false,
        }
    }

    #[test]
    fn keys_mean_what_the_table_says() {
        let menu = question("12*", None);
        let account = question("", Some((4, 6, Some('#'))));
        let both = question("0*", Some((4, 6, Some('#'))));
        let any = question("0#", Some((1, 3, Some('#'))));
        let choice = |id: &str| Answer::Choice(id.into());
        let digits = |typed: &str| Answer::Digits(typed.into());
        let none = |typed: &str| Answer::NoMatch(typed.into());
        for (question, keys, expected) in [
            (&menu, "1", choice("c1")),
            (&menu, "*", choice("c*")),
            (&menu, "3", none("3")),
            (&menu, "", Answer::Silence),
            (&account, "1234#", digits("1234")),
            (&account, "1234", digits("1234")),
            (&account, "1234567", digits("123456")),
            (&account, "123#", none("123")),
            (&account, "123", none("123")),
            (&account, "#", none("#")),
            (&account, "12*", none("12*")),
            (&account, "A", none("A")),
            (&both, "0", choice("c0")),
            (&both, "0#", choice("c0")),
            (&both, "*", choice("c*")),
            (&both, "01234", digits("01234")),
            (&both, "1*", none("1*")),
            (&both, "1", none("1")),
            (&any, "0", digits("0")),
            (&any, "#", choice("c#")),
            (&any, "1#", digits("1")),
            (&any, "123", digits("123")),
        ] {
            assert_eq!(keys_answer(question, keys), expected, "{keys}");
        }
    }

    #[test]
    fn silence_counts_from_the_end_of_the_prompt_and_keys_from_each_other() {
        let mut ask = Ask::new(question("", Some((2, 4, None))));
        assert_eq!(ask.open(), Step::Open { timeout_ms: None });
        assert_eq!(ask.prompt_ended(), Step::Open { timeout_ms: Some(5000) });
        assert_eq!(ask.key('1'), Step::Open { timeout_ms: Some(2000) });
        assert!(ask.begun());
        let mut cut = Ask::new(question("", Some((2, 4, None))));
        assert_eq!(cut.key('1'), Step::Open { timeout_ms: Some(2000) });
        assert_eq!(cut.prompt_ended(), Step::Open { timeout_ms: Some(2000) });
    }

    #[test]
    fn rule_11_another_version_asks_on_under_the_name_that_was_asked() {
        let mut ask = Ask::new(question("", Some((2, 4, None))));
        ask.key('1');
        ask.replace(Question { id: "other".into(), ..question("*", Some((2, 4, None))) });
        assert_eq!((ask.question().id.as_str(), ask.question().choices.len()), ("q", 1));
        assert_eq!(ask.timed_out(), Answer::NoMatch("1".into()), "what was typed stays");
    }

    #[test]
    fn rule_20_the_journal_keeps_the_length_of_a_secret() {
        let secret = Question { secret: true, ..question("0", Some((4, 4, None))) };
        let told = |answer| (for_journal(&secret, &answer), secret.for_people(&answer));
        assert_eq!(told(Answer::Digits("1234".into())), (Answer::SecretDigits(4), "***".into()));
        assert_eq!(told(Answer::NoMatch("12".into())), (Answer::NoMatch("**".into()), "***".into()));
        assert_eq!(told(Answer::Silence), (Answer::Silence, "***".into()));
        let open = question("0", None);
        assert_eq!(for_journal(&open, &Answer::Digits("1".into())), Answer::Digits("1".into()));
        assert_eq!(open.for_people(&Answer::NoMatch("1".into())), "no-match");
    }
}
