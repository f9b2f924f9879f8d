//! Revisions of documents as entity tags (RFC 9110 §8.8.3, §13.1): `ETag: "N"`.

use crate::centre::{Expected, Revised};
use crate::problem::Problem;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What a change expects, from `If-Match` and `If-None-Match`.
pub(crate) struct Precondition(pub(crate) Expected);

impl<S: Sync> FromRequestParts<S> for Precondition {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        precondition(&parts.headers).map(Precondition)
    }
}

fn precondition(headers: &HeaderMap) -> Result<Expected, Problem> {
    match (single(headers, &IF_MATCH)?, single(headers, &IF_NONE_MATCH)?) {
        (None, None) => Ok(Expected::Any),
        (Some(tag), None) => revision(tag).map(Expected::Revision).ok_or_else(|| wrong(&IF_MATCH, "\"N\"")),
        (None, Some("*")) => Ok(Expected::Absent),
        (None, Some(_)) => Err(wrong(&IF_NONE_MATCH, "* in a change")),
        (Some(_), Some(_)) => Err(wrong(&IF_NONE_MATCH, "left out beside If-Match")),
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(|value| Some(value.trim())).map_err(|_| wrong(name, "ASCII")),
        (Some(_), Some(_)) => Err(wrong(name, "given once")),
    }
}

fn revision(tag: &str) -> Option<u64> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn wrong(name: &HeaderName, must_be: &str) -> Problem {
    let name = if *name == IF_MATCH { "If-Match" } else { "If-None-Match" };
    let detail = format!("{name} must be {must_be}; N is a document's revision");
    Problem::new(StatusCode::BAD_REQUEST, "invalid-precondition", detail).at(name)
}

/// A document as answer to a GET: 304 if the client has this revision (RFC 9110 §13.1.2: weak comparison, any of a
/// list).
pub(crate) fn fetched<T: Serialize>(headers: &HeaderMap, document: Revised<T>) -> Response {
    let tag = format!("\"{}\"", document.revision);
    let had = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
    });
    if had { tagged(StatusCode::NOT_MODIFIED.into_response(), &tag) } else { answer(document) }
}

/// A document as answer to a change, or to a GET that also tells what goes on.
pub(crate) fn answer<T: Serialize>(document: Revised<T>) -> Response {
    let tag = format!("\"{}\"", document.revision);
    tagged(Json(document.value).into_response(), &tag)
}

fn tagged(mut response: Response, tag: &str) -> Response {
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

impl<T> Revised<T> {
    /// Converts the document.
    pub(crate) fn map<U>(self, convert: impl FnOnce(T, u64) -> U) -> Revised<U> {
        Revised { value: convert(self.value, self.revision), revision: self.revision }
    }
}
