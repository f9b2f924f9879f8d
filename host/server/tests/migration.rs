//! Live calls that go over to another version, sleep, and step down: journal rules 11 to 17 from outside.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, HostOptions, SUPPORT, Stream, Wire, WireCall, continuous};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
/// Where a tour stops.
const STOPS: [&str; 5] = ["tour-say", "tour-ask", "tour-digits", "tour-pause", "tour-queue"];
/// Live calls in the large test. More with `CORDBOARD_CALLS`.
const CALLS: usize = 40;

/// A centre whose probe is deployed as `tour`, in this mode.
fn centre(config: &str, mode: &str) -> Result<(Centre, String)> {
    let sip = "calls_per_second = 1000\n".into();
    let centre = Centre::start(HostOptions { config: config.into(), sip, ..HostOptions::default() })?;
    centre.queue(SUPPORT, json!({}))?;
    centre.api.upload("probe-flow")?;
    let version = deploy(&centre, "tour", mode, false)?;
    let numbers: Vec<&str> = STOPS.into_iter().chain(["tour-short", "tour-lookup"]).collect();
    centre.entry_point("tour", &numbers, "tour")?;
    Ok((centre, version))
}

/// Deploys the probe in a mode; its version.
fn deploy(centre: &Centre, name: &str, mode: &str, migrate: bool) -> Result<String> {
    let plugins = centre.api.get("/v1/plugins")?;
    let probe = plugins["plugins"].as_array().into_iter().flatten().find(|plugin| plugin["name"] == "probe-flow");
    let digest = probe.context("the probe")?["digest"].clone();
    let migration = if migrate { "migrate" } else { "pin" };
    let body = json!({ "plugin": digest, "config": { "mode": mode }, "migration": migration });
    let deployment = centre.api.put(&format!("/v1/deployments/{name}"), body)?;
    Ok(deployment["version"].as_str().context("a version")?.to_owned())
}

/// What became of those who were to go over, once that is settled for so many.
fn moved(centre: &Centre, settled: u64) -> Result<Value> {
    let deployment = centre.api.until("/v1/deployments/tour", SOON, |deployment| {
        let counts = deployment["moved"].as_object().into_iter().flatten().filter(|(name, _)| *name != "wanted");
        counts.filter_map(|(_, count)| count.as_u64()).sum::<u64>() >= settled
    })?;
    Ok(deployment["moved"].clone())
}

/// A call to a stop of the tour, and its contact, which has come there.
fn tour<'a>(wire: &'a Wire, events: &mut Stream, number: &str, stop: &str) -> Result<(WireCall<'a>, String)> {
    let mut call = wire.call(stop)?;
    call.answered(SOON)?;
    let contact = events.call_of(number, SOON)?;
    let kind = match stop {
        "tour-say" => "contact.said",
        "tour-ask" | "tour-digits" => "contact.asked",
        "tour-queue" => "contact.queued",
        _ => "contact.attribute-set",
    };
    events.wait_for(kind, &contact, SOON)?;
    Ok((call, contact))
}

fn calls() -> usize {
    std::env::var("CORDBOARD_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(CALLS)
}

#[test]
fn calls_in_every_kind_of_wait_go_over_to_a_new_version_and_nobody_hears_it() -> Result<()> {
    let (centre, first) = centre("", "plain")?;
    let mut events = centre.events()?;
    let count = calls();
    let wires: Vec<(String, Wire)> = (0..count)
        .map(|n| {
            let number = format!("+1557{n:06}");
            Wire::open(centre.host.sip(), &number).map(|wire| (number, wire))
        })
        .collect::<Result<_>>()?;
    let mut tours = Vec::new();
    for (n, (number, wire)) in wires.iter().enumerate() {
        let stop = STOPS[n % STOPS.len()];
        let (call, contact) = tour(wire, &mut events, number, stop)?;
        if stop == "tour-digits" {
            call.rtp.press("12");
        }
        tours.push((stop, call, contact));
    }
    let second = deploy(&centre, "tour", "more", true)?;
    let moved = moved(&centre, count as u64)?;
    ensure!(moved["wanted"] == count && moved["migrated"] == count, "{moved}");

    // The next key is the new version's: 3 is an option that only it has.
    for (stop, call, _) in &tours {
        match *stop {
            "tour-ask" => call.rtp.press("3"),
            "tour-digits" => call.rtp.press("34#"),
            _ => {}
        }
    }
    for (stop, call, contact) in &mut tours {
        if *stop == "tour-ask" {
            events.wait(SOON, |told| told.contact() == contact && told.text("/answer") == "card")?;
            call.rtp.press("9");
        } else if *stop == "tour-digits" {
            events.wait(SOON, |told| told.contact() == contact && told.text("/answer") == "1234")?;
            call.rtp.press("9");
        } else {
            call.hang_up()?;
        }
    }
    let mut longest = Duration::ZERO;
    for (stop, call, contact) in &mut tours {
        let record = centre.record(contact)?;
        ensure!(record["versions"] == json!([first, second]), "{stop}: {record}");
        let (end, by) = (&record["end"]["reason"], &record["attributes"]["answered-by"]);
        match *stop {
            "tour-ask" | "tour-digits" => ensure!(end == "other" && by == "more", "{stop}: {record}"),
            _ => ensure!(end == "hung-up", "{stop}: {record}"),
        }
        let packets = call.rtp.packets();
        continuous(&packets).with_context(|| (*stop).to_owned())?;
        let gaps = packets.windows(2).filter_map(|pair| pair[1].at.checked_duration_since(pair[0].at));
        longest = gaps.max().unwrap_or_default().max(longest);
    }
    eprintln!("{count} calls went over; the longest pause between two packets was {longest:?}");
    Ok(())
}

#[test]
fn where_a_version_means_something_else_or_fails_calls_stay_as_they_are() -> Result<()> {
    let (centre, first) = centre("", "plain")?;
    let mut events = centre.events()?;
    let numbers = ["+15570001", "+15570002"];
    let wires = [Wire::open(centre.host.sip(), numbers[0])?, Wire::open(centre.host.sip(), numbers[1])?];
    let (menu, in_menu) = tour(&wires[0], &mut events, numbers[0], "tour-ask")?;
    let (mut pause, in_pause) = tour(&wires[1], &mut events, numbers[1], "tour-pause")?;

    let swapped = deploy(&centre, "tour", "swapped", true)?;
    let moved_to = moved(&centre, 2)?;
    ensure!(moved_to["migrated"] == 1 && moved_to["diverged"] == 1, "{moved_to}");
    let told = events.wait_for("contact.not-migrated", &in_menu, SOON)?;
    ensure!(told.text("/outcome") == "diverged" && told.text("/detail").contains("1 → balance"), "{}", told.event);
    let view = centre.api.get(&format!("/v1/contacts/{in_pause}"))?;
    ensure!(view["version"] == swapped.as_str(), "{view}");

    for (mode, kind) in [("loop", "failed"), ("trap", "failed"), ("hog", "failed")] {
        deploy(&centre, "tour", mode, true)?;
        let moved_to = moved(&centre, 2)?;
        ensure!(moved_to[kind] == 2, "{mode}: {moved_to}");
    }
    menu.rtp.press("1");
    events.wait(SOON, |told| told.contact() == in_menu && told.text("/value") == "plain")?;
    menu.rtp.press("9");
    let record = centre.record(&in_menu)?;
    ensure!(record["versions"] == json!([first]) && record["attributes"]["answered-by"] == "plain", "{record}");

    // On request, and a rollback: to where it came from.
    deploy(&centre, "tour", "plain", false)?;
    centre.api.post(&format!("/v1/contacts/{in_pause}/migrate"), &json!({}))?;
    let told = events.wait(SOON, |told| told.contact() == in_pause && told.text("/to") == first)?;
    ensure!(told.kind() == "contact.migrated" && told.text("/from") == swapped, "{}", told.event);
    pause.hang_up()?;
    let record = centre.record(&in_pause)?;
    ensure!(record["versions"] == json!([first, swapped, first]), "{record}");
    for call in [&menu, &pause] {
        continuous(&call.rtp.packets())?;
    }
    Ok(())
}

#[test]
fn a_look_up_in_flight_finishes_first_and_a_hang_up_leaves_nothing_behind() -> Result<()> {
    let (centre, first) = centre("", "plain")?;
    // It takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", silent.local_addr()?);
    let crm = centre.api.upload("http-crm")?;
    centre.api.deploy("slow", &crm, json!({ "base-url": url }), &[&url])?;
    centre.api.put("/v1/settings", centre.settings(json!({ "default_directory": "slow" }))?)?;
    let mut events = centre.events()?;
    let numbers = ["+15570001", "+15570002"];
    let wires = [Wire::open(centre.host.sip(), numbers[0])?, Wire::open(centre.host.sip(), numbers[1])?];
    let (call, asking) = tour(&wires[0], &mut events, numbers[0], "tour-lookup")?;
    let (mut gone, leaving) = tour(&wires[1], &mut events, numbers[1], "tour-lookup")?;
    let second = deploy(&centre, "tour", "more", true)?;
    gone.hang_up()?;
    let looked_up = events.wait_for("contact.looked-up", &asking, SOON)?;
    let over = events.wait_for("contact.migrated", &asking, SOON)?;
    ensure!(looked_up.read_at <= over.read_at, "the look-up comes first");
    call.rtp.press("9");
    let records = [centre.record(&asking)?, centre.record(&leaving)?];
    ensure!(records[0]["versions"] == json!([first, second]), "{}", records[0]);
    ensure!(records[1]["versions"] == json!([first]) && records[1]["end"]["reason"] == "hung-up", "{}", records[1]);
    // Nothing of either is left in memory but what serves, and what would step in.
    deploy(&centre, "tour", "plain", false)?;
    centre.api.until("/v1/status", SOON, |status| {
        let flows = status["loaded"].as_array().into_iter().flatten().filter(|loaded| loaded["world"] == "flow");
        flows.map(|loaded| loaded["uses"].as_u64().unwrap_or(1)).sum::<u64>() == 0
    })?;
    Ok(())
}

#[test]
fn a_flow_that_waits_sleeps_and_wakes_with_the_next_key() -> Result<()> {
    let (centre, first) = centre("[plugins]\nhibernate_after_s = 1\n", "plain")?;
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), "+15570001")?;
    let (call, contact) = tour(&wire, &mut events, "+15570001", "tour-ask")?;
    centre.api.until(&format!("/v1/contacts/{contact}"), SOON, |view| view["asleep"] == true)?;
    centre.api.until("/v1/status", SOON, |status| status["loaded"][0]["uses"] == 0)?;
    call.rtp.press("1");
    events.wait(SOON, |told| told.contact() == contact && told.text("/value") == "balance")?;
    call.rtp.press("9");
    let record = centre.record(&contact)?;
    ensure!(record["versions"] == json!([first]) && record["end"]["detail"] == "plain", "{record}");
    continuous(&call.rtp.packets())
}

#[test]
fn a_flow_that_fails_is_followed_by_its_predecessor_and_then_by_the_safe_flow() -> Result<()> {
    let (centre, first) = centre("", "plain")?;
    deploy(&centre, "safe", "more", false)?;
    centre.api.put(
        "/v1/entry-points/tour",
        json!({ "numbers": STOPS, "deployment": "tour", "safe_flow": "safe", "fallback_queue": SUPPORT }),
    )?;
    let unknown = json!({ "numbers": ["1"], "deployment": "tour", "safe_flow": "nowhere" });
    let refused = centre.api.try_put("/v1/entry-points/other", &unknown)?;
    ensure!(refused.as_ref().is_err_and(|problem| problem.code() == "unknown-deployment"), "{refused:?}");
    let refused = centre.api.try_delete("/v1/deployments/safe")?;
    ensure!(refused.as_ref().is_err_and(|problem| problem.code() == "in-use"), "{refused:?}");
    let mut events = centre.events()?;
    for mode in ["trap-after-key", "loop-after-key"] {
        let failing = deploy(&centre, "tour", mode, false)?;
        let number = format!("+1557-{mode}");
        let wire = Wire::open(centre.host.sip(), &number)?;
        let (call, contact) = tour(&wire, &mut events, &number, "tour-ask")?;
        call.rtp.press("1");
        let told = events.wait_for("contact.descended", &contact, SOON)?;
        ensure!(told.text("/rung") == "predecessor", "{mode}: {}", told.event);
        // What it was pressed for is done all the same, by the version before.
        events.wait(SOON, |told| told.contact() == contact && told.text("/value") == "balance")?;
        call.rtp.press("9");
        let record = centre.record(&contact)?;
        ensure!(record["versions"] == json!([failing, first]), "{mode}: {record}");
        continuous(&call.rtp.packets())?;
        deploy(&centre, "tour", "plain", false)?;
    }
    // One that can't even begin, whose predecessor can't either.
    deploy(&centre, "tour", "trap", false)?;
    deploy(&centre, "tour", "loop", false)?;
    let wire = Wire::open(centre.host.sip(), "+15570009")?;
    let mut call = wire.call("tour-ask")?;
    call.answered(SOON)?;
    let contact = events.call_of("+15570009", SOON)?;
    let rung = |told: &cordboard_trial::Told| told.text("/rung").to_owned();
    let first_rung = rung(&events.wait_for("contact.descended", &contact, SOON)?);
    let second_rung = events.wait(SOON, |told| told.contact() == contact && told.text("/rung") == "safe-flow")?;
    ensure!(first_rung == "predecessor" && rung(&second_rung) == "safe-flow", "{}", second_rung.event);
    events.wait_for("contact.asked", &contact, SOON)?;
    call.rtp.press("3");
    events.wait(SOON, |told| told.contact() == contact && told.text("/value") == "card")?;
    call.hang_up()?;
    let record = centre.record(&contact)?;
    ensure!(record["attributes"]["answered-by"] == "more", "the safe flow answered: {record}");
    Ok(())
}

#[test]
fn after_a_crash_journals_replay_to_the_last_durable_entry() -> Result<()> {
    let (centre, first) = centre("", "plain")?;
    let mut events = centre.events()?;
    let wires: Vec<(String, Wire)> = STOPS
        .iter()
        .map(|stop| {
            let number = format!("+1558-{stop}");
            Wire::open(centre.host.sip(), &number).map(|wire| (number, wire))
        })
        .collect::<Result<_>>()?;
    let mut contacts = Vec::new();
    let mut held = Vec::new();
    for ((number, wire), stop) in wires.iter().zip(STOPS) {
        let (call, contact) = tour(wire, &mut events, number, stop)?;
        // What was told is written within moments, and then the call in which the flow waits.
        centre.api.until(&format!("/v1/contacts/{contact}/journal"), SOON, |journal| {
            let last = journal["entries"].as_array().and_then(|entries| entries.get(2..)?.last());
            last.is_some_and(|last| last["kind"] == "call" && last["outcome"].is_null())
        })?;
        contacts.push((stop, contact));
        held.push(call);
    }
    let centre = centre.crash()?;
    for (stop, contact) in contacts {
        let record = centre.record(&contact)?;
        ensure!(record["end"]["reason"] == "interrupted" && record["versions"] == json!([first]), "{stop}: {record}");
        let replayed = centre.api.post(&format!("/v1/contacts/{contact}/replay"), &json!({}))?;
        ensure!(replayed["agreed"] == true && replayed["version"] == first.as_str(), "{stop}: {replayed}");
        let (entries, reached) = (replayed["entries"].as_u64().unwrap_or(0), replayed["reached"].as_u64().unwrap_or(0));
        // The last call was pending.
        ensure!(entries >= 3 && reached + 1 == entries, "{stop}: {replayed}");
    }
    Ok(())
}
