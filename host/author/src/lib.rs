//! For the authors of plugins: a new one from a template, its build in five languages, and what can be known of a component
//! before it is uploaded.
//!
//! It knows neither the host's core nor its engine: what is here works in an empty folder, with nothing but the `cordboard`
//! program. The SDKs, the templates and the contract are in it ([`files`]); what a language's toolchain is and how it is had
//! is in [`tools`].

mod build;
mod check;
mod error;
mod files;
mod lang;
mod process;
mod project;
mod scaffold;
mod tools;

pub use build::{Built, build};
pub use check::{Facts, Finding, Weight, inspect, look_through};
pub use error::AuthorError;
pub use lang::{Lang, World};
pub use project::Project;
pub use scaffold::{Scaffolded, scaffold};
