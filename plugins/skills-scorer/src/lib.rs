//! Skills scorer: who suits this contact? Skills first, then the longest idle, the least burdened, the agents for
//! valued customers, and whatever numbers contacts and agents have in common.
//!
//! [`scoring`] is the rule itself, free of the component model: the same function is tested and measured natively.
//! Here is only what joins it to the scorer contract (`wit/scorer`).

pub mod scoring;

mod bindings {
    #![allow(unsafe_code, reason = "generated: the component model's calling convention")]
    #![allow(clippy::all, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "generated")]
    wit_bindgen::generate!({ path: "../../wit/scorer/0.1.0", world: "scorer", generate_all });
    // A native linker doesn't take the names of the exports.
    #[cfg(target_arch = "wasm32")]
    export!(SkillsScorer with_types_in self);
    #[cfg(target_arch = "wasm32")]
    use super::SkillsScorer;
}

use bindings::cordboard::scorer::types::{Columns, ConfigureError, Score, ScoreError, Scores, Selection};
use bindings::exports::cordboard::scorer::guest::Guest;
use bindings::wasi::config::store;
use scoring::{PARTS, Plan, PlanError, Weights, score_agents};
use std::cell::RefCell;

thread_local! {
    /// Made by `configure`, and the same for every decision after it.
    static PLAN: RefCell<Option<Plan>> = const { RefCell::new(None) };
}

/// What the component exports.
#[derive(Debug)]
pub struct SkillsScorer;

impl Guest for SkillsScorer {
    fn configure(offered: Columns) -> Result<Selection, ConfigureError> {
        let set = store::get("weights").map_err(|error| ConfigureError::Other(error.to_string()))?;
        let weights = Weights::parse(set.as_deref().unwrap_or("")).map_err(ConfigureError::Invalid)?;
        let plan = Plan::new(weights, &offered.contact, &offered.agent).map_err(|error| match error {
            PlanError::Missing(column) => ConfigureError::Missing(column),
        })?;
        let selection = Selection {
            contact: plan.contact_columns().to_vec(),
            agent: plan.agent_columns().to_vec(),
            parts: PARTS.map(String::from).to_vec(),
        };
        PLAN.set(Some(plan));
        Ok(selection)
    }

    fn score(contact: Vec<f32>, agents: Vec<f32>, with_parts: bool) -> Result<Scores, ScoreError> {
        PLAN.with_borrow(|plan| {
            let plan = plan.as_ref().ok_or_else(|| ScoreError::Invalid("not configured".into()))?;
            let scored = score_agents(plan, &contact, &agents, with_parts)
                .map_err(|error| ScoreError::Invalid(error.to_string()))?;
            let rows = scored.rows.into_iter().map(|row| row.map_or(Score::Refuse, Score::Value)).collect();
            Ok(Scores { rows, parts: scored.parts })
        })
    }
}
