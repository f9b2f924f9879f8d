//! What every room has to do, on every engine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{centres, record, tenant};
use cordboard_core::ids::ContactId;
use cordboard_core::record::EndReason;
use cordboard_store::documents::{MAX_DOCUMENT_BYTES, document_name};
use cordboard_store::journals::MAX_FRAME_BYTES;
use cordboard_store::{
    DocumentKind, If, Item, RecordFilter, Revision, StoreError, StoreHealth, Watched, Written, interrupted::Interrupted,
};

#[tokio::test]
async fn a_document_is_replaced_only_by_who_knows_it() {
    for centre in centres() {
        let (documents, acme) = (centre.rooms.documents, tenant("acme"));
        let mut watch = documents.watch(&acme, DocumentKind::Queue, 8);
        let first = documents.put(&acme, DocumentKind::Queue, "support", b"1", If::Absent).await.unwrap();
        let again = documents.put(&acme, DocumentKind::Queue, "support", b"2", If::Absent).await;
        assert!(matches!(again, Err(StoreError::Conflict { found: Some(_), .. })), "{}", centre.name);
        let second = documents.put(&acme, DocumentKind::Queue, "support", b"2", If::Revision(first)).await.unwrap();
        let stale = documents.put(&acme, DocumentKind::Queue, "support", b"3", If::Revision(first)).await;
        assert!(matches!(stale, Err(StoreError::Conflict { .. })));
        documents.put(&acme, DocumentKind::Agent, "support", b"another kind", If::Always).await.unwrap();
        documents.put(&tenant("other"), DocumentKind::Queue, "support", b"another's", If::Always).await.unwrap();
        let found = documents.get(&acme, DocumentKind::Queue, "support").await.unwrap().unwrap();
        assert_eq!((found.body.as_slice(), found.revision), (&b"2"[..], second));
        assert_eq!(documents.list(&acme, DocumentKind::Queue).await.unwrap(), [found]);
        let stale = documents.delete(&acme, DocumentKind::Queue, "support", If::Revision(first)).await;
        assert!(matches!(stale, Err(StoreError::Conflict { .. })));
        assert!(documents.delete(&acme, DocumentKind::Queue, "support", If::Revision(second)).await.unwrap());
        assert!(!documents.delete(&acme, DocumentKind::Queue, "support", If::Always).await.unwrap());
        for gone in [false, false, true] {
            match watch.next().await {
                Some(Watched::Change(change)) => {
                    assert_eq!((document_name(&change.key), change.value.is_none()), (Some("support"), gone));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn long_documents_are_whole_and_too_long_ones_refused() {
    for centre in centres() {
        let (documents, acme) = (centre.rooms.documents, tenant("acme"));
        for len in [0, 1, 16_381, 16_382, 16_383, 100_000, MAX_DOCUMENT_BYTES, 40_000, 5] {
            let body: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            documents.put(&acme, DocumentKind::Setting, "long", &body, If::Always).await.unwrap();
            let found = documents.get(&acme, DocumentKind::Setting, "long").await.unwrap().unwrap();
            assert!(found.body == body, "{} {len}", centre.name);
        }
        let body = vec![0; MAX_DOCUMENT_BYTES + 1];
        let refused = documents.put(&acme, DocumentKind::Setting, "long", &body, If::Always).await;
        assert!(matches!(refused, Err(StoreError::TooLarge { .. })));
        for name in ["", &"x".repeat(300)] {
            assert!(documents.put(&acme, DocumentKind::Setting, name, b"", If::Always).await.is_err(), "{name:?}");
        }
        let none = documents.put(&acme, DocumentKind::Setting, "new", b"", If::Revision(Revision(7))).await;
        assert!(matches!(none, Err(StoreError::Conflict { found: None, .. })));
    }
}

#[tokio::test]
async fn a_journal_is_read_in_pages_and_removed() {
    for centre in centres() {
        let (journals, acme, contact) = (centre.rooms.journals, tenant("acme"), ContactId(7));
        let frames: Vec<Vec<u8>> = (0..300u16).map(|n| n.to_be_bytes().repeat(1 + usize::from(n) * 30)).collect();
        for (at, some) in (0..).step_by(50).zip(frames.chunks(50)) {
            journals.append(&acme, contact, at, some).await.unwrap();
        }
        journals.append(&acme, ContactId(8), 0, &[b"another's".to_vec()]).await.unwrap();
        let again = journals.append(&acme, contact, 3, &frames[3..4]).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })), "{}", centre.name);
        assert_eq!(journals.read_all(&acme, contact).await.unwrap(), frames);
        let page = journals.read(&acme, contact, 298, 1).await.unwrap();
        assert_eq!((page.frames, page.next), (vec![(298, frames[298].clone())], Some(299)));
        assert!(journals.read(&acme, contact, 300, 10).await.unwrap().frames.is_empty());
        assert_eq!(journals.unfinished(&acme, None, 10).await.unwrap(), [contact, ContactId(8)]);
        assert_eq!(journals.unfinished(&acme, Some(contact), 10).await.unwrap(), [ContactId(8)]);
        journals.delete(&acme, contact).await.unwrap();
        assert!(journals.read_all(&acme, contact).await.unwrap().is_empty());
        assert_eq!(journals.unfinished(&acme, None, 10).await.unwrap(), [ContactId(8)]);
    }
}

#[tokio::test]
async fn a_mixed_batch_is_written_in_order_and_may_be_repeated() {
    for centre in centres() {
        let (rooms, acme, contact) = (centre.rooms, tenant("acme"), ContactId(5 << 80));
        let ended = record(&acme, contact);
        let frames: Vec<Vec<u8>> = (0..40u8).map(|n| vec![n; 100]).collect();
        let mut items: Vec<_> =
            (0..).zip(&frames).map(|(number, bytes)| Item::Frame { contact, number, bytes }).collect();
        items.push(Item::Record(&ended));
        for part in [&items[..10], &items[5..], &items[..], &items[..]] {
            let written = rooms.write(&acme, part).await.unwrap();
            assert!(written.refused.is_empty(), "{} {:?}", centre.name, written.refused);
        }
        assert_eq!(rooms.journals.read_all(&acme, contact).await.unwrap(), frames);
        assert_eq!(rooms.records.get(&acme, contact).await.unwrap(), Some(ended.clone()));
        assert!(rooms.journals.unfinished(&acme, None, 10).await.unwrap().is_empty(), "its record has finished it");
        let info = rooms.store.info().await.unwrap();
        assert_eq!(info.durable, info.applied);
    }
}

#[tokio::test]
async fn what_is_impossible_does_not_hold_up_the_rest() {
    for centre in centres() {
        let (rooms, acme, contact) = (centre.rooms, tenant("acme"), ContactId(5 << 80));
        let (long, longest) = (vec![1; MAX_FRAME_BYTES + 1], vec![2; MAX_FRAME_BYTES]);
        let (ended, foreign) = (record(&acme, contact), record(&tenant("other"), contact));
        let mut other_end = ended.clone();
        other_end.journal_entries = 77;
        let frame = |number, bytes| Item::Frame { contact, number, bytes };
        let mut items = vec![frame(0, &b"first"[..]), frame(1, &long), Item::Record(&foreign)];
        // Far more than a batch takes.
        items.extend((1..13).map(|number| frame(number, &longest)));
        items.extend([
            frame(1, b"not what it was"),
            frame(0, b"first"),
            Item::Record(&ended),
            Item::Record(&other_end),
        ]);
        let check = |written: &Written| {
            let refused = |at: usize| written.refused.iter().find(|(place, _)| *place == at).map(|(_, error)| error);
            assert_eq!(written.refused.len(), 4, "{} {:?}", centre.name, written.refused);
            assert!(matches!(refused(1), Some(StoreError::TooLarge { .. })));
            assert!(matches!(refused(2), Some(StoreError::Invalid { .. })));
            assert!(matches!(refused(15), Some(StoreError::Conflict { .. })));
            assert!(matches!(refused(18), Some(StoreError::Conflict { .. })));
        };
        check(&rooms.write(&acme, &items).await.unwrap());
        check(&rooms.write(&acme, &items).await.unwrap());
        let frames = rooms.journals.read_all(&acme, contact).await.unwrap();
        assert!(frames.len() == 13 && frames[0] == b"first" && frames[1..].iter().all(|frame| *frame == longest));
        assert_eq!(rooms.records.get(&acme, contact).await.unwrap(), Some(ended));
        let changed = rooms.write(&acme, &[frame(0, b"changed"), frame(13, b"new")]).await.unwrap();
        assert!(matches!(changed.refused[..], [(0, StoreError::Conflict { found: Some(_), .. })]));
        assert_eq!(rooms.journals.read(&acme, contact, 13, 1).await.unwrap().frames, [(13, b"new".to_vec())]);
        assert_eq!(rooms.journals.read(&acme, contact, 0, 1).await.unwrap().frames, [(0, b"first".to_vec())]);
    }
}

#[tokio::test]
async fn what_a_failing_store_did_not_take_is_taken_when_it_is_back() {
    for centre in centres() {
        let (rooms, faults, acme, contact) = (centre.rooms, centre.faults, tenant("acme"), ContactId(5 << 80));
        let ended = record(&acme, contact);
        let frame = |number| Item::Frame { contact, number, bytes: b"frame" };
        let mut health = rooms.store.health_changes();
        // Applied, but the disk fails before it is durable.
        faults.hold_durable(true);
        let fail = async {
            // The commit has to be applied before the disk fails.
            while rooms.store.info().await.unwrap().applied.0 == 0 || !is_there(&rooms, contact).await {
                tokio::task::yield_now().await;
            }
            faults.fail_writes(true);
        };
        let first = [frame(0), frame(1)];
        let (failed, ()) = tokio::join!(rooms.write(&acme, &first), fail);
        assert!(matches!(&failed, Err(error @ StoreError::Failed { .. }) if error.is_temporary()), "{failed:?}");
        assert!(rooms.write(&acme, &[frame(2)]).await.is_err(), "{}", centre.name);
        faults.hold_durable(false);
        faults.fail_writes(false);
        health.wait_for(StoreHealth::is_ok).await.unwrap();
        assert!(rooms.write(&acme, &[frame(0), frame(1), frame(2)]).await.unwrap().refused.is_empty());
        faults.no_space(true);
        health.wait_for(|health| matches!(health, StoreHealth::NoSpace { .. })).await.unwrap();
        let full = rooms.write(&acme, &[frame(3), Item::Record(&ended)]).await;
        assert!(matches!(&full, Err(error @ StoreError::NoSpace { .. }) if error.is_temporary()), "{full:?}");
        assert!(rooms.records.get(&acme, contact).await.unwrap().is_none(), "reading goes on");
        faults.no_space(false);
        health.wait_for(StoreHealth::is_ok).await.unwrap();
        assert!(rooms.write(&acme, &[frame(3), Item::Record(&ended)]).await.unwrap().refused.is_empty());
        assert_eq!(rooms.journals.read_all(&acme, contact).await.unwrap().len(), 4);
    }
}

async fn is_there(rooms: &cordboard_store::Rooms, contact: ContactId) -> bool {
    !rooms.journals.read(&tenant("acme"), contact, 0, 1).await.unwrap().frames.is_empty()
}

#[tokio::test]
async fn a_request_that_finds_nothing_for_long_stops_and_can_go_on() {
    let (rooms, acme) = (centres().remove(0).rooms, tenant("acme"));
    // Callers and ends alternate, so that the two indexes never meet but at the oldest.
    let made = |n: u32| {
        let mut made = record(&acme, ContactId(u128::from(n + 1) << 80));
        made.origin.number = Some(if n.is_multiple_of(2) { "even" } else { "odd" }.into());
        made.end = if n.is_multiple_of(2) && n > 0 { EndReason::HungUp } else { EndReason::Completed };
        made
    };
    let oldest = made(0);
    for chunk in (0..12_000).collect::<Vec<_>>().chunks(500) {
        let records: Vec<_> = chunk.iter().map(|n| made(*n)).collect();
        let items: Vec<_> = records.iter().map(Item::Record).collect();
        assert!(rooms.write(&acme, &items).await.unwrap().refused.is_empty());
    }
    let filter = RecordFilter { caller: Some("even".into()), end: Some("completed".into()), ..RecordFilter::default() };
    let first = rooms.records.list(&acme, &filter, None, 10).await.unwrap();
    assert!(first.records.is_empty() && first.examined < 10_000, "{}", first.examined);
    let (mut next, mut found) = (first.next, Vec::new());
    assert!(next.is_some());
    while next.is_some() {
        let page = rooms.records.list(&acme, &filter, next, 10).await.unwrap();
        assert!(page.next.is_none() || page.next < next, "it comes forward");
        (next, found) = (page.next, [found, page.records].concat());
    }
    assert_eq!(found, [oldest]);
}

mod interrupted {
    use super::*;
    use cordboard_core::flow::{Channel, Request};
    use cordboard_core::ids::{DeploymentName, Digest, EntryPointName};
    use cordboard_core::journal::{Frame, Journal, Opened, encode};
    use cordboard_core::time::Timestamp;

    fn frames(contact: ContactId) -> Vec<Vec<u8>> {
        let at = Timestamp(9);
        let opened = Opened {
            at,
            tenant: tenant("acme"),
            contact,
            channel: Channel::Voice,
            entry_point: EntryPointName::new("main").unwrap(),
            origin: common::address("1"),
            dialled: common::address("2"),
        };
        let deployment = DeploymentName::new("reception").unwrap();
        let frames = [
            Frame::Opened(opened),
            Frame::Segment { from: 0, at, version: Digest([3; 32]), deployment, seed: 4 },
            Frame::Call { entry: 0, at, request: Request::Answer },
        ];
        frames.iter().map(|frame| encode(frame).unwrap()).collect()
    }

    #[tokio::test]
    async fn a_contact_is_closed_once_at_its_last_durable_frame() {
        for centre in centres() {
            let (rooms, acme, contact) = (centre.rooms, tenant("acme"), ContactId(5 << 80));
            rooms.journals.append(&acme, contact, 0, &frames(contact)).await.unwrap();
            let found = rooms.journals.interrupted(&acme, contact).await.unwrap();
            assert_eq!((found.next_frame, found.journal.entries.len()), (3, 1), "{}", centre.name);
            assert!(found.damage.is_none() && found.journal.closed.is_none());
            let mut ended = record(&acme, contact);
            ended.end = EndReason::Interrupted;
            let wrong = rooms.close_interrupted(&acme, &found, &record(&acme, ContactId(6))).await;
            assert!(matches!(wrong, Err(StoreError::Invalid { .. })));
            for _again in 0..2 {
                let written = rooms.close_interrupted(&acme, &found, &ended).await.unwrap();
                assert!(written.refused.is_empty(), "{:?}", written.refused);
            }
            assert!(rooms.journals.unfinished(&acme, None, 10).await.unwrap().is_empty());
            let all = rooms.journals.read_all(&acme, contact).await.unwrap();
            let journal = Journal::from_frames(all.iter().map(Vec::as_slice)).unwrap();
            assert_eq!(journal.closed, Some((ended.ended_at, "interrupted".into())));
            let filter = RecordFilter { end: Some("interrupted".into()), ..RecordFilter::default() };
            assert_eq!(rooms.records.list(&acme, &filter, None, 10).await.unwrap().records, [ended]);
            // Interrupted between closing frame and record: not closed twice.
            let found = rooms.journals.interrupted(&acme, contact).await.unwrap();
            assert_eq!((found.next_frame, found.journal.closed.is_some()), (4, true));
        }
    }

    #[tokio::test]
    async fn damage_and_holes_end_what_can_be_read() {
        for centre in centres() {
            let (rooms, acme) = (centre.rooms, tenant("acme"));
            let (holed, damaged) = (ContactId(1 << 80), ContactId(2 << 80));
            let all = frames(holed);
            rooms.journals.append(&acme, holed, 0, &all[..2]).await.unwrap();
            rooms.journals.append(&acme, holed, 3, &all[2..]).await.unwrap();
            let bad = [all[0].clone(), all[1].clone(), vec![1, 255, 255]];
            rooms.journals.append(&acme, damaged, 0, &bad).await.unwrap();
            for contact in [holed, damaged] {
                let found: Interrupted = rooms.journals.interrupted(&acme, contact).await.unwrap();
                assert_eq!((found.next_frame, found.journal.segments.len()), (2, 1), "{}", centre.name);
                assert!(found.damage.is_some());
                let before = rooms.journals.read_all(&acme, contact).await.unwrap();
                let written = rooms.close_interrupted(&acme, &found, &record(&acme, contact)).await.unwrap();
                assert!(written.refused.is_empty());
                assert_eq!(rooms.journals.read_all(&acme, contact).await.unwrap(), before, "left as it is");
            }
            rooms.journals.append(&acme, ContactId(9), 0, &[b"no beginning".to_vec()]).await.unwrap();
            assert_eq!(rooms.journals.unfinished(&acme, None, 10).await.unwrap(), [ContactId(9)]);
            rooms.journals.give_up(&acme, ContactId(9)).await.unwrap();
            assert!(rooms.journals.unfinished(&acme, None, 10).await.unwrap().is_empty());
        }
    }
}
