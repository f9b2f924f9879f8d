//! One file per resource: its JSON types, and its handlers.

pub(crate) mod agents;
pub(crate) mod backtests;
pub(crate) mod canaries;
pub(crate) mod contacts;
pub(crate) mod decisions;
pub(crate) mod deployments;
pub(crate) mod entry_points;
pub(crate) mod events;
pub(crate) mod grants;
pub(crate) mod history;
pub(crate) mod host;
pub(crate) mod journal;
pub(crate) mod notes;
pub(crate) mod plugins;
pub(crate) mod prompts;
pub(crate) mod queues;
pub(crate) mod rescored;
pub(crate) mod settings;
pub(crate) mod shadows;
pub(crate) mod trunks;

use crate::centre::{Refusal, Revised};

/// The one of a list that fits.
fn one<T>(
    all: Vec<Revised<T>>,
    what: &'static str,
    name: &str,
    fits: impl Fn(&T) -> bool,
) -> Result<Revised<T>, Refusal> {
    all.into_iter().find(|one| fits(&one.value)).ok_or_else(|| Refusal::NotFound { what, name: name.to_owned() })
}

/// A list of documents for a client.
fn listed<T, U>(all: Vec<Revised<T>>, convert: impl Fn(T, u64) -> U) -> Vec<U> {
    all.into_iter().map(|one| convert(one.value, one.revision)).collect()
}
