//! A crm plugin for tests: it asks whatever the key says. Never deployed.
//!
//! The key's kind is a behaviour, its value a URL without its scheme, `host:port/path`.

#![allow(unsafe_code, reason = "the generated bindings")]
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the exports use it"))]

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, clippy::expect_used)]
#[allow(clippy::indexing_slicing, clippy::panic)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../../wit/crm/0.1.0", world: "cordboard:crm/crm", generate_all });
}

use bindings::cordboard::crm::types::{Field, Key, LookupError, Profile};
use bindings::wasi::http::outgoing_handler;
use bindings::wasi::http::types::{Fields, IncomingBody, OutgoingRequest, Scheme};
use bindings::wasi::io::streams::StreamError;

struct Probe;

// A native linker doesn't take the names of the exports.
#[cfg(target_arch = "wasm32")]
bindings::export!(Probe with_types_in bindings);

impl bindings::exports::cordboard::crm::guest::Guest for Probe {
    fn lookup(key: Key, _: u32) -> Result<Option<Profile>, LookupError> {
        match key.kind.as_str() {
            "get" => found(get(&key.value, Scheme::Http)?),
            "https" => found(get(&key.value, Scheme::Https)?),
            "many" => {
                for _ in 0..100 {
                    get(&key.value, Scheme::Http)?;
                }
                Ok(None)
            }
            "fields" => {
                let field = |number: u32| Field { name: number.to_string(), value: String::new() };
                Ok(Some(Profile { id: "x".into(), display_name: None, fields: (0..1000).map(field).collect() }))
            }
            "huge" => {
                let field = |number: u32| Field { name: number.to_string(), value: "x".repeat(20 << 10) };
                Ok(Some(Profile { id: "x".into(), display_name: None, fields: (0..512).map(field).collect() }))
            }
            "huge-error" => Err(LookupError::Unavailable("x".repeat(1 << 20))),
            "trap" => trap(),
            "loop" => loop {
                std::hint::black_box(&key);
            },
            other => Err(LookupError::Unsupported(other.into())),
        }
    }
}

#[allow(clippy::panic, reason = "what it is for")]
fn trap() -> Result<Option<Profile>, LookupError> {
    panic!("a probe traps")
}

fn found((status, body): (u16, Vec<u8>)) -> Result<Option<Profile>, LookupError> {
    match status {
        200 => {
            let id = String::from_utf8_lossy(&body).into_owned();
            Ok(Some(Profile { id, display_name: Some("Ada".into()), fields: Vec::new() }))
        }
        404 => Ok(None),
        other => Err(LookupError::Unavailable(format!("status {other}"))),
    }
}

fn unavailable(what: &str, why: &impl std::fmt::Debug) -> LookupError {
    LookupError::Unavailable(format!("{what}: {why:?}"))
}

fn get(url: &str, scheme: Scheme) -> Result<(u16, Vec<u8>), LookupError> {
    let (authority, path) = url.split_at(url.find('/').unwrap_or(url.len()));
    let request = OutgoingRequest::new(Fields::new());
    let _ = request.set_scheme(Some(&scheme));
    let _ = request.set_authority(Some(authority));
    let _ = request.set_path_with_query(Some(path));
    let pending = outgoing_handler::handle(request, None).map_err(|error| unavailable("refused", &error))?;
    pending.subscribe().block();
    let response = match pending.get() {
        Some(Ok(Ok(response))) => response,
        other => return Err(unavailable("no response", &other)),
    };
    let status = response.status();
    let body = response.consume().map_err(|()| unavailable("no body", &()))?;
    let bytes = read(&body)?;
    drop(IncomingBody::finish(body));
    Ok((status, bytes))
}

fn read(body: &IncomingBody) -> Result<Vec<u8>, LookupError> {
    let stream = body.stream().map_err(|()| unavailable("no stream", &()))?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(more) => bytes.extend(more),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(unavailable("the body broke off", &error.to_debug_string()));
            }
        }
    }
}
