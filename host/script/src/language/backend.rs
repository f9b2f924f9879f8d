//! What back-ends answer to the requests that a flow sends itself.

use super::ScriptError;
use super::part::Scalar;
use super::step::{At, Pairs};
use super::time::Span;
use super::words::{Short, Value, Words, short_or_long};
use super::world::not_more;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer};
use std::borrow::Cow;

/// Statuses that end an exchange (RFC 9110 §15): what is below only says that more will come.
const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;

/// What a back-end answers to a request.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackendRow {
    /// `GET`, `POST`, …. Default: any.
    pub method: Option<Value>,
    /// The whole URL, or a pattern. Default: any.
    pub url: Option<Value>,
    /// What the request's body contains. Default: anything.
    pub body: Option<Words>,
    /// The response: its status, or more of it.
    pub answers: Option<Response>,
    /// There is none. Of `timeout` without `after` nothing is ever heard.
    pub fails: Option<FetchFails>,
    /// After so long. Default: 50ms.
    pub after: Option<Span>,
    /// It answers only so often; then the next row that fits does.
    pub times: Option<u32>,
}

/// The response of a back-end.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// As HTTP has it.
    pub status: u16,
    /// All that there are; the flow gets those that it wants.
    pub headers: Vec<(String, String)>,
    /// As it is sent.
    pub body: String,
}

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ResponseMembers {
    /// Default: 200.
    #[schemars(range(min = 200, max = 599))]
    status: Option<u16>,
    /// All that there are; the flow gets those that it wants.
    #[schemars(with = "Option<std::collections::BTreeMap<String, Scalar>>")]
    headers: Option<Pairs<String>>,
    /// As it is sent. Default: nothing.
    #[schemars(with = "Option<Scalar>")]
    body: Option<String>,
    /// The same as JSON, with its content type.
    json: Option<serde_json::Value>,
}

/// Why a request has no response: the errors of the contract, but for `ended`, which comes of hanging up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FetchFails {
    /// None in time.
    Timeout,
    /// Too many are under way.
    Busy,
    /// The operator doesn't grant it.
    NotGranted,
    /// The response is larger than it may be.
    TooLarge,
    /// It was sent, and whether it was done is unknown.
    UnknownOutcome,
    /// There is no connection.
    Unavailable,
    /// Something is wrong with it.
    Invalid,
    /// Anything else.
    Other,
}

impl Short for Response {
    const EXPECTED: &'static str = "a status, or {status: …, headers: …, body: …, json: …}";

    fn short(text: &str) -> Result<Self, String> {
        let status = text.parse().map_err(|_| format!("`{text}` is no status such as 200"))?;
        Ok(Self { status, headers: Vec::new(), body: String::new() })
    }
}

impl TryFrom<ResponseMembers> for Response {
    type Error = String;

    fn try_from(members: ResponseMembers) -> Result<Self, String> {
        let ResponseMembers { status, headers, body, json } = members;
        let mut headers: Vec<(String, String)> = headers
            .map_or_else(Vec::new, |headers| headers.0)
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        let body = match (body, json) {
            (Some(_), Some(_)) => return Err("a response has either `body` or `json`".into()),
            (body, None) => body.unwrap_or_default(),
            (None, Some(json)) => {
                if !headers.iter().any(|(name, _)| name == "content-type") {
                    headers.push(("content-type".into(), "application/json".into()));
                }
                json.to_string()
            }
        };
        Ok(Self { status: status.unwrap_or(200), headers, body })
    }
}

impl<'de> Deserialize<'de> for Response {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        short_or_long::<D, Self, ResponseMembers>(deserializer)
    }
}

impl JsonSchema for Response {
    fn schema_name() -> Cow<'static, str> {
        "Response".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (least, most) = (STATUSES.start(), STATUSES.end());
        let status =
            json_schema!({ "description": "Its status.", "type": "integer", "minimum": least, "maximum": most });
        json_schema!({ "anyOf": [status, ResponseMembers::json_schema(generator)] })
    }
}

/// The rows, checked.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn rows_of(rows: Vec<At<BackendRow>>) -> Result<Vec<BackendRow>, ScriptError> {
    not_more(&rows, "rows of back-ends")?;
    for row in &rows {
        check(&row.what).map_err(|why| ScriptError::at(row, why))?;
    }
    Ok(rows.into_iter().map(|row| row.what).collect())
}

fn check(row: &BackendRow) -> Result<(), String> {
    if row.answers.is_some() == row.fails.is_some() {
        return Err("a back-end either `answers` or `fails`".into());
    }
    if let Some(url) = row.url.as_ref().and_then(Value::plain)
        && !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme))
    {
        return Err(format!("`{url}` is neither a URL with http:// or https:// nor a pattern between slashes"));
    }
    let Some(response) = &row.answers else { return Ok(()) };
    if !STATUSES.contains(&response.status) {
        return Err(format!("{} is no status of a response, 200 to 599", response.status));
    }
    for (name, value) in &response.headers {
        // RFC 9110 §5.6.2: a token.
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) || value.chars().any(char::is_control) {
            return Err(format!("`{name}` is no header, or its value none of one"));
        }
    }
    Ok(())
}
