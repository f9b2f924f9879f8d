//! `cordboard:scorer@0.1.0`.

#[allow(missing_docs, unreachable_pub, clippy::pedantic, clippy::unwrap_used, clippy::expect_used)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/scorer/0.1.0",
        world: "cordboard:scorer/scorer",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "wasi:config": crate::bindings::wasi::config,
            "wasi:logging": crate::bindings::wasi::logging,
        },
    });
}

pub(crate) use generated::cordboard::scorer::types;
pub(crate) use generated::{Scorer, ScorerPre};

use crate::guest::Guest;

impl<R: Send + 'static> types::Host for Guest<R> {}

/// The text of a refusal to be configured.
pub(crate) fn configure_error(error: types::ConfigureError) -> String {
    match error {
        types::ConfigureError::Missing(column) => format!("it needs the column `{column}`, which there isn't"),
        types::ConfigureError::Invalid(text) => format!("its configuration is wrong: {text}"),
        types::ConfigureError::Other(text) => text,
    }
}

/// The text of a refusal to score.
pub(crate) fn score_error(error: types::ScoreError) -> String {
    match error {
        types::ScoreError::Invalid(text) => format!("the input doesn't fit: {text}"),
        types::ScoreError::Other(text) => text,
    }
}
