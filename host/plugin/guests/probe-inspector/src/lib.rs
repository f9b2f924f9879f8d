//! An inspector for tests: its configuration says how it behaves, well or badly. Never deployed.
//!
//! Well behaved, it finds the word `promise`, and takes capital letters for anger.

#![allow(unsafe_code, reason = "the generated bindings")]
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the exports use it"))]

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, clippy::expect_used)]
#[allow(clippy::indexing_slicing, clippy::panic)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../../../wit/inspector/0.1.0",
        world: "cordboard:inspector/inspector",
        generate_all,
    });
}

use bindings::cordboard::inspector::types::{
    ConfigureError, Emotion, Finding, InspectError, Inspection, Rule, Selection, Severity, Span, Speaker, Summary,
    Talk, Turn,
};
use bindings::wasi::config::store;

struct Probe;

// A native linker doesn't take the names of the exports.
#[cfg(target_arch = "wasm32")]
bindings::export!(Probe with_types_in bindings);

const WORD: &str = "promise";

fn behaviour() -> String {
    store::get("behaviour").ok().flatten().unwrap_or_default()
}

impl bindings::exports::cordboard::inspector::guest::Guest for Probe {
    fn configure(offered: Vec<String>) -> Result<Selection, ConfigureError> {
        let rule = |id: &str| Rule { id: id.into(), title: format!("Someone said {id}") };
        let rules = match behaviour().as_str() {
            "unconfigurable" => return Err(ConfigureError::Invalid("as asked".into())),
            "same-rule" => vec![rule(WORD), rule(WORD)],
            _ => vec![rule(WORD)],
        };
        let attributes = offered.into_iter().take(1).collect();
        Ok(Selection { attributes, rules, emotions: vec!["anger".into()], parts: vec!["promises".into()] })
    }

    fn inspect(talk: Talk, turns: Vec<Turn>, first_new: u32) -> Result<Inspection, InspectError> {
        let new: Vec<&Turn> = turns.iter().filter(|turn| turn.index >= first_new).collect();
        let mut findings: Vec<Finding> = new.iter().filter_map(|turn| found(turn)).collect();
        let mut emotions = vec![Emotion { speaker: Speaker::Person, numbers: vec![anger(&new)] }];
        match behaviour().as_str() {
            "unknown-rule" => findings.iter_mut().for_each(|finding| finding.rule = "other".into()),
            "unknown-turn" => findings.iter_mut().for_each(|finding| finding.turn = 9999),
            "span" => findings.iter_mut().for_each(|finding| finding.span = Some(Span { start: 0, end: u32::MAX })),
            "flood" => findings = turns.iter().cycle().take(65).map(plain).collect(),
            "nan" => emotions = vec![Emotion { speaker: Speaker::Agent, numbers: vec![f32::NAN] }],
            "huge" => findings.iter_mut().for_each(|finding| finding.note = Some("x".repeat(5 << 20))),
            "trap" => trap(),
            "loop" => loop {
                std::hint::black_box(&talk);
            },
            "language" => return Err(InspectError::Unsupported(talk.language.unwrap_or_default())),
            _ => {}
        }
        Ok(Inspection { findings, emotions })
    }

    fn summarise(talk: Talk, turns: Vec<Turn>, told: Vec<Finding>) -> Result<Summary, InspectError> {
        let findings: Vec<Finding> = turns.iter().filter_map(found).collect();
        let part = 100.0 - findings.len() as f32;
        let text = Some(format!("{:?}, {} told before", talk.attributes, told.len()));
        let parts = if behaviour() == "parts" { vec![] } else { vec![Some(part)] };
        Ok(Summary { parts, review: !findings.is_empty(), findings, text })
    }
}

fn plain(turn: &Turn) -> Finding {
    Finding {
        rule: WORD.into(),
        severity: Severity::Warning,
        turn: turn.index,
        span: None,
        confidence: 1.0,
        note: None,
        prompt: Some("Keep it.".into()),
    }
}

fn found(turn: &Turn) -> Option<Finding> {
    let start = u32::try_from(turn.text.find(WORD)?).ok()?;
    Some(Finding { span: Some(Span { start, end: start + WORD.len() as u32 }), ..plain(turn) })
}

fn anger(turns: &[&Turn]) -> f32 {
    let letters = || turns.iter().flat_map(|turn| turn.text.chars()).filter(|c| c.is_alphabetic());
    let capitals = letters().filter(|c| c.is_uppercase()).count();
    capitals as f32 / letters().count().max(1) as f32
}

#[allow(clippy::panic, reason = "what it is for")]
fn trap() {
    panic!("a probe traps")
}
