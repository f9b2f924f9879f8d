//! A contact as its flow's author wants to see it: what the flow did and was told, how long each step took, what it
//! logged, where it failed, and what it used.

use crate::remote::{list, one_line, short, text};
use cordboard_core::time::Timestamp;
use serde_json::Value;
use std::fmt::Write as _;

/// The longest that arguments or a result are shown, in characters.
const MAX_SHOWN: usize = 110;

/// What the API has of a contact.
pub(super) struct Told {
    pub(super) contact: Value,
    /// None: it is erased, or can't be read; why.
    pub(super) journal: Result<Value, String>,
    pub(super) logs: Value,
    pub(super) diagnostics: Value,
}

/// A line of the course, to be sorted by its time.
struct Line {
    at: Timestamp,
    text: String,
}

/// A member that is a text, fit to be shown.
pub(super) fn word(value: &Value, pointer: &str) -> String {
    one_line(text(value, pointer))
}

pub(super) fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

pub(super) fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    cordboard_admin::parse_time(text(value, pointer)).ok()
}

/// A span as people read it.
pub(super) fn span(us: u64) -> String {
    match us {
        0..=999 => format!("{us} us"),
        1_000..=999_999 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        _ => format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000),
    }
}

fn between(from: Timestamp, to: Timestamp) -> u64 {
    to.0.saturating_sub(from.0)
}

/// A JSON value on one line, cut.
pub(super) fn compact(value: &Value) -> String {
    let whole = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let line = one_line(&whole);
    match line.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

/// All of it, without an end of line.
pub(super) fn show(told: &Told) -> String {
    let mut shown = head(&told.contact);
    for used in list(&told.diagnostics, "/used") {
        let memory_kib = number(used, "/peak_memory_bytes").div_ceil(1024);
        let _ = write!(
            shown,
            "\n  used       {}: {} of CPU in {} steps and {} runs, {memory_kib} KiB of memory at most",
            short(text(used, "/version")),
            span(number(used, "/cpu_us")),
            number(used, "/steps"),
            number(used, "/runs"),
        );
    }
    if number(&told.logs, "/dropped") > 0 {
        let _ = write!(shown, "\n  logs       {} more lines were not kept", number(&told.logs, "/dropped"));
    }
    match &told.journal {
        Err(why) => {
            let _ = write!(shown, "\n\nits journal can't be shown: {why}");
        }
        Ok(journal) => {
            shown.push_str("\n\n       time       flow     waited\n");
            shown.push_str(&course(told, journal));
        }
    }
    shown
}

fn head(contact: &Value) -> String {
    let party = |pointer: &str| {
        let number = word(contact, &format!("{pointer}/number"));
        if number.is_empty() { word(contact, &format!("{pointer}/uri")) } else { number }
    };
    let mut shown =
        format!("contact {}: {}, {}", word(contact, "/id"), word(contact, "/channel"), word(contact, "/state"));
    let (from, to) = (party("/origin"), party("/dialled"));
    let _ = write!(shown, "\n  call       from {from} to {to}, {}", word(contact, "/entry_point"));
    let offered = time(contact, "/offered_at");
    let since = |pointer: &str| Some(span(between(offered?, time(contact, pointer)?)));
    let _ = write!(shown, "\n  came       {}", word(contact, "/offered_at"));
    if let Some(after) = since("/answered_at") {
        let _ = write!(shown, ", answered after {after}");
    }
    if let Some(after) = since("/ended_at") {
        let _ = write!(shown, ", ended after {after}: {}", word(contact, "/end/reason"));
        let detail = text(contact, "/end/detail");
        if !detail.is_empty() {
            let _ = write!(shown, ", {}", compact(&detail.into()));
        }
    }
    if let Some(Value::Object(attributes)) = contact.get("attributes") {
        for (name, value) in attributes {
            let _ = write!(shown, "\n  attribute  {} = {}", one_line(name), compact(value));
        }
    }
    if contact.get("erased") == Some(&Value::Bool(true)) {
        shown.push_str("\n  erased     what was kept of the person is gone for good");
    }
    shown
}

/// What happened, in the order of its time.
fn course(told: &Told, journal: &Value) -> String {
    let begin = time(journal, "/opened/at").unwrap_or_default();
    let mut lines = Vec::new();
    for part in list(journal, "/earlier").iter().chain([journal]) {
        entries(part, begin, &mut lines);
    }
    for log in list(&told.logs, "/lines") {
        let Some(at) = time(log, "/at") else { continue };
        let said = format!("{:5} {}", word(log, "/level"), compact(&text(log, "/text").into()));
        lines.push(Line { at, text: row(begin, at, "", "", &said) });
    }
    for failure in list(&told.diagnostics, "/failures") {
        lines.extend(failed(failure, begin));
    }
    lines.sort_by_key(|line| line.at);
    let lines: Vec<String> = lines.into_iter().map(|line| line.text).collect();
    lines.join("\n")
}

fn row(begin: Timestamp, at: Timestamp, flow: &str, waited: &str, what: &str) -> String {
    let us = between(begin, at);
    format!("{:>7}.{:03} {flow:>10} {waited:>10}  {what}", us / 1_000_000, us % 1_000_000 / 1_000)
}

/// The steps of one flow. A step of the flow is what lies between an outcome and the next call: its code, and its way
/// to the board.
fn entries(journal: &Value, begin: Timestamp, lines: &mut Vec<Line>) {
    let segments = list(journal, "/segments");
    let mut resumed = segments.first().and_then(|first| time(first, "/at"));
    for segment in segments {
        let Some(at) = time(segment, "/at") else { continue };
        let (version, deployment) = (short(text(segment, "/version")), word(segment, "/deployment"));
        let what = format!("-- version {version} of {deployment}");
        lines.push(Line { at, text: row(begin, at, "", "", &what) });
    }
    for entry in list(journal, "/entries") {
        let Some(at) = time(entry, "/at") else { continue };
        let request = format!("{} {}", word(entry, "/request"), compact(entry.get("args").unwrap_or(&Value::Null)));
        if text(entry, "/kind") == "external" {
            lines.push(Line { at, text: row(begin, at, "", "", &format!("<- {}", request.trim_end())) });
            continue;
        }
        let flow = resumed.map_or_else(String::new, |resumed| span(between(resumed, at)));
        let outcome = time(entry, "/outcome/at");
        let waited = outcome.map_or_else(|| "…".to_owned(), |outcome| span(between(at, outcome)));
        let result = match entry.get("outcome") {
            Some(Value::Object(outcome)) => {
                let value = compact(outcome.get("value").unwrap_or(&Value::Null));
                format!(" -> {} {value}", outcome.get("result").and_then(Value::as_str).unwrap_or_default())
            }
            _ => String::new(),
        };
        resumed = outcome;
        let what = format!("{}{}", request.trim_end(), result.trim_end());
        lines.push(Line { at, text: row(begin, at, &flow, &waited, &what) });
    }
    if let Some(at) = time(journal, "/closed/at") {
        let what = format!("-- closed: {}", word(journal, "/closed/reason"));
        lines.push(Line { at, text: row(begin, at, "", "", &what) });
    }
}

fn failed(failure: &Value, begin: Timestamp) -> Option<Line> {
    let at = time(failure, "/at")?;
    let detail = one_line(text(failure, "/detail").lines().next().unwrap_or_default());
    let what = format!("FAILED in {}: {}: {detail}", short(text(failure, "/version")), word(failure, "/kind"));
    let mut shown = row(begin, at, "", "", &what);
    for (depth, frame) in list(failure, "/stack").iter().enumerate() {
        let _ = write!(shown, "\n{:38}{depth:>2}: {}", "", word(frame, "/function"));
        for line in list(frame, "/lines") {
            let _ = write!(shown, "\n{:42}at {}:{}", "", word(line, "/file"), number(line, "/line"));
            let function = word(line, "/function");
            if !function.is_empty() && function != word(frame, "/function") {
                let _ = write!(shown, " ({function})");
            }
        }
    }
    Some(Line { at, text: shown })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(ms: u64) -> String {
        format!("2026-01-31T09:30:{:02}.{:03}000Z", ms / 1000, ms % 1000)
    }

    fn told(journal: Result<Value, String>) -> Told {
        let contact = json!({
            "id": "01KEY", "state": "ended", "channel": "voice", "entry_point": "main",
            "origin": { "uri": "sip:a@b", "number": "+15550001" }, "dialled": { "uri": "sip:100@host", "number": null },
            "offered_at": at(0), "answered_at": at(200), "ended_at": at(4_000),
            "end": { "reason": "failed", "detail": "no\nagent" }, "attributes": { "tier": "gold" }, "erased": false,
        });
        let line = json!({ "function": "menu::pick", "file": "src/menu.rs", "line": 7, "column": 3 });
        let stack = json!([{ "function": "menu::pick", "lines": [line] }, { "function": "menu::run", "lines": [] }]);
        let failure = json!({ "at": at(3_001), "version": "ab".repeat(32), "kind": "trap",
            "detail": "unreachable\n  in menu::pick", "stack": stack });
        let used =
            json!({ "version": "ab".repeat(32), "runs": 2, "steps": 9, "cpu_us": 1500, "peak_memory_bytes": 70_000 });
        let log = json!({ "at": at(1_500), "version": "ab".repeat(32), "level": "warn", "text": "odd\nkey" });
        Told {
            contact,
            journal,
            logs: json!({ "lines": [log], "dropped": 3 }),
            diagnostics: json!({ "failures": [failure], "used": [used] }),
        }
    }

    fn journal() -> Value {
        let say = json!({ "entry": 0, "at": at(100), "kind": "call", "request": "say", "args": { "text": "Hello." },
            "outcome": { "at": at(1_400), "result": "done", "value": null } });
        let ask = json!({ "entry": 1, "at": at(1_402), "kind": "call", "request": "ask", "args": {}, "outcome": null });
        let hung_up = json!({ "entry": 2, "at": at(2_000), "kind": "external", "request": "hung-up", "args": null,
            "outcome": null });
        json!({
            "opened": { "at": at(0) },
            "segments": [{ "from": 0, "at": at(99), "version": "ab".repeat(32), "deployment": "menu" }],
            "entries": [say, ask, hung_up],
            "closed": { "at": at(4_000), "reason": "failed" },
            "earlier": [],
        })
    }

    #[test]
    fn a_contact_is_shown_in_the_order_of_its_times() {
        let shown = show(&told(Ok(journal())));
        let expected = "\
contact 01KEY: voice, ended
  call       from +15550001 to sip:100@host, main
  came       2026-01-31T09:30:00.000000Z, answered after 200.0 ms, ended after 4.0 s: failed, no agent
  attribute  tier = gold
  used       abababababab: 1.5 ms of CPU in 9 steps and 2 runs, 69 KiB of memory at most
  logs       3 more lines were not kept

       time       flow     waited
      0.099                        -- version abababababab of menu
      0.100     1.0 ms      1.3 s  say {\"text\":\"Hello.\"} -> done
      1.402     2.0 ms          …  ask {}
      1.500                        warn  odd key
      2.000                        <- hung-up
      3.001                        FAILED in abababababab: trap: unreachable
                                       0: menu::pick
                                          at src/menu.rs:7
                                       1: menu::run
      4.000                        -- closed: failed";
        assert_eq!(shown, expected, "\n{shown}");
    }

    #[test]
    fn what_can_not_be_read_is_said() {
        let shown = show(&told(Err("the contact is erased".into())));
        assert!(shown.ends_with("its journal can't be shown: the contact is erased"), "{shown}");
        let empty = Told { contact: json!({}), journal: Ok(json!({})), logs: json!({}), diagnostics: json!(7) };
        assert!(show(&empty).starts_with("contact : "), "hostile answers are answers too");
    }

    /// Callers name themselves, components their functions and files.
    #[test]
    fn nothing_that_others_write_reaches_the_terminal_as_more_than_text() {
        const EVIL: &str = "\u{1b}[2J\n      0.000  forged";
        let mut told = told(Ok(journal()));
        told.contact["origin"]["number"] = json!(EVIL);
        told.contact["attributes"] = json!({ EVIL: EVIL });
        let line = json!({ "function": EVIL, "file": EVIL, "line": 1, "column": 1 });
        told.diagnostics["failures"][0]["stack"] = json!([{ "function": EVIL, "lines": [line] }]);
        told.logs["lines"][0]["text"] = json!(EVIL);
        let shown = show(&told);
        assert!(!shown.contains('\u{1b}') && shown.matches("forged").count() >= 6, "{shown}");
        assert!(shown.lines().all(|line| !line.starts_with("      0.000  forged")), "{shown}");
    }

    #[test]
    fn long_texts_are_cut_and_stay_on_their_line() {
        let shown = compact(&json!("ü\u{1b}[31m".repeat(100)));
        assert_eq!(shown.chars().count(), MAX_SHOWN + 1);
        assert!(!shown.contains('\u{1b}'), "nothing of it reaches the terminal");
        assert_eq!(compact(&json!({ "a": [1, "b"] })), r#"{"a":[1,"b"]}"#);
    }
}
