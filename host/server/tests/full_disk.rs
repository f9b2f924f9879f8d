//! A disk that fills up under running calls: they go on, new ones are refused, and when there is space again nothing is
//! missing.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, RECEPTION, SUPPORT, Wire, tried};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// No file of the host's may grow beyond so much: a full disk, as far as writing goes, for whoever may not mount one.
fn limit_files(centre: &Centre, bytes: Option<u64>) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(centre.host.pid())?).context("a process")?;
    let maximum = getrlimit(Resource::Fsize).maximum;
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum })?;
    Ok(())
}

#[test]
fn a_disk_that_fills_up_costs_new_calls_and_nothing_else() -> Result<()> {
    let mut centre = Centre::ready()?;
    // Few words, so that whoever calls is in the menu soon.
    let flow = centre.api.upload("reception")?;
    centre.api.deploy("reception", &flow, json!({ "queue": SUPPORT, "greeting": "Hello." }), &[])?;
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), "+15550001")?;
    let mut call = wire.call(RECEPTION)?;
    call.answered(SOON)?;
    let contact = events.call_of("+15550001", SOON)?;
    let asked = events.wait_for("contact.asked", &contact, SOON)?;

    limit_files(&centre, Some(1))?;
    // The answer is for the journal.
    call.rtp.press("1");
    events.wait(SOON, |told| {
        told.contact() == contact && told.read_at > asked.read_at && told.text("/text").starts_with("Your balance")
    })?;
    let refused = tried(SOON, || centre.api.try_get("/readyz")?.err().context("it says it is ready"))?;
    ensure!(refused.status == 503, "{refused:?}");
    let late = Wire::open(centre.host.sip(), "+15550002")?;
    let answer = late.call(RECEPTION)?.outcome(SOON)?;
    ensure!(answer.status() == Some(503) && answer.header("retry-after").is_some(), "{}", answer.start());
    call.hang_up()?;
    events.wait_for("contact.ended", &contact, SOON)?;
    centre.alive()?;

    limit_files(&centre, None)?;
    tried(SOON, || centre.api.try_get("/readyz")?.ok().context("it isn't ready again"))?;
    let record = centre.record(&contact)?;
    ensure!(record["end"]["reason"] == "hung-up" && record["choices"] != json!([]), "{record}");
    let journal = centre.api.get(&format!("/v1/contacts/{contact}/journal"))?;
    ensure!(journal["closed"]["reason"] == "hung-up", "{journal}");
    let entries = journal["entries"].as_array().map_or(0, Vec::len);
    ensure!(record["journal_entries"] == entries && entries > 2, "{record}: {journal}");
    let mut again = late.call(RECEPTION)?;
    again.answered(SOON)?;
    again.hang_up()?;
    // It was kept, and not only remembered.
    let centre = centre.crash()?;
    ensure!(centre.record(&contact)? == record, "after a crash");
    Ok(())
}
