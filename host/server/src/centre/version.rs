//! What a deployment runs: its version, and what the plugin host loads for it.

use crate::documents::DeploymentDocument;
use cordboard_admin::{DeploymentSpec, MissingGrant, Refusal};
use cordboard_core::config::{Deployment, MigrationPolicy, World};
use cordboard_core::ids::{DeploymentName, Digest, Version};
use cordboard_plugin::{Grants, Limits, LoadSpec, Manifest, ManifestError};
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
}

impl Deployed {
    /// Linear memory of an instance: the operator's word, else what the manifest wants of what the host gives.
    fn memory_mib(&self, host: HostLimits) -> u32 {
        let wanted = self.manifest.read.limits.memory_mib.map_or(host.memory_mib, |wanted| wanted.min(host.memory_mib));
        self.spec.memory_mib.unwrap_or(wanted)
    }

    /// CPU time of a step, likewise; none: the host's default for the world.
    fn step_cpu_ms(&self, host: HostLimits) -> Option<u32> {
        self.spec.step_cpu_ms.or(self.manifest.read.limits.step_cpu_ms.map(|wanted| wanted.min(host.step_cpu_ms)))
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
        part(&self.memory_mib(host).to_be_bytes());
        part(&self.step_cpu_ms(host).unwrap_or(host.step_cpu_ms).to_be_bytes());
        Digest::of(&bytes)
    }

    /// Checks what doesn't need the plugin host.
    pub(super) fn check(&self) -> Result<(), Refusal> {
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
        LoadSpec {
            component,
            config: self.spec.config.clone().into_iter().collect(),
            limits: Limits {
                max_memory_bytes: u64::from(self.memory_mib(host)) << 20,
                step_cpu_ms: self.step_cpu_ms(host),
                ..Limits::default()
            },
            grants: Grants::default(),
        }
    }

    /// Limits that the manifest wants and nobody gives.
    pub(super) fn missing_limits(&self, host: HostLimits) -> Vec<MissingGrant> {
        let wanted = self.manifest.read.limits;
        let step = self.step_cpu_ms(host).unwrap_or(host.step_cpu_ms);
        let both =
            [("memory_mib", wanted.memory_mib, self.memory_mib(host)), ("step_cpu_ms", wanted.step_cpu_ms, step)];
        let lacking = |(name, wanted, given): (&str, Option<u32>, u32)| {
            wanted.filter(|wanted| *wanted > given).map(|wanted| MissingGrant {
                capability: "limits".into(),
                detail: format!("{name} {wanted}, it has {given}"),
                reason: "the plugin's manifest says that it needs it".into(),
            })
        };
        both.into_iter().filter_map(lacking).collect()
    }

    /// What was kept of a deployment; none if it is of no form that this program writes.
    pub(crate) fn kept(document: &DeploymentDocument) -> Option<Self> {
        let spec = DeploymentSpec {
            plugin: document.plugin.parse().ok()?,
            config: document.config.clone(),
            memory_mib: document.memory_mib,
            step_cpu_ms: document.step_cpu_ms,
            migration: if document.migrate { MigrationPolicy::Migrate } else { MigrationPolicy::Pin },
            ask_anew: document.ask_anew,
        };
        let previous = document.previous.as_ref().map(|version| version.parse()).transpose().ok()?;
        let manifest = ManifestText::new(document.manifest.clone()).ok()?;
        Some(Self { world: world_named(&document.world)?, spec, manifest, previous })
    }

    /// What is kept of it.
    pub(crate) fn document(&self, name: &str) -> DeploymentDocument {
        DeploymentDocument {
            name: name.into(),
            plugin: self.spec.plugin.to_string(),
            world: world_name(self.world).into(),
            config: self.spec.config.clone(),
            memory_mib: self.spec.memory_mib,
            step_cpu_ms: self.spec.step_cpu_ms,
            manifest: self.manifest.text.clone(),
            migrate: self.spec.migration == MigrationPolicy::Migrate,
            ask_anew: self.spec.ask_anew,
            previous: self.previous.map(|version| version.to_string()),
        }
    }

    /// The same version, whatever the host's own limits become.
    pub(super) fn settled(&self, host: HostLimits) -> Self {
        let memory_mib = Some(self.memory_mib(host));
        let step_cpu_ms = Some(self.step_cpu_ms(host).unwrap_or(host.step_cpu_ms));
        Self { spec: DeploymentSpec { memory_mib, step_cpu_ms, ..self.spec.clone() }, ..self.clone() }
    }

    /// As the board hears of it.
    pub(crate) fn as_set_up(&self, name: DeploymentName, version: Version, previous: Option<Version>) -> Deployment {
        let DeploymentSpec { migration, ask_anew, .. } = self.spec;
        Deployment { name, world: self.world, version, previous, migration, ask_anew }
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
        "limits": {"memory_mib": 16, "step_cpu_ms": 1000}, "config": {"a": {"type": "integer"}}}"#;
    const HOST: HostLimits = HostLimits { memory_mib: 64, step_cpu_ms: 200 };

    fn deployed(config: &[(&str, &str)], manifest: Option<&str>) -> Deployed {
        let config = config.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let spec = DeploymentSpec {
            plugin: Digest::of(b"component"),
            config,
            memory_mib: None,
            step_cpu_ms: None,
            migration: MigrationPolicy::Pin,
            ask_anew: false,
        };
        let manifest = ManifestText::new(manifest.map(Into::into)).unwrap();
        Deployed { world: World::Flow, spec, manifest, previous: None }
    }

    #[test]
    fn rule_1_a_version_is_component_manifest_configuration_and_limits() {
        let base = deployed(&[("a", "1")], None);
        let with = |spec: DeploymentSpec| Deployed { spec, ..base.clone() };
        let differing = [
            with(DeploymentSpec { plugin: Digest::of(b"other"), ..base.spec.clone() }),
            deployed(&[("a", "2")], None),
            deployed(&[("a1", "")], None),
            deployed(&[], None),
            deployed(&[("a", "1")], Some(MANIFEST)),
            deployed(&[("a", "1")], Some(&format!("{MANIFEST} "))),
            with(DeploymentSpec { memory_mib: Some(5), ..base.spec.clone() }),
            with(DeploymentSpec { step_cpu_ms: Some(5), ..base.spec.clone() }),
        ];
        let mut versions: Vec<_> = differing.iter().chain([&base]).map(|deployed| deployed.version(HOST)).collect();
        versions.push(base.version(HostLimits { memory_mib: 65, ..HOST }));
        versions.sort();
        versions.dedup();
        assert_eq!(versions.len(), 10);
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
    }

    #[test]
    fn the_manifest_asks_for_limits_the_operator_decides_and_the_host_bounds() {
        let mut asking = deployed(&[], Some(MANIFEST));
        let limits = |deployed: &Deployed| deployed.load_spec(Arc::from([]), HOST).limits;
        assert_eq!((limits(&asking).max_memory_bytes, limits(&asking).step_cpu_ms), (16 << 20, Some(200)));
        let missing = asking.missing_limits(HOST);
        assert_eq!((missing.len(), missing[0].detail.as_str()), (1, "step_cpu_ms 1000, it has 200"));
        asking.spec.step_cpu_ms = Some(1000);
        asking.spec.memory_mib = Some(8);
        assert_eq!((limits(&asking).max_memory_bytes, limits(&asking).step_cpu_ms), (8 << 20, Some(1000)));
        assert_eq!(asking.missing_limits(HOST)[0].detail, "memory_mib 16, it has 8");
        assert_eq!(limits(&deployed(&[], None)).step_cpu_ms, None, "the world's own default");
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
