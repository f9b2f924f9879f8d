//! What is known of a contact whose host died.

use crate::apply::{call, external, journal, opened, outcome, segment, version};
use cordboard_core::flow::{
    Answer, Prompt, PromptPart, Question, QueueRequest, Reply, Request, Talk, TalkEnd, TypeAhead, WaitStatus,
};
use cordboard_core::ids::{AgentId, ContactId, QueueName};
use cordboard_core::journal::{External, Frame, interrupted};
use cordboard_core::record::{ContactRecord, EndReason, VisitOutcome};
use cordboard_core::time::Timestamp;

fn record(frames: impl IntoIterator<Item = Frame>) -> ContactRecord {
    interrupted(&journal(frames).unwrap()).unwrap()
}

fn ask(secret: bool) -> Request {
    Request::Ask(Question {
        id: "menu".into(),
        prompt: Prompt(vec![PromptPart::Number(1)]),
        choices: vec![],
        digits: None,
        silence_timeout_ms: 1000,
        key_timeout_ms: 1000,
        type_ahead: TypeAhead::Keep,
        secret,
    })
}

fn enqueue() -> Request {
    Request::Enqueue(QueueRequest { queue: "support".into(), priority: 0, skills: vec![] })
}

const WAIT: Request = Request::Wait { waiting: 0, treatment: None, timeout_ms: 1000 };

#[test]
fn a_journal_without_an_opening_is_nobodys() {
    assert!(interrupted(&journal([]).unwrap()).is_none());
}

#[test]
fn a_contact_that_had_just_come_ended_at_once() {
    let record = record([opened()]);
    assert_eq!((record.id, record.offered_at, record.ended_at), (ContactId(7), Timestamp(1), Timestamp(1)));
    assert_eq!((record.end, record.answered_at, record.journal_entries), (EndReason::Interrupted, None, 0));
}

#[test]
fn choices_attributes_and_versions_are_kept() {
    let record = record([
        opened(),
        segment(0, 1),
        call(0, ask(false)),
        outcome(0, Reply::Answer(Answer::Choice("balance".into()))),
        call(1, ask(true)),
        outcome(1, Reply::Answer(Answer::SecretDigits(4))),
        call(2, Request::SetAttribute("language".into(), "de".into())),
        outcome(2, Reply::Done),
        segment(3, 2),
        external(3, External::AttributeSet("vip".into(), "yes".into())),
        call(4, Request::SetAttribute("lost".into(), "no outcome".into())),
    ]);
    let choices: Vec<_> =
        record.choices.iter().map(|choice| (choice.question.as_str(), choice.answer.as_str())).collect();
    assert_eq!(choices, [("menu", "balance"), ("menu", "***")]);
    let attributes: Vec<_> = record.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(attributes, [("language", "de"), ("vip", "yes")]);
    assert_eq!(record.versions, [version(1), version(2)]);
    assert_eq!((record.answered_at, record.ended_at), (Some(Timestamp(20)), Timestamp(30)));
    assert_eq!(record.journal_entries, 5);
}

#[test]
fn whoever_waited_lost_the_place_and_whoever_talked_has_a_talk_begun() {
    let waited = record([opened(), segment(0, 1), call(0, enqueue()), outcome(0, Reply::Enqueued), call(1, WAIT)]);
    let visit = &waited.visits[0];
    assert_eq!(visit.queue, QueueName::new("support").unwrap());
    assert_eq!(visit.outcome, VisitOutcome::Lost("interrupted".into()));
    assert_eq!((visit.connected_at, visit.queued_at), (None, Timestamp(20)));

    let anna = AgentId::new("anna").unwrap();
    let talked = record([
        opened(),
        segment(0, 1),
        call(0, enqueue()),
        outcome(0, Reply::Enqueued),
        call(1, WAIT),
        external(2, External::AgentAnswered(anna.clone())),
        Frame::External { entry: 3, at: Timestamp(5_000_030), act: External::TalkEnded(anna.clone()) },
        outcome(
            1,
            Reply::Waited(WaitStatus::Talked(Talk { agent: anna.clone(), talked_ms: 5_000, ended_by: TalkEnd::Agent })),
        ),
    ]);
    assert_eq!(talked.visits.len(), 1);
    assert_eq!(talked.visits[0].outcome, VisitOutcome::Answered { agent: anna, talked_ms: 5_000 });
}

#[test]
fn a_flow_that_went_on_as_another_is_one_contact() {
    let go_on = Request::ContinueAs { deployment: "survey".into(), attributes: vec![("from".into(), "main".into())] };
    let record = record([
        opened(),
        segment(0, 1),
        call(0, go_on),
        outcome(0, Reply::Done),
        Frame::Continued { at: Timestamp(25), entries: 1 },
        segment(0, 2),
        call(0, Request::Answer),
        outcome(0, Reply::Done),
        external(1, External::SteppedDown("trap: unreachable".into())),
    ]);
    assert_eq!(record.versions, [version(1), version(2)]);
    assert_eq!(record.attributes.get("from").map(String::as_str), Some("main"));
    assert_eq!(record.stepped_down.as_deref(), Some("trap: unreachable"));
    assert_eq!(record.journal_entries, 3);
}

#[test]
fn whoever_gave_a_place_up_left_it() {
    let go_on = Request::ContinueAs { deployment: "survey".into(), attributes: vec![] };
    let record = record([
        opened(),
        segment(0, 1),
        call(0, Request::StartPlaying { prompt: Prompt(vec![PromptPart::Number(1)]), repeat: true }),
        outcome(0, Reply::Done),
        call(1, enqueue()),
        outcome(1, Reply::Enqueued),
        call(2, enqueue()),
        outcome(2, Reply::Enqueued),
        call(3, go_on),
        outcome(3, Reply::Done),
        Frame::Continued { at: Timestamp(25), entries: 4 },
        segment(0, 2),
        call(0, enqueue()),
        outcome(0, Reply::Enqueued),
    ]);
    let outcomes: Vec<_> = record.visits.iter().map(|visit| visit.outcome.clone()).collect();
    assert_eq!(outcomes, [VisitOutcome::Left, VisitOutcome::Left, VisitOutcome::Lost("interrupted".into())]);
    assert_eq!(record.answered_at, Some(Timestamp(20)), "what plays is heard: it was answered");
}

#[test]
fn a_closed_journal_says_how_it_ended() {
    let record = record([opened(), Frame::Closed { at: Timestamp(9), entries: 0, reason: "hung-up".into() }]);
    assert_eq!((record.end, record.ended_at), (EndReason::HungUp, Timestamp(9)));
}
