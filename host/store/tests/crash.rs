//! What is acknowledged outlives the process, however it ends; and a disk that really refuses to write.
//!
//! Both need a process of their own: this program starts itself, for one of the tests marked `ignored`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{options, record, runtime, tenant};
use cordboard_core::history::{Operator, StepKind};
use cordboard_core::ids::{ContactId, DeploymentName, Digest};
use cordboard_core::time::Timestamp;
use cordboard_store::history::{Change, NewStep, State};
use cordboard_store::{Blobs, ContactKeys, DocumentKind, If, Item, Rooms, SledStore, Store, StoreError, StoreHealth};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const FOLDER: &str = "CORDBOARD_STORE_TEST_FOLDER";
const ROUND: &str = "CORDBOARD_STORE_TEST_ROUND";
const CONTACTS: u64 = 4;

fn open(folder: &Path) -> Rooms {
    let store = Store::new(SledStore::open(options(&folder.join("store"))).unwrap());
    let keys = ContactKeys::open(folder.join("contact-keys"), &store).unwrap();
    Rooms::new(store, keys, Blobs::open(folder.join("blobs"), 1 << 20).unwrap())
}

fn contact(round: u64, number: u64) -> ContactId {
    ContactId(u128::from(round * CONTACTS + number) << 80)
}

/// The bytes of a frame: told by its number, of any length.
fn frame(number: u64) -> Vec<u8> {
    number.to_be_bytes().repeat(1 + (number % 97) as usize)
}

/// What the child is to do, where and when.
fn task() -> Option<(PathBuf, u64)> {
    Some((std::env::var_os(FOLDER)?.into(), std::env::var(ROUND).ok()?.parse().ok()?))
}

fn child(test: &str, folder: &Path, round: u64) -> Command {
    // A file-size limit is to answer an error, not to kill.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, folder).env(ROUND, round.to_string());
    command
}

#[test]
#[ignore = "started by its parent"]
fn the_child_writes_until_it_is_killed() {
    let Some((folder, round)) = task() else { return };
    let rooms = open(&folder);
    runtime().block_on(async {
        let acme = tenant("acme");
        for step in 0u64.. {
            let frames: Vec<_> = (step * 8..step * 8 + 8).map(|number| (number, frame(number))).collect();
            let of =
                |contact| frames.iter().map(move |(number, bytes)| Item::Frame { contact, number: *number, bytes });
            let mut items: Vec<_> = (0..CONTACTS).flat_map(|number| of(contact(round, number))).collect();
            // Every step also ends a contact that had one frame.
            let ended = record(&acme, ContactId(contact(round, 0).0 + u128::from(step) + 1));
            items.insert(3, Item::Frame { contact: ended.id, number: 0, bytes: b"only" });
            items.push(Item::Record(&ended));
            assert!(rooms.write(&acme, &items).await.unwrap().refused.is_empty());
            deployed(&rooms, step).await;
            println!("\nacknowledged {step}");
        }
    });
}

fn front() -> DeploymentName {
    DeploymentName::new("front").unwrap()
}

/// A deployment's document that says which step it is.
async fn deployed(rooms: &Rooms, step: u64) {
    let body = step.to_be_bytes().repeat(3_000);
    let state = State { version: Digest([0; 32]), document: body.clone() };
    let (by, kind) = (Operator::host(), StepKind::Deployed);
    let (why, from, to, figures) = (None, None, None, None);
    let new = NewStep { at: Timestamp(step), by, kind, why, from, to, figures, state: Some(state) };
    rooms.histories.change(&tenant("acme"), &front(), Change::Put(&body), If::Always, &[new]).await.unwrap();
}

/// The latest step has the document that is there, none is missing, and what was acknowledged is there.
async fn history_is_whole(rooms: &Rooms, last: u64) {
    let acme = tenant("acme");
    let found = rooms.documents.get(&acme, DocumentKind::Deployment, "front").await.unwrap().unwrap();
    let page = rooms.histories.page(&acme, &front(), None, 2).await.unwrap();
    let latest = &page.steps[0];
    assert_eq!(latest.state.as_ref().unwrap().document, found.body);
    assert_eq!(latest.step.revision, Some(found.revision.0));
    assert!(latest.step.at.0 >= last && page.altered.is_empty(), "{latest:?} of {last}");
}

/// Kills the child once it has acknowledged `enough` steps; answers the last one it could tell.
fn kill_after(mut child: Child, enough: u64) -> u64 {
    let mut last = None;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if let Some(step) = line.unwrap().strip_prefix("acknowledged ") {
            last = Some(step.parse::<u64>().unwrap());
        }
        if last == Some(enough) {
            // SIGKILL; what it has told meanwhile is still read.
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success());
    last.unwrap()
}

#[test]
fn no_acknowledged_frame_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let acme = tenant("acme");
    let mut ends = Vec::new();
    for (round, enough) in [7, 23, 40].into_iter().enumerate() {
        let mut command = child("the_child_writes_until_it_is_killed", folder.path(), round as u64);
        ends.push(kill_after(command.stdout(Stdio::piped()).spawn().unwrap(), enough));
        let rooms = open(folder.path());
        runtime().block_on(async {
            let mut open_ones = Vec::new();
            for (round, last) in (0..).zip(&ends) {
                for number in 0..CONTACTS {
                    let frames = rooms.journals.read_all(&acme, contact(round, number)).await.unwrap();
                    assert!(frames.len() as u64 >= (last + 1) * 8, "{} of step {last}", frames.len());
                    assert!((0..).zip(&frames).all(|(number, bytes)| *bytes == frame(number)), "no hole, no change");
                    open_ones.push(contact(round, number));
                }
                for step in 0..=*last {
                    let ended = record(&acme, ContactId(contact(round, 0).0 + u128::from(step) + 1));
                    assert_eq!(rooms.records.get(&acme, ended.id).await.unwrap(), Some(ended));
                }
            }
            history_is_whole(&rooms, *ends.last().unwrap()).await;
            assert_eq!(rooms.journals.unfinished(&acme, None, 1000).await.unwrap(), open_ones);
            rooms.store.close().await.unwrap();
        });
    }
}

#[test]
#[ignore = "started by its parent"]
fn the_child_meets_a_full_disk() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let Some((folder, _round)) = task() else { return };
    let rooms = open(&folder);
    runtime().block_on(async {
        let (acme, mut health) = (tenant("acme"), rooms.store.health_changes());
        let limit = |bytes| setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
        // No file may be longer: writes beyond it fail in the system, as those on a full disk do.
        limit(Some(6 << 20));
        let bytes: Vec<u8> = (0..60_000u32).flat_map(u32::to_be_bytes).collect();
        let item = |number| Item::Frame { contact: ContactId(1 << 80), number, bytes: &bytes };
        let mut number = 0;
        let error = loop {
            match rooms.write(&acme, &[item(number)]).await {
                Ok(written) => assert!(written.refused.is_empty()),
                Err(error) => break error,
            }
            number += 1;
            assert!(number < 1000, "the limit isn't heeded");
        };
        assert!(number > 3 && matches!(error, StoreError::Failed { .. }) && error.is_temporary(), "{number} {error}");
        assert!(health.has_changed().unwrap(), "it was told before the error");
        limit(None);
        health.wait_for(StoreHealth::is_ok).await.unwrap();
        assert!(rooms.write(&acme, &[item(number), item(number + 1)]).await.unwrap().refused.is_empty());
        let frames = rooms.journals.read_all(&acme, ContactId(1 << 80)).await.unwrap();
        assert!(frames.len() as u64 == number + 2 && frames.iter().all(|frame| *frame == bytes));
        rooms.store.close().await.unwrap();
    });
    let rooms = open(&folder);
    let frames = runtime().block_on(rooms.journals.read_all(&tenant("acme"), ContactId(1 << 80))).unwrap();
    assert!(frames.len() > 5, "and they are on disk");
}

#[test]
fn a_full_disk_is_an_error_and_passes() {
    let folder = tempfile::tempdir().unwrap();
    let output = child("the_child_meets_a_full_disk", folder.path(), 0).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}
