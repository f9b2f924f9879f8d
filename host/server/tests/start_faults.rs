//! What keeps a host from starting, or from taking calls: told to the right party.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, HostOptions, RECEPTION, Wire, binary};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(30);

fn serve(config: &Path) -> Result<Output> {
    Ok(Command::new(binary("cordboard")?).arg("serve").arg("--config").arg(config).stdin(Stdio::null()).output()?)
}

fn refused(folder: &TempDir, config: &str, parts: &[&str]) -> Result<()> {
    let path = folder.path().join("c.toml");
    std::fs::write(&path, config)?;
    let output = serve(&path)?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1), "{config}: {}", output.status);
    for part in parts {
        ensure!(text.contains(part), "{config}: no `{part}` in: {text}");
    }
    ensure!(!text.contains("panicked"), "{text}");
    Ok(())
}

#[test]
fn a_wrong_configuration_is_told_with_line_and_key() -> Result<()> {
    let folder = TempDir::new()?;
    let data = format!("data_dir = {:?}\n", folder.path().join("data"));
    refused(&folder, &format!("{data}[sip]\nrelm = \"x\"\n"), &["c.toml", "line 3", "relm"])?;
    refused(&folder, &format!("{data}[sip]\nbind = \"nowhere\"\n"), &["line 3", "nowhere"])?;
    refused(&folder, &format!("{data}[sip]\ncalls_per_second = 0\n"), &["sip.calls_per_second is 0"])?;
    refused(&folder, &format!("{data}[sip\n"), &["c.toml", "line 2"])?;
    let authorities = format!("{data}[plugins]\negress_ca_file = \"/nowhere/ca.pem\"\n");
    refused(&folder, &authorities, &["egress_ca_file", "/nowhere/ca.pem"])?;
    let missing = serve(&folder.path().join("missing.toml"))?;
    let text = String::from_utf8_lossy(&missing.stderr);
    ensure!(missing.status.code() == Some(1) && text.contains("missing.toml"), "{text}");
    Ok(())
}

#[test]
fn a_second_host_on_the_same_data_or_address_is_refused() -> Result<()> {
    let mut centre = Centre::ready()?;
    let folder = TempDir::new()?;
    let ports = "[media]\nports = [0, 0]\n[admin]\nbind = \"127.0.0.1:0\"\n";
    let same_data = format!("data_dir = {:?}\n[sip]\nbind = \"127.0.0.1:0\"\n{ports}", centre.data());
    refused(&folder, &same_data, &["another", "data"])?;
    let same_port =
        format!("data_dir = {:?}\n[sip]\nbind = \"{}\"\n{ports}", folder.path().join("data"), centre.host.sip());
    refused(&folder, &same_port, &[&centre.host.sip().to_string()])?;
    // The first one doesn't notice.
    centre.alive()?;
    let wire = Wire::open(centre.host.sip(), "+15550001")?;
    let mut call = wire.call(RECEPTION)?;
    call.answered(SOON)?;
    call.hang_up()
}

#[test]
fn a_full_disk_refuses_new_calls_and_says_so() -> Result<()> {
    // More than any disk has: it is low from the first moment.
    let config = "[store]\nlow_space_mib = 1073741824\nreserve_mib = 0";
    let centre = Centre::start(HostOptions { config: config.into(), ..HostOptions::default() })?;
    centre.set_up()?;
    let wire = Wire::open(centre.host.sip(), "+15550001")?;
    let answer = wire.call(RECEPTION)?.outcome(SOON)?;
    ensure!(answer.status() == Some(503), "{}", answer.start());
    let retry: u64 = answer.header("retry-after").context("Retry-After")?.parse()?;
    ensure!(retry > 0, "{retry}");
    let ready = centre.api.try_get("/readyz")?.err().context("it says it is ready")?;
    ensure!(ready.status == 503 && ready.body.to_string().contains("space"), "{ready:?}");
    ensure!(centre.api.get("/healthz").is_ok(), "the process itself is well");
    Ok(())
}
