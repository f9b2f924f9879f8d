//! A back-test's report, for people.

use crate::remote::{list, number, one_line, short, text};
use serde_json::Value;
use std::fmt::Write as _;

/// The groups shown of each kind; the JSON has them all.
const MAX_SHOWN: usize = 10;

pub(super) fn word(value: &Value, pointer: &str) -> String {
    one_line(text(value, pointer))
}

/// All of it, without an end of line.
pub(super) fn report(done: &Value) -> String {
    let report = done.get("report").unwrap_or(&Value::Null);
    format!("{}{}", heading(done, number(report, "/contacts"), "contacts"), findings(report))
}

/// What was gone through, by what and how fast.
pub(super) fn heading(done: &Value, number: u64, what: &str) -> String {
    let took_ms = took_ms(done);
    format!(
        "back-test of {} for {}: {number} {what} since {}{} in {}.{} s, {} a second",
        short(text(done, "/version")),
        word(done, "/deployment"),
        word(done, "/from"),
        restrictions(done),
        took_ms / 1000,
        took_ms % 1000 / 100,
        number.saturating_mul(1000) / took_ms.max(1),
    )
}

/// How many were skipped, and why.
pub(super) fn skipped(report: &Value) -> String {
    let Some(Value::Object(skipped)) = report.get("skipped") else { return String::new() };
    let total: u64 = skipped.values().filter_map(Value::as_u64).sum();
    let each: Vec<String> = skipped.iter().map(|(why, count)| format!("{} {count}", one_line(why))).collect();
    format!("\n  skipped   {total:>7}{}{}", if total > 0 { ": " } else { "" }, each.join(", "))
}

/// What came of contacts: lines, each begun with its end of line.
pub(crate) fn findings(report: &Value) -> String {
    let count = |name: &str| number(report, &format!("/{name}"));
    let percent = |name: &str| report.get(name).and_then(Value::as_f64).unwrap_or_default();
    let mut shown = String::new();
    let _ = write!(shown, "\n  compared  {:>7}, {} % of their entries", count("compared"), percent("compared_percent"));
    let _ = write!(shown, "\n  agreed    {:>7}, {} %", count("agreed"), percent("agreement_percent"));
    if count("went_on") > 0 {
        let _ = write!(shown, "; {} of them would go on where the contact ended", count("went_on"));
    }
    let _ = write!(shown, "\n  diverged  {:>7}\n  failed    {:>7}", count("diverged"), count("failed"));
    if count("failed_as_before") > 0 {
        let _ = write!(shown, ", {} of them where the flow that ran failed as well", count("failed_as_before"));
    }
    shown.push_str(&skipped(report));
    if count("substituted") > 0 {
        let zeros = count("substituted");
        let _ = write!(shown, "\n  secrets   {zeros:>7} contacts in which zeros stood in for digits that nobody kept");
    }
    groups(&mut shown, report, "differences", "first differences", |group| {
        match (word(group, "/expected"), word(group, "/got")) {
            (expected, got) if expected == got => format!("expected {expected}, got it with other arguments"),
            (expected, got) => format!("expected {expected}, got {got}"),
        }
    });
    groups(&mut shown, report, "failures", "failures", |group| match word(group, "/after") {
        after if after.is_empty() => format!("{} before the first call", word(group, "/kind")),
        after => format!("{} behind {after}", word(group, "/kind")),
    });
    groups(&mut shown, report, "further_calls", "would go on where the contact ended", |group| word(group, "/call"));
    shown
}

fn restrictions(done: &Value) -> String {
    let mut shown = String::new();
    for (name, before) in [("until", " until "), ("queue", " in queue "), ("entry_point", " through ")] {
        let value = word(done, &format!("/{name}"));
        if !value.is_empty() {
            let _ = write!(shown, "{before}{value}");
        }
    }
    shown
}

fn took_ms(done: &Value) -> u64 {
    let at = |pointer: &str| cordboard_admin::parse_time(text(done, pointer)).ok();
    at("/began_at").zip(at("/ended_at")).map_or(0, |(began, ended)| ended.ms_since(began))
}

fn groups(shown: &mut String, report: &Value, name: &str, title: &str, what: impl Fn(&Value) -> String) {
    let groups = list(report, &format!("/{name}"));
    if groups.is_empty() {
        return;
    }
    let _ = write!(shown, "\n\n{title}");
    for group in groups.iter().take(MAX_SHOWN) {
        let _ = write!(shown, "\n{:>9}  {}", number(group, "/contacts"), what(group));
        if let Some(example) = list(group, "/examples").first() {
            let detail = word(example, "/detail");
            let detail = if detail.is_empty() { detail } else { format!(": {detail}") };
            let (contact, entry) = (word(example, "/contact"), number(example, "/entry"));
            let _ = write!(shown, "\n{:>9}  e.g. {contact}, entry {entry}{detail}", "");
        }
    }
    let more: u64 = groups.iter().skip(MAX_SHOWN).map(|group| number(group, "/contacts")).sum();
    let more = more + number(report, &format!("/{name}_beyond"));
    if more > 0 {
        let _ = write!(shown, "\n{more:>9}  elsewhere");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_is_short_and_says_where() {
        let example = json!({ "contact": "01KEY", "flow": 0, "entry": 5, "detail": "expected ask menu (1 → a), got ask menu (1 → b)" });
        let got = |n: u32| if n == 0 { "ask menu".to_owned() } else { format!("say {n}") };
        let groups: Vec<Value> = (0..12)
            .map(|n| json!({ "expected": "ask menu", "got": got(n), "contacts": 20 - n, "examples": [example] }))
            .collect();
        let report = json!({ "contacts": 400, "compared": 380, "agreed": 190, "went_on": 3, "diverged": 186, "failed": 4,
            "agreement_percent": 50.0, "compared_percent": 71.25, "substituted": 2, "skipped": { "erased": 19, "damaged": 1 },
            "differences": groups, "differences_beyond": 7,
            "failures": [{ "kind": "trap", "after": "", "contacts": 4, "examples": [] }], "failures_beyond": 0,
            "further_calls": [], "further_calls_beyond": 0 });
        let done = json!({ "version": "ab".repeat(32), "deployment": "main", "from": "2026-01-31T00:00:00.000000Z",
            "until": null, "queue": "support", "began_at": "2026-01-31T09:30:00.000000Z",
            "ended_at": "2026-01-31T09:30:01.600000Z", "report": report });
        let shown = super::report(&done);
        let head = "back-test of abababababab for main: 400 contacts since 2026-01-31T00:00:00.000000Z in queue support \
                    in 1.6 s, 250 a second\n  compared      380, 71.25 % of their entries\n  agreed        190, 50 %; 3 of \
                    them would go on where the contact ended\n  diverged      186\n  failed          4\n  skipped        20: \
                    damaged 1, erased 19\n  secrets         2 contacts in which zeros stood in for digits that nobody kept\n\n\
                    first differences\n       20  expected ask menu, got it with other arguments\n           e.g. 01KEY, entry 5: expected ask \
                    menu (1 → a), got ask menu (1 → b)\n       19  ";
        assert!(shown.starts_with(head), "{shown}");
        assert!(shown.ends_with("       26  elsewhere\n\nfailures\n        4  trap before the first call"), "{shown}");
        let _ = super::report(&Value::Null);
    }
}
