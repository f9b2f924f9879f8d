//! Requests that a flow sends to places outside, and what comes of them.

use serde::{Deserialize, Serialize};

/// What proves who asks: it comes from the configuration, and is never written down.
pub(super) const SECRET_HEADERS: [&str; 2] = ["authorization", "cookie"];

/// What a request is to do there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// Reads.
    Get,
    /// Reads the head alone.
    Head,
    /// Adds or does something.
    Post,
    /// Puts in place.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
    /// As it is written, in capitals.
    Other(String),
}

impl Method {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Other(name) => name,
        }
    }

    /// Whether it may change something there. What has no name here counts as such.
    pub const fn acts(&self) -> bool {
        !matches!(self, Method::Get | Method::Head)
    }
}

/// What a header of a request says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeaderValue {
    /// This.
    Text(String),
    /// A value of the configuration of the version that runs: the journal has its key alone.
    Config {
        /// Before the value, e.g. `Bearer `.
        prefix: String,
        /// The configuration's key.
        key: String,
    },
}

/// What is sent where. Compared as a whole: another version sends the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchRequest {
    /// What it is to do.
    pub method: Method,
    /// Absolute, `http` or `https`.
    pub url: String,
    /// Names in lower case, in the flow's order.
    pub headers: Vec<(String, HeaderValue)>,
    /// What it carries.
    pub body: Option<Vec<u8>>,
    /// Which headers of the response are wanted, in lower case.
    pub wanted_headers: Vec<String>,
}

impl FetchRequest {
    /// Whether the flow tells the server itself by what it knows a repetition.
    pub fn has_idempotency_key(&self) -> bool {
        self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"))
    }

    /// The same without what is refused and must not be written down all the same: the text of headers that prove who
    /// asks, and the name and password before a host. It is refused as it was.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        for (name, value) in &mut self.headers {
            if let HeaderValue::Text(text) = value
                && SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
            {
                text.clear();
            }
        }
        if let Some((scheme, rest)) = self.url.split_once("://") {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            if let Some(at) = authority.rfind('@') {
                self.url = format!("{scheme}://{}", rest.get(at..).unwrap_or_default());
            }
        }
        self
    }
}

/// What a server answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchResponse {
    /// As HTTP has it.
    pub status: u16,
    /// Those that were wanted, in the order of the response.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: Vec<u8>,
}

/// Why a request has no response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FetchError {
    /// Too late.
    Timeout,
    /// Too many under way.
    Busy,
    /// Not wanted in the manifest, or not granted.
    NotGranted,
    /// The response is larger than it may be.
    TooLarge,
    /// It was sent, and what became of it is not known.
    UnknownOutcome,
    /// The person is gone.
    Ended,
    /// It was not sent, or what came back is no answer to a request that only reads.
    Unavailable(String),
    /// An argument is out of bounds.
    Invalid(String),
    /// Anything else.
    Other(String),
}

impl FetchError {
    /// As the contract names it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Busy => "busy",
            Self::NotGranted => "not-granted",
            Self::TooLarge => "too-large",
            Self::UnknownOutcome => "unknown-outcome",
            Self::Ended => "ended",
            Self::Unavailable(_) => "unavailable",
            Self::Invalid(_) => "invalid",
            Self::Other(_) => "other",
        }
    }

    /// In words, where there are some.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Unavailable(text) | Self::Invalid(text) | Self::Other(text) => Some(text),
            Self::Timeout | Self::Busy | Self::NotGranted | Self::TooLarge | Self::UnknownOutcome | Self::Ended => None,
        }
    }
}
