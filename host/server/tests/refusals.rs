//! Calls that are not taken, each with its answer.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, HostOptions, Message, RECEPTION, Wire};
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

fn refused(centre: &Centre, number: &str) -> Result<Message> {
    Wire::open(centre.host.sip(), "+15550009")?.call(number)?.outcome(SOON)
}

#[test]
fn each_refusal_has_its_code() -> Result<()> {
    let centre = Centre::ready()?;
    let mut events = centre.events()?;
    ensure!(refused(&centre, "987654")?.status() == Some(404), "a number that leads nowhere");
    events.wait(SOON, |told| told.kind() == "contact.refused" && told.text("/cause") == "not-found")?;
    for number in ["112", "911"] {
        ensure!(refused(&centre, number)?.status() == Some(403), "{number} is an emergency number");
        events.wait(SOON, |told| {
            told.kind() == "contact.refused"
                && told.text("/cause") == "emergency"
                && told.text("/dialled/number") == number
        })?;
    }
    // Even if a pattern would take it.
    centre.entry_point("all", &["*"], "reception")?;
    ensure!(refused(&centre, "112")?.status() == Some(403), "an emergency number is never an entry point");

    let options = Wire::open(centre.host.sip(), "+15550009")?.request("OPTIONS", RECEPTION)?;
    ensure!(options.status() == Some(200), "{}", options.start());
    ensure!(options.header("allow").is_some_and(|allow| allow.contains("INVITE")), "{options:?}");
    let unknown = Wire::open(centre.host.sip(), "+15550009")?.request("DANCE", RECEPTION)?;
    ensure!(unknown.status() == Some(501), "{}", unknown.start());
    let unwanted = Wire::open(centre.host.sip(), "+15550009")?.request("SUBSCRIBE", RECEPTION)?;
    ensure!(unwanted.status() == Some(405), "{}", unwanted.start());

    // No trunk, no registration: proof is asked for, and a wrong one is refused.
    centre.api.put("/v1/trunks/local", json!({ "peers": ["192.0.2.1"] }))?;
    let challenged = refused(&centre, RECEPTION)?;
    ensure!(challenged.status() == Some(401), "{}", challenged.start());
    ensure!(challenged.header("www-authenticate").is_some_and(|it| it.contains("nonce=")), "{challenged:?}");
    centre.api.put("/v1/trunks/local", json!({ "peers": ["127.0.0.0/8"] }))?;
    let wire = Wire::open(centre.host.sip(), "+15550009")?;
    let mut call = wire.call(RECEPTION)?;
    call.answered(SOON)?;
    call.hang_up()?;
    let metrics = centre.api.get("/metrics")?;
    ensure!(metrics.as_str().is_some_and(|text| text.contains("cordboard_")), "there are figures");
    Ok(())
}

#[test]
fn too_many_calls_are_told_when_to_come_back() -> Result<()> {
    let options = HostOptions { sip: "max_calls = 3".into(), ..HostOptions::default() };
    let centre = Centre::start(options)?;
    centre.set_up()?;
    let wires: Vec<_> = (0..3).map(|_| Wire::open(centre.host.sip(), "+15550001")).collect::<Result<_>>()?;
    let mut calls = wires.iter().map(|wire| wire.call(RECEPTION)).collect::<Result<Vec<_>>>()?;
    calls.iter_mut().try_for_each(|call| call.answered(SOON))?;
    let busy = refused(&centre, RECEPTION)?;
    ensure!(busy.status() == Some(503), "{}", busy.start());
    let retry: u64 = busy.header("retry-after").context("Retry-After")?.parse()?;
    ensure!((1..=60).contains(&retry), "{retry}");
    calls.first_mut().context("a call")?.hang_up()?;
    // Once one is gone, the next is taken.
    let wire = Wire::open(centre.host.sip(), "+15550002")?;
    let mut call = cordboard_trial::tried(SOON, || {
        let mut call = wire.call(RECEPTION)?;
        call.answered(SOON)?;
        Ok(call)
    })?;
    call.hang_up()?;

    // The same by the settings, which the board keeps.
    centre.api.put("/v1/settings", centre.settings(json!({ "max_contacts": 1 }))?)?;
    let mut events = centre.events()?;
    let busy = refused(&centre, RECEPTION)?;
    ensure!(busy.status() == Some(503) && busy.header("retry-after").is_some(), "{}", busy.start());
    events.wait(SOON, |told| told.kind() == "contact.refused" && told.text("/cause") == "busy")?;
    calls.iter_mut().skip(1).try_for_each(|call| call.hang_up())
}

#[test]
fn calls_beyond_the_rate_are_refused_before_they_begin() -> Result<()> {
    let options = HostOptions { sip: "calls_per_second = 2".into(), ..HostOptions::default() };
    let centre = Centre::start(options)?;
    let mut codes = Vec::new();
    // Nothing is set up: a call that is let in gets 404.
    for _ in 0..12 {
        codes.push(refused(&centre, RECEPTION)?.status());
    }
    ensure!(codes.contains(&Some(404)) && codes.contains(&Some(503)), "{codes:?}");
    cordboard_trial::tried(SOON, || {
        let code = refused(&centre, RECEPTION)?.status();
        ensure!(code == Some(404), "{code:?}");
        Ok(())
    })
}
