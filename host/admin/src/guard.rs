//! What surrounds every request: the token, what a browser must not do with an answer, and the log.

use crate::app::App;
use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};
use std::any::Any;
use std::time::Instant;
use subtle::ConstantTimeEq as _;

/// What needs no token: nothing in it is confidential, and a probe has none.
pub(crate) const OPEN: [&str; 3] = ["/healthz", "/readyz", "/openapi.json"];

pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let allowed = OPEN.contains(&path.as_str()) || has_token(request.headers(), &app.token);
    let mut response = if allowed {
        next.run(request).await
    } else {
        let detail = "a bearer token is needed: `Authorization: Bearer TOKEN`";
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let took_ms = began.elapsed().as_millis() as u64;
    tracing::debug!(%method, path, status = response.status().as_u16(), took_ms, "admin request");
    response
}

fn has_token(headers: &HeaderMap, token: &[u8; 32]) -> bool {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    // RFC 9110 §5.3: more than one is an error; taking either would be a guess.
    let (Some(value), None) = (given.next(), given.next()) else {
        return false;
    };
    let Some((scheme, credentials)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
        return false;
    };
    let offered: [u8; 32] = Sha256::digest(credentials.trim().as_bytes()).into();
    // RFC 9110 §11.1: the scheme is case-insensitive.
    scheme.eq_ignore_ascii_case("bearer") && bool::from(offered.ct_eq(token))
}

/// What becomes of a panic in a handler.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
    tracing::error!(text, "an admin handler panicked");
    let detail = "the fault is the host's; its log says more";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
}
