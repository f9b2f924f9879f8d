//! A plugin's manifest: what it is, what it wants and why, what can be configured. A JSON document of the author's, hostile
//! until checked; what it wants counts only where the operator grants it.

mod config;
mod grant;

pub use config::{ConfigError, ConfigKey, ConfigType};
pub use grant::{Granted, MissingGrant};

use crate::config::Scheme;
use cordboard_core::ids::Digest;
use cordboard_core::limits::{LimitError, LimitRule, LimitValues};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The largest manifest, in bytes.
pub const MAX_MANIFEST_BYTES: usize = 64 << 10;
/// The one form there is.
const FORM: u32 = 1;
const MAX_NAME_BYTES: usize = 64;
const MAX_WANTS: usize = 64;
const MAX_CONFIG_KEYS: usize = 64;
const MAX_REASON_BYTES: usize = 512;
const MAX_DESCRIPTION_BYTES: usize = 1024;
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// Beyond this no store has room for one plugin.
const MAX_VALUES: (u32, u64) = (10_000_000, 64 << 30);

/// A plugin's manifest, checked.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    manifest: u32,
    /// Names the plugin across its versions: what is granted is granted to the name. 1 to 64 of `a-z 0-9 - .`, each part
    /// between dots beginning and ending with a letter or digit.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// The contract, e.g. `cordboard:crm@0.1.0`.
    pub world: String,
    /// For people. At most 1 KiB.
    #[serde(default)]
    pub description: String,
    /// What it wants beyond the interfaces of its world. At most 64.
    #[serde(default)]
    pub wants: Vec<Want>,
    /// The limits it needs, where a deployment names none; never beyond the host's own.
    #[serde(default)]
    pub limits: LimitValues,
    /// What can be configured, by key. At most 64.
    #[serde(default)]
    pub config: BTreeMap<String, ConfigKey>,
    /// Whether keys that `config` doesn't name may be configured as well.
    #[serde(default)]
    pub other_config: bool,
}

/// A capability that is wanted, and why.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "capability", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Want {
    /// Requests to a place.
    Egress {
        /// For the operator, 1 to 512 bytes.
        reason: String,
        /// A name or an address; `*`: whichever the operator grants, because the configuration names it.
        host: String,
        /// Any if none.
        #[serde(default)]
        port: Option<u16>,
        /// `http`, `https` or `any`: whichever of them the operator grants.
        #[serde(default = "http")]
        scheme: WantedScheme,
        /// 1 to 7 of them, in capitals.
        #[serde(default = "get")]
        methods: Vec<String>,
    },
    /// Values kept per plugin and tenant.
    StoredValues {
        /// For the operator, 1 to 512 bytes.
        reason: String,
        /// How many.
        keys: u32,
        /// Of keys and values together.
        bytes: u64,
    },
}

/// A scheme as a manifest writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WantedScheme {
    /// Unencrypted.
    Http,
    /// Over TLS.
    Https,
    /// Either, because the configuration says which.
    Any,
}

impl WantedScheme {
    /// Whether a place of this scheme is wanted.
    pub fn takes(self, scheme: Scheme) -> bool {
        match self {
            WantedScheme::Http => scheme == Scheme::Http,
            WantedScheme::Https => scheme == Scheme::Https,
            WantedScheme::Any => true,
        }
    }
}

impl fmt::Display for WantedScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WantedScheme::Http => "http",
            WantedScheme::Https => "https",
            WantedScheme::Any => "http(s)",
        })
    }
}

fn http() -> WantedScheme {
    WantedScheme::Http
}

fn get() -> Vec<String> {
    vec!["GET".into()]
}

/// A document that is no manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Too many bytes.
    #[error("the manifest has {0} bytes, at most {MAX_MANIFEST_BYTES} are taken")]
    TooLarge(usize),
    /// It isn't of its form; the text has line and column.
    #[error("the manifest is not of its form: {0}")]
    Form(String),
    /// It is of another form than this host knows.
    #[error("the manifest is of form {0}; this host knows form {FORM}")]
    Newer(u32),
    /// A member is out of bounds.
    #[error("{at}: {problem}")]
    Invalid {
        /// Which member, e.g. `wants[0].host`.
        at: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It is another component's.
    #[error("the manifest is for `{manifest}`, but the component is made for `{component}`")]
    World {
        /// What the manifest says.
        manifest: String,
        /// What the component exports.
        component: String,
    },
}

fn invalid<T>(at: impl Into<String>, problem: impl Into<String>) -> Result<T, ManifestError> {
    Err(ManifestError::Invalid { at: at.into(), problem: problem.into() })
}

/// A text of so many bytes, without control characters.
fn text(at: &str, text: &str, min: usize, max: usize) -> Result<(), ManifestError> {
    if (min..=max).contains(&text.len()) && !text.contains(|c: char| c.is_control() && c != '\n') {
        return Ok(());
    }
    invalid(at, format!("not a text of {min} to {max} bytes without control characters"))
}

impl Manifest {
    /// The manifest of a plugin that came without one: nameless, it wants nothing, and anything can be configured.
    pub fn none() -> Self {
        Self {
            manifest: FORM,
            name: String::new(),
            version: String::new(),
            world: String::new(),
            description: String::new(),
            wants: Vec::new(),
            limits: LimitValues::default(),
            config: BTreeMap::new(),
            other_config: true,
        }
    }

    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// What is wrong with it, in words for the plugin's author.
    pub fn read(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge(bytes.len()));
        }
        #[derive(Deserialize)]
        struct Head {
            manifest: u32,
        }
        let form = |error: serde_json::Error| ManifestError::Form(crate::guest::shortened(&error.to_string(), 512));
        // First what form it is of: a newer one may have members that are unknown here.
        let head: Head = serde_json::from_slice(bytes).map_err(form)?;
        if head.manifest != FORM {
            return Err(ManifestError::Newer(head.manifest));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(form)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// What a manifest's bytes are known by: their SHA-256; of no bytes if there is no manifest.
    pub fn digest(bytes: &[u8]) -> Digest {
        Digest::of(bytes)
    }

    /// Whether it is the manifest of a component made for this contract.
    ///
    /// # Errors
    /// [`ManifestError::World`]
    pub fn matches(&self, contract: &str) -> Result<(), ManifestError> {
        if self.world == contract {
            return Ok(());
        }
        Err(ManifestError::World { manifest: self.world.clone(), component: contract.into() })
    }

    fn check(&self) -> Result<(), ManifestError> {
        if !is_plugin_name(&self.name) {
            let problem = "1 to 64 of a-z 0-9 - and dots, each part between dots beginning and ending with a letter or \
                           digit, and no digest";
            return invalid("name", problem);
        }
        if !is_semver(&self.version) {
            return invalid("version", "not a semantic version such as 1.2.3");
        }
        text("world", &self.world, 1, 128)?;
        text("description", &self.description, 0, MAX_DESCRIPTION_BYTES)?;
        if self.wants.len() > MAX_WANTS {
            return invalid("wants", format!("more than {MAX_WANTS}"));
        }
        for (at, want) in self.wants.iter().enumerate() {
            want.check(&format!("wants[{at}]"))?;
        }
        if self.wants.iter().filter(|want| matches!(want, Want::StoredValues { .. })).count() > 1 {
            return invalid("wants", "stored-values more than once");
        }
        if let Err(LimitError { limit, got }) = self.limits.check() {
            let LimitRule { name, min, max, .. } = limit.rule();
            return invalid(format!("limits.{name}"), format!("{got}, not within {min} to {max}"));
        }
        if self.config.len() > MAX_CONFIG_KEYS {
            return invalid("config", format!("more than {MAX_CONFIG_KEYS} keys"));
        }
        self.config.iter().try_for_each(|(key, of)| of.check(key))
    }
}

impl Want {
    /// Why it is wanted.
    pub fn reason(&self) -> &str {
        match self {
            Want::Egress { reason, .. } | Want::StoredValues { reason, .. } => reason,
        }
    }

    fn check(&self, at: &str) -> Result<(), ManifestError> {
        text(&format!("{at}.reason"), self.reason(), 1, MAX_REASON_BYTES)?;
        match self {
            Want::Egress { host, port, methods, .. } => {
                if !is_host(host) {
                    return invalid(
                        format!("{at}.host"),
                        "neither a host name or address of at most 253 bytes nor `*`",
                    );
                }
                if *port == Some(0) {
                    return invalid(format!("{at}.port"), "0 is no port");
                }
                let different: BTreeSet<&String> = methods.iter().collect();
                if methods.is_empty() || different.len() != methods.len() {
                    return invalid(format!("{at}.methods"), "none, or one more than once");
                }
                if !methods.iter().all(|method| METHODS.contains(&method.as_str())) {
                    return invalid(format!("{at}.methods"), format!("not some of {}", METHODS.join(", ")));
                }
                Ok(())
            }
            Want::StoredValues { keys, bytes, .. } => {
                if !(1..=MAX_VALUES.0).contains(keys) || !(1..=MAX_VALUES.1).contains(bytes) {
                    return invalid(at, format!("not 1 to {} keys and 1 to {} bytes", MAX_VALUES.0, MAX_VALUES.1));
                }
                Ok(())
            }
        }
    }
}

/// Whether a text can name a plugin.
pub fn is_plugin_name(name: &str) -> bool {
    let label = |label: &str| {
        label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && label.starts_with(|c: char| c.is_ascii_alphanumeric())
            && label.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    // 64 hexadecimal digits are a digest wherever plugins are named.
    let digest = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.len() <= MAX_NAME_BYTES && !digest && name.split('.').all(label)
}

fn is_host(host: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    host == "*" || (1..=253).contains(&host.len()) && host.bytes().all(inner)
}

/// `MAJOR.MINOR.PATCH`, then perhaps `-PRE` and `+BUILD` (semver.org, 2.0.0).
fn is_semver(text: &str) -> bool {
    let identifiers = |text: &str| {
        text.split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
    };
    let number = |part: &str| {
        !part.is_empty()
            && part.len() <= 10
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let (rest, build) = text.split_once('+').map_or((text, None), |(rest, build)| (rest, Some(build)));
    let (core, pre) = rest.split_once('-').map_or((rest, None), |(core, pre)| (core, Some(pre)));
    text.len() <= MAX_NAME_BYTES
        && core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(identifiers)
        && build.is_none_or(identifiers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn whole() -> Value {
        json!({
            "manifest": 1,
            "name": "http-crm",
            "version": "0.1.0",
            "world": "cordboard:crm@0.1.0",
            "description": "Asks a back-end.",
            "wants": [
                { "capability": "egress", "host": "crm.example", "port": 443, "scheme": "https",
                  "methods": ["GET", "POST"], "reason": "The back-end." },
                { "capability": "stored-values", "keys": 10, "bytes": 1000, "reason": "Counts." },
            ],
            "limits": { "memory_mib": 16, "step_cpu_ms": 50, "max_calls": 500, "max_handles": null },
            "config": { "base-url": { "type": "string", "required": true } },
            "other_config": true,
        })
    }

    fn read(value: &Value) -> Result<Manifest, ManifestError> {
        Manifest::read(value.to_string().as_bytes())
    }

    /// With one member changed, by its path.
    fn changed(path: &str, to: Value) -> Value {
        let mut value = whole();
        match value.pointer_mut(path) {
            Some(member) => *member = to,
            None => {
                let (parent, key) = path.rsplit_once('/').unwrap();
                value.pointer_mut(parent).unwrap()[key] = to;
            }
        }
        value
    }

    #[test]
    fn a_whole_one_and_the_least_one() {
        let manifest = read(&whole()).unwrap();
        assert_eq!((manifest.name.as_str(), manifest.wants.len()), ("http-crm", 2));
        let limits: Vec<_> = manifest.limits.iter().map(|(limit, value)| (limit.name(), value)).collect();
        assert_eq!(limits, [("memory_mib", 16), ("step_cpu_ms", 50), ("max_calls", 500)]);
        assert!(manifest.matches("cordboard:crm@0.1.0").is_ok() && manifest.matches("cordboard:flow@0.1.0").is_err());
        let least = json!({ "manifest": 1, "name": "a", "version": "1.0.0-rc.1+b", "world": "cordboard:flow@0.1.0" });
        let least = read(&least).unwrap();
        assert!(least.wants.is_empty() && least.config.is_empty() && !least.other_config);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (path, to, at) in [
            ("/name", json!("Http"), "name"),
            ("/name", json!("a..b"), "name"),
            ("/name", json!("-a"), "name"),
            ("/name", json!(""), "name"),
            ("/name", json!("a".repeat(65)), "name"),
            ("/name", json!("a".repeat(64)), "name"),
            ("/version", json!("1.0"), "version"),
            ("/version", json!("01.0.0"), "version"),
            ("/version", json!("1.0.0-"), "version"),
            ("/world", json!(""), "world"),
            ("/description", json!("x".repeat(1025)), "description"),
            ("/wants/0/reason", json!(""), "wants[0].reason"),
            ("/wants/0/reason", json!("x".repeat(513)), "wants[0].reason"),
            ("/wants/0/host", json!("a/b"), "wants[0].host"),
            ("/wants/0/host", json!("*.example"), "wants[0].host"),
            ("/wants/0/port", json!(0), "wants[0].port"),
            ("/wants/0/methods", json!(["CONNECT"]), "wants[0].methods"),
            ("/wants/0/methods", json!([]), "wants[0].methods"),
            ("/wants/0/methods", json!(["GET", "GET"]), "wants[0].methods"),
            ("/wants/1/keys", json!(0), "wants[1]"),
            ("/wants/0", whole()["wants"][1].clone(), "wants"),
            ("/wants", json!(vec![whole()["wants"][0].clone(); 65]), "wants"),
            ("/limits/memory_mib", json!(0), "limits.memory_mib"),
            ("/limits/step_cpu_ms", json!(60_001), "limits.step_cpu_ms"),
            ("/limits/max_cpu_ms", json!(0), "limits.max_cpu_ms"),
            ("/limits/max_call_bytes", json!(1), "limits.max_call_bytes"),
            ("/limits/max_tables", json!(41), "limits.max_tables"),
            ("/limits/max_calls", json!(u64::MAX), "limits.max_calls"),
        ] {
            let Err(ManifestError::Invalid { at: got, .. }) = read(&changed(path, to.clone())) else {
                panic!("{path} = {to}")
            };
            assert_eq!(got, at, "{path} = {to}");
        }
    }

    #[test]
    fn what_is_of_no_form_says_where() {
        for (path, to) in [
            ("/unknown", json!(1)),
            ("/wants/0/unknown", json!(1)),
            ("/wants/0/capability", json!("root")),
            ("/limits/unknown", json!(1)),
            ("/limits/max_calls", json!(-1)),
            ("/limits/max_calls", json!(1.5)),
            ("/limits", json!([1])),
            ("/config/base-url/unknown", json!(1)),
            ("/wants/0/port", json!(70_000)),
            ("/wants/0/scheme", json!("ftp")),
            ("/name", json!(null)),
        ] {
            let read = read(&changed(path, to));
            assert!(matches!(&read, Err(ManifestError::Form(text)) if text.contains("line")), "{path}: {read:?}");
        }
        assert_eq!(read(&changed("/manifest", json!(2))), Err(ManifestError::Newer(2)));
        assert!(matches!(Manifest::read(b"{"), Err(ManifestError::Form(_))));
        assert!(matches!(Manifest::read(&[b'['; 10_000]), Err(ManifestError::Form(_))));
        assert_eq!(Manifest::read(&[b' '; 65_537]), Err(ManifestError::TooLarge(65_537)));
    }
}
