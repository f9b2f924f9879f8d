//! A flow for tests that sends requests: the number dialled says what, the configuration's `base` where to. Built for
//! version 0.2.0 of the contract, with the tour of `probe-flow`, which is built for 0.1.0. Never deployed.

#![allow(unsafe_code, reason = "the generated bindings")]
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the exports use it"))]

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, clippy::expect_used)]
#[allow(clippy::indexing_slicing, clippy::panic)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../../wit/flow/0.2.0", world: "cordboard:flow/flow", generate_all });
}

#[path = "../../probe-flow/src/tour.rs"]
mod tour;

use bindings::cordboard::flow::conversation::Contact;
use bindings::cordboard::flow::types::{
    Choice, ConfigValue, EndReason, FetchError, FetchRequest, FetchResponse, HeaderValue, Method, PromptPart, Question,
    RequestHeader, TypeAhead,
};
use bindings::wasi::config::store;
use std::hint::black_box;

struct Probe;

// A native linker doesn't take the names of the exports.
#[cfg(target_arch = "wasm32")]
bindings::export!(Probe with_types_in bindings);

impl bindings::exports::cordboard::flow::guest::Guest for Probe {
    fn run(contact: Contact) -> Result<EndReason, String> {
        let behaviour = contact.dialled().number.unwrap_or_default();
        if let Some(what) = behaviour.strip_prefix("bad-") {
            return bad(&contact, what);
        }
        match behaviour.split_once('-') {
            Some(("tour", _)) => tour::run(&contact, &behaviour),
            Some(("order", stop)) => order(&contact, stop),
            Some(("twice", path)) => twice(&contact, path),
            Some((method, path)) => {
                let done = fetch(&contact, &request(method, path));
                report(&contact, "fetched", &done)?;
                Ok(EndReason::Other(told(&done)))
            }
            None => Err(format!("`{behaviour}` is no behaviour")),
        }
    }
}

fn configured(key: &str, default: &str) -> String {
    store::get(key).ok().flatten().unwrap_or_else(|| default.into())
}

fn header(name: &str, value: &str) -> RequestHeader {
    RequestHeader { name: name.into(), value: HeaderValue::Text(value.into()) }
}

/// A request with a secret from the configuration, if it has one.
fn request(method: &str, path: &str) -> FetchRequest {
    let method = match method {
        "get" => Method::Get,
        "head" => Method::Head,
        "post" => Method::Post,
        "put" => Method::Put,
        "patch" => Method::Patch,
        "delete" => Method::Delete,
        other => Method::Other(other.to_ascii_uppercase()),
    };
    let reads = matches!(method, Method::Get | Method::Head);
    let mut headers = vec![header("Accept", "application/json")];
    if !configured("token", "").is_empty() {
        let value = ConfigValue { prefix: "Bearer ".into(), key: "token".into() };
        headers.push(RequestHeader { name: "Authorization".into(), value: HeaderValue::Config(value) });
    }
    FetchRequest {
        method,
        url: format!("{}/{path}", configured("base", "http://127.0.0.1:9")),
        headers,
        body: (!reads).then(|| b"{\"what\":\"a cord\"}".to_vec()),
        wanted_headers: vec!["Location".into(), "X-Answer".into()],
    }
}

fn fetch(contact: &Contact, request: &FetchRequest) -> Result<FetchResponse, FetchError> {
    contact.fetch(request, configured("timeout-ms", "3000").parse().unwrap_or(3000))
}

fn told(done: &Result<FetchResponse, FetchError>) -> String {
    match done {
        Ok(response) => {
            let body = String::from_utf8_lossy(response.body.get(..64.min(response.body.len())).unwrap_or_default());
            let headers = response.headers.iter().map(|header| format!(" {}={}", header.name, header.value));
            format!("{}{} {} {body}", response.status, headers.collect::<String>(), response.body.len())
        }
        Err(error) => format!("{error:?}"),
    }
}

fn report(contact: &Contact, name: &str, done: &Result<FetchResponse, FetchError>) -> Result<(), String> {
    contact.set_attribute(name, &told(done)).map_err(|error| format!("{error:?}"))
}

/// Orders a cord, asks for it, and then goes on as the tour does: it stops there.
fn order(contact: &Contact, stop: &str) -> Result<EndReason, String> {
    let ordered = fetch(contact, &request("post", "orders"));
    report(contact, "ordered", &ordered)?;
    let place = ordered.ok().and_then(|response| response.headers.into_iter().find(|header| header.name == "location"));
    let path = place.map_or_else(|| "none".into(), |header| header.value.trim_start_matches('/').to_owned());
    report(contact, "order", &fetch(contact, &request("get", &path)))?;
    tour::run(contact, &format!("tour-{stop}"))
}

/// Reads the same twice, the second time when a key was pressed.
fn twice(contact: &Contact, path: &str) -> Result<EndReason, String> {
    report(contact, "first", &fetch(contact, &request("get", path)))?;
    let question = Question {
        id: "again".into(),
        prompt: vec![PromptPart::PauseMs(100)],
        choices: vec![Choice { id: "yes".into(), key: Some("1".into()), words: vec![] }],
        digits: None,
        silence_timeout_ms: 60_000,
        key_timeout_ms: 2_000,
        type_ahead: TypeAhead::Keep,
        secret: false,
    };
    contact.ask(&question).map_err(|error| format!("{error:?}"))?;
    report(contact, "second", &fetch(contact, &request("get", path)))?;
    Ok(EndReason::Completed)
}

/// What no host sends.
fn bad(contact: &Contact, what: &str) -> Result<EndReason, String> {
    let mut bad = request("post", "bad");
    match what {
        "secret" => bad.headers = vec![header("authorization", "Bearer of-the-flow")],
        "host" => bad.headers = vec![header("host", "other.example")],
        "split" => bad.headers = vec![header("x-a", "1\r\nx-b: 2")],
        "body" => bad.body = Some(vec![b'x'; (64 << 10) + 1]),
        "huge" => bad.body = Some(vec![b'x'; 3 << 20]),
        "headers" => bad.headers = (0..33).map(|at| header(&format!("x-{at}"), "1")).collect(),
        "config" => {
            let value = ConfigValue { prefix: String::new(), key: "nowhere".into() };
            bad.headers = vec![RequestHeader { name: "x-key".into(), value: HeaderValue::Config(value) }];
        }
        url => bad.url = format!("{url}://127.0.0.1/"),
    }
    Ok(EndReason::Other(told(&fetch(contact, &bad))))
}

/// For the tour's modes.
fn spin() -> u64 {
    let mut count: u64 = 0;
    loop {
        count = black_box(count.wrapping_add(1));
        if count == u64::MAX {
            return count;
        }
    }
}

fn allocate() -> u64 {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    while kept.len() < 1 << 20 {
        kept.push(black_box(vec![1; 1 << 20]));
    }
    0
}

#[allow(clippy::panic, reason = "what it is for")]
fn trap_here() -> u64 {
    panic!("a probe traps")
}
