//! SIP: screening, admission, digest, registrar, calls.
//!
//! A [`SipStack`] owns one UDP socket. What happens comes out as [`SipEvent`]s; the shell says what it wants through a
//! [`SipHandle`], naming each leg by its [`CallId`]. SDP is opaque here.
//!
//! | file | what |
//! |---|---|
//! | `socket.rs`, `screen.rs`, `front/` | every datagram, before anything keeps state of it |
//! | `wire/` | messages as text |
//! | `digest/`, `registrar.rs`, `admission.rs` | who may, where they are, how many |
//! | `endpoint.rs`, `transactions.rs` | rsipstack's transactions, spoken to in our messages |
//! | `leg/` | one task a leg: called (`uas`), calling (`uac`), `established` |
//! | `account.rs` | registering elsewhere, as a phone does |
//! | `handle.rs` | what the shell calls |
//!
//! **Invariants.** No type of rsipstack is seen outside. Nothing from the network panics, ends the stack, or makes a
//! table grow without bound: what isn't admitted costs no memory at all. A leg's last event is told once. No clock but
//! the runtime's.
//!
//! Absent on purpose: TCP, TLS and WebSocket (not yet); REFER, PRACK and SRV look-ups; any knowledge of media.

#[doc(hidden)]
pub mod fuzzing;

mod account;
mod admission;
mod config;
mod counters;
mod digest;
mod endpoint;
mod error;
mod event;
mod front;
mod handle;
mod leg;
mod registrar;
mod screen;
mod socket;
mod transactions;
mod wire;

pub use config::{Peer, SipConfig, Timers, Trunk};
pub use counters::SipCounters;
pub use digest::{ha1, ha1_sha256};
pub use error::SipError;
pub use event::{CallId, Dial, EndCause, Party, RegisterClient, Registration, SipEvent, Source, Target};
pub use handle::{Credentials, SipHandle, SipStack};

use transactions::parse_for_library;
