//! Requests to a back-end.

use super::{ConfigValue, FetchError, FetchRequest, FetchResponse, HeaderValue, Method, RequestHeader, ResponseHeader};
use crate::units::{Units as _, whole_ms};
use std::time::Duration;

/// A request: method, URL, and what goes with it. It goes to places that the manifest wants and the operator grants, and to no
/// other. Whatever it says is in the contact's journal, but for values of the configuration.
///
/// ```
/// # use cordboard_sdk::flow::{Fetch, Units as _};
/// let order = Fetch::post("https://shop.example/orders")
///     .json(r#"{"what": "a cord"}"#)
///     .secret("authorization", "Bearer ", "shop-token")
///     .wants("location")
///     .within(2.s());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "it is sent by `Contact::fetch`"]
pub struct Fetch {
    pub(super) request: FetchRequest,
    pub(super) timeout_ms: u32,
}

impl Fetch {
    /// Of any method: `GET`, `POST`, and so on.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            other => Method::Other(other.into()),
        };
        let request =
            FetchRequest { method, url: url.into(), headers: Vec::new(), body: None, wanted_headers: Vec::new() };
        Self { request, timeout_ms: whole_ms(3.s()) }
    }

    /// Reads: it can be sent again.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// Acts: it is sent once, with an `Idempotency-Key` unless it has one.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// With a body of at most 64 KiB.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request.body = Some(body.into());
        self
    }

    /// With a body that is JSON, and the header that says so.
    pub fn json(self, text: impl Into<String>) -> Self {
        self.header("content-type", "application/json").body(text.into())
    }

    /// With a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request.headers.push(RequestHeader { name: name.into(), value: HeaderValue::Text(value.into()) });
        self
    }

    /// With a header whose value is `prefix` and what the operator set for a key of the configuration. It is written down
    /// nowhere. `authorization` and `cookie` can't be said otherwise.
    pub fn secret(mut self, name: &str, prefix: &str, key: &str) -> Self {
        let value = HeaderValue::Config(ConfigValue { prefix: prefix.into(), key: key.into() });
        self.request.headers.push(RequestHeader { name: name.into(), value });
        self
    }

    /// This header of the response is wanted; those that nobody wants are not kept.
    pub fn wants(mut self, header: &str) -> Self {
        self.request.wanted_headers.push(header.into());
        self
    }

    /// How long the whole response may take: 0.1 s to a minute, 3 s if nothing is said.
    pub fn within(mut self, duration: Duration) -> Self {
        self.timeout_ms = whole_ms(duration);
        self
    }

    /// As it is written: `POST`.
    pub fn method(&self) -> &str {
        match &self.request.method {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Other(other) => other,
        }
    }

    /// Where it goes.
    pub fn url(&self) -> &str {
        &self.request.url
    }
}

impl FetchResponse {
    /// A response for a test's back-end.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// With a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push(ResponseHeader { name: name.to_ascii_lowercase(), value: value.into() });
        self
    }

    /// Whether the status is one of success, 200 to 299. Any other is a response, too, and no error.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header that was wanted, if the response has it.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| &*header.value)
    }
}

impl FetchError {
    /// Whether a request that acts may have been done all the same: ask before it is sent again. False: it was not sent.
    pub fn may_be_done(&self) -> bool {
        match self {
            Self::Timeout | Self::TooLarge | Self::UnknownOutcome | Self::Ended | Self::Other(_) => true,
            Self::Busy | Self::NotGranted | Self::Unavailable(_) | Self::Invalid(_) => false,
        }
    }
}
