//! `/v1/deployments`: which version of a plugin serves under a name.

use super::canaries::Canary;
use super::shadows::Shadow;
use crate::app::App;
use crate::bounds;
use crate::deployment::{self, DeploymentSpec};
use crate::etag;
use crate::extract::{self, Named, Query};
use crate::json::{Limits, WorldName};
use crate::operator::Ordered;
use crate::problem::{Details, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use cordboard_core::config::MigrationPolicy;
use cordboard_core::ids::{DeploymentName, Digest};
use cordboard_core::limits::LimitValues;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What an operator wants to serve. Component, manifest, configuration and limits together make the version.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeploymentBody {
    /// The digest of an uploaded plugin.
    #[schema(min_length = 64, max_length = 64)]
    plugin: String,
    /// What the plugin reads as its configuration: at most 64 entries, keys of 1 to 128 bytes, values of at most
    /// 8 KiB, as the plugin's manifest says.
    #[serde(default)]
    config: BTreeMap<String, String>,
    /// What an instance may use; where nothing is said, what the plugin's manifest wants of the default, or the default.
    #[serde(default)]
    limits: Limits,
    /// What becomes of contacts in progress. No part of the version.
    #[serde(default)]
    migration: Migration,
    /// With `migrate`: an open question that the new version asks otherwise is asked anew, rather than keeping the
    /// contact with the old one. No part of the version.
    #[serde(default)]
    ask_anew: bool,
}

/// What becomes of contacts in progress when another version is deployed.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Migration {
    /// They stay with the version they began with.
    #[default]
    Pin,
    /// They go over to the new one where it agrees with their journal.
    Migrate,
}

impl From<MigrationPolicy> for Migration {
    fn from(policy: MigrationPolicy) -> Self {
        match policy {
            MigrationPolicy::Pin => Self::Pin,
            MigrationPolicy::Migrate => Self::Migrate,
        }
    }
}

/// What became of the contacts that were to go over to the version.
#[derive(Serialize, ToSchema)]
struct Moved {
    /// So many were to.
    wanted: u64,
    /// Went over.
    migrated: u64,
    /// The version does something else than their journal says.
    diverged: u64,
    /// Were further on each time it had caught up.
    moved_on: u64,
    /// The version failed.
    failed: u64,
    /// Were not tried.
    refused: u64,
}

/// A deployment and how it does.
#[derive(Serialize, ToSchema)]
pub(super) struct Deployment {
    /// Its name.
    name: String,
    /// Its world.
    world: WorldName,
    /// The digest of the component.
    plugin: String,
    /// What the plugin reads as its configuration.
    config: BTreeMap<String, String>,
    /// What an instance may use, as set; null: nothing was said.
    limits: Limits,
    /// What an instance may use.
    limits_in_force: Limits,
    /// What serves new contacts.
    version: String,
    /// Why the version could not be loaded when the host started, if so.
    failure: Option<String>,
    /// What its plugin's manifest wants and is not granted: uses of it are refused, the rest works.
    missing_grants: Vec<MissingGrant>,
    /// Contacts in progress by version, those of older versions included.
    contacts: BTreeMap<String, u32>,
    /// What becomes of contacts in progress.
    migration: Migration,
    /// Whether an open question may be asked anew.
    ask_anew: bool,
    /// What served before, and steps in where the version fails.
    previous: Option<String>,
    /// Contacts that were to go over to the version.
    moved: Moved,
    /// What is tried beside it, and how that does.
    canary: Option<Canary>,
    /// What goes through what it does, and serves nobody.
    shadow: Option<Shadow>,
    /// Which writing of the document this is.
    revision: u64,
}

/// Something a plugin wants that is not granted, or not all of it.
#[derive(Serialize, ToSchema)]
struct MissingGrant {
    /// `egress`, `stored-values` or `limits`.
    capability: String,
    /// What is missing.
    #[schema(example = "GET http://*:*")]
    detail: String,
    /// Why the plugin wants it, in its author's words.
    reason: String,
}

impl From<deployment::MissingGrant> for MissingGrant {
    fn from(missing: deployment::MissingGrant) -> Self {
        Self { capability: missing.capability, detail: missing.detail, reason: missing.reason }
    }
}

/// Deployments, by name.
#[derive(Serialize, ToSchema)]
struct Deployments {
    /// All of them.
    deployments: Vec<Deployment>,
}

impl Deployment {
    pub(super) fn new(deployment: deployment::Deployment, revision: u64) -> Self {
        let spec = deployment.spec;
        Self {
            name: deployment.name.into(),
            world: deployment.world.into(),
            plugin: spec.plugin.to_string(),
            config: spec.config,
            limits: Limits(spec.limits),
            limits_in_force: Limits(deployment.limits_in_force),
            version: deployment.version.to_string(),
            failure: deployment.failure,
            missing_grants: deployment.missing_grants.into_iter().map(MissingGrant::from).collect(),
            contacts: deployment.contacts.into_iter().map(|(version, n)| (version.to_string(), n)).collect(),
            migration: spec.migration.into(),
            ask_anew: spec.ask_anew,
            previous: deployment.previous.map(|version| version.to_string()),
            moved: Moved {
                wanted: deployment.moved.wanted,
                migrated: deployment.moved.migrated,
                diverged: deployment.moved.diverged,
                moved_on: deployment.moved.moved_on,
                failed: deployment.moved.failed,
                refused: deployment.moved.refused,
            },
            canary: deployment.canary.map(Canary::from),
            shadow: deployment.shadow.map(Shadow::from),
            revision,
        }
    }
}

impl DeploymentBody {
    fn checked(self) -> Result<DeploymentSpec, Problem> {
        let (plugin, limits) = plugin_of(&self.plugin, &self.config, self.limits)?;
        Ok(DeploymentSpec {
            plugin,
            config: self.config,
            limits,
            migration: match self.migration {
                Migration::Pin => MigrationPolicy::Pin,
                Migration::Migrate => MigrationPolicy::Migrate,
            },
            ask_anew: self.ask_anew,
        })
    }
}

/// What is to run, within bounds.
pub(super) fn plugin_of(
    plugin: &str,
    config: &BTreeMap<String, String>,
    limits: Limits,
) -> Result<(Digest, LimitValues), Problem> {
    let plugin: Digest = plugin.parse().map_err(|error| Problem::name("plugin", &error))?;
    bounds::count("config", config.len(), 0, 64)?;
    for (key, value) in config {
        bounds::text("config", key, 1, 128)?;
        if value.len() > 8 * 1024 {
            let field = format!("config.{key}");
            let detail = format!("{field} has {} bytes, at most {} are allowed", value.len(), 8 * 1024);
            return Err(Problem::invalid("out-of-bounds", field, detail));
        }
    }
    let Limits(limits) = limits;
    limits.check().map_err(|error| {
        Problem::invalid("out-of-bounds", format!("limits.{}", error.limit), format!("limits.{error}"))
    })?;
    Ok((plugin, limits))
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_deployments))
        .routes(routes!(get_deployment, put_deployment, delete_deployment))
        .routes(routes!(roll_back))
}

/// All deployments.
#[utoipa::path(get, path = "/v1/deployments", tag = "deployments", responses((status = 200, body = Deployments)))]
async fn list_deployments(State(app): State<App>) -> Result<Json<Deployments>, Problem> {
    let all = app.ask(app.centre.deployments()).await?;
    Ok(Json(Deployments { deployments: super::listed(all, Deployment::new) }))
}

/// One deployment.
#[utoipa::path(
    get, path = "/v1/deployments/{name}", tag = "deployments", params(("name" = String, Path)),
    responses((status = 200, body = Deployment, headers(("ETag" = String)))),
)]
async fn get_deployment(State(app): State<App>, Named(name): Named<DeploymentName>) -> Result<Response, Problem> {
    let found = app.ask(app.centre.deployment(&name)).await?;
    Ok(etag::answer(found.map(Deployment::new)))
}

/// Why a change is made.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Why {
    /// Why, in words, for the history: 1 to 1,000 bytes.
    #[param(min_length = 1, max_length = 1000)]
    reason: Option<String>,
}

/// What to go back to, and why. An empty body is as good as `{}`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RollbackBody {
    /// The step since which the deployment was what it is to be again; null: the latest state with another version.
    #[serde(default)]
    to: Option<u64>,
    /// Why, in words, for the history: 1 to 1,000 bytes.
    #[serde(default)]
    reason: Option<String>,
}

/// Lets a version serve new contacts.
///
/// It is compiled and tried first; contacts in progress go on with theirs, or go over to it where it agrees with what
/// they did so far, as `migration` says. A refusal changes nothing.
#[utoipa::path(
    put, path = "/v1/deployments/{name}", tag = "deployments", request_body = DeploymentBody,
    params(("name" = String, Path), ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header),
        ("Cordboard-Operator" = Option<String>, Header), Why),
    responses(
        (status = 200, body = Deployment, headers(("ETag" = String))),
        (status = 412, description = "It has changed meanwhile: `detail` tells who did what.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn put_deployment(
    State(app): State<App>,
    Named(name): Named<DeploymentName>,
    ordered: Ordered,
    Query(query): Query<Why>,
    extract::Json(body): extract::Json<DeploymentBody>,
) -> Result<Response, Problem> {
    let spec = body.checked()?;
    let order = ordered.because(query.reason)?;
    let put = app.compile(move |centre| async move { centre.put_deployment(name, spec, order).await }).await?;
    Ok(etag::answer(put.map(Deployment::new)))
}

/// Lets an earlier state serve again, as it was: component, manifest, configuration and limits.
///
/// Without `to` that is what served before. With it, it may be any state of the history, also of a deployment that is
/// removed. What becomes of contacts in progress stays as it is set; what served until now is what served before, from then
/// on. A refusal changes nothing.
#[utoipa::path(
    post, path = "/v1/deployments/{name}/rollback", tag = "deployments", request_body = Option<RollbackBody>,
    params(("name" = String, Path), ("If-Match" = Option<String>, Header),
        ("Cordboard-Operator" = Option<String>, Header)),
    responses(
        (status = 200, body = Deployment, headers(("ETag" = String))),
        (status = 409, description = "There is nothing to go back to: `no-predecessor` (nothing else served before), \
            `no-step` (the history has none of this number), `no-state` (it was removed then), `state-gone` (its component, \
            or what its version was made of, is gone).",
            body = Details, content_type = "application/problem+json"),
        (status = 412, description = "It has changed meanwhile: `detail` tells who did what.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn roll_back(
    State(app): State<App>,
    Named(name): Named<DeploymentName>,
    ordered: Ordered,
    extract::JsonOrNothing(body): extract::JsonOrNothing<RollbackBody>,
) -> Result<Response, Problem> {
    let order = ordered.because(body.reason)?;
    let done = app.compile(move |centre| async move { centre.roll_back(&name, body.to, order).await }).await?;
    Ok(etag::answer(done.map(Deployment::new)))
}

/// Removes a deployment that nothing names. Its contacts go on, and its history stays.
#[utoipa::path(
    delete, path = "/v1/deployments/{name}", tag = "deployments",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header),
        ("Cordboard-Operator" = Option<String>, Header), Why),
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, description = "Something names it: `in-use`.", body = Details,
            content_type = "application/problem+json"),
        (status = 412, description = "It has changed meanwhile: `detail` tells who did what.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn delete_deployment(
    State(app): State<App>,
    Named(name): Named<DeploymentName>,
    ordered: Ordered,
    Query(query): Query<Why>,
) -> Result<StatusCode, Problem> {
    let order = ordered.because(query.reason)?;
    app.change(move |centre| async move { centre.delete_deployment(&name, order).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
