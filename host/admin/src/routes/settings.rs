//! `/v1/settings`: what holds for the whole tenant.

use crate::app::App;
use crate::bounds;
use crate::etag::{self, Precondition};
use crate::extract;
use crate::problem::{Details, Problem};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use cordboard_core::config;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What holds for the whole tenant. What is left out has its default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct SettingsBody {
    /// Where the safe flow puts people; if none, it apologises and ends.
    default_queue: Option<String>,
    /// The directory that is asked where a flow names none.
    default_directory: Option<String>,
    /// Numbers that are refused while no emergency route is set up: at most 64, each 1 to 32 of 0-9 * # +.
    #[schema(max_items = 64)]
    emergency_numbers: Vec<String>,
    /// Contacts at once; more are refused.
    #[schema(minimum = 1, maximum = 100_000)]
    max_contacts: u32,
}

impl Default for SettingsBody {
    fn default() -> Self {
        let settings = config::Settings::default();
        Self {
            default_queue: settings.default_queue.map(String::from),
            default_directory: settings.default_directory.map(String::from),
            emergency_numbers: settings.emergency_numbers,
            max_contacts: settings.max_contacts,
        }
    }
}

/// The settings.
#[derive(Serialize, ToSchema)]
struct Settings {
    /// Where the safe flow puts people.
    default_queue: Option<String>,
    /// The directory that is asked where a flow names none.
    default_directory: Option<String>,
    /// Numbers that are refused.
    emergency_numbers: Vec<String>,
    /// Contacts at once.
    max_contacts: u32,
    /// Which writing of the document this is; 0: it was never written, these are the defaults.
    revision: u64,
}

impl Settings {
    fn new(settings: config::Settings, revision: u64) -> Self {
        Self {
            default_queue: settings.default_queue.map(String::from),
            default_directory: settings.default_directory.map(String::from),
            emergency_numbers: settings.emergency_numbers,
            max_contacts: settings.max_contacts,
            revision,
        }
    }
}

impl SettingsBody {
    fn checked(self) -> Result<config::Settings, Problem> {
        bounds::count("emergency_numbers", self.emergency_numbers.len(), 0, 64)?;
        for (at, number) in self.emergency_numbers.iter().enumerate() {
            let field = format!("emergency_numbers[{at}]");
            bounds::text(&field, number, 1, 32)?;
            if !number.bytes().all(|byte| byte.is_ascii_digit() || b"*#+".contains(&byte)) {
                let detail = format!("`{number}` has more than 0-9 * # +");
                return Err(Problem::invalid("invalid-number", field, detail));
            }
        }
        bounds::within("max_contacts", self.max_contacts, 1, 100_000)?;
        Ok(config::Settings {
            default_queue: bounds::name_opt("default_queue", self.default_queue)?,
            default_directory: bounds::name_opt("default_directory", self.default_directory)?,
            emergency_numbers: self.emergency_numbers,
            max_contacts: self.max_contacts,
        })
    }
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_settings, put_settings))
}

/// The settings.
#[utoipa::path(
    get, path = "/v1/settings", tag = "settings",
    responses((status = 200, body = Settings, headers(("ETag" = String)))),
)]
async fn get_settings(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let settings = app.ask(app.centre.settings()).await?;
    Ok(etag::fetched(&headers, settings.map(Settings::new)))
}

/// Replaces the settings.
#[utoipa::path(
    put, path = "/v1/settings", tag = "settings", request_body = SettingsBody,
    params(("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = Settings, headers(("ETag" = String))),
        (status = 412, description = "They have changed meanwhile.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn put_settings(
    State(app): State<App>,
    Precondition(expected): Precondition,
    extract::Json(body): extract::Json<SettingsBody>,
) -> Result<Response, Problem> {
    let settings = body.checked()?;
    let put = app.change(move |centre| async move { centre.put_settings(settings, expected).await }).await?;
    Ok(etag::answer(put.map(Settings::new)))
}
