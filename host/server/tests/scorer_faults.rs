//! A scorer that fails: the longest idle agent is chosen, and the decision says why.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, RECEPTION, SUPPORT, Wire};
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_longest_idle_agent_stands_in_for_a_failing_scorer() -> Result<()> {
    let centre = Centre::ready()?;
    let probe = centre.api.upload("probe-scorer")?;
    // Few words, so that the caller is in the queue soon.
    let flow = centre.api.upload("reception")?;
    centre.api.deploy("reception", &flow, json!({ "queue": SUPPORT, "greeting": "Hello." }), &[])?;
    let agent = centre.agent("201", "Bea", json!({}), None).await?;
    let mut events = centre.events()?;
    let behaviours = ["nan", "rows", "trap", "slow", "refuse", "parts", "unconfigurable", "unknown-column"];
    for behaviour in behaviours {
        centre.api.deploy("skills", &probe, json!({ "behaviour": behaviour }), &[])?;
        centre.until_agent("201", "ready")?;
        let wire = Wire::open(centre.host.sip(), "+15550001")?;
        let mut call = wire.call(RECEPTION)?;
        call.answered(SOON)?;
        let contact = events.call_of("+15550001", SOON)?;
        // Typed ahead of the menu.
        call.rtp.press("0");
        let ringing = agent.incoming(SOON).await.with_context(|| format!("{behaviour}: the phone doesn't ring"))?;
        ringing.answer();
        events.wait_for("contact.connected", &contact, SOON).context(behaviour)?;
        call.hang_up()?;
        ensure!(centre.record(&contact)?["visits"][0]["queue"] == SUPPORT, "{behaviour}");
        let decisions = centre.api.get(&format!("/v1/contacts/{contact}/decisions"))?;
        let decision = &decisions["decisions"][0];
        ensure!(decision["scored_by"] == "fallback", "{behaviour}: {decision}");
        ensure!(decision["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{behaviour}: {decision}");
        ensure!(decision["assigned"][0]["agent"] == "201", "{behaviour}: {decision}");
    }
    Ok(())
}
