//! What survives a restart, and what a crash leaves.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, RECEPTION, SUPPORT, Wire};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// All that an operator can set up, as the API tells it, without what only holds for a run of the host.
fn configuration(centre: &Centre) -> Result<Vec<Value>> {
    let paths = ["plugins", "deployments", "entry-points", "queues", "agents", "trunks", "settings", "prompts"];
    let mut all = paths.map(|path| centre.api.get(&format!("/v1/{path}"))).into_iter().collect::<Result<Vec<_>>>()?;
    all.iter_mut().for_each(forget_the_run);
    Ok(all)
}

fn forget_the_run(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for run in ["since", "state", "phone", "handled", "figures", "contacts", "ready_agents", "reason"] {
                members.remove(run);
            }
            members.values_mut().for_each(forget_the_run);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_the_run),
        _ => {}
    }
}

/// A call that reached the menu.
fn call_in_the_menu<'a>(
    centre: &Centre,
    wire: &'a Wire,
    number: &str,
) -> Result<(cordboard_trial::WireCall<'a>, String)> {
    let mut events = centre.events()?;
    let mut call = wire.call(RECEPTION)?;
    call.answered(SOON)?;
    let contact = events.call_of(number, SOON)?;
    events.wait_for("contact.asked", &contact, SOON)?;
    Ok((call, contact))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_survives_a_restart_and_a_crash_loses_no_record() -> Result<()> {
    let centre = Centre::ready()?;
    centre.api.agent("201", "Bea", json!({ "banking": 9 }))?;
    centre.api.put("/v1/trunks/carrier", json!({ "peers": ["192.0.2.7", "198.51.100.0/24"] }))?;
    let tone = wav(&cordboard_media::Clip::tone(600.0, 500, 8_000));
    let answer = centre.api.try_put_bytes("/v1/prompts/own-tone?phrase=own%20tone", "audio/wav", &tone)?;
    ensure!(answer.is_ok(), "{answer:?}");
    let wire = Wire::open(centre.host.sip(), "+15550001")?;
    let (mut call, contact) = call_in_the_menu(&centre, &wire, "+15550001")?;
    call.hang_up()?;
    let before = (configuration(&centre)?, centre.record(&contact)?, centre.journal(&contact)?);
    let token = centre.host.token().to_owned();

    let centre = centre.restart()?;
    ensure!(centre.host.token() == token, "the token is another");
    let after = (configuration(&centre)?, centre.record(&contact)?, centre.journal(&contact)?);
    ensure!(before == after, "before: {before:?}\nafter: {after:?}");
    let listed = centre.api.get("/v1/contacts?caller=%2B15550001")?;
    ensure!(listed["contacts"][0]["id"] == contact.as_str(), "{listed}");

    // It works as before, phones and all.
    let agent = centre.register("201", None).await?;
    let wire = Wire::open(centre.host.sip(), "+15550002")?;
    let (call, talking) = call_in_the_menu(&centre, &wire, "+15550002")?;
    call.rtp.press("0");
    let ringing = agent.incoming(SOON).await.context("the agent's phone doesn't ring")?;
    ringing.answer();
    let idle_wire = Wire::open(centre.host.sip(), "+15550003")?;
    let (_idle, idle) = call_in_the_menu(&centre, &idle_wire, "+15550003")?;
    centre.api.until(&format!("/v1/contacts/{talking}"), SOON, |contact| contact["state"] == "talking")?;

    // A power cut in the middle of both.
    let acted =
        centre.journal(&talking)?.iter().position(|entry| entry["request"] == "enqueue").context("an enqueue")?;
    let centre = centre.crash()?;
    for contact in [&talking, &idle] {
        let record = centre.record(contact)?;
        ensure!(record["end"]["reason"] == "interrupted", "{record}");
        ensure!(record["entry_point"] == "main" && !record["offered_at"].is_null(), "{record}");
        let journal = centre.api.get(&format!("/v1/contacts/{contact}/journal"))?;
        ensure!(journal["closed"]["reason"] == "interrupted", "{journal}");
    }
    let journal = centre.journal(&talking)?;
    ensure!(journal.len() > acted && journal[acted]["request"] == "enqueue", "what acted was durable: {journal:?}");
    ensure!(journal[acted]["args"]["queue"] == SUPPORT, "{journal:?}");
    ensure!(centre.record(&contact)? == after.1, "the old record is as it was");
    let live = centre.api.get("/v1/contacts?live=true")?;
    ensure!(live["contacts"] == json!([]), "{live}");

    let wire = Wire::open(centre.host.sip(), "+15550004")?;
    let (mut call, _) = call_in_the_menu(&centre, &wire, "+15550004")?;
    call.hang_up()
}

fn wav(clip: &cordboard_media::Clip) -> Vec<u8> {
    let length = clip.samples().len() as u32 * 2;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + length).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    bytes.extend(length.to_le_bytes());
    bytes.extend(clip.samples().iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}
