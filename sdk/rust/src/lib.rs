//! Write plugins for Cordboard in Rust.
//!
//! A plugin is of one world, and each world has a module with a trait to implement and a macro that exports it: [`flow`] (a
//! conversation), [`scorer`] (who suits whom), [`crm`] (who is this person), [`dialer`] (whom to call now), [`inspector`]
//! (what is remarkable in a talk). [`config`] reads what the operator set, [`log`] writes to the plugin's log, [`http`]
//! sends requests where the world may.
//!
//! `cordboard plugin new --world flow --lang rust NAME` begins a plugin with a working example.

#[cfg(any(feature = "flow", feature = "scorer", feature = "crm", feature = "dialer", feature = "inspector"))]
pub mod config;
#[cfg(feature = "crm")]
pub mod crm;
#[cfg(feature = "dialer")]
pub mod dialer;
#[cfg(feature = "flow")]
pub mod flow;
#[cfg(any(feature = "crm", feature = "dialer", feature = "inspector"))]
pub mod http;
#[cfg(feature = "inspector")]
pub mod inspector;
#[cfg(any(feature = "flow", feature = "scorer", feature = "crm", feature = "dialer", feature = "inspector"))]
pub mod log;
#[cfg(feature = "scorer")]
pub mod scorer;
pub mod units;
