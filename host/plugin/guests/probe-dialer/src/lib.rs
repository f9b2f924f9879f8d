//! A dialer for tests: its configuration says how it behaves, well or badly. Never deployed.

#![allow(unsafe_code, reason = "the generated bindings")]
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the exports use it"))]

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, clippy::expect_used)]
#[allow(clippy::indexing_slicing, clippy::panic)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../../wit/dialer/0.1.0", world: "cordboard:dialer/dialer", generate_all });
}

use bindings::cordboard::dialer::types::{
    Columns, ConfigureError, DialError, Figures, Lead, NextTry, Outcome, Proposal, Selection,
};
use bindings::wasi::config::store;
use bindings::wasi::http::outgoing_handler;
use bindings::wasi::http::types::{Fields, OutgoingRequest, Scheme};
use std::cell::RefCell;

struct Probe;

// A native linker doesn't take the names of the exports.
#[cfg(target_arch = "wasm32")]
bindings::export!(Probe with_types_in bindings);

thread_local! {
    static CALLS: RefCell<u32> = const { RefCell::new(0) };
}

fn config(name: &str) -> String {
    store::get(name).ok().flatten().unwrap_or_default()
}

impl bindings::exports::cordboard::dialer::guest::Guest for Probe {
    fn configure(offered: Columns) -> Result<Selection, ConfigureError> {
        let reasons = vec!["calls".to_owned(), "free".to_owned()];
        match config("behaviour").as_str() {
            "unconfigurable" => Err(ConfigureError::Missing("age".into())),
            "unknown-column" => Ok(Selection { columns: vec!["nowhere".into()], reasons }),
            "many-reasons" => Ok(Selection { columns: vec![], reasons: vec!["r".into(); 17] }),
            _ => Ok(Selection { columns: offered.into_iter().take(1).collect(), reasons }),
        }
    }

    fn propose(figures: Figures, leads: Vec<Lead>) -> Result<Proposal, DialError> {
        let calls = CALLS.with_borrow_mut(|calls| {
            *calls += 1;
            *calls
        });
        // The best are those with the highest number.
        let mut ranked: Vec<&Lead> = leads.iter().collect();
        let worth = |lead: &Lead| lead.numbers.first().copied().unwrap_or_default();
        ranked.sort_by(|a, b| worth(b).total_cmp(&worth(a)));
        let mut order: Vec<String> = ranked.iter().map(|lead| lead.id.clone()).collect();
        let mut dial = figures.agents_ready.saturating_sub(figures.ringing);
        let mut reasons = vec![calls as f32, figures.agents_ready as f32];
        let mut again_ms = 1000;
        match config("behaviour").as_str() {
            "greedy" => dial = u32::MAX,
            "invent" => order.push("nobody".into()),
            "twice" => order = vec![order.first().cloned().unwrap_or_default(); 2],
            "nan" => reasons = vec![f32::NAN; 2],
            "reasons" => reasons = vec![],
            "never-again" => again_ms = u32::MAX,
            "trap" => trap(),
            "refuse" => return Err(DialError::Unavailable("no model".into())),
            "slow" => loop {
                dial = std::hint::black_box(dial.wrapping_add(1));
            },
            "wait" => std::thread::sleep(std::time::Duration::from_secs(3600)),
            "ask" => ask(&config("place"))?,
            _ => {}
        }
        Ok(Proposal { dial, order, again_ms, reasons })
    }

    fn retry(lead: Lead, ended: Outcome, _: u64) -> Result<NextTry, DialError> {
        match (config("behaviour").as_str(), ended) {
            ("soon", _) => Ok(NextTry::AfterMs(1)),
            (_, Outcome::Busy) => Ok(NextTry::AfterMs(60_000 * u64::from(lead.attempts.max(1)))),
            (_, Outcome::NoAnswer | Outcome::Machine) => Ok(NextTry::AfterMs(3_600_000)),
            (_, other) => Ok(NextTry::Never(format!("{other:?}"))),
        }
    }
}

/// Sends a request to `host:port/path`; only that it could be sent matters.
fn ask(place: &str) -> Result<(), DialError> {
    let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    let request = OutgoingRequest::new(Fields::new());
    let _ = request.set_scheme(Some(&Scheme::Http));
    let _ = request.set_authority(Some(authority));
    let _ = request.set_path_with_query(Some(path));
    let failed = |why: String| DialError::Unavailable(why);
    let pending = outgoing_handler::handle(request, None).map_err(|error| failed(format!("{error:?}")))?;
    pending.subscribe().block();
    match pending.get() {
        Some(Ok(Ok(response))) if response.status() == 200 => Ok(()),
        other => Err(failed(format!("{other:?}"))),
    }
}

#[allow(clippy::panic, reason = "what it is for")]
fn trap() {
    panic!("a probe traps")
}
