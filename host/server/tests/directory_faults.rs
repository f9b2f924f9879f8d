//! A directory that hangs, errs or talks nonsense: the caller is not kept waiting, and reaches an agent.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, RECEPTION, SUPPORT, Wire};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_failing_back_end_leads_to_an_agent_and_a_mended_one_works_again() -> Result<()> {
    let centre = Centre::ready()?;
    let mut events = centre.events()?;
    for (round, fault) in ["hang", "error", "garbage", "huge"].into_iter().enumerate() {
        centre.bank.fault(fault)?;
        let number = format!("+1555100{round}");
        let wire = Wire::open(centre.host.sip(), &number)?;
        let mut call = wire.call(RECEPTION)?;
        call.answered(SOON)?;
        let contact = events.call_of(&number, SOON)?;
        let looked = events.wait_for("contact.looked-up", &contact, SOON).context(fault)?;
        let expected = if fault == "hang" { "timeout" } else { "unavailable" };
        ensure!(looked.text("/outcome") == expected, "{fault}: {}", looked.event);
        ensure!(looked.data("/took_ms").as_u64() < Some(10_000), "{fault}: {}", looked.event);
        events.wait_for("contact.queued", &contact, SOON).context(fault)?;
        call.hang_up()?;
        let journal = centre.journal(&contact)?;
        let lookup = journal.iter().find(|entry| entry["request"] == "lookup").context("a look-up in the journal")?;
        ensure!(lookup["outcome"]["result"] == "failed", "{fault}: {lookup}");
        let record = centre.record(&contact)?;
        ensure!(record["visits"][0]["queue"] == SUPPORT && record["stepped_down"].is_null(), "{fault}: {record}");
    }
    centre.bank.fault("none")?;
    // The breaker may be open for a while: then a call is answered by it, until it tries again.
    cordboard_trial::tried(Duration::from_secs(90), || {
        let wire = Wire::open(centre.host.sip(), "+15550002")?;
        let mut call = wire.call(RECEPTION)?;
        call.answered(SOON)?;
        let contact = events.call_of("+15550002", SOON)?;
        let looked = events.wait_for("contact.looked-up", &contact, SOON)?;
        call.hang_up()?;
        ensure!(looked.text("/outcome") == "found", "{}", looked.event);
        Ok(())
    })
}

#[test]
fn a_directory_may_ask_only_where_the_operator_lets_it() -> Result<()> {
    let centre = Centre::ready()?;
    let mut events = centre.events()?;
    centre.api.grant("http-crm", &["http://127.0.0.1:9"])?;
    let wire = Wire::open(centre.host.sip(), "+15550001")?;
    let mut call = wire.call(RECEPTION)?;
    call.answered(SOON)?;
    let contact = events.call_of("+15550001", SOON)?;
    let looked = events.wait_for("contact.looked-up", &contact, SOON)?;
    ensure!(looked.text("/outcome") == "unavailable", "{}", looked.event);
    call.hang_up()?;
    let refused = events.wait(SOON, |told| told.kind() == "plugin.capability-refused")?;
    ensure!(refused.text("/plugin") == "http-crm" && refused.text("/capability") == "egress", "{}", refused.event);
    let asked: serde_json::Value = serde_json::from_str(&centre.bank.requests()?)?;
    ensure!(asked["by_phone"] == 0, "the bank was asked all the same: {asked}");
    Ok(())
}
