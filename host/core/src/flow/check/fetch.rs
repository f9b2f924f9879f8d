//! The bounds of requests to places outside, and of what comes back.

use super::{name_of, within};
use crate::flow::fetch::SECRET_HEADERS;
use crate::flow::{FetchRequest, FetchResponse, HeaderValue, Method};

const MAX_URL_BYTES: usize = 2048;
const MAX_HEADERS: usize = 32;
const MAX_NAME_BYTES: usize = 64;
const MAX_VALUE_BYTES: usize = 4 * 1024;
/// Names and values together; of a response those that were wanted.
const MAX_HEADER_BYTES: usize = 16 * 1024;
const MAX_BODY_BYTES: usize = 64 * 1024;
const MAX_WANTED: usize = 16;
const MAX_RESPONSE_BYTES: usize = 128 * 1024;

/// Headers that belong to the connection or to the host (RFC 9110 §7.6.1).
const HOSTS_OWN: [&str; 13] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) fn check(request: &FetchRequest, timeout_ms: u32) -> Result<(), String> {
    within("timeout-ms", timeout_ms as usize, 100, 60_000)?;
    method(&request.method)?;
    url(&request.url)?;
    within("number of headers", request.headers.len(), 0, MAX_HEADERS)?;
    let mut bytes = 0;
    for (at, (name, value)) in request.headers.iter().enumerate() {
        header_name(name)?;
        if HOSTS_OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            return Err(format!("header {name} is the host's own"));
        }
        if request.headers.iter().take(at).any(|(earlier, _)| earlier.eq_ignore_ascii_case(name)) {
            return Err(format!("two headers are {name}"));
        }
        bytes += name.len() + header_value(name, value)?;
    }
    within("bytes of headers", bytes, 0, MAX_HEADER_BYTES)?;
    if request.body.is_some() && !request.method.acts() {
        return Err(format!("{} has no body", request.method.as_str()));
    }
    within("bytes of the body", request.body.as_ref().map_or(0, Vec::len), 0, MAX_BODY_BYTES)?;
    within("number of wanted headers", request.wanted_headers.len(), 0, MAX_WANTED)?;
    request.wanted_headers.iter().try_for_each(|name| {
        header_name(name)?;
        if name.eq_ignore_ascii_case("set-cookie") { Err("set-cookie can't be wanted".into()) } else { Ok(()) }
    })
}

/// Checks what a server answered, as far as it is kept.
///
/// # Errors
/// What is out of bounds.
pub fn response(response: &FetchResponse) -> Result<(), String> {
    within("status", response.status.into(), 100, 999)?;
    within("bytes of the body", response.body.len(), 0, MAX_RESPONSE_BYTES)?;
    // A wanted header may come more than once.
    within("number of headers", response.headers.len(), 0, 4 * MAX_WANTED)?;
    within("bytes of headers", super::bytes_of(&response.headers), 0, MAX_HEADER_BYTES)
}

fn method(method: &Method) -> Result<(), String> {
    let Method::Other(name) = method else { return Ok(()) };
    within("bytes of the method", name.len(), 1, 32)?;
    if !name.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err("method is not in capitals".into());
    }
    match name.as_str() {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" => Err(format!("method {name} has a name of its own")),
        "CONNECT" | "TRACE" => Err(format!("method {name} is never sent")),
        _ => Ok(()),
    }
}

/// Its form as far as it can be told without taking it apart: whoever sends it does that.
fn url(url: &str) -> Result<(), String> {
    within("bytes of the url", url.len(), 1, MAX_URL_BYTES)?;
    let scheme = |scheme: &str| url.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme));
    let Some(rest) = ["http://", "https://"].iter().find_map(|name| url.get(scheme(name)?.len()..)) else {
        return Err("url is neither http nor https".into());
    };
    let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'#');
    if !rest.bytes().all(fits) {
        return Err("url has a character that it can't have".into());
    }
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    if host.is_empty() || host.contains('@') { Err("url has no host, or a name before it".into()) } else { Ok(()) }
}

fn header_name(name: &str) -> Result<(), String> {
    within("bytes of a header's name", name.len(), 1, MAX_NAME_BYTES)?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.bytes().all(token) { Ok(()) } else { Err("a header's name has a character that it can't have".into()) }
}

/// Gives its bytes, as far as they are known here.
fn header_value(name: &str, value: &HeaderValue) -> Result<usize, String> {
    let text = match value {
        HeaderValue::Text(_) if SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) => {
            return Err(format!("header {name} comes from the configuration"));
        }
        HeaderValue::Text(text) => text,
        HeaderValue::Config { prefix, key } => {
            name_of("configuration key", key, 128)?;
            within("bytes of a header's prefix", prefix.len(), 0, 64)?;
            prefix
        }
    };
    within("bytes of a header's value", text.len(), 0, MAX_VALUE_BYTES)?;
    // Other octets mean something else to every server (RFC 9110 §5.5).
    if text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        Ok(text.len())
    } else {
        Err(format!("header {name} has a character that it can't have"))
    }
}
