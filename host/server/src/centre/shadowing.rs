//! Shadows of deployments: set and removed by operators, and begun again when the host starts.

use super::HostCentre;
use super::candidates::Made;
use super::keeping::not_found;
use super::stepping::{Noted, StepChange};
use super::version::{Deployed, world_name};
use crate::comparing::apart;
use crate::shadows::{Shown, no_findings};
use cordboard_admin::{Deployment, Expected, Order, Refusal, Revised, Shadow, ShadowSpec};
use cordboard_core::config::World;
use cordboard_core::history::StepKind;
use cordboard_core::ids::{DeploymentName, Version};
use cordboard_store::DocumentKind;
use std::sync::Arc;
use tracing::error;

/// Under which name a shadow is loaded: a scorer's instances are never those that live decisions wait for.
fn loaded_as(world: World, version: Version) -> Version {
    match world {
        World::Scorer => apart(version),
        World::Flow | World::Crm | World::Dialer | World::Inspector => version,
    }
}

impl HostCentre {
    /// Compiles and tries a version, and lets it go through what the deployment does.
    pub(super) async fn set_shadow(
        &self,
        name: DeploymentName,
        spec: ShadowSpec,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal> {
        self.as_expected(&name, order.expected).await?;
        let kept = self.kept_deployment(&name).await?.ok_or_else(|| not_found("deployment", &name))?;
        let expected = Expected::Revision(kept.revision);
        let mut deployed = kept.value;
        let world = deployed.world;
        if !matches!(world, World::Flow | World::Scorer) {
            let detail = format!("`{name}` is a {} deployment: flows and scorers have shadows", world_name(world));
            return Err(Refusal::Invalid { code: "no-shadow", detail });
        }
        let tried = self.beside(&name, &deployed, (spec.plugin, &spec.config, &spec.limits)).await?;
        let (version, from) = (tried.version(self.parts.limits), deployed.version(self.parts.limits));
        if version == from {
            let detail =
                "the shadow is the version that serves: component, manifest, configuration and limits are the same";
            return Err(Refusal::Invalid { code: "same-version", detail: detail.into() });
        }
        let made_of = tried.settled(self.parts.limits).document(name.as_str());
        let (loader, loaded) = (self.loader(), loaded_as(world, version));
        let hold = loader.load_as(loaded, &Made { version, deployed: tried }).await;
        let done = async {
            let hold = hold?;
            let _turn = self.turn().await;
            self.keeping.put(DocumentKind::Version, &version.to_string(), &made_of, Expected::Any).await?;
            deployed.shadow = Some(version);
            let Order { by, why, .. } = order;
            let (from, to) = (Some(from), Some(version));
            let noted = Noted { by, kind: StepKind::ShadowSet, why, from, to, figures: None };
            self.step(&name, StepChange::Put(&deployed), expected, noted).await?;
            let now = self.parts.clock.now();
            let shadows = &self.parts.shadows;
            Ok(shadows.begin(loader.comparer.clone(), (name.clone(), world), (version, loaded, hold), now))
        };
        let before: Result<Option<Version>, Refusal> = done.await;
        self.unload_if_unneeded(loaded).await;
        self.unload_shadow(before?).await;
        self.one_deployment(&name).await
    }

    pub(super) async fn take_shadow(
        &self,
        name: &DeploymentName,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal> {
        let ended = self.remove_shadow_in_turn(name, order).await?;
        self.unload_shadow(ended).await;
        self.one_deployment(name).await
    }

    async fn remove_shadow_in_turn(&self, name: &DeploymentName, order: Order) -> Result<Option<Version>, Refusal> {
        let _turn = self.turn().await;
        self.as_expected(name, order.expected).await?;
        let kept = self.kept_deployment(name).await?.ok_or_else(|| not_found("deployment", name))?;
        let expected = Expected::Revision(kept.revision);
        let mut deployed = kept.value;
        let shadow = deployed.shadow.take().ok_or_else(|| Refusal::NotNow(format!("`{name}` has no shadow")))?;
        let from = Some(deployed.version(self.parts.limits));
        let Order { by, why, .. } = order;
        let noted = Noted { by, kind: StepKind::ShadowRemoved, why, from, to: Some(shadow), figures: None };
        self.step(name, StepChange::Put(&deployed), expected, noted).await?;
        Ok(self.parts.shadows.end(name))
    }

    /// A shadow has ended, under which name it was loaded; not in a turn.
    pub(super) async fn unload_shadow(&self, loaded: Option<Version>) {
        if let Some(loaded) = loaded {
            self.unload_if_unneeded(loaded).await;
        }
    }

    /// Lets the shadows that are set begin again. One that can't be loaded is told at its deployment.
    pub(crate) async fn resume_shadows(self: Arc<Self>) {
        let kept = match self.kept_deployments().await {
            Ok(kept) => kept,
            Err(cause) => return error!(%cause, "no shadow goes on"),
        };
        for (name, kept) in kept {
            let (world, Some(version)) = (kept.value.world, kept.value.shadow) else { continue };
            let loaded = loaded_as(world, version);
            let hold = async {
                let made = self.made_before(version).await?;
                self.loader().load_as(loaded, &made).await
            };
            let hold = hold.await;
            let turn = self.turn().await;
            // An operator may have been faster.
            let still = self.kept_deployment(&name).await;
            let wanted = still.is_ok_and(|kept| kept.is_some_and(|kept| kept.value.shadow == Some(version)));
            let (shadows, now) = (&self.parts.shadows, self.parts.clock.now());
            if wanted && shadows.shown(&name, version).is_none() {
                match hold {
                    Ok(hold) => {
                        let comparer = self.loader().comparer;
                        shadows.begin(comparer, (name.clone(), world), (version, loaded, hold), now);
                    }
                    Err(cause) => {
                        error!(deployment = %name, version = %version.short(), %cause, "its shadow can't be loaded");
                        shadows.failed((name.clone(), world), version, cause.to_string(), now);
                    }
                }
            } else {
                drop(hold);
            }
            drop(turn);
            self.unload_if_unneeded(loaded).await;
        }
    }

    /// A deployment's shadow, for the API.
    pub(super) async fn shadow_shown(
        &self,
        name: &DeploymentName,
        deployed: &Deployed,
    ) -> Result<Option<Shadow>, Refusal> {
        let Some(version) = deployed.shadow else { return Ok(None) };
        let made_of = self.kept_version(version).await?.spec;
        let spec = ShadowSpec { plugin: made_of.plugin, config: made_of.config, limits: made_of.limits };
        let findings = no_findings(deployed.world);
        // Not begun again yet.
        let none = Shown { failure: None, since: self.started_at, dropped: 0, findings };
        let Shown { failure, since, dropped, findings } = self.parts.shadows.shown(name, version).unwrap_or(none);
        Ok(Some(Shadow { version, spec, failure, since, dropped, findings }))
    }
}
