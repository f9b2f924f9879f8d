//! Requests of flows, whole: by the same policy as those that other plugins send themselves, with headers from the
//! configuration filled in, and the response read to its end within bounds.

use super::Reach;
use super::connect::Wire;
use super::egress::{Admitted, Sent, connected, exchanged, rule_for};
use crate::guest::shortened;
use cordboard_core::flow::{FetchError, FetchRequest, FetchResponse, HeaderValue, check_response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::header::{HOST, HeaderName, HeaderValue as HttpValue};
use hyper::{HeaderMap, Method, Request, Uri};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, WasiBody};

/// Requests under way at once, of all flows and of one version: a place that hangs doesn't take the others' turns, not even
/// with the versions before and after. Each is one of the process's files.
pub(crate) const MAX_FETCHES: usize = 256;
const MAX_OF_VERSION: usize = 64;
/// What a flow can be given of a response; an operator may grant less.
const MAX_RESPONSE_BYTES: usize = 128 << 10;
const MAX_TEXT_BYTES: usize = 512;

/// A request that a flow sends.
#[derive(Clone, Debug)]
pub struct FetchOrder {
    /// What is sent where, within the contract's bounds.
    pub request: FetchRequest,
    /// By what the server knows a repetition, unless the flow says so itself.
    pub idempotency_key: Option<String>,
    /// How long all of it may take. The operator's bound may be nearer.
    pub timeout: Duration,
}

/// Sends the requests of one version.
pub(crate) struct Fetcher {
    reach: Arc<Reach>,
    turns: Arc<Semaphore>,
    of_all: Arc<Semaphore>,
}

impl Fetcher {
    pub(crate) fn new(reach: Arc<Reach>, of_all: Arc<Semaphore>) -> Self {
        Self { reach, turns: Arc::new(Semaphore::new(MAX_OF_VERSION)), of_all }
    }

    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Whether it could be sent, but for what is granted.
    pub(crate) fn check(config: &[(String, String)], order: FetchOrder) -> Result<(), FetchError> {
        let method = order.request.method.as_str().to_owned();
        let request = outgoing(order, config).map_err(FetchError::Invalid)?;
        match rule_for(&method, &request.uri().to_string()) {
            Some(_) => Ok(()),
            None => Err(unsent(&Error::HttpRequestUriInvalid)),
        }
    }

    pub(crate) async fn fetch(
        &self,
        config: &[(String, String)],
        order: FetchOrder,
    ) -> Result<FetchResponse, FetchError> {
        let (Ok(_turn), Ok(_of_all)) = (self.turns.try_acquire(), self.of_all.try_acquire()) else {
            return Err(FetchError::Busy);
        };
        let wanted: BTreeSet<String> = order.request.wanted_headers.iter().cloned().collect();
        let (acts, timeout) = (order.request.method.acts(), order.timeout);
        let bytes = order.request.body.as_ref().map_or(0, Vec::len);
        let request = outgoing(order, config).map_err(FetchError::Invalid)?;
        let admitted = self.reach.admit(request.method(), request.uri());
        let mut admitted = admitted.map_err(|error| unsent(&error))?;
        let bounds = &mut admitted.bounds;
        if bytes > bounds.request_bytes {
            return Err(FetchError::Invalid(format!(
                "the body has {bytes} bytes, {} are granted",
                bounds.request_bytes
            )));
        }
        bounds.response_bytes = bounds.response_bytes.min(MAX_RESPONSE_BYTES);
        let within = timeout.min(Duration::from_millis(bounds.timeout_ms.into()));
        let fetched = async {
            let stream = connected(&admitted, &self.reach, None).await.map_err(|error| unsent(&error))?;
            received(stream, &admitted, request, &wanted).await.map_err(|error| sent(&error, acts))
        };
        let response = tokio::time::timeout(within, fetched).await.map_err(|_| FetchError::Timeout)??;
        check_response(&response).map_err(|_| FetchError::TooLarge)?;
        Ok(response)
    }
}

/// The whole response. Whoever sends it slowly has the request's time, and no more.
async fn received(
    stream: Box<dyn Wire>,
    admitted: &Admitted,
    request: Request<WasiBody>,
    wanted: &BTreeSet<String>,
) -> Result<FetchResponse, Error> {
    let (response, driver): Sent = exchanged(stream, admitted, request, None).await?;
    let (head, mut body) = response.into_parts();
    let (mut driver, mut over) = (Box::into_pin(driver), false);
    let mut octets = Vec::new();
    loop {
        tokio::select! {
            biased;
            // Copied at once: each frame holds on to the buffer it was read into, however little of it is its own.
            frame = body.frame() => match frame {
                Some(frame) => frame?.data_ref().into_iter().for_each(|data| octets.extend_from_slice(data)),
                None => break,
            },
            // What it has to say of its end, the body says as well.
            _ = &mut driver, if !over => over = true,
        }
    }
    Ok(FetchResponse { status: head.status.as_u16(), headers: kept(&head.headers, wanted), body: octets })
}

/// The headers that are wanted. What isn't UTF-8 is replaced: nobody knows what it means.
fn kept(headers: &HeaderMap, wanted: &BTreeSet<String>) -> Vec<(String, String)> {
    let named = headers.iter().filter(|(name, _)| wanted.contains(name.as_str()));
    named.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect()
}

/// The request as it is sent, or what is wrong with it: never with a value of the configuration.
fn outgoing(order: FetchOrder, config: &[(String, String)]) -> Result<Request<WasiBody>, String> {
    let FetchOrder { request, idempotency_key, .. } = order;
    let uri: Uri = request.url.parse().map_err(|error| format!("url: {error}"))?;
    let method = Method::from_bytes(request.method.as_str().as_bytes()).map_err(|error| format!("method: {error}"))?;
    let host = uri.authority().ok_or("url has no host")?.as_str().to_owned();
    let body = match request.body {
        Some(body) => Full::new(body.into()).map_err(|never| match never {}).boxed_unsync(),
        None => Empty::new().map_err(|never| match never {}).boxed_unsync(),
    };
    let mut made = Request::new(body);
    (*made.method_mut(), *made.uri_mut()) = (method, uri);
    let headers = made.headers_mut();
    headers.insert(HOST, HttpValue::from_str(&host).map_err(|error| format!("url: {error}"))?);
    if let Some(key) = idempotency_key {
        let key = HttpValue::from_str(&key).map_err(|error| format!("idempotency key: {error}"))?;
        headers.insert(HeaderName::from_static("idempotency-key"), key);
    }
    for (name, value) in request.headers {
        let named = HeaderName::from_bytes(name.as_bytes()).map_err(|error| format!("header {name}: {error}"))?;
        let value = match value {
            HeaderValue::Text(text) => HttpValue::from_str(&text).map_err(|error| format!("header {name}: {error}"))?,
            HeaderValue::Config { prefix, key } => {
                let found = config.iter().find(|(known, _)| *known == key).map(|(_, value)| value);
                let found = found.ok_or_else(|| format!("header {name}: the configuration has no `{key}`"))?;
                let unfit = |_| format!("header {name}: the configuration's `{key}` can't be in a header");
                let mut value = HttpValue::from_str(&format!("{prefix}{found}")).map_err(unfit)?;
                value.set_sensitive(true);
                value
            }
        };
        headers.insert(named, value);
    }
    Ok(made)
}

fn text(error: &Error) -> String {
    shortened(&error.to_string(), MAX_TEXT_BYTES)
}

/// Of a request that never left.
fn unsent(error: &Error) -> FetchError {
    match error {
        Error::HttpRequestDenied | Error::DestinationIpProhibited => FetchError::NotGranted,
        Error::HttpRequestUriInvalid => FetchError::Invalid(text(error)),
        error => FetchError::Unavailable(text(error)),
    }
}

/// Of a request that was sent, or part of it.
fn sent(error: &Error, acts: bool) -> FetchError {
    match error {
        Error::HttpResponseBodySize(_) => FetchError::TooLarge,
        Error::Hyper(error) if error.is_parse_too_large() => FetchError::TooLarge,
        _ if acts => FetchError::UnknownOutcome,
        error => FetchError::Unavailable(text(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_core::flow::Method as Does;

    fn order(headers: Vec<(&str, HeaderValue)>, key: Option<&str>) -> FetchOrder {
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let (method, url) = (Does::Post, "http://crm.example:81/a?b".into());
        let request = FetchRequest { method, url, headers, body: Some(b"{}".to_vec()), wanted_headers: vec![] };
        FetchOrder { request, idempotency_key: key.map(Into::into), timeout: Duration::from_secs(1) }
    }

    fn secret(key: &str) -> HeaderValue {
        HeaderValue::Config { prefix: "Bearer ".into(), key: key.into() }
    }

    #[test]
    fn headers_come_from_the_configuration_and_are_shown_to_nobody() {
        let config = [("token".to_owned(), "hush-hush".to_owned()), ("bad".to_owned(), "hush\r\nx: y".to_owned())];
        let made = outgoing(order(vec![("authorization", secret("token"))], Some("k-7")), &config).unwrap();
        assert_eq!(made.headers()["authorization"], "Bearer hush-hush");
        assert!(!format!("{made:?}").contains("hush"), "{made:?}");
        assert_eq!(
            (&made.headers()["host"], &made.headers()["idempotency-key"]),
            (&"crm.example:81".parse().unwrap(), &"k-7".parse().unwrap())
        );
        for (key, why) in [("bad", "can't be in a header"), ("none", "has no `none`")] {
            let error = outgoing(order(vec![("authorization", secret(key))], None), &config).unwrap_err();
            assert!(error.contains(why) && !error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn a_flows_own_key_wins() {
        let own = HeaderValue::Text("mine".into());
        let made = outgoing(order(vec![("idempotency-key", own)], None), &[]).unwrap();
        assert_eq!(made.headers()["idempotency-key"], "mine");
    }

    #[test]
    fn whether_it_was_sent_is_told() {
        for (error, before, reads, acts) in [
            (Error::HttpRequestDenied, FetchError::NotGranted, None, FetchError::UnknownOutcome),
            (Error::DestinationIpProhibited, FetchError::NotGranted, None, FetchError::UnknownOutcome),
            (
                Error::ConnectionTerminated,
                FetchError::Unavailable("connection terminated".into()),
                Some(FetchError::Unavailable("connection terminated".into())),
                FetchError::UnknownOutcome,
            ),
        ] {
            assert_eq!(unsent(&error), before);
            assert_eq!(sent(&error, true), acts);
            assert!(reads.is_none_or(|reads| sent(&error, false) == reads));
        }
        assert_eq!(sent(&Error::HttpResponseBodySize(None), true), FetchError::TooLarge);
    }
}
