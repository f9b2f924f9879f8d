//! Bounds of what is sent, each refused with the name of its member.

use crate::problem::Problem;
use cordboard_core::ids::IdError;
use std::fmt::Display;

pub(crate) fn within<T: PartialOrd + Display + Copy>(field: &str, got: T, min: T, max: T) -> Result<(), Problem> {
    if got >= min && got <= max {
        Ok(())
    } else {
        Err(Problem::invalid("out-of-bounds", field, format!("{field} is {got}, not within {min} to {max}")))
    }
}

/// How many there are.
pub(crate) fn count(field: &str, got: usize, min: usize, max: usize) -> Result<(), Problem> {
    if (min..=max).contains(&got) {
        Ok(())
    } else {
        let detail = format!("{field} has {got} members, not {min} to {max}");
        Err(Problem::invalid("out-of-bounds", field, detail))
    }
}

/// A text of so many bytes, without control characters.
pub(crate) fn text(field: &str, text: &str, min: usize, max: usize) -> Result<(), Problem> {
    if !(min..=max).contains(&text.len()) {
        let detail = format!("{field} has {} bytes, not {min} to {max}", text.len());
        return Err(Problem::invalid("out-of-bounds", field, detail));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::invalid("out-of-bounds", field, format!("{field} has a control character")));
    }
    Ok(())
}

/// A name of one of the core's kinds.
pub(crate) fn name<T: TryFrom<String, Error = IdError>>(field: &str, name: String) -> Result<T, Problem> {
    T::try_from(name).map_err(|error| Problem::name(field, &error))
}

/// The same where there may be none.
pub(crate) fn name_opt<T: TryFrom<String, Error = IdError>>(
    field: &str,
    given: Option<String>,
) -> Result<Option<T>, Problem> {
    given.map(|given| name(field, given)).transpose()
}

/// Names of things the core has no type for: 1 to `max` of `a-z A-Z 0-9 . _ -`, the first a letter or digit.
pub(crate) fn plain_name(field: &str, name: &str, max: usize) -> Result<(), Problem> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.len() <= max && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(inner) {
        return Ok(());
    }
    let rule = format!("{field} must be 1 to {max} of a-z A-Z 0-9 . _ - and a letter or digit first");
    Err(Problem::invalid("invalid-name", field, rule))
}
