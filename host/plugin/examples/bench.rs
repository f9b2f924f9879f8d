//! What plugins cost: lines of `NAME: FIGURES` for `cargo xtask bench`, or JSON lines with `--json`. With `waiting` as an
//! argument only what contacts that wait cost. The guests must be built.
#![allow(clippy::print_stdout, reason = "what it is for")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "no service")]

#[path = "bench/decision.rs"]
mod decision;
#[path = "bench/desk.rs"]
mod desk;
#[path = "bench/flows.rs"]
mod flows;
#[path = "bench/replays.rs"]
mod replays;
#[path = "bench/scores.rs"]
mod scores;
#[path = "bench/upload.rs"]
mod upload;
#[path = "bench/waiting.rs"]
mod waiting;

use cordboard_core::ids::{Digest, Version};
use cordboard_plugin::{Limits, LoadSpec, PluginConfig, PluginHost};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Those who wait, in a menu of either language's flow.
const WAITING: [waiting::Guest; 2] = [
    waiting::Guest {
        name: "a Rust flow",
        component: "probe-flow",
        number: "tour-ask",
        count: 10_000,
        awake: 1_000,
        key: '1',
        // More than `vm.max_map_count` usually allows.
        instances: 8_000,
        memory_bytes: u64::MAX,
    },
    waiting::Guest {
        name: "a Python flow",
        component: "probe-python",
        number: "100",
        count: 1_000,
        awake: 100,
        key: '1',
        // As the service has them, unless told otherwise.
        instances: 2_000,
        memory_bytes: 2 << 30,
    },
];

/// A host with room for what is measured.
fn host() -> PluginHost {
    PluginHost::start(PluginConfig { max_flow_instances: 1200, ..PluginConfig::default() }).unwrap()
}

/// A guest's component.
fn component(name: &str) -> Vec<u8> {
    let folder = match std::env::var_os("CORDBOARD_PLUGINS_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins"),
    };
    let path = folder.join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask plugins`", path.display()))
}

/// Loads a guest without configuration, as fast as it likes.
async fn load(host: &PluginHost, name: &str) -> Version {
    let component = component(name);
    let limits = Limits { calls_per_second: 1_000_000, max_calls: u64::MAX, ..Limits::default() };
    let version = Digest::of(&component);
    let spec = LoadSpec {
        component: component.into(),
        config: Vec::new(),
        limits,
        grants: cordboard_plugin::Grants::default(),
    };
    host.load(version, spec).await.unwrap();
    version
}

/// Median and 99th percentile of a sample, in microseconds.
fn percentiles(mut sample: Vec<Duration>) -> (f64, f64) {
    sample.sort_unstable();
    let at = |share: f64| sample[((sample.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    (at(0.5), at(0.99))
}

/// Prints what was measured, each figure with its name and unit.
fn tell(name: &str, figures: &[(&str, f64, &str)], samples: usize) {
    if std::env::args().any(|argument| argument == "--json") {
        let figures: String = figures
            .iter()
            .map(|(figure, value, unit)| format!(r#""{}_{unit}":{value:.2},"#, figure.replace(' ', "_")))
            .collect();
        println!(r#"{{"name":"{name}",{figures}"samples":{samples}}}"#);
    } else {
        let figures: Vec<String> =
            figures.iter().map(|(figure, value, unit)| format!("{figure} {value:.1} {unit}")).collect();
        println!("{name}: {}", figures.join(", "));
    }
}

async fn hot_paths(host: &PluginHost, probe: Version) {
    flows::instantiation(host, probe).await;
    let scorer = load(host, "skills-scorer").await;
    decision::decision(host, scorer).await;
    scores::scorer(host, scorer).await;
    flows::parked(host, probe).await;
    replays::per_entry(host, probe).await;
    replays::waking(host, probe).await;
    replays::moving(host, probe).await;
    upload::upload().await;
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(upload::COMPILE) {
        return cordboard_plugin::compile_child(std::io::stdin(), std::io::stdout().lock());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if std::env::args().nth(1).as_deref() == Some(waiting::MEASURE) {
        let guest = std::env::args().nth(2).and_then(|number| WAITING.get(number.parse::<usize>().ok()?));
        runtime.block_on(waiting::contacts(guest.unwrap()));
        return ExitCode::SUCCESS;
    }
    let waiting_only = std::env::args().any(|argument| argument == "waiting");
    runtime.block_on(async {
        let host = host();
        let probe = load(&host, "probe-flow").await;
        let call_us = flows::host_call(&host, probe).await;
        if !waiting_only {
            hot_paths(&host, probe).await;
        }
        drop(host);
        waiting::journaled(call_us).await;
        waiting::moving().await;
        (0..WAITING.len()).for_each(waiting::apart);
    });
    ExitCode::SUCCESS
}
