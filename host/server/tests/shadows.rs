//! Shadows: versions that go through what deployments do, under real calls.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::tour::{SOON, called, served, tour};
use cordboard_trial::{Centre, SUPPORT, Terminal, plugin};
use serde_json::{Value, json};

/// What a deployment's shadow says, once that many were compared.
fn shadow(centre: &Centre, deployment: &str, what: &str, compared: u64) -> Result<Value> {
    let path = format!("/v1/deployments/{deployment}");
    let found = centre.api.until(&path, SOON, |found| found["shadow"][what]["compared"] == compared)?;
    Ok(found["shadow"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_goes_through_what_is_done_and_changes_nothing() -> Result<()> {
    let (centre, version) = tour()?;
    let mut events = centre.events()?;
    let (probe, scorer) = (centre.api.upload("probe-flow")?, centre.api.upload("skills-scorer")?);
    let skills = centre.api.deploy("skills", &scorer, json!({}), &[])?;
    let needs = json!([{ "name": "billing", "min_level": 1 }]);
    centre.queue(SUPPORT, json!({ "scorer": "skills", "skills": needs }))?;
    let body = json!({ "plugin": probe, "config": { "mode": "swapped" }, "reason": "to be seen" });
    let set = centre.api.put("/v1/deployments/tour/shadow", body)?;
    ensure!(set["version"] == version && set["shadow"]["contacts"]["contacts"] == 0, "{set}");
    let body = json!({ "plugin": scorer, "config": { "weights": "skill:-2" } });
    centre.api.put("/v1/deployments/skills/shadow", body.clone())?;

    // Of a flow: each contact that ends; others' don't count.
    called(&centre, &mut events, "tour-ask", &["1", "9"])?;
    called(&centre, &mut events, "tour-pause", &[])?;
    called(&centre, &mut events, "tour-ask", &["9"])?;
    let found = shadow(&centre, "tour", "contacts", 2)?;
    let report = &found["contacts"];
    ensure!(report["diverged"] == 2 && report["skipped"] == json!({}) && found["dropped"] == 0, "{found}");
    ensure!(report["differences"][0]["expected"] == "ask main-menu", "{found}");

    // Of a scorer: each decision, which is as without it.
    let ada = centre.agent("201", "Ada", json!({ "billing": 9 }), None).await?;
    let _ben = centre.agent("202", "Ben", json!({ "billing": 2 }), None).await?;
    let contact = served(&centre, &mut events, "201", &ada).await?;
    let found = shadow(&centre, "skills", "decisions", 1)?;
    let report = &found["decisions"];
    let change = &report["differences"][0]["examples"][0]["changes"][0];
    ensure!(report["diverged"] == 1 && change["candidate"] == "202", "{found}");
    let decisions = centre.api.get(&format!("/v1/contacts/{contact}/decisions"))?;
    ensure!(decisions["decisions"][0]["version"] == skills, "{decisions}");
    let figures = centre.api.get("/metrics")?;
    let line = r#"cordboard_shadow_total{deployment="skills",result="diverged"} 1"#;
    ensure!(figures.as_str().is_some_and(|figures| figures.contains(line)), "{figures}");

    // What makes no sense; and it stays where another version is deployed.
    let refused = |name: &str, body: &Value, code: &str| -> Result<()> {
        let answer = centre.api.try_put(&format!("/v1/deployments/{name}/shadow"), body)?;
        let problem = answer.err().with_context(|| format!("{body} is taken"))?;
        ensure!(problem.code() == code, "{body}: {problem:?}");
        Ok(())
    };
    refused("tour", &body, "world-changed")?;
    refused("tour", &json!({ "plugin": probe, "config": { "mode": "plain" } }), "same-version")?;
    refused("nobody", &body, "not-found")?;
    centre.api.deploy("skills", &scorer, json!({ "weights": "idle:3" }), &[])?;
    ensure!(shadow(&centre, "skills", "decisions", 1)?["config"]["weights"] == "skill:-2", "it is another");

    // Removed, it is gone from memory, and both are steps.
    centre.api.try_delete("/v1/deployments/skills/shadow")?.map_err(|problem| anyhow::anyhow!("{problem:?}"))?;
    let again = centre.api.try_delete("/v1/deployments/skills/shadow")?;
    ensure!(again.is_err_and(|problem| problem.code() == "not-now"), "it is there twice");
    ensure!(centre.api.get("/v1/deployments/skills")?["shadow"].is_null(), "it is there");
    let history = centre.api.get("/v1/deployments/skills/history")?;
    let kinds: Vec<&Value> = history["steps"].as_array().into_iter().flatten().map(|step| &step["kind"]).collect();
    ensure!(kinds == ["shadow-removed", "deployed", "shadow-set", "deployed"], "{history}");
    // tour, elsewhere, skills, and the shadow of tour, which is a setting.
    let loaded = |status: &Value| status["loaded"].as_array().is_some_and(|loaded| loaded.len() == 4);
    centre.api.until("/v1/status", SOON, loaded)?;
    let centre = centre.restart()?;
    centre.api.until("/v1/status", SOON, loaded)?;
    let mut events = centre.events()?;
    called(&centre, &mut events, "tour-ask", &["9"])?;
    ensure!(shadow(&centre, "tour", "contacts", 1)?["contacts"]["diverged"] == 1, "its counts begin anew");
    Ok(())
}

/// A shadow that fails at each contact costs nobody anything, and is told as what it is.
#[test]
fn a_shadow_that_traps_or_loops_hurts_nobody() -> Result<()> {
    let (centre, version) = tour()?;
    let terminal = Terminal::new(&centre)?;
    let mut events = centre.events()?;
    let probe = plugin("probe-flow")?;
    let begins = ["deployment", "shadow", "tour", probe.to_str().context("a path")?];
    let says = ["probe-flow (", "goes through each contact that has ended, and serves nobody", "deployment show tour"];
    for (mode, kind) in [("trap-after-key", "trap behind ask main-menu"), ("loop", "deadline before the first call")] {
        let mode = format!("mode={mode}");
        terminal.done(&[&begins[..], &["--config", &mode, "--reason", "friday"]].concat(), &says)?;
        let contact = called(&centre, &mut events, "tour-ask", &["1", "9"])?;
        shadow(&centre, "tour", "contacts", 1)?;
        let shown = ["  shadow      ", "probe-flow (", ": 1 contacts since 20", "failed          1", kind];
        terminal.done(&["deployment", "show", "tour"], &shown)?;
        ensure!(centre.record(&contact)?["versions"] == json!([version]), "someone else served");
    }
    // A plugin that nothing but a shadow uses is in use.
    let reception = centre.api.upload("reception")?;
    centre.api.put("/v1/deployments/tour/shadow", json!({ "plugin": reception }))?;
    let refused = centre.api.try_delete(&format!("/v1/plugins/{reception}"))?;
    ensure!(refused.as_ref().is_err_and(|problem| problem.code() == "in-use"), "{refused:?}");
    called(&centre, &mut events, "tour-ask", &["9"])?;
    shadow(&centre, "tour", "contacts", 1)?;

    let removed = ["shadow", "tour", "--remove", "--reason", "seen enough"];
    let removed: Vec<&str> = [&["deployment"], &removed[..]].concat();
    terminal.done(&removed, &["deployment tour: its shadow is ended: 1 contacts since", "diverged        1"])?;
    terminal.fails(&removed, &["tour has no shadow", "next: begin one with `cordboard deployment shadow tour"])?;
    let told = ["shadow-set", "friday", "shadow-removed", "seen enough"];
    terminal.done(&["deployment", "history", "tour"], &told)?;
    let removed = centre.api.try_delete(&format!("/v1/plugins/{reception}"))?;
    ensure!(removed.is_ok(), "{removed:?}");
    let elsewhere = plugin("probe-crm")?;
    let elsewhere = ["deployment", "shadow", "tour", elsewhere.to_str().context("a path")?];
    terminal.fails(&elsewhere, &["world-changed"])
}
