//! What happened, in order, in words.

use crate::say;
use cordboard_trial::{Told, millis};
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// A moment, by the machine's clock.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// When an event happened, in milliseconds since the epoch.
pub(crate) fn at_ms(told: &Told) -> u64 {
    told.event.get("time").and_then(Value::as_str).and_then(|time| millis(time).ok()).unwrap_or_default()
}

/// The lines of one call.
#[derive(Default)]
pub(crate) struct Timeline(Vec<(u64, String, String)>);

impl Timeline {
    /// Notes what somebody does, now.
    pub(crate) fn note(&mut self, who: &str, text: impl Into<String>) {
        self.note_at(now_ms(), who, text);
    }

    /// Notes what somebody did.
    pub(crate) fn note_at(&mut self, at_ms: u64, who: &str, text: impl Into<String>) {
        self.0.push((at_ms, who.into(), text.into()));
    }

    /// Notes an event of the host.
    pub(crate) fn event(&mut self, told: &Told) {
        if let Some((who, text)) = words(told) {
            self.note_at(at_ms(told), who, text);
        }
    }

    /// Prints what was noted, in the order of time, and forgets it.
    pub(crate) fn print(&mut self, title: &str) {
        let mut lines = std::mem::take(&mut self.0);
        // Stable: what has the same time stays in the order it was told.
        lines.sort_by_key(|(at, ..)| *at);
        let began = lines.first().map_or(0, |(at, ..)| *at);
        say(&format!("\n{title}"));
        for (at, who, text) in lines {
            let seconds = (at - began) as f64 / 1000.0;
            for (number, line) in text.lines().enumerate() {
                match number {
                    0 => say(&format!("{seconds:8.3}  {who:<8}  {line}")),
                    _ => say(&format!("{:8}  {:<8}  {line}", "", "")),
                }
            }
        }
    }
}

/// A digest short enough to be read.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
}

/// Who does what in an event; none if it says nothing that isn't told elsewhere.
fn words(told: &Told) -> Option<(&'static str, String)> {
    let text = |pointer: &str| told.text(pointer).to_owned();
    let number = |pointer: &str| told.data(pointer).as_u64().unwrap_or_default();
    Some(match told.kind() {
        "contact.offered" => {
            let (entry, deployment) = (text("/entry_point"), text("/deployment"));
            let version = short(told.text("/version")).to_owned();
            ("host", format!("entry point `{entry}`: `{deployment}` in version {version} takes the call"))
        }
        "contact.answered" => ("host", "answers".into()),
        "contact.said" => ("flow", format!("says \"{}\"", text("/text"))),
        "contact.asked" => ("flow", format!("asks ({}) \"{}\"", text("/question"), text("/text"))),
        "contact.pressed" => ("caller", format!("pressed {}", text("/key"))),
        "contact.chose" => ("flow", format!("takes it as `{}` for {}", text("/answer"), text("/question"))),
        "contact.looked-up" => (
            "flow",
            format!("asked directory `{}`: {} after {} ms", text("/directory"), text("/outcome"), number("/took_ms")),
        ),
        "contact.attribute-set" => ("flow", format!("keeps {} = {}", text("/name"), text("/value"))),
        "contact.queued" => ("queue", format!("`{}`: place {}", text("/queue"), number("/position"))),
        "contact.left-queue" => ("queue", format!("`{}`: {}", text("/queue"), text("/outcome"))),
        "contact.screen-pop" => ("pop", pop(told)),
        "contact.offered-to-agent" => ("host", format!("rings agent {}", text("/agent"))),
        "contact.offer-ended" => ("host", format!("offer to {}: {}", text("/agent"), text("/result"))),
        "contact.connected" => {
            ("host", format!("connects agent {} after a wait of {} ms", text("/agent"), number("/waited_ms")))
        }
        "contact.talk-ended" => {
            ("host", format!("the talk is over after {} ms, ended by the {}", number("/talked_ms"), text("/by")))
        }
        "contact.flow-ended" => {
            let detail = text("/end/detail") + told.text("/failure/detail");
            let detail = if detail.is_empty() { detail } else { format!(" ({detail})") };
            ("flow", format!("ends: {}{}{detail}", text("/end/reason"), text("/failure/kind")))
        }
        "contact.stepped-down" => ("host", format!("THE FLOW FAILED: {}", text("/reason"))),
        "contact.ended" => ("host", format!("the contact ended: {}", text("/reason"))),
        "agent.changed" => ("host", format!("agent {} is {}", text("/agent"), text("/state"))),
        "deployment.changed" => {
            let (deployment, version) = (text("/deployment"), short(told.text("/version")).to_owned());
            let running = number("/still_running");
            (
                "host",
                format!("`{deployment}` serves version {version} now; {running} contact(s) go on with the one before"),
            )
        }
        "deployment.version-idle" => {
            ("host", format!("the last contact of version {} is gone", short(told.text("/version"))))
        }
        _ => return None,
    })
}

fn pop(told: &Told) -> String {
    let mut text = format!("on agent {}'s screen: {}", told.text("/agent"), told.text("/origin/number"));
    if let Some(name) = told.data("/customer/display_name").as_str() {
        text += &format!(", {name} (customer {})", told.text("/customer/id"));
    }
    for choice in told.data("/choices").as_array().into_iter().flatten() {
        let part = |name: &str| choice.get(name).and_then(Value::as_str).unwrap_or_default();
        text += &format!(", chose `{}` in {}", part("answer"), part("question"));
    }
    for (name, value) in told.data("/attributes").as_object().into_iter().flatten() {
        text += &format!("\n{name} = {}", value.as_str().unwrap_or_default());
    }
    text
}
