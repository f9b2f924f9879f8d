//! Journal rules 11 to 15: going over to another version.

use super::*;
use crate::board::{Rehearsal, Tally};
use crate::config::MigrationPolicy;
use crate::flow::{Answer, Choice, LookupError, LookupKey, Question, TypeAhead};
use crate::replay::{Entries, Past, Step};

fn menu(keys: &[(char, &str)]) -> Request {
    Request::Ask(Question {
        id: "menu".into(),
        prompt: text("?"),
        choices: keys.iter().map(|(key, id)| Choice { id: (*id).into(), key: Some(*key), words: vec![] }).collect(),
        digits: Some(crate::flow::DigitsRule { min: 4, max: 6, terminator: None }),
        silence_timeout_ms: 5_000,
        key_timeout_ms: 2_000,
        type_ahead: TypeAhead::Keep,
        secret: false,
    })
}

const TWO: [(char, &str); 2] = [('*', "balance"), ('#', "agent")];
const THREE: [(char, &str); 3] = [('*', "balance"), ('#', "agent"), ('A', "card")];
const SWAPPED: [(char, &str); 2] = [('#', "balance"), ('*', "agent")];

fn second(migration: MigrationPolicy) -> Deployment {
    Deployment { migration, previous: Some(version(1)), ..deployment("reception", World::Flow, 2) }
}

impl Desk {
    fn deploy_second(&mut self) {
        self.taken();
        self.give(Input::PutDeployment(second(MigrationPolicy::Migrate)));
    }

    /// The latest rehearsal that was wanted: its run and what it goes through.
    fn rehearsal(&self) -> Option<(RunId, Entries)> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Rehearse(wanted) => Some((wanted.run, wanted.past.clone())),
            Effect::RehearseOn { run, past, .. } => Some((*run, past.clone())),
            _ => None,
        })
    }

    /// The rehearsal calls this, one after the other; it must come to wait in the last.
    fn agree(&mut self, call: Call, requests: &[Request]) -> RunId {
        let (run, past) = self.rehearsal().expect("a rehearsal");
        let mut past = Past::new(past, false);
        let mut last = None;
        for request in requests {
            last = Some(past.call(request));
        }
        let Some(Step::Pending { entry }) = last else { panic!("not pending: {last:?}") };
        let request = requests.last().unwrap().clone();
        self.give(Input::Rehearsed { contact: call.id, run, result: Rehearsal::Agreed { entry, request } });
        run
    }

    fn took_over(&self, run: RunId) -> bool {
        self.wanted(|effect| matches!(effect, Effect::TakeOver { run: new, .. } if *new == run))
    }

    fn not_migrated(&self) -> Option<&'static str> {
        self.told().into_iter().find_map(|what| match what {
            What::NotMigrated { outcome, .. } => Some(*outcome),
            _ => None,
        })
    }

    fn tally(&self) -> Tally {
        self.board.deployments()[0].migration
    }
}

#[test]
fn rule_13_a_waiting_contact_goes_over_in_one_step() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    assert_eq!(desk.request(call, menu(&TWO)), None);
    desk.give(Input::Digit(call.leg, '1'));
    desk.deploy_second();
    let run = desk.agree(call, &[Request::Answer, menu(&THREE)]);
    assert!(desk.took_over(run));
    assert!(desk.wanted(|effect| matches!(effect, Effect::CancelFlow { run, .. } if *run == call.run)));
    assert!(!desk.wanted(|effect| matches!(effect, Effect::StopPlay { .. } | Effect::Play { .. })), "media untouched");
    let new = Call { run, ..call };
    // Half-typed digits stay, and the next key is the new version's.
    desk.taken();
    "234".chars().for_each(|key| desk.give(Input::Digit(call.leg, key)));
    desk.pass(2_000);
    assert_eq!(desk.reply(new), Some(Reply::Answer(Answer::Digits("1234".into()))));
    assert_eq!(desk.request(new, menu(&THREE)), None);
    desk.give(Input::Digit(call.leg, 'A'));
    assert_eq!(desk.reply(new), Some(Reply::Answer(Answer::Choice("card".into()))));
    // Rule 1: the segment says from which entry on the new version made its own.
    let journal = desk.journal(call.id);
    let segments: Vec<_> = journal.segments.iter().map(|segment| (segment.from, segment.version)).collect();
    assert_eq!(segments, [(0, version(1)), (2, version(2))]);
    assert_eq!(desk.tally(), Tally { wanted: 1, migrated: 1, ..Tally::default() });
    // Rule 12: it has agreed from the beginning, so it replays from there.
    let mut past = Past::new(crate::replay::entries(&journal), false);
    for request in [Request::Answer, menu(&THREE), menu(&THREE)] {
        assert!(matches!(past.call(&request), Step::Returned { .. }), "{request:?}");
    }
    // What the old instance still says is stale.
    assert_eq!(desk.request(call, Request::Attribute("a".into())), None);
}

#[test]
fn rule_13_an_option_added_by_the_new_version_answers_the_open_question() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, menu(&TWO));
    desk.deploy_second();
    let run = desk.agree(call, &[Request::Answer, menu(&THREE)]);
    desk.give(Input::Digit(call.leg, 'A'));
    assert_eq!(desk.reply(Call { run, ..call }), Some(Reply::Answer(Answer::Choice("card".into()))));
    let mut past = Past::new(crate::replay::entries(&desk.journal(call.id)), false);
    past.call(&Request::Answer);
    assert!(matches!(past.call(&menu(&THREE)), Step::Returned { .. }), "the new version replays what it did");
}

#[test]
fn rule_13_other_calls_finish_first() {
    let mut desk = Desk::new();
    desk.give(Input::PutDeployment(deployment("crm", World::Crm, 7)));
    let call = desk.answered_call();
    let key = LookupKey { directory: Some(deployment_name("crm")), kind: "phone".into(), value: "1".into() };
    let lookup = Request::Lookup { key, timeout_ms: 1_000 };
    desk.request(call, lookup.clone());
    desk.deploy_second();
    assert_eq!(desk.rehearsals().len(), 0, "a look-up is under way");
    desk.pass(1_000);
    assert_eq!(desk.reply(call), Some(Reply::LookupFailed(LookupError::Timeout)));
    assert_eq!(desk.rehearsals().len(), 0, "the flow runs");
    desk.request(call, menu(&TWO));
    let run = desk.agree(call, &[Request::Answer, lookup, menu(&TWO)]);
    assert!(desk.took_over(run));
}

#[test]
fn rule_11_where_the_keys_mean_something_else_the_contact_stays_and_says_why() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, menu(&TWO));
    desk.deploy_second();
    let (run, past) = desk.rehearsal().unwrap();
    let mut past = Past::new(past, false);
    past.call(&Request::Answer);
    let Step::Diverged(why) = past.call(&menu(&SWAPPED)) else { panic!("it diverges") };
    assert_eq!(why.entry, 1);
    desk.give(Input::Rehearsed { contact: call.id, run, result: Rehearsal::Diverged(why) });
    assert_eq!(desk.not_migrated(), Some("diverged"));
    assert_eq!(desk.tally(), Tally { wanted: 1, diverged: 1, ..Tally::default() });
    desk.give(Input::Digit(call.leg, '#'));
    assert_eq!(desk.reply(call), Some(Reply::Answer(Answer::Choice("agent".into()))), "the old version is answered");
}

#[test]
fn rule_11_the_board_checks_the_pending_question_itself() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, menu(&TWO));
    desk.deploy_second();
    let (run, _) = desk.rehearsal().unwrap();
    let result = Rehearsal::Agreed { entry: 1, request: menu(&SWAPPED) };
    desk.give(Input::Rehearsed { contact: call.id, run, result });
    assert!(!desk.took_over(run));
    assert_eq!(desk.not_migrated(), Some("diverged"));
}

#[test]
fn rule_11_a_deployment_that_says_so_asks_anew() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, menu(&TWO));
    desk.taken();
    desk.give(Input::PutDeployment(Deployment { ask_anew: true, ..second(MigrationPolicy::Migrate) }));
    let (run, _) = desk.rehearsal().unwrap();
    let result = Rehearsal::Agreed { entry: 1, request: menu(&SWAPPED) };
    desk.give(Input::Rehearsed { contact: call.id, run, result });
    assert!(desk.took_over(run) && desk.playing(call.leg).is_some(), "the new question is heard");
    desk.give(Input::Digit(call.leg, '#'));
    assert_eq!(desk.reply(Call { run, ..call }), Some(Reply::Answer(Answer::Choice("balance".into()))));
    let journal = desk.journal(call.id);
    assert!(matches!(&journal.entries[1], Entry::Call { request, .. } if *request == menu(&SWAPPED)));
}

#[test]
fn rule_14_a_digit_that_arrives_meanwhile_goes_to_the_old_instance_at_once() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, menu(&TWO));
    desk.deploy_second();
    desk.give(Input::Digit(call.leg, '*'));
    assert_eq!(desk.reply(call), Some(Reply::Answer(Answer::Choice("balance".into()))), "not late");
    // The rehearsal agreed with what is no longer pending: it waits until the contact waits again.
    let run = desk.agree(call, &[Request::Answer, menu(&TWO)]);
    assert!(!desk.took_over(run));
    desk.request(call, Request::Say(text("Your balance")));
    assert_eq!(desk.agree(call, &[Request::Answer, menu(&TWO), Request::Say(text("other words"))]), run);
    assert!(desk.took_over(run));
}

#[test]
fn rule_14_after_three_times_the_contact_has_moved_on() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, menu(&TWO));
    desk.deploy_second();
    let mut made = vec![Request::Answer, menu(&TWO)];
    for time in 0..4 {
        assert_eq!(desk.not_migrated(), None, "{time}");
        let (run, _) = desk.rehearsal().unwrap();
        desk.give(Input::Digit(call.leg, '*'));
        let result = Rehearsal::Agreed { entry: made.len() as u64 - 1, request: menu(&TWO) };
        desk.give(Input::Rehearsed { contact: call.id, run, result });
        made.push(menu(&TWO));
        if time < 3 {
            desk.request(call, menu(&TWO));
        }
    }
    assert_eq!(desk.not_migrated(), Some("moved-on"));
    assert_eq!(desk.tally().moved_on, 1);
}

#[test]
fn rule_14_a_hang_up_cancels_it_and_leaves_nothing_behind() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, menu(&TWO));
    desk.deploy_second();
    let (run, _) = desk.rehearsal().unwrap();
    desk.hang_up(call.leg);
    assert!(desk.wanted(|effect| matches!(effect, Effect::CancelFlow { run: gone, .. } if *gone == run)));
    desk.returns(call, FlowEnd::Completed);
    let result = Rehearsal::Agreed { entry: 1, request: menu(&TWO) };
    desk.give(Input::Rehearsed { contact: call.id, run, result });
    assert!(!desk.took_over(run));
    assert_eq!(desk.board.contact_count(), 0);
    // Nothing holds the versions any more.
    desk.give(Input::PutDeployment(deployment("reception", World::Flow, 3)));
    assert_eq!(desk.board.loaded(), [version(3)]);
}

#[test]
fn rule_14_a_version_that_fails_in_rehearsal_changes_nothing_and_spares_the_rest() {
    let mut desk = Desk::new();
    let calls: Vec<_> = (0..40)
        .map(|_| {
            let call = desk.answered_call();
            desk.request(call, menu(&TWO));
            call
        })
        .collect();
    desk.deploy_second();
    assert_eq!(desk.rehearsals().len(), 32, "so many at once");
    let mut failed = 0;
    while let Some((contact, run)) = desk.rehearsals().get(failed).copied() {
        desk.give(Input::Rehearsed { contact, run, result: Rehearsal::Failed(RunEnd::Deadline) });
        failed += 1;
    }
    let tally = desk.tally();
    assert_eq!((tally.wanted, tally.migrated, tally.failed + tally.refused), (40, 0, 40));
    assert!(tally.failed < 40, "the last ones were spared: {tally:?}");
    for call in calls {
        desk.give(Input::Digit(call.leg, '#'));
        assert_eq!(desk.reply(call), Some(Reply::Answer(Answer::Choice("agent".into()))));
        desk.taken();
    }
}

#[test]
fn pinned_contacts_go_over_only_when_an_operator_says_so() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, Request::Pause { duration_ms: 60_000 });
    desk.give(Input::PutDeployment(second(MigrationPolicy::Pin)));
    assert_eq!(desk.rehearsals().len(), 0);
    desk.give(Input::Migrate(call.id));
    let run = desk.agree(call, &[Request::Answer, Request::Pause { duration_ms: 1 }]);
    assert!(desk.took_over(run));
    desk.taken();
    desk.pass(59_000);
    assert_eq!(desk.reply(call), None, "the deadline stays");
    desk.pass(1_000);
    assert_eq!(desk.reply(call), Some(Reply::Done));
}

#[test]
fn rule_13_in_a_queue_and_in_a_talk_the_place_stays() {
    let mut desk = Desk::new();
    let (call, place, _) = desk.talk();
    desk.request(call, wait(place, 30_000));
    desk.deploy_second();
    let run = desk.agree(call, &[Request::Answer, enqueue("support", 0), wait(place, 90_000)]);
    assert!(desk.took_over(run));
    assert_eq!(desk.board.contact(call.id).unwrap().state, "talking");
}

#[test]
fn rule_20_a_secret_is_known_to_the_rehearsal_and_not_to_the_journal() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    let Request::Ask(question) = menu(&[]) else { panic!("a question") };
    let pin = Request::Ask(Question { secret: true, ..question });
    desk.request(call, pin.clone());
    "1234".chars().for_each(|key| desk.give(Input::Digit(call.leg, key)));
    desk.pass(2_000);
    desk.request(call, menu(&TWO));
    desk.deploy_second();
    let (_, entries) = desk.rehearsal().unwrap();
    let mut past = Past::new(entries, false);
    past.call(&Request::Answer);
    let told = Reply::Answer(Answer::Digits("1234".into()));
    assert!(matches!(past.call(&pin), Step::Returned { reply, .. } if reply == told));
    let kept = format!("{:?}", desk.journal(call.id));
    assert!(!kept.contains("1234"), "{kept}");
}

#[test]
fn rule_14_a_rehearsal_that_speaks_twice_changes_nothing() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, menu(&TWO));
    desk.deploy_second();
    desk.give(Input::Digit(call.leg, '*'));
    let run = desk.agree(call, &[Request::Answer, menu(&TWO)]);
    desk.taken();
    let result = Rehearsal::Agreed { entry: 1, request: menu(&TWO) };
    desk.give(Input::Rehearsed { contact: call.id, run, result });
    assert!(desk.taken().is_empty(), "it was told already");
    desk.request(call, Request::Say(text("Your balance")));
    assert_eq!(desk.agree(call, &[Request::Answer, menu(&TWO), Request::Say(text("other words"))]), run);
    assert!(desk.took_over(run));
}

#[test]
fn rule_14_a_rehearsal_that_fails_while_it_waits_is_dropped() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, menu(&TWO));
    desk.deploy_second();
    desk.give(Input::Digit(call.leg, '*'));
    let run = desk.agree(call, &[Request::Answer, menu(&TWO)]);
    desk.give(Input::Rehearsed { contact: call.id, run, result: Rehearsal::Failed(RunEnd::Deadline) });
    assert_eq!((desk.not_migrated(), desk.tally().failed), (Some("failed"), 1));
    desk.request(call, Request::Say(text("Your balance")));
    assert!(!desk.wanted(|effect| matches!(effect, Effect::RehearseOn { .. })));
}

#[test]
fn a_version_that_is_taken_back_takes_nobody_over() {
    for gone in [
        Input::PutDeployment(deployment("reception", World::Flow, 1)),
        Input::PutDeployment(deployment("reception", World::Flow, 3)),
        Input::RemoveDeployment(deployment_name("reception")),
    ] {
        let mut desk = Desk::new();
        let call = desk.answered_call();
        desk.request(call, menu(&TWO));
        desk.deploy_second();
        let (run, _) = desk.rehearsal().unwrap();
        desk.taken();
        desk.give(gone);
        assert!(desk.wanted(|effect| matches!(effect, Effect::CancelFlow { run: gone, .. } if *gone == run)));
        assert!(desk.wanted(|effect| matches!(effect, Effect::UnloadVersion(gone) if *gone == version(2))));
        assert_eq!(desk.not_migrated(), Some("refused"));
        let result = Rehearsal::Agreed { entry: 1, request: menu(&TWO) };
        desk.give(Input::Rehearsed { contact: call.id, run, result });
        assert!(!desk.took_over(run));
        desk.give(Input::Digit(call.leg, '#'));
        assert_eq!(desk.reply(call), Some(Reply::Answer(Answer::Choice("agent".into()))));
    }
}

#[test]
fn the_figures_count_those_who_ended_on_the_way_and_begin_anew_with_each_deployment() {
    let mut desk = Desk::new();
    let (first, second_call) = (desk.answered_call(), desk.answered_call());
    for call in [first, second_call] {
        desk.request(call, menu(&TWO));
    }
    desk.deploy_second();
    desk.hang_up(first.leg);
    desk.returns(first, FlowEnd::Completed);
    assert_eq!(desk.tally(), Tally { wanted: 2, moved_on: 1, ..Tally::default() });
    desk.give(Input::PutDeployment(deployment("reception", World::Flow, 1)));
    desk.give(Input::PutDeployment(second(MigrationPolicy::Migrate)));
    assert_eq!(desk.tally(), Tally { wanted: 1, ..Tally::default() });
}
