//! Which calls are taken, and what the others are told.

use super::*;
use crate::board::Refusal;
use crate::flow::RejectCause;

/// The cause told and the refusal sent, or the entry point that took it.
fn outcome(desk: &mut Desk, number: &str) -> Result<String, (&'static str, Refusal)> {
    desk.taken();
    desk.offer_leg("555", number);
    let effects = desk.taken();
    let refused = effects.iter().find_map(|effect| match effect {
        Effect::RejectLeg { refusal, .. } => Some(*refusal),
        _ => None,
    });
    let told = effects.iter().find_map(|effect| match effect {
        Effect::Tell(event) => match &event.what {
            What::Refused { cause, .. } => Some(Err(*cause)),
            What::Offered { entry_point, .. } => Some(Ok(entry_point.to_string())),
            _ => None,
        },
        _ => None,
    });
    match (told.expect("something was told"), refused) {
        (Ok(name), None) => Ok(name),
        (Err(cause), Some(refusal)) => Err((cause, refusal)),
        other => panic!("told one thing and did another: {other:?}"),
    }
}

#[test]
fn numbers_find_their_entry_points() {
    let mut desk = Desk::new();
    for (name, numbers) in [("b", ["12*", "7"]), ("a", ["123*", "7"]), ("c", ["12", "*9"]), ("d", ["5*", "5"])] {
        desk.give(Input::PutEntryPoint(entry_point(name, &numbers)));
    }
    let not_found = Err(("not-found", Refusal::Cause(RejectCause::NotFound)));
    for (number, expected) in [
        ("12", Ok("c")),
        ("1299", Ok("b")),
        ("12345", Ok("a")),
        ("7", Ok("a")),
        ("5", Ok("d")),
        ("100", Ok("main")),
        ("1", not_found),
        ("99", not_found),
    ] {
        assert_eq!(outcome(&mut desk, number), expected.map(String::from), "{number}");
    }
    desk.give(Input::RemoveEntryPoint(EntryPointName::new("c").unwrap()));
    assert_eq!(outcome(&mut desk, "12"), Ok("b".into()));
}

#[test]
fn an_emergency_number_is_refused_by_policy() {
    let mut desk = Desk::new();
    desk.give(Input::PutEntryPoint(entry_point("all", &["*"])));
    let forbidden = Err(("emergency", Refusal::Cause(RejectCause::Forbidden)));
    assert_eq!(outcome(&mut desk, "112"), forbidden);
    assert_eq!(outcome(&mut desk, "1122"), Ok("all".into()));
    desk.settings(Settings { emergency_numbers: vec!["1122".into()], ..Settings::default() });
    assert_eq!(outcome(&mut desk, "1122"), forbidden);
    assert_eq!(outcome(&mut desk, "112"), Ok("all".into()));
}

#[test]
fn a_full_house_answers_later() {
    let mut desk = Desk::new();
    desk.settings(Settings { max_contacts: 1, ..Settings::default() });
    let call = desk.call();
    assert_eq!(outcome(&mut desk, "100"), Err(("busy", Refusal::Overloaded { retry_after_s: 5 })));
    desk.hang_up(call.leg);
    desk.returns(call, FlowEnd::Completed);
    assert_eq!(outcome(&mut desk, "100"), Ok("main".into()));
}

#[test]
fn rule_9_new_calls_are_refused_while_the_store_fails() {
    let mut desk = Desk::new();
    desk.give(Input::StoreHealth { healthy: false, reason: "disk full".into() });
    assert!(!desk.board.keeps());
    assert!(matches!(desk.told()[..], [What::StoreHealth { healthy: false, .. }]));
    assert_eq!(outcome(&mut desk, "100"), Err(("store-failed", Refusal::Overloaded { retry_after_s: 30 })));
    desk.give(Input::StoreHealth { healthy: true, reason: "recovered".into() });
    assert!(desk.board.keeps());
    assert_eq!(outcome(&mut desk, "100"), Ok("main".into()));
}

#[test]
fn a_drain_lets_calls_finish_and_takes_no_more() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.give(Input::Drain);
    assert!(desk.board.draining());
    assert_eq!(outcome(&mut desk, "100"), Err(("draining", Refusal::Overloaded { retry_after_s: 30 })));
    desk.give(Input::Tick);
    assert!(!desk.wanted(|effect| matches!(effect, Effect::Drained)));
    desk.returns(call, FlowEnd::Completed);
    assert!(matches!(desk.taken().last(), Some(Effect::Drained)));
    desk.give(Input::Drain);
    assert!(desk.taken().is_empty(), "once");
}

#[test]
fn a_shutdown_ends_everything_now() {
    let mut desk = Desk::new();
    let (call, _, leg) = desk.talk();
    desk.give(Input::Shutdown);
    for side in [call.leg, leg] {
        assert!(desk.wanted(|effect| matches!(effect, Effect::HangUpLeg(leg) if *leg == side)));
    }
    assert!(desk.wanted(|effect| matches!(effect, Effect::CancelFlow { .. })));
    assert_eq!(desk.end_reason(call), EndReason::Shutdown);
    assert!(matches!(desk.effects.last(), Some(Effect::Drained)));
}

#[test]
fn a_name_that_is_taken_harms_nobody() {
    let mut desk = Desk::new();
    let (call, _, agents_leg) = desk.talk();
    for leg in [call.leg, agents_leg] {
        let (origin, dialled) = (Address::default(), Address::default());
        let source = LegSource::Phone(agent_id("ada"));
        desk.taken();
        desk.give(Input::LegOffered(LegOffer { leg, origin, dialled, source }));
        assert!(desk.taken().is_empty());
    }
}

#[test]
fn rule_21_a_call_is_refused_or_sent_on_only_unanswered() {
    let redirect = Request::Redirect("sip:other@test".into());
    for (request, reason) in [
        (Request::Reject(RejectCause::Busy), EndReason::Rejected("busy".into())),
        (redirect, EndReason::Redirected("sip:other@test".into())),
    ] {
        let mut desk = Desk::new();
        let call = desk.answered_call();
        assert!(matches!(desk.request(call, request.clone()), Some(Reply::Failed(ContactError::NotNow(_)))));
        let call = desk.call();
        assert_eq!(desk.request(call, Request::Ring), Some(Reply::Done));
        assert!(desk.wanted(|effect| matches!(effect, Effect::RingLeg(_))));
        assert_eq!(desk.request(call, request), Some(Reply::Done));
        let refused = |effect: &Effect| matches!(effect, Effect::RejectLeg { .. } | Effect::RedirectLeg { .. });
        assert!(desk.wanted(refused));
        desk.returns(call, FlowEnd::Completed);
        assert_eq!(desk.end_reason(call), reason);
    }
}

#[test]
fn an_answer_that_is_never_acknowledged_ends_the_call() {
    let mut desk = Desk::new();
    let call = desk.call();
    assert_eq!(desk.request(call, Request::Answer), None);
    desk.pass(31_999);
    assert_eq!(desk.reply(call), None);
    desk.pass(1);
    assert_eq!(desk.reply(call), Some(failed(ContactError::Ended)));
    desk.returns(call, FlowEnd::Completed);
    assert!(matches!(desk.end_reason(call), EndReason::SignallingFailed(_)));
}
