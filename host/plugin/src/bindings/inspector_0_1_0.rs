//! `cordboard:inspector@0.1.0`.

#[allow(missing_docs, unreachable_pub, clippy::pedantic, clippy::unwrap_used, clippy::expect_used)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/inspector/0.1.0",
        world: "cordboard:inspector/inspector",
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

pub(crate) use generated::cordboard::inspector::types;
pub(crate) use generated::{Inspector, InspectorPre};

use crate::guest::Guest;
use crate::inspector::{Emotion, Finding, InspectRule, Severity, Speaker, Talk, Turn};
use types as t;

impl<R: Send + 'static> types::Host for Guest<R> {}

/// The text of a refusal to be configured.
pub(crate) fn configure_error(error: t::ConfigureError) -> String {
    match error {
        t::ConfigureError::Missing(name) => format!("it needs the attribute `{name}`, which there isn't"),
        t::ConfigureError::Invalid(text) => format!("its configuration is wrong: {text}"),
        t::ConfigureError::Other(text) => text,
    }
}

/// The text of a refusal to inspect.
pub(crate) fn inspect_error(error: t::InspectError) -> String {
    match error {
        t::InspectError::Invalid(text) => format!("the input doesn't fit: {text}"),
        t::InspectError::Unsupported(language) => format!("it can't inspect the language `{language}`"),
        t::InspectError::Unavailable(text) => format!("its back-end gave no usable answer: {text}"),
        t::InspectError::Other(text) => text,
    }
}

/// A talk with the attributes that were selected.
pub(crate) fn talk(talk: &Talk, attributes: Vec<Option<String>>) -> t::Talk {
    t::Talk {
        contact: talk.contact.to_string(),
        language: talk.language.clone(),
        queue: talk.queue.clone(),
        agent: talk.agent.clone(),
        attributes,
    }
}

fn speaker(speaker: &Speaker) -> t::Speaker {
    match speaker {
        Speaker::Person => t::Speaker::Person,
        Speaker::Agent => t::Speaker::Agent,
        Speaker::Flow => t::Speaker::Flow,
        Speaker::Other(who) => t::Speaker::Other(who.clone()),
    }
}

pub(crate) fn turn(turn: &Turn) -> t::Turn {
    t::Turn {
        index: turn.index,
        speaker: speaker(&turn.speaker),
        began_ms: turn.began_ms,
        ended_ms: turn.ended_ms,
        text: turn.text.clone(),
        confidence: turn.confidence,
        voice: turn.voice.map(|voice| t::Voice {
            pitch_hz: voice.pitch_hz,
            pitch_deviation_hz: voice.pitch_deviation_hz,
            loudness_db: voice.loudness_db,
            rate_per_minute: voice.rate_per_minute,
            overlap_ms: voice.overlap_ms,
        }),
    }
}

/// What was told before, on its way back.
pub(crate) fn told(finding: &Finding) -> t::Finding {
    t::Finding {
        rule: finding.rule.clone(),
        severity: match &finding.severity {
            Severity::Notice => t::Severity::Notice,
            Severity::Warning => t::Severity::Warning,
            Severity::Serious => t::Severity::Serious,
            Severity::Critical => t::Severity::Critical,
            Severity::Other(name) => t::Severity::Other(name.clone()),
        },
        turn: finding.turn,
        span: finding.span.map(|(start, end)| t::Span { start, end }),
        confidence: finding.confidence,
        note: finding.note.clone(),
        prompt: finding.prompt.clone(),
    }
}

pub(crate) fn finding(finding: t::Finding) -> Finding {
    Finding {
        rule: finding.rule,
        severity: match finding.severity {
            t::Severity::Notice => Severity::Notice,
            t::Severity::Warning => Severity::Warning,
            t::Severity::Serious => Severity::Serious,
            t::Severity::Critical => Severity::Critical,
            t::Severity::Other(name) => Severity::Other(name),
        },
        turn: finding.turn,
        span: finding.span.map(|span| (span.start, span.end)),
        confidence: finding.confidence,
        note: finding.note,
        prompt: finding.prompt,
    }
}

pub(crate) fn emotion(emotion: t::Emotion) -> Emotion {
    Emotion {
        speaker: match emotion.speaker {
            t::Speaker::Person => Speaker::Person,
            t::Speaker::Agent => Speaker::Agent,
            t::Speaker::Flow => Speaker::Flow,
            t::Speaker::Other(who) => Speaker::Other(who),
        },
        numbers: emotion.numbers,
    }
}

pub(crate) fn rule(rule: t::Rule) -> InspectRule {
    InspectRule { id: rule.id, title: rule.title }
}
