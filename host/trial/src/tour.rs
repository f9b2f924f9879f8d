//! A centre in which a probe takes its callers through whatever a flow can do, and calls to it.

use crate::centre::{Centre, SUPPORT};
use crate::process::HostOptions;
use crate::stream::Stream;
use crate::wire::Wire;
use anyhow::{Context as _, Result};
use cordboard_phone::Phone;
use serde_json::json;
use std::time::Duration;

/// However busy the machine is.
pub const SOON: Duration = Duration::from_secs(60);
/// Who calls.
pub const NUMBER: &str = "+15550001";

/// A centre whose probe serves as `tour`, and its version; and as `elsewhere`.
///
/// # Errors
/// The host can't be started, or refuses something.
pub fn tour() -> Result<(Centre, String)> {
    let centre = Centre::start(HostOptions::default())?;
    centre.queue(SUPPORT, json!({}))?;
    let probe = centre.api.upload("probe-flow")?;
    let version = centre.api.deploy("tour", &probe, json!({ "mode": "plain" }), &[])?;
    centre.api.deploy("elsewhere", &probe, json!({}), &[])?;
    centre.entry_point("tour", &["tour-ask", "tour-digits", "tour-queue"], "tour")?;
    centre.entry_point("elsewhere", &["tour-pause"], "elsewhere")?;
    Ok((centre, version))
}

/// A call whose caller presses these keys, each when asked, and hangs up unless the flow ended.
///
/// # Errors
/// The call doesn't go like that.
pub fn called(centre: &Centre, events: &mut Stream, dials: &str, keys: &[&str]) -> Result<String> {
    let wire = Wire::open(centre.host.sip(), NUMBER)?;
    let mut call = wire.call(dials)?;
    call.answered(SOON)?;
    let contact = events.call_of(NUMBER, SOON)?;
    for key in keys {
        events.wait_for("contact.asked", &contact, SOON)?;
        call.rtp.press(key);
        events.wait_for("contact.chose", &contact, SOON)?;
    }
    if keys.last() != Some(&"9") {
        let waits = if dials == "tour-queue" { "contact.queued" } else { "contact.attribute-set" };
        if keys.is_empty() {
            events.wait_for(waits, &contact, SOON)?;
        }
        call.hang_up()?;
    }
    events.wait_for("contact.ended", &contact, SOON)?;
    centre.record(&contact)?;
    Ok(contact)
}

/// A call that waits in the queue until this phone takes it.
///
/// # Errors
/// The phone doesn't ring, or the call doesn't go like that.
pub async fn served(centre: &Centre, events: &mut Stream, agent: &str, phone: &Phone) -> Result<String> {
    centre.until_agent(agent, "ready")?;
    let wire = Wire::open(centre.host.sip(), NUMBER)?;
    let mut call = wire.call("tour-queue")?;
    call.answered(SOON)?;
    let contact = events.call_of(NUMBER, SOON)?;
    phone.incoming(SOON).await.context("the phone doesn't ring")?.answer();
    events.wait_for("contact.connected", &contact, SOON)?;
    call.hang_up()?;
    events.wait_for("contact.ended", &contact, SOON)?;
    centre.record(&contact)?;
    Ok(contact)
}
