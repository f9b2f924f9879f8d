//! What a deployment runs: its version, and what the plugin host loads for it.

use crate::documents::{DeploymentDocument, VersionDocument};
use cordboard_admin::{DeploymentSpec, Refusal};
use cordboard_core::config::{MigrationPolicy, World};
use cordboard_core::ids::{Digest, Version};
use cordboard_plugin::{EgressRule, Grants, Limits, LoadSpec, Scheme};
use std::sync::Arc;

/// Entries of a deployment's configuration.
const MAX_CONFIG: usize = 64;
/// Of a configuration's name and value.
const MAX_CONFIG_BYTES: (usize, usize) = (128, 8 * 1024);
/// Places a crm plugin may connect to.
const MAX_EGRESS: usize = 32;

/// The host's limits, where a deployment names none.
#[derive(Clone, Copy, Debug)]
pub struct HostLimits {
    /// Linear memory of an instance.
    pub memory_mib: u32,
    /// CPU time of a step.
    pub step_cpu_ms: u32,
}

/// The version of a deployment (journal rule 1): the digest of component, configuration and limits, those of the host
/// included. What is granted is not part of it. Every part is preceded by its length, so that no two differ only in
/// where one ends.
pub fn version(spec: &DeploymentSpec, host: HostLimits) -> Version {
    let mut bytes = b"cordboard-version-1".to_vec();
    let mut part = |part: &[u8]| {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part);
    };
    part(&spec.plugin.0);
    part(&(spec.config.len() as u64).to_be_bytes());
    for (name, value) in &spec.config {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    part(&spec.memory_mib.unwrap_or(host.memory_mib).to_be_bytes());
    part(&spec.step_cpu_ms.unwrap_or(host.step_cpu_ms).to_be_bytes());
    Digest::of(&bytes)
}

/// Checks what doesn't need the plugin host.
pub(super) fn check(spec: &DeploymentSpec, world: World) -> Result<(), Refusal> {
    let invalid = |code, detail: String| Err(Refusal::Invalid { code, detail });
    if spec.config.len() > MAX_CONFIG {
        return invalid("out-of-bounds", format!("config has {} entries, at most {MAX_CONFIG}", spec.config.len()));
    }
    let (name_bytes, value_bytes) = MAX_CONFIG_BYTES;
    for (name, value) in &spec.config {
        if name.is_empty() || name.len() > name_bytes || value.len() > value_bytes {
            let shown: String = name.chars().take(64).collect();
            let bounds = format!("a name has 1 to {name_bytes} bytes, a value at most {value_bytes}");
            return invalid("out-of-bounds", format!("config `{shown}`: {bounds}"));
        }
    }
    if spec.egress.len() > MAX_EGRESS {
        return invalid("out-of-bounds", format!("egress has {} entries, at most {MAX_EGRESS}", spec.egress.len()));
    }
    if world != World::Crm && !spec.egress.is_empty() {
        return invalid("egress-not-allowed", "only a crm plugin may have egress".into());
    }
    spec.egress.iter().try_for_each(|rule| egress_rule(rule).map(drop))
}

/// `http://HOST:PORT`, as a rule.
fn egress_rule(text: &str) -> Result<EgressRule, Refusal> {
    let wrong = || Refusal::Invalid {
        code: "invalid-egress",
        detail: format!(
            "egress `{}` is not `http://HOST:PORT` or `https://HOST:PORT`",
            text.chars().take(128).collect::<String>()
        ),
    };
    let (scheme, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
        (Some(rest), _) => (Scheme::Http, rest),
        (None, Some(rest)) => (Scheme::Https, rest),
        (None, None) => return Err(wrong()),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = rest.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let sound = !host.is_empty() && host.len() <= 253 && !host.contains(['/', '@', '?', '#', '[', ']', '*', ' ']);
    let port = port.parse::<u16>().ok().filter(|port| *port > 0);
    match port {
        Some(port) if sound => {
            Ok(EgressRule { scheme, host: host.to_ascii_lowercase(), port, methods: vec!["GET".into()], private: true })
        }
        _ => Err(wrong()),
    }
}

/// What the plugin host loads.
pub fn load_spec(spec: &DeploymentSpec, component: Arc<[u8]>, host: HostLimits) -> Result<LoadSpec, Refusal> {
    Ok(LoadSpec {
        component,
        config: spec.config.clone().into_iter().collect(),
        limits: Limits {
            max_memory_bytes: u64::from(spec.memory_mib.unwrap_or(host.memory_mib)) << 20,
            step_cpu_ms: spec.step_cpu_ms,
            ..Limits::default()
        },
        grants: grants(spec)?,
    })
}

/// What a deployment may use.
pub(super) fn grants(spec: &DeploymentSpec) -> Result<Grants, Refusal> {
    let egress = spec.egress.iter().map(|rule| egress_rule(rule)).collect::<Result<_, _>>()?;
    Ok(Grants { egress, ..Grants::default() })
}

/// A world, as documents name it.
pub(super) fn world_name(world: World) -> &'static str {
    match world {
        World::Flow => "flow",
        World::Scorer => "scorer",
        World::Crm => "crm",
        World::Dialer => "dialer",
        World::Inspector => "inspector",
    }
}

/// A world by the name that documents give it.
pub(super) fn world_named(name: &str) -> Option<World> {
    const ALL: [World; 5] = [World::Flow, World::Scorer, World::Crm, World::Dialer, World::Inspector];
    ALL.into_iter().find(|world| world_name(*world) == name)
}

/// The plugin room's word for it, in the core's.
pub(super) fn world_of(world: cordboard_plugin::World) -> World {
    match world {
        cordboard_plugin::World::Flow => World::Flow,
        cordboard_plugin::World::Scorer => World::Scorer,
        cordboard_plugin::World::Crm => World::Crm,
        cordboard_plugin::World::Dialer => World::Dialer,
        cordboard_plugin::World::Inspector => World::Inspector,
    }
}

impl DeploymentDocument {
    /// What is kept of a deployment.
    pub(crate) fn of(name: &str, world: World, spec: &DeploymentSpec, previous: Option<Version>) -> Self {
        Self {
            name: name.into(),
            plugin: spec.plugin.to_string(),
            world: world_name(world).into(),
            config: spec.config.clone(),
            memory_mib: spec.memory_mib,
            step_cpu_ms: spec.step_cpu_ms,
            egress: spec.egress.clone(),
            migrate: spec.migration == MigrationPolicy::Migrate,
            ask_anew: spec.ask_anew,
            previous: previous.map(|version| version.to_string()),
        }
    }

    /// What was kept of a deployment; none if it is of no form that this program writes.
    pub(crate) fn read(&self) -> Option<(World, DeploymentSpec)> {
        let spec = DeploymentSpec {
            plugin: self.plugin.parse().ok()?,
            config: self.config.clone(),
            memory_mib: self.memory_mib,
            step_cpu_ms: self.step_cpu_ms,
            egress: self.egress.clone(),
            migration: if self.migrate { MigrationPolicy::Migrate } else { MigrationPolicy::Pin },
            ask_anew: self.ask_anew,
        };
        Some((world_named(&self.world)?, spec))
    }

    /// The version that served before.
    pub(crate) fn previous(&self) -> Option<Version> {
        self.previous.as_ref()?.parse().ok()
    }
}

impl VersionDocument {
    /// What is kept of a deployment's version: the limits as they are, whatever the host's become.
    pub(crate) fn of(world: World, spec: &DeploymentSpec, host: HostLimits) -> Self {
        Self {
            plugin: spec.plugin.to_string(),
            world: world_name(world).into(),
            config: spec.config.clone(),
            memory_mib: spec.memory_mib.unwrap_or(host.memory_mib),
            step_cpu_ms: spec.step_cpu_ms.unwrap_or(host.step_cpu_ms),
        }
    }

    /// What was kept, as a deployment would have it; none if it is of no form that this program writes.
    pub(crate) fn read(&self) -> Option<DeploymentSpec> {
        Some(DeploymentSpec {
            plugin: self.plugin.parse().ok()?,
            config: self.config.clone(),
            memory_mib: Some(self.memory_mib),
            step_cpu_ms: Some(self.step_cpu_ms),
            egress: Vec::new(),
            migration: MigrationPolicy::Pin,
            ask_anew: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(config: &[(&str, &str)]) -> DeploymentSpec {
        let config = config.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        DeploymentSpec {
            plugin: Digest::of(b"component"),
            config,
            memory_mib: None,
            step_cpu_ms: None,
            egress: vec![],
            migration: MigrationPolicy::Pin,
            ask_anew: false,
        }
    }

    #[test]
    fn rule_1_a_version_is_component_configuration_and_limits_and_not_what_is_granted() {
        let base = spec(&[("a", "b")]);
        let differing = [
            DeploymentSpec { plugin: Digest::of(b"other"), ..base.clone() },
            spec(&[("a", "c")]),
            spec(&[("ab", "")]),
            spec(&[]),
            DeploymentSpec { memory_mib: Some(5), ..base.clone() },
            DeploymentSpec { step_cpu_ms: Some(5), ..base.clone() },
        ];
        let host = HostLimits { memory_mib: 64, step_cpu_ms: 200 };
        let mut versions: Vec<_> = differing.iter().chain([&base]).map(|spec| version(spec, host)).collect();
        versions.push(version(&base, HostLimits { memory_mib: 65, ..host }));
        versions.sort();
        versions.dedup();
        assert_eq!(versions.len(), 8);
        let granted = DeploymentSpec {
            egress: vec!["http://a:1".into()],
            migration: MigrationPolicy::Migrate,
            ask_anew: true,
            ..base.clone()
        };
        assert_eq!(version(&granted, host), version(&base, host));
        let kept = VersionDocument::of(World::Flow, &base, host).read().unwrap();
        let later = HostLimits { memory_mib: 1, step_cpu_ms: 1 };
        assert_eq!(version(&kept, later), version(&base, host), "what is kept stays the same version");
    }

    #[test]
    fn egress_is_a_scheme_a_host_and_a_port() {
        for (text, expected) in [
            ("http://127.0.0.1:8085", Some(("127.0.0.1", 8085))),
            ("https://CRM.example:443/", Some(("crm.example", 443))),
            ("http://[::1]:80", Some(("::1", 80))),
            ("http://host", None),
            ("http://host:0", None),
            ("http://host:99999", None),
            ("http://user@host:80", None),
            ("http://host:80/path", None),
            ("ftp://host:21", None),
            ("http://:80", None),
            ("http://*:80", None),
        ] {
            let rule = egress_rule(text).ok();
            assert_eq!(rule.as_ref().map(|rule| (rule.host.as_str(), rule.port)), expected, "{text}");
        }
    }

    #[test]
    fn bounds_are_kept() {
        assert!(check(&spec(&[("a", "b")]), World::Flow).is_ok());
        assert!(check(&spec(&[("", "b")]), World::Flow).is_err());
        assert!(check(&spec(&[("a", &"x".repeat(9_000))]), World::Flow).is_err());
        let reaching = DeploymentSpec { egress: vec!["http://a:1".into()], ..spec(&[]) };
        assert!(check(&reaching, World::Crm).is_ok() && check(&reaching, World::Flow).is_err());
    }
}
