//! Why a call could not be done.

use super::{ContactError, FetchError, Interruption, LookupError, ValueError};
use std::fmt;

/// What a flow's calls return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call could not be done. With `?` a flow leaves itself: [`Ended`](Self::Ended) and [`TakenOver`](Self::TakenOver)
/// are then ends like any other, all others hand the person over to the safe flow.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The person is gone. Five seconds and 32 calls are left to tidy up.
    Ended,
    /// A supervisor has taken the contact over.
    TakenOver,
    /// What was being said or asked was cut, since an agent answered: the next wait returns when the talk is over.
    Connected,
    /// An argument is out of bounds; the text names it.
    Invalid(String),
    /// The contact's state doesn't allow it now; the text says why.
    NotNow(String),
    /// A limit is reached; the text names it.
    Limit(String),
    /// A directory gave no answer.
    Lookup(LookupError),
    /// A back-end gave no response.
    Fetch(FetchError),
    /// A stored value could not be read or kept.
    Value(ValueError),
    /// Anything else, the flow's own errors among it.
    Other(String),
}

impl Error {
    /// Whether the conversation is over with it: then there is no place in a queue left to be given up.
    pub(super) fn ends(&self) -> bool {
        matches!(self, Self::Ended | Self::TakenOver)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the person is gone"),
            Self::TakenOver => f.write_str("a supervisor has taken over"),
            Self::Connected => f.write_str("an agent has answered"),
            Self::Invalid(what) => write!(f, "out of bounds: {what}"),
            Self::NotNow(why) => write!(f, "not now: {why}"),
            Self::Limit(which) => write!(f, "limit reached: {which}"),
            Self::Lookup(error) => write!(f, "look-up: {error:?}"),
            Self::Fetch(error) => write!(f, "fetch: {error:?}"),
            Self::Value(error) => write!(f, "stored value: {error:?}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

impl From<ContactError> for Error {
    fn from(error: ContactError) -> Self {
        match error {
            ContactError::Ended => Self::Ended,
            ContactError::TakenOver => Self::TakenOver,
            ContactError::Interrupted(Interruption::Connected) => Self::Connected,
            ContactError::Interrupted(Interruption::Other(text)) | ContactError::Other(text) => Self::Other(text),
            ContactError::Invalid(what) => Self::Invalid(what),
            ContactError::NotNow(why) => Self::NotNow(why),
            ContactError::Limit(which) => Self::Limit(which),
        }
    }
}

impl From<LookupError> for Error {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::Ended => Self::Ended,
            LookupError::Invalid(what) => Self::Invalid(what),
            other => Self::Lookup(other),
        }
    }
}

impl From<FetchError> for Error {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Ended => Self::Ended,
            FetchError::Invalid(what) => Self::Invalid(what),
            other => Self::Fetch(other),
        }
    }
}

impl From<ValueError> for Error {
    fn from(error: ValueError) -> Self {
        Self::Value(error)
    }
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Self::Other(text)
    }
}

impl From<&str> for Error {
    fn from(text: &str) -> Self {
        Self::Other(text.into())
    }
}
