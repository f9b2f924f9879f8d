//! What is written when (journal rules 1, 4, 6 to 9).

use super::*;
use crate::board::ledger::{MAX_BYTES, MAX_ENTRIES};
use crate::flow::{LookupError, LookupKey, Profile};

#[test]
fn rule_1_a_journal_opens_and_names_the_version_that_runs() {
    let mut desk = Desk::new();
    let call = desk.call();
    let journal = desk.journal(call.id);
    assert_eq!(journal.opened.unwrap().origin.number.as_deref(), Some("555"));
    assert_eq!((journal.segments[0].from, journal.segments[0].version), (0, version(1)));
    let seed = desk.effects.iter().find_map(|effect| match effect {
        Effect::StartFlow { seed, .. } => Some(*seed),
        _ => None,
    });
    assert_eq!(Some(journal.segments[0].seed), seed);
}

#[test]
fn rule_4_a_draw_depends_on_seed_and_entry() {
    let mut desk = Desk::new();
    let call = desk.call();
    let choose = Request::Choose { name: "ab".into(), weights: vec![1; 32] };
    let drawn: Vec<_> = (0..8).map(|_| desk.request(call, choose.clone()).unwrap()).collect();
    let seed = desk.journal(call.id).segments[0].seed;
    for (entry, reply) in (0..).zip(&drawn) {
        assert_eq!(*reply, Reply::Chosen(crate::board::generator::draw(seed, entry, &[1; 32]).unwrap()));
    }
    assert!(drawn.iter().any(|reply| *reply != drawn[0]));
}

#[test]
fn rule_8_the_intent_is_durable_before_the_act() {
    let mut desk = Desk::new();
    desk.durable = false;
    let call = desk.call();
    assert_eq!(desk.request(call, enqueue("support", 0)), None);
    assert!(!desk.told().iter().any(|what| matches!(what, What::Queued { .. })));
    let synced = desk.effects.iter().find_map(|effect| match effect {
        Effect::Journal { frame, sync: true, .. } => Some(*frame),
        _ => None,
    });
    let frame = synced.expect("an intent that is awaited");
    desk.give(Input::JournalDurable { contact: call.id, frame: frame - 1 });
    assert_eq!(desk.reply(call), None, "what was before is not enough");
    desk.give(Input::JournalDurable { contact: call.id, frame });
    assert_eq!(desk.reply(call), Some(Reply::Enqueued));
    assert!(desk.told().iter().any(|what| matches!(what, What::Queued { .. })));
    // `say` and `ask` don't wait for the disk.
    desk.request(call, Request::Say(text("hi")));
    assert!(desk.wanted(|effect| matches!(effect, Effect::AnswerLeg(_))));
    assert!(!desk.wanted(|effect| matches!(effect, Effect::Journal { sync: true, .. })));
}

#[test]
fn rule_8_a_person_who_is_gone_meanwhile_gets_no_act() {
    let mut desk = Desk::new();
    desk.durable = false;
    let call = desk.answered_call();
    desk.request(call, enqueue("support", 0));
    desk.hang_up(call.leg);
    assert_eq!(desk.reply(call), Some(failed(ContactError::Ended)));
    desk.give(Input::JournalDurable { contact: call.id, frame: 1000 });
    assert_eq!(desk.board.queues()[0].waiting, 0);
}

#[test]
fn rule_9_a_frame_that_is_lost_holds_nothing_up_and_leaves_a_hole() {
    let mut desk = Desk::new();
    desk.durable = false;
    let call = desk.answered_call();
    assert_eq!(desk.request(call, enqueue("support", 0)), None);
    let awaited = desk.journals.get(&call.id).map_or(0, Vec::len) as u64 - 1;
    desk.give(Input::JournalLost { contact: call.id, frame: awaited });
    assert_eq!(desk.reply(call), Some(Reply::Enqueued));
    desk.hang_up(call.leg);
    desk.returns(call, FlowEnd::Completed);
    assert!(!desk.record(call).journal_durable);
}

#[test]
fn rule_9_running_calls_go_on_without_the_disk_and_are_marked() {
    let mut desk = Desk::new();
    desk.durable = false;
    let (waits, runs, lucky) = (desk.call(), desk.call(), desk.call());
    assert_eq!(desk.request(waits, enqueue("support", 0)), None);
    desk.give(Input::StoreHealth { healthy: false, reason: "disk full".into() });
    assert_eq!(desk.reply(waits), Some(Reply::Enqueued), "nothing waits for a store that fails");
    assert_eq!(desk.request(runs, enqueue("support", 0)), Some(Reply::Enqueued));
    desk.give(Input::StoreHealth { healthy: true, reason: "recovered".into() });
    for call in [waits, runs, lucky] {
        desk.hang_up(call.leg);
        desk.returns(call, FlowEnd::Completed);
    }
    let durable: Vec<_> = [waits, runs, lucky].map(|call| desk.record(call).journal_durable).into();
    assert_eq!(durable, [false, false, true]);
}

#[test]
fn rule_7_a_journal_that_fills_up_warns_once_then_refuses_then_stops_the_flow() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    let set = Request::SetAttribute("n".into(), "x".into());
    let mut warnings = 0;
    while desk.board.contact(call.id).unwrap().journal_entries < MAX_ENTRIES {
        if let Some(Reply::Failed(ContactError::Limit(_))) = desk.request(call, set.clone()) {
            warnings += 1;
        }
        if desk.board.contact(call.id).unwrap().journal_entries < MAX_ENTRIES {
            // An attribute has no error to carry the warning: what is there is told.
            let read = desk.request(call, Request::Attribute("n".into()));
            assert!(matches!(read, Some(Reply::Attribute(Some(_)))), "{read:?}");
        }
    }
    assert_eq!(warnings, 1);
    // Neither has an error for it: the one is told as it is, the other has an error of its own.
    let read = desk.request(call, Request::Attribute("n".into()));
    assert_eq!(read, Some(Reply::Attribute(Some("x".into()))));
    let looked_up = desk.request(call, look_up(1000));
    assert!(matches!(looked_up, Some(Reply::LookupFailed(LookupError::Other(_)))), "{looked_up:?}");
    for _ in 2..32 {
        let refused = desk.request(call, set.clone());
        assert!(matches!(refused, Some(Reply::Failed(ContactError::Limit(_)))));
    }
    assert_eq!(desk.board.contact(call.id).unwrap().journal_entries, MAX_ENTRIES);
    assert_eq!(desk.request(call, set), None);
    assert!(desk.wanted(|effect| matches!(effect, Effect::CancelFlow { .. })));
    assert_eq!(desk.board.contact(call.id).unwrap().state, "safe-flow");
}

#[test]
fn rule_7_bytes_count_as_well() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    let set = Request::SetAttribute("n".into(), "x".repeat(8 * 1024));
    let mut calls = 0;
    while !matches!(desk.request(call, set.clone()), Some(Reply::Failed(ContactError::Limit(_)))) {
        calls += 1;
        assert!(calls < 2 * MAX_BYTES / 8192, "the bytes are bounded");
    }
    // A call that no frame holds is refused, and is no entry.
    let before = desk.last_entry(call);
    let huge = Request::SetAttribute("n".into(), "x".repeat(2 << 20));
    assert!(matches!(desk.request(call, huge), Some(Reply::Failed(ContactError::Invalid(_)))));
    assert_eq!(desk.last_entry(call), before);
    assert_eq!(desk.request(call, Request::End(FlowEnd::Completed)), Some(Reply::Done));
}

fn look_up(timeout_ms: u32) -> Request {
    Request::Lookup { key: LookupKey { directory: None, kind: "phone".into(), value: "555".into() }, timeout_ms }
}

fn with_bank() -> Desk {
    let mut desk = Desk::new();
    desk.give(Input::PutDeployment(deployment("bank", World::Crm, 5)));
    desk.settings(Settings { default_directory: Some(deployment_name("bank")), ..Settings::default() });
    desk
}

fn asked(desk: &Desk) -> crate::ids::LookupId {
    let asked = desk.effects.iter().find_map(|effect| match effect {
        Effect::Lookup { lookup, .. } => Some(*lookup),
        _ => None,
    });
    asked.expect("a directory was asked")
}

#[test]
fn rule_6_a_look_up_names_the_version_that_answered() {
    let mut desk = with_bank();
    let call = desk.call();
    assert_eq!(desk.request(call, look_up(1000)), None);
    let profile = Profile { id: "c1".into(), display_name: None, fields: vec![] };
    let lookup = asked(&desk);
    desk.give(Input::LookedUp { lookup, version: Some(version(5)), result: Ok(Some(profile.clone())) });
    assert_eq!(desk.reply(call), Some(Reply::Profile(Some(profile))));
    let journal = desk.journal(call.id);
    let Some(Entry::Call { outcome: Some((.., callee)), .. }) = journal.entries.last() else { panic!("{journal:?}") };
    assert_eq!(*callee, Some(version(5)));
}

#[test]
fn a_directory_that_is_late_absent_or_talkative_is_an_error_of_its_own() {
    let mut desk = with_bank();
    let call = desk.call();
    desk.request(call, look_up(1000));
    let lookup = asked(&desk);
    desk.pass(1000);
    assert_eq!(desk.reply(call), Some(Reply::LookupFailed(LookupError::Timeout)));
    desk.taken();
    desk.give(Input::LookedUp { lookup, version: None, result: Ok(None) });
    assert!(desk.taken().is_empty(), "too late");
    desk.request(call, look_up(1000));
    let fields = vec![("n".to_owned(), String::new()); 513];
    let profile = Profile { id: "c1".into(), display_name: None, fields };
    let lookup = asked(&desk);
    desk.give(Input::LookedUp { lookup, version: None, result: Ok(Some(profile)) });
    assert!(matches!(desk.reply(call), Some(Reply::LookupFailed(LookupError::Unavailable(_)))));
    desk.give(Input::RemoveDeployment(deployment_name("bank")));
    let refused = desk.request(call, look_up(1000));
    assert!(matches!(refused, Some(Reply::LookupFailed(LookupError::Unsupported(_)))));
}
