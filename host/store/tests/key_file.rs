//! The file of keys: what is wrong with it is told, costs what was sealed with those keys, and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{options, record, tenant};
use cordboard_core::ids::ContactId;
use cordboard_core::record::Personal;
use cordboard_store::{Blobs, ContactKeys, Erasure, Faults, Item, Rooms, SledStore, Store, StoreError};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const HEADER: u64 = 128;
const SLOT: u64 = 32;
const BLOCK: u64 = 1024;

fn file(folder: &Path) -> PathBuf {
    folder.join("contact-keys")
}

fn open(folder: &Path, faults: &Arc<Faults>) -> Result<Rooms, StoreError> {
    let store = Store::new(SledStore::open(options(&folder.join("store"))).unwrap());
    let keys = ContactKeys::open_with(file(folder), &store, Arc::clone(faults));
    if keys.is_err() {
        store.close_blocking().unwrap();
    }
    Ok(Rooms::new(store, keys?, Blobs::open(folder.join("blobs"), 1 << 20).unwrap()))
}

fn contact(number: u64) -> ContactId {
    ContactId(u128::from(number + 1) << 80)
}

async fn write(rooms: &Rooms, number: u64) -> Result<(), StoreError> {
    let (acme, contact) = (tenant("acme"), contact(number));
    let ended = record(&acme, contact);
    let items = [Item::Frame { contact, number: 0, bytes: b"frame" }, Item::Record(&ended)];
    rooms.write(&acme, &items).await.map(|written| assert!(written.refused.is_empty(), "{:?}", written.refused))
}

/// A data folder in which so many contacts have ended.
async fn used(contacts: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let rooms = open(folder.path(), &Arc::default()).unwrap();
    for number in 0..contacts {
        write(&rooms, number).await.unwrap();
    }
    rooms.store.close().await.unwrap();
    folder
}

fn slots(folder: &Path) -> u64 {
    (std::fs::metadata(file(folder)).unwrap().len() - HEADER) / SLOT
}

#[tokio::test]
async fn rule_20_a_key_file_that_can_not_be_used_keeps_the_host_from_starting() {
    type Harm = fn(&Path);
    let cases: [(&str, Harm); 6] = [
        ("missing", |file| std::fs::remove_file(file).unwrap()),
        ("short", |file| std::fs::File::options().write(true).open(file).unwrap().set_len(HEADER + SLOT * 9).unwrap()),
        ("ends in its header", |file| {
            std::fs::File::options().write(true).open(file).unwrap().set_len(HEADER - 1).unwrap();
        }),
        ("doesn't begin as a key file", |file| {
            let bytes = vec![0; std::fs::read(file).unwrap().len()];
            std::fs::write(file, bytes).unwrap();
        }),
        ("newer format", |file| {
            std::fs::File::options().write(true).open(file).unwrap().write_all_at(&[2], 7).unwrap();
        }),
        ("header is damaged", |file| {
            std::fs::File::options().write(true).open(file).unwrap().write_all_at(&[1, 2, 3], 30).unwrap();
        }),
    ];
    for (cause, harm) in cases {
        let folder = used(2).await;
        let kept = std::fs::read(file(folder.path())).unwrap();
        harm(&file(folder.path()));
        let harmed = std::fs::read(file(folder.path())).ok();
        match open(folder.path(), &Arc::default()) {
            Err(error @ StoreError::KeyFile { .. }) => assert!(error.to_string().contains(cause), "{cause}: {error}"),
            other => panic!("{cause}: {other:?}"),
        }
        assert_eq!(std::fs::read(file(folder.path())).ok(), harmed, "{cause}: nothing is written");
        // With the right one back, all is as it was.
        std::fs::write(file(folder.path()), kept).unwrap();
        let rooms = open(folder.path(), &Arc::default()).unwrap();
        assert_eq!(rooms.journals.read_all(&tenant("acme"), contact(1)).await.unwrap(), [b"frame"], "{cause}");
        rooms.store.close().await.unwrap();
    }
    let (one, other) = (used(1).await, used(1).await);
    std::fs::copy(file(other.path()), file(one.path())).unwrap();
    let error = open(one.path(), &Arc::default()).err().unwrap();
    assert!(error.to_string().contains("another data folder"), "{error}");
}

#[tokio::test]
async fn rule_20_lost_slots_cost_their_contacts_and_no_others() {
    let folder = used(3).await;
    let harmed = std::fs::File::options().write(true).open(file(folder.path())).unwrap();
    // The first contact's slot is empty, the second's has something else.
    harmed.write_all_at(&[0; SLOT as usize], HEADER).unwrap();
    harmed.write_all_at(&[7; SLOT as usize], HEADER + SLOT).unwrap();
    let (rooms, acme) = (open(folder.path(), &Arc::default()).unwrap(), tenant("acme"));
    for (number, cause) in [(0, "empty"), (1, "another")] {
        let error = rooms.journals.read_all(&acme, contact(number)).await.unwrap_err();
        assert!(matches!(error, StoreError::KeyLost { .. }) && error.to_string().contains(cause), "{error}");
        let found = rooms.records.get(&acme, contact(number)).await.unwrap().unwrap();
        assert_eq!(found.personal, Personal::Unreadable);
        let late = [Item::Frame { contact: contact(number), number: 1, bytes: b"late" }];
        assert!(matches!(rooms.write(&acme, &late).await.unwrap().refused[..], [(0, StoreError::KeyLost { .. })]));
        assert_eq!(rooms.erase(&acme, contact(number)).await.unwrap(), Erasure::Done);
    }
    let bytes = std::fs::read(file(folder.path())).unwrap();
    assert_eq!(bytes[(HEADER + SLOT) as usize..][..SLOT as usize], [7; SLOT as usize], "not its own: left alone");
    assert_eq!(rooms.journals.read_all(&acme, contact(2)).await.unwrap(), [b"frame"]);
    write(&rooms, 9).await.unwrap();
    assert_eq!(rooms.journals.read_all(&acme, contact(9)).await.unwrap(), [b"frame"]);
}

#[tokio::test]
async fn rule_20_a_slot_is_used_once_and_the_file_is_its_users_alone() {
    let folder = used(3).await;
    assert_eq!(slots(folder.path()), BLOCK);
    let mode = std::fs::metadata(file(folder.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::set_permissions(file(folder.path()), std::fs::Permissions::from_mode(0o644)).unwrap();
    let before = std::fs::read(file(folder.path())).unwrap();
    let (rooms, acme) = (open(folder.path(), &Arc::default()).unwrap(), tenant("acme"));
    assert_eq!(std::fs::metadata(file(folder.path())).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(slots(folder.path()), 2 * BLOCK, "what was there may have been given away");
    assert_eq!(rooms.erase(&acme, contact(1)).await.unwrap(), Erasure::Done);
    // Enough for two more blocks.
    for number in 10..10 + BLOCK + BLOCK / 2 {
        write(&rooms, number).await.unwrap();
    }
    let after = std::fs::read(file(folder.path())).unwrap();
    let mut expected = before.clone();
    expected[(HEADER + SLOT) as usize..][..SLOT as usize].fill(0);
    assert_eq!(after[..before.len()], expected, "but for the one that was erased");
    for number in [0, 2, 10, 9 + BLOCK + BLOCK / 2] {
        assert_eq!(rooms.journals.read_all(&acme, contact(number)).await.unwrap(), [b"frame"], "{number}");
    }
    assert_eq!(after[HEADER as usize..].as_chunks::<32>().0.iter().filter(|slot| **slot == [0; 32]).count(), 1);
}

#[tokio::test]
async fn rule_20_a_full_disk_costs_no_contact_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let faults = Arc::<Faults>::default();
    let (rooms, acme) = (open(folder.path(), &faults).unwrap(), tenant("acme"));
    faults.fail_writes(true);
    let mut written = 0;
    let error = loop {
        match write(&rooms, written).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(written, BLOCK, "what was made ahead lasts");
    assert!(error.is_temporary(), "{error}");
    assert!(rooms.erase(&acme, contact(0)).await.is_err_and(|error| error.is_temporary()));
    faults.fail_writes(false);
    write(&rooms, written).await.unwrap();
    assert_eq!(rooms.erase(&acme, contact(0)).await.unwrap(), Erasure::Done);
    assert_eq!(rooms.erase(&acme, contact(0)).await.unwrap(), Erasure::Before);
}

#[tokio::test]
async fn rule_20_an_erasure_that_was_cut_off_is_completed_and_a_key_that_comes_back_destroyed() {
    let folder = used(2).await;
    let (backup, acme) = (std::fs::read(file(folder.path())).unwrap(), tenant("acme"));
    let slot = |at: u64| std::fs::read(file(folder.path())).unwrap()[(HEADER + at * SLOT) as usize..][..32].to_vec();
    let faults = Arc::<Faults>::default();
    let rooms = open(folder.path(), &faults).unwrap();
    // The record says it already, the key can't be overwritten: as after a crash in between.
    faults.fail_writes(true);
    assert!(rooms.erase(&acme, contact(0)).await.is_err());
    assert!(slot(0) != [0; 32]);
    assert!(matches!(rooms.journals.read_all(&acme, contact(0)).await, Err(StoreError::Erased { .. })));
    rooms.store.close().await.unwrap();
    drop(rooms);
    let rooms = open(folder.path(), &Arc::default()).unwrap();
    rooms.tidy_up(&acme).await.unwrap();
    assert_eq!(slot(0), [0; 32]);
    assert_eq!(rooms.erase(&acme, contact(0)).await.unwrap(), Erasure::Before);
    rooms.store.close().await.unwrap();
    drop(rooms);
    // An operator puts an older copy in its place, long enough to be taken.
    let mut older = std::fs::read(file(folder.path())).unwrap();
    older[..backup.len()].copy_from_slice(&backup);
    std::fs::write(file(folder.path()), older).unwrap();
    let rooms = open(folder.path(), &Arc::default()).unwrap();
    assert!(slot(0) != [0; 32]);
    rooms.tidy_up(&acme).await.unwrap();
    assert_eq!(slot(0), [0; 32]);
    assert!(matches!(rooms.journals.read_all(&acme, contact(0)).await, Err(StoreError::Erased { .. })));
    assert_eq!(rooms.journals.read_all(&acme, contact(1)).await.unwrap(), [b"frame"]);
}

/// Nobody can close a journal whose key is lost: that must not keep the person from being erased.
#[tokio::test]
async fn rule_20_a_journal_that_a_crash_left_open_is_erased_though_its_key_is_lost() {
    let (folder, acme) = (tempfile::tempdir().unwrap(), tenant("acme"));
    let rooms = open(folder.path(), &Arc::default()).unwrap();
    let item = Item::Frame { contact: contact(0), number: 0, bytes: b"frame" };
    assert!(rooms.write(&acme, &[item]).await.unwrap().refused.is_empty());
    rooms.store.close().await.unwrap();
    let keys = std::fs::File::options().write(true).open(file(folder.path())).unwrap();
    keys.write_all_at(&[0; SLOT as usize], HEADER).unwrap();
    let rooms = open(folder.path(), &Arc::default()).unwrap();
    assert_eq!(rooms.journals.unfinished(&acme, None, 9).await.unwrap(), [contact(0)]);
    assert_eq!(rooms.erase(&acme, contact(0)).await.unwrap(), Erasure::Done);
    assert_eq!(rooms.journals.unfinished(&acme, None, 9).await.unwrap(), []);
}
