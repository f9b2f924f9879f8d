//! From the menu through the queue to an agent, and back to the flow.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_media::Clip;
use cordboard_trial::{Centre, RECEPTION, SUPPORT, Wire, continuous, recorded, tone_ms};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const SOON: Duration = Duration::from_secs(30);
const CALLER_HZ: f32 = 440.0;
const AGENT_HZ: f32 = 950.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_talks_with_the_agent_the_scorer_chose() -> Result<()> {
    let centre = Centre::ready()?;
    let skills = json!([{ "name": "banking", "min_level": 3 }]);
    centre.queue(SUPPORT, json!({ "scorer": "skills", "skills": skills, "wrap_up_ms": 2_000 }))?;
    let recordings = centre.data().with_extension("sound");
    let expert = centre.agent("201", "Bea", json!({ "banking": 9 }), Some(recordings.clone())).await?;
    let _fair = centre.agent("202", "Carl", json!({ "banking": 3 }), None).await?;
    let _beginner = centre.agent("203", "Dan", json!({ "banking": 1 }), None).await?;
    centre.api.agent("204", "Eve", json!({ "banking": 9 }))?;

    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), "+15550001")?;
    let mut call = wire.call(RECEPTION)?;
    call.answered(SOON)?;
    let contact = events.call_of("+15550001", SOON)?;
    events.wait_for("contact.asked", &contact, SOON)?;
    call.rtp.press("0");

    let ringing = expert.incoming(SOON).await.context("the expert's phone doesn't ring")?;
    let rang = SystemTime::now();
    ensure!(ringing.peer() == "+15550001", "the agent sees {}", ringing.peer());
    let pop = events.wait_for("contact.screen-pop", &contact, SOON)?;
    let offered = events.wait_for("contact.offered-to-agent", &contact, SOON)?;
    ensure!(pop.text("/agent") == "201" && offered.text("/agent") == "201", "{} {}", pop.event, offered.event);
    ensure!(pop.event["id"].as_str() < offered.event["id"].as_str() || pop.read_at <= offered.read_at, "order");
    ensure!(time_of(&pop.event)? <= rang, "the pop comes before the ring");
    ensure!(pop.text("/customer/id") == "1001", "{}", pop.event);
    ensure!(pop.text("/attributes/customer-name") == "Ada Lovelace", "{}", pop.event);
    ensure!(pop.data("/choices/0/answer") == "agent", "{}", pop.event);

    ringing.answer();
    events.wait_for("contact.connected", &contact, SOON)?;
    call.rtp.hum(Some(CALLER_HZ));
    let play = ringing.play(Arc::new(Clip::tone(AGENT_HZ, 2_000, 8_000)));
    ensure!(ringing.said(play, SOON).await, "the agent's tone never ends");
    ringing.hang_up();
    call.rtp.hum(None);

    events.wait(SOON, |told| told.contact() == contact && told.text("/question") == "survey")?;
    call.rtp.press("5");
    call.until_ended(SOON)?;
    continuous(&call.rtp.packets())?;
    let heard = tone_ms(&call.rtp.heard(), AGENT_HZ);
    ensure!(heard >= 1_500, "the caller heard {heard} ms of the agent");
    recorded(&recordings.join("201-1-heard.wav"), |samples| {
        let heard = tone_ms(samples, CALLER_HZ);
        ensure!(heard >= 1_000, "the agent heard {heard} ms of the caller");
        Ok(())
    })?;

    let states: Vec<String> = events
        .so_far()
        .iter()
        .filter(|told| told.kind() == "agent.changed" && told.text("/agent") == "201")
        .map(|told| told.text("/state").to_owned())
        .collect();
    ensure!(states.starts_with(&["reserved".into(), "on-contact".into(), "wrap-up".into()]), "{states:?}");
    centre.until_agent("201", "ready")?;
    judge_record(&centre.record(&contact)?)?;
    judge_decision(&centre, &contact)
}

fn judge_record(record: &Value) -> Result<()> {
    let visit = &record["visits"][0];
    ensure!(record["end"]["reason"] == "completed" && record["attributes"]["survey"] == "5", "{record}");
    ensure!(visit["queue"] == SUPPORT && visit["outcome"] == "answered", "{record}");
    ensure!(visit["agent"] == "201" && visit["talked_ms"].as_u64() >= Some(1_500), "{record}");
    let offer = &visit["offers"][0];
    ensure!(offer["agent"] == "201" && offer["result"] == "answered", "{record}");
    let times =
        [&record["offered_at"], &record["answered_at"], &visit["queued_at"], &visit["connected_at"], &visit["left_at"]];
    let times: Vec<&str> = times.into_iter().chain([&record["ended_at"]]).filter_map(Value::as_str).collect();
    ensure!(times.len() == 6 && times.is_sorted(), "{times:?}");
    Ok(())
}

fn judge_decision(centre: &Centre, contact: &str) -> Result<()> {
    let decisions = centre.api.get(&format!("/v1/contacts/{contact}/decisions"))?;
    let decision = &decisions["decisions"][0];
    ensure!(decision["queue"] == SUPPORT, "{decisions}");
    ensure!(decision["assigned"][0]["agent"] == "201", "{decision}");
    ensure!(decision["scored_by"] == "plugin", "{decision}");
    let score = |agent: &str| decision["scores"].as_array().into_iter().flatten().find(|score| score["agent"] == agent);
    let (best, other) = (score("201").context("no score of 201")?, score("202").context("no score of 202")?);
    ensure!(best["score"].as_f64() > other["score"].as_f64(), "{decision}");
    ensure!(best["parts"]["skill"].is_number() && best["parts"]["idle"].is_number(), "{best}");
    // Why nobody else: one lacks the level, one isn't there.
    for (agent, why) in [("203", "banking"), ("204", "signed-out")] {
        let out = decision["left_out"].as_array().into_iter().flatten().find(|out| out["agent"] == agent);
        let out = out.with_context(|| format!("{agent} is not left out: {decision}"))?;
        ensure!(out["detail"] == why, "{out}");
    }
    Ok(())
}

/// Of an event, by the host's clock, which is ours.
fn time_of(event: &Value) -> Result<SystemTime> {
    let text = event["time"].as_str().context("an event has a time")?;
    Ok(SystemTime::UNIX_EPOCH + Duration::from_millis(cordboard_trial::millis(text)?))
}
