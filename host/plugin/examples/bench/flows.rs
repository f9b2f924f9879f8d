//! What a flow costs: to begin, to call, to wait.

use crate::{percentiles, tell};
use cordboard_core::flow::{Address, Channel, Reply, RunEnd};
use cordboard_core::ids::{ContactId, RunId, Version};
use cordboard_core::time::Timestamp;
use cordboard_plugin::{FlowHandle, FlowMessage, FlowStart, PluginHost};
use std::time::Instant;
use tokio::sync::mpsc;

const STARTS: usize = 2000;
const CALLS: usize = 20_000;
const PARKED: usize = 1000;

/// A run of the probe that makes so many calls.
pub(crate) fn start(host: &PluginHost, probe: Version, calls: usize) -> (FlowHandle, mpsc::Receiver<FlowMessage>) {
    let (sender, messages) = mpsc::channel(4);
    let start = FlowStart {
        contact: ContactId(1),
        run: RunId(1),
        channel: Channel::Voice,
        origin: Address::default(),
        dialled: Address { number: Some(calls.to_string()), ..Address::default() },
        seed: 1,
        at: Timestamp(1_700_000_000_000_000),
        past: [].into(),
        ask_anew: false,
    };
    (host.start_flow(probe, start, sender), messages)
}

/// Waits for a call; the run must not have ended.
pub(crate) async fn call(messages: &mut mpsc::Receiver<FlowMessage>) {
    match messages.recv().await {
        Some(FlowMessage::Call { .. }) => {}
        other => panic!("{other:?} instead of a call"),
    }
}

/// To the end of a run that has returned.
pub(crate) async fn end(messages: &mut mpsc::Receiver<FlowMessage>) {
    match messages.recv().await {
        Some(FlowMessage::Ended { end: RunEnd::Returned(_), .. }) => {}
        other => panic!("{other:?} instead of the end"),
    }
}

/// From the order to start to the first call, through the guests' runtime.
pub(crate) async fn instantiation(host: &PluginHost, probe: Version) {
    let (mut sample, mut cpu_us) = (Vec::with_capacity(STARTS), 0);
    for _ in 0..STARTS {
        let began = Instant::now();
        let (handle, mut messages) = start(host, probe, 1);
        call(&mut messages).await;
        sample.push(began.elapsed());
        handle.reply(0, Timestamp(0), Reply::Attribute(None));
        match messages.recv().await {
            Some(FlowMessage::Ended { cost, .. }) => cpu_us += cost.cpu_us,
            other => panic!("{other:?} instead of the end"),
        }
    }
    let (p50, p99) = percentiles(sample);
    let cpu = cpu_us as f64 / STARTS as f64;
    let figures = [("p50", p50, "us"), ("p99", p99, "us"), ("cpu of a whole run", cpu, "us")];
    tell("a flow, from its start to its first call", &figures, STARTS);
}

/// One host call: out to another thread, answered there at once, and back in the guest. The median.
pub(crate) async fn host_call(host: &PluginHost, probe: Version) -> f64 {
    let (handle, mut messages) = start(host, probe, CALLS);
    call(&mut messages).await;
    let mut sample = Vec::with_capacity(CALLS);
    for entry in 1..CALLS as u64 {
        let began = Instant::now();
        handle.reply(entry - 1, Timestamp(entry), Reply::Attribute(None));
        call(&mut messages).await;
        sample.push(began.elapsed());
    }
    handle.reply(CALLS as u64 - 1, Timestamp(CALLS as u64), Reply::Attribute(None));
    end(&mut messages).await;
    let (p50, p99) = percentiles(sample);
    tell("a host call, out and back", &[("p50", p50, "us"), ("p99", p99, "us")], CALLS - 1);
    p50
}

pub(crate) fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

pub(crate) fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

/// Memory and mappings of flows that wait in a host call.
pub(crate) async fn parked(host: &PluginHost, probe: Version) {
    let (resident, mapped) = (resident_bytes(), mappings());
    let mut runs = Vec::with_capacity(PARKED);
    for _ in 0..PARKED {
        let (handle, mut messages) = start(host, probe, 1);
        call(&mut messages).await;
        runs.push((handle, messages));
    }
    let per = |more: u64| more as f64 / PARKED as f64;
    let kib = per(resident_bytes().saturating_sub(resident)) / 1024.0;
    let maps = per(mappings().saturating_sub(mapped) as u64);
    tell("a waiting flow", &[("resident", kib, "KiB"), ("mappings", maps, "pieces")], PARKED);
}
