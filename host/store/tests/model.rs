//! The rooms against naive models of them, on every engine, over random contents.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{Centre, agent, bits, centres, record, runtime, tenant};
use cordboard_core::decision::{AgentRow, Columns, ContactRow, Decision, Grounds, LeftOut, PairScore, ScoredBy};
use cordboard_core::ids::{ContactId, DecisionId, DeploymentName, Digest, EntryPointName, QueueName, TenantId};
use cordboard_core::record::{ChoiceMade, ContactRecord, EndReason, Offer, OfferResult, QueueVisit, VisitOutcome};
use cordboard_core::time::Timestamp;
use cordboard_store::{Batch, DecisionRef, DocumentKind, If, Item, Key, RecordFilter, StoreError, Table};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use std::future::Future;

/// Runs `check` on generated input, each time for another tenant of the same stores.
fn each<S: Strategy, F: Future<Output = ()>>(
    cases: u32,
    input: &S,
    check: impl Fn(&'static Centre, TenantId, S::Value) -> F,
) where
    S::Value: Clone,
{
    // Leaked: the checks are futures that borrow them; the process ends soon.
    let centres: &'static [Centre] = Box::leak(centres().into_boxed_slice());
    let runtime = runtime();
    let mut case = 0;
    let case = std::cell::RefCell::new(&mut case);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let run = TestRunner::new(config).run(input, |value| {
        **case.borrow_mut() += 1;
        for centre in centres {
            let tenant = tenant(&format!("case-{}", case.borrow()));
            runtime.block_on(check(centre, tenant, value.clone()));
        }
        Ok(())
    });
    if let Err(failure) = run {
        panic!("{failure}");
    }
}

#[test]
fn documents_are_what_a_map_would_be() {
    let names = prop_oneof![Just("a"), Just("b"), Just("b1"), Just("c")];
    let kinds = prop_oneof![Just(DocumentKind::Queue), Just(DocumentKind::Agent)];
    // Body length or delete; expected: 0 always, 1 absent, 2 what is there, 3 something else.
    let change = (kinds, names, option::weighted(0.7, 0usize..40_000), 0u8..4);
    each(24, &vec(change, 1..25), |centre, who, changes| async move {
        let documents = &centre.rooms.documents;
        let mut model = BTreeMap::new();
        for (step, (kind, name, len, expected)) in changes.into_iter().enumerate() {
            let found = model.get(&(kind, name)).map(|(_, revision)| *revision);
            let expect = match (expected, found) {
                (1, _) => If::Absent,
                (2, Some(revision)) => If::Revision(revision),
                (3, _) => If::Revision(cordboard_store::Revision(u64::MAX)),
                _ => If::Always,
            };
            let fits = match expect {
                If::Always => true,
                If::Absent => found.is_none(),
                If::Revision(revision) => found == Some(revision),
            };
            if let Some(len) = len {
                let body = vec![step as u8; len];
                match documents.put(&who, kind, name, &body, expect).await {
                    Ok(revision) => {
                        assert!(fits);
                        model.insert((kind, name), (body, revision));
                    }
                    Err(error) => assert!(!fits && matches!(error, StoreError::Conflict { .. }), "{error}"),
                }
            } else {
                match documents.delete(&who, kind, name, expect).await {
                    Ok(was_there) => assert!(fits && was_there == model.remove(&(kind, name)).is_some()),
                    Err(error) => assert!(!fits && matches!(error, StoreError::Conflict { .. }), "{error}"),
                }
            }
        }
        for kind in [DocumentKind::Queue, DocumentKind::Agent] {
            let listed = documents.list(&who, kind).await.unwrap();
            let listed: Vec<_> = listed.into_iter().map(|found| (found.name, found.body, found.revision)).collect();
            let model = model.iter().filter(|((of, _), _)| *of == kind);
            let model: Vec<_> =
                model.map(|((_, name), (body, revision))| (name.to_string(), body.clone(), *revision)).collect();
            assert!(listed == model, "{} {kind}", centre.name);
        }
    });
}

fn queue(number: u8) -> QueueName {
    QueueName::new(format!("queue-{number}")).unwrap()
}

fn end(number: u8) -> EndReason {
    match number {
        0 => EndReason::Completed,
        1 => EndReason::HungUp,
        2 => EndReason::Failed("no balance".into()),
        _ => EndReason::Rejected(String::new()),
    }
}

/// Few values of everything, so that filters meet.
fn some_record() -> impl Strategy<Value = ContactRecord> {
    let visit = (0u8..3, option::of(0u8..3), 0u8..5).prop_map(|(number, who, result)| QueueVisit {
        queue: queue(number),
        queued_at: Timestamp(1),
        offers: vec![Offer {
            agent: agent("x"),
            at: Timestamp(2),
            decision: DecisionId(3),
            result: [
                OfferResult::Answered,
                OfferResult::TimedOut,
                OfferResult::Declined,
                OfferResult::Unreachable,
                OfferResult::Withdrawn,
            ][usize::from(result)],
        }],
        connected_at: who.map(|_| Timestamp(4)),
        left_at: Timestamp(u64::MAX),
        outcome: match who {
            Some(who) => VisitOutcome::Answered { agent: agent(&format!("agent-{who}")), talked_ms: 5 },
            None if result == 0 => VisitOutcome::Lost("gone".into()),
            None if result == 1 => VisitOutcome::Left,
            None => VisitOutcome::Abandoned,
        },
    });
    let rest = (0u64..30, any::<u16>(), 0u8..4, option::of(0u8..2), option::of(0u8..4), option::of(0u8..2));
    (rest, vec(visit, 0..3), ".{0,6}").prop_map(|((ms, random, reason, entry, caller, version), visits, text)| {
        let mut made = record(&tenant("unset"), ContactId(u128::from(ms) << 80 | u128::from(random)));
        made.entry_point = entry.map(|entry| EntryPointName::new(format!("entry-{entry}")).unwrap());
        made.origin.number = caller.map(|caller| ["+1", "+12", "", "\0+1"][usize::from(caller)].into());
        made.end = end(reason);
        made.visits = visits;
        made.versions = version.into_iter().map(|version| Digest([version; 32])).collect();
        made.choices = vec![ChoiceMade { at: Timestamp(7), question: text.clone(), answer: text.clone() }];
        made.attributes = BTreeMap::from([(text.clone(), text.clone())]);
        made.stepped_down = (reason == 2).then_some(text);
        made
    })
}

fn some_filter() -> impl Strategy<Value = RecordFilter> {
    let of = |bound: u8| option::weighted(0.3, 0..bound);
    let time = option::weighted(0.3, 0u64..31);
    let fields = (of(4), of(4), of(3), of(4), of(4), of(3), of(2));
    (time.clone(), time, fields).prop_map(|(from_ms, until_ms, fields)| {
        let (in_queue, who, entry, reason, caller, version, answered) = fields;
        RecordFilter {
            from_ms,
            until_ms,
            queue: in_queue.map(queue),
            agent: who.map(|who| agent(&format!("agent-{who}"))),
            entry_point: entry.map(|entry| EntryPointName::new(format!("entry-{entry}")).unwrap()),
            end: reason.map(|reason| end(reason).code().into()),
            caller: caller.map(|caller| ["+1", "+12", "", "+123"][usize::from(caller)].into()),
            version: version.map(|version| Digest([version; 32])),
            answered: answered.map(|answered| answered == 1),
        }
    })
}

fn matches(filter: &RecordFilter, record: &ContactRecord) -> bool {
    let ms = (record.id.0 >> 80) as u64;
    let answered_by = || {
        record.visits.iter().filter_map(|visit| match &visit.outcome {
            VisitOutcome::Answered { agent, .. } => Some(agent),
            _ => None,
        })
    };
    let caller = record.origin.number.as_ref().map(|number| number.replace('\0', ""));
    filter.from_ms.is_none_or(|from| ms >= from)
        && filter.until_ms.is_none_or(|until| ms < until)
        && filter.queue.as_ref().is_none_or(|queue| record.visits.iter().any(|visit| visit.queue == *queue))
        && filter.agent.as_ref().is_none_or(|agent| answered_by().any(|who| who == agent))
        && filter.entry_point.as_ref().is_none_or(|entry| record.entry_point.as_ref() == Some(entry))
        && filter.end.as_ref().is_none_or(|end| record.end.code() == end)
        && filter.caller.as_ref().is_none_or(|number| caller.as_ref() == Some(number))
        && filter.version.as_ref().is_none_or(|version| record.versions.contains(version))
        && filter.answered.is_none_or(|answered| answered_by().next().is_some() == answered)
}

#[test]
fn records_are_found_as_by_looking_at_each() {
    let input = (vec(some_record(), 0..40), vec((some_filter(), 1usize..7), 1..12));
    each(24, &input, |centre, who, (records, filters)| async move {
        let mut model = BTreeMap::new();
        for mut record in records {
            record.tenant = who.clone();
            match centre.rooms.records.put(&record).await {
                Ok(_) => assert!(model.insert(record.id, record).is_none()),
                Err(StoreError::Conflict { .. }) => assert!(model.contains_key(&record.id), "a contact ends once"),
                Err(error) => panic!("{error}"),
            }
        }
        for (filter, limit) in filters {
            let expected: Vec<_> = model.values().rev().filter(|record| matches(&filter, record)).collect();
            let mut found = Vec::new();
            let mut before = None;
            loop {
                let page = centre.rooms.records.list(&who, &filter, before, limit).await.unwrap();
                assert!(page.records.len() <= limit);
                found.extend(page.records);
                before = page.next;
                if before.is_none() {
                    break;
                }
            }
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{} {filter:?}", centre.name);
        }
    });
}

fn some_decision() -> impl Strategy<Value = Decision> {
    let number = prop_oneof![any::<u32>().prop_map(f32::from_bits), Just(f32::NAN), Just(-0.0), Just(3.0)];
    let parts = vec(number.clone(), 0..3);
    let score = (option::of(any::<i64>()), parts).prop_map(|(score_milli, parts)| PairScore { score_milli, parts });
    // Whose row, and a few changes to what it usually is.
    let row = (0u8..6, vec((0usize..40, number), 0..6));
    let scored_by = prop_oneof![
        Just(ScoredBy::LongestIdle),
        Just(ScoredBy::Plugin(Digest([1; 32]))),
        ".{0,9}".prop_map(|reason| ScoredBy::Fallback { version: Digest([2; 32]), reason }),
    ];
    let left_out = prop_oneof![
        Just(LeftOut::State("not-ready")),
        Just(LeftOut::State("wrap-up")),
        ".{0,9}".prop_map(LeftOut::Skill),
        Just(LeftOut::Queue),
        Just(LeftOut::MissedOffer),
    ];
    let left_out = vec(("[a-c]{1,3}", left_out), 0..5);
    let grounds = option::of((vec(any::<u16>(), 0..5), btree_set((any::<u16>(), any::<u16>()), 0..6)));
    let shape = (0usize..2, 0usize..3, any::<bool>(), scored_by, grounds);
    (shape, vec(row.clone(), 0..3), vec(row, 0..5), vec(score, 0..9), left_out, 0u64..9).prop_map(
        |((columns, parts, same, scored_by, grounds), contacts, agents, mut scores, left_out, at)| {
            let columns = [5, 40][columns];
            let names = |what: &str| (0..columns).map(|n| format!("{what}-{n}")).collect::<Vec<_>>().into();
            let values = |changes: Vec<(usize, f32)>| {
                let mut values: Vec<f32> = (0..columns as u16).map(f32::from).collect();
                changes.into_iter().for_each(|(column, value)| values[column % columns] = value);
                values
            };
            if same {
                scores.iter_mut().for_each(|score| score.parts = vec![1.5; parts]);
            }
            let contact = |number: u8| ContactId(u128::from(number) << 90);
            let contacts: Vec<_> = contacts
                .into_iter()
                .map(|(number, changes)| ContactRow { contact: contact(number), values: values(changes) })
                .collect();
            let scorer = DeploymentName::new("scorer").unwrap();
            let grounds = grounds.map(|(ranks, unfit)| Grounds { scorer, ranks, unfit: unfit.into_iter().collect() });
            Decision {
                id: DecisionId(0),
                asked_at: Timestamp(at),
                decided_at: Timestamp(at + 1),
                queue: queue(0),
                scored_by,
                columns: Columns { contact: names("contact"), agent: names("agent") },
                assigned: contacts.first().map(|row| (row.contact, agent("x"))).into_iter().collect(),
                contacts,
                agents: agents
                    .into_iter()
                    .map(|(number, changes)| AgentRow { agent: agent(&format!("a{number}")), values: values(changes) })
                    .collect(),
                parts: (0..parts).map(|n| format!("part-{n}")).collect(),
                scores,
                left_out: left_out.into_iter().map(|(name, why)| (agent(&name), why)).collect(),
                grounds,
            }
        },
    )
}

#[test]
fn decisions_come_back_bit_by_bit_and_are_found_by_contact() {
    let input = (vec(some_decision(), 0..25), 1usize..9);
    each(24, &input, |centre, who, (decisions, limit)| async move {
        let room = &centre.rooms.decisions;
        let mut model = BTreeMap::new();
        for (number, mut decision) in (0..).zip(decisions) {
            decision.id = DecisionId(number);
            match number % 3 {
                0 => drop(room.put(&who, &decision).await.unwrap()),
                // Not confirmed: nothing may refer to it.
                1 => drop(room.put_in(&mut Batch::new(), &who, &decision).await.unwrap()),
                _ => {}
            }
            let twice = [Item::Decision(&decision), Item::Decision(&decision)];
            assert!(centre.rooms.write(&who, &twice).await.unwrap().refused.is_empty());
            model.insert(DecisionRef::from(&decision), decision);
        }
        for (which, decision) in &model {
            let found = room.get(&who, *which).await.unwrap().unwrap();
            assert_eq!(bits(&found), bits(decision), "{}", centre.name);
            assert_eq!(which.to_string().parse(), Ok(*which));
        }
        for contact in [None, Some(ContactId(1 << 90)), Some(ContactId(2 << 90))] {
            let considered = |decision: &&Decision| {
                contact.is_none_or(|contact| decision.contacts.iter().any(|row| row.contact == contact))
            };
            let expected: Vec<_> = model.values().rev().filter(considered).map(bits).collect();
            let (mut found, mut before) = (Vec::new(), None);
            loop {
                let page = match contact {
                    Some(contact) => room.by_contact(&who, contact, before, limit).await.unwrap(),
                    None => room.list(&who, before, limit).await.unwrap(),
                };
                assert!(page.decisions.len() <= limit);
                found.extend(page.decisions.iter().map(bits));
                before = page.next;
                if before.is_none() {
                    break;
                }
            }
            assert_eq!(found, expected, "{}", centre.name);
        }
    });
}

#[test]
fn damaged_records_and_decisions_are_errors_of_their_own() {
    let input = (some_decision(), some_record(), vec((any::<u16>(), any::<u8>()), 0..4), option::of(any::<u16>()));
    each(200, &input, |centre, who, (decision, mut record, flips, cut)| async move {
        let which = DecisionRef::from(&decision);
        record.tenant = who.clone();
        centre.rooms.decisions.put(&who, &decision).await.unwrap();
        centre.rooms.records.put(&record).await.unwrap();
        let decision_name = (u128::from(which.decided_at.0) << 64 | u128::from(which.id.0)).to_be_bytes();
        for (table, name) in [(Table::Decision, decision_name), (Table::Record, record.id.0.to_be_bytes())] {
            let key = Key::new(&who, table, &name).unwrap();
            let mut value = centre.rooms.store.get(&key).await.unwrap().unwrap().value;
            for (at, bits) in &flips {
                let at = usize::from(*at) % value.len();
                value[at] ^= bits;
            }
            value.truncate(cut.map_or(usize::MAX, |cut| usize::from(cut) % value.len()));
            let mut batch = Batch::new();
            batch.put(key, value);
            centre.rooms.store.commit(batch).await.unwrap();
        }
        let damaged = !flips.iter().all(|(_, bits)| *bits == 0) || cut.is_some();
        let results = [
            centre.rooms.decisions.get(&who, which).await.map(drop),
            centre.rooms.records.get(&who, record.id).await.map(drop),
        ];
        for result in results {
            match result {
                Ok(()) => {}
                Err(StoreError::Undecodable { .. }) => assert!(damaged),
                Err(other) => panic!("{} {other}", centre.name),
            }
        }
        // A page leaves it out and goes on.
        let decisions = centre.rooms.decisions.list(&who, None, 9).await.unwrap().decisions;
        let records = centre.rooms.records.list(&who, &RecordFilter::default(), None, 9).await.unwrap().records;
        assert!(damaged || (decisions.len() == 1 && records == [record]), "{}", centre.name);
    });
}
