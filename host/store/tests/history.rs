//! Histories of deployments: with the document or not at all, in pages, and what was changed afterwards is seen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{Centre, centres, tenant};
use cordboard_core::history::{Operator, StepKind};
use cordboard_core::ids::{DeploymentName, Digest};
use cordboard_core::time::Timestamp;
use cordboard_store::history::{Change, NewStep, State};
use cordboard_store::{Batch, DocumentKind, If, Key, Revision, Scan, StoreError, Table};

fn front() -> DeploymentName {
    DeploymentName::new("front").unwrap()
}

fn step(kind: StepKind, at: u64, document: Option<&[u8]>) -> NewStep {
    NewStep {
        at: Timestamp(at),
        by: Operator::client("ann").unwrap(),
        kind,
        why: Some(format!("reason {at}")),
        from: None,
        to: document.map(Digest::of),
        figures: Some("{\"calls\":3}".into()),
        state: document.map(|document| State { version: Digest::of(document), document: document.to_vec() }),
    }
}

async fn put(centre: &Centre, body: &[u8], at: u64, expected: If) -> Result<u64, StoreError> {
    let steps = [step(StepKind::Deployed, at, Some(body))];
    let kept = centre.rooms.histories.change(&tenant("acme"), &front(), Change::Put(body), expected, &steps).await?;
    Ok(kept[0].revision.unwrap())
}

async fn numbers(centre: &Centre, before: Option<u64>, limit: usize) -> (Vec<u64>, Option<u64>, Vec<u64>) {
    let page = centre.rooms.histories.page(&tenant("acme"), &front(), before, limit).await.unwrap();
    (page.steps.iter().map(|kept| kept.step.number).collect(), page.before, page.altered)
}

#[tokio::test]
async fn a_step_is_kept_with_its_document_and_outlives_it() {
    for centre in centres() {
        let (acme, histories) = (tenant("acme"), &centre.rooms.histories);
        let documents = &centre.rooms.documents;
        let first = put(&centre, b"one", 1, If::Absent).await.unwrap();
        let long = vec![7; 40_000];
        let second = put(&centre, &long, 2, If::Revision(Revision(first))).await.unwrap();
        let found = documents.get(&acme, DocumentKind::Deployment, "front").await.unwrap().unwrap();
        assert_eq!((found.body, found.revision.0), (long.clone(), second), "{}", centre.name);
        // Figures without a change of the document, and its end; what comes after it goes on.
        let advanced = [step(StepKind::CanaryAdvanced, 3, Some(&long))];
        let kept = histories.change(&acme, &front(), Change::Keep, If::Always, &advanced).await.unwrap();
        assert_eq!((kept[0].number, kept[0].revision), (3, Some(second)));
        let gone = [step(StepKind::Deleted, 4, None)];
        histories.change(&acme, &front(), Change::Delete, If::Revision(Revision(second)), &gone).await.unwrap();
        assert!(documents.get(&acme, DocumentKind::Deployment, "front").await.unwrap().is_none());
        put(&centre, b"anew", 5, If::Absent).await.unwrap();
        let page = histories.page(&acme, &front(), None, 10).await.unwrap();
        let told: Vec<_> = page.steps.iter().rev().map(|kept| (kept.step.kind, kept.step.revision)).collect();
        assert_eq!(told[..2], [(StepKind::Deployed, Some(first)), (StepKind::Deployed, Some(second))]);
        assert_eq!(told[2..4], [(StepKind::CanaryAdvanced, Some(second)), (StepKind::Deleted, None)]);
        assert_eq!((page.steps.len(), page.before, page.altered), (5, None, vec![]));
        let kept = histories.step(&acme, &front(), 2).await.unwrap().unwrap();
        assert_eq!(kept.state.unwrap(), State { version: Digest::of(&long), document: long });
        assert_eq!(kept.step.why.as_deref(), Some("reason 2"));
        for none in [0, 6, u64::MAX] {
            assert_eq!(histories.step(&acme, &front(), none).await.unwrap(), None, "{none}");
        }
        // Names that begin alike and other tenants are others.
        let other = DeploymentName::new("fron").unwrap();
        assert!(histories.page(&acme, &other, None, 10).await.unwrap().steps.is_empty());
        assert!(histories.page(&tenant("other"), &front(), None, 10).await.unwrap().steps.is_empty());
    }
}

#[tokio::test]
async fn what_is_not_as_expected_changes_neither() {
    for centre in centres() {
        let (acme, histories) = (tenant("acme"), &centre.rooms.histories);
        let refused = |error: StoreError| matches!(error, StoreError::Conflict { .. });
        let first = put(&centre, b"one", 1, If::Always).await.unwrap();
        assert!(refused(put(&centre, b"two", 2, If::Absent).await.unwrap_err()));
        assert!(refused(put(&centre, b"two", 2, If::Revision(Revision(first + 1))).await.unwrap_err()));
        let nobody = DeploymentName::new("nobody").unwrap();
        for change in [Change::Delete, Change::Keep] {
            let steps = [step(StepKind::Deleted, 2, None)];
            let done = histories.change(&acme, &nobody, change, If::Always, &steps).await;
            assert!(refused(done.unwrap_err()), "{change:?}");
        }
        let long = NewStep { why: Some("x".repeat(1_001)), ..step(StepKind::Deployed, 2, None) };
        let done = histories.change(&acme, &front(), Change::Put(b"two"), If::Always, &[long]).await;
        assert!(matches!(done.unwrap_err(), StoreError::TooLarge { got: 1_001, .. }));
        let found = centre.rooms.documents.get(&acme, DocumentKind::Deployment, "front").await.unwrap().unwrap();
        assert_eq!((found.body.as_slice(), found.revision.0), (&b"one"[..], first));
        assert_eq!(numbers(&centre, None, 10).await, (vec![1], None, vec![]));
    }
}

#[tokio::test]
async fn what_the_disk_refuses_is_there_whole_or_not_at_all() {
    for centre in centres() {
        put(&centre, b"one", 1, If::Always).await.unwrap();
        centre.faults.fail_writes(true);
        assert!(put(&centre, b"two", 2, If::Always).await.unwrap_err().is_temporary());
        centre.faults.fail_writes(false);
        let mut changes = centre.rooms.store.health_changes();
        changes.wait_for(|health| health.is_ok()).await.unwrap();
        let found = centre.rooms.documents.get(&tenant("acme"), DocumentKind::Deployment, "front").await.unwrap();
        let steps = numbers(&centre, None, 10).await.0.len();
        assert_eq!(steps == 2, found.unwrap().body == b"two", "{}", centre.name);
    }
}

#[tokio::test]
async fn two_who_do_not_mind_come_one_after_the_other() {
    for centre in centres() {
        let done = futures_of(&centre).await;
        assert_eq!(done, 8, "{}", centre.name);
        assert_eq!(numbers(&centre, None, 100).await, ((1..=8).rev().collect(), None, vec![]));
    }
}

async fn futures_of(centre: &Centre) -> usize {
    let tasks: Vec<_> = (0..8u64)
        .map(|at| {
            let histories = centre.rooms.histories.clone();
            tokio::spawn(async move {
                let steps = [step(StepKind::Deployed, at, Some(b"x"))];
                histories.change(&tenant("acme"), &front(), Change::Put(b"x"), If::Always, &steps).await.is_ok()
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += usize::from(task.await.unwrap());
    }
    done
}

#[tokio::test]
async fn pages_go_from_the_newest_and_miss_nothing() {
    for centre in centres() {
        for at in 1..=7 {
            put(&centre, b"one", at, If::Always).await.unwrap();
        }
        assert_eq!(numbers(&centre, None, 3).await, (vec![7, 6, 5], Some(5), vec![]));
        assert_eq!(numbers(&centre, Some(5), 3).await, (vec![4, 3, 2], Some(2), vec![]));
        assert_eq!(numbers(&centre, Some(2), 3).await, (vec![1], None, vec![]));
        assert_eq!(numbers(&centre, Some(1), 3).await, (vec![], None, vec![]));
        assert_eq!(numbers(&centre, Some(u64::MAX), 7).await, ((1..=7).rev().collect(), None, vec![]));
    }
}

#[tokio::test]
async fn a_step_that_is_changed_or_taken_out_afterwards_is_told() {
    for centre in centres() {
        let acme = tenant("acme");
        for at in 1..=6 {
            put(&centre, b"one", at, If::Always).await.unwrap();
        }
        let store = &centre.rooms.store;
        let entries = store.scan(Scan::prefix(&acme, Table::Step, b"front\0")).await.unwrap().entries;
        let key = |number: usize| entries[number - 1].key.clone();
        let mut value = entries[1].value.clone();
        let at = value.windows(8).position(|part| part == b"reason 2").unwrap();
        value[at + 7] = b'9';
        let mut batch = Batch::new();
        batch.put(key(2), value).delete(key(4));
        store.commit(batch).await.unwrap();
        assert_eq!(numbers(&centre, None, 10).await, (vec![6, 5, 3, 1], None, vec![4, 2]), "{}", centre.name);
        // Also where a page ends there.
        assert_eq!(numbers(&centre, None, 2).await, (vec![6, 5], Some(5), vec![]));
        assert_eq!(numbers(&centre, Some(5), 1).await, (vec![3], Some(3), vec![4]));
        assert_eq!(centre.rooms.histories.step(&acme, &front(), 2).await.unwrap(), None, "nobody goes back to it");
        assert!(centre.rooms.histories.step(&acme, &front(), 3).await.unwrap().is_some());
        let mut batch = Batch::new();
        batch.put(key(3), b"\0\0\x63".to_vec());
        store.commit(batch).await.unwrap();
        assert_eq!(numbers(&centre, None, 10).await, (vec![6, 5, 2, 1], None, vec![4, 3]), "what can't be read");
        assert!(Key::from_bytes(key(1).as_bytes()).is_ok());
    }
}
