//! What a centre tells over its admin API about the phone's call.

use anyhow::Result;
use cordboard_client::{Client, ClientError, Event};
use cordboard_script::Happened;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::mpsc;

/// Events that may wait to be looked at.
const MAX_WAITING: usize = 10_000;

/// An event of a centre: a CloudEvent.
#[derive(Debug)]
pub(super) struct Told(Value);

/// The centre's events from now on, read on a thread of its own: the stream has no end.
pub(super) async fn events(client: &Client) -> Result<mpsc::Receiver<Told>> {
    let client = client.clone();
    let mut events = tokio::task::spawn_blocking(move || client.stream("/v1/events", &[], None)).await??;
    let (tell, told) = mpsc::channel(MAX_WAITING);
    std::thread::spawn(move || {
        while let Ok(Some(Event { value, .. })) = events.wait()
            && tell.blocking_send(Told(value)).is_ok()
        {}
    });
    Ok(told)
}

/// The attributes of a contact that has ended; none if they can't be had.
pub(super) async fn attributes(client: &Client, contact: &str) -> Option<Vec<(String, String)>> {
    let (client, path) = (client.clone(), format!("/v1/contacts/{contact}"));
    let asked = tokio::task::spawn_blocking(move || {
        for _ in 0..50 {
            let record = client.get(&path)?.value;
            // Its record follows the event.
            if record.get("ended_at").is_some_and(|ended| !ended.is_null()) {
                let attributes = record.get("attributes").and_then(Value::as_object).cloned().unwrap_or_default();
                let pair = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
                return Ok(attributes.into_iter().map(pair).collect());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok::<_, ClientError>(None)
    });
    asked.await.ok()?.ok()?
}

impl Told {
    fn kind(&self) -> &str {
        let kind = self.0.get("type").and_then(Value::as_str).unwrap_or_default();
        kind.strip_prefix("cordboard.").unwrap_or(kind)
    }

    /// Its contact.
    pub(super) fn contact(&self) -> &str {
        self.0.get("subject").and_then(Value::as_str).unwrap_or_default()
    }

    fn data(&self, pointer: &str) -> &Value {
        self.0.get("data").and_then(|data| data.pointer(pointer)).unwrap_or(&Value::Null)
    }

    fn text(&self, pointer: &str) -> String {
        self.data(pointer).as_str().unwrap_or_default().to_owned()
    }

    /// Whether a call from this number came in.
    pub(super) fn is_call_from(&self, number: &str) -> bool {
        self.kind() == "contact.offered" && self.data("/origin/number").as_str() == Some(number)
    }

    /// What happened, as scripts see it.
    // tidy: long-function: an arm for each event, and nothing else.
    pub(super) fn happened(&self) -> Option<Happened> {
        let text = |pointer| self.text(pointer);
        let number = |pointer| self.data(pointer).as_u64().unwrap_or_default();
        Some(match self.kind() {
            "contact.answered" => Happened::Answered,
            "contact.said" => Happened::Said(text("/text")),
            "contact.asked" => Happened::Asked { question: text("/question"), text: text("/text") },
            "contact.chose" => Happened::Chose { question: text("/question"), answer: text("/answer") },
            "contact.looked-up" => Happened::LookedUp {
                directory: self.data("/directory").as_str().map(Into::into),
                kind: None,
                value: None,
                outcome: text("/outcome"),
                took_ms: number("/took_ms"),
            },
            "contact.attribute-set" => Happened::Set { name: text("/name"), value: text("/value") },
            "contact.queued" => Happened::Queued {
                queue: text("/queue"),
                position: u32::try_from(number("/position")).unwrap_or(u32::MAX),
                priority: None,
            },
            "contact.left-queue" => Happened::LeftQueue { queue: text("/queue"), outcome: text("/outcome") },
            "contact.offered-to-agent" => Happened::RingsAgent(text("/agent")),
            "contact.offer-ended" if text("/result") == "answered" => return None,
            "contact.offer-ended" => Happened::MissedBy { agent: text("/agent"), result: text("/result") },
            "contact.connected" => Happened::TalksWith(text("/agent")),
            "contact.talk-ended" => {
                Happened::TalkEnded { agent: text("/agent"), by: text("/by"), talked_ms: number("/talked_ms") }
            }
            "contact.flow-ended" if self.data("/failure/kind").is_string() => {
                Happened::Failed { kind: text("/failure/kind"), text: text("/failure/detail") }
            }
            "contact.descended" => Happened::SteppedDown { to: text("/rung") },
            "contact.stepped-down" => Happened::SteppedDown { to: "host".into() },
            "contact.ended" => {
                let detail = self.data("/detail").as_str().map(Into::into);
                Happened::Ended { reason: text("/reason"), detail, attributes: None }
            }
            _ => return None,
        })
    }
}
