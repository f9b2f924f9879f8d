//! After the end (journal rule 24), and ends from outside (rule 5).

use super::*;
use crate::flow::{FetchRequest, LookupKey, Method, Treatment};

#[test]
fn rule_24_a_flow_has_five_seconds_to_tidy_up() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, Request::Say(text("hi")));
    desk.hang_up(call.leg);
    assert_eq!(desk.reply(call), Some(failed(ContactError::Ended)));
    desk.pass(4_999);
    assert!(desk.records.is_empty());
    desk.pass(1);
    assert!(desk.wanted(|effect| matches!(effect, Effect::CancelFlow { .. })));
    assert_eq!(desk.end_reason(call), EndReason::HungUp);
}

#[test]
fn rule_24_a_flow_has_32_calls_to_tidy_up() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.hang_up(call.leg);
    for n in 0..32 {
        assert_eq!(desk.request(call, Request::SetAttribute("n".into(), n.to_string())), Some(Reply::Done), "{n}");
    }
    assert_eq!(desk.request(call, Request::Attribute("n".into())), None);
    assert!(desk.wanted(|effect| matches!(effect, Effect::CancelFlow { .. })));
    assert_eq!(desk.record(call).attributes["n"], "31");
}

fn outside() -> FetchRequest {
    let url = "http://crm.example/".into();
    FetchRequest { method: Method::Post, url, headers: vec![], body: None, wanted_headers: vec![] }
}

#[test]
fn rule_24_what_needs_the_person_has_ended() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    assert_eq!(desk.request(call, Request::End(FlowEnd::Failed("no use".into()))), Some(Reply::Done));
    assert!(desk.wanted(|effect| matches!(effect, Effect::HangUpLeg(leg) if *leg == call.leg)));
    let key = LookupKey { directory: None, kind: "phone".into(), value: "1".into() };
    let treatment = Some(Treatment { music: None, announce_position_every_ms: 0 });
    for request in [
        Request::Say(text("hi")),
        Request::Answer,
        enqueue("support", 0),
        Request::Wait { waiting: 1, treatment, timeout_ms: 1000 },
        Request::Lookup { key, timeout_ms: 1000 },
        Request::Pause { duration_ms: 1 },
        Request::Fetch { request: outside(), timeout_ms: 1000 },
        Request::ContinueAs { deployment: "reception".into(), attributes: vec![] },
    ] {
        assert_eq!(desk.request(call, request.clone()), Some(failed(ContactError::Ended)), "{request:?}");
    }
    assert_eq!(desk.request(call, Request::End(FlowEnd::Completed)), Some(Reply::Done));
    assert_eq!(desk.request(call, Request::Leave { waiting: 1 }), Some(Reply::Done));
    desk.returns(call, FlowEnd::Completed);
    assert_eq!(desk.end_reason(call), EndReason::Failed("no use".into()), "the first end counts");
}

#[test]
fn rule_5_acts_from_outside_are_entries() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, Request::Pause { duration_ms: 60_000 });
    let set = |name: &str| Input::SetAttribute { contact: call.id, name: name.into(), value: "1".into() };
    desk.give(set("vip"));
    desk.give(set(""));
    desk.give(Input::EndContact(call.id));
    assert_eq!(desk.reply(call), Some(failed(ContactError::Ended)));
    let expected = [External::AttributeSet("vip".into(), "1".into()), External::EndedByOperator];
    assert_eq!(desk.externals(call.id), expected);
    // Twice: the operator doesn't want to wait.
    desk.give(Input::EndContact(call.id));
    assert_eq!(desk.end_reason(call), EndReason::EndedByOperator);
    assert_eq!(desk.record(call).attributes["vip"], "1");
}

#[test]
fn a_caller_who_is_gone_before_the_answer_has_cancelled() {
    let mut desk = Desk::new();
    let call = desk.call();
    desk.hang_up(call.leg);
    desk.returns(call, FlowEnd::Completed);
    assert_eq!(desk.end_reason(call), EndReason::Cancelled);
    let call = desk.answered_call();
    desk.give(Input::LegEnded { leg: call.leg, fault: Some("reset".into()) });
    desk.returns(call, FlowEnd::Completed);
    assert_eq!(desk.end_reason(call), EndReason::SignallingFailed("reset".into()));
}
