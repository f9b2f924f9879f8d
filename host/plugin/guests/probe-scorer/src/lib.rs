//! A scorer for tests: its configuration says how it behaves, well or badly. Never deployed.

#![allow(unsafe_code, reason = "the generated bindings")]
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the exports use it"))]

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, clippy::expect_used)]
#[allow(clippy::indexing_slicing, clippy::panic)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../../wit/scorer/0.1.0", world: "cordboard:scorer/scorer", generate_all });
}

use bindings::cordboard::scorer::types::{Columns, ConfigureError, Score, ScoreError, Scores, Selection};
use bindings::wasi::config::store;
use std::cell::RefCell;

struct Probe;

// A native linker doesn't take the names of the exports.
#[cfg(target_arch = "wasm32")]
bindings::export!(Probe with_types_in bindings);

#[derive(Default)]
struct State {
    behaviour: String,
    width: usize,
    decisions: u32,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

impl bindings::exports::cordboard::scorer::guest::Guest for Probe {
    fn configure(offered: Columns) -> Result<Selection, ConfigureError> {
        let behaviour = store::get("behaviour").ok().flatten().unwrap_or_default();
        match behaviour.as_str() {
            "unconfigurable" => return Err(ConfigureError::Missing("x".into())),
            "unknown-column" => {
                return Ok(Selection { contact: vec!["nowhere".into()], agent: vec![], parts: vec![] });
            }
            _ => {}
        }
        let width = offered.contact.len().min(offered.agent.len());
        STATE.with_borrow_mut(|state| *state = State { behaviour, width, decisions: 0 });
        Ok(Selection {
            contact: offered.contact.into_iter().take(width).collect(),
            agent: offered.agent.into_iter().take(width).collect(),
            parts: vec!["sum".into(), "decisions".into()],
        })
    }

    fn score(contact: Vec<f32>, agents: Vec<f32>, with_parts: bool) -> Result<Scores, ScoreError> {
        STATE.with_borrow_mut(|state| {
            state.decisions += 1;
            let mut rows: Vec<Score> = agents
                .chunks(state.width.max(1))
                .map(|agent| agent.iter().zip(&contact).map(|(a, b)| a * b).sum::<f32>())
                .map(|sum| if sum < 0.0 { Score::Refuse } else { Score::Value(sum) })
                .collect();
            match state.behaviour.as_str() {
                "nan" => rows.fill(Score::Value(f32::NAN)),
                "infinite" => rows.fill(Score::Value(f32::INFINITY)),
                "few" => rows.truncate(1),
                "huge-error" => return Err(ScoreError::Other("x".repeat(1 << 20))),
                "huge" => return Ok(Scores { rows: vec![Score::Refuse; 1 << 20], parts: vec![] }),
                "rows" => rows.push(Score::Refuse),
                "trap" => trap(),
                "slow" => spin(),
                // Some tens of microseconds.
                "busy" => drop((0..50_000_u32).fold(0_u32, |sum, number| std::hint::black_box(sum ^ number))),
                "slow-later" if state.decisions > 4 => spin(),
                "refuse" => return Err(ScoreError::Other("not today".into())),
                "parts" => return Ok(Scores { rows, parts: vec![1.0] }),
                _ => {}
            }
            let part = |row: &Score| match row {
                Score::Value(value) => [*value, state.decisions as f32],
                Score::Refuse => [0.0, state.decisions as f32],
            };
            let parts = if with_parts { rows.iter().flat_map(part).collect() } else { Vec::new() };
            Ok(Scores { rows, parts })
        })
    }
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

#[allow(clippy::panic, reason = "what it is for")]
fn trap() {
    panic!("a probe traps")
}
