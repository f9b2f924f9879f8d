//! The history of deployments: who did what, going back to any of it, two operators at once, and what is refused.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_client::{Answer, Client, ClientError, Expected, Token};
use cordboard_trial::{Centre, HostOptions, SUPPORT, Terminal, Wire, plugin};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
const NAME: &str = "/v1/deployments/front";

/// An operator of this name.
fn operator(centre: &Centre, name: &str) -> Result<Client> {
    let token = Token::new(centre.host.token()).context("a token")?;
    Ok(Client::new(centre.host.admin(), token)?.named(Some(name.into())))
}

/// What is there now, to be changed.
fn seen(client: &Client) -> Result<Expected> {
    Ok(client.find(NAME)?.as_ref().and_then(Answer::expected).unwrap_or(Expected::Absent))
}

fn with_greeting(digest: &str, greeting: &str) -> Value {
    json!({ "plugin": digest, "config": { "greeting": greeting } })
}

fn with_plan(digest: &str, greeting: &str, plan: Value) -> Value {
    let mut body = with_greeting(digest, greeting);
    body["plan"] = plan;
    body
}

fn five_percent() -> Value {
    json!({ "stages": [{ "weights": { "stable": 95, "canary": 5 } }] })
}

/// Its code, status and text.
fn refused(answer: Result<Answer, ClientError>) -> Result<(u16, String, String)> {
    match answer {
        Ok(answer) => anyhow::bail!("it was done: {}", answer.value),
        Err(ClientError::Refused { problem, .. }) => Ok((problem.status, problem.code, problem.detail)),
        Err(error) => Err(error.into()),
    }
}

/// What the history says, oldest first: number, who, what, whether there is a state.
fn told(client: &Client) -> Result<Vec<(u64, String, String, bool)>> {
    let history = client.get(&format!("{NAME}/history?limit=100"))?.value;
    ensure!(history["altered"] == json!([]) && history["before"].is_null(), "{history}");
    let steps = history["steps"].as_array().context("steps")?;
    let text = |step: &Value, name: &str| step[name].as_str().unwrap_or_default().to_owned();
    let one = |step: &Value| {
        (step["number"].as_u64().unwrap_or(0), text(step, "by"), text(step, "kind"), step["state"].is_object())
    };
    Ok(steps.iter().rev().map(one).collect())
}

#[test]
fn every_step_is_kept_and_any_state_comes_back_also_after_a_crash_and_a_deletion() -> Result<()> {
    let centre = Centre::start(HostOptions::default())?;
    let digest = centre.api.upload("reception")?;
    let (ann, bob) = (operator(&centre, "ann")?, operator(&centre, "bob")?);
    let greets = |client: &Client| anyhow::Ok(client.get(NAME)?.value["config"]["greeting"].clone());
    let first = ann.put(&format!("{NAME}?reason=new"), &with_greeting(&digest, "one"), &Expected::Absent)?.value;
    bob.put(NAME, &with_greeting(&digest, "two"), &seen(&bob)?)?;
    let tried = ann.put(&format!("{NAME}/canary"), &with_plan(&digest, "three", five_percent()), &seen(&ann)?)?.value;
    ensure!(tried["canary"]["stage"] == 0 && tried["config"]["greeting"] == "two", "{tried}");
    // What runs beside it goes first; then what was before.
    let back = bob.post(&format!("{NAME}/rollback"), &json!({}), &seen(&bob)?)?.value;
    ensure!(back["canary"].is_null() && back["config"]["greeting"] == "two", "{back}");
    bob.post(&format!("{NAME}/rollback"), &json!({ "to": 1, "reason": "it was good" }), &seen(&bob)?)?;
    let again = ann.get(NAME)?.value;
    ensure!(again["version"] == first["version"] && again["config"]["greeting"] == "one", "{again}");

    let kept = ann.get(&format!("{NAME}/history"))?.value;
    let centre = centre.crash()?;
    let (ann, bob) = (operator(&centre, "ann")?, operator(&centre, "bob")?);
    ensure!(ann.get(&format!("{NAME}/history"))?.value == kept, "a crash changed it");
    ensure!(greets(&ann)? == "one", "a crash changed what serves");
    let latest = &kept["steps"][0];
    ensure!(latest["why"] == "it was good" && latest["to"] == first["version"], "{latest}");
    ensure!(kept["steps"][4]["why"] == "new" && kept["steps"][4]["from"].is_null(), "{kept}");

    // Once it is gone, what it was can still come back; but not what was no state.
    ensure!(centre.api.try_delete(NAME)?.is_ok(), "nothing names it");
    ensure!(bob.find(NAME)?.is_none(), "it is still there");
    let (status, code, detail) =
        refused(bob.post(&format!("{NAME}/rollback"), &json!({ "to": 6 }), &Expected::Absent))?;
    ensure!((status, code.as_str()) == (409, "no-state") && detail.contains("deleted"), "{detail}");
    bob.post(&format!("{NAME}/rollback"), &json!({ "to": 2 }), &Expected::Absent)?;
    ensure!(greets(&bob)? == "two", "another state came back");
    // Through all of them there is one count.
    let expected = [
        ("ann", "deployed", true),
        ("bob", "deployed", true),
        ("ann", "canary-begun", true),
        ("bob", "canary-rolled-back", true),
        ("bob", "rolled-back", true),
        ("unnamed", "deleted", false),
        ("bob", "rolled-back", true),
    ];
    let expected: Vec<_> =
        (1..).zip(expected).map(|(n, (by, kind, state))| (n, by.into(), kind.into(), state)).collect();
    let got = told(&ann)?;
    ensure!(got == expected, "{got:?}");
    Ok(())
}

#[test]
fn of_two_operators_at_once_the_second_is_told_what_the_first_did() -> Result<()> {
    let centre = Centre::start(HostOptions::default())?;
    let digest = centre.api.upload("reception")?;
    let (ann, bob) = (operator(&centre, "ann")?, operator(&centre, "bob")?);
    ann.put(NAME, &with_greeting(&digest, "one"), &Expected::Absent)?;
    // Both saw the same; whoever comes second, knows by whom.
    let both = seen(&ann)?;
    ann.put(&format!("{NAME}?reason=ticket%207"), &with_greeting(&digest, "two"), &both)?;
    let changes: [(&str, Result<Answer, ClientError>); 4] = [
        ("put", bob.put(NAME, &with_greeting(&digest, "three"), &both)),
        ("canary", bob.put(&format!("{NAME}/canary"), &with_plan(&digest, "three", five_percent()), &both)),
        ("rollback", bob.post(&format!("{NAME}/rollback"), &json!({}), &both)),
        ("new", bob.put(NAME, &with_greeting(&digest, "three"), &Expected::Absent)),
    ];
    for (what, answer) in changes {
        let (status, _, detail) = refused(answer)?;
        let by_whom = detail.contains("step 2") && detail.contains("ann deployed") && detail.contains("(ticket 7)");
        ensure!(status == 412 && by_whom, "{what}: {status}: {detail}");
    }
    // At the same moment: one of them does it.
    let both = seen(&ann)?;
    let put = |client: &Client, greeting: &str| client.put(NAME, &with_greeting(&digest, greeting), &both);
    let answers = std::thread::scope(|scope| {
        let other = scope.spawn(|| put(&bob, "four"));
        [put(&ann, "five"), other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))]
    });
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    ensure!(done == 1, "{answers:?}");
    let steps = told(&ann)?;
    ensure!(steps.len() == 3, "what was refused is no step: {steps:?}");
    Ok(())
}

/// A canary that can't be meant, and what is said of it.
fn refused_canaries(flow: &str, scorer: &str) -> Vec<(Value, &'static str, &'static str)> {
    let rule = |when: Value| {
        let mut plan = five_percent();
        plan["rules"] = json!([when]);
        with_plan(flow, "two", plan)
    };
    let stages = |stages: Value| with_plan(flow, "two", json!({ "stages": stages }));
    let mut unknown = five_percent();
    unknown["guards"] = json!([{ "figure": "laughter" }]);
    vec![
        (stages(json!([{ "weights": { "stable": 95, "canary": 6 } }])), "weights-sum", "they must be 100"),
        (
            stages(
                json!([{ "weights": { "stable": 50, "canary": 50 }, "for_s": 1 }, { "weights": { "stable": 95, "canary": 5 } }]),
            ),
            "stages-fall",
            "a stage only adds contacts",
        ),
        (rule(json!({ "dialled": "999", "then": "canary" })), "rule-never-matches", "no entry point brings `999`"),
        (rule(json!({ "queue": "support", "then": "canary" })), "rule-never-matches", "isn't known when"),
        (with_plan(flow, "two", unknown), "unknown-figure", "`laughter` is not counted"),
        (with_plan(flow, "one", five_percent()), "same-version", "the version that serves"),
        (json!({ "plugin": scorer, "plan": five_percent() }), "world-changed", "the plugin is a scorer"),
        (json!({ "plugin": "0".repeat(64), "plan": five_percent() }), "not-found", ""),
    ]
}

#[test]
fn what_can_not_be_meant_is_refused_and_changes_nothing() -> Result<()> {
    let centre = Centre::start(HostOptions::default())?;
    let (flow, scorer) = (centre.api.upload("reception")?, centre.api.upload("skills-scorer")?);
    let ann = operator(&centre, "ann")?;
    let before = ann.put(NAME, &with_greeting(&flow, "one"), &Expected::Absent)?;
    centre.queue(SUPPORT, json!({}))?;
    centre.entry_point("main", &["100"], "front")?;
    let tag = before.expected().context("a revision")?;
    let back = |body: Value| ann.post(&format!("{NAME}/rollback"), &body, &tag);
    for (answer, status, expected) in [
        (back(json!({})), 409, "no-predecessor"),
        (back(json!({ "to": 99 })), 409, "no-step"),
        (ann.post(&format!("{NAME}/promote"), &json!({}), &tag), 409, "not-now"),
        (ann.put(NAME, &json!({ "plugin": scorer }), &tag), 422, "world-changed"),
    ] {
        let got = refused(answer)?;
        ensure!((got.0, got.1.as_str()) == (status, expected), "{got:?}, not {expected}");
    }
    for (body, expected, part) in refused_canaries(&flow, &scorer) {
        let (_, code, detail) = refused(ann.put(&format!("{NAME}/canary"), &body, &tag))?;
        ensure!(code == expected && detail.contains(part), "{code}, not {expected}: {detail}");
    }
    // Which queue it is for is known to a scorer; it must be there.
    centre.api.deploy("skills", &scorer, json!({}), &[])?;
    let mut plan = five_percent();
    plan["rules"] = json!([{ "queue": "nowhere", "then": "canary" }]);
    let body = json!({ "plugin": scorer, "limits": { "step_cpu_ms": 7 }, "plan": plan });
    let skills = ann.get("/v1/deployments/skills")?.expected().context("a revision")?;
    let (_, code, detail) = refused(ann.put("/v1/deployments/skills/canary", &body, &skills))?;
    ensure!(code == "rule-never-matches" && detail.contains("no queue `nowhere`"), "{code}: {detail}");
    ensure!(ann.get(NAME)?.value == before.value && told(&ann)?.len() == 1, "a refusal changed something");

    // Beside a canary there is nothing else, and it is as it was.
    let begun = ann.put(&format!("{NAME}/canary"), &with_plan(&flow, "two", five_percent()), &tag)?;
    let tag = begun.expected().context("a revision")?;
    for answer in [
        ann.put(&format!("{NAME}/canary"), &with_plan(&flow, "three", five_percent()), &tag),
        ann.put(NAME, &with_greeting(&flow, "three"), &tag),
    ] {
        let (status, code, detail) = refused(answer)?;
        ensure!(
            (status, code.as_str()) == (409, "not-now") && detail.contains("promote it or roll it back"),
            "{detail}"
        );
    }
    let now = ann.get(NAME)?;
    ensure!(
        now.tag == begun.tag && now.value["canary"]["version"] == begun.value["canary"]["version"],
        "{}",
        now.value
    );
    ensure!(told(&ann)?.len() == 2, "a refusal is a step");
    Ok(())
}

/// A call that a flow ends by itself.
fn call(centre: &Centre, number: &str) -> Result<String> {
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), number)?;
    let mut call = wire.call("tour-ask")?;
    call.answered(SOON)?;
    let contact = events.call_of(number, SOON)?;
    call.rtp.press("19");
    call.until_ended(SOON)?;
    let record = centre.record(&contact)?;
    Ok(record["versions"][0].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_canary_goes_on_in_its_stage_behind_a_restart_and_is_promoted() -> Result<()> {
    let centre = Centre::start(HostOptions::default())?;
    centre.queue(SUPPORT, json!({}))?;
    let digest = centre.api.upload("probe-flow")?;
    let config = json!({ "mode": "plain" });
    let stable = centre.api.deploy("front", &digest, config.clone(), &[])?;
    centre.entry_point("front", &["tour-ask"], "front")?;
    // Ann's contacts have it from the beginning, and everybody's when one of hers is over.
    let stage = |canary: u8| json!({ "weights": { "stable": 100 - canary, "canary": canary } });
    let mut first = stage(0);
    first["contacts"] = json!(1);
    let rules = json!([{ "caller": "+1555*", "then": "canary" }]);
    let body = json!({ "plugin": digest, "config": config, "limits": { "step_cpu_ms": 5_000 },
        "plan": { "stages": [first, stage(100)], "rules": rules } });
    let begun = centre.api.put(&format!("{NAME}/canary"), body)?;
    let version = begun["canary"]["version"].as_str().context("a canary")?.to_owned();
    ensure!(call(&centre, "+1666")? == stable, "nobody but Ann has it");
    ensure!(call(&centre, "+1555")? == version, "Ann has it");
    let in_stage = |now: &Value| now["canary"]["stage"] == 1;
    let now = centre.api.until(NAME, SOON, in_stage)?;
    ensure!(now["canary"]["figures"]["canary_contacts"] == 1 && now["version"] == stable.as_str(), "{now}");

    let centre = centre.restart()?;
    let now = centre.api.get(NAME)?;
    ensure!(in_stage(&now) && now["canary"]["version"] == version.as_str(), "{now}");
    let figures = &now["canary"]["figures"];
    ensure!(figures["canary_contacts"] == 0 && now["canary"]["stage_contacts"] == 0, "they begin anew: {figures}");
    ensure!(call(&centre, "+1666")? == version, "everybody has it now");

    let ann = operator(&centre, "ann")?;
    let done = ann.post(&format!("{NAME}/promote"), &json!({ "reason": "good enough" }), &seen(&ann)?)?.value;
    ensure!(done["canary"].is_null() && done["version"] == version.as_str(), "{done}");
    ensure!(done["previous"] == stable.as_str(), "{done}");
    let history = ann.get(&format!("{NAME}/history"))?.value;
    let step = |at: usize| history["steps"][at].clone();
    ensure!(
        step(0)["kind"] == "canary-promoted" && step(0)["why"] == "good enough" && step(0)["by"] == "ann",
        "{history}"
    );
    ensure!(step(0)["figures"]["canary_contacts"] == 1, "{history}");
    ensure!(step(1)["kind"] == "canary-advanced" && step(1)["by"] == "cordboard", "{history}");
    ensure!(step(2)["kind"] == "canary-begun" && step(2)["figures"].is_null(), "{history}");
    // What served is gone back to like anything else.
    ann.post(&format!("{NAME}/rollback"), &json!({}), &seen(&ann)?)?;
    ensure!(call(&centre, "+1777")? == stable, "what served before serves again");
    Ok(())
}

#[test]
fn an_operator_types_it() -> Result<()> {
    let centre = Centre::start(HostOptions::default())?;
    let terminal = Terminal::new(&centre)?;
    let file = plugin("reception")?;
    let wasm = file.to_str().context("a path")?;
    terminal.done(&["deployment", "list"], &["no deployments on", "next: cordboard plugin push"])?;
    terminal.fails(&["deployment", "show", "front"], &["there is no deployment `front`", "deployment list"])?;
    let deploy = ["plugin", "deploy", wasm, "--deployment", "front", "--as", "ann", "--reason", "the first"];
    terminal.done(&deploy, &["reception 0.1.0 (", "deployment front: new"])?;
    terminal.fails(&["deployment", "rollback", "front"], &["has served nothing else before", "deployment history"])?;
    terminal.fails(&["deployment", "promote", "front"], &["front has no canary", "deployment canary front"])?;
    terminal.fails(&["deployment", "promote", "front", "--as", "a b"], &["--as is no operator's name"])?;

    let plan = terminal.home().join("plan.json");
    std::fs::write(&plan, json!({ "guards": [{ "figure": "traps", "minimum": 3 }], "sticky": "caller" }).to_string())?;
    let plan = plan.to_str().context("a path")?;
    let canary =
        ["deployment", "canary", "front", wasm, "--config", "greeting=Hi", "--plan", plan, "--reason", "friday"];
    terminal.done(
        &canary,
        &[
            "tries reception 0.1.0 (",
            "on 1 % of new contacts",
            "1 %, 10 %, 50 %, 100 %, each for 10m and 200 contacts, then it serves alone",
            "guards      traps\n",
        ],
    )?;
    let shows =
        ["stage       1 of 4", "whoever calls again", "traps             0 of 0  0 of 0  no worse, from 3 contacts"];
    terminal.done(&["deployment", "show", "front"], &shows)?;
    terminal.done(&["deployment", "list"], &["NAME   WORLD", ", 1 %"])?;
    terminal.fails(&canary, &["front has a canary", "deployment promote front"])?;
    let another = ["plugin", "deploy", "reception", "--deployment", "front", "--config", "greeting=Ho"];
    terminal.fails(&another, &["front has a canary", "deployment rollback front"])?;
    terminal.fails(&["deployment", "rollback", "front", "--to", "9"], &["step 9 of `front` is none"])?;
    terminal.done(&["deployment", "rollback", "front"], &["is taken back", "serves all new contacts"])?;

    terminal.done(
        &["deployment", "canary", "front", "reception", "--config", "greeting=Hi", "--weight", "5"],
        &["on 5 % of"],
    )?;
    let promote = ["deployment", "promote", "front", "--reason", "good enough"];
    terminal.done(&promote, &["still serves", "+greeting", "deployment rollback front takes that back"])?;
    let said = terminal.done(&["deployment", "history", "front", "--limit", "4"], &["history front --limit 20"])?;
    for part in ["5     20", "tester  canary-promoted", "canary beside stable: 0 | 0 contacts", "good enough", "friday"]
    {
        ensure!(said.contains(part), "{part}: {said}");
    }
    let all = terminal.done(&["deployment", "history", "front", "--json"], &[])?;
    let all: Value = serde_json::from_str(&all)?;
    ensure!(all["steps"][4]["by"] == "ann" && all["steps"][4]["why"] == "the first", "{all}");
    // A step behind the canary's, beside another canary: both in one command.
    terminal.done(
        &["deployment", "canary", "front", "reception", "--config", "greeting=Ho", "--weight", "5"],
        &["on 5 %"],
    )?;
    terminal.done(&["deployment", "rollback", "front", "--to", "1"], &["is taken back", "-greeting"])?;
    ensure!(centre.api.get(NAME)?["config"] == json!({}), "the first state is back");
    Ok(())
}
