//! The language of conversation scripts: YAML, read with the place of everything that can be wrong.

mod backend;
mod case;
mod part;
mod schema;
mod step;
mod time;
mod words;
mod world;

pub use backend::{BackendRow, FetchFails, Response};
pub(crate) use case::default_directory;
pub use case::{Caller, Case, Ends};
pub use part::{LookupFails, Part, Person, Row, ValuesFail};
pub use schema::schema;
pub use step::{
    Asked, At, Chose, Drew, Fails, Fetched, Keys, LeftQueue, Loaded, LookedUp, Pairs, Queued, Refused, Step,
};
pub use time::{DAY_MS, DayTime, MORNING, Span};
pub use words::{Value, Words};
pub use world::{AgentPlan, Manner};
pub(crate) use world::{FLOW, NOBODY};

/// The largest script, in bytes.
pub const MAX_SCRIPT_BYTES: usize = 256 << 10;
/// Cases of a script.
pub const MAX_CASES: usize = 200;

/// What is wrong with a script, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct ScriptError {
    /// Counted from 1.
    pub line: u64,
    /// Counted from 1.
    pub column: u64,
    /// What is wrong, in words for its author.
    pub reason: String,
}

impl ScriptError {
    fn at<T>(place: &At<T>, reason: impl Into<String>) -> Self {
        Self { line: place.line, column: place.column, reason: reason.into() }
    }
}

/// A script: one conversation, or one for each of its cases.
#[derive(Clone, Debug)]
pub struct Script {
    /// At least one.
    pub cases: Vec<Case>,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(text: &str) -> Result<Self, ScriptError> {
        if text.len() > MAX_SCRIPT_BYTES {
            let reason = format!("the script has {} bytes, at most {MAX_SCRIPT_BYTES} are read", text.len());
            return Err(ScriptError { line: 1, column: 1, reason });
        }
        let read = || serde_saphyr::from_str_with_options(text, options());
        let whole: At<Part> = words::reading(text, read).map_err(|error| told(&error))?;
        let (line, column, mut common) = (whole.line, whole.column, whole.what);
        let cases = common.cases.take().unwrap_or_default();
        let whole = At { line, column, what: common };
        if cases.is_empty() {
            return Ok(Self { cases: vec![Case::new(whole)?] });
        }
        if let Some(one) = cases.get(MAX_CASES) {
            return Err(ScriptError::at(one, format!("{} cases, at most {MAX_CASES} are played", cases.len())));
        }
        let mut read: Vec<Case> = Vec::with_capacity(cases.len());
        for case in cases {
            let place = At { line: case.line, column: case.column, what: () };
            let Some(name) = case.what.name.clone() else {
                return Err(ScriptError::at(&place, "a case needs a `name`"));
            };
            if case.what.cases.is_some() {
                return Err(ScriptError::at(&place, "a case has no cases of its own"));
            }
            if read.iter().any(|before| before.name.as_ref() == Some(&name)) {
                return Err(ScriptError::at(&place, format!("there is a case `{name}` already")));
            }
            read.push(Case::new(At { line: case.line, column: case.column, what: whole.what.with(case.what) })?);
        }
        Ok(Self { cases: read })
    }
}

fn options() -> serde_saphyr::Options {
    let mut options = serde_saphyr::Options::default();
    options.with_snippet = false;
    // `0123` are keys, `on` and `off` are texts.
    options.leading_zero_numbers_as_strings = true;
    options.strict_booleans = true;
    if let Some(budget) = &mut options.budget {
        budget.max_events = 100_000;
        budget.max_nodes = 50_000;
        budget.max_depth = 24;
        budget.max_documents = 1;
        budget.max_total_scalar_bytes = 4 << 20;
        budget.max_recorded_anchor_events = 50_000;
        budget.max_recorded_anchor_bytes = 4 << 20;
        budget.max_merge_keys = 1_000;
    }
    options
}

/// The library's error in the words of ours: its place apart from its text.
fn told(error: &serde_saphyr::Error) -> ScriptError {
    let place = error.location();
    let (line, column) = place.map_or((1, 1), |place| (place.line().max(1), place.column().max(1)));
    let mut reason = error.without_snippet().to_string();
    for tail in [format!(" at line {line}, column {column}"), format!(" (line {line}, column {column})")] {
        if let Some(rest) = reason.strip_suffix(&tail) {
            reason.truncate(rest.len());
        }
    }
    // Advice for those who call the library.
    if reason.starts_with("cannot deserialize null into string") {
        reason = "there is nothing here where a text is expected".into();
    }
    if let Some((before, _)) = reason.split_once(", set DuplicateKeyPolicy") {
        reason.truncate(before.len());
    }
    ScriptError { line, column, reason }
}

#[cfg(test)]
mod tests;
