//! Journal rule 20: what is personal is sealed with the contact's key, and gone with it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{Centre, agent, centres, record, tenant};
use cordboard_core::decision::{AgentRow, Columns, ContactRow, Decision, PairScore, ScoredBy};
use cordboard_core::ids::{ContactId, DecisionId, Digest, QueueName};
use cordboard_core::note::{LogLevel, Note, NoteKind};
use cordboard_core::record::{ChoiceMade, ContactRecord, EndReason, Personal};
use cordboard_core::time::Timestamp;
use cordboard_store::{
    Batch, ContactKeys, DecisionRef, Erasure, Item, Key, RecordFilter, Rooms, Scan, StoreError, Table,
};

const NUMBER: &str = "+15550001";
const CONTACT: ContactId = ContactId(5 << 80);

fn personal(contact: ContactId) -> ContactRecord {
    let mut made = record(&tenant("acme"), contact);
    made.origin = common::address(NUMBER);
    made.attributes.insert("customer-name".into(), "Ada Lovelace".into());
    let (question, answer) = ("account".into(), "10017781".into());
    made.choices.push(ChoiceMade { at: Timestamp(7), question, answer });
    made.end = EndReason::Failed("could not help Ada Lovelace".into());
    made.stepped_down = Some("trap while serving Ada Lovelace".into());
    made
}

fn decision(contacts: &[ContactId]) -> Decision {
    let columns = Columns {
        contact: (0..20).map(|n| format!("number-{n}")).collect::<Vec<_>>().into(),
        agent: vec!["idle".to_owned()].into(),
    };
    let row = |contact: &ContactId| ContactRow { contact: *contact, values: vec![1.5; 20] };
    Decision {
        id: DecisionId(3),
        asked_at: Timestamp(1),
        decided_at: Timestamp(2),
        queue: QueueName::new("support").unwrap(),
        scored_by: ScoredBy::LongestIdle,
        columns,
        contacts: contacts.iter().map(row).collect(),
        agents: vec![AgentRow { agent: agent("eve"), values: vec![9.0] }],
        parts: Vec::new(),
        scores: contacts.iter().map(|_| PairScore { score_milli: Some(5), parts: Vec::new() }).collect(),
        assigned: vec![(contacts[0], agent("eve"))],
        left_out: Vec::new(),
        grounds: None,
    }
}

fn frames() -> Vec<Vec<u8>> {
    [&b"\x01opened by +15550001"[..], b"\x01said Hello, Ada Lovelace.", b"\x01pressed 10017781"]
        .map(<[u8]>::to_vec)
        .to_vec()
}

async fn write(rooms: &Rooms, contact: ContactId, frames: &[Vec<u8>], record: Option<&ContactRecord>) {
    let items = (0..).zip(frames).map(|(number, bytes)| Item::Frame { contact, number, bytes });
    let items: Vec<_> = items.chain(record.map(Item::Record)).collect();
    let written = rooms.write(&tenant("acme"), &items).await.unwrap();
    assert!(written.refused.is_empty(), "{:?}", written.refused);
}

/// Every value of a table, by key.
async fn raw(rooms: &Rooms, table: Table) -> Vec<(Key, Vec<u8>)> {
    let page = rooms.store.scan(Scan::prefix(&tenant("acme"), table, &[])).await.unwrap();
    page.entries.into_iter().map(|entry| (entry.key, entry.value)).collect()
}

async fn put(rooms: &Rooms, key: &Key, value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(key.clone(), value.to_vec());
    rooms.store.commit(batch).await.unwrap();
}

/// Which of these are somewhere in the store, keys included.
async fn found_raw(rooms: &Rooms, needles: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for table in cordboard_store::key::TABLES {
        for (key, value) in raw(rooms, table).await {
            let all = [key.as_bytes(), &value].concat();
            let here =
                needles.iter().filter(|needle| all.windows(8).any(|w| needle.as_bytes().windows(8).any(|n| n == w)));
            found.extend(here.map(|needle| format!("{needle} in {key}")));
        }
    }
    found
}

#[tokio::test]
async fn rule_20_nothing_personal_stands_in_the_store_in_plain() {
    for centre in centres() {
        let (rooms, acme, ended) = (centre.rooms, tenant("acme"), personal(CONTACT));
        write(&rooms, CONTACT, &frames(), Some(&ended)).await;
        let made = decision(&[CONTACT]);
        assert!(rooms.write(&acme, &[Item::Decision(&made)]).await.unwrap().refused.is_empty());
        let needles = [NUMBER, "Ada Lovelace", "10017781", "customer-name"];
        assert_eq!(found_raw(&rooms, &needles).await, [""; 0], "{}", centre.name);
        assert_eq!(rooms.journals.read_all(&acme, CONTACT).await.unwrap(), frames());
        assert_eq!(rooms.records.get(&acme, CONTACT).await.unwrap(), Some(ended.clone()));
        assert_eq!(rooms.decisions.get(&acme, DecisionRef::from(&made)).await.unwrap(), Some(made));
        let filter = RecordFilter { caller: Some(NUMBER.into()), ..RecordFilter::default() };
        assert_eq!(rooms.records.list(&acme, &filter, None, 9).await.unwrap().records, [ended]);
        let nobody = RecordFilter { caller: Some("+15550002".into()), ..RecordFilter::default() };
        assert!(rooms.records.list(&acme, &nobody, None, 9).await.unwrap().records.is_empty());
    }
}

#[tokio::test]
async fn rule_20_a_frame_that_was_changed_cut_or_moved_is_told_by_number() {
    let Centre { rooms, _engine, _blobs, .. } = centres().remove(0);
    let (acme, other) = (tenant("acme"), ContactId(6 << 80));
    write(&rooms, CONTACT, &frames(), None).await;
    write(&rooms, other, &frames(), None).await;
    let stored = raw(&rooms, Table::Journal).await;
    let (key, value) = stored[1].clone();
    // Behind the two octets that count further parts.
    let flips = (2..value.len()).map(|at| {
        let mut changed = value.clone();
        changed[at] ^= 0x40;
        changed
    });
    let cuts = (2..value.len()).map(|at| value[..at].to_vec());
    let moved = [stored[0].1.clone(), stored[2].1.clone(), stored[4].1.clone(), b"\0\0\x01plain".to_vec()];
    for bad in flips.chain(cuts).chain(moved) {
        put(&rooms, &key, &bad).await;
        let read = rooms.journals.read_all(&acme, CONTACT).await;
        assert!(matches!(read, Err(StoreError::BrokenFrame { number: 1 })), "{bad:?}: {read:?}");
        let page = rooms.journals.read(&acme, CONTACT, 0, 9).await.unwrap();
        assert_eq!((page.frames.len(), page.broken, page.next), (1, Some(1), None), "{bad:?}");
    }
    let interrupted = rooms.journals.interrupted(&acme, CONTACT).await.unwrap();
    assert!(interrupted.damage.is_some());
    put(&rooms, &key, &value).await;
    assert_eq!(rooms.journals.read_all(&acme, CONTACT).await.unwrap(), frames());
    assert_eq!(rooms.journals.read_all(&acme, other).await.unwrap(), frames());
    // A newer envelope is the journal's to tell: its first octet is no format that is known.
    put(&rooms, &key, &[0, 0, 0xE2, 1]).await;
    assert_eq!(rooms.journals.read_all(&acme, CONTACT).await.unwrap()[1], [0xE2, 1]);
}

#[tokio::test]
async fn rule_20_a_record_whose_key_does_not_open_it_keeps_what_is_not_personal() {
    let Centre { rooms, _engine, _blobs, .. } = centres().remove(0);
    let (acme, ended) = (tenant("acme"), personal(CONTACT));
    write(&rooms, CONTACT, &[], Some(&ended)).await;
    let (key, value) = raw(&rooms, Table::Record).await.remove(0);
    let mut changed = value.clone();
    *changed.last_mut().unwrap() ^= 1;
    put(&rooms, &key, &changed).await;
    let expected = ended.clone().without_personal(Personal::Unreadable);
    assert_eq!(rooms.records.get(&acme, CONTACT).await.unwrap(), Some(expected.clone()));
    let listed = rooms.records.list(&acme, &RecordFilter::default(), None, 9).await.unwrap();
    assert_eq!(listed.records, [expected]);
    // Its caller's index is found and removed all the same.
    assert_eq!(rooms.erase(&acme, CONTACT).await.unwrap(), Erasure::Done);
    let filter = RecordFilter { caller: Some(NUMBER.into()), ..RecordFilter::default() };
    assert!(rooms.records.list(&acme, &filter, None, 9).await.unwrap().records.is_empty());
}

#[tokio::test]
async fn rule_20_what_an_earlier_host_wrote_in_plain_is_read_closed_and_erased() {
    for centre in centres() {
        let (rooms, acme) = (centre.rooms, tenant("acme"));
        for (number, frame) in (0u64..).zip(frames()) {
            let name = [&CONTACT.0.to_be_bytes()[..], &number.to_be_bytes()].concat();
            let key = Key::new(&acme, Table::Journal, &name).unwrap();
            put(&rooms, &key, &[&[0, 0], &frame[..]].concat()).await;
        }
        put(&rooms, &Key::new(&acme, Table::OpenJournal, &CONTACT.0.to_be_bytes()).unwrap(), &[]).await;
        let open = [&[5], NUMBER.as_bytes(), &[0], &CONTACT.0.to_be_bytes()].concat();
        put(&rooms, &Key::new(&acme, Table::RecordIndex, &open).unwrap(), &[]).await;
        assert_eq!(rooms.journals.read_all(&acme, CONTACT).await.unwrap(), frames(), "{}", centre.name);
        assert_eq!(rooms.journals.unfinished(&acme, None, 9).await.unwrap(), [CONTACT]);
        assert_eq!(rooms.erase(&acme, CONTACT).await.unwrap(), Erasure::Unfinished);

        // Closed by this one: sealed from there on.
        let (closing, ended) = (b"\x01closed".to_vec(), personal(CONTACT));
        let items = [Item::Frame { contact: CONTACT, number: 3, bytes: &closing }, Item::Record(&ended)];
        for _again in 0..2 {
            assert!(rooms.write(&acme, &items).await.unwrap().refused.is_empty());
        }
        let whole = [frames(), vec![closing]].concat();
        assert_eq!(rooms.journals.read_all(&acme, CONTACT).await.unwrap(), whole);
        rooms.tidy_up(&acme).await.unwrap();
        let in_index = raw(&rooms, Table::RecordIndex)
            .await
            .iter()
            .any(|(key, _)| key.as_bytes().windows(NUMBER.len()).any(|window| window == NUMBER.as_bytes()));
        assert!(!in_index, "the number is hidden");
        let filter = RecordFilter { caller: Some(NUMBER.into()), ..RecordFilter::default() };
        assert_eq!(rooms.records.list(&acme, &filter, None, 9).await.unwrap().records.len(), 1);

        assert_eq!(rooms.erase(&acme, CONTACT).await.unwrap(), Erasure::Done);
        assert_eq!(found_raw(&rooms, &[NUMBER, "Ada Lovelace", "10017781"]).await, [""; 0]);
    }
}

#[tokio::test]
async fn rule_20_after_erasing_every_way_to_read_says_so() {
    for centre in centres() {
        let (rooms, acme, other) = (centre.rooms, tenant("acme"), ContactId(6 << 80));
        assert_eq!(rooms.erase(&acme, CONTACT).await.unwrap(), Erasure::Unknown);
        write(&rooms, CONTACT, &frames(), None).await;
        assert_eq!(rooms.erase(&acme, CONTACT).await.unwrap(), Erasure::Unfinished, "{}", centre.name);
        let (ended, kept, made) = (personal(CONTACT), personal(other), decision(&[CONTACT, other]));
        write(&rooms, CONTACT, &[], Some(&ended)).await;
        write(&rooms, other, &frames(), Some(&kept)).await;
        assert!(rooms.write(&acme, &[Item::Decision(&made)]).await.unwrap().refused.is_empty());

        assert_eq!(rooms.erase(&acme, CONTACT).await.unwrap(), Erasure::Done);
        assert_eq!(rooms.erase(&acme, CONTACT).await.unwrap(), Erasure::Before);

        let erased = |result: &StoreError| matches!(result, StoreError::Erased { contact: CONTACT });
        assert!(rooms.journals.read_all(&acme, CONTACT).await.is_err_and(|error| erased(&error)));
        assert!(rooms.journals.read(&acme, CONTACT, 9, 1).await.is_err_and(|error| erased(&error)));
        assert!(rooms.journals.interrupted(&acme, CONTACT).await.is_err_and(|error| erased(&error)));
        let left = ended.clone().without_personal(Personal::Erased);
        assert_eq!(rooms.records.get(&acme, CONTACT).await.unwrap(), Some(left.clone()));
        assert_eq!((left.origin.number, left.end.code(), left.ended_at), (None, "failed", ended.ended_at));
        let by = async |filter: RecordFilter| rooms.records.list(&acme, &filter, None, 9).await;
        let caller = RecordFilter { caller: Some(NUMBER.into()), ..RecordFilter::default() };
        let ends = RecordFilter { end: Some("failed".into()), ..RecordFilter::default() };
        let ids = |page: cordboard_store::RecordPage| page.records.iter().map(|found| found.id).collect::<Vec<_>>();
        assert_eq!(ids(by(caller).await.unwrap()), [other]);
        assert_eq!(ids(by(ends).await.unwrap()), [other, CONTACT]);
        let found = rooms.decisions.by_contact(&acme, CONTACT, None, 9).await.unwrap().decisions.remove(0);
        let mut blank = made.clone();
        blank.contacts[0].values.clear();
        assert_eq!(found, blank, "the other's numbers, the scores and who got whom stay");

        // Nothing comes back.
        let late = frames();
        let items = [Item::Frame { contact: CONTACT, number: 3, bytes: &late[0] }, Item::Record(&ended)];
        let refused = rooms.write(&acme, &items).await.unwrap().refused;
        assert!(refused.len() == 2 && refused.iter().all(|(_, error)| erased(error)), "{refused:?}");
        assert_eq!(rooms.journals.read_all(&acme, other).await.unwrap(), frames());
        assert_eq!(rooms.records.get(&acme, other).await.unwrap(), Some(kept));
    }
}

fn note(at: u64, text: &str) -> Note {
    let kind = NoteKind::Log { level: LogLevel::Info, text: text.into() };
    Note { at: Timestamp(at), version: Digest([3; 32]), kind }
}

#[tokio::test]
async fn rule_20_notes_are_read_in_their_order_and_go_with_the_contact() {
    for centre in centres() {
        let (rooms, acme, other) = (centre.rooms, tenant("acme"), ContactId(6 << 80));
        assert!(rooms.notes.of(&acme, CONTACT).await.unwrap().is_empty(), "nobody knows of it");
        write(&rooms, CONTACT, &frames(), None).await;
        write(&rooms, other, &frames(), Some(&personal(other))).await;
        let notes: Vec<Note> = (0..300).map(|n| note(n, &format!("call {n} of Ada Lovelace"))).collect();
        let item = |contact, number: u32| Item::Note { contact, number, note: &notes[number as usize] };
        let items: Vec<Item<'_>> = (0..300).rev().map(|number| item(CONTACT, number)).collect();
        assert!(rooms.write(&acme, &items).await.unwrap().refused.is_empty());
        // Also of one that has ended: what is found out of a failure comes later.
        assert!(rooms.write(&acme, &[item(other, 1)]).await.unwrap().refused.is_empty());
        let expected: Vec<(u32, Note)> = (0..).zip(notes.iter().cloned()).collect();
        assert_eq!(rooms.notes.of(&acme, CONTACT).await.unwrap(), expected, "{}", centre.name);
        assert_eq!(rooms.notes.of(&acme, other).await.unwrap(), [(1, notes[1].clone())]);
        assert_eq!(found_raw(&rooms, &["Ada Lovelace"]).await, Vec::<String>::new());

        let large = note(1, &"x".repeat(cordboard_store::notes::MAX_NOTE_BYTES));
        let refused = rooms.write(&acme, &[Item::Note { contact: CONTACT, number: 300, note: &large }]).await.unwrap();
        assert!(matches!(refused.refused[..], [(0, StoreError::TooLarge { .. })]), "{refused:?}");
        let damaged = raw(&rooms, Table::Note).await.remove(0);
        put(&rooms, &damaged.0, &damaged.1[..damaged.1.len() - 1]).await;
        assert_eq!(rooms.notes.of(&acme, CONTACT).await.unwrap().len(), 299, "the others are there");

        write(&rooms, CONTACT, &[], Some(&personal(CONTACT))).await;
        assert_eq!(rooms.erase(&acme, CONTACT).await.unwrap(), Erasure::Done);
        let erased = |error: &StoreError| matches!(error, StoreError::Erased { contact: CONTACT });
        assert!(rooms.notes.of(&acme, CONTACT).await.is_err_and(|error| erased(&error)));
        let late = rooms.write(&acme, &[item(CONTACT, 0)]).await.unwrap();
        assert!(matches!(&late.refused[..], [(0, error)] if erased(error)), "{late:?}");
        assert_eq!(raw(&rooms, Table::Note).await.len(), 1, "the other contact's");
    }
}

/// A refused item must not count as the one with which the place of the key was written.
#[tokio::test]
async fn rule_20_a_contact_whose_first_item_is_refused_can_be_read_later() {
    let Centre { rooms, _engine, _blobs, .. } = centres().remove(0);
    let (acme, long) = (tenant("acme"), vec![0; cordboard_store::journals::MAX_FRAME_BYTES + 1]);
    let frame = |number, bytes| Item::Frame { contact: CONTACT, number, bytes };
    assert_eq!(rooms.write(&acme, &[frame(0, &long)]).await.unwrap().refused.len(), 1);
    assert_eq!(rooms.write(&acme, &[frame(0, &long), frame(0, b"short")]).await.unwrap().refused.len(), 1);
    assert!(rooms.write(&acme, &[frame(1, b"next")]).await.unwrap().refused.is_empty());
    assert_eq!(rooms.journals.read_all(&acme, CONTACT).await.unwrap(), [&b"short"[..], b"next"]);
}

/// A journal without a record, which nobody could make one of, can be erased too.
#[tokio::test]
async fn rule_20_a_journal_that_was_given_up_is_erased() {
    let Centre { rooms, _engine, _blobs, .. } = centres().remove(0);
    let acme = tenant("acme");
    write(&rooms, CONTACT, &frames(), None).await;
    rooms.journals.give_up(&acme, CONTACT).await.unwrap();
    assert_eq!(rooms.erase(&acme, CONTACT).await.unwrap(), Erasure::Done);
    assert!(matches!(rooms.journals.read_all(&acme, CONTACT).await, Err(StoreError::Erased { .. })));
    assert_eq!(rooms.records.get(&acme, CONTACT).await.unwrap(), None);
    assert!(raw(&rooms, Table::Journal).await.is_empty());
}

/// A writer that has to try again after a failure must not find its contact erased meanwhile.
#[tokio::test]
async fn rule_20_what_somebody_still_writes_is_not_erased() {
    for centre in centres() {
        let (rooms, acme) = (centre.rooms, tenant("acme"));
        write(&rooms, CONTACT, &frames(), None).await;
        // Its record is there already, by another hand, and its own writer doesn't know.
        let keys = ContactKeys::open(centre._blobs.path().join("contact-keys"), &rooms.store).unwrap();
        let other = Rooms::new(rooms.store.clone(), keys, rooms.blobs.clone());
        let ended = personal(CONTACT);
        write(&other, CONTACT, &[], Some(&ended)).await;
        assert_eq!(rooms.erase(&acme, CONTACT).await.unwrap(), Erasure::Unfinished, "{}", centre.name);
        write(&rooms, CONTACT, &frames(), Some(&ended)).await;
        assert_eq!(rooms.erase(&acme, CONTACT).await.unwrap(), Erasure::Done);
    }
}

#[tokio::test]
async fn rule_20_damage_keeps_nobody_from_being_erased_and_no_host_from_starting() {
    for centre in centres() {
        let (rooms, acme) = (centre.rooms, tenant("acme"));
        write(&rooms, CONTACT, &frames(), Some(&personal(CONTACT))).await;
        let id = CONTACT.0.to_be_bytes();
        put(&rooms, &Key::new(&acme, Table::Record, &id).unwrap(), &[&[0, 0, 2], NUMBER.as_bytes()].concat()).await;
        assert_eq!(rooms.erase(&acme, CONTACT).await.unwrap(), Erasure::Done, "{}", centre.name);
        assert_eq!(rooms.records.get(&acme, CONTACT).await.unwrap(), None);
        assert_eq!(found_raw(&rooms, &[NUMBER]).await, [""; 0]);
        assert!(raw(&rooms, Table::RecordIndex).await.iter().all(|(key, _)| key.name()[0] != 8), "its caller's entry");

        let row = [&[0], &id[..]].concat();
        put(&rooms, &Key::new(&acme, Table::ContactKey, &row).unwrap(), &[99]).await;
        rooms.tidy_up(&acme).await.unwrap();
    }
}
