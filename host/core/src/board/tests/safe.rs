//! The safe flow (journal rule 16, the last rung).

use super::*;

fn prompt(desk: &Desk, call: Call) -> String {
    crate::board::speech::words(&desk.playing(call.leg).expect("something plays").1)
}

const SORRY: &str = "We are sorry, something went wrong.";
const AGENT: &str = "We are sorry, something went wrong. We are connecting you to an agent.";

#[test]
fn rule_16_whoever_loses_the_flow_is_apologised_to_and_waits_for_an_agent() {
    for (end, reason) in [
        (RunEnd::Trap("unreachable".into()), "trap: unreachable"),
        (RunEnd::Deadline, "deadline: too much CPU time in one step"),
        (RunEnd::Limit("memory".into()), "limit: memory"),
        (RunEnd::GuestError("no".into()), "guest-error: no"),
        (RunEnd::NotStarted("pool".into()), "not-started: pool"),
    ] {
        let mut desk = Desk::new();
        let call = desk.call();
        desk.fails(call, end);
        assert!(desk.wanted(|effect| matches!(effect, Effect::AnswerLeg(_))), "answered if nothing did");
        assert_eq!(desk.externals(call.id), [External::SteppedDown(reason.into())]);
        desk.give(Input::LegAnswered(call.leg));
        assert_eq!(prompt(&desk, call), AGENT);
        desk.played(call.leg);
        assert_eq!(prompt(&desk, call), "[hold music]");
        assert_eq!(desk.board.contact(call.id).unwrap().state, "queued");
        // Without limit.
        desk.pass(7_200_000);
        desk.seat(agent("ada", &[]));
        let leg = desk.rung()[0].2;
        desk.give(Input::LegAnswered(leg));
        assert!(desk.wanted(|effect| matches!(effect, Effect::Bridge(..))));
        desk.hang_up(leg);
        assert_eq!(desk.end_reason(call), EndReason::AgentHungUp);
        assert_eq!(desk.record(call).stepped_down.as_deref(), Some(reason));
    }
}

#[test]
fn rule_16_without_a_queue_the_person_is_told_goodbye() {
    let mut desk = Desk::new();
    desk.give(Input::RemoveQueue(queue_name("support")));
    let call = desk.answered_call();
    desk.fails(call, RunEnd::Trap("x".into()));
    assert_eq!(prompt(&desk, call), SORRY);
    desk.played(call.leg);
    assert_eq!(prompt(&desk, call), "Thank you for calling. Goodbye.");
    desk.played(call.leg);
    assert_eq!(desk.end_reason(call), EndReason::Failed("trap: x".into()));
    assert!(desk.wanted(|effect| matches!(effect, Effect::HangUpLeg(_))));
}

#[test]
fn rule_16_words_whose_end_is_never_told_strand_nobody() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.fails(call, RunEnd::Deadline);
    desk.pass(30_000);
    assert_eq!(desk.board.contact(call.id).unwrap().state, "queued");
    assert_eq!(prompt(&desk, call), "[hold music]");
    desk.pass(60_000);
    desk.give(Input::RemoveQueue(queue_name("support")));
    assert_eq!(prompt(&desk, call), "Thank you for calling. Goodbye.");
    desk.pass(30_000);
    assert!(matches!(desk.end_reason(call), EndReason::Failed(_)));
}

#[test]
fn rule_16_the_default_queue_stands_in_and_is_never_too_full() {
    let mut desk = Desk::new();
    desk.give(Input::RemoveQueue(queue_name("support")));
    desk.give(Input::PutQueue(Queue { max_waiting: 1, ..queue("all") }));
    desk.settings(Settings { default_queue: Some(queue_name("all")), ..Settings::default() });
    for waiting in 1..3 {
        let call = desk.answered_call();
        desk.fails(call, RunEnd::Deadline);
        desk.played(call.leg);
        let view = desk.board.queues().into_iter().find(|view| view.queue.name == queue_name("all")).unwrap();
        assert_eq!(view.waiting, waiting);
    }
    desk.give(Input::RemoveQueue(queue_name("all")));
    let told = desk.told();
    assert_eq!(told.iter().filter(|what| matches!(what, What::Said { text } if text.contains("Goodbye"))).count(), 2);
}

#[test]
fn rule_16_a_place_that_is_held_is_kept() {
    let mut desk = Desk::new();
    let (first, second) = (desk.answered_call(), desk.answered_call());
    let place = desk.enqueue(first, 0);
    desk.enqueue(second, 0);
    desk.request(first, wait(place, 60_000));
    desk.pass(1000);
    desk.fails(first, RunEnd::Deadline);
    assert_eq!(prompt(&desk, first), AGENT);
    let view = desk.board.contact(first.id).unwrap();
    assert_eq!(view.place.unwrap().position, Some(1));
    desk.played(first.leg);
    assert_eq!(prompt(&desk, first), "[hold music]");
    desk.seat(agent("ada", &[]));
    assert_eq!(desk.rung()[0].1, first.id);
}

#[test]
fn rule_16_an_agent_may_answer_into_the_apology() {
    let mut desk = Desk::new();
    desk.seat(agent("ada", &[]));
    let call = desk.answered_call();
    desk.enqueue(call, 0);
    let leg = desk.rung()[0].2;
    desk.fails(call, RunEnd::Deadline);
    desk.give(Input::LegAnswered(leg));
    let stop = desk.effects.iter().position(|effect| matches!(effect, Effect::StopPlay { .. })).unwrap();
    let bridge = desk.effects.iter().position(|effect| matches!(effect, Effect::Bridge(..))).unwrap();
    assert!(stop < bridge);
    desk.hang_up(call.leg);
    assert_eq!(desk.end_reason(call), EndReason::HungUp);
}

#[test]
fn rule_16_a_talk_is_left_alone() {
    let mut desk = Desk::new();
    let (call, _, leg) = desk.talk();
    desk.taken();
    desk.fails(call, RunEnd::Trap("x".into()));
    let touched = |effect: &Effect| matches!(effect, Effect::Play { .. } | Effect::HangUpLeg(_) | Effect::Unbridge(..));
    assert!(!desk.wanted(touched));
    desk.pass(60_000);
    desk.hang_up(leg);
    assert_eq!(desk.end_reason(call), EndReason::AgentHungUp);
}

#[test]
fn a_failure_after_the_end_is_only_told() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.hang_up(call.leg);
    desk.fails(call, RunEnd::Trap("x".into()));
    assert_eq!(desk.end_reason(call), EndReason::HungUp);
    assert_eq!(desk.record(call).stepped_down, None);
}

#[test]
fn a_deployment_with_nothing_to_run_is_served_safely() {
    let mut desk = Desk::new();
    desk.give(Input::RemoveDeployment(deployment_name("reception")));
    let leg = desk.offer_leg("555", "100");
    desk.give(Input::LegAnswered(leg));
    assert!(!desk.wanted(|effect| matches!(effect, Effect::StartFlow { .. })));
    let view = desk.board.contacts().remove(0);
    assert_eq!((view.state, view.version), ("safe-flow", None));
    desk.played(leg);
    desk.hang_up(leg);
    assert_eq!(desk.records.len(), 1);
}
