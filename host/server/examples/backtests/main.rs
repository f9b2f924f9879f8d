//! How fast contacts that have ended are gone through: `cargo run --example backtests -- [CONTACTS]`.
//!
//! Records a conversation with the probe once, writes it to a store on disk for so many contacts (10,000 unless said), sealed
//! as a host does, and lets three versions go through all of them: one that does the same, one that differs in the middle,
//! one that traps. Beside it: reading alone, rehearsals alone, and how long the step of a live flow takes without and with a
//! back-test beside it. The same of decisions, made again by a scorer with other weights.

// clippy allows this in test functions only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(clippy::indexing_slicing)]

mod decisions;

use cordboard::comparing::{Comparer, Scope, Stopped, rehearse, start, survey};
use cordboard_core::backtest::Tally;
use cordboard_core::flow::{Address, Answer, Channel, Reply, Request};
use cordboard_core::ids::{ContactId, DeploymentName, Digest, EntryPointName, RunId, TenantId, Version};
use cordboard_core::journal::{Frame, Journal, Opened, encode};
use cordboard_core::record::{ContactRecord, EndReason, Personal};
use cordboard_core::time::Timestamp;
use cordboard_plugin::{FlowMessage, FlowStart, Limits, LoadSpec, PluginConfig, PluginHost};
use cordboard_store::{Blobs, ContactKeys, Item, RecordFilter, Rooms, SledOptions, SledStore, Store};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;
use tokio::sync::mpsc;

const START_MS: u64 = 1_790_000_000_000;

fn component(name: &str) -> Vec<u8> {
    let folder = std::env::var_os("CORDBOARD_PLUGINS_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins"), PathBuf::from);
    std::fs::read(folder.join(name).with_extension("wasm")).expect("`cargo xtask plugins` builds it")
}

#[tokio::main]
async fn main() {
    let contacts = std::env::args().nth(1).map_or(10_000, |text| text.parse::<u64>().expect("a number of contacts"));
    let folder = tempfile::tempdir().unwrap();
    let plugins = PluginHost::start(PluginConfig::default()).unwrap();
    let mut versions = Vec::new();
    for (component, config) in [
        ("probe-flow", ("mode", "plain")),
        ("probe-flow", ("mode", "plain")),
        ("probe-flow", ("mode", "swapped")),
        ("probe-flow", ("mode", "trap-after-key")),
        ("skills-scorer", ("weights", "skill:1")),
        ("skills-scorer", ("weights", "skill:-2")),
    ] {
        versions.push(loaded(&plugins, component, config, versions.len()).await);
    }
    let [plain, same, other, traps, serving, apart] = versions.try_into().unwrap();
    let frames = recorded(&plugins, plain).await;
    let rooms = open(folder.path());
    let began = Instant::now();
    fill(&rooms, &frames, contacts, plain).await;
    let kept_us = began.elapsed().as_micros() as u64 / contacts.max(1);
    println!("a contact of {} entries is written in: {kept_us} us", entries(&frames));
    let comparer = Comparer { tenant: TenantId::default_tenant(), rooms, plugins };
    parts(&comparer, &frames, same).await;
    for (name, version) in [("does the same", same), ("differs in the middle", other), ("traps", traps)] {
        test(&comparer, contacts, name, version).await;
    }
    beside(&comparer, contacts, plain, same).await;
    decisions::decisions(&comparer, contacts, serving, apart).await;
    comparer.rooms.store.close().await.unwrap();
}

/// A version by its number: one that is the same as another is loaded for itself.
async fn loaded(plugins: &PluginHost, name: &str, (key, value): (&str, &str), number: usize) -> Version {
    let version = Digest::of(format!("{number}").as_bytes());
    let spec = LoadSpec {
        component: component(name).into(),
        config: vec![(key.into(), value.into())],
        limits: Limits::default(),
        grants: cordboard_plugin::Grants::default(),
    };
    plugins.load(version, spec).await.unwrap();
    version
}

fn open(folder: &Path) -> Rooms {
    let store = Store::new(SledStore::open(SledOptions::new(folder.join("store"))).unwrap());
    let keys = ContactKeys::open(folder.join("contact-keys"), &store).unwrap();
    Rooms::new(store, keys, Blobs::open(folder.join("blobs"), 1 << 20).unwrap())
}

fn deployment() -> DeploymentName {
    DeploymentName::new("tour").unwrap()
}

fn id(number: u64) -> ContactId {
    ContactId(u128::from(START_MS + number) << 80 | u128::from(number))
}

fn opened(contact: ContactId) -> Opened {
    Opened {
        at: Timestamp(START_MS * 1000),
        tenant: TenantId::default_tenant(),
        contact,
        channel: Channel::Voice,
        entry_point: EntryPointName::new("tour").unwrap(),
        origin: Address::default(),
        dialled: Address { number: Some("tour-ask".into()), ..Address::default() },
    }
}

/// The frames of a conversation: three answers, the last of which ends it.
async fn recorded(plugins: &PluginHost, version: Version) -> Vec<Frame> {
    let at = Timestamp(START_MS * 1000);
    let mut frames =
        vec![Frame::Opened(opened(id(0))), Frame::Segment { from: 0, at, version, deployment: deployment(), seed: 7 }];
    let (sender, mut messages) = mpsc::channel(4);
    let Opened { channel, origin, dialled, contact, .. } = opened(id(0));
    let run = RunId(1);
    let begin = FlowStart { contact, run, channel, origin, dialled, seed: 7, at, past: [].into(), ask_anew: false };
    let handle = plugins.start_flow(version, begin, sender);
    let (mut entry, mut asked) = (0, 0);
    loop {
        match messages.recv().await.unwrap() {
            FlowMessage::Call { request, .. } => {
                let reply = match &request {
                    Request::Ask(_) => {
                        asked += 1;
                        Reply::Answer(Answer::Choice(if asked == 3 { "end" } else { "balance" }.into()))
                    }
                    _ => Reply::Done,
                };
                let called = Timestamp(at.0 + entry * 1_000_000);
                let answered = Timestamp(called.0 + 500_000);
                frames.push(Frame::Call { entry, at: called, request });
                frames.push(Frame::Outcome { entry, at: answered, reply: reply.clone(), callee: None });
                handle.reply(entry, answered, reply);
                entry += 1;
            }
            FlowMessage::Ended { .. } => break,
            FlowMessage::Log { .. } | FlowMessage::Rehearsed { .. } => {}
        }
    }
    frames.push(Frame::Closed { at: Timestamp(at.0 + entry * 1_000_000), entries: entry, reason: "completed".into() });
    frames
}

fn entries(frames: &[Frame]) -> usize {
    frames.iter().filter(|frame| matches!(frame, Frame::Call { .. })).count()
}

async fn fill(rooms: &Rooms, frames: &[Frame], contacts: u64, version: Version) {
    let tenant = TenantId::default_tenant();
    for first in (0..contacts).step_by(200) {
        let numbers: Vec<u64> = (first..contacts.min(first + 200)).collect();
        let bytes: Vec<Vec<Vec<u8>>> = numbers.iter().map(|number| of_contact(frames, id(*number))).collect();
        let records: Vec<ContactRecord> = numbers.iter().map(|number| record(*number, version)).collect();
        let mut items = Vec::new();
        for ((number, frames), record) in numbers.iter().zip(&bytes).zip(&records) {
            for (at, bytes) in (0..).zip(frames) {
                items.push(Item::Frame { contact: id(*number), number: at, bytes });
            }
            items.push(Item::Record(record));
        }
        let written = rooms.write(&tenant, &items).await.unwrap();
        assert!(written.refused.is_empty(), "{:?}", written.refused);
    }
}

fn of_contact(frames: &[Frame], contact: ContactId) -> Vec<Vec<u8>> {
    let frame = |frame: &Frame| match frame {
        Frame::Opened(_) => encode(&Frame::Opened(opened(contact))).unwrap(),
        other => encode(other).unwrap(),
    };
    frames.iter().map(frame).collect()
}

fn record(number: u64, version: Version) -> ContactRecord {
    let Opened { tenant, channel, entry_point, origin, dialled, .. } = opened(id(number));
    let at = Timestamp::from_ms(START_MS + number);
    ContactRecord {
        id: id(number),
        tenant,
        channel,
        entry_point: Some(entry_point),
        origin,
        dialled,
        offered_at: at,
        answered_at: Some(at),
        ended_at: at,
        end: EndReason::Completed,
        visits: Vec::new(),
        choices: Vec::new(),
        attributes: BTreeMap::new(),
        versions: vec![version],
        stepped_down: None,
        journal_entries: 11,
        journal_durable: true,
        personal: Personal::Kept,
    }
}

/// What a back-test is made of, one after the other.
async fn parts(comparer: &Comparer, frames: &[Frame], version: Version) {
    const TIMES: u64 = 1_000;
    let began = Instant::now();
    for _ in 0..TIMES {
        comparer.rooms.journals.read_all(&comparer.tenant, id(1)).await.unwrap();
    }
    println!("a contact is read and unsealed in: {} us", began.elapsed().as_micros() as u64 / TIMES);
    let bytes = of_contact(frames, id(1));
    let began = Instant::now();
    for _ in 0..TIMES {
        Journal::from_frames(bytes.iter().map(Vec::as_slice)).unwrap();
    }
    println!("its journal is put together in: {} us", began.elapsed().as_micros() as u64 / TIMES);
    let journal = Journal::from_frames(bytes.iter().map(Vec::as_slice)).unwrap();
    let opened = journal.opened.as_ref().unwrap();
    let began = Instant::now();
    for _ in 0..TIMES {
        let start = start(opened, &journal, &journal.segments[0], usize::MAX);
        rehearse(&comparer.plugins, version, start, false).await.unwrap().unwrap();
    }
    println!("it is gone through in: {} us", began.elapsed().as_micros() as u64 / TIMES);
}

/// Steps of a live flow, one call after the other, in microseconds: the middle one, and the one in a hundred.
async fn live(plugins: &PluginHost, version: Version) -> (u64, u64) {
    const RUNS: u64 = 20;
    /// Below the burst of calls that a flow may make without being slowed down.
    const CALLS: u64 = 150;
    let mut took = Vec::new();
    for run in 0..RUNS {
        let (sender, mut messages) = mpsc::channel(4);
        let Opened { channel, origin, contact, at, .. } = opened(id(0));
        let dialled = Address { number: Some(CALLS.to_string()), ..Address::default() };
        let run = RunId(100 + run);
        let begin = FlowStart { contact, run, channel, origin, dialled, seed: 7, at, past: [].into(), ask_anew: false };
        let handle = plugins.start_flow(version, begin, sender);
        let (mut entry, mut replied) = (0, Instant::now());
        while let Some(message) = messages.recv().await {
            match message {
                FlowMessage::Call { .. } => {
                    if entry > 0 {
                        took.push(replied.elapsed().as_micros() as u64);
                    }
                    replied = Instant::now();
                    handle.reply(entry, at, Reply::Attribute(None));
                    entry += 1;
                }
                FlowMessage::Ended { .. } => break,
                FlowMessage::Log { .. } | FlowMessage::Rehearsed { .. } => {}
            }
        }
    }
    took.sort_unstable();
    (took[took.len() / 2], took[took.len() * 99 / 100])
}

async fn beside(comparer: &Comparer, contacts: u64, live_version: Version, version: Version) {
    let (p50, p99) = live(&comparer.plugins, live_version).await;
    println!("a live flow's step, alone: p50 {p50} us, p99 {p99} us");
    let scope = Scope { filter: RecordFilter::default(), limit: contacts, deployment: deployment(), version };
    let tally = Mutex::new(Tally::default());
    tokio::select! {
        done = survey(comparer, &scope, &tally) => panic!("the back-test is over before anything is measured: {done:?}"),
        (p50, p99) = live(&comparer.plugins, live_version) => {
            println!("a live flow's step, beside a back-test: p50 {p50} us, p99 {p99} us");
        }
    }
}

async fn test(comparer: &Comparer, contacts: u64, name: &str, version: Version) {
    let scope = Scope { filter: RecordFilter::default(), limit: contacts, deployment: deployment(), version };
    let tally = Mutex::new(Tally::default());
    let began = Instant::now();
    assert_eq!(survey(comparer, &scope, &tally).await.unwrap(), Stopped::Done);
    let seconds = began.elapsed().as_secs_f64();
    let tally = tally.into_inner().unwrap();
    assert_eq!((tally.looked_at, tally.compared), (contacts, contacts));
    let (each_second, cores) = (contacts as f64 / seconds, comparer.plugins.unhurried().metrics().num_workers());
    let each_core = each_second / cores as f64;
    let (agreed, failed) = (tally.agreed, tally.all_failed());
    println!(
        "back-test by one that {name}: {each_core:.0} contacts/s per core, {contacts} in {seconds:.1} s on {cores} \
         ({agreed} agreed, {failed} failed)"
    );
}
