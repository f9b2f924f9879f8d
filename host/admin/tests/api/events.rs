//! The live stream.

use crate::client::{Server, TOKEN, read};
use crate::samples::{agent, at, contact, queue};
use bytes::Bytes;
use cordboard_core::event::{Event, What};
use cordboard_core::ids::ContactId;
use cordboard_core::note::LogLevel;
use http_body_util::BodyExt as _;
use hyper::Method;
use hyper::body::Incoming;
use serde_json::Value;
use std::time::Duration;

/// An open stream.
struct Stream {
    body: Incoming,
    text: String,
}

/// One event as it was sent.
#[derive(Debug)]
struct Told {
    id: Option<String>,
    event: String,
    data: Value,
}

impl Stream {
    async fn open(server: &Server, path: &str, headers: &[(&str, &str)]) -> Self {
        let response = server.send(server.request(Method::GET, path, headers, Bytes::new())).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next event; none: the stream has ended.
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
                };
                if let Some(data) = field("data") {
                    let data: Value = serde_json::from_str(&data).unwrap();
                    crate::contract::check_schema("CloudEvent", &data);
                    return Some(Told { id: field("id"), event: field("event").unwrap(), data });
                }
                continue;
            }
            let frame = tokio::time::timeout(Duration::from_secs(30), self.body.frame()).await;
            let frame = frame.expect("the stream is silent")?.unwrap();
            self.text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
        }
    }
}

fn said(contact: Option<ContactId>, text: &str) -> Event {
    Event { at: at(0), contact, what: What::Said { text: text.into() } }
}

#[tokio::test]
async fn what_happens_is_told_with_number_and_type() {
    let server = Server::start().await;
    // The head is there although nothing has happened.
    let mut stream = Stream::open(&server, "/v1/events", &[]).await;
    server.centre.tell(said(Some(contact(1)), "Hello\n\nevent: forged\ndata: \u{2028}"));
    let told = stream.next().await.unwrap();
    assert_eq!((told.id.as_deref(), told.event.as_str()), (Some("1"), "cordboard.contact.said"));
    assert_eq!((&told.data["id"], &told.data["type"]), (&"1".into(), &told.event.as_str().into()));
    assert_eq!(told.data["subject"], contact(1).to_string());
    assert_eq!(told.data["data"]["text"], "Hello\n\nevent: forged\ndata: \u{2028}");
}

#[tokio::test]
async fn a_stream_resumes_behind_the_last_event() {
    let server = Server::start().await;
    (0..5).for_each(|n| server.centre.tell(said(None, &n.to_string())));
    let mut stream = Stream::open(&server, "/v1/events", &[("last-event-id", "3")]).await;
    for number in ["4", "5"] {
        assert_eq!(stream.next().await.unwrap().id.as_deref(), Some(number));
    }
    server.centre.tell(said(None, "new"));
    assert_eq!(stream.next().await.unwrap().id.as_deref(), Some("6"));
}

#[tokio::test]
async fn a_reader_hears_what_it_missed() {
    let server = Server::start().await;
    (0..5).for_each(|n| server.centre.tell(said(None, &n.to_string())));
    server.centre.state.lock().unwrap().kept.drain(..3);
    let mut stream = Stream::open(&server, "/v1/events", &[("last-event-id", "1")]).await;
    let missed = stream.next().await.unwrap();
    assert_eq!((missed.event.as_str(), missed.id), ("cordboard.stream.missed", None));
    assert_eq!((&missed.data["data"]["count"], &missed.data["type"]), (&2.into(), &missed.event.as_str().into()));
    assert_eq!(stream.next().await.unwrap().id.as_deref(), Some("4"));
}

#[tokio::test]
async fn filters_pass_what_fits() {
    let server = Server::start().await;
    let one = contact(1);
    let of_one = format!("/v1/events?contact={one}");
    let mut by_contact = Stream::open(&server, &of_one, &[]).await;
    let mut by_type = Stream::open(&server, "/v1/events?type=contact.q", &[]).await;
    let mut by_full_type = Stream::open(&server, "/v1/events?type=cordboard.contact.queued", &[]).await;
    let mut by_both = Stream::open(&server, &format!("{of_one}&type=contact.queued"), &[]).await;
    let queued = |contact| Event { at: at(0), contact, what: What::Queued { queue: queue("q"), position: 1 } };
    server.centre.tell(said(Some(contact(2)), "no"));
    server.centre.tell(said(None, "no"));
    server.centre.tell(queued(Some(contact(2))));
    server.centre.tell(said(Some(one), "yes"));
    server.centre.tell(queued(Some(one)));
    for (stream, numbers) in
        [(&mut by_contact, ["4", "5"]), (&mut by_type, ["3", "5"]), (&mut by_full_type, ["3", "5"])]
    {
        for number in numbers {
            assert_eq!(stream.next().await.unwrap().id.as_deref(), Some(number));
        }
    }
    assert_eq!(by_both.next().await.unwrap().id.as_deref(), Some("5"));
}

fn logged(contact: Option<ContactId>, plugin: &str, level: LogLevel, text: &str) -> Event {
    let version = cordboard_core::ids::Digest([1; 32]);
    Event { at: at(0), contact, what: What::Logged { plugin: Some(plugin.into()), version, level, text: text.into() } }
}

#[tokio::test]
async fn lines_are_told_by_contact_plugin_and_level() {
    let server = Server::start().await;
    let about = format!("/v1/logs?contact={}&plugin=menu&level=warn", contact(1));
    let mut stream = Stream::open(&server, &about, &[]).await;
    let mut all = Stream::open(&server, "/v1/logs", &[]).await;
    server.centre.tell(said(Some(contact(1)), "an event and no line"));
    for (whose, plugin, level, text) in [
        (Some(contact(2)), "menu", LogLevel::Error, "of another contact"),
        (None, "menu", LogLevel::Error, "of none"),
        (Some(contact(1)), "scores", LogLevel::Error, "of another plugin"),
        (Some(contact(1)), "menu", LogLevel::Info, "not serious"),
        (Some(contact(1)), "menu", LogLevel::Warn, "this"),
        (Some(contact(1)), "menu", LogLevel::Error, "and this"),
    ] {
        server.centre.tell(logged(whose, plugin, level, text));
    }
    for expected in ["this", "and this"] {
        let told = stream.next().await.unwrap();
        assert_eq!((told.event.as_str(), &told.data["data"]["text"]), ("cordboard.plugin.logged", &expected.into()));
    }
    assert_eq!(all.next().await.unwrap().data["data"]["text"], "of another contact");
}

#[tokio::test]
async fn what_can_not_be_streamed_is_refused() {
    Server::start().await.get("/v1/logs?level=loud").await.refused(422, "unknown-level");
    let server = Server::start().await;
    for id in ["abc", "-1", "+1", "1.5", "99999999999999999999"] {
        let answer = server.ask(Method::GET, "/v1/events", &[("last-event-id", id)], "").await;
        assert_eq!(answer.refused(400, "invalid-header").field(), "Last-Event-ID");
    }
    server.get("/v1/events?contact=abc").await.refused(422, "invalid-query");
    server.get("/v1/events?kind=x").await.refused(422, "unknown-parameter");
}

#[tokio::test]
async fn streams_end_when_the_host_stops() {
    let server = Server::start().await;
    let mut stream = Stream::open(&server, "/v1/events", &[]).await;
    server.centre.tell(Event {
        at: at(0),
        contact: None,
        what: What::VersionIdle { version: cordboard_core::ids::Digest::of(b"v") },
    });
    server.centre.tell(Event {
        at: at(0),
        contact: None,
        what: What::OfferedToAgent { agent: agent("eve"), queue: queue("q") },
    });
    assert!(stream.next().await.is_some());
    server.stop().await;
    while stream.next().await.is_some() {}
}

#[tokio::test]
async fn a_reader_that_leaves_is_forgotten() {
    let server = Server::start().await;
    let stream = Stream::open(&server, "/v1/events", &[]).await;
    assert_eq!(server.centre.listeners(), 1);
    drop(stream);
    while server.centre.listeners() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn there_are_not_more_streams_than_there_may_be() {
    let server = Server::start().await;
    let mut streams = Vec::new();
    for _ in 0..64 {
        streams.push(Stream::open(&server, "/v1/events", &[]).await);
    }
    server.get("/v1/events").await.refused(503, "busy");
    streams.pop();
    // The connection's end is noticed a moment later.
    loop {
        let request = server.request(Method::GET, "/v1/events", &[("x-token", TOKEN)], Bytes::new());
        let response = server.send(request).await;
        if response.status() == 200 {
            break;
        }
        read(response).await.refused(503, "busy");
    }
}
