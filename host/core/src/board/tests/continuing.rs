//! A flow that goes on as another (journal rule 7).

use super::*;
use crate::journal::CONTINUED;

fn go_on(deployment: &str) -> Request {
    Request::ContinueAs { deployment: deployment.into(), attributes: vec![("from".into(), "reception".into())] }
}

/// The latest run that was started.
fn started(desk: &Desk) -> Option<(RunId, Version, u64)> {
    desk.effects.iter().rev().find_map(|effect| match effect {
        Effect::StartFlow { run, version, seed, .. } => Some((*run, *version, *seed)),
        _ => None,
    })
}

#[test]
fn rule_7_the_journal_is_closed_and_a_fresh_one_begins() {
    let mut desk = Desk::new();
    desk.give(Input::PutDeployment(deployment("survey", World::Flow, 9)));
    let mut call = desk.answered_call();
    desk.enqueue(call, 0);
    assert_eq!(desk.request(call, go_on("survey")), None, "the old run is dropped inside its call");
    let (run, ran, seed) = started(&desk).unwrap();
    assert_eq!(ran, version(9));
    assert!(desk.wanted(|effect| matches!(effect, Effect::CancelFlow { run, .. } if *run == call.run)));
    assert_eq!((desk.board.pinned(version(1)), desk.board.pinned(version(9))), (0, 1));
    // A late word of the old run is stale.
    desk.taken();
    desk.give(Input::FlowEnded { contact: call.id, run: call.run, end: RunEnd::Deadline });
    assert!(desk.taken().is_empty());
    call.run = run;
    assert_eq!(desk.request(call, Request::Attribute("from".into())), Some(Reply::Attribute(Some("reception".into()))));
    let journal = desk.journal(call.id);
    assert_eq!(journal.earlier[0].closed.as_ref().unwrap().1, CONTINUED);
    assert_eq!((journal.entries.len(), journal.segments[0].from, journal.segments[0].seed), (1, 0, seed));
    assert_ne!(journal.earlier[0].segments[0].seed, seed);
    desk.returns(call, FlowEnd::Completed);
    let record = desk.record(call);
    assert_eq!(record.versions, [version(1), version(9)]);
    assert_eq!(record.visits.len(), 1, "the place was given up");
}

#[test]
fn what_stands_against_it_is_told() {
    let mut desk = Desk::new();
    desk.give(Input::PutDeployment(deployment("bank", World::Crm, 5)));
    let (call, _, leg) = desk.talk();
    assert!(matches!(desk.request(call, go_on("reception")), Some(Reply::Failed(ContactError::NotNow(_)))));
    desk.hang_up(leg);
    for deployment in ["nowhere", "bank", "no name"] {
        let reply = desk.request(call, go_on(deployment));
        assert!(matches!(reply, Some(Reply::Failed(ContactError::Invalid(_)))), "{deployment}: {reply:?}");
    }
}

#[test]
fn rule_7_nobody_goes_on_for_ever() {
    let mut desk = Desk::new();
    let mut call = desk.answered_call();
    for n in 0..100 {
        assert_eq!(desk.request(call, go_on("reception")), None, "{n}");
        call.run = started(&desk).unwrap().0;
    }
    assert!(matches!(desk.request(call, go_on("reception")), Some(Reply::Failed(ContactError::Limit(_)))));
}
