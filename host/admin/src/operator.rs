//! Who asks: one token is all there is, so clients name themselves.

use crate::bounds;
use crate::centre::Expected;
use crate::etag::Precondition;
use crate::history::Order;
use crate::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use cordboard_core::history::Operator;
use cordboard_core::ids::IdError;

/// The header with the name.
const HEADER: &str = "Cordboard-Operator";
/// The longest reason, in bytes.
const MAX_WHY_BYTES: usize = 1_000;

/// Who asks for a change, and what it expects to find, from the headers.
pub(crate) struct Ordered {
    by: Operator,
    expected: Expected,
}

impl Ordered {
    /// The order, with a reason from wherever it stands.
    pub(crate) fn because(self, why: Option<String>) -> Result<Order, Problem> {
        if let Some(why) = &why {
            bounds::text("reason", why, 1, MAX_WHY_BYTES)?;
        }
        Ok(Order { expected: self.expected, by: self.by, why })
    }
}

impl<S: Sync> FromRequestParts<S> for Ordered {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Precondition(expected) = Precondition::from_request_parts(parts, state).await?;
        let mut names = parts.headers.get_all(HEADER).iter();
        let by = match (names.next(), names.next()) {
            (None, _) => Operator::unnamed(),
            (Some(name), None) => {
                let text = String::from_utf8_lossy(name.as_bytes());
                Operator::client(text.trim()).map_err(|error| wrong(&error))?
            }
            (Some(_), Some(_)) => {
                let detail = format!("{HEADER} must be given once");
                return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-operator", detail).at(HEADER));
            }
        };
        Ok(Self { by, expected })
    }
}

fn wrong(error: &IdError) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid-operator", error.to_string()).at(HEADER)
}
