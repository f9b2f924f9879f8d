//! What is said, asked and pressed (journal rules 20, 21, 23).

use super::*;
use crate::flow::{Answer, Choice, DigitsRule, Question, TypeAhead};

fn menu(type_ahead: TypeAhead) -> Question {
    let choice = |id: &str, key| Choice { id: id.into(), key: Some(key), words: vec![] };
    Question {
        id: "menu".into(),
        prompt: text("Press one or two"),
        choices: vec![choice("one", '1'), choice("two", '2')],
        digits: None,
        silence_timeout_ms: 5_000,
        key_timeout_ms: 2_000,
        type_ahead,
        secret: false,
    }
}

fn pin() -> Question {
    Question {
        id: "pin".into(),
        choices: vec![],
        digits: Some(DigitsRule { min: 4, max: 4, terminator: None }),
        secret: true,
        ..menu(TypeAhead::Flush)
    }
}

fn choice(id: &str) -> Option<Reply> {
    Some(Reply::Answer(Answer::Choice(id.into())))
}

#[test]
fn rule_21_whatever_speaks_first_answers() {
    let start = Request::StartPlaying { prompt: text("la"), repeat: true };
    for (request, at_once) in
        [(Request::Say(text("hi")), false), (start, true), (Request::Ask(menu(TypeAhead::Keep)), false)]
    {
        let mut desk = Desk::new();
        let call = desk.call();
        assert_eq!(desk.request(call, request), None);
        assert!(desk.wanted(|effect| matches!(effect, Effect::AnswerLeg(leg) if *leg == call.leg)));
        assert!(desk.playing(call.leg).is_none(), "nothing plays before media can flow");
        desk.give(Input::LegAnswered(call.leg));
        assert!(desk.playing(call.leg).is_some());
        assert_eq!(desk.reply(call).is_some(), at_once);
    }
}

#[test]
fn a_say_returns_when_it_was_said() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    assert_eq!(desk.request(call, Request::Say(text("hi"))), None);
    let (play, _) = desk.playing(call.leg).unwrap();
    desk.give(Input::PlayFinished { leg: call.leg, play: PlayId(play.0 + 1) });
    assert_eq!(desk.reply(call), None, "something else has ended");
    desk.played(call.leg);
    assert_eq!(desk.reply(call), Some(Reply::Done));
    assert_eq!(desk.request(call, Request::Answer), Some(Reply::Done), "answering again does nothing");
}

#[test]
fn silence_counts_from_the_end_of_the_prompt() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, Request::Ask(menu(TypeAhead::Keep)));
    desk.pass(60_000);
    assert_eq!(desk.reply(call), None);
    desk.played(call.leg);
    desk.pass(4_999);
    assert_eq!(desk.reply(call), None);
    desk.pass(1);
    assert_eq!(desk.reply(call), Some(Reply::Answer(Answer::Silence)));
}

#[test]
fn a_prompt_whose_end_is_never_told_strands_nobody() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, Request::Say(text("hi")));
    desk.pass(659_999);
    assert_eq!(desk.reply(call), None, "a recording may last for ten minutes");
    desk.pass(1);
    assert_eq!(desk.reply(call), Some(Reply::Done));
    assert!(desk.wanted(|effect| matches!(effect, Effect::StopPlay { .. })));
    // Silence counts from there.
    desk.request(call, Request::Ask(menu(TypeAhead::Keep)));
    desk.pass(660_000 + 4_999);
    assert_eq!(desk.reply(call), None);
    desk.pass(1);
    assert_eq!(desk.reply(call), Some(Reply::Answer(Answer::Silence)));
    // Two of the longest recordings are not cut.
    let recording = || PromptPart::Recording("terms".into());
    desk.request(call, Request::Say(Prompt(vec![recording(), recording()])));
    desk.pass(1_200_000);
    assert_eq!(desk.reply(call), None);
    desk.played(call.leg);
    assert_eq!(desk.reply(call), Some(Reply::Done));
}

#[test]
fn the_first_key_cuts_the_prompt() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, Request::Ask(menu(TypeAhead::Keep)));
    let (play, _) = desk.playing(call.leg).unwrap();
    desk.give(Input::Digit(call.leg, '2'));
    assert_eq!(desk.reply(call), choice("two"));
    assert!(desk.wanted(|effect| matches!(effect, Effect::StopPlay { play: stopped, .. } if *stopped == play)));
    desk.give(Input::Digit(call.leg, 'E'));
    assert!(!desk.told().contains(&&What::Pressed { key: 'E' }), "no key");
}

#[test]
fn rule_23_keys_pressed_before_begin_the_answer_or_are_thrown_away() {
    for (type_ahead, expected) in [(TypeAhead::Keep, choice("one")), (TypeAhead::Flush, None)] {
        let mut desk = Desk::new();
        let call = desk.answered_call();
        desk.request(call, Request::Say(text("hi")));
        desk.give(Input::Digit(call.leg, '1'));
        desk.played(call.leg);
        assert_eq!(desk.request(call, Request::Ask(menu(type_ahead))), expected);
        assert_eq!(desk.playing(call.leg).is_some(), expected.is_none(), "what is answered needs no prompt");
    }
}

#[test]
fn rule_20_a_secret_stays_out_of_the_journal_events_and_records() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, Request::Ask(pin()));
    for key in "4711".chars() {
        desk.give(Input::Digit(call.leg, key));
    }
    assert_eq!(desk.reply(call), Some(Reply::Answer(Answer::Digits("4711".into()))), "the flow has it");
    assert!(!desk.told().iter().any(|what| matches!(what, What::Pressed { .. })));
    assert!(desk.told().contains(&&What::Chose { question: "pin".into(), answer: "***".into() }));
    let journal = desk.journal(call.id);
    let Some(Entry::Call { outcome: Some((_, kept, _)), .. }) = journal.entries.last() else { panic!("{journal:?}") };
    assert_eq!(*kept, Reply::Answer(Answer::SecretDigits(4)));
    desk.returns(call, FlowEnd::Completed);
    assert_eq!(desk.record(call).choices[0].answer, "***");
}

#[test]
fn rule_20_a_secret_typed_ahead_is_not_told_either() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, Request::Say(text("Please enter your PIN")));
    for key in "4711".chars() {
        desk.give(Input::Digit(call.leg, key));
    }
    desk.played(call.leg);
    let ahead = Question { type_ahead: TypeAhead::Keep, ..pin() };
    assert_eq!(desk.request(call, Request::Ask(ahead)), Some(Reply::Answer(Answer::Digits("4711".into()))));
    assert!(!desk.told().iter().any(|what| matches!(what, What::Pressed { .. })));
    // What a question takes that is no secret is told when it takes it.
    desk.request(call, Request::Say(text("hi")));
    desk.give(Input::Digit(call.leg, '2'));
    desk.played(call.leg);
    assert_eq!(desk.request(call, Request::Ask(menu(TypeAhead::Keep))), choice("two"));
    assert!(desk.told().contains(&&What::Pressed { key: '2' }));
}

#[test]
fn what_is_said_next_cuts_what_plays_under_it() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    let start = Request::StartPlaying { prompt: text("la"), repeat: true };
    assert_eq!(desk.request(call, start.clone()), Some(Reply::Done));
    let (music, _) = desk.playing(call.leg).unwrap();
    desk.request(call, Request::Say(text("hi")));
    desk.give(Input::PlayFinished { leg: call.leg, play: music });
    assert_eq!(desk.reply(call), None, "the say goes on");
    desk.played(call.leg);
    assert_eq!(desk.request(call, Request::StopPlaying), Some(Reply::Done));
    assert!(!desk.wanted(|effect| matches!(effect, Effect::StopPlay { .. })), "it was cut before");
    desk.request(call, start);
    desk.request(call, Request::StopPlaying);
    assert!(desk.wanted(|effect| matches!(effect, Effect::StopPlay { .. })));
}

#[test]
fn a_pause_lasts_as_long_as_it_says() {
    let mut desk = Desk::new();
    let call = desk.call();
    assert_eq!(desk.request(call, Request::Pause { duration_ms: 1000 }), None);
    desk.pass(999);
    assert_eq!(desk.reply(call), None);
    desk.pass(1);
    assert_eq!(desk.reply(call), Some(Reply::Done));
}

#[test]
fn what_is_out_of_bounds_is_refused_and_nothing_happens() {
    let mut desk = Desk::new();
    let call = desk.call();
    for request in [
        Request::Say(Prompt(vec![])),
        Request::SetAttribute(String::new(), "x".into()),
        Request::Enqueue(QueueRequest { queue: "support".into(), priority: 1001, skills: vec![] }),
        Request::Pause { duration_ms: 3_600_001 },
        enqueue("nowhere", 0),
    ] {
        let reply = desk.request(call, request.clone());
        assert!(matches!(reply, Some(Reply::Failed(ContactError::Invalid(_)))), "{request:?}: {reply:?}");
    }
    assert!(!desk.wanted(|effect| matches!(effect, Effect::AnswerLeg(_))));
    for n in 0..256 {
        desk.request(call, Request::SetAttribute(format!("n{n}"), "1".into()));
    }
    let more = desk.request(call, Request::SetAttribute("more".into(), "1".into()));
    assert!(matches!(more, Some(Reply::Failed(ContactError::Limit(_)))));
    assert_eq!(desk.request(call, Request::SetAttribute("n0".into(), "2".into())), Some(Reply::Done));
    assert_eq!(desk.request(call, Request::Attribute("n0".into())), Some(Reply::Attribute(Some("2".into()))));
}
