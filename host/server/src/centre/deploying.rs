//! Deployments.

use super::canaries::refuse_another;
use super::keeping::{not_found, store};
use super::stepping::{Noted, StepChange};
use super::uploading::upload_refused;
use super::version::{Deployed, ManifestText, world_name, world_named};
use super::{HostCentre, malformed};
use crate::documents::{DeploymentDocument, EntryPointDocument, PluginDocument, QueueDocument};
use crate::holds::Hold;
use cordboard_admin::{Deployment, DeploymentSpec, Expected, MissingGrant, Order, Refusal, Revised};
use cordboard_core::board::Input;
use cordboard_core::config::{EntryPoint, Queue, World};
use cordboard_core::history::StepKind;
use cordboard_core::ids::{DeploymentName, Digest, Version};
use cordboard_plugin::LoadError;
use cordboard_store::DocumentKind;
use std::sync::Arc;

impl HostCentre {
    /// Every deployment as kept, by name.
    pub(super) async fn kept_deployments(&self) -> Result<Vec<(DeploymentName, Revised<Deployed>)>, Refusal> {
        let kept = self.keeping.list::<DeploymentDocument>(DocumentKind::Deployment).await?;
        kept.into_iter()
            .map(|(name, kept)| {
                let value = Deployed::kept(&kept.value).ok_or_else(|| malformed(format!("deployment {name}")))?;
                Ok((name.parse().map_err(malformed)?, Revised { value, revision: kept.revision }))
            })
            .collect()
    }

    pub(super) async fn kept_deployment(&self, name: &DeploymentName) -> Result<Option<Revised<Deployed>>, Refusal> {
        let kept = self.keeping.get::<DeploymentDocument>(DocumentKind::Deployment, name.as_str()).await?;
        kept.map(|kept| {
            let value = Deployed::kept(&kept.value).ok_or_else(|| malformed(format!("deployment {name}")))?;
            Ok(Revised { value, revision: kept.revision })
        })
        .transpose()
    }

    pub(super) async fn all_deployments(&self) -> Result<Vec<Revised<Deployment>>, Refusal> {
        let views = self.parts.board.ask(|board| board.deployments()).await?;
        let kept = self.kept_deployments().await?;
        let mut all = Vec::new();
        for (name, kept) in kept {
            all.push(self.deployment_of(name, kept, &views).await?);
        }
        Ok(all)
    }

    pub(super) async fn one_deployment(&self, name: &DeploymentName) -> Result<Revised<Deployment>, Refusal> {
        let kept = self.kept_deployment(name).await?.ok_or_else(|| not_found("deployment", name))?;
        let views = self.parts.board.ask(|board| board.deployments()).await?;
        self.deployment_of(name.clone(), kept, &views).await
    }

    async fn deployment_of(
        &self,
        name: DeploymentName,
        kept: Revised<Deployed>,
        views: &[cordboard_core::board::DeploymentView],
    ) -> Result<Revised<Deployment>, Refusal> {
        let deployed = kept.value;
        let missing = self.parts.grants.missing(deployed.manifest.read()).into_iter().map(|missing| MissingGrant {
            capability: missing.capability.into(),
            detail: missing.detail,
            reason: missing.reason,
        });
        let view = views.iter().find(|view| view.deployment.name == name);
        let canary = self.canary_shown(&deployed, view).await?;
        let shadow = self.shadow_shown(&name, &deployed).await?;
        let value = Deployment {
            version: deployed.version(self.parts.limits),
            limits_in_force: deployed.limits_in_force(self.parts.limits),
            missing_grants: missing.chain(deployed.missing_limits(self.parts.limits)).collect(),
            failure: self.failures().get(&name).cloned(),
            contacts: view.map(|view| view.contacts.clone()).unwrap_or_default(),
            previous: view.and_then(|view| view.deployment.previous),
            moved: view.map(|view| view.migration).unwrap_or_default(),
            canary,
            shadow,
            name,
            world: deployed.world,
            spec: deployed.spec,
        };
        Ok(Revised { value, revision: kept.revision })
    }

    /// Compiles, tries, keeps, and lets it serve.
    pub(super) async fn deploy(
        &self,
        name: DeploymentName,
        spec: DeploymentSpec,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal> {
        let plugin = self.keeping.get::<PluginDocument>(DocumentKind::Plugin, &spec.plugin.to_string()).await?;
        let plugin = plugin.ok_or_else(|| not_found("plugin", spec.plugin))?.value;
        let world = world_named(&plugin.world).ok_or_else(|| malformed("a plugin of no world"))?;
        let manifest = ManifestText::new(plugin.manifest).map_err(malformed)?;
        let deployed = Deployed { world, spec, manifest, previous: None, canary: None, shadow: None };
        deployed.check()?;
        self.deploy_checked(name, deployed, StepKind::Deployed, order).await
    }

    pub(super) async fn deploy_checked(
        &self,
        name: DeploymentName,
        deployed: Deployed,
        kind: StepKind,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal> {
        self.as_expected(&name, order.expected).await?;
        let new = deployed.version(self.parts.limits);
        // From here on nobody unloads it, until the board knows of it.
        let hold = self.parts.holds.hold(new);
        let done = self.deploy_held(&name, deployed, new, kind, order).await;
        drop(hold);
        self.unload_if_unneeded(new).await;
        done?;
        self.one_deployment(&name).await
    }

    async fn deploy_held(
        &self,
        name: &DeploymentName,
        mut deployed: Deployed,
        new: Version,
        kind: StepKind,
        order: Order,
    ) -> Result<(), Refusal> {
        let world = deployed.world;
        let component = self.component(deployed.spec.plugin).await?;
        self.parts.plugins.load(new, deployed.load_spec(component, self.parts.limits)).await.map_err(load_refused)?;
        let _turn = self.turn().await;
        let before = self.kept_deployment(name).await?.map(|before| before.value);
        before.as_ref().map_or(Ok(()), |before| refuse_another(name, before))?;
        if let Some(before) = before.as_ref().filter(|before| before.world != world) {
            let detail = format!("`{name}` is a {} deployment", world_name(before.world));
            return Err(Refusal::Invalid { code: "world-changed", detail });
        }
        let from = before.as_ref().map(|before| before.version(self.parts.limits));
        deployed.shadow = before.as_ref().and_then(|before| before.shadow);
        // What can step in is for the ladder of flows alone; whatever served is in the history.
        deployed.previous = before.filter(|_| world == World::Flow).and_then(|before| match from {
            Some(version) if version == new => before.previous,
            other => other,
        });
        // What is granted may have changed while it was compiled; from now on every change reaches it.
        self.parts.grants.loaded(&self.parts.plugins, new, Arc::clone(deployed.manifest.read()));
        // What journals name must be found again, also if the deployment is gone by then.
        let made_of = deployed.settled(self.parts.limits).document(name.as_str());
        self.keeping.put(DocumentKind::Version, &new.to_string(), &made_of, Expected::Any).await?;
        let Order { expected, by, why } = order;
        let noted = Noted { by, kind, why, from, to: Some(new), figures: None };
        self.step(name, StepChange::Put(&deployed), expected, noted).await?;
        self.failures().remove(name);
        let previous = deployed.previous;
        let deployment = deployed.as_set_up(name.clone(), new, previous);
        self.parts.board.tell(Input::PutDeployment(deployment)).await?;
        // Seen by the board before the hold goes.
        self.parts.board.ask(|_| ()).await?;
        Ok(())
    }

    /// Loads what a version is made of, if it isn't loaded; the hold keeps it so.
    pub(super) async fn load_version(&self, version: Version) -> Result<Hold, Refusal> {
        let hold = self.parts.holds.hold(version);
        let deployed = self.kept_version(version).await?;
        let load = deployed.load_spec(self.component(deployed.spec.plugin).await?, self.parts.limits);
        self.parts.plugins.load(version, load).await.map_err(load_refused)?;
        Ok(hold)
    }

    /// What a version is made of.
    pub(super) async fn kept_version(&self, version: Version) -> Result<Deployed, Refusal> {
        let kept = self.keeping.get::<DeploymentDocument>(DocumentKind::Version, &version.to_string()).await?;
        let detail = format!("nothing is known of the version {version} any more");
        let gone = || Refusal::NoState { code: "state-gone", detail };
        kept.and_then(|kept| Deployed::kept(&kept.value)).ok_or_else(gone)
    }

    /// A component's bytes.
    pub(super) async fn component(&self, digest: Digest) -> Result<Arc<[u8]>, Refusal> {
        let bytes = self.parts.rooms.blobs.get(&self.parts.tenant, &digest).await.map_err(store)?;
        bytes.map(Into::into).ok_or_else(|| Refusal::Internal(format!("the component {digest} is gone from the disk")))
    }

    /// What the board wanted unloaded while it was held, or what nothing came to serve.
    pub(super) async fn unload_if_unneeded(&self, version: Version) {
        self.loader().unload_if_unneeded(version).await;
    }

    /// Removes a deployment. Under which name its shadow was loaded, if it had one: nothing needs that any more.
    pub(super) async fn undeploy(&self, name: &DeploymentName, order: Order) -> Result<Option<Version>, Refusal> {
        let _turn = self.turn().await;
        let before = self.kept_deployment(name).await?.ok_or_else(|| not_found("deployment", name))?.value;
        if let Some(by) = self.who_names(name).await? {
            return Err(Refusal::InUse { what: "deployment", name: name.to_string(), by });
        }
        let Order { expected, by, why } = order;
        let from = Some(before.version(self.parts.limits));
        let noted = Noted { by, kind: StepKind::Deleted, why, from, to: None, figures: None };
        self.step(name, StepChange::Delete, expected, noted).await?;
        self.failures().remove(name);
        self.parts.board.tell(Input::RemoveDeployment(name.clone())).await?;
        Ok(self.parts.shadows.end(name))
    }

    /// The first thing found that names this deployment.
    async fn who_names(&self, name: &DeploymentName) -> Result<Option<String>, Refusal> {
        for (entry, kept) in self.keeping.list::<EntryPointDocument>(DocumentKind::EntryPoint).await? {
            let kept = EntryPoint::try_from(kept.value).map_err(malformed)?;
            if kept.deployment == *name || kept.safe_flow.as_ref() == Some(name) {
                return Ok(Some(format!("entry point {entry}")));
            }
        }
        for (queue, kept) in self.keeping.list::<QueueDocument>(DocumentKind::Queue).await? {
            if Queue::try_from(kept.value).map_err(malformed)?.scorer.as_ref() == Some(name) {
                return Ok(Some(format!("queue {queue}")));
            }
        }
        let settings = self.kept_settings().await?.value;
        Ok((settings.default_directory.as_ref() == Some(name)).then(|| "the settings".to_owned()))
    }

    /// That a deployment of this world is there.
    pub(super) async fn require_deployment(
        &self,
        name: &DeploymentName,
        world: World,
        code: &'static str,
    ) -> Result<(), Refusal> {
        match self.kept_deployment(name).await? {
            Some(kept) if kept.value.world == world => Ok(()),
            Some(kept) => {
                let (is, wanted) = (world_name(kept.value.world), world_name(world));
                Err(Refusal::Invalid { code, detail: format!("`{name}` is a {is} deployment, not a {wanted} one") })
            }
            None => Err(Refusal::Invalid { code, detail: format!("there is no deployment `{name}`") }),
        }
    }
}

pub(super) fn load_refused(error: LoadError) -> Refusal {
    let code = match error {
        LoadError::Refused(error) => return upload_refused(error),
        LoadError::Limit { .. } => "out-of-bounds",
        LoadError::Egress { .. } => "invalid-egress",
        LoadError::Compile(_) => "compile-failed",
        LoadError::Contract(_) => "contract-mismatch",
        LoadError::Trial(_) => "trial-failed",
        LoadError::CompileTimeout { .. } => "compile-timeout",
        LoadError::CompileLimit(_) => "compile-limit",
        LoadError::CompilerDied(_) => "compiler-died",
        LoadError::CompilerStart(cause) => {
            return Refusal::Internal(format!("the compiler can't be started: {cause}"));
        }
        LoadError::CompilerAnswer(_) | LoadError::Lost => return Refusal::Internal(error.to_string()),
    };
    Refusal::Invalid { code, detail: error.to_string() }
}
