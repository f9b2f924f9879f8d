//! Requests of flows: what is sent where, with which secrets, and never in a replay.

use crate::common::web::{Web, response};
use crate::common::{BEGIN, Run, agreeable, granted, host, spec, spec_with_egress, start, version};
use cordboard_core::board::Rehearsal;
use cordboard_core::flow::{
    Answer, ContactError, FetchError, FetchRequest, FetchResponse, HeaderValue, Method, Reply, Request, RunEnd,
};
use cordboard_core::ids::Version;
use cordboard_core::journal::Entry;
use cordboard_plugin::{EgressBounds, EgressRule, FetchOrder, FlowStart, Grants, LoadError, PluginHost, Scheme};
use std::sync::Arc;
use std::time::Duration;

pub(crate) type Fetched = Result<FetchResponse, FetchError>;

pub(crate) fn rule(port: u16) -> EgressRule {
    let methods = ["GET", "HEAD", "POST", "DELETE", "OPTIONS"].map(String::from).into();
    EgressRule { scheme: Scheme::Http, host: "127.0.0.1".into(), port, methods, private: true }
}

/// A probe that may send requests to `web` alone, and has a secret.
pub(crate) async fn probe(web: &Web) -> (PluginHost, Version) {
    let (host, version) = (host(), version("probe-fetch"));
    let base = format!("http://127.0.0.1:{}", web.port);
    let config = [("base", base.as_str()), ("token", "hush-hush"), ("split", "a\r\nb: c")];
    host.load(version, spec_with_egress("probe-fetch", &config, &[rule(web.port)])).await.unwrap();
    (host, version)
}

pub(crate) fn order(method: Method, port: u16, path: &str) -> FetchOrder {
    let acts = method.acts();
    let request = FetchRequest {
        method,
        url: format!("http://127.0.0.1:{port}{path}"),
        headers: vec![("authorization".into(), HeaderValue::Config { prefix: "Bearer ".into(), key: "token".into() })],
        body: acts.then(|| b"a cord".to_vec()),
        wanted_headers: vec!["location".into(), "x-answer".into()],
    };
    FetchOrder { request, idempotency_key: acts.then(|| "contact-7".into()), timeout: Duration::from_secs(30) }
}

async fn shop() -> Web {
    Web::start(|path| {
        Some(match path {
            "/orders" => {
                b"HTTP/1.1 201 Created\r\nLocation: /orders/1\r\nSet-Cookie: a=b\r\nX-Answer: one\r\nx-answer: \xfftwo\r\n\
                  content-length: 2\r\n\r\nok"
                    .to_vec()
            }
            "/orders/1" => response("200 OK", b"a cord"),
            _ => response("404 Not Found", b"nothing"),
        })
    })
    .await
}

#[tokio::test]
async fn a_flow_says_what_it_sends_and_is_told_what_came() {
    let (host, version) = (host(), version("probe-fetch"));
    let config = [("base", "https://crm.example"), ("token", "hush-hush"), ("timeout-ms", "1500")];
    host.load(version, spec("probe-fetch", &config)).await.unwrap();
    let text = || String::from("x");
    let headers = vec![("location".into(), "/orders/1".into())];
    let fetched = Reply::Fetched(FetchResponse { status: 201, headers, body: b"\xffok".to_vec() });
    for (reply, expected) in [
        (fetched, "201 location=/orders/1 3 \u{fffd}ok"),
        (Reply::FetchFailed(FetchError::Timeout), "FetchError::Timeout"),
        (Reply::FetchFailed(FetchError::Busy), "FetchError::Busy"),
        (Reply::FetchFailed(FetchError::NotGranted), "FetchError::NotGranted"),
        (Reply::FetchFailed(FetchError::TooLarge), "FetchError::TooLarge"),
        (Reply::FetchFailed(FetchError::UnknownOutcome), "FetchError::UnknownOutcome"),
        (Reply::FetchFailed(FetchError::Ended), "FetchError::Ended"),
        (Reply::FetchFailed(FetchError::Unavailable(text())), "FetchError::Unavailable(\"x\")"),
        (Reply::FetchFailed(FetchError::Invalid(text())), "FetchError::Invalid(\"x\")"),
        (Reply::FetchFailed(FetchError::Other(text())), "FetchError::Other(\"x\")"),
        (Reply::Failed(ContactError::Ended), "FetchError::Ended"),
        (Reply::Failed(ContactError::TakenOver), "FetchError::Ended"),
        (Reply::Failed(ContactError::Invalid(text())), "FetchError::Invalid(\"x\")"),
        (Reply::Failed(ContactError::Limit(text())), "FetchError::Other(\"x\")"),
        (Reply::Enqueued, "FetchError::Other(\"fault of the host\")"),
    ] {
        let mut run = Run::new(&host, version, start("post-orders", 1));
        let Request::Fetch { request, timeout_ms } = run.call().await else { panic!("it fetches") };
        let secret = HeaderValue::Config { prefix: "Bearer ".into(), key: "token".into() };
        let accept = HeaderValue::Text("application/json".into());
        let expect = FetchRequest {
            method: Method::Post,
            url: "https://crm.example/orders".into(),
            headers: vec![("accept".into(), accept), ("authorization".into(), secret)],
            body: Some(br#"{"what":"a cord"}"#.to_vec()),
            wanted_headers: vec!["location".into(), "x-answer".into()],
        };
        assert_eq!((request, timeout_ms), (expect, 1500), "names are in lower case, and no secret is in it");
        run.reply(reply);
        let ran = run.finish(agreeable).await;
        assert_eq!(ran.returned(), expected);
    }
    for (behaviour, method) in [
        ("get-a", "GET"),
        ("head-a", "HEAD"),
        ("put-a", "PUT"),
        ("patch-a", "PATCH"),
        ("delete-a", "DELETE"),
        ("options-a", "OPTIONS"),
    ] {
        let mut run = Run::new(&host, version, start(behaviour, 2));
        let Request::Fetch { request, .. } = run.call().await else { panic!("it fetches") };
        assert_eq!((request.method.as_str(), request.body.is_some()), (method, request.method.acts()));
    }
}

#[tokio::test]
async fn more_than_a_call_may_hand_over_ends_the_run_and_what_is_out_of_bounds_reaches_the_board() {
    let (host, version) = (host(), version("probe-fetch"));
    host.load(version, spec("probe-fetch", &[])).await.unwrap();
    let ran = Run::new(&host, version, start("bad-huge", 1)).finish(agreeable).await;
    assert!(matches!(&ran.end, RunEnd::Limit(why) if why.contains("bytes")), "{:?}", ran.end);
    for behaviour in ["bad-secret", "bad-host", "bad-split", "bad-body", "bad-headers", "bad-ftp"] {
        let mut run = Run::new(&host, version, start(behaviour, 2));
        let refused = cordboard_core::flow::check(&run.call().await);
        assert!(refused.is_err(), "{behaviour}");
    }
}

#[tokio::test]
async fn what_is_sent_has_the_secret_the_key_and_the_host_and_what_is_told_has_what_was_wanted() {
    let web = shop().await;
    let (host, version) = probe(&web).await;
    let fetched = host.fetch(version, order(Method::Post, web.port, "/orders")).await.unwrap();
    assert_eq!((fetched.status, fetched.body.as_slice()), (201, b"ok".as_slice()));
    let headers = [("location", "/orders/1"), ("x-answer", "one"), ("x-answer", "\u{fffd}two")];
    assert_eq!(fetched.headers, headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let sent = web.latest().to_ascii_lowercase();
    let expected = [
        "post /orders http/1.1\r\n".to_owned(),
        format!("host: 127.0.0.1:{}\r\n", web.port),
        "authorization: bearer hush-hush\r\n".into(),
        "idempotency-key: contact-7\r\n".into(),
        "content-length: 6\r\n".into(),
        "\r\n\r\na cord".into(),
    ];
    assert!(expected.iter().all(|part| sent.contains(part)), "{sent}");
    let read = host.fetch(version, order(Method::Get, web.port, "/orders/1")).await.unwrap();
    assert_eq!((read.status, read.body.as_slice()), (200, b"a cord".as_slice()));
    assert!(!web.latest().contains("idempotency-key"));
    let head = host.fetch(version, order(Method::Head, web.port, "/orders/1")).await.unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0), "a length is told, and no body comes");
    let missing = host.fetch(version, order(Method::Get, web.port, "/nowhere")).await.unwrap();
    assert_eq!((missing.status, missing.body.as_slice()), (404, b"nothing".as_slice()), "an answer like any other");
    assert_eq!(web.requests(), 4);
}

#[tokio::test]
async fn what_the_configuration_lacks_or_can_not_say_is_named_and_never_shown() {
    let web = shop().await;
    let (host, version) = probe(&web).await;
    for (key, why) in [("none", "has no `none`"), ("split", "`split` can't be in a header")] {
        let mut order = order(Method::Get, web.port, "/orders/1");
        order.request.headers[0].1 = HeaderValue::Config { prefix: "Bearer ".into(), key: key.into() };
        match host.fetch(version, order).await {
            Err(FetchError::Invalid(text)) => assert!(text.contains(why) && !text.contains("b: c"), "{text}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(web.requests(), 0);
}

#[tokio::test]
async fn rule_18_what_is_granted_is_looked_up_at_each_request() {
    let (web, other) = (shop().await, shop().await);
    let (host, version) = probe(&web).await;
    let mut refusals = host.refusals().unwrap();
    let get = |port| host.fetch(version, order(Method::Get, port, "/orders/1"));
    assert!(get(web.port).await.is_ok());
    assert_eq!(get(other.port).await, Err(FetchError::NotGranted));
    let told = refusals.recv().await.unwrap();
    assert_eq!((told.version, told.capability), (version, "egress"));
    assert_eq!(told.detail, format!("GET http://127.0.0.1:{}", other.port));
    let put = host.fetch(version, order(Method::Put, web.port, "/orders/1")).await;
    assert_eq!(put, Err(FetchError::NotGranted), "the place, but not the method");
    let public = EgressRule { private: false, ..rule(web.port) };
    assert!(host.grant(version, granted(&[public])).unwrap());
    assert_eq!(get(web.port).await, Err(FetchError::NotGranted), "an address that isn't global");
    let bounds = EgressBounds { request_bytes: 5, response_bytes: 3, ..EgressBounds::default() };
    assert!(host.grant(version, Grants { bounds, ..granted(&[rule(web.port)]) }).unwrap());
    assert_eq!(get(web.port).await, Err(FetchError::TooLarge), "the operator's bound is nearer than the contract's");
    let post = host.fetch(version, order(Method::Post, web.port, "/orders")).await;
    assert!(matches!(post, Err(FetchError::Invalid(_))), "{post:?}");
    assert!(host.grant(version, Grants::default()).unwrap());
    assert_eq!(get(web.port).await, Err(FetchError::NotGranted), "taken back");
    assert_eq!((web.requests(), other.requests()), (2, 0));
}

#[tokio::test]
async fn a_flow_of_0_1_0_can_be_granted_nothing_and_sends_nothing() {
    let host = host();
    let spec = spec_with_egress("probe-flow", &[], &[rule(80)]);
    assert!(matches!(host.load(version("old"), spec).await, Err(LoadError::Egress { .. })));
    host.load(version("old"), crate::common::spec("probe-flow", &[])).await.unwrap();
    assert!(!host.grant(version("old"), granted(&[rule(80)])).unwrap());
    let sent = host.fetch(version("old"), order(Method::Get, 80, "/")).await;
    assert!(matches!(sent, Err(FetchError::Other(_))), "{sent:?}");
    let sent = host.fetch(version("nobody"), order(Method::Get, 80, "/")).await;
    assert!(matches!(sent, Err(FetchError::Other(_))), "{sent:?}");
}

/// A tour's entries up to a menu or a wait, which is pending.
async fn toured(host: &PluginHost, version: Version, behaviour: &str) -> Vec<Arc<Entry>> {
    let mut run = Run::new(host, version, start(behaviour, 1));
    let mut entries = Vec::new();
    loop {
        let request = run.call().await;
        let at = BEGIN.plus_ms(1000 * (entries.len() as u64 + 1));
        let reply = match &request {
            Request::Ask(_) | Request::Wait { .. } => None,
            Request::Fetch { request, .. } if request.method.acts() => {
                let headers = vec![("location".into(), "/orders/1".into())];
                Some(Reply::Fetched(FetchResponse { status: 201, headers, body: vec![] }))
            }
            Request::Fetch { .. } => {
                Some(Reply::Fetched(FetchResponse { status: 200, headers: vec![], body: b"x".into() }))
            }
            other => Some(agreeable(other)),
        };
        let outcome = reply.clone().map(|reply| (at, reply, None));
        entries.push(Arc::new(Entry::Call { at, request, outcome }));
        match reply {
            Some(reply) => run.reply(reply),
            None => return entries,
        }
    }
}

#[tokio::test]
async fn a_version_goes_through_what_was_fetched_without_a_request() {
    let web = shop().await;
    let (host, first) = probe(&web).await;
    let base = format!("http://127.0.0.1:{}", web.port);
    let second = version("second");
    host.load(second, spec("probe-fetch", &[("base", &base), ("token", "another"), ("mode", "more")])).await.unwrap();
    let past = toured(&host, first, "order-ask").await;
    let fetches =
        past.iter().filter(|entry| matches!(entry.as_ref(), Entry::Call { request: Request::Fetch { .. }, .. }));
    assert_eq!(fetches.count(), 2);
    let begin = |run| FlowStart { past: past.clone().into(), ..start("order-ask", run) };
    let (mut run, result) = Run::rehearse(&host, second, begin(2)).await;
    let Rehearsal::Agreed { entry, .. } = result else { panic!("{result:?}") };
    assert_eq!(entry, past.len() as u64 - 1, "another secret is no other request, and grants aren't asked");
    run.handle.take_over();
    run.answer(entry, Reply::Answer(Answer::Choice("end".into())));
    assert!(matches!(run.call().await, Request::SetAttribute(..)));

    let elsewhere = version("elsewhere");
    host.load(elsewhere, spec("probe-fetch", &[("base", "https://other.example"), ("token", "x")])).await.unwrap();
    let (_, result) = Run::rehearse(&host, elsewhere, begin(3)).await;
    let Rehearsal::Diverged(what) = result else { panic!("{result:?}") };
    assert!(what.got.contains("POST https://other.example/orders"), "{what}");
    assert_eq!(web.requests(), 0);
}

#[tokio::test]
async fn rule_12_a_flow_built_for_0_1_0_goes_over_to_one_built_for_0_2_0_and_back() {
    let host = host();
    let [old, new] = [("probe-flow", "old"), ("probe-fetch", "new")];
    for (guest, name) in [old, new] {
        host.load(version(name), spec(guest, &[])).await.unwrap();
    }
    for (from, to) in [(old, new), (new, old)] {
        for stop in ["say", "ask", "pause", "queue", "digits"] {
            let behaviour = format!("tour-{stop}");
            let mut past = toured(&host, version(from.1), &behaviour).await;
            // In the stop itself.
            past.truncate(if stop == "queue" { 4 } else { 3 });
            if let Some(Entry::Call { outcome, .. }) = past.last_mut().map(Arc::make_mut) {
                *outcome = None;
            }
            let begin = FlowStart { past: past.clone().into(), ..start(&behaviour, 2) };
            let (_, result) = Run::rehearse(&host, version(to.1), begin).await;
            assert!(matches!(result, Rehearsal::Agreed { .. }), "{} to {}, {stop}: {result:?}", from.1, to.1);
        }
    }
    let contracts: Vec<String> = host.loaded().into_iter().map(|loaded| loaded.contract).collect();
    assert!(contracts.contains(&"cordboard:flow@0.1.0".into()) && contracts.contains(&"cordboard:flow@0.2.0".into()));
}
