//! The admin HTTP API: everything an operator sets up or wants to know, the live event stream, metrics, and the
//! OpenAPI document of it all.
//!
//! The only crate that names axum. A handler extracts, asks the [`Centre`] and converts; it decides nothing. The JSON
//! types are this crate's own and are converted by hand, so that neither core nor store change what clients see.
//!
//! **Invariant**: a change that was begun is finished, even if its client goes away: see `App::change`.

mod app;
mod bounds;
mod centre;
mod cloud;
mod comparing;
mod deployment;
mod etag;
mod extract;
mod guard;
mod history;
mod json;
mod operator;
mod problem;
mod rfc3339;
mod router;
mod routes;
mod serve;

pub use centre::*;
pub use cloud::cloud_event;
pub use comparing::*;
pub use deployment::*;
pub use history::*;
pub use rfc3339::{format as format_time, parse as parse_time};
pub use router::openapi;
pub use routes::canaries::figures as canary_figures;
pub use routes::journal::comparison_json;
pub use serve::{Admin, AdminConfig, AdminError};
