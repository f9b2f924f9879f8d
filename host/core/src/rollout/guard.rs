//! Guards: what must not get worse.

use super::{Counted, Figure, Share};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One guard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// What is watched.
    pub measure: Measure,
    /// By so many points the canary's share may be worse than the stable version's.
    pub margin: Share,
    /// More than this is a breach, however the stable version does.
    pub most: Option<Share>,
    /// So many contacts the canary must have got before anything is decided. At least 1.
    pub minimum: u32,
}

/// What a guard watches: a share of contacts that is bad where it is high.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    /// One of the figures that are counted of every contact.
    Figure(Figure),
    /// Contacts with a step slower than the stable version's p99 times a factor, or than so long if that is more.
    SlowSteps {
        /// In tenths.
        factor_tenths: u32,
        /// In milliseconds.
        at_least_ms: u32,
    },
    /// Of those who were asked a question, by its id: contacts where the person hung up in it.
    HangUpsIn(String),
    /// Contacts that ended with this attribute, with this value if it matters.
    Attribute(String, Option<String>),
}

impl Measure {
    /// Its name at the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Figure(figure) => figure.code(),
            Self::SlowSteps { .. } => "step-latency",
            Self::HangUpsIn(_) => "hang-ups",
            Self::Attribute(..) => "attribute",
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Figure(_) | Self::SlowSteps { .. } => f.write_str(self.code()),
            Self::HangUpsIn(question) => write!(f, "hang-ups in `{question}`"),
            Self::Attribute(name, None) => write!(f, "attribute `{name}`"),
            Self::Attribute(name, Some(value)) => write!(f, "attribute `{name}` = `{value}`"),
        }
    }
}

/// Why a canary was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// What got worse.
    pub measure: Measure,
    /// The canary's contacts.
    pub canary: Counted,
    /// The stable version's.
    pub stable: Counted,
    /// More than the guard's own bound, rather than worse than the stable version.
    pub bound: Option<Share>,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { measure, canary, stable, bound } = self;
        write!(f, "{measure}: {} of {} contacts", canary.bad, canary.of)?;
        match bound {
            Some(bound) => write!(f, ", at most {} % are allowed", bound.as_percent()),
            None => write!(f, ", with the stable version {} of {}", stable.bad, stable.of),
        }
    }
}
