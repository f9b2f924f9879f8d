//! What flows leave behind for their authors: lines, where they failed, what they used, and a core dump, of real calls.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, HostOptions, SUPPORT, Stream, Wire, binary};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);
const NUMBER: &str = "+15550001";

fn centre() -> Result<Centre> {
    let centre = Centre::start(HostOptions::default())?;
    centre.queue(SUPPORT, json!({}))?;
    let probe = centre.api.upload("probe-flow")?;
    centre.api.deploy("failing", &probe, json!({ "mode": "trap-after-key" }), &[])?;
    centre.api.deploy("sound", &probe, json!({}), &[])?;
    centre.entry_point("failing", &["tour-ask"], "failing")?;
    centre.entry_point("chatty", &["logs"], "sound")?;
    Ok(centre)
}

/// Calls, presses a key that the flow traps at, waits for an agent of whom there is none, and hangs up.
fn failing_call(centre: &Centre, events: &mut Stream) -> Result<String> {
    let wire = Wire::open(centre.host.sip(), NUMBER)?;
    let mut call = wire.call("tour-ask")?;
    call.answered(SOON)?;
    let contact = events.call_of(NUMBER, SOON)?;
    events.wait_for("contact.asked", &contact, SOON)?;
    call.rtp.press("1");
    events.wait_for("contact.stepped-down", &contact, SOON)?;
    call.hang_up()?;
    events.wait_for("contact.ended", &contact, SOON)?;
    centre.record(&contact)?;
    Ok(contact)
}

fn functions(failure: &Value) -> Vec<&str> {
    failure["stack"].as_array().into_iter().flatten().filter_map(|frame| frame["function"].as_str()).collect()
}

#[test]
fn a_trap_is_kept_with_its_stack_and_what_the_flow_used() -> Result<()> {
    let centre = centre()?;
    let (mut events, mut logs) = (centre.events()?, centre.host.logs()?);
    let contact = failing_call(&centre, &mut events)?;
    let line = logs.wait(SOON, |told| told.kind() == "plugin.logged" && told.contact() == contact)?;
    ensure!(line.text("/text") == "tour: begins" && line.text("/level") == "info", "{line:?}");

    let path = format!("/v1/contacts/{contact}");
    let kept = centre.api.get(&format!("{path}/logs"))?;
    let texts: Vec<&str> = kept["lines"].as_array().into_iter().flatten().filter_map(|l| l["text"].as_str()).collect();
    ensure!(texts.contains(&"tour: begins") && texts.iter().any(|text| text.contains("a probe traps")), "{kept}");
    let found = centre.api.get(&format!("{path}/diagnostics"))?;
    let failure = &found["failures"][0];
    ensure!(failure["kind"] == "trap", "{found}");
    let functions = functions(failure);
    ensure!(functions.iter().any(|name| name.contains("probe_flow")), "{functions:?}");
    let used = &found["used"][0];
    let more_than = |member: &str, least: u64| used[member].as_u64().is_some_and(|n| n >= least);
    ensure!(used["runs"] == 1 && more_than("cpu_us", 1) && more_than("steps", 4), "{used}");
    ensure!(more_than("peak_memory_bytes", 65_536), "{used}");

    let dump = centre.api.post_for_bytes(&format!("{path}/core-dump"))?;
    ensure!(dump.starts_with(b"\0asm") && dump.len() > 2_000, "{} bytes", dump.len());
    for part in [&b"core"[..], b"corestack", b"a probe traps"] {
        ensure!(dump.windows(part.len()).any(|window| window == part), "no `{}` in it", part.escape_ascii());
    }

    // Journal rule 20.
    centre.api.post(&format!("{path}/erase"), &Value::Null)?;
    for what in ["logs", "diagnostics"] {
        let told = centre.api.try_get(&format!("{path}/{what}"))?;
        ensure!(told.is_err_and(|problem| (problem.status, problem.code()) == (410, "erased")), "{what}");
    }
    Ok(())
}

#[test]
fn a_contact_without_a_failure_has_none_to_dump() -> Result<()> {
    let centre = centre()?;
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), NUMBER)?;
    let mut call = wire.call("tour-ask")?;
    call.answered(SOON)?;
    let contact = events.call_of(NUMBER, SOON)?;
    events.wait_for("contact.asked", &contact, SOON)?;
    let path = format!("/v1/contacts/{contact}");
    let found = centre.api.get(&format!("{path}/diagnostics"))?;
    ensure!(found["failures"] == json!([]) && found["used"] == json!([]), "in progress: {found}");
    let refused = centre.api.try_post(&format!("{path}/core-dump"), "application/json", b"")?;
    ensure!(refused.is_err_and(|problem| (problem.status, problem.code()) == (409, "not-now")), "nothing failed");
    call.hang_up()?;
    events.wait_for("contact.ended", &contact, SOON)?;
    centre.record(&contact)?;
    let used = |found: &Value| found["used"][0]["runs"] == 1;
    centre.api.until(&format!("{path}/diagnostics"), SOON, used)?;
    let nobody = centre.api.try_get("/v1/contacts/01M0000000000000000000000Z/logs")?;
    ensure!(nobody.is_err_and(|problem| problem.status == 404), "nobody");
    Ok(())
}

/// A command of the program, asked of this centre.
fn command(centre: &Centre, words: &[&str]) -> Result<Command> {
    let mut command = Command::new(binary("cordboard")?);
    command.args(words).env("CORDBOARD_HOST", centre.host.admin()).env("CORDBOARD_TOKEN", centre.host.token());
    Ok(command)
}

fn said(centre: &Centre, words: &[&str]) -> Result<String> {
    let output = command(centre, words)?.output()?;
    ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn the_commands_show_a_failed_contact_step_by_step() -> Result<()> {
    let centre = centre()?;
    let mut events = centre.events()?;
    let mut following = command(&centre, &["plugin", "logs", "--follow", "--level", "info"])?;
    let mut following = following.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut lines = BufReader::new(following.stdout.take().context("its output")?).lines();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        while let Some(Ok(line)) = lines.next()
            && tell.send(line).is_ok()
        {}
    });
    // A call may be over before it listens.
    let mut contact = failing_call(&centre, &mut events)?;
    let until = Instant::now() + SOON;
    while !told.try_iter().any(|line| line.contains("tour: begins")) {
        ensure!(Instant::now() < until, "no line is followed");
        contact = failing_call(&centre, &mut events)?;
    }
    following.kill()?;
    following.wait()?;

    let listed = said(&centre, &["contact", "list", "--limit", "1"])?;
    ensure!(listed.starts_with(&contact) && listed.contains(NUMBER), "{listed}");
    for id in [contact.as_str(), "last"] {
        let shown = said(&centre, &["contact", "show", id])?;
        let parts =
            ["info  tour: begins", "ask {", "FAILED in", ": trap: ", "0: ", "<- stepped-down", "-- closed: hung-up"];
        let found = parts.map(|part| shown.find(part));
        ensure!(found.iter().all(Option::is_some) && found.is_sorted(), "{found:?} in:\n{shown}");
    }
    let kept = said(&centre, &["plugin", "logs", "--contact", &contact])?;
    ensure!(kept.contains("tour: begins") && kept.contains("a probe traps"), "{kept}");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("dump.wasm");
    let path = file.to_str().context("a path")?;
    said(&centre, &["contact", "core-dump", &contact, path])?;
    ensure!(std::fs::read(&file)?.starts_with(b"\0asm"), "no dump");
    let again = command(&centre, &["contact", "core-dump", &contact, path])?.output()?;
    ensure!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("next: name a new file"));
    Ok(())
}

/// 20,000 lines at once: they are bounded, and push nothing out of the events that are kept for those who come back.
#[test]
fn a_chatty_flow_is_cut_short_and_hides_no_event() -> Result<()> {
    let centre = centre()?;
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), NUMBER)?;
    let mut call = wire.call("logs")?;
    // The flow returns without a word to the person.
    let contact = events.call_of(NUMBER, SOON)?;
    events.wait_for("contact.ended", &contact, SOON)?;
    let _ = call.answered(Duration::from_millis(1));
    centre.record(&contact)?;
    let path = format!("/v1/contacts/{contact}/logs");
    let kept = centre.api.until(&path, SOON, |kept| kept["lines"].as_array().is_some_and(|lines| lines.len() > 20))?;
    ensure!(kept["lines"].as_array().is_some_and(|lines| lines.len() <= 960), "{}", kept["lines"]);
    let mut again = centre.events_after(0)?;
    again.wait_for("contact.offered", &contact, SOON)?;
    again.wait_for("contact.ended", &contact, SOON)?;
    ensure!(again.so_far().iter().all(|told| told.kind() != "plugin.logged"), "lines have a stream of their own");
    Ok(())
}
