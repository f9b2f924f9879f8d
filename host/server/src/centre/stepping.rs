//! Steps of deployments: what was done is kept together with what it changed, told, and gone back to.

use super::HostCentre;
use super::keeping::{condition, encoded, not_found, store};
use super::version::Deployed;
use crate::documents::{DeploymentDocument, decode};
use cordboard_admin::{
    Deployment, DeploymentSpec, Expected, History, HistoryState, HistoryStep, Order, Refusal, Revised, format_time,
};
use cordboard_core::event::{Event, What};
use cordboard_core::history::{Operator, Step, StepKind};
use cordboard_core::ids::{DeploymentName, Version};
use cordboard_core::limits::LimitValues;
use cordboard_store::history::{Change, KeptStep, NewStep, State};
use cordboard_store::{HistoryPage, StoreError};
use tracing::error;

/// Steps that somebody is told of who was slower.
const MAX_TOLD: usize = 3;
/// Steps looked at for a state to go back to, page by page.
const MAX_LOOKED_AT: usize = 1_000;

/// What is noted of a step.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    /// By whom.
    pub(super) by: Operator,
    /// What was done.
    pub(super) kind: StepKind,
    /// Why: at most 1,000 bytes.
    pub(super) why: Option<String>,
    /// The version before.
    pub(super) from: Option<Version>,
    /// The version that it is about.
    pub(super) to: Option<Version>,
    /// What was counted at that moment: at most 64 KiB of JSON.
    pub(super) figures: Option<serde_json::Value>,
}

/// What becomes of a deployment's document with a step.
#[derive(Clone, Copy, Debug)]
pub(super) enum StepChange<'a> {
    /// It is this from now on.
    Put(&'a Deployed),
    /// It is removed.
    Delete,
}

impl HostCentre {
    /// Changes a deployment's document, if it is as expected, and keeps the step, at once and durably; then tells it. To be
    /// called in turn. What the board has to hear of it is the caller's.
    ///
    /// # Errors
    /// `Conflict`, with what was done meanwhile; nothing is changed then. Or what concerns the store.
    pub(super) async fn step(
        &self,
        name: &DeploymentName,
        change: StepChange<'_>,
        expected: Expected,
        noted: Noted,
    ) -> Result<Step, Refusal> {
        let at = self.parts.clock.now();
        let (tenant, histories) = (&self.parts.tenant, &self.parts.rooms.histories);
        let mut steps = Vec::new();
        let latest = histories.page(tenant, name, None, 1).await.map_err(store)?;
        if latest.steps.is_empty()
            && latest.altered.is_empty()
            && let Some(found) = self.kept_deployment(name).await?
        {
            // It was deployed before there were histories: what it was can be gone back to.
            let state = self.state_of(name, &found.value)?;
            let (by, kind, to) = (Operator::host(), StepKind::Found, Some(state.version));
            steps.push(NewStep { at, by, kind, why: None, from: None, to, figures: None, state: Some(state) });
        }
        let state = match change {
            StepChange::Put(deployed) => Some(self.state_of(name, deployed)?),
            StepChange::Delete => None,
        };
        let body = state.as_ref().map(|state| state.document.clone()).unwrap_or_default();
        let Noted { by, kind, why, from, to, figures } = noted;
        let figures = figures.map(|figures| figures.to_string());
        steps.push(NewStep { at, by, kind, why, from, to, figures, state });
        let change = match change {
            StepChange::Put(_) => Change::Put(&body),
            StepChange::Delete => Change::Delete,
        };
        let mut kept = match histories.change(tenant, name, change, condition(expected), &steps).await {
            Ok(kept) => kept,
            Err(StoreError::Conflict { found, .. }) => return Err(self.conflict(name, expected, found).await),
            Err(error) => return Err(store(error)),
        };
        for step in &kept {
            self.parts.events.tell(Event { at, contact: None, what: What::Stepped(Box::new(step.clone())) });
        }
        kept.pop().ok_or_else(|| Refusal::Internal("a step was kept and isn't there".into()))
    }

    fn state_of(&self, name: &DeploymentName, deployed: &Deployed) -> Result<State, Refusal> {
        let document = encoded(&deployed.document(name.as_str()))?;
        Ok(State { version: deployed.version(self.parts.limits), document })
    }

    /// That a deployment is as expected, before what takes long is done for it.
    pub(super) async fn as_expected(&self, name: &DeploymentName, expected: Expected) -> Result<(), Refusal> {
        let found = self.kept_deployment(name).await?.map(|kept| kept.revision);
        let holds = match expected {
            Expected::Any => true,
            Expected::Absent => found.is_none(),
            Expected::Revision(revision) => found == Some(revision),
        };
        if holds { Ok(()) } else { Err(self.conflict(name, expected, found).await) }
    }

    /// Somebody was faster: who, and what they did since.
    async fn conflict(&self, name: &DeploymentName, expected: Expected, found: Option<u64>) -> Refusal {
        let page = self.parts.rooms.histories.page(&self.parts.tenant, name, None, MAX_TOLD).await;
        let page = page.inspect_err(|error| error!(deployment = %name, %error, "its history can't be read"));
        let steps = page.unwrap_or_default().steps;
        let since = steps.iter().map(|kept| &kept.step);
        let meanwhile: String = match expected {
            Expected::Revision(seen) => since.take_while(|step| step.revision != Some(seen)).map(told).collect(),
            Expected::Absent | Expected::Any => since.take(1).map(told).collect(),
        };
        Refusal::Conflict {
            what: "deployment",
            name: name.to_string(),
            found: found.filter(|found| *found > 0),
            meanwhile,
        }
    }

    pub(super) async fn history_of(
        &self,
        name: &DeploymentName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<History, Refusal> {
        let page = self.parts.rooms.histories.page(&self.parts.tenant, name, before, limit).await.map_err(store)?;
        let HistoryPage { steps, before: further, altered } = page;
        if steps.is_empty() && altered.is_empty() && self.has_no_past(name).await? {
            return Err(not_found("deployment", name));
        }
        if !altered.is_empty() {
            error!(deployment = %name, ?altered, "steps of its history were changed or taken out");
        }
        let steps = steps.into_iter().map(|KeptStep { step, state }| {
            let state = state.and_then(|state| read(name, step.number, &state));
            HistoryStep {
                step,
                state: state.map(|(version, was)| HistoryState { world: was.world, version, spec: was.spec }),
            }
        });
        Ok(History { steps: steps.collect(), before: further, altered })
    }

    /// Whether there is neither a deployment nor a step.
    async fn has_no_past(&self, name: &DeploymentName) -> Result<bool, Refusal> {
        let any = self.parts.rooms.histories.page(&self.parts.tenant, name, None, 1).await.map_err(store)?;
        Ok(any.steps.is_empty() && any.altered.is_empty() && self.kept_deployment(name).await?.is_none())
    }

    /// Lets an earlier state serve again. What becomes of contacts is as it is set now.
    pub(super) async fn go_back(
        &self,
        name: &DeploymentName,
        to: Option<u64>,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal> {
        let kept = self.kept_deployment(name).await?;
        self.as_expected(name, order.expected).await?;
        // What is looked at is what is replaced, or nothing is.
        let expected = match &kept {
            Some(kept) => Expected::Revision(kept.revision),
            None => Expected::Absent,
        };
        let now = kept.map(|kept| kept.value);
        if to.is_none() && now.as_ref().is_some_and(|now| now.canary.is_some()) {
            let order = Order { expected, ..order };
            self.end_canary(name, order, false).await?;
            return self.one_deployment(name).await;
        }
        let (mut before, why) = match (to, &now) {
            (Some(number), _) => (self.as_of(name, number).await?, Some(format!("to step {number}"))),
            (None, Some(now)) => (self.predecessor(name, now).await?, None),
            (None, None) => return Err(not_found("deployment", name)),
        };
        if let Some(now) = now {
            before.spec.migration = now.spec.migration;
            before.spec.ask_anew = now.spec.ask_anew;
        }
        // A state may have had a canary; what is gone back to is what served.
        before.canary = None;
        let order = Order { expected, by: order.by, why: order.why.or(why) };
        self.deploy_checked(name.clone(), before, StepKind::RolledBack, order).await
    }

    /// What a deployment was since a step.
    async fn as_of(&self, name: &DeploymentName, number: u64) -> Result<Deployed, Refusal> {
        let kept = self.parts.rooms.histories.step(&self.parts.tenant, name, number).await.map_err(store)?;
        let no = |code, detail: String| Refusal::NoState { code, detail };
        let kept = kept.ok_or_else(|| no("no-step", format!("`{name}` has no step {number}, or it was changed")))?;
        let kind = kept.step.kind.name();
        let state =
            kept.state.ok_or_else(|| no("no-state", format!("step {number} of `{name}` is no state: {kind}")))?;
        let (version, deployed) = read(name, number, &state)
            .ok_or_else(|| no("state-gone", format!("what was kept of step {number} of `{name}` can't be read")))?;
        self.brought_back(version, deployed).await
    }

    /// What served before: for flows what steps in where the version fails; else the latest state with another version.
    async fn predecessor(&self, name: &DeploymentName, now: &Deployed) -> Result<Deployed, Refusal> {
        if let Some(previous) = now.previous {
            return self.as_it_was(previous).await;
        }
        let serving = now.version(self.parts.limits);
        let (mut before, mut looked_at) = (None, 0);
        while looked_at < MAX_LOOKED_AT {
            let page = self.parts.rooms.histories.page(&self.parts.tenant, name, before, 20).await.map_err(store)?;
            looked_at += page.steps.len() + page.altered.len();
            let others = page.steps.iter().filter_map(|kept| Some((kept.step.number, kept.state.as_ref()?)));
            let mut others = others.filter(|(_, state)| state.version != serving);
            if let Some((version, deployed)) = others.find_map(|(number, state)| read(name, number, state)) {
                return self.brought_back(version, deployed).await;
            }
            match page.before {
                Some(further) => before = Some(further),
                None => break,
            }
        }
        let detail = format!("`{name}` has served nothing else before");
        Err(Refusal::NoState { code: "no-predecessor", detail })
    }

    /// What a version is made of, to be deployed.
    pub(super) async fn as_it_was(&self, version: Version) -> Result<Deployed, Refusal> {
        let settled = self.kept_version(version).await?;
        // The limits that it had are named only where the host's own would be others.
        let spec = DeploymentSpec { limits: LimitValues::default(), ..settled.spec.clone() };
        self.brought_back(version, Deployed { spec, ..settled }).await
    }

    /// What is this version: as it was set, or, where the host's own limits are others by now, with those it had.
    async fn brought_back(&self, version: Version, as_set: Deployed) -> Result<Deployed, Refusal> {
        let deployed =
            if as_set.version(self.parts.limits) == version { as_set } else { self.kept_version(version).await? };
        let digest = deployed.spec.plugin;
        let bytes = self.parts.rooms.blobs.get(&self.parts.tenant, &digest).await.map_err(store)?;
        if bytes.is_none() {
            let detail = format!("the component {digest} is gone from the disk");
            return Err(Refusal::NoState { code: "state-gone", detail });
        }
        Ok(deployed)
    }
}

/// A kept state, if it can be read.
fn read(name: &DeploymentName, number: u64, state: &State) -> Option<(Version, Deployed)> {
    let deployed = decode::<DeploymentDocument>(&state.document).ok().and_then(|kept| Deployed::kept(&kept));
    if deployed.is_none() {
        error!(deployment = %name, step = number, "what was kept of it can't be read");
    }
    Some((state.version, deployed?))
}

/// A step in words, for whoever was slower.
fn told(step: &Step) -> String {
    let Step { number, at, by, kind, why, to, .. } = step;
    let version = to.map(|to| format!(" {}", to.short())).unwrap_or_default();
    let why = why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("; step {number}, {}: {by} {}{version}{why}", format_time(*at), kind.name())
}
