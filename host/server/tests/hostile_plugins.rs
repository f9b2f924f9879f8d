//! Plugins that misbehave: whoever calls them is helped all the same, and nobody else hears of it.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, RECEPTION, SUPPORT, Wire, WireCall, continuous, sound_ms};
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(180);

/// What the probe does, by the number dialled, and how its failure is called.
const BEHAVIOURS: [(&str, &str); 7] = [
    ("loop", "deadline"),
    ("loop-after-call", "deadline"),
    ("alloc", "limit"),
    ("trap", "trap"),
    ("recurse", "trap"),
    ("exit", "trap"),
    ("err", "guest-error"),
];
/// The host lets it call a hundred times a second and ten thousand times; then every call fails at once, and who goes on
/// regardless runs out of CPU time.
const FLOOD: (&str, &str) = ("flood", "deadline");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_calls_a_failing_flow_reaches_an_agent() -> Result<()> {
    let mut centre = Centre::ready()?;
    let probe = centre.api.upload("probe-flow")?;
    centre.api.deploy("probe", &probe, json!({}), &[])?;
    let numbers: Vec<&str> = BEHAVIOURS.iter().chain([&FLOOD]).map(|(number, _)| *number).collect();
    centre.entry_point("probe", &numbers, "probe")?;
    let agent = centre.agent("201", "Bea", json!({}), None).await?;
    let mut events = centre.events()?;

    // A neighbour, in reception's menu all the while.
    let neighbour_wire = Wire::open(centre.host.sip(), "+15550001")?;
    let mut neighbour = neighbour_wire.call(RECEPTION)?;
    neighbour.answered(SOON)?;
    let beside = events.call_of("+15550001", SOON)?;
    events.wait_for("contact.asked", &beside, SOON)?;

    // It takes longest to end, so it begins first.
    let flood_wire = Wire::open(centre.host.sip(), "+1556-flood")?;
    let mut flood = flood_wire.call(FLOOD.0)?;
    for (number, failure) in BEHAVIOURS {
        let wire = Wire::open(centre.host.sip(), &format!("+1556-{number}"))?;
        let mut call = wire.call(number)?;
        let helped = fails_and_is_helped(&centre, &mut events, &agent, &mut call, (number, failure)).await;
        helped.with_context(|| number.to_owned())?;
        neighbour.rtp.press("9");
    }
    // The menu is still open, or begun anew by 9.
    let last = events.of(&beside).last().map(|told| told.read_at).context("events")?;
    neighbour.rtp.press("1");
    events.wait(SOON, |told| {
        told.contact() == beside && told.read_at > last && told.text("/text").starts_with("Your balance")
    })?;
    neighbour.hang_up()?;
    continuous(&neighbour.rtp.packets())?;
    let record = centre.record(&beside)?;
    ensure!(record["stepped_down"].is_null(), "{record}");
    fails_and_is_helped(&centre, &mut events, &agent, &mut flood, FLOOD).await.context("flood")?;
    centre.alive()
}

async fn fails_and_is_helped(
    centre: &Centre,
    events: &mut cordboard_trial::Stream,
    agent: &cordboard_phone::Phone,
    call: &mut WireCall<'_>,
    (number, failure): (&str, &str),
) -> Result<()> {
    centre.until_agent("201", "ready")?;
    call.answered(SOON)?;
    let contact = events.call_of(&format!("+1556-{number}"), SOON)?;
    let ended = events.wait_for("contact.flow-ended", &contact, SOON)?;
    ensure!(ended.event["data"].to_string().contains(failure), "{}", ended.event);
    let down = events.wait_for("contact.stepped-down", &contact, SOON)?;
    ensure!(down.text("/queue") == SUPPORT && down.text("/reason").starts_with(failure), "{}", down.event);
    let ringing = agent.incoming(SOON).await.context("no agent's phone rings")?;
    ringing.answer();
    events.wait_for("contact.connected", &contact, SOON)?;
    ensure!(sound_ms(&call.rtp.heard()) >= 1_000, "no apology is heard");
    ringing.hang_up();
    call.until_ended(SOON)?;
    let record = centre.record(&contact)?;
    ensure!(record["stepped_down"].as_str().is_some_and(|why| why.starts_with(failure)), "{record}");
    ensure!(record["visits"][0]["outcome"] == "answered", "{record}");
    Ok(())
}

#[test]
fn what_is_no_plugin_is_refused_by_name() -> Result<()> {
    let centre = Centre::start(Default::default())?;
    let flow = std::fs::read(cordboard_trial::plugin("reception")?)?;
    let mut broken = flow.clone();
    broken.truncate(flow.len() / 2);
    // A core module, not a component: magic and version only.
    let module = b"\0asm\x01\0\0\0".to_vec();
    // A component without anything in it.
    let empty = b"\0asm\x0d\0\x01\0".to_vec();
    let cases: [(&str, Vec<u8>); 5] = [
        ("nothing", Vec::new()),
        ("text", b"#!/bin/sh\necho hello\n".to_vec()),
        ("half of a component", broken),
        ("a core module", module),
        ("a component of no world", empty),
    ];
    for (what, body) in cases {
        let problem = centre.api.try_post("/v1/plugins", "application/wasm", &body)?;
        let problem = problem.err().with_context(|| format!("{what} is taken"))?;
        ensure!((400..500).contains(&problem.status), "{what}: {problem:?}");
        ensure!(!problem.code().is_empty() && problem.code() != "internal", "{what}: {problem:?}");
        ensure!(problem.body["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{what}: {problem:?}");
    }
    let problem = centre.api.try_post("/v1/plugins", "application/wasm", &wants_sockets()?)?.err();
    let problem = problem.context("a flow with sockets of its own is taken")?;
    ensure!(
        problem.status == 422 && problem.body["detail"].as_str().is_some_and(|it| it.contains("wasi:sockets")),
        "{problem:?}"
    );
    ensure!(centre.api.get("/v1/plugins")?["plugins"] == json!([]), "nothing is kept of them");
    // What is refused changes nothing; what is right is taken afterwards.
    let digest = centre.api.upload("reception")?;
    let absent = "0".repeat(64);
    let answer =
        centre.api.try_put("/v1/deployments/x", &json!({ "plugin": absent }))?.err().context("no such plugin")?;
    ensure!((400..500).contains(&answer.status), "{answer:?}");
    centre.api.deploy("x", &digest, json!({}), &[]).map(drop)
}

/// A component that imports what no flow may: sockets.
fn wants_sockets() -> Result<Vec<u8>> {
    let mut component = std::fs::read(cordboard_trial::plugin("reception")?)?;
    // Same length, other name: the import's name occurs in the component as plain bytes.
    let (from, to) = (b"wasi:config/store@0.2.0-rc.1", b"wasi:sockets/tcp@0.2.0-rc.12");
    let mut found = 0;
    for at in 0..component.len().saturating_sub(from.len()) {
        if component.get(at..at + from.len()) == Some(from) {
            component.splice(at..at + from.len(), *to);
            found += 1;
        }
    }
    ensure!(found > 0, "reception has no configuration any more: choose another import");
    Ok(component)
}
