//! Problem details (RFC 9457) as a host answers with, and what to do about them.

use crate::tame;
use serde_json::Value;
use std::fmt;

/// Why a host didn't do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// Stable, for programs: `not-found`, `unsigned`, …
    pub code: String,
    /// What is wrong, for people.
    pub detail: String,
    /// Which member of the body, parameter or header is wrong.
    pub field: Option<String>,
}

impl Problem {
    /// Reads a body; none if it is no problem of a host's.
    pub(crate) fn read(status: u16, body: &Value) -> Option<Self> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(tame);
        Some(Self { status, code: text("code")?, detail: text("detail")?, field: text("field") })
    }

    /// What to do next.
    pub fn next(&self) -> &'static str {
        match (self.status, self.code.as_str()) {
            (401, _) => {
                "give the token of this host: --token-file, CORDBOARD_TOKEN, or `token_file` in client.toml; \
                 `cordboard serve` keeps it as `admin-token` in its data folder"
            }
            (403, _) => "ask whoever runs the host for a token that may do this",
            (404, "no-route") => "bring the host up to date: it doesn't know this yet",
            (404, _) => "check the name; `cordboard plugin list` tells which plugins and deployments there are",
            (409, "in-use") => "let what is named above use something else first",
            (409, "no-predecessor" | "no-step" | "no-state" | "state-gone") => {
                "see which steps there are: `cordboard deployment history NAME`; `deployment rollback NAME --to STEP` goes to one"
            }
            (409, _) => "wait until that is no longer so, then run it again",
            (412, _) => {
                "someone else changed it meanwhile, and it stays as they left it: look at it (`cordboard deployment show NAME` \
                 and `history NAME`, if it is one), then run this again"
            }
            (413, _) => {
                "make it smaller (`cordboard plugin check` tells its size), or let the operator raise `[admin] max_upload_mib`"
            }
            (422, "unsigned") => "sign it: `--key FILE`, of a key that the operator trusts (`cordboard plugin keygen`)",
            (422, "untrusted-key") => "the operator adds the key's public part to `[plugins] trusted_keys`",
            (422, "invalid-config") => "say what the manifest wants: `--config NAME=VALUE`",
            (422, "unknown-version") => "build it for a contract that this host knows, or bring the host up to date",
            (422, "world-changed") => "choose another deployment: `--deployment NAME`",
            (422, "compile-timeout" | "compile-limit") => {
                "make the component smaller, or let the operator raise `plugins.compile_timeout_s`"
            }
            (422, "weights-sum" | "stages-fall" | "rule-never-matches" | "unknown-figure" | "invalid-hours") => {
                "put the plan right: `--stages`, or the file of `--plan`; `cordboard openapi` has its form"
            }
            (422, "same-version") => "try another component, or another configuration: `--config NAME=VALUE`",
            (422, "trial-failed") => "find out why with `cordboard plugin test`, then push what you put right",
            (400 | 415 | 422, _) => "put that right; `cordboard plugin check` tells what a host will say of a plugin",
            (429 | 503 | 504, _) => "try again in a moment; /readyz and the log of the host say what is wrong",
            (500.., _) => "the log of the host says more",
            _ => "see `cordboard openapi`: is the host of the same version as this program?",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, code, detail, field } = self;
        match field {
            Some(field) => write!(f, "{detail} ({status} {code}, at `{field}`)"),
            None => write!(f, "{detail} ({status} {code})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_refusal_has_a_next_step() {
        for (status, code, next) in [
            (401, "unauthorized", "--token-file"),
            (403, "forbidden", "a token that may"),
            (404, "not-found", "plugin list"),
            (404, "no-route", "up to date"),
            (409, "in-use", "use something else first"),
            (409, "not-now", "wait until"),
            (409, "no-step", "deployment history"),
            (412, "precondition-failed", "as they left it"),
            (413, "too-large", "max_upload_mib"),
            (422, "unsigned", "--key FILE"),
            (422, "untrusted-key", "trusted_keys"),
            (422, "invalid-config", "--config"),
            (422, "unknown-version", "up to date"),
            (422, "malformed-component", "plugin check"),
            (422, "weights-sum", "--plan"),
            (422, "same-version", "another configuration"),
            (503, "busy", "in a moment"),
            (500, "internal", "the log"),
            (418, "teapot", "same version"),
        ] {
            let problem = Problem::read(status, &json!({ "code": code, "detail": "so it is" })).unwrap();
            assert!(problem.next().contains(next), "{status} {code}: {}", problem.next());
            assert_eq!(problem.to_string(), format!("so it is ({status} {code})"));
        }
    }

    #[test]
    fn what_is_no_problem_is_none() {
        assert_eq!(Problem::read(404, &Value::Null), None);
        assert_eq!(Problem::read(404, &json!({ "code": 1, "detail": "x" })), None);
        let with_field = json!({ "code": "out-of-bounds", "detail": "too many\u{7}", "field": "numbers" });
        let shown = Problem::read(422, &with_field).unwrap().to_string();
        assert_eq!(shown, "too many\u{fffd} (422 out-of-bounds, at `numbers`)");
    }
}
