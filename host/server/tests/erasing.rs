//! Journal rule 20 from outside: a call on loopback, what is on disk of the person before and after an erasure, and what
//! the API, the stream and the log tell.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, HostOptions, RECEPTION, Stream, Wire, binary};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);
const NUMBER: &str = "+15550001";
/// What an operator notes while the call runs.
const NOTE: &str = "walnut-7781-left-at-the-desk";
/// What nobody may find on disk: the number, what the directory knows, the note, what was said. (The manifest of reception
/// may be found, and has a word of it.)
const PERSONAL: [&str; 5] = [NUMBER, "Ada Lovelace", NOTE, "Hello, Ada Lovelace.", "balance, press 1."];

fn files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { files(&path, found)? } else { found.push(path) }
    }
    Ok(())
}

/// No eight octets of what is personal stand in any file of the data folder. Programs are left out: a flow has its own
/// words in it.
fn nothing_on_disk(data: &Path) -> Result<()> {
    let mut all = Vec::new();
    files(data, &mut all)?;
    let programs = [data.join("blobs"), data.join("artefacts")];
    all.retain(|path| !programs.iter().any(|folder| path.starts_with(folder)));
    ensure!(all.iter().any(|path| path.ends_with("sled/db")), "the store is looked at: {all:?}");
    for path in all {
        let bytes = std::fs::read(&path)?;
        for needle in PERSONAL {
            for window in needle.as_bytes().windows(8) {
                let at = bytes.windows(8).position(|found| found == window);
                ensure!(at.is_none(), "`{}` at {at:?} in {}", window.escape_ascii(), path.display());
            }
        }
    }
    Ok(())
}

fn call(centre: &Centre, events: &mut Stream, number: &str) -> Result<String> {
    let wire = Wire::open(centre.host.sip(), number)?;
    let mut call = wire.call(RECEPTION)?;
    call.answered(SOON)?;
    let contact = events.call_of(number, SOON)?;
    events.wait_for("contact.asked", &contact, SOON)?;
    centre.api.put(&format!("/v1/contacts/{contact}/attributes/desk-note"), json!({ "value": NOTE }))?;
    events.wait_for("contact.attribute-set", &contact, SOON)?;
    let erased = centre.api.try_post(&format!("/v1/contacts/{contact}/erase"), "application/json", b"")?;
    ensure!(erased.is_err_and(|problem| (problem.status, problem.code()) == (409, "not-now")), "it is in progress");
    // An agent is wanted, so that a decision may be asked for; nobody is there.
    call.rtp.press("0");
    events.wait_for("contact.queued", &contact, SOON)?;
    call.hang_up()?;
    let record = centre.record(&contact)?;
    ensure!(record["origin"]["number"] == number && record["attributes"]["desk-note"] == NOTE, "{record}");
    ensure!(record["erased"] == false && record["unreadable"] == false, "{record}");
    Ok(contact)
}

fn gone(centre: &Centre, contact: &str) -> Result<()> {
    let path = format!("/v1/contacts/{contact}");
    let journal = centre.api.try_get(&format!("{path}/journal"))?.err().context("the journal is there")?;
    let replay = centre.api.try_post(&format!("{path}/replay"), "application/json", b"{}")?.err();
    for problem in [journal, replay.context("it is replayed")?] {
        ensure!((problem.status, problem.code()) == (410, "erased"), "{problem:?}");
    }
    let record = centre.api.get(&path)?;
    ensure!(record["erased"] == true && record["state"] == "ended", "{record}");
    ensure!(record["end"]["reason"] == "hung-up" && record["entry_point"] == "main", "{record}");
    ensure!(record["visits"][0]["outcome"] == "abandoned" && record["versions"][0].is_string(), "{record}");
    let text = record.to_string();
    ensure!(!PERSONAL.iter().any(|needle| text.contains(needle)), "{text}");
    ensure!(record["choices"] == json!([]) && record["attributes"] == json!({}), "{record}");
    centre.api.get(&format!("{path}/decisions")).map(drop)
}

fn found_by_number(centre: &Centre) -> Result<Vec<Value>> {
    let page = centre.api.get("/v1/contacts?caller=%2B15550001")?;
    Ok(page["contacts"].as_array().into_iter().flatten().map(|contact| contact["id"].clone()).collect())
}

#[test]
fn rule_20_after_an_erasure_nothing_of_the_person_is_left_on_disk_or_told() -> Result<()> {
    let centre = Centre::ready()?;
    let mut events = centre.events()?;
    let erased = call(&centre, &mut events, NUMBER)?;
    let kept = call(&centre, &mut events, NUMBER)?;
    let journal = centre.journal(&kept)?;
    nothing_on_disk(centre.data())?;
    ensure!(found_by_number(&centre)? == [kept.as_str(), erased.as_str()], "both are found");

    let path = format!("/v1/contacts/{erased}/erase");
    for _again in 0..2 {
        ensure!(centre.api.try_post(&path, "application/json", b"")?.is_ok(), "it can be asked for again");
    }
    events.wait_for("contact.erased", &erased, SOON)?;
    let nobody = centre.api.try_post("/v1/contacts/00000000000000000000000000/erase", "application/json", b"")?;
    ensure!(nobody.is_err_and(|problem| problem.status == 404), "nobody");
    gone(&centre, &erased)?;
    ensure!(found_by_number(&centre)? == [kept.as_str()], "one is found");
    ensure!(centre.journal(&kept)? == journal, "the other's is as it was");

    // Who comes back to the stream is told that much happened, and nothing of the person.
    let mut late = centre.events_after(0)?;
    late.wait_for("contact.erased", &erased, SOON)?;
    let told = late.of(&erased);
    ensure!(told.iter().any(|told| told.kind() == "contact.said"), "{told:?}");
    for told in told {
        let text = told.event.to_string();
        ensure!(!PERSONAL.iter().any(|needle| text.contains(needle)), "{text}");
    }
    ensure!(late.of(&kept).iter().any(|told| told.text("/value") == NOTE), "the other's is told");

    // The log at INFO.
    let log = std::fs::read_to_string(centre.data().with_extension("log"))?;
    ensure!(log.contains("contact.said") && log.contains("contact.erased"), "{log}");
    for needle in PERSONAL.iter().chain(&["15550001"]) {
        ensure!(!log.contains(needle), "`{needle}` is in the log: {log}");
    }

    let centre = centre.restart()?;
    nothing_on_disk(centre.data())?;
    gone(&centre, &erased)?;
    ensure!(centre.journal(&kept)? == journal, "the other's is as it was");
    Ok(())
}

#[test]
fn rule_20_without_its_key_file_a_host_does_not_start_and_says_why() -> Result<()> {
    let mut centre = Centre::start(HostOptions::default())?;
    centre.host.terminate()?;
    centre.host.ended(SOON)?;
    let keys = centre.data().join("contact-keys");
    let aside = centre.data().join("aside");
    std::fs::rename(&keys, &aside)?;
    let config = centre.data().with_extension("toml");
    let output = Command::new(binary("cordboard")?).arg("serve").arg("--config").arg(config).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1), "{}: {text}", output.status);
    ensure!(text.contains("contact-keys") && text.contains("missing") && !text.contains("panicked"), "{text}");
    ensure!(!keys.exists(), "no other one is made in its place");
    std::fs::rename(&aside, &keys)?;
    centre.revive().map(drop)
}
