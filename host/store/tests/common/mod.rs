//! What the tests share: every engine, empty.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub
)]

use cordboard_core::decision::Decision;
use cordboard_core::flow::{Address, Channel};
use cordboard_core::ids::{AgentId, ContactId, TenantId};
use cordboard_core::record::{ContactRecord, EndReason, Personal};
use cordboard_core::time::Timestamp;
use cordboard_store::{Blobs, ContactKeys, Faults, Key, MemoryStore, Rooms, SledOptions, SledStore, Store, Table};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub struct Engine {
    pub name: &'static str,
    pub store: Store,
    pub faults: Arc<Faults>,
    _folder: Option<tempfile::TempDir>,
}

pub fn options(path: &Path) -> SledOptions {
    let mut options = SledOptions::new(path);
    // The test machine's disk is not what is tested.
    options.space = Arc::new(|_| Ok(u64::MAX));
    options.cache_bytes = 16 << 20;
    options
}

pub fn engines() -> Vec<Engine> {
    let faults = Arc::<Faults>::default();
    let memory =
        Engine { name: "memory", store: Store::new(MemoryStore::with_faults(faults.clone())), faults, _folder: None };
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let faults = options.faults.clone();
    let store = Store::new(SledStore::open(options).unwrap());
    vec![memory, Engine { name: "sled", store, faults, _folder: Some(folder) }]
}

pub fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

pub fn key(name: &str) -> Key {
    Key::new(&tenant("acme"), Table::Config, name.as_bytes()).unwrap()
}

/// The rooms of an engine, with a folder for blobs.
pub struct Centre {
    pub name: &'static str,
    pub rooms: Rooms,
    pub faults: Arc<Faults>,
    pub _engine: Engine,
    pub _blobs: tempfile::TempDir,
}

pub fn centres() -> Vec<Centre> {
    let centre = |engine: Engine| {
        let blobs = tempfile::tempdir().unwrap();
        let keys = ContactKeys::open(blobs.path().join("contact-keys"), &engine.store).unwrap();
        let rooms = Rooms::new(engine.store.clone(), keys, Blobs::open(blobs.path().join("blobs"), 1 << 20).unwrap());
        Centre { name: engine.name, rooms, faults: engine.faults.clone(), _engine: engine, _blobs: blobs }
    };
    engines().into_iter().map(centre).collect()
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

pub fn agent(name: &str) -> AgentId {
    AgentId::new(name).unwrap()
}

pub fn address(number: &str) -> Address {
    Address { uri: format!("sip:{number}@example"), number: Some(number.into()), display_name: None }
}

/// A record with little in it.
pub fn record(who: &TenantId, contact: ContactId) -> ContactRecord {
    let at = |us: u64| Timestamp((contact.0 >> 80) as u64 * 1000 + us);
    ContactRecord {
        id: contact,
        tenant: who.clone(),
        channel: Channel::Voice,
        entry_point: None,
        origin: address("+49301"),
        dialled: address("+49302"),
        offered_at: at(0),
        answered_at: None,
        ended_at: at(9),
        end: EndReason::Completed,
        visits: Vec::new(),
        choices: Vec::new(),
        attributes: BTreeMap::new(),
        versions: Vec::new(),
        stepped_down: None,
        journal_entries: 0,
        journal_durable: true,
        personal: Personal::Kept,
    }
}

/// The decision, with every number as its bits: NaN is to equal itself here.
pub fn bits(decision: &Decision) -> (Decision, Vec<Vec<u32>>) {
    let mut plain = decision.clone();
    let mut numbers = Vec::new();
    let rows = plain.contacts.iter_mut().map(|row| &mut row.values);
    let rows = rows.chain(plain.agents.iter_mut().map(|row| &mut row.values));
    for values in rows.chain(plain.scores.iter_mut().map(|score| &mut score.parts)) {
        numbers.push(values.drain(..).map(f32::to_bits).collect());
    }
    (plain, numbers)
}
