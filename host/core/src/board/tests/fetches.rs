//! Requests to places outside: an intent before one that acts, never longer than it may take, never twice.

use super::*;
use crate::flow::{FetchError, FetchRequest, FetchResponse, HeaderValue, Method};
use crate::ids::FetchId;

fn request(method: Method) -> FetchRequest {
    FetchRequest { method, url: "http://crm.example/".into(), headers: vec![], body: None, wanted_headers: vec![] }
}

fn fetch(method: Method) -> Request {
    Request::Fetch { request: request(method), timeout_ms: 1_000 }
}

/// What was to be sent since the last look.
fn sent(desk: &Desk) -> Vec<crate::board::Fetch> {
    let sent = desk.effects.iter().filter_map(|effect| match effect {
        Effect::Fetch(fetch) => Some((**fetch).clone()),
        _ => None,
    });
    sent.collect()
}

fn response(status: u16) -> FetchResponse {
    FetchResponse { status, headers: vec![], body: b"{}".to_vec() }
}

#[test]
fn what_reads_goes_at_once_and_is_answered_once() {
    let mut desk = Desk::new();
    desk.durable = false;
    let call = desk.call();
    assert_eq!(desk.request(call, fetch(Method::Get)), None);
    let [wanted] = &sent(&desk)[..] else { panic!("{:?}", desk.effects) };
    assert_eq!((wanted.contact, wanted.version, wanted.timeout_ms), (call.id, version(1), 1_000));
    assert_eq!(wanted.idempotency_key, None, "it changes nothing there");
    let fetch = wanted.fetch;
    desk.give(Input::Fetched { fetch, result: Ok(response(200)) });
    assert_eq!(desk.reply(call), Some(Reply::Fetched(response(200))));
    desk.taken();
    desk.give(Input::Fetched { fetch, result: Ok(response(500)) });
    assert!(desk.taken().is_empty() && desk.board.fetches.is_empty());
}

#[test]
fn rule_8_what_acts_is_sent_only_after_its_intent_is_durable() {
    for method in [Method::Post, Method::Put, Method::Patch, Method::Delete, Method::Other("OPTIONS".into())] {
        let mut desk = Desk::new();
        let call = desk.call();
        desk.durable = false;
        desk.request(call, fetch(method.clone()));
        assert!(desk.wanted(|effect| matches!(effect, Effect::Journal { sync: true, .. })) && sent(&desk).is_empty());
        let frame = desk.journals[&call.id].len() as u64 - 1;
        desk.give(Input::JournalDurable { contact: call.id, frame });
        let [wanted] = &sent(&desk)[..] else { panic!("{method:?}: {:?}", desk.effects) };
        assert_eq!(wanted.idempotency_key, Some(format!("{}-0", call.id)), "by contact and entry");
    }
}

#[test]
fn a_flow_names_its_own_repetition_if_it_wants_to() {
    let mut desk = Desk::new();
    let call = desk.call();
    let headers = vec![("Idempotency-Key".into(), HeaderValue::Text("mine".into()))];
    let request = FetchRequest { headers, ..request(Method::Post) };
    desk.request(call, Request::Fetch { request, timeout_ms: 1_000 });
    assert_eq!(sent(&desk)[0].idempotency_key, None);
}

#[test]
fn no_two_requests_of_a_contact_have_the_same_key() {
    let mut desk = Desk::new();
    let mut call = desk.call();
    desk.request(call, fetch(Method::Post));
    let first = sent(&desk).remove(0);
    desk.give(Input::Fetched { fetch: first.fetch, result: Err(FetchError::UnknownOutcome) });
    desk.request(call, Request::ContinueAs { deployment: "reception".into(), attributes: vec![] });
    call.run = desk
        .effects
        .iter()
        .find_map(|effect| if let Effect::StartFlow { run, .. } = effect { Some(*run) } else { None })
        .unwrap();
    desk.request(call, fetch(Method::Post));
    let second = sent(&desk).remove(0);
    assert_eq!(desk.last_entry(call), 0, "its journal begins anew");
    assert_ne!(first.idempotency_key, second.idempotency_key);
}

#[test]
fn a_shell_that_never_answers_holds_nobody_up() {
    let mut desk = Desk::new();
    let call = desk.call();
    desk.request(call, fetch(Method::Get));
    let fetch = sent(&desk)[0].fetch;
    desk.pass(999);
    assert_eq!(desk.reply(call), None);
    desk.pass(1);
    assert_eq!(desk.reply(call), Some(Reply::FetchFailed(FetchError::Timeout)));
    desk.taken();
    desk.give(Input::Fetched { fetch, result: Ok(response(200)) });
    assert!(desk.taken().is_empty(), "too late");
}

#[test]
fn who_hangs_up_meanwhile_ends_the_call_and_hears_nothing_of_the_answer() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, fetch(Method::Post));
    let fetch = sent(&desk)[0].fetch;
    desk.hang_up(call.leg);
    assert_eq!(desk.reply(call), Some(failed(ContactError::Ended)));
    desk.returns(call, FlowEnd::Completed);
    assert_eq!(desk.board.poll_timeout(), None);
    desk.taken();
    desk.give(Input::Fetched { fetch, result: Ok(response(200)) });
    assert!(desk.taken().is_empty() && desk.board.fetches.is_empty());
}

#[test]
fn what_a_server_answers_is_bounded() {
    let mut desk = Desk::new();
    let call = desk.call();
    let mut answered = |result| {
        desk.request(call, fetch(Method::Get));
        let fetch = sent(&desk)[0].fetch;
        desk.give(Input::Fetched { fetch, result });
        desk.reply(call).unwrap()
    };
    let large = FetchResponse { body: vec![0; 131_073], ..response(200) };
    assert_eq!(answered(Ok(large)), Reply::FetchFailed(FetchError::TooLarge));
    let Reply::FetchFailed(FetchError::Other(text)) = answered(Err(FetchError::Other("ä".repeat(1 << 20)))) else {
        panic!()
    };
    assert_eq!(text.len(), 1024);
}

#[test]
fn more_than_there_may_be_are_busy_until_their_time_is_over() {
    let mut desk = Desk::new();
    let call = desk.call();
    let until = desk.now.plus_ms(5_000);
    let under_way = crate::board::fetches::UnderWay::for_test(ContactId(1), until);
    desk.board.fetches = (1..=4096).map(|at| (FetchId(at << 32), under_way)).collect();
    assert_eq!(desk.request(call, fetch(Method::Get)), Some(Reply::FetchFailed(FetchError::Busy)));
    desk.pass(5_000);
    assert_eq!(desk.request(call, fetch(Method::Get)), None, "nobody will hear of the others any more");
    assert_eq!(desk.board.fetches.len(), 1);
}

#[test]
fn what_is_out_of_bounds_is_never_sent() {
    let mut desk = Desk::new();
    let call = desk.call();
    let request = FetchRequest { url: "ftp://crm.example/".into(), ..request(Method::Post) };
    let reply = desk.request(call, Request::Fetch { request, timeout_ms: 1_000 });
    assert!(matches!(reply, Some(Reply::Failed(ContactError::Invalid(_)))), "{reply:?}");
    assert!(sent(&desk).is_empty());
}

#[test]
fn rule_13_and_17_nobody_goes_over_or_sleeps_meanwhile() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    desk.request(call, fetch(Method::Post));
    let fetch = sent(&desk)[0].fetch;
    let second =
        Deployment { migration: crate::config::MigrationPolicy::Migrate, ..deployment("reception", World::Flow, 2) };
    desk.give(Input::PutDeployment(second));
    desk.give(Input::Hibernate { idle_ms: 0, at_most: 9 });
    assert!(desk.rehearsals().is_empty() && desk.board.asleep() == 0);
    desk.give(Input::Fetched { fetch, result: Ok(response(200)) });
    desk.request(call, Request::Pause { duration_ms: 60_000 });
    assert_eq!(desk.rehearsals().len(), 1);
    assert_eq!(sent(&desk).len(), 0);
}
