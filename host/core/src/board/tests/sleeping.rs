//! Journal rule 17: contacts that wait without an instance.

use super::*;
use crate::replay::{Divergence, Past, Step};

impl Desk {
    fn woken(&self, call: Call) -> Option<(Call, Version, crate::replay::Entries)> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::StartFlow { run, version, past, .. } => Some((Call { run: *run, ..call }, *version, past.clone())),
            _ => None,
        })
    }

    fn cancelled(&self) -> Vec<RunId> {
        let run = |effect: &Effect| match effect {
            Effect::CancelFlow { run, .. } => Some(*run),
            _ => None,
        };
        self.effects.iter().filter_map(run).collect()
    }
}

#[test]
fn rule_17_an_instance_that_is_not_needed_is_dropped_and_made_anew_when_its_contact_moves() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, Request::Pause { duration_ms: 5_000 });
    desk.taken();
    desk.give(Input::Hibernate { idle_ms: 1_000, at_most: 9 });
    assert!(desk.cancelled().is_empty(), "it hasn't waited so long");
    desk.pass(2_000);
    desk.give(Input::Hibernate { idle_ms: 1_000, at_most: 9 });
    assert_eq!((desk.cancelled(), desk.board.asleep()), (vec![call.run], 1));
    desk.pass(3_000);
    let (new, by, past) = desk.woken(call).expect("it is woken");
    assert_eq!((by, desk.board.asleep(), desk.reply(call)), (version(1), 0, None));
    let mut past = Past::new(past, false);
    assert!(matches!(past.call(&Request::Answer), Step::Returned { entry: 0, .. }));
    let pause = past.call(&Request::Pause { duration_ms: 5_000 });
    assert!(matches!(pause, Step::Returned { entry: 1, reply: Reply::Done, .. }), "{pause:?}");
    assert_eq!(past.call(&Request::StopPlaying), Step::Live);
    assert_eq!(desk.request(new, Request::Attribute("a".into())), Some(Reply::Attribute(None)));
    assert_eq!(desk.journal(call.id).segments.len(), 1, "the same version");
}

#[test]
fn those_who_waited_longest_sleep_first_and_a_flow_that_runs_never() {
    let mut desk = Desk::new();
    let calls: Vec<_> = (0..3)
        .map(|_| {
            desk.pass(100);
            let call = desk.answered_call();
            desk.request(call, Request::Pause { duration_ms: 60_000 });
            call
        })
        .collect();
    desk.answered_call();
    desk.pass(1_000);
    desk.taken();
    desk.give(Input::Hibernate { idle_ms: 0, at_most: 2 });
    assert_eq!(desk.cancelled(), [calls[0].run, calls[1].run]);
    desk.give(Input::Hibernate { idle_ms: 0, at_most: 9 });
    assert_eq!(desk.cancelled().len(), 3, "the fourth runs");
}

#[test]
fn rule_24_who_hangs_up_wakes_the_flow_to_tidy_up() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, Request::Pause { duration_ms: 60_000 });
    desk.give(Input::Hibernate { idle_ms: 0, at_most: 1 });
    desk.hang_up(call.leg);
    let (new, ..) = desk.woken(call).unwrap();
    assert_eq!(desk.request(new, Request::SetAttribute("a".into(), "1".into())), Some(Reply::Done));
    desk.returns(new, FlowEnd::Completed);
    assert_eq!(desk.end_reason(call), EndReason::HungUp);
}

#[test]
fn rule_17_a_divergence_in_waking_is_a_fault_of_the_host_and_then_the_ladder() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, Request::Pause { duration_ms: 1_000 });
    desk.give(Input::Hibernate { idle_ms: 0, at_most: 1 });
    desk.pass(1_000);
    let (new, ..) = desk.woken(call).unwrap();
    let what = Divergence { entry: 1, expected: "pause".into(), got: "say".into() };
    desk.fails(new, RunEnd::Diverged(what));
    let told = |what: &&What| matches!(what, What::FlowEnded { failure: Some(("wake-diverged", _)), .. });
    assert!(desk.told().iter().any(told));
    assert_eq!(desk.board.contact(call.id).unwrap().state, "safe-flow");
}

#[test]
fn a_sleeping_contact_goes_over_to_another_version_without_waking() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, Request::Pause { duration_ms: 1_000 });
    desk.give(Input::Hibernate { idle_ms: 0, at_most: 1 });
    desk.taken();
    desk.give(Input::PutDeployment(deployment("reception", World::Flow, 2)));
    desk.give(Input::Migrate(call.id));
    let (_, run) = *desk.rehearsals().last().unwrap();
    let request = Request::Pause { duration_ms: 1_000 };
    let result = crate::board::Rehearsal::Agreed { entry: 1, request };
    desk.give(Input::Rehearsed { contact: call.id, run, result });
    assert!(desk.cancelled().is_empty(), "there was nothing to cancel");
    desk.pass(1_000);
    assert_eq!(desk.reply(call), Some(Reply::Done), "it is awake");
}

#[test]
fn what_a_dropped_instance_still_says_is_no_failure() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, Request::Pause { duration_ms: 1_000 });
    desk.give(Input::Hibernate { idle_ms: 0, at_most: 1 });
    desk.fails(call, RunEnd::Limit("memory".into()));
    assert_eq!((desk.board.asleep(), desk.board.contact(call.id).unwrap().state), (1, "flow"));
    desk.pass(1_000);
    assert!(desk.woken(call).is_some());
}

#[test]
fn who_sleeps_when_the_host_stops_has_nothing_to_be_dropped() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, Request::Pause { duration_ms: 1_000 });
    desk.give(Input::Hibernate { idle_ms: 0, at_most: 1 });
    desk.taken();
    desk.give(Input::Shutdown);
    assert!(desk.cancelled().is_empty());
    assert_eq!(desk.end_reason(call), EndReason::Shutdown);
}

/// Nobody is left in silence because there is nothing to wake.
#[test]
fn rule_17_a_journal_that_outside_acts_make_too_long_ends_in_the_ladder() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, Request::Pause { duration_ms: 1_000 });
    desk.give(Input::Hibernate { idle_ms: 0, at_most: 1 });
    for time in 0..100 {
        let value = format!("{time:08}").repeat(1_000);
        desk.give(Input::SetAttribute { contact: call.id, name: "note".into(), value });
    }
    desk.taken();
    desk.pass(1_000);
    assert!(desk.woken(call).is_none() && desk.reply(call).is_none());
    assert_eq!((desk.board.asleep(), desk.board.contact(call.id).unwrap().state), (0, "safe-flow"));
}
