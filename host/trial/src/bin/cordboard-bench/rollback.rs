//! How long it takes to take a bad version back: 300 callers wait in a canary's menu, some press the key that it fails by, and
//! the others go back to what is stable.

use crate::{SOON, say};
use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, HostOptions, SUPPORT, Wire, WireCall};
use serde_json::json;
use std::time::Instant;

/// Callers in the canary's menu, and those of them that press the key.
const CALLERS: usize = 300;
const PRESSING: usize = 60;
/// Served by what is stable before.
const BEFORE: usize = 60;

pub(crate) fn measure() -> Result<()> {
    let sip = "calls_per_second = 1000\n".into();
    let centre = Centre::start(HostOptions { sip, ..HostOptions::default() })?;
    centre.queue(SUPPORT, json!({}))?;
    let digest = centre.api.upload("probe-flow")?;
    centre.api.put("/v1/deployments/tour", json!({ "plugin": digest, "config": { "mode": "plain" } }))?;
    centre.entry_point("tour", &["tour-ask"], "tour")?;
    let plan = json!({
        "stages": [{ "weights": { "stable": 100, "canary": 0 } }],
        "rules": [{ "caller": "+1559*", "then": "canary" }],
        "guards": [{ "figure": "traps", "at_most": 2 }],
    });
    let body = json!({ "plugin": digest, "config": { "mode": "trap-after-key" }, "plan": plan });
    centre.api.put("/v1/deployments/tour/canary", body)?;
    for n in 0..BEFORE {
        let wire = Wire::open(centre.host.sip(), &format!("+1558{n:06}"))?;
        let mut call = wire.call("tour-ask")?;
        call.answered(SOON)?;
        call.rtp.press("19");
        call.until_ended(SOON)?;
    }
    let mut events = centre.events()?;
    let wires =
        (0..CALLERS).map(|n| Wire::open(centre.host.sip(), &format!("+1559{n:06}"))).collect::<Result<Vec<_>>>()?;
    let mut calls = Vec::new();
    for wire in &wires {
        let mut call = wire.call("tour-ask")?;
        call.answered(SOON)?;
        calls.push(call);
    }
    let mut asked = 0;
    events.wait(SOON, |told| {
        asked += usize::from(told.kind() == "contact.asked");
        asked == CALLERS
    })?;
    let began = Instant::now();
    calls.iter().take(PRESSING).for_each(|call: &WireCall<'_>| call.rtp.press("1"));
    let back = events.wait(SOON, |told| told.text("/kind") == "canary-rolled-back")?;
    let (mut moved, mut descended) = (0, 0);
    let last = events.wait(SOON, |told| {
        moved += usize::from(told.kind() == "contact.migrated");
        descended += usize::from(told.kind() == "contact.descended");
        moved + descended == CALLERS
    });
    let last = last.context("not everybody is back")?;
    let ended = events.so_far().iter().filter(|told| told.kind() == "contact.ended").count();
    ensure!(ended == 0, "{ended} calls ended");
    let ms = |at: Instant| at.saturating_duration_since(began).as_millis();
    say(&format!(
        "a bad canary with {CALLERS} callers in its menu, from the first key it fails by to its step back: {} ms",
        ms(back.read_at)
    ));
    say(&format!(
        "until all are served by what is stable: {} ms ({descended} by the ladder, {moved} gone over, none dropped)",
        ms(last.read_at)
    ));
    // The callers wait on: nothing is stopped as it should be.
    Ok(())
}
