//! Stored values: parked like a look-up, an intent before a writing, and never longer than the contract says.

use super::*;
use crate::flow::ValueError;
use crate::ids::ValueId;

fn ticket(desk: &Desk) -> Option<ValueId> {
    desk.effects.iter().rev().find_map(|effect| match effect {
        Effect::LoadValue { ticket, .. } | Effect::StoreValue { ticket, .. } => Some(*ticket),
        _ => None,
    })
}

#[test]
fn a_value_is_read_under_the_contacts_version() {
    let mut desk = Desk::new();
    let call = desk.call();
    assert_eq!(desk.request(call, Request::LoadValue("count".into())), None);
    let read = |effect: &Effect| matches!(effect, Effect::LoadValue { key, version: of, .. } if key == "count" && *of == version(1));
    assert!(desk.wanted(read), "{:?}", desk.effects);
    let ticket = ticket(&desk).unwrap();
    desk.give(Input::ValueLoaded { contact: call.id, ticket, result: Ok(Some("3".into())) });
    assert_eq!(desk.reply(call), Some(Reply::Value(Some("3".into()))));
    desk.taken();
    desk.give(Input::ValueLoaded { contact: call.id, ticket, result: Ok(None) });
    assert!(desk.taken().is_empty(), "once");
}

#[test]
fn rule_8_a_value_is_kept_only_after_its_intent_is_durable() {
    let mut desk = Desk::new();
    let call = desk.call();
    desk.request(call, Request::StoreValue("count".into(), Some("4".into())));
    let synced = desk.effects.iter().position(|effect| matches!(effect, Effect::Journal { sync: true, .. }));
    let stored = desk.effects.iter().position(|effect| matches!(effect, Effect::StoreValue { .. }));
    assert!(synced.is_some() && synced < stored, "{:?}", desk.effects);
    let ticket = ticket(&desk).unwrap();
    desk.give(Input::ValueStored { contact: call.id, ticket, result: Err(ValueError::Quota) });
    assert_eq!(desk.reply(call), Some(Reply::ValueFailed(ValueError::Quota)));
}

#[test]
fn a_store_that_takes_too_long_holds_nobody_up() {
    let mut desk = Desk::new();
    let call = desk.call();
    desk.request(call, Request::LoadValue("count".into()));
    let ticket = ticket(&desk).unwrap();
    desk.pass(10_000);
    assert!(matches!(desk.reply(call), Some(Reply::ValueFailed(ValueError::Unavailable(_)))));
    desk.taken();
    desk.give(Input::ValueLoaded { contact: call.id, ticket, result: Ok(None) });
    assert!(desk.taken().is_empty(), "too late");
}

#[test]
fn keys_and_values_are_bounded() {
    let mut desk = Desk::new();
    let call = desk.call();
    for request in [
        Request::LoadValue(String::new()),
        Request::LoadValue("x".repeat(129)),
        Request::StoreValue("a\nb".into(), None),
        Request::StoreValue("a".into(), Some("x".repeat(8193))),
    ] {
        assert!(matches!(desk.request(call, request), Some(Reply::Failed(ContactError::Invalid(_)))));
    }
    assert_eq!(ticket(&desk), None);
}
