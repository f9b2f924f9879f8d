//! Values that a plugin stores for its tenant.

use serde::{Deserialize, Serialize};

/// Why a stored value could not be read or kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueError {
    /// More keys or bytes than are granted.
    Quota,
    /// Not wanted in the manifest, or not granted.
    NotGranted,
    /// The store can't be read or written now.
    Unavailable(String),
    /// Out of bounds.
    Invalid(String),
    /// Anything else.
    Other(String),
}
