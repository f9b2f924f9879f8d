//! A flow in Python, with an interpreter of its own in each instance: calls that wait do without one, and go on where they
//! were. More calls with `CORDBOARD_CALLS`.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, HostOptions, Stream, Wire, WireCall, continuous};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(60);
const CALLS: usize = 30;

fn calls() -> usize {
    std::env::var("CORDBOARD_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(CALLS)
}

/// A centre where the flow answers at 100. It is compiled once for all tests: each begins with a copy of the data folder.
fn centre(config: &str) -> Result<(TempDir, Centre)> {
    static COMPILED: OnceLock<std::result::Result<TempDir, String>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(|| compiled().map_err(|error| format!("{error:#}")));
    let compiled = compiled.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
    let folder = TempDir::new()?;
    let options = HostOptions {
        data: folder.path().join("data"),
        config: format!("[plugins]\n{config}\n"),
        sip: "calls_per_second = 1000\n".into(),
        ..HostOptions::default()
    };
    copy(&compiled.path().join("data"), &options.data)?;
    let centre = Centre::start_in(options, folder.path())?;
    Ok((folder, centre))
}

fn compiled() -> Result<TempDir> {
    let folder = TempDir::new()?;
    // Compiling has the lowest priority, and the machine may be busy.
    let config = "[plugins]\ncompile_timeout_s = 1200\n".into();
    let options = HostOptions { data: folder.path().join("data"), config, ..HostOptions::default() };
    let centre = Centre::start_in(options, folder.path())?;
    let python = centre.api.upload("probe-python")?;
    centre.api.deploy("python", &python, json!({}), &[])?;
    let body = json!({ "numbers": ["100"], "deployment": "python" });
    centre.api.put("/v1/entry-points/python", body)?;
    centre.host.stop()?;
    Ok(folder)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

fn wires(centre: &Centre, count: usize) -> Result<Vec<(String, Wire)>> {
    let wire = |n: usize| {
        let number = format!("+1559{n:06}");
        Ok((number.clone(), Wire::open(centre.host.sip(), &number)?))
    };
    (0..count).map(wire).collect()
}

/// A call that has come to the menu, and its contact.
fn in_menu<'a>(wire: &'a Wire, number: &str, events: &mut Stream) -> Result<(WireCall<'a>, String)> {
    let mut call = wire.call("100")?;
    call.answered(SOON)?;
    let contact = events.call_of(number, SOON)?;
    events.wait_for("contact.asked", &contact, SOON)?;
    Ok((call, contact))
}

fn asleep(centre: &Centre, contact: &str) -> Result<Value> {
    centre.api.until(&format!("/v1/contacts/{contact}"), SOON, |view| view["asleep"] == true)
}

/// How many instances there are.
fn awake(status: &Value) -> u64 {
    let flows = status["loaded"].as_array().into_iter().flatten().filter(|loaded| loaded["world"] == "flow");
    flows.filter_map(|loaded| loaded["uses"].as_u64()).sum()
}

/// Presses a key, and waits until the flow has said what it makes of it.
fn press(call: &WireCall<'_>, key: &str, contact: &str, chose: &str, events: &mut Stream) -> Result<()> {
    call.rtp.press(key);
    let told = events
        .wait(SOON, |told| told.contact() == contact && told.text("/name") == "chose" && told.text("/value") == chose);
    told.map(drop).with_context(|| format!("{chose} of {contact}"))
}

#[test]
fn flows_in_python_that_wait_sleep_and_go_on_with_the_next_key() -> Result<()> {
    let (_folder, centre) = centre("hibernate_after_s = 1")?;
    let mut events = centre.events()?;
    let wires = wires(&centre, calls())?;
    let mut calls = Vec::new();
    for (number, wire) in &wires {
        calls.push(in_menu(wire, number, &mut events)?);
    }
    // What it counts is in no journal: only going through it again brings it back.
    for (key, chose) in [("1", "balance in round 1"), ("3", "card in round 2")] {
        for (_, contact) in &calls {
            asleep(&centre, contact)?;
        }
        centre.api.until("/v1/status", SOON, |status| awake(status) == 0)?;
        for (call, contact) in &calls {
            press(call, key, contact, chose, &mut events)?;
        }
    }
    for (call, contact) in &calls {
        call.rtp.press("9");
        let record = centre.record(contact)?;
        ensure!(record["end"]["detail"] == "2 rounds in Python" && record["stepped_down"].is_null(), "{record}");
        ensure!(record["versions"].as_array().is_some_and(|versions| versions.len() == 1), "{record}");
        continuous(&call.rtp.packets())?;
    }
    let (_, contact) = calls.first().context("a call")?;
    let replayed = centre.api.post(&format!("/v1/contacts/{contact}/replay"), &json!({}))?;
    ensure!(replayed["agreed"] == true && replayed["reached"] == replayed["entries"], "{replayed}");
    ensure!(events.so_far().iter().all(|told| told.kind() != "contact.descended"), "nobody stepped down");
    Ok(())
}

#[test]
fn flows_in_python_make_room_for_each_other_and_go_over_to_a_new_version() -> Result<()> {
    // Room for a handful of them, by memory and by number, and no other reason to sleep.
    for short in ["flow_memory_mib = 64", "max_flow_instances = 8"] {
        make_room_and_go_over(short).context(short)?;
    }
    Ok(())
}

fn make_room_and_go_over(short: &str) -> Result<()> {
    let (_folder, centre) = centre(&format!("hibernate_after_s = 0\n{short}"))?;
    let mut events = centre.events()?;
    let wires = wires(&centre, calls())?;
    let mut calls = Vec::new();
    for (number, wire) in &wires {
        centre.api.until("/v1/status", SOON, |status| awake(status) <= 7)?;
        calls.push(in_menu(wire, number, &mut events)?);
    }
    let python = centre.api.get("/v1/deployments/python")?;
    let body = json!({ "plugin": python["plugin"], "config": { "second": "version" }, "migration": "migrate" });
    let second = centre.api.put("/v1/deployments/python", body)?["version"].clone();
    centre.api.until("/v1/deployments/python", SOON, |it| it["moved"]["migrated"] == calls.len())?;
    for (call, contact) in &calls {
        press(call, "1", contact, "balance in round 1", &mut events)?;
        call.rtp.press("9");
    }
    for (call, contact) in &calls {
        let record = centre.record(contact)?;
        ensure!(record["end"]["detail"] == "1 rounds in Python" && record["stepped_down"].is_null(), "{record}");
        ensure!(record["versions"] == json!([python["version"], second]), "{record}");
        continuous(&call.rtp.packets())?;
    }
    ensure!(events.so_far().iter().all(|told| told.kind() != "contact.descended"), "nobody stepped down");
    Ok(())
}
