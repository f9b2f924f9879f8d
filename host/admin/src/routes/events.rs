//! `/v1/events` and `/v1/logs`: what happens, as it happens, as server-sent events.

use crate::app::App;
use crate::centre::Feed;
use crate::cloud::{CloudEvent, MISSED, PREFIX};
use crate::extract::{Query, parameter};
use crate::problem::Problem;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use cordboard_core::event::What;
use cordboard_core::ids::ContactId;
use cordboard_core::note::LogLevel;
use cordboard_core::time::Timestamp;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use serde::Deserialize;
use std::convert::Infallible;
use std::time::{Duration, SystemTime};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A comment after so much silence, so that proxies and clients know that the stream lives.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// After a break a client comes back then.
const RETRY: Duration = Duration::from_secs(1);

/// Which events are told.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Only those about this contact.
    contact: Option<String>,
    /// Only types that begin so, e.g. `contact.` or `cordboard.contact.offered`.
    r#type: Option<String>,
}

struct Wanted {
    contact: Option<ContactId>,
    kind: Option<String>,
}

/// Which lines are told.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LogFilter {
    /// Only those of this contact's flows.
    contact: Option<String>,
    /// Only those of plugins of this name.
    plugin: Option<String>,
    /// Only those of this level or a more serious one: `trace`, `debug`, `info`, `warn`, `error`.
    level: Option<String>,
}

struct WantedLines {
    contact: Option<ContactId>,
    plugin: Option<String>,
    level: LogLevel,
}

impl LogFilter {
    fn checked(self) -> Result<WantedLines, Problem> {
        let named = |name: String| {
            let level = LogLevel::ALL.into_iter().find(|level| level.name() == name);
            level.ok_or_else(|| {
                Problem::invalid("unknown-level", "level", "it is none of trace, debug, info, warn, error")
            })
        };
        let level = self.level.map(named).transpose()?.unwrap_or(LogLevel::Trace);
        Ok(WantedLines { contact: parameter("contact", self.contact)?, plugin: self.plugin, level })
    }
}

impl WantedLines {
    fn told(&self, number: u64, event: &cordboard_core::event::Event) -> Option<Event> {
        let What::Logged { plugin, level, .. } = &event.what else { return None };
        let wanted = *level >= self.level
            && (self.contact.is_none() || event.contact == self.contact)
            && (self.plugin.is_none() || *plugin == self.plugin);
        wanted.then(|| sent(number, &CloudEvent::new(number, event)))
    }
}

fn sent(number: u64, event: &CloudEvent) -> Event {
    Event::default().id(number.to_string()).event(event.kind()).data(event.text())
}

impl Filter {
    fn checked(self) -> Result<Wanted, Problem> {
        let kind = self.r#type.map(|kind| match kind.strip_prefix(PREFIX) {
            Some(_) => kind,
            None => format!("{PREFIX}{kind}"),
        });
        Ok(Wanted { contact: parameter("contact", self.contact)?, kind })
    }
}

impl Wanted {
    fn told(&self, number: u64, event: &cordboard_core::event::Event) -> Option<Event> {
        if self.contact.is_some() && event.contact != self.contact {
            return None;
        }
        let event = CloudEvent::new(number, event);
        let wanted = self.kind.as_ref().is_none_or(|kind| event.kind().starts_with(kind.as_str()));
        wanted.then(|| sent(number, &event))
    }
}

fn missed(after: u64, count: u64) -> Event {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX));
    Event::default().event(MISSED).data(CloudEvent::missed(after, count, now).text())
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_events)).routes(routes!(get_logs))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(id) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let id = id.to_str().ok().filter(|id| id.bytes().all(|byte| byte.is_ascii_digit())).and_then(|id| id.parse().ok());
    let wrong = || Problem::new(StatusCode::BAD_REQUEST, "invalid-header", "Last-Event-ID must be an event's id");
    id.map(Some).ok_or_else(|| wrong().at("Last-Event-ID"))
}

/// What happens, as it happens.
///
/// Server-sent events; `id` is the event's number, `event` its type, `data` a CloudEvent. With `Last-Event-ID` the
/// stream resumes behind that event, as far as events are kept; a reader that missed some is told with
/// `cordboard.stream.missed`. The head of the answer is sent at once: what happens after it arrived is told.
#[utoipa::path(
    get, path = "/v1/events", tag = "events",
    params(Filter, ("Last-Event-ID" = Option<u64>, Header, description = "Resume behind this event")),
    responses((status = 200, description = "Events, each with a CloudEvent as data.", body = CloudEvent,
        content_type = "text/event-stream")),
)]
async fn get_events(
    State(app): State<App>,
    Query(query): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wanted = query.checked()?;
    let after = last_event_id(&headers)?;
    let feed = app.centre.events(after);
    stream(&app, feed, after, move |number, event| wanted.told(number, event))
}

/// What plugins log, as they do: flows, and those without a contact.
///
/// As `/v1/events` in all else, with numbers of its own. Lines of a contact are kept with it as well:
/// `/v1/contacts/{id}/logs`.
#[utoipa::path(
    get, path = "/v1/logs", tag = "events",
    params(LogFilter, ("Last-Event-ID" = Option<u64>, Header, description = "Resume behind this line")),
    responses((status = 200, description = "Lines, each with a CloudEvent as data.", body = CloudEvent,
        content_type = "text/event-stream")),
)]
async fn get_logs(
    State(app): State<App>,
    Query(query): Query<LogFilter>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wanted = query.checked()?;
    let after = last_event_id(&headers)?;
    let feed = app.centre.logs(after);
    stream(&app, feed, after, move |number, event| wanted.told(number, event))
}

fn stream(
    app: &App,
    feed: BoxStream<'static, Feed>,
    after: Option<u64>,
    wanted: impl Fn(u64, &cordboard_core::event::Event) -> Option<Event> + Send + 'static,
) -> Result<Response, Problem> {
    let slot = app.stream_slot()?;
    let mut last = after.unwrap_or_default();
    let told = feed.filter_map(move |feed| {
        let _held_while_streaming = &slot;
        let event = match feed {
            Feed::Event(number, event) => {
                last = number;
                wanted(number, &event)
            }
            Feed::Missed(count) => Some(missed(last, count)),
        };
        std::future::ready(event.map(Ok::<Event, Infallible>))
    });
    let open = stream::iter([Ok(Event::default().comment("open").retry(RETRY))]);
    let mut stop = app.stop.clone();
    let stopped = async move {
        // An error: the host is gone, which is as good a reason to end.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let events = open.chain(told).take_until(Box::pin(stopped));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}
