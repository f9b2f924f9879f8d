//! How a host stops: new calls are refused, running ones may end, up to a limit or a second signal.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Result, ensure};
use cordboard_trial::{Centre, HostOptions, RECEPTION, Wire, tried};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_running_call_ends_before_the_host_does() -> Result<()> {
    let mut centre = Centre::ready()?;
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), "+15550001")?;
    let mut call = wire.call(RECEPTION)?;
    call.answered(SOON)?;
    let contact = events.call_of("+15550001", SOON)?;
    events.wait_for("contact.asked", &contact, SOON)?;
    centre.host.terminate()?;
    let late_wire = Wire::open(centre.host.sip(), "+15550002")?;
    tried(SOON, || {
        let mut late = late_wire.call(RECEPTION)?;
        let answer = late.outcome(SOON)?;
        if answer.status() == Some(200) {
            late.hang_up()?;
        }
        ensure!(answer.status() == Some(503) && answer.header("retry-after").is_some(), "{}", answer.start());
        Ok(())
    })?;
    let ready = centre.api.try_get("/readyz")?;
    ensure!(ready.as_ref().is_err_and(|problem| problem.status == 503), "{ready:?}");
    ensure!(centre.api.get("/v1/status")?["draining"] == true, "the status says so");
    // The running one hears nothing of it.
    call.rtp.press("1");
    events.wait(SOON, |told| told.contact() == contact && told.text("/text").starts_with("Your balance"))?;
    call.hang_up()?;
    ensure!(centre.host.ended(SOON)?.success(), "the end is a success");
    let centre = centre.revive()?;
    let record = centre.record(&contact)?;
    ensure!(record["end"]["reason"] == "hung-up", "{record}");
    Ok(())
}

#[test]
fn a_call_that_goes_on_is_ended_at_the_limit_or_by_a_second_signal() -> Result<()> {
    for (limit_s, second) in [(1, false), (600, true)] {
        let options = HostOptions { config: format!("[shutdown]\nlimit_s = {limit_s}"), ..HostOptions::default() };
        let mut centre = Centre::start(options)?;
        centre.set_up()?;
        let mut events = centre.events()?;
        let wire = Wire::open(centre.host.sip(), "+15550001")?;
        let mut call = wire.call(RECEPTION)?;
        call.answered(SOON)?;
        let contact = events.call_of("+15550001", SOON)?;
        centre.host.terminate()?;
        centre.api.until("/v1/status", SOON, |status| status["draining"] == true)?;
        if second {
            centre.host.terminate()?;
        }
        call.until_ended(SOON)?;
        ensure!(centre.host.ended(SOON)?.success(), "the end is a success");
        let centre = centre.revive()?;
        let record = centre.record(&contact)?;
        ensure!(record["end"]["reason"] == "shutdown", "{record}");
    }
    Ok(())
}
