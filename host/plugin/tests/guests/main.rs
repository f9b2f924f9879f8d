//! The plugin host with real guests: `cargo xtask plugins` builds them. One program for all of it, since each that
//! links the engine costs as much as compiling this one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod clock;
mod common;
mod compiling;
mod contract;
mod conversation;
mod corpus;
mod dialers;
mod directories;
mod fetches;
mod hostile_calls;
mod hostile_components;
mod hostile_flows;
mod hostile_places;
mod inert;
mod inspectors;
mod lifecycle;
mod manifests;
mod replay;
mod scorers;
mod tls;
mod uploads;
