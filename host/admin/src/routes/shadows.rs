//! `/v1/deployments/{name}/shadow`: a version that goes through what a deployment does, and serves nobody.

use super::backtests::Report;
use super::deployments::{Deployment, plugin_of};
use super::rescored::DecisionReport;
use crate::app::App;
use crate::comparing::Findings;
use crate::deployment::{self, ShadowSpec};
use crate::etag;
use crate::extract::{self, Named, Query};
use crate::json::{Limits, Time};
use crate::operator::Ordered;
use crate::problem::{Details, Problem};
use axum::extract::State;
use axum::response::Response;
use cordboard_core::ids::DeploymentName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What is to go through what the deployment does.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ShadowBody {
    /// The digest of an uploaded component, of the deployment's world: `flow` or `scorer`.
    plugin: String,
    /// What the plugin reads as its configuration: all of it.
    #[serde(default)]
    config: BTreeMap<String, String>,
    /// What an instance may use.
    #[serde(default)]
    limits: Limits,
    /// Why, for the history: at most 1,000 bytes.
    #[serde(default)]
    reason: Option<String>,
}

/// A version that goes through what the deployment does, and what it would have done.
#[derive(Serialize, ToSchema)]
pub(super) struct Shadow {
    /// Which.
    version: String,
    /// The digest of its component.
    plugin: String,
    /// What the plugin reads as its configuration.
    config: BTreeMap<String, String>,
    /// What an instance may use, as set.
    limits: Limits,
    /// Why it could not be loaded when the host started, if so: it goes through nothing then.
    failure: Option<String>,
    /// Since when it is counted. It is a setting and stays over a restart; its counts begin anew then.
    since: Time,
    /// Contacts or decisions left out, since it was too slow for them or they could not be read.
    dropped: u64,
    /// Of a flow: the deployment's contacts that ended, as a back-test has them.
    contacts: Option<Report>,
    /// Of a scorer: its decisions, likewise.
    decisions: Option<DecisionReport>,
}

impl From<deployment::Shadow> for Shadow {
    fn from(shadow: deployment::Shadow) -> Self {
        let (contacts, decisions) = match &shadow.findings {
            Findings::Contacts(tally) => (Some(tally.into()), None),
            Findings::Decisions(tally) => (None, Some(tally.into())),
        };
        let spec = shadow.spec;
        Self {
            version: shadow.version.to_string(),
            plugin: spec.plugin.to_string(),
            config: spec.config,
            limits: Limits(spec.limits),
            failure: shadow.failure,
            since: Time(shadow.since),
            dropped: shadow.dropped,
            contacts,
            decisions,
        }
    }
}

/// Why it is done.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Why {
    /// For the history: at most 1,000 bytes.
    #[param(value_type = Option<String>)]
    reason: Option<String>,
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(put_shadow, remove_shadow))
}

/// Lets another version go through what the deployment does from now on, without any effect: of a flow each contact when it
/// has ended, of a scorer each decision when it is made.
///
/// It is compiled and tried first. It runs on threads of the lowest priority; what it is too slow for is left out and counted.
/// Another one that was there goes.
#[utoipa::path(
    put, path = "/v1/deployments/{name}/shadow", tag = "deployments", request_body = ShadowBody,
    params(
        ("name" = String, Path), ("If-Match" = Option<String>, Header), ("Cordboard-Operator" = Option<String>, Header),
    ),
    responses(
        (status = 200, body = Deployment, headers(("ETag" = String))),
        (status = 412, description = "It has changed meanwhile.", body = Details,
            content_type = "application/problem+json"),
        (status = 422, description = "`same-version`, `world-changed`, `no-shadow` (it is neither a flow nor a scorer), …",
            body = Details, content_type = "application/problem+json"),
    ),
)]
async fn put_shadow(
    State(app): State<App>,
    Named(name): Named<DeploymentName>,
    ordered: Ordered,
    extract::Json(body): extract::Json<ShadowBody>,
) -> Result<Response, Problem> {
    let order = ordered.because(body.reason)?;
    let (plugin, limits) = plugin_of(&body.plugin, &body.config, body.limits)?;
    let spec = ShadowSpec { plugin, config: body.config, limits };
    let put = app.compile(move |centre| async move { centre.put_shadow(name, spec, order).await }).await?;
    Ok(etag::answer(put.map(Deployment::new)))
}

/// Lets it go through nothing any more.
#[utoipa::path(
    delete, path = "/v1/deployments/{name}/shadow", tag = "deployments",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header),
        ("Cordboard-Operator" = Option<String>, Header), Why),
    responses(
        (status = 200, body = Deployment, headers(("ETag" = String))),
        (status = 409, description = "There is none: `not-now`.", body = Details,
            content_type = "application/problem+json"),
        (status = 412, description = "It has changed meanwhile.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn remove_shadow(
    State(app): State<App>,
    Named(name): Named<DeploymentName>,
    ordered: Ordered,
    Query(query): Query<Why>,
) -> Result<Response, Problem> {
    let order = ordered.because(query.reason)?;
    let done = app.change(move |centre| async move { centre.remove_shadow(&name, order).await }).await?;
    Ok(etag::answer(done.map(Deployment::new)))
}
