//! How long it takes to say something, where nobody says it.

use cordboard_core::flow::{Prompt, PromptPart};

/// How a prompt is spoken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spoken {
    /// How long it takes, in milliseconds.
    pub ms: u64,
    /// Words and recordings that can't be said.
    pub missing: Vec<String>,
}

/// Knows how prompts are spoken.
pub trait Speech: Send + Sync {
    /// How this one is.
    fn spoken(&self, prompt: &Prompt) -> Spoken;
}

/// Speaks as fast as most people do: some 160 words a minute.
#[derive(Clone, Copy, Debug, Default)]
pub struct Estimate;

const WORD_MS: u64 = 375;

impl Speech for Estimate {
    fn spoken(&self, prompt: &Prompt) -> Spoken {
        let part = |part: &PromptPart| match part {
            PromptPart::Text(text) => WORD_MS * text.split_whitespace().count() as u64,
            PromptPart::Recording(_) => 3_000,
            PromptPart::Digits(digits) => WORD_MS * digits.chars().count() as u64,
            PromptPart::PauseMs(ms) => u64::from(*ms),
            PromptPart::Number(_) | PromptPart::Money { .. } | PromptPart::Date { .. } => 4 * WORD_MS,
        };
        Spoken { ms: prompt.0.iter().map(part).sum(), missing: Vec::new() }
    }
}
