//! The pure heart of Cordboard: what a contact is, who serves it and what is written down of it.
//!
//! Nothing here reads a clock, draws a random number, performs input or output, or iterates in hash order: time
//! and seeds come in with the inputs. The same code runs under real calls, in a unit test and in a simulated day.
//!
//! The contract of [`board::Board`]: `handle(now, input)`, then `poll_effect()` until it is empty, then sleep until
//! `poll_timeout()`.

pub mod agent;
pub mod backtest;
pub mod board;
pub mod config;
pub mod decision;
pub mod event;
pub mod flow;
pub mod history;
pub mod ids;
pub mod journal;
pub mod limits;
mod matching;
pub mod note;
pub mod record;
pub mod replay;
pub mod rescoring;
pub mod rollout;
pub mod time;
