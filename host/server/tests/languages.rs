//! What authors begin with, in real calls: the example flow, scorer and directory of each language work together, make the same
//! host calls, and take each other's calls over. More callers with `CORDBOARD_CALLS`.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

#[path = "../../author/tests/made/mod.rs"]
mod made;

use anyhow::{Context as _, Result, ensure};
use cordboard_author::{Lang, Project, World};
use cordboard_phone::Phone;
use cordboard_trial::{Centre, HostOptions, SUPPORT, Stream, Told, Wire, WireCall, binary, continuous};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);
const NUMBER: &str = "200";
const ADA: &str = "+15550001";

/// What the example does in the call below, in whatever language: the calls in the journal.
const CALLS: &str = include_str!("languages/journal.txt");

fn upload(centre: &Centre, project: &Project) -> Result<String> {
    let (component, manifest) = (std::fs::read(project.component())?, std::fs::read(project.manifest())?);
    let parts = [("component", component.as_slice()), ("manifest", manifest.as_slice())];
    let answer = centre.api.try_upload(&parts)?;
    let answer = answer.map_err(|problem| anyhow::anyhow!("{}: {}", project.name, problem.body))?;
    Ok(answer["digest"].as_str().context("a digest")?.to_owned())
}

/// The directory asks the bank, the queue the scorer, both of this language.
fn who_is_asked(centre: &Centre, lang: Lang) -> Result<()> {
    let plugin = |world| upload(centre, &made::made(world, lang));
    let bank = centre.bank.url();
    centre.api.deploy("crm", &plugin(World::Crm)?, json!({ "base-url": bank }), &[bank])?;
    centre.api.deploy("skills", &plugin(World::Scorer)?, json!({}), &[])?;
    Ok(())
}

/// A centre where the three plugins of a language serve.
fn centre(lang: Lang) -> Result<Centre> {
    // Compiling has the lowest priority, and the machine may be busy.
    let config = "[plugins]\ncompile_timeout_s = 1200\n".into();
    let sip = "calls_per_second = 1000\n".into();
    let centre = Centre::start(HostOptions { config, sip, ..HostOptions::default() })?;
    who_is_asked(&centre, lang)?;
    let banking = json!([{ "name": "banking", "min_level": 1 }]);
    centre.queue(SUPPORT, json!({ "scorer": "skills", "skills": banking }))?;
    centre.api.put("/v1/settings", centre.settings(json!({ "default_directory": "crm" }))?)?;
    let flow = upload(&centre, &made::made(World::Flow, lang))?;
    centre.api.deploy("flow", &flow, json!({ "queue": SUPPORT }), &[])?;
    centre.entry_point("flow", &[NUMBER], "flow")?;
    Ok(centre)
}

fn said(events: &mut Stream, contact: &str, words: &str) -> Result<Told> {
    let fits = |told: &Told| told.contact() == contact && told.text("/text").contains(words);
    events.wait(SOON, |told| fits(told) && matches!(told.kind(), "contact.said" | "contact.asked"))
}

/// Everybody calls, hears the balance, and is in the queue.
fn to_the_queue<'a>(wires: &'a [(String, Wire)], events: &mut Stream) -> Result<Vec<(WireCall<'a>, String)>> {
    let mut waiting = Vec::new();
    for (number, wire) in wires {
        let mut call = wire.call(NUMBER)?;
        call.answered(SOON)?;
        // Typed ahead of both questions.
        call.rtp.press("10");
        waiting.push((call, events.call_of(number, SOON)?));
    }
    for (_, contact) in &waiting {
        events.wait_for("contact.queued", contact, SOON)?;
    }
    Ok(waiting)
}

/// The calls in the journal, a line each.
fn calls(centre: &Centre, contact: &str) -> Result<Vec<String>> {
    let entries = centre.journal(contact)?;
    let calls = entries.iter().filter(|entry| entry["kind"] == "call");
    Ok(calls.map(|entry| format!("{} {}", entry["request"].as_str().unwrap_or_default(), entry["args"])).collect())
}

fn serve_a_call(centre: &Centre) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let expert = centre.agent("201", "Bea", json!({ "banking": 9 }), None).await?;
        let _fair = centre.agent("202", "Carl", json!({ "banking": 3 }), None).await?;
        let mut events = centre.events()?;
        let wire = Wire::open(centre.host.sip(), ADA)?;
        let mut call = wire.call(NUMBER)?;
        call.answered(SOON)?;
        let contact = events.call_of(ADA, SOON)?;
        said(&mut events, &contact, "Hello, Ada Lovelace.")?;
        events.wait_for("contact.asked", &contact, SOON)?;
        call.rtp.press("1");
        said(&mut events, &contact, "Your balance is 1234.56 USD Your payment is due on 2026-12-24")?;
        call.rtp.press("0");
        let ringing = expert.incoming(SOON).await.context("the better skilled agent's phone doesn't ring")?;
        ringing.answer();
        events.wait_for("contact.connected", &contact, SOON)?;
        ringing.hang_up();
        said(&mut events, &contact, "Thank you for calling. Goodbye.")?;
        call.until_ended(SOON)?;
        continuous(&call.rtp.packets())?;

        let record = centre.record(&contact)?;
        ensure!(record["end"]["reason"] == "completed" && record["stepped_down"].is_null(), "{record}");
        ensure!(record["attributes"]["customer-id"] == "1001" && record["visits"][0]["agent"] == "201", "{record}");
        let decisions = centre.api.get(&format!("/v1/contacts/{contact}/decisions"))?;
        let decision = &decisions["decisions"][0];
        ensure!(decision["scored_by"] == "plugin" && decision["assigned"][0]["agent"] == "201", "{decision}");
        ensure!(decision["scores"][0]["parts"]["skill"].is_number(), "{decision}");
        let made = calls(centre, &contact)?;
        ensure!(made.iter().eq(CALLS.lines()), "{made:#?}");
        Ok(())
    })
}

#[test]
fn the_examples_in_rust_serve_a_call() -> Result<()> {
    serve_a_call(&centre(Lang::Rust)?)
}

#[test]
fn the_examples_in_javascript_serve_a_call() -> Result<()> {
    serve_a_call(&centre(Lang::Js)?)
}

#[test]
fn the_examples_in_c_by_zig_serve_a_call() -> Result<()> {
    serve_a_call(&centre(Lang::C)?)
}

fn state(centre: &Centre, agent: &str, state: &str) -> Result<Value> {
    centre.api.put(&format!("/v1/agents/{agent}/state"), json!({ "state": state }))
}

/// Answers whatever rings, and hangs up once they talk.
async fn serve(phone: Phone) {
    while let Some(ringing) = phone.incoming(SOON).await {
        ringing.answer();
        if ringing.answered(SOON).await {
            ringing.hang_up();
        }
    }
}

/// What became of those who waited.
fn judge(centre: &Centre, waiting: &mut [(WireCall<'_>, String)], versions: &[Value; 2]) -> Result<()> {
    for (call, contact) in waiting {
        call.until_ended(SOON)?;
        continuous(&call.rtp.packets())?;
        let record = centre.record(contact)?;
        ensure!(record["versions"] == json!(versions) && record["stepped_down"].is_null(), "{record}");
        ensure!(record["end"]["reason"] == "completed" && record["visits"][0]["outcome"] == "answered", "{record}");
    }
    Ok(())
}

/// Callers wait in the queue in JavaScript, go over to Python, and are answered there. What is in Python takes long to be
/// compiled: so it serves a call here, too.
#[test]
fn callers_in_javascript_go_over_to_the_examples_in_python_which_serve_a_call() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let count = std::env::var("CORDBOARD_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(30);
    let centre = centre(Lang::Js)?;
    let python = upload(&centre, &made::made(World::Flow, Lang::Python))?;
    // Compiled before anybody waits for it.
    centre.api.deploy("python", &python, json!({ "queue": SUPPORT }), &[])?;
    let agents = ["301", "302", "303", "304"];
    let phones = runtime.block_on(async {
        let mut phones = Vec::new();
        for id in agents {
            phones.push(centre.agent(id, "An agent", json!({ "banking": 5 }), None).await?);
            state(&centre, id, "not-ready")?;
        }
        anyhow::Ok(phones)
    })?;
    let mut events = centre.events()?;
    let wires: Vec<(String, Wire)> = (0..count)
        .map(|n| format!("+1558{n:06}"))
        .map(|number| Ok((number.clone(), Wire::open(centre.host.sip(), &number)?)))
        .collect::<Result<_>>()?;
    let mut waiting = to_the_queue(&wires, &mut events)?;
    let first = centre.api.get("/v1/deployments/flow")?["version"].clone();
    let began = Instant::now();
    let body = json!({ "plugin": python, "config": { "queue": SUPPORT }, "migration": "migrate" });
    let second = centre.api.put("/v1/deployments/flow", body)?["version"].clone();
    centre.api.until("/v1/deployments/flow", SOON, |it| it["moved"]["migrated"] == count)?;
    eprintln!("{count} waiting calls went from JavaScript to Python in {:?}", began.elapsed());

    runtime.block_on(async {
        let mut serving = tokio::task::JoinSet::new();
        for (id, phone) in agents.into_iter().zip(phones) {
            serving.spawn(serve(phone));
            state(&centre, id, "ready")?;
        }
        tokio::task::block_in_place(|| judge(&centre, &mut waiting, &[first, second]))
    })?;
    for id in agents {
        state(&centre, id, "not-ready")?;
    }
    who_is_asked(&centre, Lang::Python)?;
    serve_a_call(&centre)
}

/// Nearly as many calls of the host as a journal has room for, and the memory of the beginning.
#[test]
fn a_flow_in_c_by_zig_keeps_nothing_from_step_to_step() -> Result<()> {
    let room = tempfile::tempdir()?;
    let folder = cordboard_author::scaffold(room.path(), World::Flow, Lang::C, "steps")?.folder;
    std::fs::write(folder.join("main.c"), include_str!("languages/steps.c"))?;
    let script = folder.join("steps.yaml");
    // Large enough that a part of it that stayed would be a page in the end.
    let fields: Vec<String> = (0..200).map(|n| format!("field-{n}: \"{}\"", "x".repeat(64))).collect();
    let fields = fields.join(", ");
    std::fs::write(
        &script,
        format!(
            "caller: {{number: \"+15550001\", dials: \"100\"}}\nconversation: [asked: again]\nends: completed\n\
             directory: [{{kind: phone, answers: {{id: a, name: Ada, fields: {{name: Ada Lovelace, {fields}}}}}}}]\n"
        ),
    )?;
    let project = Project::open(&folder)?;
    cordboard_author::build(&project)?;
    let mut simulate = Command::new(binary("cordboard")?);
    simulate.args(["flow", "simulate"]).arg(script).arg(project.component()).arg("--cache").arg(room.path());
    let played = simulate.output()?;
    ensure!(played.status.success(), "{}", String::from_utf8_lossy(&played.stdout));
    Ok(())
}
