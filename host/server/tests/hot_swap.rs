//! New versions while calls run.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, RECEPTION, SUPPORT, Wire, continuous};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// Versions in memory.
fn loaded(status: &Value) -> Vec<String> {
    let versions = status["loaded"].as_array().into_iter().flatten();
    versions.filter_map(|version| version["version"].as_str().map(Into::into)).collect()
}

#[test]
fn a_call_held_across_three_swaps_hears_no_gap_and_keeps_its_version() -> Result<()> {
    let centre = Centre::ready()?;
    let mut events = centre.events()?;
    let flow = centre.api.get("/v1/deployments/reception")?;
    let first = flow["version"].as_str().context("a version")?.to_owned();
    let plugin = flow["plugin"].as_str().context("a plugin")?.to_owned();

    let held_wire = Wire::open(centre.host.sip(), "+15550001")?;
    let mut held = held_wire.call(RECEPTION)?;
    held.answered(SOON)?;
    let contact = events.call_of("+15550001", SOON)?;
    events.wait_for("contact.asked", &contact, SOON)?;

    let mut versions = vec![first.clone()];
    for (round, greeting) in ["Good morning.", "Good afternoon.", "Good evening."].into_iter().enumerate() {
        let config = json!({ "queue": SUPPORT, "greeting": greeting });
        let version = centre.api.deploy("reception", &plugin, config, &[])?;
        ensure!(!versions.contains(&version), "{version} is no new version");
        let told = events.wait(SOON, |told| told.text("/version") == version && told.kind() == "deployment.changed")?;
        ensure!(told.text("/before") == versions[round], "{}", told.event);
        ensure!(told.data("/still_running") == &json!(u32::from(round == 0)), "{}", told.event);
        // The next call gets the new one.
        let number = format!("+1555000{}", round + 2);
        let wire = Wire::open(centre.host.sip(), &number)?;
        let mut call = wire.call(RECEPTION)?;
        call.answered(SOON)?;
        let next = events.call_of(&number, SOON)?;
        let offered = events.wait_for("contact.offered", &next, SOON)?;
        ensure!(offered.text("/version") == version, "{}", offered.event);
        events.wait(SOON, |told| told.contact() == next && told.text("/text").starts_with(greeting))?;
        call.hang_up()?;
        ensure!(centre.record(&next)?["versions"] == json!([version]), "the record names the version");
        versions.push(version);
    }

    // The held call is where it was, on its own version.
    held.rtp.press("1");
    events.wait(SOON, |told| told.contact() == contact && told.text("/text").starts_with("Your balance"))?;
    // A version without calls is not loaded; its own is as long as it runs.
    let status = centre.api.until("/v1/status", SOON, |status| !loaded(status).contains(&versions[1]))?;
    ensure!(loaded(&status).contains(&first), "{status}");
    held.hang_up()?;
    let record = centre.record(&contact)?;
    ensure!(record["versions"] == json!([first]), "{record}");
    let packets = held.rtp.packets();
    continuous(&packets)?;
    ensure!(packets.len() > 100, "{} packets", packets.len());

    events.wait(SOON, |told| told.kind() == "deployment.version-idle" && told.text("/version") == first)?;
    centre.api.until("/v1/status", SOON, |status| !loaded(status).contains(&first))?;
    let deployment = centre.api.get("/v1/deployments/reception")?;
    ensure!(deployment["version"] == versions[3].as_str() && deployment["contacts"] == json!({}), "{deployment}");
    Ok(())
}
