//! Canaries of deployments: begun and ended by operators, and what the board does with them by itself.

use super::HostCentre;
use super::keeping::not_found;
use super::stepping::{Noted, StepChange};
use super::version::{Deployed, ManifestText, world_name, world_named};
use crate::documents::{EntryPointDocument, PluginDocument, QueueDocument};
use cordboard_admin::{Canary, CanarySpec, Deployment, DeploymentSpec, Expected, Order, Refusal, Revised};
use cordboard_core::board::{DeploymentView, Input};
use cordboard_core::config::{EntryPoint, World};
use cordboard_core::history::{Operator, StepKind};
use cordboard_core::ids::{DeploymentName, Digest, Version};
use cordboard_core::limits::LimitValues;
use cordboard_core::rollout::{Plan, Rollout, RolloutStep, Stepped};
use cordboard_store::DocumentKind;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

/// What the board did with a canary, on its way to the disk.
pub(crate) type RolloutSteps = mpsc::UnboundedReceiver<(DeploymentName, RolloutStep)>;

/// How long until what could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(1);

impl HostCentre {
    /// Compiles and tries a version, and lets it serve a part of the contacts.
    pub(super) async fn begin_canary(
        &self,
        name: DeploymentName,
        spec: CanarySpec,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal> {
        self.as_expected(&name, order.expected).await?;
        let kept = self.kept_deployment(&name).await?.ok_or_else(|| not_found("deployment", &name))?;
        let expected = Expected::Revision(kept.revision);
        let mut stable = kept.value;
        refuse_another(&name, &stable)?;
        let tried = self.beside(&name, &stable, (spec.plugin, &spec.config, &spec.limits)).await?;
        self.check_plan(&name, stable.world, &spec.plan).await?;
        let version = tried.version(self.parts.limits);
        let from = stable.version(self.parts.limits);
        if version == from {
            let detail =
                "the canary is the version that serves: component, manifest, configuration and limits are the same";
            return Err(Refusal::Invalid { code: "same-version", detail: detail.into() });
        }
        let hold = self.parts.holds.hold(version);
        let done = async {
            let load = tried.load_spec(self.component(spec.plugin).await?, self.parts.limits);
            self.parts.plugins.load(version, load).await.map_err(super::deploying::load_refused)?;
            let _turn = self.turn().await;
            self.parts.grants.loaded(&self.parts.plugins, version, Arc::clone(tried.manifest.read()));
            let made_of = tried.settled(self.parts.limits).document(name.as_str());
            self.keeping.put(DocumentKind::Version, &version.to_string(), &made_of, Expected::Any).await?;
            let now = self.parts.clock.now();
            stable.canary = Some(Rollout { id: now.0, version, plan: spec.plan, stage: 0, since: now });
            let Order { by, why, .. } = order;
            let noted =
                Noted { by, kind: StepKind::CanaryBegun, why, from: Some(from), to: Some(version), figures: None };
            self.step(&name, StepChange::Put(&stable), expected, noted).await?;
            self.tell_board(&name, &stable).await
        };
        let done = done.await;
        drop(hold);
        self.unload_if_unneeded(version).await;
        done?;
        self.one_deployment(&name).await
    }

    /// Another version of a deployment, as if it were deployed.
    pub(super) async fn beside(
        &self,
        name: &DeploymentName,
        stable: &Deployed,
        (digest, config, limits): (Digest, &BTreeMap<String, String>, &LimitValues),
    ) -> Result<Deployed, Refusal> {
        let plugin = self.keeping.get::<PluginDocument>(DocumentKind::Plugin, &digest.to_string()).await?;
        let plugin = plugin.ok_or_else(|| not_found("plugin", digest))?.value;
        let world = world_named(&plugin.world).ok_or_else(|| super::malformed("a plugin of no world"))?;
        if world != stable.world {
            let (is, wanted) = (world_name(world), world_name(stable.world));
            let detail = format!("`{name}` is a {wanted} deployment, and the plugin is a {is}");
            return Err(Refusal::Invalid { code: "world-changed", detail });
        }
        let manifest = ManifestText::new(plugin.manifest).map_err(super::malformed)?;
        let (config, limits) = (config.clone(), limits.clone());
        let spec = DeploymentSpec { plugin: digest, config, limits, ..stable.spec.clone() };
        let tried = Deployed { world, spec, manifest, previous: None, canary: None, shadow: None };
        tried.check()?;
        Ok(tried)
    }

    /// That the plan can be meant, here and now.
    async fn check_plan(&self, name: &DeploymentName, world: World, plan: &Plan) -> Result<(), Refusal> {
        plan.check(world).map_err(|error| Refusal::Invalid { code: error.code, detail: format!("plan.{error}") })?;
        let never = |at: usize, what: String| {
            Err(Refusal::Invalid { code: "rule-never-matches", detail: format!("plan.rules[{at}]: {what}") })
        };
        let entries = self.keeping.list::<EntryPointDocument>(DocumentKind::EntryPoint).await?;
        let mut numbers: Vec<String> = Vec::new();
        for (_, kept) in entries {
            let entry = EntryPoint::try_from(kept.value).map_err(super::malformed)?;
            if entry.deployment == *name {
                numbers.extend(entry.numbers);
            }
        }
        for (at, rule) in plan.rules.iter().enumerate() {
            if let Some(dialled) = &rule.when.dialled
                && world == World::Flow
                && !numbers.is_empty()
                && !numbers.iter().any(|number| meet(number, dialled))
            {
                return never(at, format!("no entry point brings `{dialled}` to `{name}`"));
            }
            if let Some(queue) = &rule.when.queue
                && self.keeping.get::<QueueDocument>(DocumentKind::Queue, queue).await?.is_none()
            {
                return never(at, format!("there is no queue `{queue}`"));
            }
        }
        Ok(())
    }

    /// Lets the canary serve everybody.
    pub(super) async fn promote_canary(
        &self,
        name: DeploymentName,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal> {
        self.end_canary(&name, order, true).await?;
        self.one_deployment(&name).await
    }

    /// Ends a canary as an operator says: it serves everybody, or nobody any more.
    pub(super) async fn end_canary(&self, name: &DeploymentName, order: Order, promote: bool) -> Result<(), Refusal> {
        let _turn = self.turn().await;
        self.as_expected(name, order.expected).await?;
        let kept = self.kept_deployment(name).await?.ok_or_else(|| not_found("deployment", name))?;
        let expected = Expected::Revision(kept.revision);
        let mut deployed = kept.value;
        let rollout = deployed.canary.take();
        let rollout = rollout.ok_or_else(|| Refusal::NotNow(format!("`{name}` has no canary")))?;
        let views = self.parts.board.ask(|board| board.deployments()).await?;
        let view = views.into_iter().find(|view| view.deployment.name == *name);
        let is_there = |view: &DeploymentView| view.deployment.rollout.as_ref().map(|rollout| rollout.id);
        if promote && view.as_ref().and_then(is_there) != Some(rollout.id) {
            return Err(Refusal::NotNow(format!("the canary of `{name}` was just taken back, or can't be loaded")));
        }
        let from = deployed.version(self.parts.limits);
        let kind = if promote {
            deployed = self.promoted(deployed, rollout.version).await?;
            StepKind::CanaryPromoted
        } else {
            StepKind::CanaryRolledBack
        };
        let watched = view.and_then(|view| view.watched);
        let figures = watched.as_ref().map(cordboard_admin::canary_figures);
        let Order { by, why, .. } = order;
        let noted = Noted { by, kind, why, from: Some(from), to: Some(rollout.version), figures };
        self.step(name, StepChange::Put(&deployed), expected, noted).await?;
        self.tell_board(name, &deployed).await
    }

    /// What a deployment is once its canary serves alone.
    async fn promoted(&self, stable: Deployed, version: Version) -> Result<Deployed, Refusal> {
        let tried = self.as_it_was(version).await?;
        let previous = (stable.world == World::Flow).then(|| stable.version(self.parts.limits));
        let DeploymentSpec { migration, ask_anew, .. } = stable.spec;
        let spec = DeploymentSpec { migration, ask_anew, ..tried.spec };
        Ok(Deployed { spec, previous, canary: None, shadow: stable.shadow, ..tried })
    }

    async fn tell_board(&self, name: &DeploymentName, deployed: &Deployed) -> Result<(), Refusal> {
        let version = deployed.version(self.parts.limits);
        let deployment = deployed.as_set_up(name.clone(), version, deployed.previous);
        self.parts.board.tell(Input::PutDeployment(deployment)).await?;
        // Seen by the board before a hold goes.
        Ok(self.parts.board.ask(|_| ()).await?)
    }

    /// A deployment's canary, for the API: of one that the board has.
    pub(super) async fn canary_shown(
        &self,
        deployed: &Deployed,
        view: Option<&DeploymentView>,
    ) -> Result<Option<Canary>, Refusal> {
        let rollout = view.and_then(|view| Some((view.deployment.rollout.as_ref()?, view.watched.as_ref()?)));
        let (Some(_), Some((rollout, watched))) = (&deployed.canary, rollout) else { return Ok(None) };
        let made_of = self.kept_version(rollout.version).await?.spec;
        let spec = CanarySpec {
            plugin: made_of.plugin,
            config: made_of.config,
            limits: made_of.limits,
            plan: rollout.plan.clone(),
        };
        let (version, stage, since) = (rollout.version, rollout.stage, rollout.since);
        Ok(Some(Canary { version, spec, stage, since, watched: watched.clone() }))
    }

    /// Keeps what the board does with canaries by itself. It is so already: what can't be written is tried until it is.
    pub(crate) async fn keep_rollouts(self: Arc<Self>, mut steps: RolloutSteps) {
        while let Some((name, step)) = steps.recv().await {
            let mut told = false;
            while let Err(cause) = self.keep_step(&name, &step).await {
                if !told {
                    error!(deployment = %name, step = step.what.code(), %cause, "a canary's step can't be kept: it is tried again");
                    told = true;
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    async fn keep_step(&self, name: &DeploymentName, step: &RolloutStep) -> Result<(), Refusal> {
        let _turn = self.turn().await;
        let Some(kept) = self.kept_deployment(name).await? else { return Ok(()) };
        let mut deployed = kept.value;
        let from = deployed.version(self.parts.limits);
        let Some(rollout) = deployed.canary.as_mut().filter(|rollout| rollout.id == step.rollout) else {
            // An operator was faster.
            return Ok(());
        };
        let (kind, why) = match &step.what {
            Stepped::Advanced(stage) => {
                (rollout.stage, rollout.since) = (*stage, step.at);
                let share = rollout.share().as_percent();
                (StepKind::CanaryAdvanced, format!("its guards held: {share} % from now on"))
            }
            Stepped::Promoted => {
                deployed = self.promoted(deployed, step.version).await?;
                (StepKind::CanaryPromoted, "its guards held in every stage".to_owned())
            }
            Stepped::RolledBack(breach) => {
                deployed.canary = None;
                (StepKind::CanaryRolledBack, breach.to_string())
            }
        };
        match &step.what {
            Stepped::RolledBack(_) => {
                warn!(deployment = %name, version = %step.version.short(), why, "its canary is taken back")
            }
            Stepped::Advanced(_) | Stepped::Promoted => {
                info!(deployment = %name, version = %step.version.short(), step = step.what.code(), "its canary goes on");
            }
        }
        let figures = Some(cordboard_admin::canary_figures(&step.watched));
        let by = Operator::host();
        let noted = Noted { by, kind, why: Some(why), from: Some(from), to: Some(step.version), figures };
        self.step(name, StepChange::Put(&deployed), Expected::Revision(kept.revision), noted).await.map(drop)
    }
}

/// Nothing else is deployed beside a canary.
pub(super) fn refuse_another(name: &DeploymentName, deployed: &Deployed) -> Result<(), Refusal> {
    match &deployed.canary {
        None => Ok(()),
        Some(canary) => {
            let version = canary.version.short();
            let next = "promote it or roll it back first";
            Err(Refusal::NotNow(format!("`{name}` has a canary, {version}, and there is one at a time: {next}")))
        }
    }
}

/// Whether a number can fit both patterns.
fn meet(a: &str, b: &str) -> bool {
    match (a.strip_suffix('*'), b.strip_suffix('*')) {
        (None, None) => a == b,
        (Some(prefix), None) => b.starts_with(prefix),
        (None, Some(prefix)) => a.starts_with(prefix),
        (Some(a), Some(b)) => a.starts_with(b) || b.starts_with(a),
    }
}

#[cfg(test)]
mod tests {
    use super::meet;

    #[test]
    fn patterns_meet_where_a_number_fits_both() {
        for (a, b, expected) in [
            ("100", "100", true),
            ("100", "101", false),
            ("1*", "100", true),
            ("100", "1*", true),
            ("12*", "1*", true),
            ("1*", "12*", true),
            ("12*", "13*", false),
            ("*", "12*", true),
        ] {
            assert_eq!(meet(a, b), expected, "{a} {b}");
        }
    }
}
