//! Plugins are compiled beside the host: one that takes for ever is given up, and nothing is compiled twice.

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, HostOptions, RECEPTION, Wire};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// A flow as far as its outside goes, with a hundred thousand loops in one another behind it.
fn bomb() -> Vec<u8> {
    let section = |id: u8, body: &[u8]| {
        let length =
            [0, 7, 14, 21, 28].map(|shift| (body.len() >> shift) as u8 & 0x7f | if shift < 28 { 0x80 } else { 0 });
        [&[id], &length[..], body].concat()
    };
    let function = [&[0][..], &[3, 0x40].repeat(100_000), &[0x0b].repeat(100_001)].concat();
    let code = section(10, &section(1, &function));
    let module = [b"\0asm\x01\0\0\0", &section(1, b"\x01\x60\0\0")[..], &section(3, &[1, 0]), &code].concat();
    [&include_bytes!("../../plugin/fuzz/corpus/verify/good-flow")[..], &section(1, &module)].concat()
}

/// The processes that this one started, and that still run.
fn children(parent: u32) -> Vec<u32> {
    let parent_of = |pid: u32| -> Option<(String, u32)> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut rest = stat.rsplit_once(") ")?.1.split(' ');
        Some((rest.next()?.to_owned(), rest.next()?.parse().ok()?))
    };
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_of(*pid).is_some_and(|(state, of)| of == parent && state != "Z")).collect()
}

async fn until(what: &str, mut so: impl FnMut() -> bool) -> Result<()> {
    let wait = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.with_context(|| format!("not in time: {what}"))
}

fn upload(centre: &Centre, component: &[u8]) -> Result<String> {
    let answer = centre.api.try_post("/v1/plugins", "application/wasm", component)?;
    let answer = answer.map_err(|problem| anyhow::anyhow!("{problem:?}"))?;
    answer.get("digest").and_then(Value::as_str).map(str::to_owned).context("a digest")
}

fn artefacts(data: &Path) -> Result<usize> {
    let entries = std::fs::read_dir(data.join("artefacts"))?;
    Ok(entries.flatten().filter(|entry| entry.path().extension().is_some_and(|extension| extension == "cwasm")).count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_takes_for_ever_to_compile_is_given_up_and_a_kill_leaves_no_compiler() -> Result<()> {
    let config = "[plugins]\ncompile_timeout_s = 6\n".to_owned();
    let centre = Centre::start(HostOptions { config, cold: true, ..HostOptions::default() })?;
    let digest = upload(&centre, &bomb())?;
    let body = json!({ "plugin": digest, "config": {} });
    let refused = centre.api.try_put("/v1/deployments/bomb", &body)?;
    ensure!(refused.as_ref().is_err_and(|problem| problem.code() == "compile-timeout"), "{refused:?}");
    ensure!(children(centre.host.pid()).is_empty(), "its compiler is gone");

    // The next one is served, and calls are taken.
    centre.set_up()?;
    let wire = Wire::open(centre.host.sip(), "+15550001")?;
    wire.call(RECEPTION)?.answered(SOON)?;
    ensure!(artefacts(centre.data())? == 3, "one for each stock plugin");
    let mode = std::fs::metadata(centre.data().join("artefacts/key"))?.permissions().mode();
    ensure!(mode & 0o777 == 0o600, "{mode:o}");

    // Killed while it compiles, it takes the compiler with it.
    let (api, pid) = (centre.host.api(), centre.host.pid());
    let deploying = std::thread::spawn(move || api.try_put("/v1/deployments/bomb", &body).is_err());
    until("it compiles", || !children(pid).is_empty()).await?;
    let compilers = children(pid);
    let centre = centre.crash()?;
    until("the compiler is gone", || compilers.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists())).await?;
    ensure!(deploying.join().is_ok_and(|failed| failed), "nobody answered");

    // What was compiled before serves at once.
    ensure!(artefacts(centre.data())? == 3, "nothing more");
    let log = centre.host.log_tail();
    ensure!(log.contains("from_cache=true") && !log.contains("from_cache=false"), "{log}");
    let wire = Wire::open(centre.host.sip(), "+15550002")?;
    wire.call(RECEPTION)?.answered(SOON)?;
    Ok(())
}
