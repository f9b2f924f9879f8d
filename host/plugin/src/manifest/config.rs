//! What a plugin can be configured with: a small subset of JSON Schema, checked when it is deployed. Values are texts, as
//! `wasi:config` has them.

use super::{Manifest, ManifestError, invalid, text};
use serde::Deserialize;
use std::collections::BTreeMap;

const MAX_KEY_BYTES: usize = 128;
const MAX_VALUE_BYTES: usize = 8 << 10;
const MAX_VALUES: usize = 64;

/// One key that can be configured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigKey {
    /// What its value must be.
    pub r#type: ConfigType,
    /// Whether it must be set.
    #[serde(default)]
    pub required: bool,
    /// What the plugin takes if it isn't set: told to people, not set by the host. Not with `required`.
    #[serde(default)]
    pub default: Option<String>,
    /// For people. At most 1 KiB.
    #[serde(default)]
    pub description: String,
    /// Of an `enum`: 1 to 64 texts.
    #[serde(default)]
    pub values: Vec<String>,
    /// It is not shown to people who may not see it.
    #[serde(default)]
    pub secret: bool,
}

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfigType {
    /// Any text.
    String,
    /// A whole number of 64 bits, signed.
    Integer,
    /// A finite decimal number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// One of `values`.
    Enum,
}

/// A configuration that doesn't fit a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The plugin doesn't know the key.
    #[error("config `{key}`: the plugin has no such key; it has {known}")]
    Unknown {
        /// Which.
        key: String,
        /// What it knows.
        known: String,
    },
    /// It must be set.
    #[error("config `{0}` is required")]
    Missing(String),
    /// The value isn't what it must be.
    #[error("config `{key}`: the value is not {wanted}")]
    Value {
        /// Of which key.
        key: String,
        /// What it must be.
        wanted: String,
    },
}

impl ConfigKey {
    pub(super) fn check(&self, key: &str) -> Result<(), ManifestError> {
        let at = format!("config.{}", crate::guest::shortened(key, MAX_KEY_BYTES));
        text(&at, key, 1, MAX_KEY_BYTES)?;
        text(&format!("{at}.description"), &self.description, 0, super::MAX_DESCRIPTION_BYTES)?;
        let is_enum = self.r#type == ConfigType::Enum;
        if is_enum == self.values.is_empty() || self.values.len() > MAX_VALUES {
            return invalid(format!("{at}.values"), "an enum has 1 to 64, any other type has none");
        }
        for value in &self.values {
            text(&format!("{at}.values"), value, 0, MAX_KEY_BYTES)?;
        }
        let Some(default) = &self.default else { return Ok(()) };
        if self.required {
            return invalid(format!("{at}.default"), "a required key has no default");
        }
        match self.fits(default) {
            Ok(()) => Ok(()),
            Err(wanted) => invalid(format!("{at}.default"), format!("not {wanted}")),
        }
    }

    /// Whether a value is of its type; if not, what it must be.
    fn fits(&self, value: &str) -> Result<(), String> {
        let (fits, wanted) = match self.r#type {
            ConfigType::String => (value.len() <= MAX_VALUE_BYTES, "a text of at most 8 KiB".to_owned()),
            ConfigType::Integer => (value.parse::<i64>().is_ok(), "a whole number".to_owned()),
            ConfigType::Number => (value.parse::<f64>().is_ok_and(f64::is_finite), "a number".to_owned()),
            ConfigType::Boolean => (matches!(value, "true" | "false"), "`true` or `false`".to_owned()),
            ConfigType::Enum => {
                (self.values.iter().any(|one| one == value), format!("one of {}", quoted(self.values.iter())))
            }
        };
        if fits { Ok(()) } else { Err(wanted) }
    }
}

fn quoted<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl Manifest {
    /// Whether a deployment may be configured so.
    ///
    /// # Errors
    /// The first key that doesn't fit.
    pub fn check_config(&self, config: &BTreeMap<String, String>) -> Result<(), ConfigError> {
        for (key, value) in config {
            match self.config.get(key) {
                Some(of) => of.fits(value).map_err(|wanted| ConfigError::Value { key: key.clone(), wanted })?,
                None if self.other_config => {}
                None => {
                    let known = if self.config.is_empty() { "none".into() } else { quoted(self.config.keys()) };
                    return Err(ConfigError::Unknown { key: key.clone(), known });
                }
            }
        }
        let missing = self.config.iter().find(|(key, of)| of.required && !config.contains_key(*key));
        missing.map_or(Ok(()), |(key, _)| Err(ConfigError::Missing(key.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(json: &str) -> Result<ConfigKey, String> {
        let key: ConfigKey = serde_json::from_str(json).map_err(|error| error.to_string())?;
        key.check("k").map_err(|error| error.to_string())?;
        Ok(key)
    }

    #[test]
    fn values_are_of_their_type() {
        for (json, good, bad) in [
            (r#"{"type":"string"}"#, vec!["", "x"], vec![]),
            (r#"{"type":"integer"}"#, vec!["0", "-7"], vec!["", "1.5", "x", "99999999999999999999"]),
            (r#"{"type":"number"}"#, vec!["0.5", "-1e3"], vec!["", "NaN", "inf", "x"]),
            (r#"{"type":"boolean"}"#, vec!["true", "false"], vec!["yes", "TRUE", ""]),
            (r#"{"type":"enum","values":["on","off"]}"#, vec!["on", "off"], vec!["", "On"]),
        ] {
            let key = key(json).unwrap();
            assert!(good.iter().all(|value| key.fits(value).is_ok()), "{json}");
            assert!(bad.iter().all(|value| key.fits(value).is_err()), "{json}");
        }
    }

    #[test]
    fn keys_that_contradict_themselves() {
        assert!(key(r#"{"type":"integer","default":"5"}"#).is_ok());
        for json in [
            r#"{"type":"integer","default":"five"}"#,
            r#"{"type":"string","default":"x","required":true}"#,
            r#"{"type":"enum"}"#,
            r#"{"type":"string","values":["a"]}"#,
            r#"{"type":"enum","values":["a"],"default":"b"}"#,
            r#"{"type":"object"}"#,
            r#"{}"#,
        ] {
            assert!(key(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_configuration_has_what_is_required_and_nothing_unknown() {
        let mut manifest = Manifest::none();
        manifest.other_config = false;
        manifest.config.insert("url".into(), key(r#"{"type":"string","required":true}"#).unwrap());
        manifest.config.insert("wait".into(), key(r#"{"type":"integer"}"#).unwrap());
        let check = |manifest: &Manifest, config: &[(&str, &str)]| {
            let config = config.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
            manifest.check_config(&config).map_err(|error| error.to_string())
        };
        assert_eq!(check(&manifest, &[("url", "a"), ("wait", "3")]), Ok(()));
        assert_eq!(check(&manifest, &[("wait", "3")]), Err("config `url` is required".into()));
        assert!(
            check(&manifest, &[("url", "a"), ("wait", "x")]).unwrap_err().contains("`wait`: the value is not a whole")
        );
        assert!(check(&manifest, &[("url", "a"), ("urn", "x")]).unwrap_err().contains("it has `url`, `wait`"));
        manifest.other_config = true;
        assert_eq!(check(&manifest, &[("url", "a"), ("urn", "x")]), Ok(()));
        assert_eq!(check(&Manifest::none(), &[("any", "thing")]), Ok(()));
    }
}
