//! Host calls become requests, and replies become what the contract says.

use crate::common::{Run, agreeable, flow_host, host, probe, spec, start, version};
use cordboard_core::flow::{
    Answer, Choice, ContactError, DigitsRule, FlowEnd, LookupError, LookupKey, Place, Profile, Prompt, PromptPart,
    Question, QueueRequest, Reply, Request, RunEnd, Talk, TalkEnd, TypeAhead, WaitStatus,
};
use cordboard_core::ids::AgentId;

fn question() -> Question {
    let choice = |id: &str, key| Choice { id: id.into(), key: Some(key), words: vec![id.into()] };
    Question {
        id: "main-menu".into(),
        prompt: Prompt(vec![PromptPart::Text("press one".into()), PromptPart::Number(5), PromptPart::PauseMs(100)]),
        choices: vec![choice("sales", '1'), choice("agent", '0')],
        digits: None,
        silence_timeout_ms: 5000,
        key_timeout_ms: 2000,
        type_ahead: TypeAhead::Keep,
        secret: false,
    }
}

/// What the probe makes of a reply to its only call.
async fn answered(behaviour: &str, reply: Reply) -> (Request, RunEnd) {
    let (host, version) = flow_host().await;
    let mut run = Run::new(&host, version, start(behaviour, 1));
    let request = run.call().await;
    run.reply(reply);
    (request, run.finish(agreeable).await.end)
}

#[tokio::test]
async fn a_menu_and_its_answers() {
    for (answer, expect) in [
        (Answer::Choice("sales".into()), "Answer::Choice(\"sales\")"),
        (Answer::Digits("12".into()), "Answer::Digits(\"12\")"),
        (Answer::Text("hello".into()), "Answer::Text(\"hello\")"),
        (Answer::NoMatch("7".into()), "Answer::NoMatch(\"7\")"),
        (Answer::Silence, "Answer::Silence"),
    ] {
        let (request, end) = answered("menu", Reply::Answer(answer)).await;
        assert_eq!(request, Request::Ask(question()));
        assert_eq!(end, RunEnd::Returned(FlowEnd::Other(expect.into())));
    }
}

#[tokio::test]
async fn what_the_contact_refuses_is_a_typed_error() {
    for (error, expect) in [
        (ContactError::Ended, "ContactError::Ended"),
        (ContactError::TakenOver, "ContactError::TakenOver"),
        (ContactError::InterruptedConnected, "ContactError::Interrupted(Interruption::Connected)"),
        (ContactError::NotNow("x".into()), "ContactError::NotNow(\"x\")"),
        (ContactError::Limit("x".into()), "ContactError::Limit(\"x\")"),
    ] {
        let (_, end) = answered("menu", Reply::Failed(error)).await;
        assert_eq!(end, RunEnd::GuestError(expect.into()));
    }
}

#[tokio::test]
async fn a_reply_that_does_not_fit_is_a_fault_of_the_host_and_no_trap() {
    let (_, end) = answered("menu", Reply::Chosen(3)).await;
    assert_eq!(end, RunEnd::GuestError("ContactError::Other(\"fault of the host\")".into()));
}

#[tokio::test]
async fn secret_digits_reach_the_live_flow_and_their_count_does_not() {
    let (request, end) = answered("secret", Reply::Answer(Answer::Digits("4711".into()))).await;
    let Request::Ask(asked) = request else { panic!("{request:?}") };
    assert!(asked.secret && asked.digits == Some(DigitsRule { min: 4, max: 4, terminator: Some('#') }));
    assert_eq!(end, RunEnd::Returned(FlowEnd::Other("4711".into())));
    let (_, end) = answered("secret", Reply::Answer(Answer::SecretDigits(4))).await;
    assert!(matches!(end, RunEnd::GuestError(_)), "{end:?}");
}

#[tokio::test]
async fn what_has_no_form_in_the_core_is_refused_at_the_edge() {
    let ran = probe("bad-key").await;
    assert!(ran.requests.is_empty());
    assert!(matches!(&ran.end, RunEnd::GuestError(text) if text.contains("terminator")), "{:?}", ran.end);
}

#[tokio::test]
async fn a_place_in_a_queue_is_the_entry_that_made_it() {
    let (host, version) = flow_host().await;
    let mut run = Run::new(&host, version, start("queue", 1));
    let enqueue = Request::Enqueue(QueueRequest { queue: "support".into(), priority: 0, skills: vec![] });
    assert_eq!(run.call().await, enqueue);
    run.answer(41, Reply::Enqueued);
    let wait = Request::Wait { waiting: 41, treatment: None, timeout_ms: 30_000 };
    assert_eq!(run.call().await, wait);
    let place = Place { position: 1, waiting: 2, estimate_ms: None, waited_ms: 30_000 };
    run.reply(Reply::Waited(WaitStatus::StillWaiting(place)));
    assert_eq!(run.call().await, wait);
    let agent = AgentId::new("ada").unwrap();
    run.reply(Reply::Waited(WaitStatus::Talked(Talk { agent, talked_ms: 5, ended_by: TalkEnd::Agent })));
    assert_eq!(run.finish(agreeable).await.returned(), "ada");
}

#[tokio::test]
async fn a_lost_place_is_left_by_name_only() {
    let (host, version) = flow_host().await;
    let run = Run::new(&host, version, start("queue", 1));
    let ran = run
        .finish(|request| match request {
            Request::Enqueue(_) => Reply::Enqueued,
            Request::Wait { .. } => Reply::Waited(WaitStatus::Lost("closed".into())),
            _ => Reply::Done,
        })
        .await;
    // `leave` is a call; that the handle is dropped after it is none.
    assert_eq!(ran.requests.last(), Some(&Request::Leave { waiting: 0 }));
    assert_eq!(ran.requests.len(), 3);
    assert_eq!(ran.end, RunEnd::Returned(FlowEnd::Failed("lost".into())));
}

#[tokio::test]
async fn a_look_up_and_its_answers() {
    let key = LookupKey { directory: None, kind: "phone".into(), value: "+4912345".into() };
    let fields = vec![("tier".to_owned(), "gold".to_owned())];
    let ada = Profile { id: "1001".into(), display_name: Some("Ada".into()), fields };
    for (reply, expect) in [
        (Reply::Profile(None), "Ok(None)"),
        (Reply::Profile(Some(ada)), "display-name: Some(\"Ada\")"),
        (Reply::LookupFailed(LookupError::Timeout), "LookupError::Timeout"),
        (Reply::LookupFailed(LookupError::Busy), "LookupError::Busy"),
        (Reply::LookupFailed(LookupError::Unavailable("x".into())), "LookupError::Unavailable(\"x\")"),
        (Reply::Failed(ContactError::Ended), "LookupError::Ended"),
    ] {
        let (request, end) = answered("lookup", reply).await;
        assert_eq!(request, Request::Lookup { key: key.clone(), timeout_ms: 1000 });
        let RunEnd::Returned(FlowEnd::Other(text)) = end else { panic!("{end:?}") };
        assert!(text.contains(expect), "{text}");
    }
}

#[tokio::test]
async fn configuration_comes_from_the_version() {
    let (host, version) = (host(), version("configured"));
    host.load(version, spec("probe-flow", &[("greeting", "hello"), ("b", "c")])).await.unwrap();
    let ran = Run::new(&host, version, start("config", 1)).finish(agreeable).await;
    assert_eq!(ran.reported("get"), "Some(\"hello\")");
    assert_eq!(ran.reported("missing"), "None");
    assert_eq!(ran.reported("all"), "Some(2)");
}

#[tokio::test]
async fn who_is_there_is_no_entry() {
    let ran = probe("who").await;
    assert!(ran.requests.is_empty());
    assert_eq!(ran.returned(), "00000000000000000000000001 Channel::Voice sip:ada@example.com");
}

#[tokio::test]
async fn stored_values_come_back_and_their_errors_are_typed() {
    let (host, version) = flow_host().await;
    let board = |request: &Request| match request {
        Request::LoadValue(_) => Reply::Value(Some("41".into())),
        Request::StoreValue(_, Some(value)) if value == "42" => Reply::Done,
        Request::StoreValue(_, Some(_)) => Reply::ValueFailed(cordboard_core::flow::ValueError::Quota),
        Request::StoreValue(_, None) => Reply::Failed(ContactError::Ended),
        _ => Reply::Done,
    };
    let ran = Run::new(&host, version, start("values", 1)).finish(board).await;
    assert_eq!(ran.returned(), "counted");
    for (what, expect) in [
        ("loaded", r#"Ok(Some("41"))"#),
        ("stored", "Ok(())"),
        ("large", "Err(ValueError::Quota)"),
        ("removed", r#"Err(ValueError::Unavailable("the person is gone"))"#),
    ] {
        assert_eq!(ran.reported(what), expect, "{what}");
    }
}
