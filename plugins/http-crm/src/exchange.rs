//! One HTTP request and its response, over `wasi:http`.

use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, IncomingResponse, OutgoingRequest, RequestOptions, Scheme,
};
use crate::bindings::wasi::io::poll;
use crate::bindings::wasi::io::streams::{InputStream, StreamError};
use crate::mapping::MAX_BODY_BYTES;
use crate::settings::Settings;

/// What came back.
pub(crate) struct Response {
    pub(crate) status: u16,
    /// At most [`MAX_BODY_BYTES`] and a little more; empty unless the status is 200.
    pub(crate) body: Vec<u8>,
}

/// Asks for a path, and waits for the whole answer, at the longest for `timeout_ms`.
///
/// # Errors
/// What went wrong on the way.
pub(crate) fn get(settings: &Settings, path: &str, timeout_ms: u32) -> Result<Response, String> {
    let timeout_ns = u64::from(timeout_ms) * 1_000_000;
    let deadline = monotonic_clock::subscribe_duration(timeout_ns);
    let future = outgoing_handler::handle(request(settings, path)?, Some(options(timeout_ns)?)).map_err(reason)?;
    let ready = future.subscribe();
    let late = || format!("no answer from the back-end within {timeout_ms} ms");
    // Both may be ready: an answer that is there counts.
    poll::poll(&[&ready, &deadline]);
    if !ready.ready() {
        return Err(late());
    }
    drop(ready);
    let response = match future.get() {
        Some(Ok(response)) => response.map_err(reason)?,
        Some(Err(())) | None => return Err("the host gave no response".into()),
    };
    let status = response.status();
    let body = if status == 200 { read_body(&response, &deadline, late)? } else { Vec::new() };
    Ok(Response { status, body })
}

fn request(settings: &Settings, path: &str) -> Result<OutgoingRequest, String> {
    let headers = Fields::new();
    let mut set = vec![("accept", "application/json".to_owned())];
    set.extend(settings.token.as_ref().map(|token| ("authorization", format!("Bearer {token}"))));
    for (name, value) in set {
        headers.append(name, value.as_bytes()).map_err(|error| format!("header {name}: {error}"))?;
    }
    let request = OutgoingRequest::new(headers);
    let scheme = if settings.https { Scheme::Https } else { Scheme::Http };
    request.set_scheme(Some(&scheme)).map_err(|()| "the scheme is refused")?;
    request.set_authority(Some(&settings.authority)).map_err(|()| "the host's name in base-url is refused")?;
    request.set_path_with_query(Some(path)).map_err(|()| "the path is refused")?;
    Ok(request)
}

fn options(timeout_ns: u64) -> Result<RequestOptions, String> {
    let options = RequestOptions::new();
    let set = [
        options.set_connect_timeout(Some(timeout_ns)),
        options.set_first_byte_timeout(Some(timeout_ns)),
        options.set_between_bytes_timeout(Some(timeout_ns)),
    ];
    if set.contains(&Err(())) { Err("the host refuses time-outs".into()) } else { Ok(options) }
}

fn read_body(
    response: &IncomingResponse,
    deadline: &poll::Pollable,
    late: impl Fn() -> String,
) -> Result<Vec<u8>, String> {
    // Dropped in the order stream, body, response: each belongs to the next.
    let incoming = response.consume().map_err(|()| "the host gave no body")?;
    let stream: InputStream = incoming.stream().map_err(|()| "the host gave no body")?;
    let more = stream.subscribe();
    let mut body = Vec::new();
    while body.len() <= MAX_BODY_BYTES {
        poll::poll(&[&more, deadline]);
        if deadline.ready() {
            return Err(late());
        }
        match stream.read(64 * 1024) {
            Ok(chunk) => body.extend(chunk),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(format!("the back-end's answer broke off: {}", error.to_debug_string()));
            }
        }
    }
    Ok(body)
}

/// For logs: the error without the request, which is personal.
fn reason(error: ErrorCode) -> String {
    format!("the back-end can't be asked: {error}")
}
