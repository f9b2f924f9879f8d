//! Who waits: abandoned, offered in vain, told of the place, and an agent who turns up late.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_phone::CallEnd;
use cordboard_trial::{Centre, RECEPTION, SUPPORT, Stream, Wire, WireCall, sound_ms, together, tried};
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// A call that waits in the queue.
fn waiting<'a>(events: &mut Stream, wire: &'a Wire, to: &str, number: &str) -> Result<(WireCall<'a>, String)> {
    let mut call = wire.call(to)?;
    call.answered(SOON)?;
    let contact = events.call_of(number, SOON)?;
    events.wait_for("contact.asked", &contact, SOON)?;
    call.rtp.press("0");
    events.wait_for("contact.queued", &contact, SOON)?;
    Ok((call, contact))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_offer_goes_to_the_next_agent() -> Result<()> {
    let centre = Centre::ready()?;
    centre.queue(SUPPORT, json!({ "scorer": "skills", "offer_timeout_ms": 1_500 }))?;
    let deaf = centre.agent("201", "Bea", json!({ "banking": 9 }), None).await?;
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), "+15550001")?;
    let (mut call, contact) = waiting(&mut events, &wire, RECEPTION, "+15550001")?;

    let missed = deaf.incoming(SOON).await.context("the first phone doesn't ring")?;
    // The next one is there only when the first has been rung: so it is clear who is first.
    let rude = centre.agent("202", "Carl", json!({ "banking": 5 }), None).await?;
    ensure!(missed.ended(SOON).await == Some(CallEnd::Cancelled), "the offer is taken back");
    let declined = rude.incoming(SOON).await.context("the second phone doesn't ring")?;
    let kind = centre.agent("203", "Dan", json!({ "banking": 1 }), None).await?;
    declined.decline();
    let answered = kind.incoming(SOON).await.context("the third phone doesn't ring")?;
    answered.answer();
    events.wait_for("contact.connected", &contact, SOON)?;
    // The person leaves first: the agent's leg ends too.
    call.hang_up()?;
    ensure!(answered.ended(SOON).await == Some(CallEnd::RemoteHungUp), "the agent's leg ends");

    let record = centre.record(&contact)?;
    let offers = record["visits"][0]["offers"].as_array().context("offers")?;
    let offers: Vec<_> = offers.iter().map(|offer| (offer["agent"].as_str(), offer["result"].as_str())).collect();
    let expected = [("201", "timed-out"), ("202", "declined"), ("203", "answered")];
    ensure!(offers == expected.map(|(agent, result)| (Some(agent), Some(result))), "{offers:?}");
    ensure!(record["end"]["reason"] == "hung-up" && record["visits"][0]["outcome"] == "answered", "{record}");
    // Who lets it ring is not asked again until back.
    let state = centre.until_agent("201", "not-ready")?;
    ensure!(state["reason"] == "missed-offer", "{state}");

    // The caller gives up while a phone rings: it stops.
    let late_wire = Wire::open(centre.host.sip(), "+15550002")?;
    let (mut late, gone) = waiting(&mut events, &late_wire, RECEPTION, "+15550002")?;
    let ringing = kind.incoming(SOON).await.context("the phone doesn't ring again")?;
    late.hang_up()?;
    ensure!(ringing.ended(SOON).await == Some(CallEnd::Cancelled), "the phone rings on");
    let record = centre.record(&gone)?;
    ensure!(record["visits"][0]["offers"][0]["result"] == "withdrawn", "{record}");
    ensure!(record["visits"][0]["outcome"] == "abandoned", "{record}");
    centre.until_agent("203", "ready").map(drop)
}

#[test]
fn those_who_wait_hear_music_and_their_place() -> Result<()> {
    let centre = Centre::ready()?;
    together(
        &centre,
        &[
            ("the place is announced", the_place_is_announced),
            ("who waits hears music", who_waits_hears_music),
            ("who hangs up is gone", who_hangs_up_is_gone),
        ],
    )
}

/// In a queue without music, what is heard after a silence is the place.
fn the_place_is_announced(centre: &Centre) -> Result<()> {
    centre.queue("quiet", json!({ "music": null }))?;
    let plugin = centre.api.get("/v1/deployments/reception")?["plugin"].as_str().unwrap_or_default().to_owned();
    centre.api.deploy("quiet", &plugin, json!({ "queue": "quiet" }), &[])?;
    centre.entry_point("quiet", &["200"], "quiet")?;
    let mut events = centre.events()?;
    let wires = [Wire::open(centre.host.sip(), "+15550001")?, Wire::open(centre.host.sip(), "+15550002")?];
    let (mut first, _) = waiting(&mut events, &wires[0], "200", "+15550001")?;
    let (mut second, behind) = waiting(&mut events, &wires[1], "200", "+15550002")?;
    let queued = events.wait_for("contact.queued", &behind, SOON)?;
    ensure!(queued.data("/position") == &json!(2), "{}", queued.event);
    let began = second.rtp.heard().len();
    tried(Duration::from_secs(60), || {
        let heard = second.rtp.heard();
        let since = heard.get(began..).unwrap_or_default();
        // After what is said on entering: two seconds of nothing, then words.
        let quiet = since.windows(16_000).step_by(4_000).position(|window| sound_ms(window) == 0);
        let quiet = quiet.context("it never gets quiet")?;
        let said = sound_ms(since.get(quiet * 4_000 + 16_000..).unwrap_or_default());
        ensure!(said >= 800, "{said} ms of words after the silence");
        Ok(())
    })?;
    second.hang_up()?;
    first.hang_up()
}

fn who_waits_hears_music(centre: &Centre) -> Result<()> {
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), "+15550004")?;
    let (mut call, contact) = waiting(&mut events, &wire, RECEPTION, "+15550004")?;
    let began = call.rtp.heard().len();
    tried(SOON, || {
        let heard = sound_ms(call.rtp.heard().get(began..).unwrap_or_default());
        ensure!(heard >= 6_000, "{heard} ms of music");
        Ok(())
    })?;
    call.hang_up()?;
    let record = centre.record(&contact)?;
    ensure!(record["visits"][0]["queue"] == SUPPORT, "{record}");
    Ok(())
}

fn who_hangs_up_is_gone(centre: &Centre) -> Result<()> {
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), "+15550003")?;
    let (mut call, contact) = waiting(&mut events, &wire, RECEPTION, "+15550003")?;
    call.hang_up()?;
    let left = events.wait_for("contact.left-queue", &contact, SOON)?;
    ensure!(left.text("/outcome") == "abandoned", "{}", left.event);
    let record = centre.record(&contact)?;
    ensure!(record["end"]["reason"] == "hung-up" && record["visits"][0]["offers"] == json!([]), "{record}");
    Ok(())
}
