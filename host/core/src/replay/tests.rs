use super::*;
use crate::flow::{
    Choice, DigitsRule, FetchError, FetchRequest, FetchResponse, FlowEnd, HeaderValue, LookupKey, Method, Place,
    Prompt, PromptPart, Question, QueueRequest, TypeAhead, WaitStatus,
};
use crate::journal::External;

fn text(words: &str) -> Prompt {
    Prompt(vec![PromptPart::Text(words.into())])
}

fn question(keys: &[(char, &str)], digits: Option<(u8, u8)>) -> Question {
    Question {
        id: "menu".into(),
        prompt: text("?"),
        choices: keys.iter().map(|(key, id)| Choice { id: (*id).into(), key: Some(*key), words: vec![] }).collect(),
        digits: digits.map(|(min, max)| DigitsRule { min, max, terminator: Some('#') }),
        silence_timeout_ms: 5_000,
        key_timeout_ms: 2_000,
        type_ahead: TypeAhead::Keep,
        secret: false,
    }
}

fn menu(keys: &[(char, &str)]) -> Request {
    Request::Ask(question(keys, None))
}

fn typed(digits: (u8, u8)) -> Request {
    Request::Ask(question(&[], Some(digits)))
}

fn chose(id: &str) -> Reply {
    Reply::Answer(Answer::Choice(id.into()))
}

fn lookup(value: &str, timeout_ms: u32) -> Request {
    Request::Lookup { key: LookupKey { directory: None, kind: "phone".into(), value: value.into() }, timeout_ms }
}

fn enqueue(priority: i32) -> Request {
    Request::Enqueue(QueueRequest { queue: "q".into(), priority, skills: vec![] })
}

fn wait(waiting: u64, timeout_ms: u32) -> Request {
    Request::Wait { waiting, treatment: None, timeout_ms }
}

#[test]
fn rule_11_answered_calls_agree_as_the_table_says() {
    let done = Reply::Done;
    let two = [('1', "balance"), ('2', "agent")];
    let swapped = [('2', "balance"), ('1', "agent")];
    let more = [('1', "balance"), ('2', "agent"), ('3', "card")];
    let digits = |typed: &str| Reply::Answer(Answer::Digits(typed.into()));
    let none = |typed: &str| Reply::Answer(Answer::NoMatch(typed.into()));
    let invalid = Reply::Failed(ContactError::Invalid("?".into()));
    let set = |value: &str| Request::SetAttribute("a".into(), value.into());
    let draw = |name: &str, weights: &[u32]| Request::Choose { name: name.into(), weights: weights.into() };
    for (recorded, reply, got, expected) in [
        (Request::Say(text("a")), &done, Request::Say(text("b")), true),
        (Request::Say(text("a")), &invalid, Request::Say(text("b")), false),
        (Request::Say(text("a")), &invalid, Request::Say(text("a")), true),
        (Request::Say(text("a")), &done, Request::Pause { duration_ms: 1 }, false),
        (Request::Pause { duration_ms: 9 }, &done, Request::Pause { duration_ms: 1 }, true),
        (menu(&two), &chose("agent"), menu(&two), true),
        (menu(&two), &chose("agent"), menu(&more), true),
        (menu(&two), &chose("agent"), menu(&swapped), false),
        (menu(&two), &chose("agent"), menu(&[('2', "agent")]), true),
        (menu(&two), &chose("agent"), menu(&[('2', "human")]), false),
        (menu(&two), &chose("card"), menu(&more), true),
        (menu(&two), &none("3"), menu(&two), true),
        (menu(&two), &none("3"), menu(&more), false),
        (menu(&two), &Reply::Answer(Answer::Silence), menu(&swapped), true),
        (menu(&two), &Reply::Failed(ContactError::Ended), menu(&swapped), true),
        (typed((4, 6)), &digits("1234"), typed((4, 8)), true),
        (typed((4, 6)), &digits("1234"), typed((5, 6)), false),
        (typed((4, 6)), &digits("123456"), typed((4, 5)), false),
        (typed((4, 6)), &Reply::Answer(Answer::SecretDigits(4)), typed((4, 6)), true),
        (typed((4, 6)), &Reply::Answer(Answer::SecretDigits(4)), typed((6, 6)), false),
        (lookup("1", 500), &Reply::Profile(None), lookup("1", 900), true),
        (lookup("1", 500), &Reply::Profile(None), lookup("2", 500), false),
        (set("1"), &done, set("1"), true),
        (set("1"), &done, set("2"), false),
        (Request::Attribute("a".into()), &Reply::Attribute(None), Request::Attribute("b".into()), false),
        (draw("x", &[1, 1]), &Reply::Chosen(0), draw("x", &[9, 1]), true),
        (draw("x", &[1, 1]), &Reply::Chosen(0), draw("x", &[1, 1, 1]), false),
        (draw("x", &[1, 1]), &Reply::Chosen(0), draw("y", &[1, 1]), false),
        (Request::LoadValue("a".into()), &Reply::Value(None), Request::LoadValue("a".into()), true),
        (Request::LoadValue("a".into()), &Reply::Value(None), Request::LoadValue("b".into()), false),
        (Request::StoreValue("a".into(), None), &done, Request::StoreValue("a".into(), Some("1".into())), false),
        (enqueue(0), &Reply::Enqueued, enqueue(0), true),
        (enqueue(0), &Reply::Enqueued, enqueue(1), false),
        (wait(4, 100), &done, wait(4, 900), true),
        (wait(4, 100), &done, wait(5, 100), false),
        (Request::End(FlowEnd::Completed), &done, Request::End(FlowEnd::Failed("x".into())), false),
    ] {
        assert_eq!(agrees(&recorded, reply, &got), expected, "{recorded:?} {reply:?} {got:?}");
    }
}

#[test]
fn rule_11_what_two_requests_differ_in_is_told_in_short_and_without_secrets() {
    let (one, other) = (fetch(|_| ()), fetch(|request| request.body = Some(b"{ }".to_vec())));
    assert_ne!(in_words(&one), in_words(&other), "of two bodies as long as each other");
    let prefixed = fetch(|request| {
        request.headers = vec![("x".into(), HeaderValue::Config { prefix: "Basic ".into(), key: "token".into() })];
    });
    assert_ne!(in_words(&one), in_words(&prefixed));
    let long = fetch(|request| request.method = Method::Other("A".repeat(1 << 20)));
    assert!(in_words(&long).len() < 2000, "whatever it is");
    let secret = fetch(|request| {
        request.url = "https://me:hush-hush@shop.example/a@b?c".into();
        request.headers = vec![("Authorization".into(), HeaderValue::Text("Bearer hush-hush".into()))];
    });
    let Request::Fetch { request, timeout_ms } = secret else { panic!("a request") };
    let told = request.clone().without_secrets();
    assert_eq!(told.url, "https://@shop.example/a@b?c");
    assert!(!format!("{told:?}").contains("hush"), "{told:?}");
    let refused = |request| crate::flow::check(&Request::Fetch { request, timeout_ms }).is_err();
    assert!(refused(request) && refused(told), "it is refused as before");
}

fn fetch(change: impl FnOnce(&mut FetchRequest)) -> Request {
    let token = HeaderValue::Config { prefix: "Bearer ".into(), key: "token".into() };
    let mut request = FetchRequest {
        method: Method::Post,
        url: "https://crm.example/notes?secret=7".into(),
        headers: vec![("authorization".into(), token)],
        body: Some(b"{}".to_vec()),
        wanted_headers: vec!["location".into()],
    };
    change(&mut request);
    Request::Fetch { request, timeout_ms: 1_000 }
}

#[test]
fn rule_11_a_request_to_a_place_outside_agrees_if_it_is_the_same() {
    let fetched = Reply::Fetched(FetchResponse::default());
    let recorded = fetch(|_| ());
    let Request::Fetch { request, .. } = recorded.clone() else { panic!() };
    let later = Request::Fetch { request, timeout_ms: 9_000 };
    for reply in [&fetched, &Reply::FetchFailed(FetchError::NotGranted), &Reply::Failed(ContactError::Ended)] {
        assert!(agrees(&recorded, reply, &recorded) && agrees(&recorded, reply, &later));
        let another = |key: &str| HeaderValue::Config { prefix: "Bearer ".into(), key: key.into() };
        for other in [
            fetch(|request| request.method = Method::Put),
            fetch(|request| request.url.push('1')),
            fetch(|request| request.headers.clear()),
            fetch(|request| request.headers[0].1 = another("other")),
            fetch(|request| request.body = Some(b"{ }".to_vec())),
            fetch(|request| request.body = None),
            fetch(|request| request.wanted_headers.clear()),
            lookup("1", 500),
        ] {
            assert!(!agrees(&recorded, reply, &other), "{other:?}");
            assert_eq!(pending(&recorded, &other), Pending::Diverges);
        }
    }
    assert_eq!(pending(&recorded, &later), Pending::Agrees);
    assert_eq!(
        in_words(&recorded),
        "fetch POST https://crm.example/notes?secret=7 (2 bytes, headers authorization `Bearer ` and token, wanted location, digest a968ff9b)"
    );
}

#[test]
fn rule_11_a_secret_stays_one() {
    let open = typed((4, 4));
    let Request::Ask(question) = &open else { panic!("a question") };
    let secret = Request::Ask(Question { secret: true, ..question.clone() });
    let digits = Reply::Answer(Answer::Digits("1234".into()));
    assert!(agrees(&secret, &digits, &secret));
    assert!(!agrees(&secret, &digits, &open) && !agrees(&open, &digits, &secret));
    assert!(agrees(&secret, &Reply::Answer(Answer::NoMatch("**".into())), &secret));
}

#[test]
fn rule_11_a_pending_question_keeps_what_was_heard() {
    let heard = [('1', "balance"), ('2', "agent")];
    for (got, expected) in [
        (menu(&heard), Pending::Agrees),
        (menu(&[('2', "agent"), ('1', "balance"), ('9', "more")]), Pending::Agrees),
        (menu(&[('1', "agent"), ('2', "balance")]), Pending::AsksAnew),
        (menu(&[('1', "balance")]), Pending::AsksAnew),
        (Request::Ask(question(&heard, Some((1, 4)))), Pending::AsksAnew),
        (Request::Ask(Question { secret: true, ..question(&heard, None) }), Pending::AsksAnew),
        (Request::Ask(Question { id: String::new(), ..question(&heard, None) }), Pending::Diverges),
        (Request::Say(text("x")), Pending::Diverges),
    ] {
        assert_eq!(pending(&menu(&heard), &got), expected, "{got:?}");
    }
    assert_eq!(pending(&wait(3, 100), &wait(3, 900)), Pending::Agrees);
    assert_eq!(pending(&wait(3, 100), &wait(4, 100)), Pending::Diverges);
    assert_eq!(pending(&Request::Say(text("x")), &Request::Say(text("y"))), Pending::Agrees);
    assert_eq!(pending(&Request::Say(text("x")), &Request::Say(Prompt(vec![]))), Pending::Diverges);
}

fn call(at: u64, request: Request, reply: Option<Reply>) -> Arc<Entry> {
    let outcome = reply.map(|reply| (Timestamp(at + 5), reply, None));
    Arc::new(Entry::Call { at: Timestamp(at), request, outcome })
}

#[test]
fn a_journal_is_gone_through_call_by_call() {
    let answered = Arc::new(Entry::External { at: Timestamp(25), act: External::HungUp });
    let entries: Entries = [
        call(10, Request::Say(text("hello")), Some(Reply::Done)),
        answered,
        call(20, Request::Attribute("a".into()), Some(Reply::Attribute(None))),
        call(30, menu(&[('1', "one")]), None),
    ]
    .into();
    let mut past = Past::new(entries.clone(), false);
    let returned = |entry, at, reply| Step::Returned { entry, at: Timestamp(at), reply };
    assert_eq!(past.call(&Request::Say(text("other words"))), returned(0, 15, Reply::Done));
    assert_eq!(past.call(&Request::Attribute("a".into())), returned(2, 25, Reply::Attribute(None)));
    assert_eq!(past.ended("returns").unwrap().entry, 3);
    assert_eq!(past.call(&menu(&[('1', "one"), ('2', "two")])), Step::Pending { entry: 3 });
    // Rule 14: answered meanwhile, it goes on over what is new.
    let mut longer = entries.to_vec();
    longer[3] = call(30, menu(&[('1', "one")]), Some(chose("one")));
    past.go_on(longer.into());
    assert_eq!(past.call(&menu(&[('1', "one"), ('2', "two")])), returned(3, 35, chose("one")));
    assert_eq!(past.call(&Request::Say(text("new"))), Step::Live);
    assert_eq!((past.reached(), past.ended("returns")), (4, None));
}

#[test]
fn a_divergence_says_where_and_what() {
    let mut past = Past::new([call(1, menu(&[('1', "balance")]), Some(chose("balance")))].into(), false);
    let Step::Diverged(divergence) = past.call(&menu(&[('1', "agent")])) else { panic!("it diverges") };
    assert_eq!(
        divergence.to_string(),
        "entry 0: expected ask menu (1 → balance), got ask menu (1 → agent)",
        "{divergence:?}"
    );
}

#[test]
fn rule_11_a_deployment_may_ask_anew() {
    let entries: Entries = [call(1, menu(&[('1', "balance")]), None)].into();
    let swapped = menu(&[('1', "agent")]);
    assert_eq!(Past::new(entries.clone(), true).call(&swapped), Step::Pending { entry: 0 });
    assert!(matches!(Past::new(entries, false).call(&swapped), Step::Diverged(_)));
}

#[test]
fn rule_20_an_unknown_secret_is_replaced_by_zeros_and_counted() {
    let secret = Request::Ask(Question { secret: true, ..question(&[], Some((4, 4))) });
    let kept = Reply::Answer(Answer::SecretDigits(4));
    let mut past = Past::new([call(1, secret.clone(), Some(kept))].into(), false);
    let told = Reply::Answer(Answer::Digits("0000".into()));
    assert_eq!(past.call(&secret), Step::Returned { entry: 0, at: Timestamp(6), reply: told });
    assert_eq!(past.substituted(), 1);
}

#[test]
fn a_call_that_was_too_large_fails_again() {
    let place = Place { position: 1, waiting: 1, estimate_ms: None, waited_ms: 0 };
    let still = Reply::Waited(WaitStatus::StillWaiting(place));
    let mut past =
        Past::new([call(1, wait(0, 100), Some(still)), call(9, wait(0, 100), Some(Reply::Done))].into(), false);
    assert!(matches!(past.call(&wait(0, 100)), Step::Returned { entry: 0, .. }));
    let huge = Request::SetAttribute("a".into(), "x".repeat(2 << 20));
    let Step::Returned { entry: 0, at: Timestamp(6), reply: Reply::Failed(ContactError::Invalid(text)) } =
        past.call(&huge)
    else {
        panic!("it fails as it did")
    };
    assert!(text.contains("the limit is"), "{text}");
    assert!(matches!(past.call(&wait(0, 100)), Step::Returned { entry: 1, .. }));
}
