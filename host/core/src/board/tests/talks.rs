//! Agent and person talk, and part (journal rule 22).

use super::*;
use crate::flow::{Talk, TalkEnd, Treatment};
use crate::record::VisitOutcome;

#[test]
fn a_call_from_the_first_ring_to_the_record() {
    let mut desk = Desk::new();
    desk.seat(agent("ada", &[]));
    let call = desk.call();
    assert_eq!(desk.request(call, Request::Say(text("Hello"))), None);
    assert!(desk.wanted(|effect| matches!(effect, Effect::AnswerLeg(_))), "the first `say` answers (rule 21)");
    desk.give(Input::LegAnswered(call.leg));
    desk.played(call.leg);
    assert_eq!(desk.reply(call), Some(Reply::Done));
    let place = desk.enqueue(call, 0);
    let (who, _, leg) = desk.rung().remove(0);
    assert_eq!(who, agent_id("ada"));
    desk.pass(3000);
    assert_eq!(desk.request(call, wait(place, 60_000)), None);
    desk.give(Input::LegAnswered(leg));
    assert!(desk.wanted(|effect| matches!(effect, Effect::Bridge(a, b) if *a == call.leg && *b == leg)));
    // The wait's time bounds waiting, not talking.
    desk.pass(100_000);
    assert_eq!(desk.reply(call), None);
    desk.hang_up(leg);
    let talk = Talk { agent: agent_id("ada"), talked_ms: 100_000, ended_by: TalkEnd::Agent };
    assert_eq!(desk.reply(call), Some(Reply::Waited(WaitStatus::Talked(talk))));
    assert!(desk.wanted(|effect| matches!(effect, Effect::Unbridge(..))));
    desk.returns(call, FlowEnd::Completed);
    assert!(desk.wanted(|effect| matches!(effect, Effect::HangUpLeg(leg) if *leg == call.leg)));
    let record = desk.record(call);
    assert_eq!((record.end.clone(), record.visits.len()), (EndReason::Completed, 1));
    assert_eq!(record.visits[0].outcome, VisitOutcome::Answered { agent: agent_id("ada"), talked_ms: 100_000 });
    assert!(record.journal_durable);
    assert_eq!(desk.board.contact_count(), 0);
    assert!(matches!(desk.state("ada"), AgentState::Ready { .. }));
}

#[test]
fn rule_22_an_agent_who_answers_cuts_what_is_said_and_asked() {
    let ask = crate::flow::Question {
        id: "q".into(),
        prompt: text("?"),
        choices: vec![],
        digits: Some(crate::flow::DigitsRule { min: 1, max: 1, terminator: None }),
        silence_timeout_ms: 1000,
        key_timeout_ms: 1000,
        type_ahead: crate::flow::TypeAhead::Keep,
        secret: false,
    };
    for request in [Request::Say(text("hold on")), Request::Ask(ask)] {
        let mut desk = Desk::new();
        desk.seat(agent("ada", &[]));
        let call = desk.answered_call();
        let place = desk.enqueue(call, 0);
        let leg = desk.rung()[0].2;
        assert_eq!(desk.request(call, request.clone()), None);
        desk.give(Input::LegAnswered(leg));
        assert_eq!(desk.reply(call), Some(failed(ContactError::InterruptedConnected)), "{request:?}");
        assert!(desk.wanted(|effect| matches!(effect, Effect::StopPlay { .. })));
        // Whoever begins a moment later is told the same.
        assert_eq!(desk.request(call, request), Some(failed(ContactError::InterruptedConnected)));
        assert_eq!(desk.request(call, wait(place, 100)), None);
        desk.pass(5000);
        desk.hang_up(leg);
        assert!(matches!(waited(desk.reply(call)), WaitStatus::Talked(Talk { talked_ms: 5000, .. })));
        assert!(matches!(desk.request(call, wait(place, 100)), Some(Reply::Failed(ContactError::NotNow(_)))));
    }
}

#[test]
fn a_talk_that_ended_before_the_wait_is_told_then() {
    let mut desk = Desk::new();
    let (call, place, leg) = desk.talk();
    desk.pass(2000);
    desk.hang_up(leg);
    assert_eq!(desk.request(call, Request::Say(text("was it good?"))), None);
    desk.played(call.leg);
    assert!(matches!(waited(desk.request(call, wait(place, 100))), WaitStatus::Talked(Talk { talked_ms: 2000, .. })));
    assert_eq!(
        desk.externals(call.id),
        [External::AgentAnswered(agent_id("ada")), External::TalkEnded(agent_id("ada"))]
    );
}

#[test]
fn the_person_hangs_up_on_the_agent() {
    let mut desk = Desk::new();
    let (call, place, leg) = desk.talk();
    desk.request(call, wait(place, 1000));
    desk.pass(1500);
    desk.hang_up(call.leg);
    assert_eq!(desk.reply(call), Some(failed(ContactError::Ended)));
    assert!(desk.wanted(|effect| matches!(effect, Effect::HangUpLeg(hung) if *hung == leg)));
    assert!(desk.told().iter().any(|what| matches!(what, What::TalkEnded { by: "person", talked_ms: 1500, .. })));
    desk.returns(call, FlowEnd::Completed);
    assert_eq!(desk.end_reason(call), EndReason::HungUp);
}

#[test]
fn a_talk_whose_flow_has_returned_goes_on() {
    for agent_first in [true, false] {
        let mut desk = Desk::new();
        let (call, _, leg) = desk.talk();
        desk.returns(call, FlowEnd::Completed);
        assert_eq!(desk.board.contact(call.id).unwrap().state, "talking");
        desk.pass(60_000);
        desk.hang_up(if agent_first { leg } else { call.leg });
        let (reason, other) = if agent_first { (EndReason::AgentHungUp, call.leg) } else { (EndReason::HungUp, leg) };
        assert_eq!(desk.end_reason(call), reason);
        assert!(desk.wanted(|effect| matches!(effect, Effect::HangUpLeg(leg) if *leg == other)));
    }
}

#[test]
fn lost_media_ends_the_side_that_lost_it() {
    let mut desk = Desk::new();
    let (call, place, leg) = desk.talk();
    desk.request(call, wait(place, 1000));
    desk.give(Input::MediaLost(leg));
    let WaitStatus::Talked(talk) = waited(desk.reply(call)) else { panic!("no talk") };
    assert_eq!(talk.ended_by, TalkEnd::Other("media-lost".into()));
    desk.give(Input::MediaLost(call.leg));
    desk.returns(call, FlowEnd::Completed);
    assert_eq!(desk.end_reason(call), EndReason::MediaLost);
}

#[test]
fn a_person_not_answered_yet_is_answered_by_the_agent() {
    let mut desk = Desk::new();
    desk.seat(agent("ada", &[]));
    let call = desk.call();
    let place = desk.enqueue(call, 0);
    let leg = desk.rung()[0].2;
    let treatment = Some(Treatment { music: None, announce_position_every_ms: 0 });
    desk.request(call, Request::Wait { waiting: place, treatment, timeout_ms: 1000 });
    assert!(desk.playing(call.leg).is_none(), "`enqueue` doesn't answer by itself (rule 21)");
    desk.give(Input::LegAnswered(leg));
    assert!(desk.wanted(|effect| matches!(effect, Effect::AnswerLeg(_))));
    // The wait's time passes while the line comes up: the talk is about to begin.
    desk.pass(1500);
    assert_eq!(desk.reply(call), None);
    desk.give(Input::LegAnswered(call.leg));
    assert!(desk.wanted(|effect| matches!(effect, Effect::Bridge(..))));
    assert_eq!(desk.reply(call), None);
}
