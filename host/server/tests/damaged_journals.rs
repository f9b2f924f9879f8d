//! Journals that someone else has written in: what can't be read is told by name, the records tell all the same, and calls
//! go on.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_core::ids::{ContactId, Digest, TenantId};
use cordboard_core::journal::{FORMAT, Frame, decode, encode};
use cordboard_store::{ContactKeys, Journals, SledOptions, SledStore, Store};
use cordboard_trial::{Centre, RECEPTION, SUPPORT, Wire};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// Ended as by a power cut.
fn dead(centre: &mut Centre) -> Result<()> {
    let killed = Command::new("kill").arg("-KILL").arg(centre.host.pid().to_string()).status()?;
    ensure!(killed.success(), "kill: {killed}");
    centre.host.ended(SOON).map(drop)
}

/// The frames of a contact as they were, after they were replaced in a data folder that no host uses.
async fn rewrite(journals: &Journals, contact: &str, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Result<Vec<Vec<u8>>> {
    let (tenant, contact) = (TenantId::default_tenant(), contact.parse::<ContactId>()?);
    let unfinished = journals.unfinished(&tenant, None, 100).await?.contains(&contact);
    let before = journals.read_all(&tenant, contact).await?;
    let mut frames = before.clone();
    change(&mut frames);
    journals.delete(&tenant, contact).await?;
    let seq = journals.append(&tenant, contact, 0, &frames).await?;
    journals.durable(seq).await?;
    if !unfinished {
        // A first frame marks it as unfinished.
        journals.give_up(&tenant, contact).await?;
    }
    Ok(before)
}

fn open(data: &Path) -> Result<(Store, Journals)> {
    let store = Store::new(SledStore::open(SledOptions::new(data.join("store")))?);
    let keys = ContactKeys::open(data.join("contact-keys"), &store)?;
    Ok((store.clone(), Journals::new(store, keys)))
}

fn call(centre: &Centre, number: &str, hang_up: bool) -> Result<String> {
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), number)?;
    let mut call = wire.call(RECEPTION)?;
    call.answered(SOON)?;
    let contact = events.call_of(number, SOON)?;
    events.wait_for("contact.asked", &contact, SOON)?;
    if hang_up {
        call.hang_up()?;
        centre.record(&contact)?;
    } else {
        let known = |journal: &serde_json::Value| journal["segments"].as_array().is_some_and(|some| !some.is_empty());
        centre.api.until(&format!("/v1/contacts/{contact}/journal"), SOON, known)?;
    }
    Ok(contact)
}

fn unreadable(centre: &Centre, contact: &str, code: &str, words: &[&str]) -> Result<()> {
    let path = format!("/v1/contacts/{contact}");
    let journal = centre.api.try_get(&format!("{path}/journal"))?.err().context("it can be read")?;
    let replay = centre.api.try_post(&format!("{path}/replay"), "application/json", b"{}")?.err();
    for problem in [journal, replay.context("it can be replayed")?] {
        ensure!((problem.status, problem.code()) == (409, code), "{problem:?}");
        let detail = problem.body["detail"].as_str().unwrap_or_default();
        ensure!(words.iter().all(|word| detail.contains(word)), "{detail}");
    }
    Ok(())
}

/// As if the version that ran had been lost.
fn of_unknown_version(frames: &mut Vec<Vec<u8>>) {
    for bytes in frames {
        if let Ok(Frame::Segment { from, at, deployment, seed, .. }) = decode(bytes) {
            let version = Digest::of(b"lost");
            *bytes = encode(&Frame::Segment { from, at, version, deployment, seed }).unwrap_or_default();
        }
    }
}

/// Time travel and back-tests leave out what they can't read, and say so.
fn skipped(centre: &Centre, flow: &str, newer: &str, gone: &str) -> Result<()> {
    for what in ["steps", "journal"] {
        let problem = centre.api.try_get(&format!("/v1/contacts/{newer}/{what}"))?.err();
        ensure!(problem.is_some_and(|problem| (problem.status, problem.code()) == (409, "newer-journal")), "{what}");
    }
    let compared = centre.api.post(&format!("/v1/contacts/{gone}/compare"), &json!({}))?;
    let run = &compared["runs"][0];
    let why = run["detail"].as_str().is_some_and(|why| why.contains("nothing is known of the version"));
    ensure!(run["outcome"] == "not-tried" && why, "{compared}");
    // A candidate needs no version of before.
    let candidate = json!({ "plugin": flow, "deployment": "reception" });
    let compared = centre.api.post(&format!("/v1/contacts/{gone}/compare"), &candidate)?;
    ensure!(compared["runs"][0]["outcome"] == "agreed", "{compared}");
    let body = json!({ "candidate": candidate, "from": "2026-01-01T00:00:00Z" });
    let begun = centre.api.post("/v1/backtests", &body)?;
    let path = format!("/v1/backtests/{}", begun["id"].as_str().unwrap_or_default());
    let done = centre.api.until(&path, SOON, |test| test["state"] == "done")?;
    let report = &done["report"];
    ensure!(report["skipped"] == json!({ "damaged": 2, "newer-format": 1 }), "{report}");
    ensure!(report["compared"] == 1 && report["agreed"] == 1, "{report}");
    Ok(())
}

#[test]
fn a_journal_that_cannot_be_read_is_told_and_costs_no_record_and_no_call() -> Result<()> {
    let mut centre = Centre::ready()?;
    // Few words, so that whoever calls is in the menu soon.
    let flow = centre.api.upload("reception")?;
    centre.api.deploy("reception", &flow, json!({ "queue": SUPPORT, "greeting": "Hello." }), &[])?;
    // First those in progress: with the records of the others, what came before is on disk.
    let (living, broken) = (call(&centre, "+15550003", false)?, call(&centre, "+15550004", false)?);
    let (newer, cut) = (call(&centre, "+15550001", true)?, call(&centre, "+15550002", true)?);
    let gone = call(&centre, "+15550006", true)?;
    let records = [&newer, &cut].map(|contact| centre.record(contact));
    dead(&mut centre)?;

    let newer_format = format!("format {}", FORMAT + 1);
    let runtime = tokio::runtime::Runtime::new()?;
    let first = |frames: &mut Vec<Vec<u8>>, at: usize| {
        if let Some(byte) = frames.get_mut(at).and_then(|frame| frame.first_mut()) {
            *byte = FORMAT + 1;
        }
    };
    let shorter = |frames: &mut Vec<Vec<u8>>| frames.get_mut(2).map_or((), |frame| frame.truncate(3));
    let (opened, journals) = open(centre.data())?;
    let before = runtime.block_on(async {
        rewrite(&journals, &newer, |frames| first(frames, 2)).await?;
        rewrite(&journals, &cut, shorter).await?;
        rewrite(&journals, &gone, of_unknown_version).await?;
        rewrite(&journals, &broken, shorter).await?;
        rewrite(&journals, &living, |frames| first(frames, 0)).await
    })?;
    opened.close_blocking()?;

    let mut centre = centre.revive()?;
    unreadable(&centre, &newer, "newer-journal", &["frame 2", &newer_format, &newer])?;
    unreadable(&centre, &cut, "damaged-journal", &["frame 2", "malformed"])?;
    for (contact, before) in [&newer, &cut].into_iter().zip(records) {
        ensure!(centre.record(contact)? == before?, "its record is as it was");
    }
    skipped(&centre, &flow, &newer, &gone)?;
    // Of one that was in progress, what came before the damage makes its record.
    ensure!(centre.record(&broken)?["end"]["reason"] == "interrupted", "{broken}");
    unreadable(&centre, &broken, "damaged-journal", &["frame 2"])?;
    // One that only a newer host can read waits for it.
    unreadable(&centre, &living, "newer-journal", &["frame 0", &newer_format])?;
    ensure!(centre.api.try_get(&format!("/v1/contacts/{living}"))?.is_err_and(|problem| problem.status == 404), "none");
    call(&centre, "+15550005", true)?;
    dead(&mut centre)?;

    let (opened, journals) = open(centre.data())?;
    let restored = |frames: &mut Vec<Vec<u8>>| *frames = before;
    runtime.block_on(async { rewrite(&journals, &living, restored).await })?;
    opened.close_blocking()?;
    let centre = centre.revive()?;
    let record = centre.record(&living)?;
    ensure!(record["end"]["reason"] == "interrupted" && record["origin"]["number"] == json!("+15550003"), "{record}");
    Ok(())
}
