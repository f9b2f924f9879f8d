//! `/v1/deployments/{name}/history`: what was done with a deployment, by whom, and why.

use crate::app::App;
use crate::bounds;
use crate::deployment::DeploymentSpec;
use crate::extract::{Named, Query, parameter};
use crate::history::{HistoryState, HistoryStep};
use crate::json::{Limits, Time, WorldName};
use crate::problem::Problem;
use crate::routes::deployments::Migration;
use axum::Json;
use axum::extract::State;
use cordboard_core::history;
use cordboard_core::ids::DeploymentName;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A step of a deployment.
#[derive(Serialize, ToSchema)]
struct DeploymentStep {
    /// Counted from 1. It goes on when a deployment is removed and made again.
    number: u64,
    /// When.
    at: Time,
    /// Who: as the client named itself; `unnamed` if it didn't, `cordboard` is the host itself.
    by: String,
    /// `found` (it was there before its history), `deployed`, `rolled-back`, `deleted`, `canary-begun`, `canary-advanced`,
    /// `canary-promoted`, `canary-rolled-back`, `shadow-set`, `shadow-removed`.
    kind: &'static str,
    /// Why, in words.
    why: Option<String>,
    /// The version before; null: there was none.
    from: Option<String>,
    /// The version it is about; null: none serves.
    to: Option<String>,
    /// The document's revision since then; null: it is removed.
    revision: Option<u64>,
    /// What was counted at that moment, by the host that took the step; null: nothing.
    figures: Value,
    /// What the deployment was from then on, which a rollback can bring back; null: it was removed, or that can't be read any
    /// more.
    state: Option<DeploymentState>,
}

/// What a deployment was.
#[derive(Serialize, ToSchema)]
struct DeploymentState {
    /// Its world.
    world: WorldName,
    /// The version that served those for whom no rule says otherwise.
    version: String,
    /// The digest of the component.
    plugin: String,
    /// What the plugin read as its configuration.
    config: BTreeMap<String, String>,
    /// What an instance could use, as set; null: nothing was said.
    limits: Limits,
    /// What became of contacts in progress.
    migration: Migration,
    /// Whether an open question could be asked anew.
    ask_anew: bool,
}

/// A part of a deployment's history.
#[derive(Serialize, ToSchema)]
struct DeploymentHistory {
    /// Newest first.
    steps: Vec<DeploymentStep>,
    /// There are more: ask for those `before` this number.
    before: Option<u64>,
    /// Numbers of steps that were changed or taken out after they were kept, as the step after each tells; they are not
    /// among the steps. What is cut off at the end isn't seen.
    altered: Vec<u64>,
}

/// A figure as it was kept.
pub(crate) fn figures(kept: Option<&str>) -> Value {
    kept.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

impl From<HistoryStep> for DeploymentStep {
    fn from(kept: HistoryStep) -> Self {
        let history::Step { deployment: _, number, at, by, kind, why, from, to, revision, figures: counted } =
            kept.step;
        Self {
            number,
            at: Time(at),
            by: by.to_string(),
            kind: kind.name(),
            why,
            from: from.map(|version| version.to_string()),
            to: to.map(|version| version.to_string()),
            revision,
            figures: figures(counted.as_deref()),
            state: kept.state.map(DeploymentState::from),
        }
    }
}

impl From<HistoryState> for DeploymentState {
    fn from(state: HistoryState) -> Self {
        let DeploymentSpec { plugin, config, limits, migration, ask_anew } = state.spec;
        Self {
            world: state.world.into(),
            version: state.version.to_string(),
            plugin: plugin.to_string(),
            config,
            limits: Limits(limits),
            migration: migration.into(),
            ask_anew,
        }
    }
}

/// Which steps.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Only steps before this number.
    #[param(value_type = Option<u64>, minimum = 1)]
    before: Option<String>,
    /// How many at most; 20 if left out. There are fewer where their configurations are long.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_history))
}

/// What was done with a deployment, newest first; also if it is removed.
#[utoipa::path(
    get, path = "/v1/deployments/{name}/history", tag = "deployments", params(("name" = String, Path), Which),
    responses((status = 200, body = DeploymentHistory)),
)]
async fn list_history(
    State(app): State<App>,
    Named(name): Named<DeploymentName>,
    Query(query): Query<Which>,
) -> Result<Json<DeploymentHistory>, Problem> {
    let before: Option<u64> = parameter("before", query.before)?;
    let limit: usize = parameter("limit", query.limit)?.unwrap_or(20);
    bounds::within("limit", limit, 1, 100)?;
    let history = app.ask(app.centre.deployment_history(&name, before, limit)).await?;
    let steps = history.steps.into_iter().map(DeploymentStep::from).collect();
    Ok(Json(DeploymentHistory { steps, before: history.before, altered: history.altered }))
}
