//! What the commands of authors and operators ask: a host's admin API ([`Client`]), found by flags, environment and a small
//! file ([`hosts`]), and registries that keep components as OCI artefacts ([`oci`]).
//!
//! It blocks: whoever uses it in an asynchronous program gives it a thread. What comes from the network is bounded, and a
//! failure says what to do next.

mod api;
mod error;
mod events;
pub mod hosts;
mod http;
pub mod oci;
mod operator;
mod problem;

pub use api::{Answer, Client, Expected, Upload, encoded};
pub use error::ClientError;
pub use events::{Event, Events};
pub use problem::Problem;

use std::fmt;

/// What a host lets someone in by. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A text as it stands in a file or a variable; none if it can't be a token: 16 to 256 visible characters.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let sound = (16..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        sound.then(|| Self(text.to_owned()))
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Text from elsewhere, fit for a terminal: no control characters, and not endless.
pub(crate) fn tame(text: &str) -> String {
    const MAX_CHARS: usize = 2_000;
    let shown = |c: char| if c.is_control() && c != '\n' { '\u{fffd}' } else { c };
    let mut tamed: String = text.chars().take(MAX_CHARS).map(shown).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        tamed.push('…');
    }
    tamed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        let token = Token::new(" secret-of-16-char \n").unwrap();
        assert_eq!(token.bearer(), "Bearer secret-of-16-char");
        assert_eq!(format!("{token:?}"), "Token(…)");
        for text in ["", "short", "has a space in it, long", &"x".repeat(257)] {
            assert!(Token::new(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_others_write_can_not_move_the_cursor() {
        assert_eq!(tame("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\nc");
        assert_eq!(tame(&"x".repeat(5_000)).chars().count(), 2_001);
    }
}
