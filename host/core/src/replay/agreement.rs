//! Journal rule 11: whether a call is the one that the journal has.

use crate::board::keys_answer;
use crate::flow::{Answer, ContactError, FetchRequest, FlowEnd, HeaderValue, Question, Reply, Request, check};
use crate::ids::Digest;

/// Whether a call takes the place of the one that the contact waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// It does.
    Agrees,
    /// It is a question as well, and not the one that the person has heard.
    AsksAnew,
    /// It doesn't.
    Diverges,
}

/// Whether a call that returned `reply` may have been `got`, which another version makes in its place.
///
/// The kind is equal, and: wording may differ (`say`, `ask`, `start-playing`), so may how long something lasts
/// (`pause`, `wait`, a look-up's or a request's time-out); what was answered must mean the same option; what acts on the
/// world, is sent outside, names a look-up, an attribute, a stored value, a draw or a place is equal.
pub fn agrees(recorded: &Request, reply: &Reply, got: &Request) -> bool {
    // Refused for its arguments: with others it would not have been.
    if matches!(reply, Reply::Failed(ContactError::Invalid(_))) {
        return recorded == got;
    }
    match (recorded, got) {
        (Request::Ask(recorded), Request::Ask(question)) => check(got).is_ok() && means(recorded, reply, question),
        _ => same_call(recorded, got),
    }
}

/// Whether a call may take over one that has not returned.
pub fn pending(recorded: &Request, got: &Request) -> Pending {
    if check(got).is_err() {
        return Pending::Diverges;
    }
    match (recorded, got) {
        (Request::Ask(recorded), Request::Ask(question)) if still_answers(recorded, question) => Pending::Agrees,
        (Request::Ask(_), Request::Ask(_)) => Pending::AsksAnew,
        _ if same_call(recorded, got) => Pending::Agrees,
        _ => Pending::Diverges,
    }
}

/// All but questions.
fn same_call(recorded: &Request, got: &Request) -> bool {
    match (recorded, got) {
        (Request::Say(_), Request::Say(_)) | (Request::Pause { .. }, Request::Pause { .. }) => true,
        (Request::StartPlaying { .. }, Request::StartPlaying { .. }) => true,
        (Request::Lookup { key: recorded, .. }, Request::Lookup { key: got, .. }) => recorded == got,
        (Request::Fetch { request: recorded, .. }, Request::Fetch { request: got, .. }) => recorded == got,
        (Request::Choose { name, weights }, Request::Choose { name: other, weights: others }) => {
            name == other && weights.len() == others.len()
        }
        (Request::Wait { waiting, .. }, Request::Wait { waiting: other, .. }) => waiting == other,
        _ => recorded == got,
    }
}

/// Whether what was answered to a question means the same as an answer to another.
fn means(recorded: &Question, reply: &Reply, question: &Question) -> bool {
    if recorded.secret != question.secret {
        return false;
    }
    let Reply::Answer(answer) = reply else { return true };
    match answer {
        Answer::Choice(id) => {
            let key = recorded.choices.iter().find(|choice| choice.id == *id).and_then(|choice| choice.key);
            match key {
                Some(key) => keys_answer(question, &key.to_string()) == *answer,
                // Spoken, or added to the question while it was open.
                None => question.choices.iter().any(|choice| choice.id == *id),
            }
        }
        Answer::Digits(typed) => keys_answer(question, typed) == *answer,
        Answer::SecretDigits(count) => {
            let typed = "0".repeat(usize::from(*count));
            keys_answer(question, &typed) == Answer::Digits(typed)
        }
        // Of a secret that fitted nothing, the journal has stars.
        Answer::NoMatch(typed) => recorded.secret || keys_answer(question, typed) == *answer,
        Answer::Text(text) => {
            let says = |word: &String| word.eq_ignore_ascii_case(text);
            !question.choices.iter().any(|choice| choice.words.iter().any(says))
        }
        Answer::Silence => true,
    }
}

/// Whether whoever has heard a question can answer another: each option heard is there with the same meaning, and
/// what can be typed is the same. There may be more options.
fn still_answers(heard: &Question, question: &Question) -> bool {
    heard.secret == question.secret
        && heard.digits == question.digits
        && heard.choices.iter().all(|choice| {
            question.choices.iter().any(|other| {
                other.id == choice.id
                    && other.key == choice.key
                    && choice.words.iter().all(|word| other.words.contains(word))
            })
        })
}

/// Bytes of a text that [`in_words`] shows.
const MAX_SHOWN: usize = 96;

/// A call, for people: short, without what was said.
pub fn in_words(request: &Request) -> String {
    let name = request.name();
    match request {
        Request::Attribute(attribute) => format!("{name} {}", shown(attribute)),
        Request::SetAttribute(attribute, value) => format!("{name} {} = {}", shown(attribute), shown(value)),
        Request::Ask(question) => format!("{name} {} ({})", shown(&question.id), options(question)),
        Request::Lookup { key, .. } => format!("{name} {} {}", shown(&key.kind), shown(&key.value)),
        Request::Choose { name: what, weights } => format!("{name} {} of {}", shown(what), weights.len()),
        Request::Enqueue(wanted) => format!(
            "{name} {} (priority {}, skills {})",
            shown(&wanted.queue),
            wanted.priority,
            list(wanted.skills.iter().map(|skill| format!("{} {}", shown(&skill.name), skill.min_level)))
        ),
        Request::Wait { waiting, .. } | Request::Leave { waiting } => format!("{name} (place of entry {waiting})"),
        Request::Reject(cause) => format!("{name} {cause:?}"),
        Request::Redirect(target) => format!("{name} {}", shown(target)),
        Request::ContinueAs { deployment, attributes } => {
            format!("{name} {} with {} attributes", shown(deployment), attributes.len())
        }
        Request::End(end) => format!("{name} {}", shown(&format!("{end:?}"))),
        Request::LoadValue(key) => format!("{name} {}", shown(key)),
        Request::StoreValue(key, value) => {
            format!("{name} {} = {}", shown(key), value.as_deref().map_or("nothing", shown))
        }
        Request::Fetch { request, .. } => {
            let body = request.body.as_ref().map_or(0, Vec::len);
            let headers = list(request.headers.iter().map(|(name, value)| format!("{} {}", shown(name), said(value))));
            let wanted = list(request.wanted_headers.iter().map(|name| shown(name).to_owned()));
            let (method, url) = (shown(request.method.as_str()), shown(&request.url));
            format!(
                "{name} {method} {url} ({body} bytes, headers {headers}, wanted {wanted}, digest {})",
                told_apart(request)
            )
        }
        Request::Ring
        | Request::Answer
        | Request::Say(_)
        | Request::StartPlaying { .. }
        | Request::StopPlaying
        | Request::Pause { .. } => name.to_owned(),
    }
}

/// Where in a flow a call stands, for people and as what many contacts have in common: its name and what the flow's author
/// calls it (a question's id, a queue, an attribute), and nothing that one person said, is, or has.
pub fn place_in_words(request: &Request) -> String {
    let name = request.name();
    match request {
        Request::Attribute(attribute) | Request::SetAttribute(attribute, _) => format!("{name} {}", shown(attribute)),
        Request::Ask(question) => format!("{name} {}", shown(&question.id)),
        Request::Lookup { key, .. } => format!("{name} {}", shown(&key.kind)),
        Request::Choose { name: what, .. } => format!("{name} {}", shown(what)),
        Request::Enqueue(wanted) => format!("{name} {}", shown(&wanted.queue)),
        Request::ContinueAs { deployment, .. } => format!("{name} {}", shown(deployment)),
        Request::End(end) => match end {
            FlowEnd::Completed => format!("{name} completed"),
            FlowEnd::Failed(_) => format!("{name} failed"),
            FlowEnd::Other(_) => format!("{name} other"),
        },
        Request::Fetch { request, .. } => {
            let url = request.url.split_once("://").map_or(request.url.as_str(), |(_, rest)| rest);
            let authority = url.split(['/', '?', '#']).next().unwrap_or_default();
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{name} {} {}", shown(request.method.as_str()), shown(host))
        }
        Request::Reject(_)
        | Request::Redirect(_)
        | Request::Ring
        | Request::Answer
        | Request::Say(_)
        | Request::StartPlaying { .. }
        | Request::StopPlaying
        | Request::Pause { .. }
        | Request::Wait { .. }
        | Request::Leave { .. }
        | Request::LoadValue(_)
        | Request::StoreValue(..) => name.to_owned(),
    }
}

fn said(value: &HeaderValue) -> String {
    match value {
        HeaderValue::Text(text) => shown(text).to_owned(),
        HeaderValue::Config { prefix, key } => format!("`{}` and {}", shown(prefix), shown(key)),
    }
}

/// What tells two requests apart whose difference isn't shown.
fn told_apart(request: &FetchRequest) -> String {
    let all = [request.url.as_bytes(), request.body.as_deref().unwrap_or_default()].join(&0);
    Digest::of(&all).to_string().chars().take(8).collect()
}

fn options(question: &Question) -> String {
    let choice = |choice: &crate::flow::Choice| match choice.key {
        Some(key) => format!("{key} → {}", shown(&choice.id)),
        None => shown(&choice.id).to_owned(),
    };
    let digits = question.digits.as_ref().map(|rule| match rule.terminator {
        Some(key) => format!("{} to {} digits, ends with {key}", rule.min, rule.max),
        None => format!("{} to {} digits", rule.min, rule.max),
    });
    list(question.choices.iter().map(choice).chain(digits))
}

fn list(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<_> = parts.take(33).collect();
    if parts.is_empty() { "none".into() } else { parts.join(", ") }
}

fn shown(text: &str) -> &str {
    let end = (0..=text.len().min(MAX_SHOWN)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}
