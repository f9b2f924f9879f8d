//! Requests to places outside, and what came of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cordboard_core::flow::{FetchError, FetchRequest, FetchResponse, HeaderValue};
use serde_json::{Value, json};

pub(super) fn request(request: &FetchRequest, timeout_ms: u32) -> Value {
    let headers = request.headers.iter().map(|(name, value)| match value {
        HeaderValue::Text(text) => json!({ "name": name, "value": text }),
        HeaderValue::Config { prefix, key } => json!({ "name": name, "prefix": prefix, "config": key }),
    });
    json!({
        "method": request.method.as_str(),
        "url": request.url,
        "headers": headers.collect::<Vec<_>>(),
        "body": request.body.as_deref().map(body),
        "wanted_headers": request.wanted_headers,
        "timeout_ms": timeout_ms,
    })
}

pub(super) fn response(response: &FetchResponse) -> Value {
    let headers = response.headers.iter().map(|(name, value)| json!({ "name": name, "value": value }));
    json!({
        "status": response.status,
        "headers": headers.collect::<Vec<_>>(),
        "body": body(&response.body),
    })
}

/// Text where it is some, which people can read.
fn body(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

pub(super) fn error(error: &FetchError) -> Value {
    json!({ "error": error.code(), "detail": error.detail() })
}
