//! What going through a journal costs: for each entry, to wake a flow, and to take over from many that wait.

use crate::flows::{call, start};
use crate::{percentiles, tell};
use cordboard_core::board::Rehearsal;
use cordboard_core::flow::{Address, Channel, Reply, Request};
use cordboard_core::ids::{ContactId, RunId, Version};
use cordboard_core::journal::Entry;
use cordboard_core::replay::Entries;
use cordboard_core::time::Timestamp;
use cordboard_plugin::{FlowHandle, FlowMessage, FlowStart, PluginHost};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

const LONG: usize = 5_000;
const REHEARSALS: usize = 20;
const WAKES: usize = 2_000;
const ENTRIES: usize = 10;
const MOVING: usize = 1_000;
/// As many as the board has at once.
const AT_ONCE: usize = 32;

/// What the probe did in so many calls; the last one is pending unless all have returned.
fn past(calls: usize, all_returned: bool) -> Entries {
    let entry = |n: usize| {
        let at = Timestamp(1_700_000_000_000_000 + n as u64);
        let outcome = (all_returned || n + 1 < calls).then_some((at, Reply::Attribute(None), None));
        Arc::new(Entry::Call { at, request: Request::Attribute("a".into()), outcome })
    };
    (0..calls).map(entry).collect()
}

fn begin(calls: usize, past: Entries) -> FlowStart {
    FlowStart {
        contact: ContactId(1),
        run: RunId(1),
        channel: Channel::Voice,
        origin: Address::default(),
        dialled: Address { number: Some(calls.to_string()), ..Address::default() },
        seed: 1,
        at: Timestamp(1_700_000_000_000_000),
        past,
        ask_anew: false,
    }
}

async fn agreed(messages: &mut mpsc::Receiver<FlowMessage>) {
    match messages.recv().await {
        Some(FlowMessage::Rehearsed { result: Rehearsal::Agreed { .. }, .. }) => {}
        other => panic!("{other:?} instead of agreement"),
    }
}

/// A long journal, on the threads of low priority.
pub(crate) async fn per_entry(host: &PluginHost, probe: Version) {
    let past = past(LONG, false);
    let mut sample = Vec::with_capacity(REHEARSALS);
    for _ in 0..REHEARSALS {
        let (sender, mut messages) = mpsc::channel(4);
        let began = Instant::now();
        let _handle = host.rehearse(probe, begin(LONG, past.clone()), sender);
        agreed(&mut messages).await;
        sample.push(began.elapsed() / LONG as u32);
    }
    let (p50, p99) = percentiles(sample);
    tell("a replay, for each entry", &[("p50", p50, "us"), ("p99", p99, "us")], REHEARSALS * LONG);
}

/// From the return of the call that a flow slept in to its next call.
pub(crate) async fn waking(host: &PluginHost, probe: Version) {
    let past = past(ENTRIES, true);
    let mut sample = Vec::with_capacity(WAKES);
    for _ in 0..WAKES {
        let (sender, mut messages) = mpsc::channel(4);
        let began = Instant::now();
        let _handle = host.start_flow(probe, begin(ENTRIES + 1, past.clone()), sender);
        call(&mut messages).await;
        sample.push(began.elapsed());
    }
    let (p50, p99) = percentiles(sample);
    tell("waking a flow with ten entries", &[("p50", p50, "us"), ("p99", p99, "us")], WAKES);
}

/// All that wait go over to a fresh instance.
pub(crate) async fn moving(host: &PluginHost, probe: Version) {
    let mut waiting = Vec::with_capacity(MOVING);
    for _ in 0..MOVING {
        let (handle, mut messages) = start(host, probe, 2);
        call(&mut messages).await;
        waiting.push((handle, messages));
    }
    let began = Instant::now();
    let mut sample = Vec::with_capacity(MOVING);
    let mut moved = Vec::with_capacity(MOVING);
    let mut waiting = waiting.into_iter();
    loop {
        let batch: Vec<(FlowHandle, _)> = waiting.by_ref().take(AT_ONCE).collect();
        if batch.is_empty() {
            break;
        }
        let rehearsed: Vec<_> = batch
            .into_iter()
            .map(|(old, _)| {
                let (sender, messages) = mpsc::channel(4);
                let at = Instant::now();
                (old, host.rehearse(probe, begin(2, past(1, false)), sender), messages, at)
            })
            .collect();
        for (old, new, mut messages, at) in rehearsed {
            agreed(&mut messages).await;
            old.cancel();
            new.take_over();
            sample.push(at.elapsed());
            moved.push((new, messages));
        }
    }
    let total_ms = began.elapsed().as_secs_f64() * 1000.0;
    for (handle, messages) in &mut moved {
        handle.reply(0, Timestamp(1), Reply::Attribute(None));
        call(messages).await;
    }
    let (p50, p99) = percentiles(sample);
    let figures = [("all", total_ms, "ms"), ("p50", p50, "us"), ("p99", p99, "us")];
    tell("migrating flows that wait", &figures, MOVING);
}
