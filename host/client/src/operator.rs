//! Who a client says that it is, for the history of deployments: a flag before the environment before `client.toml` before the
//! login name.

use crate::error::ClientError;
use crate::hosts::Surroundings;

/// What a host takes itself for.
const HOST: &str = "cordboard";
/// What a login name of the same name becomes.
const NOT_HOST: &str = "cordboard-login";
const MAX_BYTES: usize = 64;

/// The name, if there is any.
pub(crate) fn operator(
    flag: Option<&str>,
    of_file: Option<&str>,
    around: &Surroundings,
) -> Result<Option<String>, ClientError> {
    for (said, place) in
        [(flag, "--as"), (around.variable("CORDBOARD_OPERATOR"), "CORDBOARD_OPERATOR"), (of_file, "client.toml")]
    {
        if let Some(name) = said {
            return checked(name).map(Some).ok_or_else(|| ClientError::BadOperator(place));
        }
    }
    Ok(around.variable("USER").or_else(|| around.variable("LOGNAME")).and_then(sanitised))
}

/// A name as a host takes it: 1 to 64 visible ASCII characters, and not its own.
fn checked(name: &str) -> Option<String> {
    let name = name.trim();
    let good = (1..=MAX_BYTES).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    (good && name != HOST).then(|| name.to_owned())
}

/// What nobody chose for this is made to fit.
fn sanitised(login: &str) -> Option<String> {
    let fit = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    let name: String = login.trim().chars().take(MAX_BYTES).map(fit).collect();
    if name == HOST { Some(NOT_HOST.into()) } else { checked(&name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_says_it_names_the_operator() {
        type Case<'c> = (Option<&'c str>, Option<&'c str>, &'c [(&'c str, &'c str)], Result<Option<&'c str>, &'c str>);
        let (env, login) = (("CORDBOARD_OPERATOR", "ci/7"), ("USER", "ann"));
        let table: [Case<'_>; 13] = [
            (Some("bob"), Some("file"), &[env, login], Ok(Some("bob"))),
            (None, Some("file"), &[env, login], Ok(Some("ci/7"))),
            (None, Some("file"), &[("CORDBOARD_OPERATOR", ""), login], Ok(Some("file"))),
            (None, None, &[login], Ok(Some("ann"))),
            (None, None, &[("LOGNAME", "eve")], Ok(Some("eve"))),
            (None, None, &[], Ok(None)),
            // A login name is made to fit, what somebody chose isn't.
            (None, None, &[("USER", "DOM\\jörg b")], Ok(Some("DOM\\j_rg_b"))),
            (None, None, &[("USER", "cordboard")], Ok(Some("cordboard-login"))),
            (None, None, &[("USER", " ")], Ok(None)),
            (Some("jörg"), None, &[login], Err("--as is no operator")),
            (Some(""), None, &[login], Err("--as is no operator")),
            (None, None, &[("CORDBOARD_OPERATOR", "cordboard"), login], Err("CORDBOARD_OPERATOR is no operator")),
            (None, Some("a b"), &[login], Err("client.toml is no operator")),
        ];
        for (flag, file, variables, expected) in table {
            let mut around = Surroundings::default();
            around.variables.extend(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
            let got = operator(flag, file, &around).map_err(|error| error.to_string());
            match expected {
                Ok(name) => assert_eq!(got, Ok(name.map(Into::into)), "{flag:?} {file:?} {variables:?}"),
                Err(why) => assert!(got.as_ref().is_err_and(|said| said.contains(why)), "{got:?}"),
            }
        }
        let long = operator(
            None,
            None,
            &Surroundings { variables: [("USER".to_owned(), "x".repeat(100))].into(), ..Surroundings::default() },
        );
        assert_eq!(long.unwrap().map(|name| name.len()), Some(64));
    }
}
