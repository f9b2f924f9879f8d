//! A scorer's back-test, for people.

use super::report::{heading, skipped, word};
use crate::remote::{list, number, one_line, text};
use serde_json::Value;
use std::fmt::Write as _;

/// The groups shown of each kind; the JSON has them all.
const MAX_SHOWN: usize = 10;

/// All of it, without an end of line.
pub(super) fn report(done: &Value) -> String {
    let report = done.get("decisions").unwrap_or(&Value::Null);
    format!("{}{}", heading(done, number(report, "/decisions"), "decisions"), findings(report))
}

/// What came of decisions: lines, each begun with its end of line.
pub(crate) fn findings(report: &Value) -> String {
    let count = |name: &str| number(report, &format!("/{name}"));
    let percent = |name: &str| report.get(name).and_then(Value::as_f64).unwrap_or_default();
    let mut shown = String::new();
    let _ = write!(shown, "\n  compared  {:>7}, {} % of them", count("compared"), percent("compared_percent"));
    let _ = write!(shown, "\n  agreed    {:>7}, {} %", count("agreed"), percent("agreement_percent"));
    let _ = write!(shown, "; in {} of them all scores are the same", count("same_scores"));
    let _ = write!(shown, "\n  diverged  {:>7}\n  failed    {:>7}", count("diverged"), count("failed"));
    shown.push_str(&skipped(report));
    let (other, refused, accepted) =
        (count("pairs/other"), count("pairs/newly_refused"), count("pairs/newly_accepted"));
    let _ = write!(shown, "\n  scores    {:>7} the same, {other} others, {refused} refused now", count("pairs/equal"));
    let _ = write!(shown, ", {accepted} no longer refused");
    let _ = write!(
        shown,
        "\n  contacts  {:>7} by another agent, {} served instead, {} not served",
        count("by_another"),
        count("served_instead"),
        count("not_served")
    );
    for (title, name) in [("served", "recorded"), ("would be", "candidate")] {
        let mean_ms = count(&format!("{name}/mean_waited_ms"));
        let contacts = count(&format!("{name}/contacts"));
        let _ = write!(
            shown,
            "\n  {title:<9} {contacts:>7}, who had waited {}.{} s each",
            mean_ms / 1000,
            mean_ms % 1000 / 100
        );
    }
    if count("diverged") > 0 {
        let first = word(report, "/first_difference/at");
        let _ = write!(shown, "\nWhat would have come of the first difference, at {first}, nobody knows.");
    }
    differences(&mut shown, report);
    failures(&mut shown, report);
    shown
}

fn differences(shown: &mut String, report: &Value) {
    let groups = list(report, "/differences");
    if groups.is_empty() {
        return;
    }
    let _ = write!(shown, "\n\ndifferences");
    for group in groups.iter().take(MAX_SHOWN) {
        let kind = match text(group, "/kind") {
            "others-served" => "others are served",
            "other-agents" => "served by others",
            other => other,
        };
        let _ = write!(shown, "\n{:>9}  in {}: {}", number(group, "/decisions"), word(group, "/queue"), one_line(kind));
        if let Some(example) = list(group, "/examples").first() {
            let _ = write!(shown, "\n{:>9}  e.g. {}", "", named(example));
            for change in list(example, "/changes") {
                let who = |pointer: &str| match word(change, pointer) {
                    name if name.is_empty() => "nobody".to_owned(),
                    name => name,
                };
                let (contact, waited_ms) = (word(change, "/contact"), number(change, "/waited_ms"));
                let (recorded, candidate) = (who("/recorded"), who("/candidate"));
                let _ = write!(
                    shown,
                    "\n{:>9}    {contact}, {}.{} s: {recorded}, would be {candidate}",
                    "",
                    waited_ms / 1000,
                    waited_ms % 1000 / 100
                );
            }
        }
    }
    let more: u64 = groups.iter().skip(MAX_SHOWN).map(|group| number(group, "/decisions")).sum();
    let more = more + number(report, "/differences_beyond");
    if more > 0 {
        let _ = write!(shown, "\n{more:>9}  elsewhere");
    }
}

fn failures(shown: &mut String, report: &Value) {
    let groups = list(report, "/failures");
    if groups.is_empty() {
        return;
    }
    let _ = write!(shown, "\n\nfailures");
    for group in groups {
        let _ = write!(shown, "\n{:>9}  {}", number(group, "/decisions"), word(group, "/kind"));
        if let Some(example) = list(group, "/examples").first() {
            let _ = write!(shown, "\n{:>9}  e.g. {}: {}", "", named(example), word(example, "/detail"));
        }
    }
}

fn named(example: &Value) -> String {
    format!("decision {} at {}", number(example, "/decision"), word(example, "/at"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    #[test]
    fn a_report_says_who_would_have_been_served_by_whom() {
        let change = json!({ "contact": "01KEY", "waited_ms": 4250, "recorded": "201", "candidate": null });
        let at = "2026-01-31T09:00:00.000000Z";
        let difference = json!({ "queue": "support", "kind": "others-served", "decisions": 3,
            "examples": [{ "decision": 17, "at": at, "changes": [change] }] });
        let failure = json!({ "kind": "trap", "decisions": 1, "examples": [{ "decision": 16, "at": at, "detail": "unreachable" }] });
        let found = json!({ "decisions": 10, "compared": 8, "compared_percent": 80.0, "agreed": 4, "same_scores": 2,
            "agreement_percent": 50.0, "diverged": 3, "failed": 1, "skipped": { "no-scorer": 2 },
            "pairs": { "equal": 30, "other": 5, "newly_refused": 3, "newly_accepted": 0 }, "by_another": 0,
            "served_instead": 0, "not_served": 3, "recorded": { "contacts": 7, "mean_waited_ms": 4100 },
            "candidate": { "contacts": 4, "mean_waited_ms": 4000 }, "first_difference": { "decision": 12, "at": at },
            "differences": [difference], "differences_beyond": 0, "failures": [failure] });
        let done = json!({ "version": "ab".repeat(32), "deployment": "skills", "from": "2026-01-31T00:00:00.000000Z",
            "until": null, "queue": "support", "began_at": "2026-01-31T09:30:00.000000Z",
            "ended_at": "2026-01-31T09:30:00.500000Z", "report": null, "decisions": found });
        let shown = super::report(&done);
        let expected = "back-test of abababababab for skills: 10 decisions since 2026-01-31T00:00:00.000000Z in queue support \
                        in 0.5 s, 20 a second\n  compared        8, 80 % of them\n  agreed          4, 50 %; in 2 of them all \
                        scores are the same\n  diverged        3\n  failed          1\n  skipped         2: no-scorer 2\n  \
                        scores         30 the same, 5 others, 3 refused now, 0 no longer refused\n  contacts        0 by \
                        another agent, 0 served instead, 3 not served\n  served          7, who had waited 4.1 s each\n  \
                        would be        4, who had waited 4.0 s each\nWhat would have come of the first difference, at \
                        2026-01-31T09:00:00.000000Z, nobody knows.\n\ndifferences\n        3  in support: others are \
                        served\n           e.g. decision 17 at 2026-01-31T09:00:00.000000Z\n             01KEY, 4.2 s: 201, \
                        would be nobody\n\nfailures\n        1  trap\n           e.g. decision 16 at \
                        2026-01-31T09:00:00.000000Z: unreachable";
        assert_eq!(shown, expected);
        let _ = super::report(&Value::Null);
    }
}
