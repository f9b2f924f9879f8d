//! `/v1/entry-points`: which flow answers which dialled numbers.

use crate::app::App;
use crate::bounds;
use crate::etag::{self, Precondition};
use crate::extract::{self, Named};
use crate::problem::{Details, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use cordboard_core::config;
use cordboard_core::ids::EntryPointName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Which flow answers which dialled numbers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EntryPointBody {
    /// Dialled numbers or user parts, 1 to 256 of them; `12*` matches every number that begins with `12`. The longest
    /// match wins; between equals the entry point whose name comes first.
    #[schema(min_items = 1, max_items = 256, example = json!(["100", "+4930*"]))]
    numbers: Vec<String>,
    /// The flow deployment that answers.
    deployment: String,
    /// The flow deployment that takes over, with the contact's attributes, where the flow and its predecessor fail.
    safe_flow: Option<String>,
    /// Where people are sent if that fails as well, or there is none; the default queue of the settings if none.
    fallback_queue: Option<String>,
}

/// An entry point.
#[derive(Serialize, ToSchema)]
struct EntryPoint {
    /// Its name.
    name: String,
    /// Dialled numbers or user parts.
    numbers: Vec<String>,
    /// The flow deployment that answers.
    deployment: String,
    /// The flow deployment that takes over where the flow and its predecessor fail.
    safe_flow: Option<String>,
    /// Where people are sent in the end; null: the default queue of the settings.
    fallback_queue: Option<String>,
    /// Which writing of the document this is.
    revision: u64,
}

/// Entry points, by name.
#[derive(Serialize, ToSchema)]
struct EntryPoints {
    /// All of them.
    entry_points: Vec<EntryPoint>,
}

impl EntryPoint {
    fn new(entry: config::EntryPoint, revision: u64) -> Self {
        Self {
            name: entry.name.into(),
            numbers: entry.numbers,
            deployment: entry.deployment.into(),
            safe_flow: entry.safe_flow.map(String::from),
            fallback_queue: entry.fallback_queue.map(String::from),
            revision,
        }
    }
}

impl EntryPointBody {
    fn checked(self, name: EntryPointName) -> Result<config::EntryPoint, Problem> {
        bounds::count("numbers", self.numbers.len(), 1, 256)?;
        for (at, number) in self.numbers.iter().enumerate() {
            let field = format!("numbers[{at}]");
            bounds::text(&field, number, 1, 64)?;
            let fixed = number.strip_suffix('*').unwrap_or(number);
            if !fixed.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*') {
                let detail = format!("`{number}` must be visible ASCII, with a * at most at its end");
                return Err(Problem::invalid("invalid-number", field, detail));
            }
        }
        Ok(config::EntryPoint {
            name,
            numbers: self.numbers,
            deployment: bounds::name("deployment", self.deployment)?,
            safe_flow: bounds::name_opt("safe_flow", self.safe_flow)?,
            fallback_queue: bounds::name_opt("fallback_queue", self.fallback_queue)?,
        })
    }
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_entry_points)).routes(routes!(
        get_entry_point,
        put_entry_point,
        delete_entry_point
    ))
}

/// All entry points.
#[utoipa::path(get, path = "/v1/entry-points", tag = "entry points", responses((status = 200, body = EntryPoints)))]
async fn list_entry_points(State(app): State<App>) -> Result<Json<EntryPoints>, Problem> {
    let all = app.ask(app.centre.entry_points()).await?;
    Ok(Json(EntryPoints { entry_points: super::listed(all, EntryPoint::new) }))
}

/// One entry point.
#[utoipa::path(
    get, path = "/v1/entry-points/{name}", tag = "entry points", params(("name" = String, Path)),
    responses((status = 200, body = EntryPoint, headers(("ETag" = String)))),
)]
async fn get_entry_point(
    State(app): State<App>,
    Named(name): Named<EntryPointName>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let all = app.ask(app.centre.entry_points()).await?;
    let found = super::one(all, "entry point", name.as_str(), |entry| entry.name == name)?;
    Ok(etag::fetched(&headers, found.map(EntryPoint::new)))
}

/// Adds or replaces an entry point. The flow deployment it names must be there.
#[utoipa::path(
    put, path = "/v1/entry-points/{name}", tag = "entry points", request_body = EntryPointBody,
    params(("name" = String, Path), ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = EntryPoint, headers(("ETag" = String))),
        (status = 412, description = "It has changed meanwhile.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn put_entry_point(
    State(app): State<App>,
    Named(name): Named<EntryPointName>,
    Precondition(expected): Precondition,
    extract::Json(body): extract::Json<EntryPointBody>,
) -> Result<Response, Problem> {
    let entry = body.checked(name)?;
    let put = app.change(move |centre| async move { centre.put_entry_point(entry, expected).await }).await?;
    Ok(etag::answer(put.map(EntryPoint::new)))
}

/// Removes an entry point. Its contacts go on.
#[utoipa::path(
    delete, path = "/v1/entry-points/{name}", tag = "entry points",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "It is gone."),
        (status = 412, description = "It has changed meanwhile.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn delete_entry_point(
    State(app): State<App>,
    Named(name): Named<EntryPointName>,
    Precondition(expected): Precondition,
) -> Result<StatusCode, Problem> {
    app.change(move |centre| async move { centre.delete_entry_point(&name, expected).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
