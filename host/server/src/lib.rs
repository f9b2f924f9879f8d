//! The `cordboard` host: configuration, wiring, and the thin shell around the board.

pub mod centre;
pub mod clock;
pub mod comparing;
pub mod config;
mod documents;
mod events;
mod first_run;
mod grants;
mod holds;
mod logging;
mod metrics;
mod prompts;
pub mod serve;
mod shadows;
mod shell;
pub mod signing;
pub mod simulate;
mod start;
mod token;

use std::io::Write as _;

/// A line on standard output, at once. A closed output is nobody's loss.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A line on standard error.
pub fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
