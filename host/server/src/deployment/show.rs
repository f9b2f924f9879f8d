//! `cordboard deployment show`.

use super::shadow::{findings, shadow_of};
use super::{figures, found, plugin_called};
use crate::remote::{list, number, one_line, short, text};
use anyhow::Result;
use cordboard_client::Client;
use serde_json::Value;

pub(super) fn run(client: &Client, name: &str) -> Result<()> {
    let deployment = found(client, name)?.value;
    let serving = plugin_called(client, &deployment)?;
    let tried = deployment.get("canary").filter(|canary| !canary.is_null());
    let tried = tried.map(|canary| plugin_called(client, canary)).transpose()?;
    let shadow = shadow_of(&deployment);
    let follows = shadow.map(|shadow| plugin_called(client, shadow)).transpose()?;
    cordboard::say(&shown(&deployment, &serving, tried.as_deref(), follows.as_deref()));
    Ok(())
}

/// What serves, its canary, and its shadow: as plugins are called.
fn shown(deployment: &Value, serving: &str, tried: Option<&str>, follows: Option<&str>) -> String {
    let name = text(deployment, "/name");
    let mut lines = vec![format!("deployment {name}: a {}, serves {serving}", text(deployment, "/world"))];
    let mut line = |what: &str, how: String| lines.push(format!("  {what:10}  {how}"));
    let version = short(text(deployment, "/version"));
    line("version", format!("{version}, revision {}", number(deployment, "/revision")));
    if !text(deployment, "/failure").is_empty() {
        line("failed", format!("it could not be loaded: {}", one_line(text(deployment, "/failure"))));
    }
    if !text(deployment, "/previous").is_empty() {
        line("before", format!("{}, which steps in where this one fails", short(text(deployment, "/previous"))));
    }
    let migration = match text(deployment, "/migration") {
        "migrate" => "migrate: contacts in progress go over to another version, where it agrees",
        "pin" => "pin: contacts in progress stay with their version",
        other => other,
    };
    line("migration", migration.to_owned());
    line("contacts", contacts(deployment));
    for missing in list(deployment, "/missing_grants") {
        let of = |name: &str| one_line(text(missing, name));
        line("missing", format!("{}: {} ({})", of("/capability"), of("/detail"), of("/reason")));
    }
    let canary = deployment.get("canary").zip(tried);
    if let Some((canary, tried)) = canary {
        lines.extend(tried_beside(canary, tried));
    }
    if let Some((shadow, follows)) = shadow_of(deployment).zip(follows) {
        lines.push(format!("  shadow      {}, {follows}{}", short(text(shadow, "/version")), findings(shadow)));
    }
    lines.push(match canary {
        Some(_) => format!("next: cordboard deployment promote {name}, or deployment rollback {name}"),
        None => format!("next: cordboard deployment history {name}"),
    });
    lines.join("\n")
}

/// A canary, and how it does.
fn tried_beside(canary: &Value, tried: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |what: &str, how: String| lines.push(format!("  {what:10}  {how}"));
    let stages = list(canary, "/plan/stages");
    let stage = number(canary, "/stage");
    let since = text(canary, "/stage_since");
    let since = since.get(..19).unwrap_or(since);
    line("canary", format!("{}, {tried}", short(text(canary, "/version"))));
    let over = number(canary, "/stage_contacts");
    let this = stages.get(usize::try_from(stage).unwrap_or(usize::MAX)).map(figures::stage).unwrap_or_default();
    line("stage", format!("{} of {}: {this}; since {since}Z, {over} contacts over", stage + 1, stages.len()));
    line("stages", figures::stages(canary.get("plan").unwrap_or(&Value::Null)));
    let sticky = if text(canary, "/plan/sticky") == "caller" {
        "whoever calls again gets the same version"
    } else {
        "each contact by itself"
    };
    line("sticky", sticky.to_owned());
    match list(canary, "/plan/rules").len() {
        0 => {}
        rules => line("rules", format!("{rules}, which come before the share")),
    }
    if !text(canary, "/in_doubt").is_empty() {
        line("in doubt", format!("{}; the stage doesn't end meanwhile", one_line(text(canary, "/in_doubt"))));
    }
    lines.extend(figures::table(canary).into_iter().map(|row| format!("  {row}")));
    lines
}

/// Contacts in progress, by version.
fn contacts(deployment: &Value) -> String {
    let (version, canary) = (text(deployment, "/version"), text(deployment, "/canary/version"));
    let counts = deployment.get("contacts").and_then(Value::as_object);
    let counts = counts.into_iter().flatten().filter_map(|(of, count)| Some((of.as_str(), count.as_u64()?)));
    let parts: Vec<String> = counts
        .filter(|(_, count)| *count > 0)
        .map(|(of, count)| match of {
            of if of == version => format!("{count} on this version"),
            of if of == canary => format!("{count} on the canary"),
            of => format!("{count} on {}", short(of)),
        })
        .collect();
    if parts.is_empty() { "none in progress".into() } else { format!("{} in progress", parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_deployment_is_shown_with_its_canary() {
        let mut deployment = json!({ "name": "front", "world": "flow", "version": "aaaaaaaaaaaaaaaa", "revision": 7,
            "previous": "cccccccccccccccc", "migration": "pin", "failure": null, "canary": null,
            "contacts": { "aaaaaaaaaaaaaaaa": 2, "bbbbbbbbbbbbbbbb": 1, "dddddddddddddddd": 3, "e": 0 },
            "missing_grants": [{ "capability": "egress", "detail": "GET http://*:*", "reason": "to ask" }] });
        let expected = "\
deployment front: a flow, serves greeter 0.1.0 (111111111111)
  version     aaaaaaaaaaaa, revision 7
  before      cccccccccccc, which steps in where this one fails
  migration   pin: contacts in progress stay with their version
  contacts    2 on this version, 1 on bbbbbbbbbbbb, 3 on dddddddddddd in progress
  missing     egress: GET http://*:* (to ask)
next: cordboard deployment history front";
        assert_eq!(shown(&deployment, "greeter 0.1.0 (111111111111)", None, None), expected);
        let stages =
            json!([{ "weights": { "canary": 1 }, "for_s": 600, "contacts": 200 }, { "weights": { "canary": 10 } }]);
        deployment["canary"] = json!({ "version": "bbbbbbbbbbbbbbbb", "stage": 1, "stage_since": "2026-11-28T20:17:13.000000Z",
            "stage_contacts": 37, "in_doubt": "traps: 2 of 40 contacts, with the stable version 0 of 380",
            "plan": { "sticky": "caller", "stages": stages, "guards": [], "rules": [{}], "window_s": 60 },
            "figures": { "canary_contacts": 40, "stable_contacts": 380, "compared": [] } });
        deployment["shadow"] = json!({ "version": "eeeeeeeeeeeeeeee", "since": "2026-11-28T20:18:00.000000Z", "dropped": 3,
            "failure": null, "decisions": null, "contacts": { "contacts": 12, "compared": 10, "compared_percent": 70.5,
                "agreed": 9, "agreement_percent": 90.0, "diverged": 1, "failed": 0, "skipped": { "erased": 2 } } });
        let (tried, follows) = (Some("greeter 0.2.0 (222222222222)"), Some("greeter 0.3.0 (333333333333)"));
        let shown = shown(&deployment, "greeter 0.1.0 (111111111111)", tried, follows);
        for part in [
            "  contacts    2 on this version, 1 on the canary, 3 on dddddddddddd in progress\n",
            "  canary      bbbbbbbbbbbb, greeter 0.2.0 (222222222222)\n",
            "  stage       2 of 2: 10 % until it is promoted or taken back; since 2026-11-28T20:17:13Z, 37 contacts over\n",
            "  stages      1 % for 10m and 200 contacts, 10 % until it is promoted or taken back\n",
            "  sticky      whoever calls again gets the same version\n  rules       1, which come before the share\n",
            "  in doubt    traps: 2 of 40 contacts, with the stable version 0 of 380; the stage doesn't end meanwhile\n",
            "  WITHIN 1m         CANARY  STABLE  GUARD\n  contacts          40      380\n",
            "\n  shadow      eeeeeeeeeeee, greeter 0.3.0 (333333333333): 12 contacts since 2026-11-28T20:18:00Z, 3 left out\n\
            \x20 compared       10, 70.5 % of their entries\n  agreed          9, 90 %\n  diverged        1\n",
            "\nnext: cordboard deployment promote front, or deployment rollback front",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
}
