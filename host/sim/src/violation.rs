//! A rule that was broken, and how to see it again.

use crate::watch::Broken;
use cordboard_core::time::Timestamp;
use std::fmt;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Repeats it.
    pub seed: u64,
    /// The input, counted from 1.
    pub step: u64,
    /// When, in the centre's time.
    pub at: Timestamp,
    /// Which, and what was seen.
    pub broken: Broken,
    /// The last inputs, the one that broke it at the end.
    pub recent: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "`{}` does not hold: {}", self.broken.invariant, self.broken.detail)?;
        writeln!(f, "at step {} ({}), after:", self.step, self.at)?;
        self.recent.iter().try_for_each(|input| writeln!(f, "  {input:.400}"))?;
        write!(f, "again: CORDBOARD_SIM_SEED={} cargo test -p cordboard-sim --test sweep", self.seed)
    }
}

impl std::error::Error for Violation {}
