//! `/v1/deployments/NAME/canary`: a version tried beside the one that serves.

mod plan;

use super::deployments::{Deployment, plugin_of};
use crate::app::App;
use crate::deployment::{self, CanarySpec};
use crate::etag;
use crate::extract::{self, Named};
use crate::json::{Limits, Time};
use crate::operator::Ordered;
use crate::problem::{Details, Problem};
use axum::extract::State;
use axum::response::Response;
use cordboard_core::ids::DeploymentName;
use cordboard_core::rollout::{Counted, Watched};
use plan::PlanBody;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A version to be tried, and how.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CanaryBody {
    /// The digest of an uploaded plugin of the same world.
    #[schema(min_length = 64, max_length = 64)]
    plugin: String,
    /// What the plugin reads as its configuration, as in a deployment.
    #[serde(default)]
    config: BTreeMap<String, String>,
    /// What an instance may use, as in a deployment.
    #[serde(default)]
    limits: Limits,
    /// Whom it is tried on, for how long, and as long as what holds.
    plan: PlanBody,
    /// Why, for the history: at most 1,000 bytes.
    reason: Option<String>,
}

/// Why a deployment is changed.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PromoteBody {
    /// For the history: at most 1,000 bytes.
    #[serde(default)]
    reason: Option<String>,
}

/// A version that is tried, and how it does.
#[derive(Serialize, ToSchema)]
pub(super) struct Canary {
    /// Which.
    version: String,
    /// The digest of its component.
    plugin: String,
    /// What it reads as its configuration.
    config: BTreeMap<String, String>,
    /// What an instance may use, as set.
    limits: Limits,
    /// Whom it is tried on, for how long, and as long as what holds.
    plan: PlanBody,
    /// Which stage it is in, from 0.
    stage: usize,
    /// Since when.
    stage_since: Time,
    /// Its contacts that are over since then.
    stage_contacts: u32,
    /// Which guard is in doubt, though not breached: the stage doesn't end meanwhile.
    in_doubt: Option<String>,
    /// What both versions did, within the plan's window.
    figures: Figures,
}

/// What both versions did, within the window; counted anew since the host started.
#[derive(Serialize, ToSchema)]
#[schema(as = CanaryFigures)]
struct Figures {
    /// Contacts that the canary got.
    canary_contacts: u32,
    /// Contacts that what serves got.
    stable_contacts: u32,
    /// All but the slowest hundredth of the canary's steps took so long at most, in milliseconds.
    canary_p99_ms: Option<f64>,
    /// Likewise of what serves.
    stable_p99_ms: Option<f64>,
    /// Looks at the guards so far.
    looks: u32,
    /// How many contacts went wrong how.
    compared: Vec<Compared>,
}

/// How many contacts went wrong, with either version.
#[derive(Serialize, ToSchema)]
#[schema(as = CanaryCompared)]
struct Compared {
    /// How.
    #[schema(example = "traps")]
    figure: String,
    /// With the canary: of those that began.
    canary: Part,
    /// With what serves: of those whose outcome is known.
    stable: Part,
}

/// So many of so many.
#[derive(Serialize, ToSchema)]
#[schema(as = CanaryPart)]
struct Part {
    /// Went wrong.
    bad: u32,
    /// Of so many.
    of: u32,
}

impl From<Counted> for Part {
    fn from(counted: Counted) -> Self {
        Self { bad: counted.bad, of: counted.of }
    }
}

impl From<&Watched> for Figures {
    fn from(watched: &Watched) -> Self {
        let compared = watched.compared.iter().map(|compared| Compared {
            figure: compared.name.clone(),
            canary: compared.canary.into(),
            stable: compared.stable.into(),
        });
        Self {
            canary_contacts: watched.canary_contacts,
            stable_contacts: watched.stable_contacts,
            canary_p99_ms: watched.canary_p99_ms,
            stable_p99_ms: watched.stable_p99_ms,
            looks: watched.looks,
            compared: compared.collect(),
        }
    }
}

/// A canary's figures as its steps in the history have them.
pub fn figures(watched: &Watched) -> serde_json::Value {
    serde_json::to_value(Figures::from(watched)).unwrap_or_default()
}

impl From<deployment::Canary> for Canary {
    fn from(canary: deployment::Canary) -> Self {
        let spec = canary.spec;
        Self {
            version: canary.version.to_string(),
            plugin: spec.plugin.to_string(),
            config: spec.config,
            limits: Limits(spec.limits),
            plan: PlanBody::of(&spec.plan),
            stage: canary.stage,
            stage_since: Time(canary.since),
            stage_contacts: canary.watched.settled_in_stage,
            in_doubt: canary.watched.doubt.as_ref().map(ToString::to_string),
            figures: Figures::from(&canary.watched),
        }
    }
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(put_canary)).routes(routes!(promote))
}

/// Lets another version serve a part of the new contacts, as long as its guards hold.
///
/// It is compiled and tried first. While it is there nothing else is deployed under the name: it ends by itself, after its last
/// stage or when a guard is breached, or by `promote` or `rollback`.
#[utoipa::path(
    put, path = "/v1/deployments/{name}/canary", tag = "deployments", request_body = CanaryBody,
    params(
        ("name" = String, Path), ("If-Match" = Option<String>, Header), ("Cordboard-Operator" = Option<String>, Header),
    ),
    responses(
        (status = 200, body = Deployment, headers(("ETag" = String))),
        (status = 409, description = "A canary is there: `not-now`.", body = Details,
            content_type = "application/problem+json"),
        (status = 412, description = "It has changed meanwhile.", body = Details,
            content_type = "application/problem+json"),
        (status = 422, description = "`weights-sum`, `stages-fall`, `rule-never-matches`, `unknown-figure`, `same-version`, …",
            body = Details, content_type = "application/problem+json"),
    ),
)]
async fn put_canary(
    State(app): State<App>,
    Named(name): Named<DeploymentName>,
    ordered: Ordered,
    extract::Json(body): extract::Json<CanaryBody>,
) -> Result<Response, Problem> {
    let order = ordered.because(body.reason)?;
    let (plugin, limits) = plugin_of(&body.plugin, &body.config, body.limits)?;
    let usual_guards = body.plan.without_guards();
    let mut plan = body.plan.checked("plan")?;
    if usual_guards {
        let world = app.ask(app.centre.deployment(&name)).await?.value.world;
        plan.guards = plan::usual_guards(world);
    }
    let spec = CanarySpec { plugin, config: body.config, limits, plan };
    let put = app.compile(move |centre| async move { centre.put_canary(name, spec, order).await }).await?;
    Ok(etag::answer(put.map(Deployment::new)))
}

/// Lets the canary serve all new contacts, whatever stage it is in.
#[utoipa::path(
    post, path = "/v1/deployments/{name}/promote", tag = "deployments", request_body = Option<PromoteBody>,
    params(
        ("name" = String, Path), ("If-Match" = Option<String>, Header), ("Cordboard-Operator" = Option<String>, Header),
    ),
    responses(
        (status = 200, body = Deployment, headers(("ETag" = String))),
        (status = 409, description = "There is no canary: `not-now`.", body = Details,
            content_type = "application/problem+json"),
        (status = 412, description = "It has changed meanwhile.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn promote(
    State(app): State<App>,
    Named(name): Named<DeploymentName>,
    ordered: Ordered,
    extract::JsonOrNothing(body): extract::JsonOrNothing<PromoteBody>,
) -> Result<Response, Problem> {
    let order = ordered.because(body.reason)?;
    let done = app.change(move |centre| async move { centre.promote(name, order).await }).await?;
    Ok(etag::answer(done.map(Deployment::new)))
}
