//! How many conversations with a flow are simulated in a second: lines of `NAME: FIGURES` for `cargo xtask bench`. The
//! stock flow `reception` must be built.
#![allow(clippy::print_stdout, reason = "what it is for")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "no service")]

use cordboard_core::ids::Digest;
use cordboard_plugin::{Grants, Limits, LoadSpec, PluginConfig, PluginHost};
use cordboard_script::{Estimate, Script, Stage, play};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Instant;

const CONVERSATIONS: u32 = 5_000;
const AT_ONCE: u32 = 32;

/// Greeting by name, three choices from the menu, an agent, a talk, a mark.
const SCRIPT: &str = r#"
directory: [{kind: phone, answers: {id: "1", name: Ada, fields: {balance_minor: "100", currency: USD}}}]
agents: [{id: "7001", talks: 60s}]
conversation:
  - hears: Hello, Ada
  - asked: main-menu
  - presses: 1
  - hears: Your balance is
  - asked: main-menu
  - presses: 9
  - asked: main-menu
  - presses: 0
  - queued: default
  - talks_with: "7001"
  - talk_ended: agent
  - asked: survey
  - presses: 5
  - set: {survey: "5"}
ends: completed
"#;

fn component() -> Vec<u8> {
    let folder = match std::env::var_os("CORDBOARD_PLUGINS_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins"),
    };
    let path = folder.join("reception.wasm");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask plugins`", path.display()))
}

async fn measure() {
    let config = PluginConfig { guest_threads: 2, max_flow_instances: 128, ..PluginConfig::default() };
    let host = PluginHost::start(config).unwrap();
    let component = component();
    let flow = Digest::of(&component);
    let limits = Limits { calls_per_second: 1_000_000, ..Limits::default() };
    let spec = LoadSpec { component: component.into(), config: Vec::new(), limits, grants: Grants::default() };
    host.load(flow, spec).await.unwrap();
    let stage = Stage { host, flow, others: BTreeMap::new(), manifests: BTreeMap::new(), speech: Arc::new(Estimate) };
    let script = Arc::new(Script::read(SCRIPT).unwrap());
    let first = play(&stage, &script.cases[0]).await;
    assert!(first.difference.is_none(), "{:?}", first.difference);
    let (began, next) = (Instant::now(), Arc::new(AtomicU32::new(0)));
    let players: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (stage, script, next) = (stage.clone(), Arc::clone(&script), Arc::clone(&next));
            tokio::spawn(async move {
                while next.fetch_add(1, Relaxed) < CONVERSATIONS {
                    let played = play(&stage, &script.cases[0]).await;
                    assert!(played.difference.is_none(), "{:?}", played.difference);
                }
            })
        })
        .collect();
    for player in players {
        player.await.unwrap();
    }
    let seconds = began.elapsed().as_secs_f64();
    let (rate, moments) = (f64::from(CONVERSATIONS) / seconds, first.moments.len());
    let times = first.lasted_ms as f64 / 1000.0 * rate;
    println!(
        "simulated conversations with a Rust flow: {rate:.0} a second, {moments} moments each, {times:.0} times real time"
    );
    let began = Instant::now();
    for _ in 0..200 {
        play(&stage, &script.cases[0]).await;
    }
    println!(
        "one after the other: {:.0} us each, {} us of it in the flow",
        began.elapsed().as_secs_f64() * 5_000.0,
        first.cpu_us
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(measure());
}
