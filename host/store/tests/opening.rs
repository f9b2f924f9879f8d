//! Opening: who else has the folder, what is damaged, what is newer; and giving space back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{key, options};
use cordboard_store::{Batch, OnCorruption, SledStore, Store, StoreError, compact_offline};
use std::fs;
use std::path::Path;

fn put(store: &Store, name: &str, value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(key(name), value.to_vec());
    let seq = store.commit_blocking(batch).unwrap();
    store.durable_blocking(seq).unwrap();
}

/// A closed store with something in it.
fn filled(folder: &Path) {
    let store = Store::new(SledStore::open(options(folder)).unwrap());
    for tens in 0..20 {
        let mut batch = Batch::new();
        for n in tens * 10..tens * 10 + 10 {
            batch.put(key(&format!("name-{n}")), vec![n; 5000]);
        }
        store.commit_blocking(batch).unwrap();
    }
    store.close_blocking().unwrap();
}

#[test]
fn a_second_server_is_told_who_has_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(SledStore::open(options(folder.path())).unwrap());
    put(&store, "a", b"1");
    match SledStore::open(options(folder.path())) {
        Err(StoreError::InUse { path, holder }) => {
            assert_eq!((path.as_path(), holder), (folder.path(), std::process::id().to_string()));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(compact_offline(folder.path()), Err(StoreError::InUse { .. })));
    put(&store, "b", b"the first isn't disturbed");
    store.close_blocking().unwrap();
    let store = Store::new(SledStore::open(options(folder.path())).unwrap());
    assert!(store.get_blocking(&key("b")).unwrap().is_some());
}

#[test]
fn numbers_rise_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut last = 0;
    for _start in 0..3 {
        let store = Store::new(SledStore::open(options(folder.path())).unwrap());
        put(&store, "a", b"1");
        let version = store.get_blocking(&key("a")).unwrap().unwrap().version;
        assert!(version > last);
        last = version;
        store.close_blocking().unwrap();
    }
}

#[test]
fn a_damaged_database_is_refused_or_set_aside_whole() {
    let garbage: fn(&mut Vec<u8>) = |bytes| bytes.fill(0xa5);
    for (what, file, damage) in [
        ("all of it", "db", garbage),
        ("its settings", "conf", garbage),
        ("cut to nothing", "db", Vec::clear as fn(&mut Vec<u8>)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path());
        let file = folder.path().join("sled").join(file);
        let mut bytes = fs::read(&file).unwrap();
        damage(&mut bytes);
        fs::write(&file, &bytes).unwrap();
        match SledStore::open(options(folder.path())) {
            Err(error @ StoreError::Corrupted { .. }) => assert!(!error.is_temporary()),
            other => panic!("{what}: {other:?}"),
        }
        let mut with_quarantine = options(folder.path());
        with_quarantine.on_corruption = OnCorruption::Quarantine;
        let store = SledStore::open(with_quarantine.clone()).unwrap();
        let aside = store.quarantined().unwrap().to_owned();
        assert!(aside.starts_with(folder.path()) && aside.join("db").exists(), "{what}");
        let store = Store::new(store);
        assert!(store.get_blocking(&key("name-1")).unwrap().is_none(), "{what}: empty");
        put(&store, "new", b"1");
        store.close_blocking().unwrap();
        let again = SledStore::open(with_quarantine).unwrap();
        assert!(again.quarantined().is_none(), "{what}: not twice");
    }
}

#[test]
fn damage_anywhere_costs_errors_and_no_panic() {
    for at in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path());
        let file = folder.path().join("sled").join("db");
        let mut bytes = fs::read(&file).unwrap();
        let start = bytes.len() / 8 * at;
        bytes[start..start + 20_000].fill(0x5a);
        fs::write(&file, &bytes).unwrap();
        match SledStore::open(options(folder.path())) {
            Err(StoreError::Corrupted { .. }) => {}
            Ok(store) => {
                let store = Store::new(store);
                for n in 0..200 {
                    if let Ok(Some(entry)) = store.get_blocking(&key(&format!("name-{n}"))) {
                        assert_eq!(entry.value, [n; 5000], "damaged at {start}");
                    }
                }
                drop(store.close_blocking());
            }
            Err(other) => panic!("damaged at {start}: {other}"),
        }
    }
}

#[test]
fn a_newer_format_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    {
        let config = sled::Config::new().path(folder.path().join("sled")).segment_size(2 << 20);
        // Its own threads may still have it locked.
        let db = std::iter::repeat_with(|| config.open()).find_map(Result::ok).unwrap();
        db.insert(b"\0format", &2u64.to_be_bytes()).unwrap();
        db.flush().unwrap();
    }
    let mut with_quarantine = options(folder.path());
    with_quarantine.on_corruption = OnCorruption::Quarantine;
    match SledStore::open(with_quarantine) {
        Err(StoreError::Format { found: 2, known: 1, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn compaction_keeps_everything_and_gives_space_back() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let store = Store::new(SledStore::open(options(folder.path())).unwrap());
    for n in 0..190 {
        let mut batch = Batch::new();
        batch.delete(key(&format!("name-{n}")));
        store.commit_blocking(batch).unwrap();
    }
    store.close_blocking().unwrap();
    let report = compact_offline(folder.path()).unwrap();
    assert!(report.after_bytes <= report.before_bytes && report.entries >= 10, "{report:?}");
    let store = Store::new(SledStore::open(options(folder.path())).unwrap());
    for n in 0..200 {
        let found = store.get_blocking(&key(&format!("name-{n}"))).unwrap();
        assert_eq!(found.map(|entry| entry.value), (n >= 190).then(|| vec![n; 5000]));
    }
}
