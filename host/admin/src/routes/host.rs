//! `/v1/status`, `/metrics`, `/healthz`, `/readyz`, `/openapi.json`: the host itself.

use crate::app::App;
use crate::json::Time;
use crate::problem::Problem;
use crate::router::openapi;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use std::sync::LazyLock;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the host is and does.
#[derive(Serialize, ToSchema)]
struct Status {
    /// Of the program.
    version: String,
    /// When it started.
    started_at: Time,
    /// Contacts in progress.
    contacts: u64,
    /// It takes no new contacts.
    draining: bool,
    /// Where it takes SIP.
    sip: String,
    /// Flow instances there is room for.
    flow_capacity: u32,
    /// Versions in memory.
    loaded: Vec<Loaded>,
}

/// A version in memory.
#[derive(Serialize, ToSchema)]
struct Loaded {
    /// Which.
    version: String,
    /// Its world.
    world: String,
    /// Uses right now.
    uses: u64,
    /// It goes with the last of them.
    retiring: bool,
}

/// Whether calls can be taken.
#[derive(Serialize, ToSchema)]
struct Readiness {
    /// All of it works.
    ready: bool,
    /// Each part.
    checks: Vec<Check>,
}

/// A part of the host.
#[derive(Serialize, ToSchema)]
struct Check {
    /// Which.
    name: &'static str,
    /// It works.
    ok: bool,
    /// What is wrong, or what there is to say.
    detail: String,
}

/// The process answers.
#[derive(Serialize, ToSchema)]
struct Health {
    /// Always `ok`.
    status: &'static str,
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_status))
        .routes(routes!(get_metrics))
        .routes(routes!(get_health))
        .routes(routes!(get_readiness))
        .routes(routes!(get_document))
}

/// What the host is and does.
#[utoipa::path(get, path = "/v1/status", tag = "host", responses((status = 200, body = Status)))]
async fn get_status(State(app): State<App>) -> Result<Json<Status>, Problem> {
    let status = app.ask(app.centre.status()).await?;
    let loaded = status.loaded.into_iter();
    Ok(Json(Status {
        version: status.version,
        started_at: Time(status.started_at),
        contacts: status.contacts,
        draining: status.draining,
        sip: status.sip,
        flow_capacity: status.flow_capacity,
        loaded: loaded
            .map(|(version, world, uses, retiring)| Loaded { version: version.to_string(), world, uses, retiring })
            .collect(),
    }))
}

/// Figures in Prometheus' text format. Needs the token: Prometheus sends it as `authorization.credentials`.
#[utoipa::path(
    get, path = "/metrics", tag = "host",
    responses((status = 200, body = String, content_type = "text/plain; version=0.0.4")),
)]
async fn get_metrics(State(app): State<App>) -> Response {
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (content_type, app.centre.metrics()).into_response()
}

/// The process answers. Needs no token.
#[utoipa::path(get, path = "/healthz", tag = "host", security(()), responses((status = 200, body = Health)))]
async fn get_health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether calls can be taken. Needs no token.
#[utoipa::path(
    get, path = "/readyz", tag = "host", security(()),
    responses(
        (status = 200, description = "They can.", body = Readiness),
        (status = 503, description = "They can't, and why.", body = Readiness),
    ),
)]
async fn get_readiness(State(app): State<App>) -> Response {
    let readiness = app.centre.readiness().await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let checks = readiness.checks.into_iter();
    let checks = checks.map(|(name, ok, detail)| Check { name, ok, detail }).collect();
    (status, Json(Readiness { ready: readiness.ready, checks })).into_response()
}

static DOCUMENT: LazyLock<String> = LazyLock::new(openapi);

/// This document. Needs no token.
#[utoipa::path(
    get, path = "/openapi.json", tag = "host", security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value)),
)]
async fn get_document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}
