//! What the API keeps, in words.

use crate::stage::version;
use anyhow::{Context as _, Result};
use cordboard_trial::{Centre, millis};
use serde_json::Value;

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Who was considered with which score, who was chosen, and who was left out and why.
pub(crate) fn decision(centre: &Centre, contact: &str) -> Result<String> {
    let decisions = centre.api.get(&format!("/v1/contacts/{contact}/decisions"))?;
    let decision = list(&decisions, "decisions").iter().find(|decision| !list(decision, "assigned").is_empty());
    let decision = decision.context("no decision assigned anybody")?;
    let mut lines =
        vec![format!("decision {} by {}:", decision.get("id").unwrap_or(&Value::Null), text(decision, "scored_by"))];
    let mut scores: Vec<&Value> = list(decision, "scores").iter().collect();
    let score = |pair: &Value| pair.get("score").and_then(Value::as_f64);
    scores.sort_by(|a, b| score(b).unwrap_or(f64::MIN).total_cmp(&score(a).unwrap_or(f64::MIN)));
    for pair in scores {
        let agent = text(pair, "agent");
        let chosen = list(decision, "assigned")
            .iter()
            .any(|one| text(one, "agent") == agent && text(one, "contact") == text(pair, "contact"));
        let parts = pair.get("parts").and_then(Value::as_object).into_iter().flatten();
        let parts: Vec<String> =
            // Without the sign of a zero.
            parts.map(|(name, value)| format!("{name} {:.3}", value.as_f64().unwrap_or(f64::NAN) + 0.0)).collect();
        let total = score(pair).map_or("refused".into(), |score| format!("{score:.3}"));
        lines.push(format!("  {agent}: {total} = {}{}", parts.join(" + "), if chosen { "   <- chosen" } else { "" }));
    }
    for absent in list(decision, "left_out") {
        let (agent, reason, detail) = (text(absent, "agent"), text(absent, "reason"), text(absent, "detail"));
        lines.push(format!("  {agent}: left out ({reason} {detail})"));
    }
    Ok(lines.join("\n"))
}

/// A record in one line.
pub(crate) fn record(record: &Value) -> String {
    let between = |from: &str, to: &str| {
        let at = |name: &str| record.get(name).and_then(Value::as_str).and_then(|time| millis(time).ok());
        at(to).zip(at(from)).map_or(f64::NAN, |(to, from)| to.saturating_sub(from) as f64 / 1000.0)
    };
    let end = record.get("end").map_or("?", |end| text(end, "reason"));
    let mut line = format!(
        "{end} after {:.1} s, answered after {:.2} s, version {}",
        between("offered_at", "ended_at"),
        between("offered_at", "answered_at"),
        version(record)
    );
    for visit in list(record, "visits") {
        line += &format!("; `{}` {}", text(visit, "queue"), text(visit, "outcome"));
        if let Some(talked) = visit.get("talked_ms").and_then(Value::as_u64) {
            line += &format!(" by {}, talked {:.1} s", text(visit, "agent"), talked as f64 / 1000.0);
        }
    }
    let choices = list(record, "choices")
        .iter()
        .map(|choice| format!("{}: {}", text(choice, "question"), text(choice, "answer")));
    let choices: Vec<String> = choices.collect();
    if !choices.is_empty() {
        line += &format!("; chose {}", choices.join(", "));
    }
    line
}
