//! Problem details (RFC 9457): every answer that isn't success, apart from `/readyz`.

use crate::centre::Refusal;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cordboard_core::ids::IdError;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) const CONTENT_TYPE: &str = "application/problem+json";

/// Why a request was not done (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Details {
    /// Always `about:blank`: the code says more.
    #[schema(example = "about:blank")]
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// Stable, for programs: e.g. `not-found`, `out-of-bounds`, `unknown-key`, `in-use`.
    #[schema(example = "out-of-bounds")]
    code: &'static str,
    /// What is wrong, for people.
    detail: String,
    /// Which member of the body, parameter or header is wrong, e.g. `skills[0].min_level`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Where a body stops being JSON, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// The same within the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
}

/// A refusal on its way out.
#[derive(Debug)]
pub(crate) struct Problem(Box<Details>);

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Details {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Unknown"),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            field: None,
            line: None,
            column: None,
        }))
    }

    /// What was sent can be read, but not used.
    pub(crate) fn invalid(code: &'static str, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail).at(field)
    }

    /// A name or identifier that is none.
    pub(crate) fn name(field: impl Into<String>, error: &IdError) -> Self {
        Self::invalid("invalid-name", field, error.to_string())
    }

    /// Beyond a limit in bytes.
    pub(crate) fn too_large(what: &str, limit: u64) -> Self {
        let detail = format!("{what} is too large: at most {limit} bytes are allowed");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    /// Names what is wrong.
    pub(crate) fn at(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// The code, and what is named as wrong.
    #[cfg(test)]
    pub(crate) fn code_and_field(&self) -> (&'static str, &str) {
        (self.0.code, self.0.field.as_deref().unwrap_or_default())
    }

    /// Says where a body is wrong.
    pub(crate) fn position(mut self, line: usize, column: usize) -> Self {
        self.0.line = Some(line);
        self.0.column = Some(column);
        self
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let (status, code) = match refusal {
            Refusal::NotFound { .. } => (StatusCode::NOT_FOUND, "not-found"),
            Refusal::Invalid { code, .. } => (StatusCode::UNPROCESSABLE_ENTITY, code),
            Refusal::Conflict { .. } => (StatusCode::PRECONDITION_FAILED, "precondition-failed"),
            Refusal::InUse { .. } => (StatusCode::CONFLICT, "in-use"),
            Refusal::NoState { code, .. } => (StatusCode::CONFLICT, code),
            Refusal::NotNow(_) => (StatusCode::CONFLICT, "not-now"),
            Refusal::Erased(_) => (StatusCode::GONE, "erased"),
            Refusal::Unreadable { code, .. } => (StatusCode::CONFLICT, code),
            Refusal::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            Refusal::Busy(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Refusal::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Refusal::Internal(text) => {
                tracing::error!(%text, "an admin request failed");
                let detail = "the fault is the host's; its log says more";
                return Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail);
            }
        };
        Self::new(status, code, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self.0)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"cordboard\""));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
