//! `cordboard:dialer@0.1.0`.

#[allow(missing_docs, unreachable_pub, clippy::pedantic, clippy::unwrap_used, clippy::expect_used)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/dialer/0.1.0",
        world: "cordboard:dialer/dialer",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "wasi:config": crate::bindings::wasi::config,
            "wasi:logging": crate::bindings::wasi::logging,
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        },
    });
}

pub(crate) use generated::cordboard::dialer::types;
pub(crate) use generated::{Dialer, DialerPre};

use crate::dialer::{Attempt, Figures, Lead, Mode, NextTry, Outcome};
use crate::guest::Guest;
use types as t;

impl<R: Send + 'static> types::Host for Guest<R> {}

/// The text of a refusal to be configured.
pub(crate) fn configure_error(error: t::ConfigureError) -> String {
    match error {
        t::ConfigureError::Missing(column) => format!("it needs the column `{column}`, which there isn't"),
        t::ConfigureError::Invalid(text) => format!("its configuration is wrong: {text}"),
        t::ConfigureError::Other(text) => text,
    }
}

/// The text of a refusal to propose.
pub(crate) fn dial_error(error: t::DialError) -> String {
    match error {
        t::DialError::Invalid(text) => format!("the input doesn't fit: {text}"),
        t::DialError::Unavailable(text) => format!("its back-end gave no usable answer: {text}"),
        t::DialError::Other(text) => text,
    }
}

pub(crate) fn figures(figures: &Figures) -> t::Figures {
    t::Figures {
        now_ms: figures.now.as_ms(),
        mode: match figures.mode {
            Mode::Preview => t::Mode::Preview,
            Mode::Progressive => t::Mode::Progressive,
            Mode::Power => t::Mode::Power,
            Mode::Predictive => t::Mode::Predictive,
        },
        ratio: figures.ratio,
        agents_ready: figures.agents_ready,
        agents_talking: figures.agents_talking,
        agents_wrapping_up: figures.agents_wrapping_up,
        agents_expected: figures.agents_expected,
        ringing: figures.ringing,
        waiting: figures.waiting,
        lines_free: figures.lines_free,
        most: figures.most,
        answer_rate: figures.answer_rate,
        ring_time_ms: figures.ring_time_ms,
        handle_time_ms: figures.handle_time_ms,
        abandon_rate: figures.abandon_rate,
        abandon_cap: figures.abandon_cap,
        leads_ready: figures.leads_ready,
    }
}

pub(crate) fn outcome(outcome: &Outcome) -> t::Outcome {
    match outcome {
        Outcome::Talked => t::Outcome::Talked,
        Outcome::Abandoned => t::Outcome::Abandoned,
        Outcome::NoAnswer => t::Outcome::NoAnswer,
        Outcome::Busy => t::Outcome::Busy,
        Outcome::Rejected => t::Outcome::Rejected,
        Outcome::Machine => t::Outcome::Machine,
        Outcome::Fax => t::Outcome::Fax,
        Outcome::Unreachable(reason) => t::Outcome::Unreachable(reason.clone()),
        Outcome::Failed(reason) => t::Outcome::Failed(reason.clone()),
    }
}

fn attempt(attempt: &Attempt) -> t::Attempt {
    t::Attempt {
        at_ms: attempt.at.as_ms(),
        local_minute: attempt.local_minute,
        local_weekday: attempt.local_weekday,
        outcome: outcome(&attempt.outcome),
        talked_ms: attempt.talked_ms,
    }
}

/// A lead with the numbers that were selected.
pub(crate) fn lead(lead: &Lead, numbers: Vec<f32>) -> t::Lead {
    t::Lead {
        id: lead.id.clone(),
        numbers,
        attempts: lead.attempts,
        latest: lead.latest.iter().map(attempt).collect(),
        local_minute: lead.local_minute,
        local_weekday: lead.local_weekday,
        promised_ms: lead.promised.map(|at| at.as_ms()),
    }
}

pub(crate) fn next_try(next: t::NextTry) -> NextTry {
    match next {
        t::NextTry::AfterMs(ms) => NextTry::AfterMs(ms),
        t::NextTry::Never(reason) => NextTry::Never(reason),
    }
}
