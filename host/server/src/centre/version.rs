//! What a deployment runs: its version, and what the plugin host loads for it.

use crate::documents::{CanaryDocument, DeploymentDocument};
use cordboard_admin::{DeploymentSpec, MissingGrant, Refusal};
use cordboard_core::config::{Deployment, MigrationPolicy, World};
use cordboard_core::ids::{DeploymentName, Digest, Version};
use cordboard_core::limits::{Limit, LimitValues};
use cordboard_core::rollout::Rollout;
use cordboard_plugin::{Grants, Limits, LoadSpec, Manifest, ManifestError, PluginConfig};
use std::sync::Arc;

/// Entries of a deployment's configuration.
const MAX_CONFIG: usize = 64;
/// Of a configuration's name and value.
const MAX_CONFIG_BYTES: (usize, usize) = (128, 8 * 1024);

/// The host's limits, where a deployment names none.
#[derive(Clone, Copy, Debug)]
pub struct HostLimits {
    /// Linear memory of an instance.
    pub memory_mib: u32,
    /// CPU time of a step.
    pub step_cpu_ms: u32,
}

impl HostLimits {
    fn values(self) -> LimitValues {
        [(Limit::MemoryMib, self.memory_mib.into()), (Limit::StepCpuMs, self.step_cpu_ms.into())].into_iter().collect()
    }
}

/// A manifest as it was written, and read. Without one: no text.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestText {
    text: Option<String>,
    read: Arc<Manifest>,
}

impl ManifestText {
    /// Reads a manifest, or takes it that there is none.
    ///
    /// # Errors
    /// It is none.
    pub fn new(text: Option<String>) -> Result<Self, ManifestError> {
        let read = text.as_ref().map_or_else(|| Ok(Manifest::none()), |text| Manifest::read(text.as_bytes()))?;
        Ok(Self { text, read: Arc::new(read) })
    }

    /// What it says.
    pub fn read(&self) -> &Arc<Manifest> {
        &self.read
    }

    /// As it was written.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// What it is known by.
    pub fn digest(&self) -> Digest {
        Manifest::digest(self.text.as_deref().unwrap_or_default().as_bytes())
    }
}

/// What an operator deployed, with the manifest that the plugin had then.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployed {
    /// What it is.
    pub world: World,
    /// What the operator set.
    pub spec: DeploymentSpec,
    /// What the plugin wants.
    pub manifest: ManifestText,
    /// What served before.
    pub previous: Option<Version>,
    /// What is tried beside it.
    pub canary: Option<Rollout>,
    /// The version that goes through what it does, and serves nobody.
    pub shadow: Option<Version>,
}

impl Deployed {
    /// What an instance may use: the operator's word, else what the manifest wants of what the host gives.
    fn limits(&self, host: HostLimits) -> LimitValues {
        self.spec.limits.in_force(&self.manifest.read.limits, &host.values())
    }

    /// The same with the world's own CPU time of a step, where nobody says anything.
    pub(super) fn limits_in_force(&self, host: HostLimits) -> LimitValues {
        let mut limits = self.limits(host);
        if self.step_of_world() && self.world == World::Scorer {
            limits.set(Limit::StepCpuMs, Some(PluginConfig::default().scorer_deadline_ms.into()));
        }
        limits
    }

    /// Neither operator nor manifest say anything of a step's CPU time.
    fn step_of_world(&self) -> bool {
        self.spec.limits.get(Limit::StepCpuMs).or(self.manifest.read.limits.get(Limit::StepCpuMs)).is_none()
    }

    /// The version (journal rule 1): the digest of component, manifest, configuration and limits, those of the host
    /// included. What is granted is not part of it. Every part is preceded by its length, so that no two differ only in
    /// where one ends.
    pub fn version(&self, host: HostLimits) -> Version {
        let mut bytes = b"cordboard-version-1".to_vec();
        let mut part = |part: &[u8]| {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part);
        };
        part(&self.spec.plugin.0);
        part(&self.manifest.digest().0);
        part(&(self.spec.config.len() as u64).to_be_bytes());
        for (name, value) in &self.spec.config {
            part(name.as_bytes());
            part(value.as_bytes());
        }
        let limits = self.limits(host);
        for limit in [Limit::MemoryMib, Limit::StepCpuMs] {
            let value = limits.get(limit).and_then(|value| u32::try_from(value).ok()).unwrap_or(u32::MAX);
            part(&value.to_be_bytes());
        }
        for (limit, value) in limits.digested() {
            part(limit.name().as_bytes());
            part(&value.to_be_bytes());
        }
        Digest::of(&bytes)
    }

    /// Checks what doesn't need the plugin host.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let invalid = |code, detail: String| Err(Refusal::Invalid { code, detail });
        let config = &self.spec.config;
        if config.len() > MAX_CONFIG {
            return invalid("out-of-bounds", format!("config has {} entries, at most {MAX_CONFIG}", config.len()));
        }
        let (name_bytes, value_bytes) = MAX_CONFIG_BYTES;
        for (name, value) in config {
            if name.is_empty() || name.len() > name_bytes || value.len() > value_bytes {
                let shown: String = name.chars().take(64).collect();
                let bounds = format!("a name has 1 to {name_bytes} bytes, a value at most {value_bytes}");
                return invalid("out-of-bounds", format!("config `{shown}`: {bounds}"));
            }
        }
        self.manifest.read.check_config(config).or_else(|error| invalid("invalid-config", error.to_string()))
    }

    /// What the plugin host loads. It may use nothing until it is granted something.
    pub fn load_spec(&self, component: Arc<[u8]>, host: HostLimits) -> LoadSpec {
        let mut limits = Limits::from(&self.limits(host));
        if self.step_of_world() {
            limits.step_cpu_ms = None;
        }
        LoadSpec {
            component,
            config: self.spec.config.clone().into_iter().collect(),
            limits,
            grants: Grants::default(),
        }
    }

    /// Limits that the manifest wants and nobody gives.
    pub(super) fn missing_limits(&self, host: HostLimits) -> Vec<MissingGrant> {
        let given = self.limits(host);
        let lacking = |(limit, wanted): (Limit, u64)| {
            given.get(limit).filter(|given| wanted > *given).map(|given| MissingGrant {
                capability: "limits".into(),
                detail: format!("{limit} {wanted}, it has {given}"),
                reason: "the plugin's manifest says that it needs it".into(),
            })
        };
        self.manifest.read.limits.iter().filter_map(lacking).collect()
    }

    /// What was kept of a deployment; none if it is of no form that this program writes.
    pub(crate) fn kept(document: &DeploymentDocument) -> Option<Self> {
        let mut limits = document.limits.clone();
        limits.set(Limit::MemoryMib, document.memory_mib.map(u64::from));
        limits.set(Limit::StepCpuMs, document.step_cpu_ms.map(u64::from));
        let spec = DeploymentSpec {
            plugin: document.plugin.parse().ok()?,
            config: document.config.clone(),
            limits,
            migration: if document.migrate { MigrationPolicy::Migrate } else { MigrationPolicy::Pin },
            ask_anew: document.ask_anew,
        };
        let previous = document.previous.as_ref().map(|version| version.parse()).transpose().ok()?;
        let manifest = ManifestText::new(document.manifest.clone()).ok()?;
        let canary = match &document.canary {
            Some(canary) => Some(canary.read()?),
            None => None,
        };
        let shadow = document.shadow.as_ref().map(|version| version.parse()).transpose().ok()?;
        Some(Self { world: world_named(&document.world)?, spec, manifest, previous, canary, shadow })
    }

    /// What is kept of it.
    pub(crate) fn document(&self, name: &str) -> DeploymentDocument {
        DeploymentDocument {
            name: name.into(),
            plugin: self.spec.plugin.to_string(),
            world: world_name(self.world).into(),
            config: self.spec.config.clone(),
            memory_mib: None,
            step_cpu_ms: None,
            limits: self.spec.limits.clone(),
            manifest: self.manifest.text.clone(),
            migrate: self.spec.migration == MigrationPolicy::Migrate,
            ask_anew: self.spec.ask_anew,
            previous: self.previous.map(|version| version.to_string()),
            canary: self.canary.as_ref().map(CanaryDocument::of),
            shadow: self.shadow.map(|version| version.to_string()),
        }
    }

    /// The same version, whatever the host's own limits become.
    pub(super) fn settled(&self, host: HostLimits) -> Self {
        let spec = DeploymentSpec { limits: self.limits(host), ..self.spec.clone() };
        Self { spec, canary: None, shadow: None, ..self.clone() }
    }

    /// As the board hears of it.
    pub(crate) fn as_set_up(&self, name: DeploymentName, version: Version, previous: Option<Version>) -> Deployment {
        let DeploymentSpec { migration, ask_anew, .. } = self.spec;
        Deployment {
            name,
            world: self.world,
            version,
            previous,
            migration,
            ask_anew,
            rollout: self.canary.clone().map(Box::new),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"{"manifest": 1, "name": "a", "version": "1.0.0", "world": "cordboard:flow@0.1.0",
        "limits": {"memory_mib": 16, "step_cpu_ms": 1000, "max_calls": 500, "max_handles": 5000}, "config": {"a": {"type": "integer"}}}"#;
    const HOST: HostLimits = HostLimits { memory_mib: 64, step_cpu_ms: 200 };

    fn deployed(config: &[(&str, &str)], manifest: Option<&str>) -> Deployed {
        let config = config.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let spec = DeploymentSpec {
            plugin: Digest::of(b"component"),
            config,
            limits: LimitValues::default(),
            migration: MigrationPolicy::Pin,
            ask_anew: false,
        };
        let manifest = ManifestText::new(manifest.map(Into::into)).unwrap();
        Deployed { world: World::Flow, spec, manifest, previous: None, canary: None, shadow: None }
    }

    #[test]
    fn rule_1_a_version_is_component_manifest_configuration_and_limits() {
        let base = deployed(&[("a", "1")], None);
        let with = |spec: DeploymentSpec| Deployed { spec, ..base.clone() };
        let limited = |limit: Limit| {
            let limits = [(limit, u64::from(limit.rule().max - 1))].into_iter().collect();
            with(DeploymentSpec { limits, ..base.spec.clone() })
        };
        let differing = [
            with(DeploymentSpec { plugin: Digest::of(b"other"), ..base.spec.clone() }),
            deployed(&[("a", "2")], None),
            deployed(&[("a1", "")], None),
            deployed(&[], None),
            deployed(&[("a", "1")], Some(MANIFEST)),
            deployed(&[("a", "1")], Some(&format!("{MANIFEST} "))),
        ];
        let mut versions: Vec<_> = differing.iter().chain([&base]).map(|deployed| deployed.version(HOST)).collect();
        versions.extend(Limit::ALL.map(|limit| limited(limit).version(HOST)));
        versions.push(base.version(HostLimits { memory_mib: 65, ..HOST }));
        versions.sort();
        versions.dedup();
        assert_eq!(versions.len(), 8 + Limit::ALL.len());
        assert_eq!(Deployed::kept(&base.document("x")).unwrap(), base);
        let kept = deployed(&[("a", "1")], Some(MANIFEST));
        assert_eq!(Deployed::kept(&kept.document("x")).unwrap().version(HOST), kept.version(HOST));
        let moves = DeploymentSpec { migration: MigrationPolicy::Migrate, ask_anew: true, ..base.spec.clone() };
        let moving = Deployed { previous: Some(Digest::of(b"v")), ..with(moves) };
        assert_eq!(moving.version(HOST), base.version(HOST), "what becomes of contacts is no part of it");
        assert_eq!(Deployed::kept(&moving.document("x")).unwrap(), moving);
        let settled = Deployed::kept(&kept.settled(HOST).document("x")).unwrap();
        let later = HostLimits { memory_mib: 1, step_cpu_ms: 1 };
        assert_eq!(settled.version(later), kept.version(HOST), "what is kept stays the same version");
        let limits = |deployed: &Deployed, host| deployed.load_spec(Arc::from([]), host).limits;
        assert_eq!(limits(&settled, later), limits(&kept, HOST), "and has the same limits");
    }

    #[test]
    fn rule_1_a_version_that_was_kept_before_there_were_more_limits_is_still_the_same() {
        let of_then = serde_json::json!({ "name": "x", "plugin": Digest::of(b"component").to_string(), "world": "flow",
            "config": { "a": "1" }, "memory_mib": null, "step_cpu_ms": null });
        let read = |document: serde_json::Value| Deployed::kept(&serde_json::from_value(document).unwrap()).unwrap();
        // What the first form of the digest makes of it, computed elsewhere.
        for (memory_mib, expected) in [
            (None, "ca34a16673f5e6b1d92b6476bb555542ad4919548be162f82cf4a2e7eca4cd4f"),
            (Some(16), "543effec14bcf78a1de25abd8c404e2027825d8c0483b736d42a24973f9a9a4e"),
        ] {
            let mut document = of_then.clone();
            document["memory_mib"] = memory_mib.into();
            let kept = read(document);
            assert_eq!(kept.version(HOST).to_string(), expected);
            assert_eq!(kept.spec.limits.get(Limit::MemoryMib), memory_mib);
            let mut same = kept.clone();
            for limit in Limit::ALL.into_iter().filter(|limit| *limit != Limit::MemoryMib) {
                same.spec.limits.set(limit, Some(limit.rule().default.into()));
            }
            assert_eq!(same.version(HOST), kept.version(HOST), "a default is as good as nothing");
            assert_eq!(Deployed::kept(&same.document("x")).unwrap(), same, "also in today's form");
        }
    }

    #[test]
    fn the_manifest_asks_for_limits_the_operator_decides_and_the_host_bounds() {
        let mut asking = deployed(&[], Some(MANIFEST));
        let limits = |deployed: &Deployed| deployed.load_spec(Arc::from([]), HOST).limits;
        assert_eq!((limits(&asking).max_memory_bytes, limits(&asking).step_cpu_ms), (16 << 20, Some(200)));
        assert_eq!((limits(&asking).max_calls, limits(&asking).max_handles), (500, 256));
        let missing = |deployed: &Deployed| -> Vec<String> {
            deployed.missing_limits(HOST).into_iter().map(|missing| missing.detail).collect()
        };
        assert_eq!(missing(&asking), ["step_cpu_ms 1000, it has 200", "max_handles 5000, it has 256"]);
        for (limit, value) in [(Limit::StepCpuMs, 1000), (Limit::MemoryMib, 8), (Limit::MaxHandles, 6000)] {
            asking.spec.limits.set(limit, Some(value));
        }
        assert_eq!((limits(&asking).max_memory_bytes, limits(&asking).step_cpu_ms), (8 << 20, Some(1000)));
        assert_eq!(limits(&asking).max_handles, 6000);
        assert_eq!(missing(&asking), ["memory_mib 16, it has 8"]);
        let mut silent = deployed(&[], None);
        assert_eq!(limits(&silent).step_cpu_ms, None, "the world's own default");
        let step = |deployed: &Deployed| deployed.limits_in_force(HOST).get(Limit::StepCpuMs);
        assert_eq!(step(&silent), Some(200));
        silent.world = World::Scorer;
        assert_eq!(step(&silent), Some(50));
    }

    #[test]
    fn bounds_and_the_manifests_keys_are_kept() {
        let code = |deployed: Deployed| match deployed.check() {
            Ok(()) => "",
            Err(Refusal::Invalid { code, .. }) => code,
            Err(other) => panic!("{other}"),
        };
        assert_eq!(code(deployed(&[("a", "b")], None)), "");
        assert_eq!(code(deployed(&[("", "b")], None)), "out-of-bounds");
        assert_eq!(code(deployed(&[("a", &"x".repeat(9_000))], None)), "out-of-bounds");
        assert_eq!(code(deployed(&[("a", "7")], Some(MANIFEST))), "");
        assert_eq!(code(deployed(&[("a", "b")], Some(MANIFEST))), "invalid-config");
        assert_eq!(code(deployed(&[("b", "7")], Some(MANIFEST))), "invalid-config");
    }
}
