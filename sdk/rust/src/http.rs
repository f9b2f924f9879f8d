//! Requests to a back-end, over `wasi:http`: to the places that the manifest wants and the operator grants, and no other.
//!
//! ```no_run
//! # use std::time::Duration;
//! # fn ask() -> Result<(), cordboard_sdk::http::Error> {
//! use cordboard_sdk::http::{Request, encode};
//!
//! let response = Request::get(&format!("https://crm.example/people?phone={}", encode("+1 555")))
//!     .header("accept", "application/json")
//!     .send(Duration::from_secs(1))?;
//! if response.status == 200 {
//!     let body = response.text();
//! }
//! # Ok(())
//! # }
//! ```

#[cfg(all(target_arch = "wasm32", feature = "crm"))]
use crate::crm::bindings::wasi;
#[cfg(all(target_arch = "wasm32", feature = "dialer"))]
use crate::dialer::bindings::wasi;
#[cfg(all(target_arch = "wasm32", feature = "inspector"))]
use crate::inspector::bindings::wasi;
use std::fmt;
use std::time::Duration;

/// A response longer than this is an error.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// Why there is no response. The text is for logs, and has nothing of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The URL is none, or not of `http` or `https`.
    Url,
    /// No answer in time.
    TimedOut,
    /// The manifest doesn't want this place, or the operator doesn't grant it.
    Denied,
    /// The body is longer than [`MAX_BODY_BYTES`].
    TooLong,
    /// Anything else.
    Failed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url => f.write_str("the URL is none of http or https"),
            Self::TimedOut => f.write_str("no answer from the back-end in time"),
            Self::Denied => f.write_str("the back-end's place is not wanted by the manifest or not granted"),
            Self::TooLong => f.write_str("the back-end's answer is too long"),
            Self::Failed(why) => write!(f, "the back-end can't be asked: {why}"),
        }
    }
}

impl std::error::Error for Error {}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 200 and so on.
    pub status: u16,
    /// Whatever it is.
    pub body: Vec<u8>,
}

impl Response {
    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it is sent by `send`"]
pub struct Request {
    method: &'static str,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// `GET`.
    pub fn get(url: &str) -> Self {
        Self { method: "GET", url: url.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// `POST`, with a body.
    pub fn post(url: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { method: "POST", url: url.into(), headers: Vec::new(), body: body.into() }
    }

    /// With a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends it and waits for the whole answer, at the longest for `within`. Redirects are not followed.
    ///
    /// # Errors
    /// Why there is no response.
    #[cfg(target_arch = "wasm32")]
    pub fn send(self, within: Duration) -> Result<Response, Error> {
        exchange::send(self, within)
    }

    /// Natively there is nobody to ask.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn send(self, _within: Duration) -> Result<Response, Error> {
        split(&self.url).ok_or(Error::Url)?;
        Err(Error::Failed(format!("{} only from a plugin", self.method)))
    }
}

/// Whether it is TLS, host with port, path with query.
fn split(url: &str) -> Option<(bool, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let tls = match scheme {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    (!authority.is_empty() && !authority.contains('@')).then_some((tls, authority, path))
}

/// A text for a part of a path or query: everything but letters, digits and `-._~` percent-encoded.
pub fn encode(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(target_arch = "wasm32")]
mod exchange {
    use super::wasi::clocks::monotonic_clock;
    use super::wasi::http::outgoing_handler;
    use super::wasi::http::types::{
        ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
    };
    use super::wasi::io::poll::{Pollable, poll};
    use super::wasi::io::streams::StreamError;
    use super::{Duration, Error, MAX_BODY_BYTES, Request, Response, split};

    fn failed(what: &str) -> Error {
        Error::Failed(what.into())
    }

    fn reason(code: ErrorCode) -> Error {
        match code {
            ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Error::Denied,
            ErrorCode::ConnectionTimeout | ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => {
                Error::TimedOut
            }
            other => Error::Failed(format!("{other:?}")),
        }
    }

    pub(super) fn send(request: Request, within: Duration) -> Result<Response, Error> {
        let ns = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX);
        let deadline = monotonic_clock::subscribe_duration(ns);
        let (outgoing, body) = outgoing(&request)?;
        let future = outgoing_handler::handle(outgoing, Some(options(ns)?)).map_err(reason)?;
        write(body, &request.body)?;
        let ready = future.subscribe();
        // Both may be ready: an answer that is there counts.
        poll(&[&ready, &deadline]);
        if !ready.ready() {
            return Err(Error::TimedOut);
        }
        drop(ready);
        let response = match future.get() {
            Some(Ok(response)) => response.map_err(reason)?,
            Some(Err(())) | None => return Err(failed("the host gave no response")),
        };
        Ok(Response { status: response.status(), body: read(&response, &deadline)? })
    }

    fn outgoing(request: &Request) -> Result<(OutgoingRequest, OutgoingBody), Error> {
        let (tls, authority, path) = split(&request.url).ok_or(Error::Url)?;
        let headers = Fields::new();
        for (name, value) in &request.headers {
            headers.append(name, value.as_bytes()).map_err(|_| failed("a header is refused"))?;
        }
        if !request.body.is_empty() {
            let length = request.body.len().to_string();
            headers.append("content-length", length.as_bytes()).map_err(|_| failed("a header is refused"))?;
        }
        let outgoing = OutgoingRequest::new(headers);
        let method = if request.method == "POST" { Method::Post } else { Method::Get };
        outgoing.set_method(&method).map_err(|()| failed("the method is refused"))?;
        let scheme = if tls { Scheme::Https } else { Scheme::Http };
        outgoing.set_scheme(Some(&scheme)).map_err(|()| Error::Url)?;
        outgoing.set_authority(Some(authority)).map_err(|()| Error::Url)?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        outgoing.set_path_with_query(Some(&path)).map_err(|()| Error::Url)?;
        let body = outgoing.body().map_err(|()| failed("the host gave no body"))?;
        Ok((outgoing, body))
    }

    fn options(ns: u64) -> Result<RequestOptions, Error> {
        let options = RequestOptions::new();
        let set = [
            options.set_connect_timeout(Some(ns)),
            options.set_first_byte_timeout(Some(ns)),
            options.set_between_bytes_timeout(Some(ns)),
        ];
        if set.contains(&Err(())) { Err(failed("time-outs are refused")) } else { Ok(options) }
    }

    fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), Error> {
        let stream = body.write().map_err(|()| failed("the host gave no body"))?;
        for chunk in bytes.chunks(4096) {
            stream.blocking_write_and_flush(chunk).map_err(|error| Error::Failed(format!("{error:?}")))?;
        }
        drop(stream);
        OutgoingBody::finish(body, None).map_err(reason)
    }

    fn read(response: &IncomingResponse, deadline: &Pollable) -> Result<Vec<u8>, Error> {
        // Dropped in the order stream, body, response: each belongs to the next.
        let incoming = response.consume().map_err(|()| failed("the host gave no body"))?;
        let stream = incoming.stream().map_err(|()| failed("the host gave no body"))?;
        let more = stream.subscribe();
        let mut body = Vec::new();
        loop {
            poll(&[&more, deadline]);
            if deadline.ready() {
                return Err(Error::TimedOut);
            }
            match stream.read(64 * 1024) {
                Ok(chunk) => body.extend(chunk),
                Err(StreamError::Closed) => return Ok(body),
                Err(StreamError::LastOperationFailed(error)) => return Err(Error::Failed(error.to_debug_string())),
            }
            if body.len() > MAX_BODY_BYTES {
                return Err(Error::TooLong);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_split() {
        for (url, expected) in [
            ("https://crm.example/a?b=c#d", Some((true, "crm.example", "/a?b=c"))),
            ("http://127.0.0.1:8090", Some((false, "127.0.0.1:8090", ""))),
            ("http://h?q", Some((false, "h", "?q"))),
            ("ftp://h/", None),
            ("https:///a", None),
            ("https://me@h/", None),
            ("h/a", None),
        ] {
            assert_eq!(split(url), expected, "{url}");
        }
        let nowhere = Request::get("nowhere").header("accept", "*/*").send(Duration::from_secs(1));
        assert_eq!(nowhere, Err(Error::Url));
        assert!(matches!(Request::post("http://h", "x").send(Duration::from_secs(1)), Err(Error::Failed(_))));
    }

    #[test]
    fn keys_are_encoded() {
        assert_eq!(encode("+1 555/ä"), "%2B1%20555%2F%C3%A4");
        assert_eq!(encode("A-z_0.9~"), "A-z_0.9~");
    }
}
