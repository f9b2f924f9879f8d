//! A contact step by step, as it is shown.

use super::Told;
use crate::contact::show::{compact, number, span, time, word};
use crate::remote::{list, one_line, short, text};
use cordboard_core::time::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const BEHIND: &str = "candidate  parted before: what it would do from here on nobody knows";

/// A contact, ready to be stepped through.
pub(super) struct Travel {
    head: String,
    steps: Vec<Step>,
}

/// A step, or what comes behind the last one of a flow.
struct Step {
    title: String,
    lines: Vec<String>,
    /// The candidate parted before.
    behind: bool,
    /// Attributes as they were then.
    known: BTreeMap<String, String>,
    /// The same as at the step before.
    same: bool,
}

impl Travel {
    pub(super) fn head(&self) -> &str {
        &self.head
    }

    pub(super) fn count(&self) -> usize {
        self.steps.len()
    }

    /// One step, with all that was known.
    pub(super) fn step(&self, at: usize) -> String {
        let Some(step) = self.steps.get(at) else { return "there are no steps".into() };
        let mut shown = format!("[{} of {}] {}", at + 1, self.steps.len(), step.title);
        step.lines.iter().for_each(|line| add(&mut shown, line));
        if step.behind {
            add(&mut shown, BEHIND);
        }
        add_known(&mut shown, &step.known);
        shown
    }

    /// All steps; attributes where they change.
    pub(super) fn whole(&self) -> String {
        let mut shown = self.head.clone();
        let mut told = false;
        for (at, step) in self.steps.iter().enumerate() {
            let _ = write!(shown, "\n\n[{} of {}] {}", at + 1, self.steps.len(), step.title);
            step.lines.iter().for_each(|line| add(&mut shown, line));
            if step.behind && !std::mem::replace(&mut told, true) {
                add(&mut shown, BEHIND);
            }
            if !step.same {
                add_known(&mut shown, &step.known);
            }
        }
        shown
    }
}

fn add(shown: &mut String, line: &str) {
    let _ = write!(shown, "\n  {line}");
}

fn add_known(shown: &mut String, known: &BTreeMap<String, String>) {
    for (name, value) in known {
        add(shown, &format!("attribute  {} = {}", one_line(name), compact(&value.as_str().into())));
    }
}

/// How a version did, gone through the contact again.
fn went(run: &Value) -> String {
    let (entries, reached) = (number(run, "/entries"), number(run, "/reached"));
    let detail = || compact(&text(run, "/detail").into());
    let mut shown = match text(run, "/outcome") {
        "agreed" => match word(run, "/beyond") {
            call if call.is_empty() => format!("does the same in all {entries} entries"),
            call => format!("does the same in all {entries} entries, and goes on with `{call}` where they end"),
        },
        "diverged" => format!(
            "does something else at entry {} of {entries}: expected {}, got {}",
            number(run, "/entry"),
            word(run, "/expected"),
            word(run, "/got")
        ),
        "failed" => {
            let as_before = run.get("as_before") == Some(&Value::Bool(true));
            let as_before = if as_before { ", as the flow that ran did" } else { "" };
            let kind = word(run, "/failure");
            format!("fails behind {reached} of {entries} entries{as_before}: {kind}: {}", detail())
        }
        _ => format!("was not tried: {}", detail()),
    };
    let substituted = number(run, "/substituted");
    if substituted > 0 {
        let _ = write!(shown, " (zeros stood in for {substituted} secret answers, which nobody kept)");
    }
    shown
}

fn head(told: &Told) -> String {
    let opened = told.steps.get("opened").cloned().unwrap_or_default();
    let party = |name: &str| {
        let number = word(&opened, &format!("/{name}/number"));
        if number.is_empty() { word(&opened, &format!("/{name}/uri")) } else { number }
    };
    let mut shown = format!(
        "contact {}: {}, from {} to {}, {}, came {}",
        word(&told.steps, "/contact"),
        word(&opened, "/channel"),
        party("origin"),
        party("dialled"),
        word(&opened, "/entry_point"),
        word(&opened, "/at"),
    );
    let candidate = !told.comparison.get("candidate").is_none_or(Value::is_null);
    for run in list(&told.comparison, "/runs") {
        let who = if candidate { "candidate" } else { "version" };
        let (version, deployment) = (short(text(run, "/version")), word(run, "/deployment"));
        add(&mut shown, &format!("{who} {version}, flow {} ({deployment}): {}", number(run, "/flow"), went(run)));
    }
    if number(&told.steps, "/lines_dropped") > 0 {
        add(&mut shown, &format!("{} more lines of its log were not kept", number(&told.steps, "/lines_dropped")));
    }
    shown
}

/// What the candidate did, by flow and entry.
struct Candidate<'t>(Vec<&'t Value>);

impl Candidate<'_> {
    fn lines(&self, flow: u64, entry: u64, last: bool) -> Vec<String> {
        let runs = self.0.iter().filter(|run| number(run, "/flow") == flow);
        let mut lines = Vec::new();
        for run in runs {
            let here = |value: &Value| number(value, "/entry") == entry || (last && number(value, "/entry") > entry);
            for log in list(run, "/logs").iter().filter(|log| here(log)) {
                let said = compact(&text(log, "/text").into());
                lines.push(format!("candidate  log {:5} {said}", word(log, "/level")));
            }
            let args = |call: &Value| compact(call.get("args").unwrap_or(&Value::Null));
            for call in list(run, "/reworded").iter().filter(|call| here(call)) {
                lines.push(format!("candidate  the same otherwise: {} {}", word(call, "/request"), args(call)));
            }
            if run.get("entry").is_some_and(Value::is_u64) && here(run) {
                lines.push(format!("candidate  PARTS HERE: it {}", went(run)));
                if let Some(call) = run.get("call").filter(|call| call.is_object()) {
                    lines.push(format!("candidate  calls {} {}", word(call, "/request"), args(call)));
                }
            }
        }
        lines
    }

    /// Whether it parted before this entry, or in a flow before this one.
    fn parted_before(&self, flow: u64, entry: u64) -> bool {
        let at = |run: &&Value| Some((number(run, "/flow"), run.get("entry")?.as_u64()?));
        self.0.iter().filter_map(at).any(|at| at < (flow, entry))
    }
}

fn log_lines(of: &Value, lines: &mut Vec<String>) {
    for log in list(of, "/logs") {
        lines.push(format!("log        {:5} {}", word(log, "/level"), compact(&text(log, "/text").into())));
    }
    for failure in list(of, "/failures") {
        let detail = text(failure, "/detail").lines().next().unwrap_or_default();
        let kind = word(failure, "/kind");
        lines.push(format!("FAILED     {}: {kind}: {}", short(text(failure, "/version")), compact(&detail.into())));
        for (depth, frame) in list(failure, "/stack").iter().enumerate() {
            lines.push(format!("           {depth:>2}: {}", word(frame, "/function")));
        }
    }
}

fn title(flow: u64, deployment: &str, step: &Value) -> String {
    let us = number(step, "/since_us");
    let version = short(text(step, "/version"));
    let entry = number(step, "/entry");
    let clock = format!("{}.{:03} s", us / 1_000_000, us % 1_000_000 / 1_000);
    format!("{clock}  flow {flow} ({deployment}), entry {entry}, version {version}")
}

fn called(step: &Value) -> String {
    let args = compact(step.get("args").unwrap_or(&Value::Null));
    let what = format!("{} {args}", word(step, "/request"));
    if text(step, "/kind") == "external" { format!("outside    {what}") } else { format!("calls      {what}") }
}

fn told_back(step: &Value) -> Option<String> {
    let Some(outcome) = step.get("outcome").filter(|outcome| outcome.is_object()) else {
        return (text(step, "/kind") == "call").then(|| "is told    … (it waits to the end)".to_owned());
    };
    let (asked, answered) = (time(step, "/at")?, time(outcome, "/at")?);
    let after = span(answered.0.saturating_sub(asked.0));
    let value = compact(outcome.get("value").unwrap_or(&Value::Null));
    Some(format!("is told    {} {value} after {after}", word(outcome, "/result")))
}

/// All of it.
pub(super) fn travel(told: &Told) -> Travel {
    let candidate = !told.comparison.get("candidate").is_none_or(Value::is_null);
    let runs = if candidate { list(&told.comparison, "/runs").iter().collect() } else { Vec::new() };
    let candidate = Candidate(runs);
    let began = time(&told.steps, "/opened/at").unwrap_or_default();
    let mut known = BTreeMap::new();
    let mut steps = Vec::new();
    for flow in list(&told.steps, "/flows") {
        let of = number(flow, "/flow");
        let deployment = list(flow, "/segments").last().map(|last| word(last, "/deployment")).unwrap_or_default();
        let mut next = 0;
        for step in list(flow, "/steps") {
            let mut lines = Vec::new();
            log_lines(step, &mut lines);
            lines.push(called(step));
            lines.extend(told_back(step));
            let entry = number(step, "/entry");
            next = entry + 1;
            lines.extend(candidate.lines(of, entry, false));
            let same = !learn(&mut known, step);
            let (title, behind) = (title(of, &deployment, step), candidate.parted_before(of, entry));
            steps.push(Step { title, lines, behind, known: known.clone(), same });
        }
        steps.push(end(flow, (of, &deployment), began, &known, candidate.lines(of, next, true)));
    }
    Travel { head: head(told), steps }
}

/// What comes behind a flow's last step.
fn end(
    flow: &Value,
    (of, deployment): (u64, &str),
    began: Timestamp,
    known: &BTreeMap<String, String>,
    candidate: Vec<String>,
) -> Step {
    let mut lines = Vec::new();
    log_lines(flow, &mut lines);
    let at = time(flow, "/closed/at");
    let clock = at.map_or_else(String::new, |at| {
        let us = at.0.saturating_sub(began.0);
        format!("{}.{:03} s  ", us / 1_000_000, us % 1_000_000 / 1_000)
    });
    lines.push(match word(flow, "/closed/reason") {
        reason if reason.is_empty() => "in progress: more may follow".to_owned(),
        reason => format!("closed     {reason}"),
    });
    lines.extend(candidate);
    Step {
        title: format!("{clock}flow {of} ({deployment}), its end"),
        lines,
        behind: false,
        known: known.clone(),
        same: true,
    }
}

/// Takes note of what a step says of attributes; true if that is new.
fn learn(known: &mut BTreeMap<String, String>, step: &Value) -> bool {
    let before = known.clone();
    for (name, value) in step.get("attributes").and_then(Value::as_object).into_iter().flatten() {
        match value.as_str() {
            Some(value) => drop(known.insert(name.clone(), value.to_owned())),
            None => drop(known.remove(name)),
        }
    }
    before != *known
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(ms: u64) -> String {
        format!("2026-01-31T09:30:{:02}.{:03}000Z", ms / 1000, ms % 1000)
    }

    fn step(entry: u64, request: &str, attributes: &Value) -> Value {
        json!({ "entry": entry, "at": at(entry * 100), "kind": "call", "request": request, "args": { "id": "menu" },
            "outcome": { "at": at(entry * 100 + 40), "result": "done", "value": null }, "since_us": entry * 100_000,
            "version": "ab".repeat(32), "logs": [], "failures": [], "attributes": attributes })
    }

    fn told(comparison: Value) -> Told {
        let mut second = step(1, "ask", &json!({ "tier": "gold" }));
        second["logs"] = json!([{ "at": at(99), "level": "warn", "text": "odd\nkey" }]);
        let segments =
            json!([{ "from": 0, "at": at(0), "version": "ab".repeat(32), "deployment": "main", "seed": "1" }]);
        let steps = json!([step(0, "say", &json!({})), second, step(2, "end", &json!({ "tier": null }))]);
        let flow = json!({ "flow": 0, "segments": segments, "steps": steps, "logs": [], "failures": [],
            "closed": { "at": at(400), "reason": "completed" } });
        let opened = json!({ "at": at(0), "channel": "voice", "entry_point": "main",
            "origin": { "uri": "sip:a@b", "number": "+15550001" }, "dialled": { "uri": "sip:100@h", "number": null } });
        Told { steps: json!({ "contact": "01KEY", "opened": opened, "flows": [flow], "lines_dropped": 2 }), comparison }
    }

    fn run(rest: Value) -> Value {
        let mut run = json!({ "flow": 0, "deployment": "main", "version": "cd".repeat(32), "entries": 3, "reached": 1,
            "logs": [], "reworded": [], "substituted": 0 });
        if let (Some(run), Value::Object(rest)) = (run.as_object_mut(), rest) {
            run.extend(rest);
        }
        run
    }

    #[test]
    fn a_contact_is_shown_as_it_was_at_each_step() {
        let travel = travel(&told(json!({ "candidate": null, "runs": [run(json!({ "outcome": "agreed" }))] })));
        assert_eq!(
            travel.whole(),
            "contact 01KEY: voice, from +15550001 to sip:100@h, main, came 2026-01-31T09:30:00.000000Z\n  \
             version cdcdcdcdcdcd, flow 0 (main): does the same in all 3 entries\n  \
             2 more lines of its log were not kept\n\n\
             [1 of 4] 0.000 s  flow 0 (main), entry 0, version abababababab\n  \
             calls      say {\"id\":\"menu\"}\n  is told    done  after 40.0 ms\n\n\
             [2 of 4] 0.100 s  flow 0 (main), entry 1, version abababababab\n  \
             log        warn  odd key\n  calls      ask {\"id\":\"menu\"}\n  is told    done  after 40.0 ms\n  \
             attribute  tier = gold\n\n\
             [3 of 4] 0.200 s  flow 0 (main), entry 2, version abababababab\n  \
             calls      end {\"id\":\"menu\"}\n  is told    done  after 40.0 ms\n\n\
             [4 of 4] 0.400 s  flow 0 (main), its end\n  closed     completed"
        );
        assert!(travel.step(1).contains("tier = gold") && !travel.step(2).contains("tier"));
        assert_eq!(travel.step(9), "there are no steps");
    }

    #[test]
    fn a_candidate_is_followed_to_where_it_parts_and_no_further() {
        let call = json!({ "entry": 1, "request": "enqueue", "args": { "queue": "support" } });
        let parted = run(json!({ "outcome": "diverged", "entry": 1, "expected": "ask menu", "got": "enqueue support",
            "call": call, "substituted": 2, "logs": [{ "entry": 0, "level": "info", "text": "its own" }],
            "reworded": [{ "entry": 0, "request": "say", "args": { "prompt": "Good day." } }] }));
        let travel = travel(&told(json!({ "candidate": "cd".repeat(32), "runs": [parted] })));
        let first = travel.step(0);
        assert!(first.contains("candidate  log info  its own"), "{first}");
        assert!(first.contains("candidate  the same otherwise: say {\"prompt\":\"Good day.\"}"), "{first}");
        let second = travel.step(1);
        assert!(
            second
                .contains("PARTS HERE: it does something else at entry 1 of 3: expected ask menu, got enqueue support")
        );
        assert!(second.contains("candidate  calls enqueue {\"queue\":\"support\"}"), "{second}");
        assert!(second.contains("zeros stood in for 2 secret answers"), "{second}");
        assert!(travel.step(2).contains("parted before: what it would do from here on nobody knows"));
        assert_eq!(travel.whole().matches("parted before").count(), 1);
        assert!(!travel.step(3).contains("candidate"), "{}", travel.step(3));
    }

    #[test]
    fn what_fails_behind_the_last_entry_stands_at_the_end() {
        let failed =
            run(json!({ "outcome": "failed", "entry": 3, "reached": 3, "failure": "trap", "detail": "unreachable" }));
        let travel = travel(&told(json!({ "candidate": "cd".repeat(32), "runs": [failed] })));
        assert!(
            travel.step(3).contains("PARTS HERE: it fails behind 3 of 3 entries: trap: unreachable"),
            "{}",
            travel.step(3)
        );
    }

    #[test]
    fn whatever_a_file_has_is_shown() {
        for steps in [json!(null), json!([1]), json!({ "flows": [1, { "steps": [1, {}] }] }), json!({ "flows": "x" })] {
            let travel = travel(&Told { steps, comparison: json!({ "runs": [{}], "candidate": 7 }) });
            let _ = (travel.whole(), travel.step(0));
        }
    }
}
