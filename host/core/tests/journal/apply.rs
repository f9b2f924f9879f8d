//! Which frames may follow which.

use cordboard_core::flow::{Address, Channel, FlowEnd, Prompt, Question, Reply, Request, TypeAhead};
use cordboard_core::ids::{AgentId, ContactId, DeploymentName, Digest, EntryPointName, TenantId, Version};
use cordboard_core::journal::{CONTINUED, Entry, External, Frame, Journal, JournalError, Opened, encode};
use cordboard_core::time::Timestamp;

pub(crate) fn opened() -> Frame {
    Frame::Opened(Opened {
        at: Timestamp(1),
        tenant: TenantId::default_tenant(),
        contact: ContactId(7),
        channel: Channel::Voice,
        entry_point: EntryPointName::new("main").unwrap(),
        origin: Address::default(),
        dialled: Address::default(),
    })
}

pub(crate) fn version(n: u8) -> Version {
    Digest([n; 32])
}

pub(crate) fn segment(from: u64, n: u8) -> Frame {
    let deployment = DeploymentName::new("reception").unwrap();
    Frame::Segment { from, at: Timestamp(2), version: version(n), deployment, seed: 9 }
}

pub(crate) fn call(entry: u64, request: Request) -> Frame {
    Frame::Call { entry, at: Timestamp(10 + entry), request }
}

pub(crate) fn outcome(entry: u64, reply: Reply) -> Frame {
    Frame::Outcome { entry, at: Timestamp(entry.saturating_add(20)), reply, callee: None }
}

pub(crate) fn external(entry: u64, act: External) -> Frame {
    Frame::External { entry, at: Timestamp(30), act }
}

fn closed(entries: u64) -> Frame {
    Frame::Closed { at: Timestamp(40), entries, reason: "completed".into() }
}

const fn continued(entries: u64) -> Frame {
    Frame::Continued { at: Timestamp(41), entries }
}

pub(crate) fn journal(frames: impl IntoIterator<Item = Frame>) -> Result<Journal, JournalError> {
    let frames: Vec<Vec<u8>> = frames.into_iter().map(|frame| encode(&frame).unwrap()).collect();
    Journal::from_frames(frames.iter().map(Vec::as_slice))
}

fn question(id: &str) -> Request {
    Request::Ask(Question {
        id: id.into(),
        prompt: Prompt::default(),
        choices: vec![],
        digits: None,
        silence_timeout_ms: 100,
        key_timeout_ms: 100,
        type_ahead: TypeAhead::Keep,
        secret: false,
    })
}

fn anew(entry: u64, request: Request) -> Frame {
    Frame::AskedAnew { entry, at: Timestamp(50), request }
}

#[test]
fn an_open_question_may_be_asked_anew() {
    let frames = [opened(), segment(0, 1), call(0, question("a")), segment(1, 2), anew(0, question("b")), ring(1)];
    let journal = journal(frames).unwrap();
    assert!(matches!(&journal.entries[0], Entry::Call { request, outcome: None, .. } if *request == question("b")));
}

#[test]
fn frames_of_several_flows_make_the_journal_again() {
    let earlier =
        [opened(), segment(0, 1), ring(0), outcome(0, Reply::Done), external(1, External::HungUp), continued(2)];
    let latest = [segment(0, 2), ring(0), segment(1, 3), outcome(0, Reply::Done), ring(1), closed(2)];
    let whole = journal(earlier.into_iter().chain(latest)).unwrap();
    assert_eq!((whole.earlier.len(), whole.segments.len()), (1, 2));
    assert_eq!(journal(whole.frames()), Ok(whole.clone()));
    assert_eq!(Journal::default().frames(), []);
}

fn ring(entry: u64) -> Frame {
    call(entry, Request::Ring)
}

fn done(entry: u64) -> Frame {
    outcome(entry, Reply::Done)
}

#[test]
fn a_journal_is_put_together_from_its_frames() {
    let end = Request::End(FlowEnd::Completed);
    let frames =
        [opened(), segment(0, 1), ring(0), done(0), external(1, External::HungUp), call(2, end.clone()), closed(3)];
    let journal = journal(frames).unwrap();
    assert_eq!(journal.opened.as_ref().map(|opened| opened.contact), Some(ContactId(7)));
    assert_eq!(journal.segments.len(), 1);
    assert_eq!(
        journal.entries,
        [
            Entry::Call {
                at: Timestamp(10),
                request: Request::Ring,
                outcome: Some((Timestamp(20), Reply::Done, None))
            },
            Entry::External { at: Timestamp(30), act: External::HungUp },
            Entry::Call { at: Timestamp(12), request: end, outcome: None },
        ]
    );
    assert_eq!(journal.closed, Some((Timestamp(40), "completed".into())));
    assert_eq!((journal.total_entries(), journal.earlier.len()), (3, 0));
}

#[test]
fn frames_that_may_follow() {
    let hung_up = |entry| external(entry, External::HungUp);
    for (what, frames) in [
        ("nothing at all", vec![]),
        ("an opening", vec![opened()]),
        ("closed at once", vec![opened(), closed(0)]),
        ("an act from outside before any segment", vec![opened(), hung_up(0), closed(1)]),
        ("an act from outside during a call", vec![opened(), segment(0, 1), ring(0), hung_up(1), done(0), ring(2)]),
        (
            "another version under a pending call",
            vec![opened(), segment(0, 1), ring(0), segment(1, 2), done(0), ring(1)],
        ),
        ("two versions from the same entry", vec![opened(), segment(0, 1), segment(0, 2), ring(0)]),
        ("continued at once", vec![opened(), segment(0, 1), continued(0), segment(0, 2), closed(0)]),
        ("a call pending for ever", vec![opened(), segment(0, 1), ring(0), closed(1)]),
    ] {
        assert_eq!(journal(frames).map(|_| ()), Ok(()), "{what}");
    }
}

#[test]
fn frames_that_may_not_follow_change_nothing_and_are_named() {
    let hung_up = |entry| external(entry, External::HungUp);
    let agent = AgentId::new("anna").unwrap();
    for (what, before, wrong) in [
        ("a second opening", vec![opened()], opened()),
        ("an opening after an entry", vec![opened(), hung_up(0)], opened()),
        ("a segment before the opening", vec![], segment(0, 1)),
        ("an act from outside before the opening", vec![], hung_up(0)),
        ("the end before the opening", vec![], closed(0)),
        ("continued before the opening", vec![], continued(0)),
        ("an opening of the next journal", vec![opened(), segment(0, 1), continued(0)], opened()),
        ("a segment that begins ahead", vec![opened()], segment(1, 1)),
        ("no question asked anew", vec![opened(), segment(0, 1), ring(0)], anew(0, question("b"))),
        ("a question that becomes none", vec![opened(), segment(0, 1), call(0, question("a"))], anew(0, Request::Ring)),
        (
            "an answered question",
            vec![opened(), segment(0, 1), call(0, question("a")), done(0)],
            anew(0, question("b")),
        ),
        ("a question that was never asked", vec![opened(), segment(0, 1)], anew(0, question("b"))),
        ("a segment that begins earlier", vec![opened(), segment(0, 1), ring(0), done(0)], segment(0, 2)),
        ("a call before any segment", vec![opened()], ring(0)),
        ("a call that skips an entry", vec![opened(), segment(0, 1)], ring(1)),
        ("a call twice", vec![opened(), segment(0, 1), ring(0)], ring(0)),
        ("an act that skips an entry", vec![opened()], external(1, External::AgentAnswered(agent))),
        ("an act with a call's number", vec![opened(), segment(0, 1), ring(0)], hung_up(0)),
        ("an outcome without a call", vec![opened(), segment(0, 1)], done(0)),
        ("an outcome of an act from outside", vec![opened(), hung_up(0)], done(0)),
        ("an outcome twice", vec![opened(), segment(0, 1), ring(0), done(0)], done(0)),
        ("an outcome of a call ahead", vec![opened(), segment(0, 1), ring(0)], done(1)),
        ("an outcome of no possible entry", vec![opened(), segment(0, 1), ring(0)], done(u64::MAX)),
        ("closed with an entry too few", vec![opened(), segment(0, 1), ring(0)], closed(0)),
        ("closed with an entry too many", vec![opened()], closed(1)),
        ("closed twice", vec![opened(), closed(0)], closed(0)),
        ("a segment after the end", vec![opened(), closed(0)], segment(0, 1)),
        ("a call after the end", vec![opened(), segment(0, 1), closed(0)], ring(0)),
        ("an outcome after the end", vec![opened(), segment(0, 1), ring(0), closed(1)], done(0)),
        ("continued after the end", vec![opened(), segment(0, 1), closed(0)], continued(0)),
        ("continued with an entry too many", vec![opened(), segment(0, 1)], continued(1)),
        ("a call before the next segment", vec![opened(), segment(0, 1), continued(0)], ring(0)),
        ("entries that go on counting", vec![opened(), segment(0, 1), ring(0), done(0), continued(1)], segment(1, 2)),
        (
            "an outcome of the journal before",
            vec![opened(), segment(0, 1), ring(0), continued(1), segment(0, 2)],
            done(0),
        ),
    ] {
        let mut sound = journal(before.clone()).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let kept = sound.clone();
        assert!(matches!(sound.apply(wrong.clone()), Err(JournalError::Inconsistent(_))), "{what}");
        assert_eq!(sound, kept, "{what}");
        let number = before.len() as u64;
        match journal(before.into_iter().chain([wrong])) {
            Err(JournalError::AtFrame { number: at, cause }) => {
                assert!(at == number && matches!(*cause, JournalError::Inconsistent(_)), "{what}: {at}, {cause}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn a_broken_frame_is_named_by_its_number() {
    let frames = [encode(&opened()).unwrap(), encode(&segment(0, 1)).unwrap(), vec![9, 9], encode(&ring(0)).unwrap()];
    let error = Journal::from_frames(frames.iter().map(Vec::as_slice)).unwrap_err();
    assert_eq!(error, JournalError::AtFrame { number: 2, cause: Box::new(JournalError::NewerFormat(9)) });
    assert_eq!(error.to_string(), "frame 2");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "the journal has format 9, this version reads up to 2");
}

#[test]
fn rule_7_a_flow_that_goes_on_as_another_begins_a_fresh_journal() {
    let go_on = Request::ContinueAs { deployment: "survey".into(), attributes: vec![("from".into(), "main".into())] };
    let frames = [
        vec![opened(), segment(0, 1), ring(0), done(0), call(1, go_on), done(1), continued(2)],
        vec![segment(0, 2), ring(0), done(0), continued(1)],
        vec![segment(0, 3), ring(0), closed(1)],
    ];
    let journal = journal(frames.into_iter().flatten()).unwrap();
    assert!(journal.opened.is_some());
    assert_eq!(journal.total_entries(), 4);
    assert_eq!(journal.segments[0].version, version(3));
    assert_eq!(journal.closed.as_ref().map(|(_, reason)| reason.as_str()), Some("completed"));
    let earlier: Vec<_> = journal.earlier.iter().map(|one| (one.segments[0].version, one.entries.len())).collect();
    assert_eq!(earlier, [(version(1), 2), (version(2), 1)]);
    for one in &journal.earlier {
        assert_eq!(one.closed, Some((Timestamp(41), CONTINUED.into())));
        assert!(one.earlier.is_empty() && one.opened.is_none());
    }
}
