//! The configuration file: where the host listens and what it may use. What it serves (entry points, queues,
//! agents, plugins) is set over the admin API and kept in the data folder.

use crate::signing::{Signatures, TrustedKeys, Unsigned};
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The whole file. Every key is optional; one that is unknown is refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where everything that must survive a restart is kept.
    pub data_dir: PathBuf,
    /// What is logged, as `tracing` filters: `info`, `cordboard=debug,info`, ….
    pub log: String,
    /// Signalling.
    pub sip: Sip,
    /// Audio.
    pub media: Media,
    /// The admin API.
    pub admin: Admin,
    /// What is kept.
    pub store: Store,
    /// Plugins.
    pub plugins: Plugins,
    /// Stopping.
    pub shutdown: Shutdown,
}

/// `[sip]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sip {
    /// Where UDP is received. Port 0: any free one, told in the log.
    pub bind: SocketAddr,
    /// What peers are told, behind a NAT or with `bind` on 0.0.0.0. `bind` if not given.
    pub advertised: Option<SocketAddr>,
    /// The digest realm. Changing it makes every agent's password invalid.
    pub realm: String,
    /// New calls a second; more get 503 with Retry-After. 1 to 10,000.
    pub calls_per_second: u32,
    /// Calls at once, agents' legs included; more get 503. 1 to 100,000.
    pub max_calls: u32,
    /// Longer messages are refused with 513. 1,024 to 8,192 bytes.
    pub max_message_bytes: usize,
    /// How long a digest nonce is good.
    pub nonce_lifetime_s: u64,
    /// Registrations shorter than this get 423.
    pub min_expires_s: u32,
    /// Registrations longer than this are shortened.
    pub max_expires_s: u32,
}

/// `[media]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// Where RTP is received.
    pub bind: IpAddr,
    /// What SDP says. `bind` if not given.
    pub advertised: Option<IpAddr>,
    /// First and last UDP port; each call uses an even and the next odd one. `[0, 0]`: any free pair.
    pub ports: [u16; 2],
    /// Threads that send and receive RTP. 1 to 64.
    pub threads: usize,
    /// A call whose media stops for so long where it should flow is ended. 0: never.
    pub no_media_timeout_s: u64,
}

/// `[admin]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Where HTTP is served. Put TLS in front of it before it leaves the machine.
    pub bind: SocketAddr,
    /// The largest component that can be uploaded, in MiB. 1 to 1,024.
    pub max_upload_mib: usize,
}

/// `[store]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// With less free on the disk of the data folder, new calls are refused. In MiB.
    pub low_space_mib: u64,
    /// With less free, nothing is written any more. In MiB; at most `low_space_mib`.
    pub reserve_mib: u64,
    /// Memory for what was read from the disk, in MiB. 1 to 65,536.
    pub cache_mib: u64,
}

/// `[plugins]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plugins {
    /// Threads that run plugins, and nothing else. 1 to 64.
    pub threads: usize,
    /// Flow instances at once; a contact beyond it gets the safe flow. 1 to 8,000.
    pub max_flow_instances: u32,
    /// Linear memory of one instance, in MiB. 1 to 1,024.
    pub memory_mib: u32,
    /// CPU time between two host calls; a flow that needs more is ended. 1 to 10,000 ms.
    pub step_cpu_ms: u32,
    /// A flow that waits so long sleeps: its instance is made anew from the journal when its contact moves. 0: only
    /// where room or memory is short. At most 86,400 s.
    pub hibernate_after_s: u64,
    /// Linear memory of all flow instances together, in MiB; with more, those that waited longest sleep.
    pub flow_memory_mib: u64,
    /// A plugin that takes longer to compile is refused. 1 to 3,600.
    pub compile_timeout_s: u64,
    /// Compiled plugins kept in the data folder; beyond it those go first that were loaded longest ago. In MiB, 1 to
    /// 1,048,576.
    pub artefact_cache_mib: u64,
    /// Certificate authorities beside the system's that back-ends of plugins may have their certificates from: a PEM
    /// file, read at the start.
    pub egress_ca_file: Option<PathBuf>,
    /// Whose signatures are taken: ed25519 public keys of 64 hex digits, by names of one's own.
    pub trusted_keys: TrustedKeys,
    /// Whether plugins without a signature are taken: `allow` or `deny`. A wrong or untrusted one never is.
    pub unsigned: Unsigned,
}

/// `[shutdown]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shutdown {
    /// How long running calls may go on after the first signal. A second signal ends them at once.
    pub limit_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./cordboard-data"),
            log: "info".into(),
            sip: Sip::default(),
            media: Media::default(),
            admin: Admin::default(),
            store: Store::default(),
            plugins: Plugins::default(),
            shutdown: Shutdown::default(),
        }
    }
}

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl Default for Sip {
    fn default() -> Self {
        Self {
            bind: SocketAddr::new(LOCALHOST, 5060),
            advertised: None,
            realm: "cordboard".into(),
            calls_per_second: 100,
            max_calls: 4_000,
            max_message_bytes: 8 * 1024,
            nonce_lifetime_s: 300,
            min_expires_s: 30,
            max_expires_s: 3_600,
        }
    }
}

impl Default for Media {
    fn default() -> Self {
        Self { bind: LOCALHOST, advertised: None, ports: [20_000, 29_999], threads: 1, no_media_timeout_s: 30 }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { bind: SocketAddr::new(LOCALHOST, 8080), max_upload_mib: 64 }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self { low_space_mib: 512, reserve_mib: 64, cache_mib: 128 }
    }
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            threads: 1,
            max_flow_instances: 2_000,
            memory_mib: 64,
            step_cpu_ms: 200,
            hibernate_after_s: 60,
            flow_memory_mib: 2_048,
            compile_timeout_s: 120,
            artefact_cache_mib: 2_048,
            egress_ca_file: None,
            trusted_keys: TrustedKeys::new(),
            unsigned: Unsigned::default(),
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { limit_s: 60 }
    }
}

impl Media {
    /// None if it never ends a call.
    pub fn no_media_timeout(&self) -> Duration {
        Duration::from_secs(self.no_media_timeout_s)
    }
}

impl Plugins {
    /// What signatures are held against.
    ///
    /// # Errors
    /// A trusted key is none.
    pub(crate) fn signatures(&self) -> Result<Signatures, ConfigError> {
        let read = Signatures::new(&self.trusted_keys, self.unsigned);
        read.map_err(|(name, problem)| ConfigError::Key { name, problem })
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The file is not of its form; the text has line, column and key.
    #[error("{path}: {text}")]
    Form {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        text: String,
    },
    /// A trusted key is none.
    #[error("plugins.trusted_keys.{name}: {problem}")]
    Key {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A value is out of bounds.
    #[error("{key} is {got}, not within {min} to {max}")]
    Bounds {
        /// Which key.
        key: &'static str,
        /// Its value.
        got: u64,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
}

impl Config {
    /// Reads a file and checks it.
    ///
    /// # Errors
    /// [`ConfigError`], with file, line and column where there is one.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Read { path: path.into(), cause })?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let form = |cause: toml::de::Error| ConfigError::Form { path: path.into(), text: cause.to_string() };
        let config: Config = toml::from_str(text).map_err(form)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let bounds: [(&'static str, u64, u64, u64); 17] = [
            ("sip.calls_per_second", self.sip.calls_per_second.into(), 1, 10_000),
            ("sip.max_calls", self.sip.max_calls.into(), 1, 100_000),
            ("sip.max_message_bytes", self.sip.max_message_bytes as u64, 1_024, 8_192),
            ("sip.nonce_lifetime_s", self.sip.nonce_lifetime_s, 5, 86_400),
            ("media.threads", self.media.threads as u64, 1, 64),
            ("admin.max_upload_mib", self.admin.max_upload_mib as u64, 1, 1_024),
            ("store.low_space_mib", self.store.low_space_mib, 0, 1 << 30),
            ("store.reserve_mib", self.store.reserve_mib, 0, self.store.low_space_mib),
            ("store.cache_mib", self.store.cache_mib, 1, 65_536),
            ("plugins.threads", self.plugins.threads as u64, 1, 64),
            ("plugins.max_flow_instances", self.plugins.max_flow_instances.into(), 1, 8_000),
            ("plugins.memory_mib", self.plugins.memory_mib.into(), 1, 1_024),
            ("plugins.step_cpu_ms", self.plugins.step_cpu_ms.into(), 1, 10_000),
            ("plugins.hibernate_after_s", self.plugins.hibernate_after_s, 0, 86_400),
            ("plugins.flow_memory_mib", self.plugins.flow_memory_mib, 16, 1 << 20),
            ("plugins.compile_timeout_s", self.plugins.compile_timeout_s, 1, 3_600),
            ("plugins.artefact_cache_mib", self.plugins.artefact_cache_mib, 1, 1 << 20),
        ];
        self.plugins.signatures()?;
        let [first, last] = self.media.ports;
        let ports = ("media.ports (the last)", u64::from(last), u64::from(first), 65_535);
        for (key, got, min, max) in bounds.into_iter().chain([ports]) {
            if !(min..=max).contains(&got) {
                return Err(ConfigError::Bounds { key, got, min, max });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("c.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_file_is_the_default() {
        let config = parse("").unwrap();
        assert_eq!(config.sip.bind, "127.0.0.1:5060".parse().unwrap());
        assert_eq!(config.admin.bind, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(config.data_dir, PathBuf::from("./cordboard-data"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = parse("[sip]\nrealm = \"x\"\nrelm = \"y\"\n").unwrap_err();
        assert!(error.contains("line 3") && error.contains("relm"), "{error}");
        let error = parse("nonsense = 1\n").unwrap_err();
        assert!(error.contains("line 1") && error.contains("nonsense"), "{error}");
    }

    #[test]
    fn a_value_out_of_bounds_is_named() {
        let error = parse("[sip]\ncalls_per_second = 0\n").unwrap_err();
        assert!(error.contains("sip.calls_per_second is 0, not within 1 to 10000"), "{error}");
        assert!(parse("[media]\nports = [30000, 20000]\n").is_err());
        assert!(parse("[sip]\nbind = \"nowhere\"\n").unwrap_err().contains("line 2"));
    }

    #[test]
    fn a_trusted_key_that_is_none_is_named() {
        let error = parse("[plugins]\ntrusted_keys = { us = \"abc\" }\n").unwrap_err();
        assert!(error.contains("plugins.trusted_keys.us"), "{error}");
        assert!(parse("[plugins]\nunsigned = \"maybe\"\n").is_err());
        assert_eq!(parse("[plugins]\nunsigned = \"deny\"\n").unwrap().plugins.unsigned, Unsigned::Deny);
    }

    #[test]
    fn the_documented_file_is_the_default() {
        let text = include_str!("../cordboard.example.toml");
        let documented = parse(text).unwrap();
        assert_eq!(format!("{documented:?}"), format!("{:?}", Config::default()));
    }
}
