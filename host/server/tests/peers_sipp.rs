//! SIPp as a caller: what no code of ours could make up.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, bail, ensure};
use cordboard_trial::{Centre, HostOptions, RECEPTION, together, tried};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
const CALLS: u64 = 200;

/// Whether SIPp is left out, as the tests' owner asked. Missing without being left out is a failure.
fn left_out() -> bool {
    std::env::var_os("CORDBOARD_WITHOUT_PEERS").is_some()
}

/// Runs a scenario, and gives what SIPp printed last if a call of it failed.
fn sipp(centre: &Centre, scenario: &str, number: &str, calls: u64, rate: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp").join(format!("{scenario}.xml"));
    let errors = folder.path().join("errors.log");
    let output = Command::new("sipp")
        .current_dir(folder.path())
        .arg(centre.host.sip().to_string())
        .arg("-sf")
        .arg(path)
        .args(["-s", number, "-i", "127.0.0.1", "-nostdin", "-buff_size", "4194304"])
        .args(["-m", &calls.to_string(), "-r", &rate.to_string(), "-l", "400"])
        .args(["-timeout", "120s", "-timeout_error", "-trace_err", "-error_file"])
        .arg(&errors)
        .stdin(Stdio::null())
        .output()
        .context("no `sipp`: on Debian, apt-get install sip-tester")?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let screen = text.lines().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n");
    let errors = std::fs::read_to_string(errors).unwrap_or_default();
    let errors: String = errors.chars().take(3_000).collect();
    bail!("{scenario}: sipp ended with {}\n{screen}\n{errors}", output.status)
}

#[test]
fn sipp_calls_are_served() -> Result<()> {
    if left_out() {
        return Ok(());
    }
    let centre = Centre::start(HostOptions::default())?;
    centre.set_up()?;
    let cases: [cordboard_trial::Case; 3] = [
        ("menu", |centre| sipp(centre, "menu", RECEPTION, CALLS, 20)),
        ("unknown number", |centre| sipp(centre, "unknown", "987654", 50, 10)),
        ("options", |centre| sipp(centre, "options", "x", 50, 10)),
    ];
    together(&centre, &cases)?;

    // Every caller pressed 1, and it was heard. A record follows the end of its call.
    tried(SOON, || all_served(&centre))?;

    // Reception asks the bank before it answers: as long as the bank takes, it rings.
    centre.bank.fault("delay")?;
    sipp(&centre, "cancel", RECEPTION, 20, 10)?;
    let cancelled = |listed: &Value| listed["contacts"].as_array().map(Vec::len) == Some(20);
    centre.api.until("/v1/contacts?end=cancelled", SOON, cancelled)?;
    centre.api.until("/v1/status", SOON, |status| status["contacts"] == 0).map(drop)
}

fn all_served(centre: &Centre) -> Result<()> {
    let (mut served, mut others) = (0, Vec::new());
    let mut before = String::new();
    loop {
        let path = format!("/v1/contacts?caller=%2B15550001&live=false&entry_point=main&limit=200{before}");
        let page = centre.api.get(&path)?;
        for contact in page["contacts"].as_array().into_iter().flatten() {
            let chose = contact["choices"].as_array().is_some_and(|all| all.iter().any(|it| it["answer"] == "balance"));
            if chose && contact["end"]["reason"] == "hung-up" {
                served += 1;
            } else {
                others.push(contact.to_string());
            }
        }
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    ensure!(served == CALLS, "{served} of {CALLS} callers heard their balance; the others: {}", others.join("\n"));
    Ok(())
}
