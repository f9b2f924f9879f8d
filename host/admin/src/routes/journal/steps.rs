//! `/v1/contacts/{id}/steps`: a contact step by step, with what it logged, where it failed and what it knew at each.

use super::{Closed, Entry, Opened, Outcome, Segment, parts};
use crate::app::App;
use crate::extract::{Named, Query, parameter};
use crate::json::Time;
use crate::problem::{Details, Problem};
use crate::routes::notes::{FailedRun, LogLine};
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cordboard_core::flow::{Reply, Request};
use cordboard_core::ids::ContactId;
use cordboard_core::journal::{self, External};
use cordboard_core::note::{Note, NoteKind};
use cordboard_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::iter::Peekable;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A contact step by step.
#[derive(Serialize, ToSchema)]
#[schema(as = ContactSteps)]
struct Steps {
    /// Whose.
    contact: String,
    /// Who came, and to what.
    opened: Option<Opened>,
    /// Its flows in their order: more than one where a flow went on as another, or stepped down to the safe flow.
    flows: Vec<Flow>,
    /// The journal's frames in their binary form, each in base64, if they were asked for with `frames=true`: for programs that
    /// go through the contact themselves. Empty otherwise.
    frames: Vec<String>,
    /// Lines of log that were not kept. Known once the contact has ended.
    lines_dropped: u32,
}

/// A flow of a contact.
#[derive(Serialize, ToSchema)]
#[schema(as = ContactFlow)]
struct Flow {
    /// Its number, from 0.
    flow: u32,
    /// Which version ran from which entry on.
    segments: Vec<Segment>,
    /// In order.
    steps: Vec<Step>,
    /// What it logged behind its last step.
    logs: Vec<LogLine>,
    /// How it failed behind its last step.
    failures: Vec<FailedRun>,
    /// When and why nothing follows any more; null while the contact goes on.
    closed: Option<Closed>,
}

/// What a flow did up to a call and in it; or an act from outside.
#[derive(Serialize, ToSchema)]
#[schema(as = ContactStep)]
struct Step {
    /// Its number.
    entry: u64,
    /// When it was made.
    at: Time,
    /// `call` or `external`.
    kind: &'static str,
    /// The host call as the contract names it, or the act, as in the journal.
    request: &'static str,
    /// Its arguments, an object.
    #[schema(value_type = Object)]
    args: Value,
    /// What it returned; null while it is pending, and of acts from outside.
    outcome: Option<Outcome>,
    /// Since the contact came, in microseconds.
    since_us: u64,
    /// The version that ran.
    version: Option<String>,
    /// What the flow logged on its way to this call.
    logs: Vec<LogLine>,
    /// How it failed on its way: then another version, or the safe flow, went on.
    failures: Vec<FailedRun>,
    /// Attributes as this step set or found them; null is none. All of them together, up to a step, are what was known
    /// there.
    attributes: BTreeMap<String, Option<String>>,
}

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_steps))
}

/// A contact step by step, in progress or ended: what its flows called and were told, logged, and knew.
#[utoipa::path(
    get, path = "/v1/contacts/{id}/steps", tag = "contacts", params(("id" = String, Path), Wanted),
    responses(
        (status = 200, body = Steps),
        (status = 409, description = "It can't be read: `damaged-journal`, `newer-journal`, `lost-key`; or no flow ran: `not-now`.",
            body = Details, content_type = "application/problem+json"),
        (status = 410, description = "The contact is erased: `erased`.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn get_steps(
    State(app): State<App>,
    Named(id): Named<ContactId>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Steps>, Problem> {
    let with_frames = parameter("frames", wanted.frames)?.unwrap_or(false);
    let journal = app.ask(app.centre.journal(id)).await?;
    let notes = app.ask(app.centre.notes(id)).await?;
    let frames = if with_frames { journal.frames() } else { Vec::new() };
    let frames = frames.iter().filter_map(|frame| journal::encode(frame).ok()).map(|bytes| STANDARD.encode(bytes));
    let frames = frames.collect();
    Ok(Json(Steps { frames, ..steps(id, journal, notes)? }))
}

/// What is wanted beside the steps.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// The journal's frames as well.
    #[param(value_type = Option<bool>)]
    frames: Option<String>,
}

/// Lines and failures, by their time.
#[derive(Default)]
struct Left {
    lines: Vec<(Timestamp, LogLine)>,
    failures: Vec<(Timestamp, FailedRun)>,
    dropped: u32,
}

impl Left {
    fn of(notes: Vec<Note>) -> Self {
        let mut left = Self::default();
        for Note { at, version, kind } in notes {
            match kind {
                NoteKind::Log { level, text } => left.lines.push((at, LogLine::new(at, version, level, text))),
                NoteKind::Failed(failed) => left.failures.push((at, FailedRun::new(at, version, failed))),
                NoteKind::Used { dropped, .. } => left.dropped = dropped,
                NoteKind::Lines { .. } => {}
            }
        }
        left.lines.sort_by_key(|(at, _)| *at);
        left.failures.sort_by_key(|(at, _)| *at);
        left
    }
}

fn steps(id: ContactId, mut journal: journal::Journal, notes: Vec<Note>) -> Result<Steps, Problem> {
    let none = || crate::Refusal::NotNow(format!("no flow ran for the contact {id}"));
    let opened = journal.opened.take().filter(|_| !journal.segments.is_empty()).ok_or_else(none)?;
    let Left { lines, failures, dropped } = Left::of(notes);
    let (mut lines, mut failures) = (lines.into_iter().peekable(), failures.into_iter().peekable());
    let mut all = std::mem::take(&mut journal.earlier);
    all.push(journal);
    let mut flows = Vec::with_capacity(all.len());
    for (number, flow) in (0..).zip(all) {
        let mut made = Vec::with_capacity(flow.entries.len());
        for (entry, at) in flow.entries.iter().map(|entry| (entry, entry.at())) {
            let version = flow.segments.iter().rfind(|segment| segment.from <= made.len() as u64);
            made.push(Made {
                at,
                version: version.map(|segment| segment.version.to_string()),
                logs: up_to(&mut lines, at),
                failures: up_to(&mut failures, at),
                attributes: attributes(entry),
            });
        }
        // What comes behind a flow's last call, and before another flow goes on, is still of it.
        let end = flow.closed.as_ref().filter(|(_, reason)| reason == journal::CONTINUED);
        let end = end.map_or(Timestamp(u64::MAX), |(at, _)| *at);
        let (logs, failed) = (up_to(&mut lines, end), up_to(&mut failures, end));
        let (segments, entries, closed) = parts(flow);
        let steps = entries.into_iter().zip(made).map(|(entry, made)| made.with(entry, opened.at)).collect();
        flows.push(Flow { flow: number, segments, steps, logs, failures: failed, closed });
    }
    Ok(Steps {
        contact: id.to_string(),
        opened: Some(opened.into()),
        flows,
        frames: Vec::new(),
        lines_dropped: dropped,
    })
}

/// A step without its entry.
struct Made {
    at: Timestamp,
    version: Option<String>,
    logs: Vec<LogLine>,
    failures: Vec<FailedRun>,
    attributes: BTreeMap<String, Option<String>>,
}

impl Made {
    fn with(self, entry: Entry, began: Timestamp) -> Step {
        let Self { at: moment, version, logs, failures, attributes } = self;
        let Entry { entry, at, kind, request, args, outcome } = entry;
        let since_us = moment.0.saturating_sub(began.0);
        Step { entry, at, kind, request, args, outcome, since_us, version, logs, failures, attributes }
    }
}

fn up_to<T>(all: &mut Peekable<impl Iterator<Item = (Timestamp, T)>>, end: Timestamp) -> Vec<T> {
    std::iter::from_fn(|| all.next_if(|(at, _)| *at <= end)).map(|(_, one)| one).collect()
}

/// What a step says of attributes.
fn attributes(entry: &journal::Entry) -> BTreeMap<String, Option<String>> {
    match entry {
        journal::Entry::External { act: External::AttributeSet(name, value), .. } => {
            BTreeMap::from([(name.clone(), Some(value.clone()))])
        }
        journal::Entry::External { .. } | journal::Entry::Call { outcome: None, .. } => BTreeMap::new(),
        journal::Entry::Call { request, outcome: Some((_, reply, _)), .. } => match (request, reply) {
            (Request::SetAttribute(name, value), Reply::Done) => BTreeMap::from([(name.clone(), Some(value.clone()))]),
            (Request::Attribute(name), Reply::Attribute(value)) => BTreeMap::from([(name.clone(), value.clone())]),
            (Request::ContinueAs { attributes, .. }, Reply::Done) => {
                attributes.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect()
            }
            _ => BTreeMap::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_core::flow::{Address, Channel};
    use cordboard_core::ids::Digest;
    use cordboard_core::note::{FailedRun as Failed, LogLevel};

    fn journal(entries: Vec<journal::Entry>, closed: Option<(u64, &str)>) -> journal::Journal {
        let segment = |from, version: &[u8]| journal::Segment {
            from,
            at: Timestamp(10),
            version: Digest::of(version),
            deployment: "main".parse().unwrap(),
            seed: 1,
        };
        journal::Journal {
            segments: vec![segment(0, b"one"), segment(1, b"two")],
            entries,
            closed: closed.map(|(at, reason)| (Timestamp(at), reason.to_owned())),
            ..Default::default()
        }
    }

    fn call(at: u64, request: Request, reply: Reply) -> journal::Entry {
        journal::Entry::Call { at: Timestamp(at), request, outcome: Some((Timestamp(at + 5), reply, None)) }
    }

    fn opened() -> journal::Opened {
        journal::Opened {
            at: Timestamp(5),
            tenant: cordboard_core::ids::TenantId::default_tenant(),
            contact: ContactId(7),
            channel: Channel::Voice,
            entry_point: "main".parse().unwrap(),
            origin: Address::default(),
            dialled: Address::default(),
        }
    }

    #[test]
    fn what_was_logged_stands_at_the_step_it_led_to() {
        let set = |value: &str| Request::SetAttribute("tier".into(), value.into());
        let first = journal(
            vec![
                call(20, set("gold"), Reply::Done),
                call(40, Request::Attribute("tier".into()), Reply::Attribute(None)),
            ],
            Some((60, journal::CONTINUED)),
        );
        let second = journal(vec![call(70, Request::Ring, Reply::Done)], None);
        let whole = journal::Journal { opened: Some(opened()), earlier: vec![first], ..second };
        let log = |at, text: &str| Note {
            at: Timestamp(at),
            version: Digest::of(b"one"),
            kind: NoteKind::Log { level: LogLevel::Info, text: text.into() },
        };
        let failed = Failed { kind: "trap".into(), detail: "unreachable".into(), stack: vec![] };
        let failed = Note { at: Timestamp(65), version: Digest::of(b"one"), kind: NoteKind::Failed(failed) };
        let notes = vec![log(12, "begins"), log(39, "asks"), log(55, "goes on"), failed, log(80, "last")];
        let told = serde_json::to_value(steps(ContactId(7), whole, notes).unwrap()).unwrap();
        let text = |pointer: &str| told.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(text("/flows/0/steps/0/logs/0/text"), "begins");
        assert_eq!(text("/flows/0/steps/1/logs/0/text"), "asks");
        assert_eq!(text("/flows/0/logs/0/text"), "goes on");
        assert_eq!(text("/flows/1/steps/0/failures/0/kind"), "trap");
        assert_eq!(text("/flows/1/logs/0/text"), "last");
        assert_eq!(text("/flows/0/steps/0/attributes/tier"), "gold");
        assert_eq!(told.pointer("/flows/0/steps/1/attributes/tier"), Some(&serde_json::Value::Null));
        assert_eq!(text("/flows/0/steps/0/since_us"), 15);
        assert_eq!(text("/flows/0/steps/0/version"), Digest::of(b"one").to_string());
        assert_eq!(text("/flows/0/steps/1/version"), Digest::of(b"two").to_string());
    }

    #[test]
    fn a_contact_without_a_flow_has_no_steps() {
        let none = journal::Journal { opened: Some(opened()), ..Default::default() };
        assert!(steps(ContactId(7), none, vec![]).is_err());
    }
}
