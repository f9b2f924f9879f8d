//! The journal from outside: its binary form, its consistency, and the fixtures of every released format.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod apply;
mod codec;
mod corpus;
mod fixtures;
mod frames;
mod interrupted;
mod replayable;
