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

use cordboard_core::ids::TenantId;
use cordboard_store::{Faults, Key, MemoryStore, SledOptions, SledStore, Store, Table};
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
