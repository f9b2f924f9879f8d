//! `/v1/prompts`: recordings that flows can name.

use crate::app::App;
use crate::bounds;
use crate::centre;
use crate::extract::{Query, Segments, upload};
use crate::problem::{Details, Problem};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const MAX_WAV_BYTES: u64 = 10 << 20;

/// A recording that flows can name.
#[derive(Serialize, ToSchema)]
struct Prompt {
    /// Its name.
    name: String,
    /// The words it says, so that text is spoken with it.
    phrase: Option<String>,
    /// How long it is.
    duration_ms: u64,
    /// Part of the program.
    built_in: bool,
}

/// Recordings, by name.
#[derive(Serialize, ToSchema)]
struct Prompts {
    /// All of them.
    prompts: Vec<Prompt>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Phrase {
    /// The words it says, 1 to 512 bytes, so that text is spoken with it.
    phrase: Option<String>,
}

impl From<centre::Prompt> for Prompt {
    fn from(prompt: centre::Prompt) -> Self {
        Self { name: prompt.name, phrase: prompt.phrase, duration_ms: prompt.duration_ms, built_in: prompt.built_in }
    }
}

fn checked_name(name: String) -> Result<String, Problem> {
    bounds::plain_name("name", &name, 128)?;
    Ok(name)
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_prompts)).routes(routes!(put_prompt, delete_prompt))
}

/// All recordings.
#[utoipa::path(get, path = "/v1/prompts", tag = "prompts", responses((status = 200, body = Prompts)))]
async fn list_prompts(State(app): State<App>) -> Result<Json<Prompts>, Problem> {
    let prompts = app.ask(app.centre.prompts()).await?;
    Ok(Json(Prompts { prompts: prompts.into_iter().map(Prompt::from).collect() }))
}

/// Adds or replaces a recording: a WAV file of at most 10 MiB and 10 minutes.
#[utoipa::path(
    put, path = "/v1/prompts/{name}", tag = "prompts", params(("name" = String, Path), Phrase),
    request_body(content = Vec<u8>, content_type = "audio/wav", description = "The WAV file."),
    responses((status = 200, body = Prompt)),
)]
async fn put_prompt(
    State(app): State<App>,
    Segments(name): Segments<String>,
    Query(query): Query<Phrase>,
    request: Request,
) -> Result<Json<Prompt>, Problem> {
    let name = checked_name(name)?;
    query.phrase.as_ref().map_or(Ok(()), |phrase| bounds::text("phrase", phrase, 1, 512))?;
    let _slot = app.upload_slot()?;
    let types = ["audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "application/octet-stream"];
    let wav = upload(request, &types, "the recording", MAX_WAV_BYTES).await?;
    let put = app.change(move |centre| async move { centre.put_prompt(name, query.phrase, wav).await }).await?;
    Ok(Json(put.into()))
}

/// Removes a recording that isn't part of the program.
#[utoipa::path(
    delete, path = "/v1/prompts/{name}", tag = "prompts", params(("name" = String, Path)),
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, description = "It is part of the program, or in use.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn delete_prompt(State(app): State<App>, Segments(name): Segments<String>) -> Result<StatusCode, Problem> {
    let name = checked_name(name)?;
    app.change(move |centre| async move { centre.delete_prompt(&name).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
