//! A client of a host's admin API.

use crate::error::ClientError;
use crate::events::Events;
use crate::http::{self, Bound};
use crate::problem::Problem;
use crate::{Token, hosts};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

/// Longer answers are of no host.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// No core dump is longer: that is the most memory a guest can have.
const MAX_BYTES: u64 = 1 << 30;
/// Compiling a component takes a host its time: longer than it gives itself.
const ANSWERS_WITHIN: Duration = Duration::from_secs(600);

/// A stream that is silent for longer is dead: hosts say every ten seconds that they are there.
const SPEAKS_WITHIN: Duration = Duration::from_secs(35);

/// What a change expects to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing.
    Absent,
    /// The document of this `ETag`.
    Tag(String),
}

/// A host's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status: 200 to 299.
    pub status: u16,
    /// The document's revision, as `If-Match` takes it.
    pub tag: Option<String>,
    /// The body; null if there is none.
    pub value: Value,
}

impl Answer {
    /// What a change of this document expects to find.
    pub fn expected(&self) -> Option<Expected> {
        self.tag.clone().map(Expected::Tag)
    }
}

/// What is uploaded.
#[derive(Clone, Copy, Debug)]
pub struct Upload<'u> {
    /// The component.
    pub component: &'u [u8],
    /// Its manifest, if it has one.
    pub manifest: Option<&'u [u8]>,
    /// The signature of both; only beside a manifest.
    pub signature: Option<&'u [u8]>,
    /// What it is called where there is no manifest.
    pub name: Option<&'u str>,
}

/// Text as it stands in a query or a path.
pub fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}

/// A client of a host's admin API. Copies are the same client.
#[derive(Clone)]
pub struct Client {
    base: String,
    token: Token,
    operator: Option<String>,
    agent: Agent,
    /// For what has no end.
    streaming: Agent,
}

impl Client {
    /// A client of the API at this address, `http://HOST:PORT` or `https://…`; `/v1` behind it is as good.
    ///
    /// # Errors
    /// It is no such address.
    pub fn new(address: &str, token: Token) -> Result<Self, ClientError> {
        let base = hosts::address(address).ok_or_else(|| ClientError::NoHost(address.to_owned()))?;
        let https = base.starts_with("https:");
        let agent = http::agent(https, Bound::Whole(ANSWERS_WITHIN));
        let streaming = http::agent(https, Bound::Silence(SPEAKS_WITHIN));
        Ok(Self { base, token, operator: None, agent, streaming })
    }

    /// The same client, which says with every change who asks for it: 1 to 64 visible ASCII characters.
    #[must_use]
    pub fn named(self, operator: Option<String>) -> Self {
        Self { operator, ..self }
    }

    /// Who asks, as it is said.
    pub fn operator(&self) -> Option<&str> {
        self.operator.as_deref()
    }

    /// The host's address.
    pub fn host(&self) -> &str {
        &self.base
    }

    /// GET of `/v1/…`.
    ///
    /// # Errors
    /// No answer, or not success.
    pub fn get(&self, path: &str) -> Result<Answer, ClientError> {
        self.ask(self.request("GET", path), &[])
    }

    /// GET of what may not be there.
    ///
    /// # Errors
    /// No answer, or neither success nor 404.
    pub fn find(&self, path: &str) -> Result<Option<Answer>, ClientError> {
        match self.get(path) {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// PUT of a document, where that is what the client last saw.
    ///
    /// # Errors
    /// No answer, or not success: 412 if it has changed meanwhile.
    pub fn put(&self, path: &str, body: &Value, expected: &Expected) -> Result<Answer, ClientError> {
        self.change("PUT", path, body, expected)
    }

    /// POST of something that is to be done with a document, where that is what the client last saw.
    ///
    /// # Errors
    /// No answer, or not success: 412 if it has changed meanwhile.
    pub fn post(&self, path: &str, body: &Value, expected: &Expected) -> Result<Answer, ClientError> {
        self.change("POST", path, body, expected)
    }

    fn change(&self, method: &str, path: &str, body: &Value, expected: &Expected) -> Result<Answer, ClientError> {
        let request = match expected {
            Expected::Absent => self.request(method, path).header("if-none-match", "*"),
            Expected::Tag(tag) => self.request(method, path).header("if-match", tag),
        };
        self.ask(request.header("content-type", "application/json"), body.to_string().as_bytes())
    }

    /// POST of a question, or of something that is to be done.
    ///
    /// # Errors
    /// No answer, or not success.
    pub fn post_json(&self, path: &str, body: &Value) -> Result<Answer, ClientError> {
        let request = self.request("POST", path).header("content-type", "application/json");
        self.ask(request, body.to_string().as_bytes())
    }

    /// DELETE, whatever the document is.
    ///
    /// # Errors
    /// No answer, or not success.
    pub fn delete(&self, path: &str) -> Result<Answer, ClientError> {
        self.ask(self.request("DELETE", path), &[])
    }

    /// Uploads a component. The same again is as good: 200 instead of 201.
    ///
    /// # Errors
    /// No answer, or not success.
    pub fn upload(&self, upload: &Upload<'_>) -> Result<Answer, ClientError> {
        let Upload { component, manifest, signature, name } = *upload;
        let Some(manifest) = manifest else {
            let named = name.map(|name| format!("?name={}", encoded(name))).unwrap_or_default();
            let request = self.request("POST", &format!("/v1/plugins{named}"));
            return self.ask(request.header("content-type", "application/wasm"), component);
        };
        // Nothing contains its own digest.
        let between = format!("cordboard-{}", hex::encode(Sha256::digest([component, manifest].concat())));
        let mut body = Vec::with_capacity(component.len() + manifest.len() + 1_024);
        for (name, part) in [("component", Some(component)), ("manifest", Some(manifest)), ("signature", signature)] {
            let Some(part) = part else { continue };
            body.extend(format!("--{between}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n").bytes());
            body.extend(part);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{between}--\r\n").bytes());
        let form = format!("multipart/form-data; boundary={between}");
        self.ask(self.request("POST", "/v1/plugins").header("content-type", form), &body)
    }

    /// A stream of `/v1/events` or `/v1/logs`: what happens from now on, or behind the event of this id, and fits what the filter
    /// says. One that falls silent breaks.
    ///
    /// # Errors
    /// No answer, or not success.
    pub fn stream(
        &self,
        path: &str,
        filter: &[(&str, Option<&str>)],
        after: Option<&str>,
    ) -> Result<Events, ClientError> {
        let said = filter.iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded((*value)?))));
        let query: Vec<String> = said.collect();
        let mut request = self.request("GET", &format!("{path}?{}", query.join("&")));
        request = request.header("accept", "text/event-stream");
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let request = request.body(()).map_err(|error| self.failed(error.into()))?;
        let response = self.streaming.run(request).map_err(|error| self.failed(error))?;
        match response.status().as_u16() {
            200 => Ok(Events::new(response)),
            _ => Err(self.answer(response).err().unwrap_or(ClientError::NotOurs {
                host: self.base.clone(),
                status: 200,
                what: "it is no stream of events",
            })),
        }
    }

    fn request(&self, method: &str, path: &str) -> ureq::http::request::Builder {
        let url = format!("{}{path}", self.base);
        let request = Request::builder().method(method).uri(url).header("authorization", self.token.bearer());
        match &self.operator {
            Some(operator) if method != "GET" => request.header("cordboard-operator", operator),
            Some(_) | None => request,
        }
    }

    fn ask(&self, request: ureq::http::request::Builder, body: &[u8]) -> Result<Answer, ClientError> {
        let request = request.body(body).map_err(|error| self.failed(error.into()))?;
        let response = match request.method().as_str() {
            "GET" => self.agent.run(request.map(|_| ())),
            _ => self.agent.run(request),
        };
        self.answer(response.map_err(|error| self.failed(error))?)
    }

    /// POST without a body, answered with bytes: at most 1 GiB.
    ///
    /// # Errors
    /// No answer, or not success.
    pub fn post_for_bytes(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        let request = self.request("POST", path).body(&[][..]).map_err(|error| self.failed(error.into()))?;
        let mut response = self.agent.run(request).map_err(|error| self.failed(error))?;
        let (host, status) = (self.base.clone(), response.status().as_u16());
        if status != 200 {
            let refused = self.answer(response).err();
            return Err(refused.unwrap_or(ClientError::NotOurs { host, status, what: "there are no bytes" }));
        }
        let body = http::read(&mut response, MAX_BYTES).map_err(|error| self.failed(error))?;
        body.ok_or(ClientError::NotOurs { host, status, what: "the answer is too long" })
    }

    fn answer(&self, mut response: Response<Body>) -> Result<Answer, ClientError> {
        let status = response.status().as_u16();
        let host = self.base.clone();
        let tag = http::header(&response, "etag").map(str::to_owned);
        let body = http::read(&mut response, MAX_ANSWER_BYTES).map_err(|error| self.failed(error))?;
        let Some(body) = body else {
            return Err(ClientError::NotOurs { host, status, what: "the answer is too long" });
        };
        let value = if body.is_empty() { Some(Value::Null) } else { serde_json::from_slice(&body).ok() };
        match (status, value) {
            (200..=299, Some(value)) => Ok(Answer { status, tag, value }),
            (200..=299, None) => Err(ClientError::NotOurs { host, status, what: "it is no JSON" }),
            (_, value) => match value.and_then(|value| Problem::read(status, &value)) {
                Some(problem) => Err(ClientError::Refused { host, problem: Box::new(problem) }),
                None => Err(ClientError::NotOurs { host, status, what: "there are no problem details" }),
            },
        }
    }

    fn failed(&self, source: ureq::Error) -> ClientError {
        let (host, source) = (self.base.clone(), Box::new(source));
        if http::is_untrusted(&source) {
            ClientError::Untrusted { host, source }
        } else if http::never_arrived(&source) {
            ClientError::Unreachable { host, source }
        } else {
            ClientError::Broken { host, source }
        }
    }
}
