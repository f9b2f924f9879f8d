//! Building messages.

use super::grammar::Address;
use super::message::{Message, Start};
use bytes::Bytes;

/// The usual phrase of a status code.
fn phrase(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        _ => "Unknown",
    }
}

/// The response to a request (RFC 3261 §8.2.6): Via, From, To, Call-ID, CSeq and Record-Route copied, `to_tag` added
/// where the request had none. An empty `reason` becomes the usual phrase.
pub(crate) fn response(request: &Message, code: u16, reason: &str, to_tag: &str) -> Message {
    let reason: String = if reason.is_empty() {
        phrase(code).into()
    } else {
        reason.chars().filter(|c| !c.is_control()).take(120).collect()
    };
    let mut reply = Message { start: Start::Response { code, reason }, headers: Vec::new(), body: Bytes::new() };
    for name in ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"] {
        for value in request.all(name) {
            let tagged = name == "To" && code > 100 && Address::parse(value).is_none_or(|to| to.tag().is_none());
            if tagged && !to_tag.is_empty() {
                reply.push(name, format!("{value};tag={to_tag}"));
            } else {
                reply.push(name, value);
            }
        }
    }
    reply
}

/// A request with nothing but its first line.
pub(crate) fn request(method: &str, uri: &str) -> Message {
    Message {
        start: Start::Request { method: method.into(), uri: uri.into() },
        headers: Vec::new(),
        body: Bytes::new(),
    }
}

/// The user part of a SIP URI, what may not stand there escaped (RFC 3261 §25.1).
pub(crate) fn escape_user(user: &str) -> String {
    let mut out = String::with_capacity(user.len());
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
