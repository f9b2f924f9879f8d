//! Looking people up in directories.

use crate::ids::DeploymentName;
use serde::{Deserialize, Serialize};

/// Whom to look up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LookupKey {
    /// A crm deployment; the tenant's default if none.
    pub directory: Option<DeploymentName>,
    /// Kind of key.
    pub kind: String,
    /// The key.
    pub value: String,
}

/// What a directory knows of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// There.
    pub id: String,
    /// For greeting and screen pop.
    pub display_name: Option<String>,
    /// In the directory's order.
    pub fields: Vec<(String, String)>,
}

/// Why a look-up has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LookupError {
    /// Too late.
    Timeout,
    /// Too many under way.
    Busy,
    /// The directory failed.
    Unavailable(String),
    /// No such directory, or a key it doesn't know.
    Unsupported(String),
    /// The person is gone.
    Ended,
    /// An argument is out of bounds.
    Invalid(String),
    /// Anything else.
    Other(String),
}
