//! A flow for tests that makes every call of the contract once, and reports each answer as an attribute. Small: it is kept,
//! compiled, for each released version of the contract. Never deployed.

#![allow(unsafe_code, reason = "the generated bindings")]
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the exports use it"))]

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, clippy::expect_used)]
#[allow(clippy::indexing_slicing, clippy::panic)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../../wit/flow/0.2.0", world: "cordboard:flow/flow", generate_all });
}

use bindings::cordboard::flow::conversation::Contact;
use bindings::cordboard::flow::types::{
    Choice, ConfigValue, EndReason, FetchRequest, HeaderValue, LookupKey, Method, PromptPart, Question, QueueRequest,
    RejectCause, RequestHeader, Treatment, TypeAhead,
};

struct Probe;

// A native linker doesn't take the names of the exports.
#[cfg(target_arch = "wasm32")]
bindings::export!(Probe with_types_in bindings);

impl bindings::exports::cordboard::flow::guest::Guest for Probe {
    fn run(contact: Contact) -> Result<EndReason, String> {
        tour(&contact)
    }
}

fn report(contact: &Contact, name: &str, value: &impl std::fmt::Debug) -> Result<(), String> {
    contact.set_attribute(name, &format!("{value:?}")).map_err(|error| format!("{error:?}"))
}

fn question() -> Question {
    let choice = |id: &str, key: &str| Choice { id: id.into(), key: Some(key.into()), words: vec![id.into()] };
    Question {
        id: "main-menu".into(),
        prompt: vec![PromptPart::Text("press one".into()), PromptPart::Number(5), PromptPart::PauseMs(100)],
        choices: vec![choice("sales", "1"), choice("agent", "0")],
        digits: None,
        silence_timeout_ms: 5000,
        key_timeout_ms: 2000,
        type_ahead: TypeAhead::Keep,
        secret: false,
    }
}

fn request() -> FetchRequest {
    let token = ConfigValue { prefix: "Bearer ".into(), key: "token".into() };
    let header = |name: &str, value| RequestHeader { name: name.into(), value };
    FetchRequest {
        method: Method::Post,
        url: "https://crm.example/notes".into(),
        headers: vec![
            header("Accept", HeaderValue::Text("text/plain".into())),
            header("Authorization", HeaderValue::Config(token)),
        ],
        body: Some(b"called".to_vec()),
        wanted_headers: vec!["Location".into()],
    }
}

/// Every call of the contract but those that end the run, each answer reported.
fn tour(contact: &Contact) -> Result<EndReason, String> {
    let said = || vec![PromptPart::Text("hello".into()), PromptPart::Digits("42".into())];
    report(contact, "attribute", &contact.attribute("tier"))?;
    report(contact, "ring", &contact.ring())?;
    report(contact, "answer", &contact.answer())?;
    report(contact, "say", &contact.say(&said()))?;
    report(contact, "start", &contact.start_playing(&said(), true))?;
    let key = LookupKey { directory: Some("bank".into()), kind: "phone".into(), value: "+1".into() };
    report(contact, "lookup", &contact.lookup(&key, 1000))?;
    report(contact, "fetch", &contact.fetch(&request(), 1000))?;
    report(contact, "load", &contact.load("runs"))?;
    report(contact, "store", &contact.store("runs", Some("1")))?;
    report(contact, "stop", &contact.stop_playing())?;
    report(contact, "ask", &contact.ask(&question()))?;
    report(contact, "pause", &contact.pause(500))?;
    report(contact, "choose", &contact.choose("wording", &[1, 3]))?;
    let request = QueueRequest { queue: "support".into(), priority: 5, skills: Vec::new() };
    let place = contact.enqueue(&request).map_err(|error| format!("{error:?}"))?;
    let treatment = Treatment { music: Some("ring".into()), announce_position_every_ms: 30_000 };
    report(contact, "wait-with", &place.wait_with(&treatment, 60_000))?;
    report(contact, "wait", &place.wait(60_000))?;
    place.leave();
    report(contact, "continue-as", &contact.continue_as("other", &[]))?;
    report(contact, "redirect", &contact.redirect("sip:a@b"))?;
    report(contact, "reject", &contact.reject(RejectCause::Busy))?;
    contact.end(&EndReason::Completed);
    Ok(EndReason::Other("toured".into()))
}
