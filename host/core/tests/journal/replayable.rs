//! What replay needs of a journal, rule by rule: that the form holds it. Replay itself lives elsewhere.

use crate::apply::{call, external, journal, opened, outcome, segment, version};
use crate::fixtures::named;
use cordboard_core::flow::{Answer, FlowEnd, Profile, QueueRequest, Reply, Request, WaitStatus};
use cordboard_core::ids::AgentId;
use cordboard_core::journal::{Entry, External, Frame, Journal};
use cordboard_core::time::Timestamp;

fn enqueue() -> Request {
    Request::Enqueue(QueueRequest { queue: "support".into(), priority: 0, skills: vec![] })
}

const fn wait(waiting: u64) -> Request {
    Request::Wait { waiting, treatment: None, timeout_ms: 3_600_000 }
}

fn pending(journal: &Journal) -> Vec<usize> {
    let open = |entry: &Entry| matches!(entry, Entry::Call { outcome: None, .. });
    journal.entries.iter().enumerate().filter(|(_, entry)| open(entry)).map(|(at, _)| at).collect()
}

/// What a flow's clock shows once each of its calls has returned.
fn clock(journal: &Journal) -> Vec<u64> {
    let returned = |entry: &Entry| match entry {
        Entry::Call { outcome: Some((at, ..)), .. } => Some(at.0),
        Entry::Call { outcome: None, .. } | Entry::External { .. } => None,
    };
    journal.entries.iter().filter_map(returned).collect()
}

#[test]
fn rule_1_the_version_of_every_entry_is_known_across_three_swaps() {
    let journal = journal([
        opened(),
        segment(0, 1),
        call(0, Request::Ring),
        outcome(0, Reply::Done),
        segment(1, 2),
        call(1, Request::Answer),
        outcome(1, Reply::Done),
        segment(2, 3),
        segment(2, 4),
        call(2, Request::StopPlaying),
    ])
    .unwrap();
    let ran =
        |entry| journal.segments.iter().rev().find(|segment| segment.from <= entry).map(|segment| segment.version);
    assert_eq!([ran(0), ran(1), ran(2)], [1, 2, 4].map(|n| Some(version(n))));
}

#[test]
fn rule_2_what_a_flow_reads_without_an_entry_is_in_the_opening() {
    let Some(Frame::Opened(opened)) = named("opened-voice").pop() else { panic!("no such fixture") };
    assert!(!opened.contact.to_string().is_empty() && !opened.origin.uri.is_empty() && !opened.dialled.uri.is_empty());
}

#[test]
fn rule_3_a_handle_is_the_number_of_the_entry_that_made_it() {
    let journal = journal([
        opened(),
        segment(0, 1),
        external(0, External::AttributeSet("vip".into(), "yes".into())),
        call(1, enqueue()),
        outcome(1, Reply::Enqueued),
        call(2, wait(1)),
    ])
    .unwrap();
    let Some(Entry::Call { request: Request::Wait { waiting, .. }, .. }) = journal.entries.last() else { panic!() };
    let made = &journal.entries[usize::try_from(*waiting).unwrap()];
    assert!(matches!(
        made,
        Entry::Call { request: Request::Enqueue(_), outcome: Some((_, Reply::Enqueued, None)), .. }
    ));
}

#[test]
fn rule_4_the_clock_and_the_seed_are_in_it() {
    let hung_up = Frame::External { entry: 1, at: Timestamp(15), act: External::HungUp };
    let journal = journal([
        opened(),
        segment(0, 1),
        call(0, Request::Ring),
        hung_up,
        outcome(0, Reply::Done),
        call(2, Request::Answer),
        outcome(2, Reply::Done),
    ])
    .unwrap();
    assert_eq!(journal.segments[0].at, Timestamp(2), "before the first call");
    assert_eq!(clock(&journal), [20, 22], "an act from outside moves no clock but by the outcome after it");
    assert_eq!(journal.segments[0].seed, 9);
}

#[test]
fn rule_5_an_act_from_outside_stands_between_a_call_and_its_outcome() {
    let anna = AgentId::new("anna").unwrap();
    let frames = [
        vec![opened(), segment(0, 1), call(0, enqueue()), outcome(0, Reply::Enqueued), call(1, wait(0))],
        vec![external(2, External::AgentAnswered(anna.clone())), external(3, External::TalkEnded(anna))],
        vec![outcome(1, Reply::Waited(WaitStatus::Lost("closed".into()))), call(4, Request::End(FlowEnd::Completed))],
    ];
    let journal = journal(frames.into_iter().flatten()).unwrap();
    assert_eq!(journal.entries.len(), 5);
    assert_eq!(pending(&journal), [4]);
}

#[test]
fn rule_6_the_version_that_answered_is_recorded() {
    let Some(Request::Lookup { key, timeout_ms }) = named("call-lookup").into_iter().find_map(|frame| match frame {
        Frame::Call { request, .. } => Some(request),
        _ => None,
    }) else {
        panic!("no such fixture")
    };
    let found = Reply::Profile(Some(Profile::default()));
    let answered = Frame::Outcome { entry: 0, at: Timestamp(3), reply: found.clone(), callee: Some(version(8)) };
    let journal = journal([opened(), segment(0, 1), call(0, Request::Lookup { key, timeout_ms }), answered]).unwrap();
    let Entry::Call { outcome: Some((_, reply, callee)), .. } = &journal.entries[0] else { panic!() };
    assert_eq!((reply, callee), (&found, &Some(version(8))));
}

#[test]
fn rule_8_an_intent_without_an_outcome_shows() {
    let crashed =
        journal([opened(), segment(0, 1), call(0, Request::Ring), outcome(0, Reply::Done), call(1, enqueue())])
            .unwrap();
    assert_eq!(pending(&crashed), [1]);
    let Entry::Call { request, .. } = &crashed.entries[1] else { panic!() };
    assert!(request.acts(), "its key is the contact and entry 1");
    assert!(crashed.closed.is_none());
    let mut settled = crashed;
    let unknown = Reply::Failed(cordboard_core::flow::ContactError::Other("unknown-outcome".into()));
    settled.apply(outcome(1, unknown)).unwrap();
    settled.apply(Frame::Closed { at: Timestamp(99), entries: 2, reason: "interrupted".into() }).unwrap();
    assert!(pending(&settled).is_empty());
}

#[test]
fn rule_12_a_version_takes_over_a_pending_call() {
    let taken = journal([opened(), segment(0, 1), call(0, wait(0)), segment(1, 2), outcome(0, Reply::Done)]).unwrap();
    assert_eq!(taken.segments[1].from, 1, "the first entry that it makes itself");
}

#[test]
fn rule_20_a_secret_has_a_length_alone() {
    let frames = named("outcome-answer-secret");
    assert!(matches!(&frames[..], [Frame::Outcome { reply: Reply::Answer(Answer::SecretDigits(4)), .. }]));
}
