//! Journal rule 16: who goes on in place of a flow that failed.

use super::*;
use crate::replay::Divergence;

/// Version 2 serves `reception` in place of 1; `safe` is the entry point's safe flow.
fn desk() -> Desk {
    let mut desk = Desk::new();
    let two = Deployment { previous: Some(version(1)), ..deployment("reception", World::Flow, 2) };
    desk.give(Input::PutDeployment(two));
    desk.give(Input::PutDeployment(deployment("safe", World::Flow, 9)));
    let entry = EntryPoint { safe_flow: Some(deployment_name("safe")), ..entry_point("main", &["100"]) };
    desk.give(Input::PutEntryPoint(entry));
    desk
}

fn trap() -> RunEnd {
    RunEnd::Trap("unreachable".into())
}

impl Desk {
    /// What was started last: the contact's run, its version, and how much it goes through.
    fn started(&self, call: Call) -> (Call, Version, usize) {
        let found = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::StartFlow { contact, run, version, past, .. } if *contact == call.id => {
                Some((Call { run: *run, ..call }, *version, past.len()))
            }
            _ => None,
        });
        found.expect("a start")
    }

    fn descents(&self) -> Vec<&'static str> {
        let rung = |what: &What| match what {
            What::Descended { rung, .. } => Some(*rung),
            What::SteppedDown { .. } => Some("board"),
            _ => None,
        };
        self.told().into_iter().filter_map(rung).collect()
    }
}

#[test]
fn rule_16_the_predecessor_goes_through_the_journal_and_on() {
    let mut desk = desk();
    let call = desk.answered_call();
    desk.request(call, Request::SetAttribute("a".into(), "1".into()));
    desk.fails(call, trap());
    let (new, by, past) = desk.started(call);
    assert_eq!((by, past), (version(1), 2));
    assert_eq!(desk.journal(call.id).segments.len(), 1, "nobody knows yet whether it agrees");
    assert_eq!(desk.request(new, Request::Attribute("a".into())), Some(Reply::Attribute(Some("1".into()))));
    let journal = desk.journal(call.id);
    let segments: Vec<_> = journal.segments.iter().map(|segment| (segment.from, segment.version)).collect();
    assert_eq!(segments, [(0, version(2)), (2, version(1))]);
    desk.returns(new, FlowEnd::Completed);
    desk.hang_up(call.leg);
    assert_eq!(desk.record(call).versions, [version(2), version(1)]);
}

#[test]
fn rule_16_each_rung_once_and_never_back_up() {
    let mut desk = desk();
    let call = desk.answered_call();
    desk.request(call, Request::SetAttribute("a".into(), "1".into()));
    desk.taken();
    desk.fails(call, trap());
    let (second, ..) = desk.started(call);
    let what = Divergence { entry: 1, expected: "set-attribute".into(), got: "say".into() };
    desk.fails(second, RunEnd::Diverged(what));
    let (third, by, past) = desk.started(call);
    assert_eq!((by, past), (version(9), 0), "the safe flow begins afresh");
    assert_eq!(desk.descents(), ["predecessor", "safe-flow"]);
    let kept = desk.request(third, Request::Attribute("a".into()));
    assert_eq!(kept, Some(Reply::Attribute(Some("1".into()))), "with the attributes");
    desk.taken();
    desk.fails(third, RunEnd::Deadline);
    assert_eq!(desk.descents(), ["board"]);
    desk.played(call.leg);
    assert_eq!(desk.board.contact(call.id).unwrap().state, "queued", "in the default queue, without any plugin");
}

#[test]
fn rule_16_the_contacts_own_version_before_comes_first() {
    let mut desk = desk();
    let call = desk.answered_call();
    desk.request(call, Request::Pause { duration_ms: 1_000 });
    let three = Deployment {
        previous: Some(version(9)),
        migration: crate::config::MigrationPolicy::Migrate,
        ..deployment("reception", World::Flow, 3)
    };
    desk.give(Input::PutDeployment(three));
    let (_, run) = *desk.rehearsals().last().unwrap();
    let request = Request::Pause { duration_ms: 1_000 };
    let result = crate::board::Rehearsal::Agreed { entry: 1, request };
    desk.give(Input::Rehearsed { contact: call.id, run, result });
    desk.pass(1_000);
    desk.fails(Call { run, ..call }, trap());
    assert_eq!(desk.started(call).1, version(2));
}

#[test]
fn a_flow_that_says_it_cannot_go_on_is_followed_by_the_safe_flow() {
    let mut desk = desk();
    let call = desk.answered_call();
    desk.taken();
    desk.fails(call, RunEnd::GuestError("no such account".into()));
    assert_eq!((desk.descents(), desk.started(call).1), (vec!["safe-flow"], version(9)));
}

#[test]
fn rule_16_without_room_the_board_takes_over_at_once() {
    let mut desk = desk();
    let call = desk.call();
    desk.taken();
    desk.fails(call, RunEnd::NoRoom("2000 flows run already".into()));
    assert_eq!(desk.descents(), ["board"]);
    assert!(!desk.wanted(|effect| matches!(effect, Effect::StartFlow { .. })));
}

#[test]
fn rule_16_who_holds_a_place_keeps_it() {
    let mut desk = desk();
    let call = desk.answered_call();
    let place = desk.enqueue(call, 5);
    desk.taken();
    desk.fails(call, trap());
    let (second, ..) = desk.started(call);
    assert_eq!(desk.request(second, wait(place, 1_000)), None, "the predecessor waits in the same place");
    desk.taken();
    desk.fails(second, trap());
    assert_eq!(desk.descents(), ["board"], "a fresh flow would have to take another");
    let before = desk.board.contact(call.id).unwrap().place.unwrap();
    assert_eq!(before.position, Some(1));
}

#[test]
fn rule_16_a_contact_that_stepped_down_is_not_migrated() {
    let mut desk = desk();
    let call = desk.answered_call();
    desk.fails(call, trap());
    let (second, ..) = desk.started(call);
    desk.request(second, Request::Pause { duration_ms: 1_000 });
    desk.give(Input::Migrate(call.id));
    let refused = |what: &&What| matches!(what, What::NotMigrated { outcome: "refused", .. });
    assert!(desk.told().iter().any(refused));
}

#[test]
fn rule_16_a_predecessor_that_diverged_never_ran() {
    let mut desk = desk();
    let call = desk.answered_call();
    desk.fails(call, trap());
    let (second, ..) = desk.started(call);
    let what = Divergence { entry: 0, expected: "answer".into(), got: "say".into() };
    desk.fails(second, RunEnd::Diverged(what));
    let (third, ..) = desk.started(call);
    desk.returns(third, FlowEnd::Completed);
    assert_eq!(desk.record(call).versions, [version(2), version(9)], "as its journal says");
}

/// A host that lost an instance in the middle of a call: there is nothing to go through up to.
#[test]
fn rule_16_a_flow_that_ended_in_a_call_has_no_predecessor() {
    let mut desk = desk();
    let call = desk.answered_call();
    desk.request(call, Request::Pause { duration_ms: 1_000 });
    desk.taken();
    desk.fails(call, trap());
    assert_eq!((desk.started(call).1, desk.descents()), (version(9), vec!["safe-flow"]));
}
