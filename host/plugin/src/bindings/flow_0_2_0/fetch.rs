//! Requests to places outside: between the contract's types and the core's. Pure.

use super::convert::misfit;
use super::types as t;
use cordboard_core::flow as core;
use cordboard_core::flow::Reply;

pub(super) fn request(request: t::FetchRequest) -> core::FetchRequest {
    let header = |header: t::RequestHeader| {
        let value = match header.value {
            t::HeaderValue::Text(text) => core::HeaderValue::Text(text),
            t::HeaderValue::Config(value) => core::HeaderValue::Config { prefix: value.prefix, key: value.key },
        };
        (header.name.to_ascii_lowercase(), value)
    };
    let request = core::FetchRequest {
        method: match request.method {
            t::Method::Get => core::Method::Get,
            t::Method::Head => core::Method::Head,
            t::Method::Post => core::Method::Post,
            t::Method::Put => core::Method::Put,
            t::Method::Patch => core::Method::Patch,
            t::Method::Delete => core::Method::Delete,
            t::Method::Other(name) => core::Method::Other(name),
        },
        url: request.url,
        headers: request.headers.into_iter().map(header).collect(),
        body: request.body,
        wanted_headers: request.wanted_headers.into_iter().map(|name| name.to_ascii_lowercase()).collect(),
    };
    // Before it is anywhere: the journal keeps what was refused, too.
    request.without_secrets()
}

pub(super) fn fetched(reply: Reply) -> Result<t::FetchResponse, t::FetchError> {
    match reply {
        Reply::Fetched(core::FetchResponse { status, headers, body }) => {
            let header = |(name, value)| t::ResponseHeader { name, value };
            Ok(t::FetchResponse { status, headers: headers.into_iter().map(header).collect(), body })
        }
        Reply::FetchFailed(error) => Err(fetch_error(error)),
        Reply::Failed(core::ContactError::Ended | core::ContactError::TakenOver) => Err(t::FetchError::Ended),
        Reply::Failed(core::ContactError::Invalid(text)) => Err(t::FetchError::Invalid(text)),
        Reply::Failed(
            core::ContactError::NotNow(text) | core::ContactError::Limit(text) | core::ContactError::Other(text),
        ) => Err(t::FetchError::Other(text)),
        Reply::Failed(core::ContactError::InterruptedConnected) => Err(t::FetchError::Other("interrupted".into())),
        Reply::Done
        | Reply::Attribute(_)
        | Reply::Answer(_)
        | Reply::Profile(_)
        | Reply::LookupFailed(_)
        | Reply::Chosen(_)
        | Reply::Enqueued
        | Reply::Waited(_)
        | Reply::Value(_)
        | Reply::ValueFailed(_) => Err(t::FetchError::Other(misfit("a response", &reply))),
    }
}

fn fetch_error(error: core::FetchError) -> t::FetchError {
    match error {
        core::FetchError::Timeout => t::FetchError::Timeout,
        core::FetchError::Busy => t::FetchError::Busy,
        core::FetchError::NotGranted => t::FetchError::NotGranted,
        core::FetchError::TooLarge => t::FetchError::TooLarge,
        core::FetchError::UnknownOutcome => t::FetchError::UnknownOutcome,
        core::FetchError::Ended => t::FetchError::Ended,
        core::FetchError::Unavailable(text) => t::FetchError::Unavailable(text),
        core::FetchError::Invalid(text) => t::FetchError::Invalid(text),
        core::FetchError::Other(text) => t::FetchError::Other(text),
    }
}
