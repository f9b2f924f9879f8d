//! Versions that go through contacts again: what they are made of, and having them loaded meanwhile.

use super::HostCentre;
use super::deploying::load_refused;
use super::keeping::{not_found, store};
use super::malformed;
use super::version::{Deployed, HostLimits, ManifestText, world_named};
use crate::comparing::{CompareError, Comparer};
use crate::documents::{DeploymentDocument, PluginDocument};
use crate::holds::{Hold, Holds};
use crate::shell::BoardHandle;
use cordboard_admin::{Candidate, CandidateOf, DeploymentSpec, Refusal};
use cordboard_core::config::{MigrationPolicy, World};
use cordboard_core::ids::{DeploymentName, Version};
use cordboard_core::limits::Limit;
use cordboard_plugin::PluginHost;
use cordboard_store::DocumentKind;
use std::sync::Arc;
use tokio::sync::Mutex;

/// A version, and what it is made of.
pub(super) struct Made {
    pub(super) version: Version,
    pub(super) deployed: Deployed,
}

/// Loads versions for a while. Cheap to clone.
#[derive(Clone)]
pub(super) struct Loader {
    pub(super) comparer: Comparer,
    holds: Holds,
    board: BoardHandle,
    changing: Arc<Mutex<()>>,
    limits: HostLimits,
}

impl Loader {
    /// Loads a version, if it isn't loaded; the hold keeps it so.
    pub(super) async fn load(&self, made: &Made) -> Result<Hold, Refusal> {
        self.load_as(made.version, made).await
    }

    /// The same under a name of its own.
    pub(super) async fn load_as(&self, name: Version, made: &Made) -> Result<Hold, Refusal> {
        let hold = self.holds.hold(name);
        let plugin = made.deployed.spec.plugin;
        let bytes = self.comparer.rooms.blobs.get(&self.comparer.tenant, &plugin).await.map_err(store)?;
        let gone = || Refusal::Internal(format!("the component {plugin} is gone from the disk"));
        let load = made.deployed.load_spec(bytes.ok_or_else(gone)?.into(), self.limits);
        self.plugins().load(name, load).await.map_err(load_refused)?;
        Ok(hold)
    }

    fn plugins(&self) -> &PluginHost {
        &self.comparer.plugins
    }

    /// What the board wanted unloaded while it was held, or what nothing came to serve.
    pub(super) async fn unload_if_unneeded(&self, version: Version) {
        // Nobody deploys it meanwhile.
        let _turn = self.changing.lock().await;
        let needed = self.board.ask(move |board| board.needs(version));
        if needed.await == Ok(false) {
            self.holds.unless_held(version, || {
                self.plugins().unload(version);
            });
        }
    }
}

impl HostCentre {
    pub(super) fn loader(&self) -> Loader {
        let parts = &self.parts;
        let (tenant, rooms, plugins) = (parts.tenant.clone(), parts.rooms.clone(), parts.plugins.clone());
        Loader {
            comparer: Comparer { tenant, rooms, plugins },
            holds: parts.holds.clone(),
            board: parts.board.clone(),
            changing: Arc::clone(&self.changing),
            limits: parts.limits,
        }
    }

    /// What a candidate is made of: its own word, over that of the deployment which it is to serve, or of the version that
    /// it was. A deployment that isn't there any more has none.
    pub(super) async fn made(&self, candidate: &Candidate, world: World) -> Result<Made, Refusal> {
        let mut deployed = match candidate.of {
            CandidateOf::Version(version) => {
                let kept = self.keeping.get::<DeploymentDocument>(DocumentKind::Version, &version.to_string()).await?;
                let kept = kept.ok_or_else(|| not_found("version", version))?;
                Deployed::kept(&kept.value).ok_or_else(|| malformed(format!("version {version}")))?
            }
            CandidateOf::Plugin(plugin) => {
                let kept = self.keeping.get::<PluginDocument>(DocumentKind::Plugin, &plugin.to_string()).await?;
                let kept = kept.ok_or_else(|| not_found("plugin", plugin))?.value;
                let of = world_named(&kept.world).ok_or_else(|| malformed("a plugin of no world"))?;
                let manifest = ManifestText::new(kept.manifest).map_err(malformed)?;
                let before = match &candidate.deployment {
                    Some(name) => self.kept_deployment(name).await?.map(|kept| kept.value.spec),
                    None => None,
                };
                let (config, limits) = before.map(|spec| (spec.config, spec.limits)).unwrap_or_default();
                let migration = MigrationPolicy::Pin;
                let spec = DeploymentSpec { plugin, config, limits, migration, ask_anew: false };
                Deployed { world: of, spec, manifest, previous: None, canary: None, shadow: None }
            }
        };
        if deployed.world != world {
            let (code, detail) = match world {
                World::Scorer => ("not-a-scorer", "only scorers make decisions again: this plugin is of another world"),
                World::Flow | World::Crm | World::Dialer | World::Inspector => {
                    ("not-a-flow", "only flows go through contacts again: this plugin is of another world")
                }
            };
            return Err(Refusal::Invalid { code, detail: detail.into() });
        }
        let spec = &mut deployed.spec;
        spec.config.extend(candidate.config.clone());
        spec.config.retain(|name, _| !candidate.unset.contains(name));
        for limit in Limit::ALL {
            if let Some(value) = candidate.limits.get(limit) {
                spec.limits.set(limit, Some(value));
            }
        }
        deployed.check()?;
        Ok(Made { version: deployed.version(self.parts.limits), deployed })
    }

    /// The same of a version that ran.
    pub(super) async fn made_before(&self, version: Version) -> Result<Made, Refusal> {
        let deployed = self.kept_version(version).await?;
        Ok(Made { version, deployed })
    }

    /// The world of the deployment that a candidate is to serve.
    pub(super) async fn require_kept(&self, name: &DeploymentName) -> Result<World, Refusal> {
        let kept = self.kept_deployment(name).await?.ok_or_else(|| not_found("deployment", name))?;
        Ok(kept.value.world)
    }
}

pub(super) fn compare_refused(error: CompareError) -> Refusal {
    match error {
        CompareError::Store(error) => store(error),
        CompareError::Stopping => Refusal::Unavailable(error.to_string()),
    }
}
