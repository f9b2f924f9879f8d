//! Extractors that refuse with problem details.

use crate::problem::Problem;
use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use cordboard_core::ids::IdError;
use http_body_util::BodyExt as _;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

/// No JSON body is larger.
pub(crate) const MAX_JSON_BYTES: u64 = 1 << 20;
/// A body has to be there by then.
const JSON_WITHIN: Duration = Duration::from_secs(20);
const UPLOAD_WITHIN: Duration = Duration::from_secs(120);
/// So much of a body that is too large is read and dropped: a client that sends all before it listens gets to hear
/// why.
const DRAIN_BYTES: u64 = 64 << 20;

/// A JSON body: 400 if it isn't JSON, 422 if it isn't what is wanted, each saying where.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        media_type(request.headers(), &["application/json"])?;
        let bytes = read(request.into_body(), "the body", MAX_JSON_BYTES, JSON_WITHIN).await?;
        parse(&bytes).map(Json)
    }
}

/// The same where an empty body is as good as an empty object.
pub(crate) struct JsonOrNothing<T>(pub(crate) T);

impl<T: DeserializeOwned + Default, S: Sync> FromRequest<S> for JsonOrNothing<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let bytes = read(request.into_body(), "the body", MAX_JSON_BYTES, JSON_WITHIN).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        media_type(&headers, &["application/json"])?;
        parse(&bytes).map(Self)
    }
}

/// A body of bytes, of one of these types.
pub(crate) async fn upload(request: Request, types: &[&str], what: &str, limit: u64) -> Result<Bytes, Problem> {
    media_type(request.headers(), types)?;
    read(request.into_body(), what, limit, UPLOAD_WITHIN).await
}

/// Refuses a stated type that is none of these; one that isn't stated is taken for the first.
fn media_type(headers: &HeaderMap, types: &[&str]) -> Result<(), Problem> {
    let Some(given) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let essence = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if types.iter().any(|known| known.eq_ignore_ascii_case(essence)) {
        return Ok(());
    }
    let detail = format!("the content type must be {}", types.join(" or "));
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail).at("Content-Type"))
}

async fn read(mut body: Body, what: &str, limit: u64, within: Duration) -> Result<Bytes, Problem> {
    let claimed = body.size_hint().lower();
    if claimed > limit.saturating_add(DRAIN_BYTES) {
        return Err(Problem::too_large(what, limit));
    }
    let reading = async {
        let mut bytes = BytesMut::new();
        let mut total = 0u64;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                Problem::new(StatusCode::BAD_REQUEST, "broken-body", format!("the body broke off: {error}"))
            })?;
            let Ok(data) = frame.into_data() else { continue };
            total = total.saturating_add(data.len() as u64);
            if total > limit.saturating_add(DRAIN_BYTES) {
                break;
            }
            if total.max(claimed) <= limit {
                bytes.extend_from_slice(&data);
            } else {
                bytes = BytesMut::new();
            }
        }
        if total > limit { Err(Problem::too_large(what, limit)) } else { Ok(bytes.freeze()) }
    };
    tokio::time::timeout(within, reading).await.unwrap_or_else(|_| {
        Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "request-timeout", "the body took too long to arrive"))
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let Members(value) = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        refused(error.inner(), (path != ".").then_some(path))
    })?;
    reader.end().map_err(|error| refused(&error, None))?;
    Ok(value)
}

/// Something that is an object in JSON. A derived type alone would take its members from an array as well, in the order
/// they happen to have in Rust.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Members<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Members<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfObject<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OfObject<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }

        deserializer.deserialize_map(OfObject(PhantomData)).map(Members)
    }
}

fn refused(error: &serde_json::Error, path: Option<String>) -> Problem {
    let text = error.to_string();
    if !error.is_data() {
        return Problem::new(StatusCode::BAD_REQUEST, "malformed-json", format!("the body is not JSON: {text}"))
            .position(error.line(), error.column());
    }
    let unknown = text.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`')).map(|(name, _)| name);
    let (code, field) = match unknown {
        // The path may or may not end with the key itself.
        Some(key) => ("unknown-key", Some(path.filter(|path| path.ends_with(key)).unwrap_or_else(|| key.to_owned()))),
        None => ("invalid-body", path),
    };
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, text).position(error.line(), error.column());
    match field {
        Some(field) => problem.at(field),
        None => problem,
    }
}

/// The one identifier in a path.
pub(crate) struct Named<T>(pub(crate) T);

impl<T: FromStr<Err = IdError>, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Segments(text) = Segments::<String>::from_request_parts(parts, state).await?;
        text.parse().map(Named).map_err(|error: IdError| Problem::name(error.what, &error))
    }
}

/// The variable parts of a path as text, percent-decoded.
pub(crate) struct Segments<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(segments)) => Ok(Self(segments)),
            Err(wrong) => Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-path", wrong.body_text())),
        }
    }
}

/// The query, with unknown parameters refused.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(wrong) => {
                let text = wrong.body_text();
                let unknown = text.split_once("unknown field `").and_then(|(_, rest)| rest.split_once('`'));
                Err(match unknown {
                    Some((name, _)) => Problem::invalid("unknown-parameter", name, text.clone()),
                    None => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-query", text),
                })
            }
        }
    }
}

/// A parameter's value, parsed; its name in the refusal.
pub(crate) fn parameter<T: FromStr<Err: std::fmt::Display>>(
    name: &str,
    text: Option<String>,
) -> Result<Option<T>, Problem> {
    text.map(|text| text.parse().map_err(|error| Problem::invalid("invalid-query", name, format!("{name}: {error}"))))
        .transpose()
}
