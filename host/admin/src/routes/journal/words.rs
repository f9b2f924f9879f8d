//! Arguments and results of journal entries as JSON for people. The journal itself stays binary and canonical; this
//! is a view, nothing reads it back.

mod fetch;

use cordboard_core::flow::{
    Answer, ContactError, FlowEnd, LookupError, Place, Prompt, PromptPart, Question, RejectCause, Reply, Request,
    SkillRequirement, TalkEnd, TypeAhead, ValueError, WaitStatus,
};
use cordboard_core::journal::External;
use serde_json::{Value, json};

/// The arguments of a host call.
pub(super) fn request(request: &Request) -> Value {
    match request {
        Request::Attribute(name) => json!({ "name": name }),
        Request::SetAttribute(name, value) => json!({ "name": name, "value": value }),
        Request::Ring | Request::Answer | Request::StopPlaying => json!({}),
        Request::Reject(cause) => json!({ "cause": reject(*cause) }),
        Request::Redirect(target) => json!({ "target": target }),
        Request::Say(said) => json!({ "prompt": prompt(said) }),
        Request::StartPlaying { prompt: played, repeat } => json!({ "prompt": prompt(played), "repeat": repeat }),
        Request::Ask(asked) => question(asked),
        Request::Pause { duration_ms } => json!({ "duration_ms": duration_ms }),
        Request::Lookup { key, timeout_ms } => json!({
            "directory": key.directory.as_ref().map(|name| name.as_str()),
            "kind": key.kind,
            "value": key.value,
            "timeout_ms": timeout_ms,
        }),
        Request::Choose { name, weights } => json!({ "name": name, "weights": weights }),
        Request::Enqueue(place) => {
            json!({ "queue": place.queue, "priority": place.priority, "skills": skills(&place.skills) })
        }
        Request::Wait { waiting, treatment, timeout_ms } => json!({
            "waiting": waiting,
            "treatment": treatment.as_ref().map(|treatment| json!({
                "music": treatment.music,
                "announce_position_every_ms": treatment.announce_position_every_ms,
            })),
            "timeout_ms": timeout_ms,
        }),
        Request::Leave { waiting } => json!({ "waiting": waiting }),
        Request::ContinueAs { deployment, attributes } => {
            let attributes = attributes.iter().map(|(name, value)| json!({ "name": name, "value": value }));
            json!({ "deployment": deployment, "attributes": attributes.collect::<Vec<_>>() })
        }
        Request::End(end) => {
            let (reason, detail) = flow_end(end);
            json!({ "reason": reason, "detail": detail })
        }
        Request::LoadValue(key) => json!({ "key": key }),
        Request::StoreValue(key, value) => json!({ "key": key, "value": value }),
        Request::Fetch { request, timeout_ms } => fetch::request(request, *timeout_ms),
    }
}

/// The name of a result, and the result.
pub(super) fn reply(reply: &Reply) -> (&'static str, Value) {
    match reply {
        Reply::Done => ("done", Value::Null),
        Reply::Failed(error) => ("failed", contact_error(error)),
        Reply::Attribute(value) => ("attribute", json!(value)),
        Reply::Answer(given) => ("answer", answer(given)),
        Reply::Profile(profile) => {
            let profile = profile.as_ref().map(|profile| {
                let fields = profile.fields.iter().map(|(name, value)| json!({ "name": name, "value": value }));
                let fields: Vec<Value> = fields.collect();
                json!({ "id": profile.id, "display_name": profile.display_name, "fields": fields })
            });
            ("profile", json!(profile))
        }
        Reply::LookupFailed(error) => ("failed", lookup_error(error)),
        Reply::Chosen(index) => ("chosen", json!({ "index": index })),
        Reply::Enqueued => ("enqueued", Value::Null),
        Reply::Waited(status) => ("waited", waited(status)),
        Reply::Value(value) => ("value", json!(value)),
        Reply::ValueFailed(error) => ("failed", value_error(error)),
        Reply::Fetched(response) => ("response", fetch::response(response)),
        Reply::FetchFailed(error) => ("failed", fetch::error(error)),
    }
}

/// The name of an act from outside, and what it was done with.
pub(super) fn external(act: &External) -> (&'static str, Value) {
    match act {
        External::HungUp => ("hung-up", json!({})),
        External::AgentAnswered(agent) => ("agent-answered", json!({ "agent": agent.as_str() })),
        External::TalkEnded(agent) => ("talk-ended", json!({ "agent": agent.as_str() })),
        External::EndedByOperator => ("ended-by-operator", json!({})),
        External::AttributeSet(name, value) => ("attribute-set", json!({ "name": name, "value": value })),
        External::TakenOver => ("taken-over", json!({})),
        External::SteppedDown(reason) => ("stepped-down", json!({ "reason": reason })),
    }
}

/// A flow's end: its reason, and more in words.
pub(crate) fn flow_end(end: &FlowEnd) -> (&'static str, Option<&str>) {
    match end {
        FlowEnd::Completed => ("completed", None),
        FlowEnd::Failed(text) => ("failed", Some(text)),
        FlowEnd::Other(text) => ("other", Some(text)),
    }
}

fn reject(cause: RejectCause) -> &'static str {
    match cause {
        RejectCause::Busy => "busy",
        RejectCause::NotFound => "not-found",
        RejectCause::Forbidden => "forbidden",
        RejectCause::Unavailable => "unavailable",
    }
}

fn prompt(prompt: &Prompt) -> Value {
    let part = |part: &PromptPart| match part {
        PromptPart::Text(text) => json!({ "text": text }),
        PromptPart::Recording(name) => json!({ "recording": name }),
        PromptPart::Number(number) => json!({ "number": number }),
        PromptPart::Digits(digits) => json!({ "digits": digits }),
        PromptPart::Money { minor, currency } => json!({ "money": { "minor": minor, "currency": currency } }),
        PromptPart::Date { year, month, day } => json!({ "date": format!("{year:04}-{month:02}-{day:02}") }),
        PromptPart::PauseMs(ms) => json!({ "pause_ms": ms }),
    };
    prompt.0.iter().map(part).collect()
}

fn question(question: &Question) -> Value {
    let choices = question
        .choices
        .iter()
        .map(|choice| json!({ "id": choice.id, "key": choice.key.map(String::from), "words": choice.words }));
    json!({
        "id": question.id,
        "prompt": prompt(&question.prompt),
        "choices": choices.collect::<Vec<_>>(),
        "digits": question.digits.as_ref().map(|rule| json!({
            "min": rule.min, "max": rule.max, "terminator": rule.terminator.map(String::from),
        })),
        "silence_timeout_ms": question.silence_timeout_ms,
        "key_timeout_ms": question.key_timeout_ms,
        "type_ahead": match question.type_ahead {
            TypeAhead::Keep => "keep",
            TypeAhead::Flush => "flush",
        },
        "secret": question.secret,
    })
}

fn skills(skills: &[SkillRequirement]) -> Vec<Value> {
    skills.iter().map(|skill| json!({ "name": skill.name, "min_level": skill.min_level })).collect()
}

fn answer(answer: &Answer) -> Value {
    match answer {
        Answer::Choice(id) => json!({ "kind": "choice", "value": id }),
        Answer::Digits(digits) => json!({ "kind": "digits", "value": digits }),
        Answer::SecretDigits(count) => json!({ "kind": "secret-digits", "value": null, "count": count }),
        Answer::Text(text) => json!({ "kind": "text", "value": text }),
        Answer::NoMatch(keys) => json!({ "kind": "no-match", "value": keys }),
        Answer::Silence => json!({ "kind": "silence", "value": null }),
    }
}

fn contact_error(error: &ContactError) -> Value {
    let (name, detail) = match error {
        ContactError::Ended => ("ended", None),
        ContactError::TakenOver => ("taken-over", None),
        ContactError::InterruptedConnected => ("interrupted-connected", None),
        ContactError::Invalid(text) => ("invalid", Some(text)),
        ContactError::NotNow(text) => ("not-now", Some(text)),
        ContactError::Limit(text) => ("limit", Some(text)),
        ContactError::Other(text) => ("other", Some(text)),
    };
    json!({ "error": name, "detail": detail })
}

fn lookup_error(error: &LookupError) -> Value {
    let (name, detail) = match error {
        LookupError::Timeout => ("timeout", None),
        LookupError::Busy => ("busy", None),
        LookupError::Unavailable(text) => ("unavailable", Some(text)),
        LookupError::Unsupported(text) => ("unsupported", Some(text)),
        LookupError::Ended => ("ended", None),
        LookupError::Invalid(text) => ("invalid", Some(text)),
        LookupError::Other(text) => ("other", Some(text)),
    };
    json!({ "error": name, "detail": detail })
}

fn value_error(error: &ValueError) -> Value {
    let (name, detail) = match error {
        ValueError::Quota => ("quota", None),
        ValueError::NotGranted => ("not-granted", None),
        ValueError::Unavailable(text) => ("unavailable", Some(text)),
        ValueError::Invalid(text) => ("invalid", Some(text)),
        ValueError::Other(text) => ("other", Some(text)),
    };
    json!({ "error": name, "detail": detail })
}

fn waited(status: &WaitStatus) -> Value {
    match status {
        WaitStatus::StillWaiting(Place { position, waiting, estimate_ms, waited_ms }) => json!({
            "status": "still-waiting",
            "position": position,
            "waiting": waiting,
            "estimate_ms": estimate_ms,
            "waited_ms": waited_ms,
        }),
        WaitStatus::Talked(talk) => {
            let (by, detail) = match &talk.ended_by {
                TalkEnd::Person => ("person", None),
                TalkEnd::Agent => ("agent", None),
                TalkEnd::Other(text) => ("other", Some(text)),
            };
            json!({
                "status": "talked",
                "agent": talk.agent.as_str(),
                "talked_ms": talk.talked_ms,
                "ended_by": by,
                "detail": detail,
            })
        }
        WaitStatus::Lost(why) => json!({ "status": "lost", "detail": why }),
    }
}
