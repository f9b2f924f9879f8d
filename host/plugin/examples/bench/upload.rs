//! From a large component to its first call: compiled, and from what is kept. And what running calls notice of it.

use crate::flows::{call, start};
use crate::{component, percentiles, tell};
use cordboard_core::flow::Reply;
use cordboard_core::ids::{Digest, Version};
use cordboard_core::time::Timestamp;
use cordboard_plugin::{Compiler, Limits, LoadSpec, PluginConfig, PluginHost};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What this program is started with to be its own compiler.
pub(crate) const COMPILE: &str = "compile-component";

/// As much as a guest with an interpreter in it: some of it code, most of it data.
const FUNCTIONS: usize = 7_500;
const OPERATIONS: usize = 60;
const DATA_BYTES: usize = 12 << 20;
const QUIET_STEPS: usize = 20_000;

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id], leb(body.len()).as_slice(), body].concat()
}

/// The probe with a module beside it that is compiled and never instantiated.
fn large(probe: &[u8]) -> Vec<u8> {
    let (mut functions, mut code) = (leb(FUNCTIONS), leb(FUNCTIONS));
    for function in 0..FUNCTIONS {
        functions.push(0);
        let mut body = vec![0];
        for operation in 0..OPERATIONS {
            // Add, multiply, or exclusive-or a constant below 64.
            let kind = [0x6a, 0x6c, 0x73][(function + operation) % 3];
            body.extend([0x20, 0, 0x41, ((function * 7 + operation * 13) % 64) as u8, kind, 0x21, 0]);
        }
        body.extend([0x20, 0, 0x0b]);
        code.extend(leb(body.len()));
        code.extend(body);
    }
    let data = [&[1, 0, 0x41, 0, 0x0b][..], &leb(DATA_BYTES), &vec![0xa5; DATA_BYTES]].concat();
    let sections = [
        section(1, &[1, 0x60, 1, 0x7f, 1, 0x7f]),
        section(3, &functions),
        section(5, &[&[1, 0][..], &leb(256)].concat()),
        section(10, &code),
        section(11, &data),
    ];
    let module = [&b"\0asm\x01\0\0\0"[..], &sections.concat()].concat();
    [probe, &section(1, &module)].concat()
}

fn host(folder: &Path) -> PluginHost {
    let compiler = Compiler::this_program(&[COMPILE]);
    PluginHost::start(PluginConfig {
        max_flow_instances: 100,
        compiler,
        compile_timeout_ms: 600_000,
        artefact_dir: Some(folder.to_owned()),
        ..PluginConfig::default()
    })
    .unwrap()
}

async fn load(host: &PluginHost, component: &[u8]) -> (Version, bool) {
    let version = Digest::of(component);
    let limits = Limits { calls_per_second: 1_000_000, max_calls: u64::MAX, max_cpu_ms: u32::MAX, ..Limits::default() };
    let spec = LoadSpec {
        component: component.into(),
        config: Vec::new(),
        limits,
        grants: cordboard_plugin::Grants::default(),
    };
    (version, host.load(version, spec).await.unwrap().from_cache)
}

/// Verified, loaded, and in its first host call.
async fn first_call(host: &PluginHost, component: &[u8], from_cache: bool) -> Duration {
    let began = Instant::now();
    host.verify(component.into()).await.unwrap();
    let (version, was_kept) = load(host, component).await;
    assert_eq!(was_kept, from_cache);
    let (_handle, mut messages) = start(host, version, 1);
    call(&mut messages).await;
    began.elapsed()
}

/// Steps of one flow, one after the other, as many as there may be or until it is told to stop.
async fn steps(host: PluginHost, probe: Version, most: usize, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let (handle, mut messages) = start(&host, probe, u32::MAX as usize);
    call(&mut messages).await;
    let mut sample = Vec::new();
    while sample.len() < most && !stop.load(Relaxed) {
        let began = Instant::now();
        let entry = sample.len() as u64;
        handle.reply(entry, Timestamp(entry), Reply::Attribute(None));
        call(&mut messages).await;
        sample.push(began.elapsed());
    }
    sample
}

/// A component of some 15 MB, uploaded to a host that has a call.
pub(crate) async fn upload() {
    let folder = tempfile::tempdir().unwrap();
    let probe_component = component("probe-flow");
    let large = large(&probe_component);
    let first = host(folder.path());
    let (probe, _) = load(&first, &probe_component).await;
    let quiet = steps(first.clone(), probe, QUIET_STEPS, Arc::default()).await;
    let stop = Arc::<AtomicBool>::default();
    let running = tokio::spawn(steps(first.clone(), probe, usize::MAX, stop.clone()));
    let compiled = first_call(&first, &large, false).await;
    stop.store(true, Relaxed);
    let meanwhile = running.await.unwrap();
    let samples = meanwhile.len();
    drop(first);
    let kept = first_call(&host(folder.path()), &large, true).await;

    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let figures = [
        ("component", large.len() as f64 / 1e6, "MB"),
        ("compiled", ms(compiled), "ms"),
        ("from what is kept", ms(kept), "ms"),
        ("ratio", ms(compiled) / ms(kept), "times"),
    ];
    tell("from an upload to its first call", &figures, 1);
    let ((quiet_p50, quiet_p99), (p50, p99)) = (percentiles(quiet), percentiles(meanwhile));
    let figures = [
        ("p50", p50, "us"),
        ("p99", p99, "us"),
        ("p50 ratio", p50 / quiet_p50, "times"),
        ("p99 ratio", p99 / quiet_p99, "times"),
    ];
    tell("a running call's step while a component is compiled, against a quiet host", &figures, samples);
}
