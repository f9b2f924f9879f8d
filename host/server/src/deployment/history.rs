//! `cordboard deployment history`.

use super::{figures, path};
use crate::remote::{HostArguments, columns, list, one_line, or_dash, short, text};
use anyhow::Result;
use clap::Args;
use cordboard_client::Client;
use serde_json::{Value, json};

/// Steps that the host tells at once.
const PAGE: u64 = 100;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The deployment.
    name: String,
    /// The latest so many steps.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    limit: u64,
    /// Prints them as the host has them, with what the deployment was since each.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { name, limit, json, host } = arguments;
    let history = read(&host.client()?, name, *limit)?;
    if *json {
        cordboard::say(&serde_json::to_string_pretty(&history)?);
    } else {
        cordboard::say(&told(name, &history));
    }
    Ok(())
}

/// The latest steps, page by page.
fn read(client: &Client, name: &str, limit: u64) -> Result<Value> {
    let (mut steps, mut altered, mut before) = (Vec::new(), Vec::new(), None::<u64>);
    loop {
        let left = limit.saturating_sub(steps.len() as u64);
        let further = before.map(|before| format!("&before={before}")).unwrap_or_default();
        let page = client.get(&format!("{}/history?limit={}{further}", path(name), left.min(PAGE)))?.value;
        steps.extend_from_slice(list(&page, "/steps"));
        altered.extend_from_slice(list(&page, "/altered"));
        before = page.get("before").and_then(Value::as_u64);
        if before.is_none() || steps.len() as u64 >= limit {
            return Ok(json!({ "steps": steps, "before": before, "altered": altered }));
        }
    }
}

fn told(name: &str, history: &Value) -> String {
    let steps = list(history, "/steps");
    let mut rows = vec![["STEP", "WHEN", "WHO", "WHAT", "FROM → TO", "WHY"].map(str::to_owned)];
    rows.extend(steps.iter().map(row));
    let mut lines = Vec::new();
    for (at, line) in columns(&rows).into_iter().enumerate() {
        lines.push(line);
        let step = at.checked_sub(1).and_then(|at| steps.get(at));
        lines.extend(step.and_then(|step| figures::line(step.get("figures")?)).map(|line| format!("      {line}")));
    }
    let altered: Vec<String> = list(history, "/altered").iter().map(ToString::to_string).collect();
    if !altered.is_empty() {
        lines.push(format!("changed or taken out after they were kept: step {}", altered.join(", ")));
    }
    match history.get("before").and_then(Value::as_u64) {
        Some(_) => {
            lines.push(format!("next: cordboard deployment history {name} --limit {} shows more", steps.len() * 5))
        }
        None => lines.push(format!("next: cordboard deployment rollback {name} --to STEP")),
    }
    lines.join("\n")
}

fn row(step: &Value) -> [String; 6] {
    let at = text(step, "/at");
    let (from, to) = (short(text(step, "/from")), short(text(step, "/to")));
    [
        step.get("number").map(ToString::to_string).unwrap_or_default(),
        format!("{}Z", at.get(..19).unwrap_or(at)),
        one_line(text(step, "/by")),
        text(step, "/kind").to_owned(),
        format!("{} → {}", or_dash(from), or_dash(to)),
        one_line(text(step, "/why")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_with_what_was_counted() {
        let step = |number: u64,
                    by: &str,
                    kind: &str,
                    versions: [Option<&str>; 2],
                    why: Option<&str>,
                    figures: Value| {
            let [from, to] = versions;
            json!({ "number": number, "at": "2026-11-28T20:17:13.123456Z", "by": by, "kind": kind, "from": from, "to": to,
                "why": why, "figures": figures })
        };
        let (a, b) = (Some("aaaaaaaaaaaaaaaa"), Some("bbbbbbbbbbbbbbbb"));
        let figures = json!({ "canary_contacts": 5, "stable_contacts": 120, "canary_p99_ms": 1.0, "stable_p99_ms": 2.0,
            "compared": [{ "figure": "traps", "canary": { "bad": 4, "of": 5 }, "stable": { "bad": 0, "of": 120 } }] });
        let steps = json!([
            step(9, "cordboard", "canary-rolled-back", [a, b], Some("traps:\n4 of 5"), figures),
            step(7, "ann", "deployed", [None, a], None, Value::Null),
        ]);
        let expected = "\
STEP  WHEN                  WHO        WHAT                FROM → TO                    WHY
9     2026-11-28T20:17:13Z  cordboard  canary-rolled-back  aaaaaaaaaaaa → bbbbbbbbbbbb  traps: 4 of 5
      canary beside stable: 5 | 120 contacts; p99 1 | 2 ms; traps 4 of 5 | 0 of 120
7     2026-11-28T20:17:13Z  ann        deployed            - → aaaaaaaaaaaa
changed or taken out after they were kept: step 8
next: cordboard deployment rollback front --to STEP";
        assert_eq!(told("front", &json!({ "steps": steps, "altered": [8], "before": null })), expected);
        let more = told("front", &json!({ "steps": steps, "altered": [], "before": 7 }));
        assert!(more.ends_with("next: cordboard deployment history front --limit 10 shows more"), "{more}");
    }
}
