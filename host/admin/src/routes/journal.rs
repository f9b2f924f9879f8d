//! `/v1/contacts/{id}/journal`: everything a flow was told and everything it did, readable.

use crate::app::App;
use crate::extract::Named;
use crate::json::{Address, Time};
use crate::problem::{Details, Problem};
use crate::routes::contacts::channel;
use axum::Json;
use axum::extract::State;
use cordboard_core::ids::ContactId;
use cordboard_core::journal;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

mod compare;
mod steps;
mod words;

pub(crate) use compare::CandidateBody;
pub use compare::comparison_json;
pub(crate) use words::flow_end;

/// A contact's journal.
#[derive(Serialize, ToSchema)]
struct Journal {
    /// Whose.
    contact: String,
    /// Who came, and to what.
    opened: Option<Opened>,
    /// Which version ran from which entry on.
    segments: Vec<Segment>,
    /// In order, numbered from 0.
    entries: Vec<Entry>,
    /// When and why nothing follows any more; null while the contact goes on.
    closed: Option<Closed>,
    /// The journals of the flows that went on as this one, oldest first.
    earlier: Vec<Earlier>,
}

/// What a contact was before anything happened.
#[derive(Serialize, ToSchema)]
struct Opened {
    /// When it came.
    at: Time,
    /// `voice` or `text`.
    channel: &'static str,
    /// Through which entry point.
    entry_point: String,
    /// From whom.
    origin: Address,
    /// To what.
    dialled: Address,
}

/// The journal of a flow that went on as another.
#[derive(Serialize, ToSchema)]
struct Earlier {
    /// Which version ran from which entry on.
    segments: Vec<Segment>,
    /// In order, numbered from 0.
    entries: Vec<Entry>,
    /// When, and that it went on.
    closed: Option<Closed>,
}

/// A stretch of entries that one version made.
#[derive(Serialize, ToSchema)]
struct Segment {
    /// The first entry it made itself.
    from: u64,
    /// When it took over.
    at: Time,
    /// Which version.
    version: String,
    /// Under which deployment.
    deployment: String,
    /// The contact's seed, as decimal digits: it has 64 bits.
    seed: String,
}

/// The end of a journal.
#[derive(Serialize, ToSchema)]
struct Closed {
    /// When.
    at: Time,
    /// Why: the contact's end reason, or `continued`.
    reason: String,
}

/// An entry: a host call of the flow, or an act from outside.
#[derive(Serialize, ToSchema)]
struct Entry {
    /// Its number.
    entry: u64,
    /// When it was made.
    at: Time,
    /// `call` or `external`.
    kind: &'static str,
    /// The host call as the contract names it, e.g. `say`, `ask`, `enqueue`; or the act: `hung-up`, `agent-answered`,
    /// `talk-ended`, `ended-by-operator`, `attribute-set`, `taken-over` or `stepped-down`.
    request: &'static str,
    /// Its arguments, an object.
    #[schema(value_type = Object)]
    args: Value,
    /// What it returned; null while it is pending, and of acts from outside.
    outcome: Option<Outcome>,
}

/// What a host call returned.
#[derive(Serialize, ToSchema)]
struct Outcome {
    /// When.
    at: Time,
    /// `done`, `failed`, `attribute`, `answer`, `profile`, `chosen`, `enqueued`, `waited`, `value` or `response`.
    result: &'static str,
    /// The result; of `failed` an object with `error` and `detail`. Digits of a secret question are only counted; of what a
    /// `fetch` sent from the configuration there is the key. A body is an object with `text`, or with `base64` where it is
    /// none.
    value: Value,
    /// Which version of another plugin answered, where one did.
    callee: Option<String>,
}

type Parts = (Vec<Segment>, Vec<Entry>, Option<Closed>);

fn parts(journal: journal::Journal) -> Parts {
    let segments = journal.segments.into_iter().map(|segment| Segment {
        from: segment.from,
        at: Time(segment.at),
        version: segment.version.to_string(),
        deployment: segment.deployment.into(),
        seed: segment.seed.to_string(),
    });
    let entries = (0..).zip(journal.entries).map(|(number, entry)| Entry::new(number, entry));
    let closed = journal.closed.map(|(at, reason)| Closed { at: Time(at), reason });
    (segments.collect(), entries.collect(), closed)
}

impl From<journal::Opened> for Opened {
    fn from(opened: journal::Opened) -> Self {
        Self {
            at: Time(opened.at),
            channel: channel(opened.channel),
            entry_point: opened.entry_point.into(),
            origin: (&opened.origin).into(),
            dialled: (&opened.dialled).into(),
        }
    }
}

impl Entry {
    fn new(entry: u64, made: journal::Entry) -> Self {
        match made {
            journal::Entry::Call { at, request, outcome } => {
                let outcome = outcome.map(|(at, reply, callee)| {
                    let (result, value) = words::reply(&reply);
                    Outcome { at: Time(at), result, value, callee: callee.map(|version| version.to_string()) }
                });
                let args = words::request(&request);
                Self { entry, at: Time(at), kind: "call", request: request.name(), args, outcome }
            }
            journal::Entry::External { at, act } => {
                let (request, args) = words::external(&act);
                Self { entry, at: Time(at), kind: "external", request, args, outcome: None }
            }
        }
    }
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_journal)).merge(steps::router()).merge(compare::router())
}

/// A contact's journal so far.
#[utoipa::path(
    get, path = "/v1/contacts/{id}/journal", tag = "contacts", params(("id" = String, Path)),
    responses(
        (status = 200, body = Journal),
        (status = 409, description = "It can't be read: `damaged-journal`, `newer-journal`, `lost-key`.", body = Details,
            content_type = "application/problem+json"),
        (status = 410, description = "The contact is erased: `erased`.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn get_journal(State(app): State<App>, Named(id): Named<ContactId>) -> Result<Json<Journal>, Problem> {
    let mut journal = app.ask(app.centre.journal(id)).await?;
    let earlier = std::mem::take(&mut journal.earlier).into_iter().map(|journal| {
        let (segments, entries, closed) = parts(journal);
        Earlier { segments, entries, closed }
    });
    let earlier = earlier.collect();
    let opened = journal.opened.take().map(Opened::from);
    let (segments, entries, closed) = parts(journal);
    Ok(Json(Journal { contact: id.to_string(), opened, segments, entries, closed, earlier }))
}
