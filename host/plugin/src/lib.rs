//! The plugins' side of the host: engine, limits, bindings for each version of the contract. The only crate that
//! names wasmtime.
//!
//! [`PluginHost`] verifies and loads components, runs flows (one store a contact), asks scorers, dialers and inspectors,
//! and looks people up through crm plugins. Guests run on runtimes of their own, those whose step takes long on niced
//! threads, so that one that loops can delay only other guests, and those by no more than some milliseconds. What a guest
//! may use is stated in [`Limits`]; whatever it does, its run ends with a [`RunEnd`](cordboard_core::flow::RunEnd), never with the process.

mod asked;
mod bindings;
mod compile;
mod config;
mod crm;
mod dialer;
mod engine;
mod error;
mod flow;
mod guest;
mod host;
mod inspector;
mod manifest;
mod scorer;
mod task;
mod verify;
mod web;

pub use compile::{Compiler, compile_child, source_lines};
pub use config::{
    BreakerConfig, CacheConfig, EgressBounds, EgressRule, Grants, Limits, LoadSpec, PluginConfig, Quota, Scheme,
};
pub use dialer::{Attempt, DialInput, Figures, Lead, Mode, NextTry, Outcome, Proposal};
pub use engine::Capacity;
pub use error::{AskError, HostError, LoadError, UploadError};
pub use flow::{FlowHandle, FlowMessage, FlowStart};
pub use guest::PluginLine;
pub use host::{LoadedInfo, LoadedVersion, PluginHost, Rehearsed};
pub use inspector::{Emotion, Finding, InspectRule, Inspection, Severity, Speaker, Summary, Talk, Turn, Voice};
pub use manifest::{
    ConfigError, ConfigKey, ConfigType, Granted, MAX_MANIFEST_BYTES, Manifest, ManifestError, MissingGrant, Want,
    WantedScheme, is_plugin_name,
};
pub use scorer::{ScoreInput, ScoreRow, Scored};
pub use verify::{PluginInfo, World, verify};
pub use web::{FetchOrder, RefusedUse};
