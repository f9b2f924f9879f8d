//! How the bank misbehaves when it is told to.

use serde::Deserialize;

/// What every question about a customer meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// A proper answer.
    #[default]
    None,
    /// A proper answer, later.
    Delay,
    /// No answer, until another mode is set; then a proper one.
    Hang,
    /// Status 500.
    Error,
    /// Status 200, and a body that only claims to be JSON.
    Garbage,
    /// Status 200, and a body beyond every bound.
    Huge,
}

/// The body of `PUT /fault`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) mode: Mode,
    /// How long [`Mode::Delay`] takes, in milliseconds; at most a minute.
    #[serde(default)]
    pub(crate) ms: u64,
}

pub(crate) const MAX_DELAY_MS: u64 = 60_000;
/// Larger than what the host reads of any response.
pub(crate) const HUGE_BYTES: usize = 8 << 20;
pub(crate) const GARBAGE: &str = "{\"id\": \"1001\", \"name\": \u{0}<html>";
