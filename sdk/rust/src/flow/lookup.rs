//! Whom to look up.

use super::LookupKey;
use crate::units::{Units as _, whole_ms};
use std::time::Duration;

/// Whom to look up: a kind of key with its value, `("phone", number)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    pub(super) key: LookupKey,
    pub(super) timeout_ms: u32,
}

impl Lookup {
    /// By a key of any kind, e.g. `email`.
    pub fn by(kind: &str, value: impl Into<String>) -> Self {
        let key = LookupKey { directory: None, kind: kind.into(), value: value.into() };
        Self { key, timeout_ms: whole_ms(1500.ms()) }
    }

    /// By a telephone number.
    pub fn phone(number: impl Into<String>) -> Self {
        Self::by("phone", number)
    }

    /// By an account's number.
    pub fn account(number: impl Into<String>) -> Self {
        Self::by("account", number)
    }

    /// In this directory: the name of a `crm` deployment. The tenant's default if nothing is said.
    #[must_use]
    pub fn in_directory(mut self, name: &str) -> Self {
        self.key.directory = Some(name.into());
        self
    }

    /// How long the answer may take: 0.1 s to a minute, 1.5 s if nothing is said.
    #[must_use]
    pub fn within(mut self, duration: Duration) -> Self {
        self.timeout_ms = whole_ms(duration);
        self
    }
}

impl<V: Into<String>> From<(&str, V)> for Lookup {
    fn from((kind, value): (&str, V)) -> Self {
        Self::by(kind, value)
    }
}
