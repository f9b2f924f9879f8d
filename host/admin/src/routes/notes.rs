//! `/v1/contacts/{id}/logs`, `/diagnostics` and `/core-dump`: what a contact's flows left behind for their authors.

use crate::app::App;
use crate::extract::Named;
use crate::json::Time;
use crate::problem::{Details, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use cordboard_core::ids::{ContactId, Version};
use cordboard_core::note::{FailedRun as Failed, LogLevel, Note, NoteKind, SourceLine, StackFrame};
use cordboard_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What a contact's flows logged.
#[derive(Default, Serialize, ToSchema)]
struct Logs {
    /// In order; of one contact 960 lines and 256 KiB are kept.
    lines: Vec<LogLine>,
    /// So many more were not kept. Known once the contact has ended.
    dropped: u32,
}

/// A line of a flow's log.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogLine {
    /// When.
    at: Time,
    /// Of which version.
    version: String,
    /// `trace`, `debug`, `info`, `warn`, `error`.
    level: &'static str,
    /// At most 4 KiB.
    text: String,
}

/// How a contact's flows did.
#[derive(Default, Serialize, ToSchema)]
struct Diagnostics {
    /// Runs that failed, in order.
    failures: Vec<FailedRun>,
    /// What runs used, by version. Known once the contact has ended.
    used: Vec<Used>,
}

/// A run that failed.
#[derive(Serialize, ToSchema)]
pub(crate) struct FailedRun {
    /// When.
    at: Time,
    /// Of which version.
    version: String,
    /// `guest-error`, `trap`, `deadline`, `limit`, `not-started`, `no-room` or `diverged`.
    kind: String,
    /// In words.
    detail: String,
    /// The calls that had not returned, the latest first; at most 20.
    stack: Vec<Frame>,
}

/// A call that had not returned.
#[derive(Serialize, ToSchema)]
struct Frame {
    /// The function, as its language writes it.
    function: String,
    /// Where in the component, in bytes.
    offset: Option<u64>,
    /// Where in the program's text, functions that were inlined first; empty where the component carries no DWARF, and for
    /// the moment it takes to look them up.
    lines: Vec<Line>,
}

/// A place in a program's text.
#[derive(Serialize, ToSchema)]
struct Line {
    /// The function, also one that was inlined.
    function: Option<String>,
    /// As its compiler named it.
    file: String,
    /// From 1; 0 if it isn't known.
    line: u32,
    /// From 1; 0 if it isn't known.
    column: u32,
}

/// What runs of a version used for a contact.
#[derive(Serialize, ToSchema)]
struct Used {
    /// Which version.
    version: String,
    /// How many runs: one that sleeps and wakes is two, and a rehearsal is one.
    runs: u32,
    /// Host calls answered, and one for each run.
    steps: u64,
    /// CPU time of all, in microseconds.
    cpu_us: u64,
    /// The most linear memory that one of them held, in bytes.
    peak_memory_bytes: u64,
}

impl From<StackFrame> for Frame {
    fn from(frame: StackFrame) -> Self {
        let line = |SourceLine { function, file, line, column }| Line { function, file, line, column };
        let lines = frame.lines.into_iter().map(line).collect();
        Self { function: frame.function, offset: frame.offset, lines }
    }
}

impl LogLine {
    pub(crate) fn new(at: Timestamp, version: Version, level: LogLevel, text: String) -> Self {
        Self { at: Time(at), version: version.to_string(), level: level.name(), text }
    }
}

impl FailedRun {
    pub(crate) fn new(at: Timestamp, version: Version, failed: Failed) -> Self {
        let stack = failed.stack.into_iter().map(Frame::from).collect();
        Self { at: Time(at), version: version.to_string(), kind: failed.kind, detail: failed.detail, stack }
    }
}

fn logs(notes: Vec<Note>) -> Logs {
    let mut logs = Logs::default();
    for Note { at, version, kind } in notes {
        match kind {
            NoteKind::Log { level, text } => {
                logs.lines.push(LogLine::new(at, version, level, text));
            }
            // Each version's has the contact's.
            NoteKind::Used { dropped, .. } => logs.dropped = dropped,
            NoteKind::Failed(_) | NoteKind::Lines { .. } => {}
        }
    }
    logs
}

fn diagnostics(notes: Vec<Note>) -> Diagnostics {
    let mut found = Diagnostics::default();
    for Note { at, version, kind } in notes {
        match kind {
            NoteKind::Failed(failed) => found.failures.push(FailedRun::new(at, version, failed)),
            NoteKind::Used { cost, runs, .. } => found.used.push(Used {
                version: version.to_string(),
                runs,
                steps: cost.steps,
                cpu_us: cost.cpu_us,
                peak_memory_bytes: cost.peak_memory_bytes,
            }),
            NoteKind::Log { .. } | NoteKind::Lines { .. } => {}
        }
    }
    found
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_contact_logs)).routes(routes!(get_diagnostics)).routes(routes!(dump_core))
}

/// What a contact's flows logged.
#[utoipa::path(
    get, path = "/v1/contacts/{id}/logs", tag = "contacts", params(("id" = String, Path)),
    responses(
        (status = 200, body = Logs),
        (status = 410, description = "The contact is erased: `erased`.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn get_contact_logs(State(app): State<App>, Named(id): Named<ContactId>) -> Result<Json<Logs>, Problem> {
    Ok(Json(logs(app.ask(app.centre.notes(id)).await?)))
}

/// How a contact's flows failed, and what they used.
#[utoipa::path(
    get, path = "/v1/contacts/{id}/diagnostics", tag = "contacts", params(("id" = String, Path)),
    responses(
        (status = 200, body = Diagnostics),
        (status = 410, description = "The contact is erased: `erased`.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn get_diagnostics(State(app): State<App>, Named(id): Named<ContactId>) -> Result<Json<Diagnostics>, Problem> {
    Ok(Json(diagnostics(app.ask(app.centre.notes(id)).await?)))
}

/// A core dump of a contact's flow as it was when it failed last.
///
/// The version that failed goes through the contact's journal once more, without any effect, and is dumped where it fails
/// again: memories, globals and stack in the form of the WebAssembly tool conventions. Nothing of it is kept. What secret
/// digits stood for is gone: there are zeros in their place.
#[utoipa::path(
    post, path = "/v1/contacts/{id}/core-dump", tag = "contacts", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The dump.", body = Vec<u8>, content_type = "application/wasm"),
        (status = 409, description = "No flow failed, its version is gone, or it doesn't fail again: `not-now`.",
            body = Details, content_type = "application/problem+json"),
        (status = 410, description = "The contact is erased: `erased`.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn dump_core(State(app): State<App>, Named(id): Named<ContactId>) -> Result<impl IntoResponse, Problem> {
    let dump = app.compile(move |centre| async move { centre.core_dump(id).await }).await?;
    Ok(([(header::CONTENT_TYPE, "application/wasm")], dump))
}
