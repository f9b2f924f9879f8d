//! The API over real HTTP on loopback, before a host that is only maps in memory. Every answer is checked against the
//! OpenAPI document: see `contract`.

// clippy allows this in test functions only, not in what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod agents;
mod centre;
mod client;
mod cloud;
mod comparing;
mod contacts;
mod contract;
mod documents;
mod events;
mod guard;
mod host;
mod hostile;
mod plugins;
mod samples;
