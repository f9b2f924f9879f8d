//! What can go wrong, by who has to hear of it.

use crate::config::EgressRule;
use crate::verify::World;

/// The plugin host could not be started.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A setting is out of bounds.
    #[error("setting {setting}: {problem}")]
    Setting {
        /// Its name in [`PluginConfig`](crate::PluginConfig).
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The engine refused its settings, or could not reserve the address space for its pool.
    #[error("the WebAssembly engine could not be started: {0}")]
    Engine(String),
    /// A thread or a runtime could not be started.
    #[error("a thread could not be started")]
    Thread(#[source] std::io::Error),
    /// TLS could not be set up.
    #[error("TLS could not be set up: {0}")]
    Tls(String),
    /// The compile threads could not be started.
    #[error("the compile threads could not be started: {0}")]
    CompileThreads(String),
}

/// A body that is no plugin for this host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// Too many bytes.
    #[error("{bytes} bytes, at most {max} are taken")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// No WebAssembly at all.
    #[error("this is not WebAssembly: it doesn't begin with the magic bytes `\\0asm`")]
    NotWasm,
    /// A core module.
    #[error("this is a core module, not a component; build for wasm32-wasip2, or wrap it (`wasm-tools component new`)")]
    CoreModule,
    /// It doesn't parse or validate.
    #[error("the component is malformed: {0}")]
    Malformed(String),
    /// More of something than any sensible component has.
    #[error("the component has more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// It exports no guest interface.
    #[error("the component exports no known guest interface; known are {}; it exports {}", .known.join(", "), list(.exports))]
    NoWorld {
        /// What it exports, at most 32.
        exports: Vec<String>,
        /// What would be known.
        known: Vec<String>,
    },
    /// It is made for a world this host doesn't know.
    #[error("the component is made for `{found}`, which this host doesn't know; known are {}", .known.join(", "))]
    UnknownWorld {
        /// The interface it exports.
        found: String,
        /// What would be known.
        known: Vec<String>,
    },
    /// It is made for another version of a known world.
    #[error("the component is made for `{found}`; this host knows {}", .known.join(", "))]
    UnknownVersion {
        /// The interface it exports.
        found: String,
        /// What would be known.
        known: Vec<String>,
    },
    /// It exports more than one.
    #[error("the component exports {} guest interfaces ({}), it must export one", .found.len(), .found.join(", "))]
    SeveralWorlds {
        /// Which.
        found: Vec<String>,
    },
    /// It imports what its world may not have.
    #[error("a {world} plugin may not import {}", .imports.join(", "))]
    ForbiddenImports {
        /// Its world.
        world: World,
        /// What it may not have, at most 32.
        imports: Vec<String>,
    },
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

/// A version that could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is no plugin for this host.
    #[error("the component was refused")]
    Refused(#[source] UploadError),
    /// A limit is beyond what the host can give.
    #[error("limit {limit}: {problem}")]
    Limit {
        /// Its name in [`Limits`](crate::Limits).
        limit: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Requests may not go there.
    #[error("egress to {rule}: {problem}")]
    Egress {
        /// The rule.
        rule: EgressRule,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The compiler refused it.
    #[error("the component could not be compiled: {0}")]
    Compile(String),
    /// Its interfaces are not of the types its version of the contract has.
    #[error("the component doesn't fit the contract: {0}")]
    Contract(String),
    /// It failed as soon as it was instantiated.
    #[error("a trial instance failed: {0}")]
    Trial(String),
    /// Compiling took longer than it may; it was stopped.
    #[error("checking and compiling the component took more than {after_ms} ms: it was stopped")]
    CompileTimeout {
        /// The bound.
        after_ms: u128,
    },
    /// Compiling took more of something than it may: `CPU time`, `memory`, or `room` for what it is compiled to.
    #[error("the component needs more {0} to be checked and compiled than there may be")]
    CompileLimit(&'static str),
    /// The compiler's process ended by itself without an answer. How, and its last words.
    #[error("the compiler died of the component: {0}")]
    CompilerDied(String),
    /// The compiler's process can't be started: a fault of the host's.
    #[error("the compiler can't be started")]
    CompilerStart(#[source] std::io::Error),
    /// The compiler gave something else than an artefact: a fault of the host's.
    #[error("the compiler's answer can't be used: {0}")]
    CompilerAnswer(String),
    /// The compiler panicked.
    #[error("the compile task was lost")]
    Lost,
}

/// A scorer, dialer or inspector gave no answer that can be used: the caller goes on without.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The version isn't loaded, or is of another world.
    #[error("no plugin of this version is loaded that could be asked this")]
    NotLoaded,
    /// The input is out of bounds, or its own sizes don't agree: a fault of the caller.
    #[error("the input is inconsistent: {0}")]
    Input(String),
    /// Too many calls wait already.
    #[error("too many calls wait for this plugin")]
    Busy,
    /// No room for an instance.
    #[error("no room for an instance: {0}")]
    NoRoom(String),
    /// `configure` refused, or selected what wasn't offered.
    #[error("the plugin can't be configured: {0}")]
    Configure(String),
    /// It returned an error.
    #[error("the plugin refused: {0}")]
    Refused(String),
    /// It returned another number of something than there must be.
    #[error("the plugin returned {got} {what} for {expected}")]
    WrongCount {
        /// E.g. `rows`.
        what: &'static str,
        /// As many as there should be.
        expected: usize,
        /// As many as came.
        got: usize,
    },
    /// It returned no finite number where there must be one.
    #[error("the plugin returned a {0} that is not a finite number")]
    NotFinite(&'static str),
    /// What it returned breaks another bound of the contract.
    #[error("the plugin's answer breaks the contract: {0}")]
    Contract(String),
    /// It trapped.
    #[error("the plugin trapped: {0}")]
    Trap(String),
    /// It took too long.
    #[error("the plugin took more than {0} ms")]
    Deadline(u32),
    /// It hit a limit.
    #[error("the plugin hit a limit: {0}")]
    Limit(String),
}

/// Bytes of what a plugin says of its failure: a decision keeps it.
const MAX_TEXT_BYTES: usize = 2048;

impl AskError {
    /// The same with no more text than anyone will read.
    pub(crate) fn in_bounds(mut self) -> Self {
        match &mut self {
            AskError::Input(text)
            | AskError::NoRoom(text)
            | AskError::Configure(text)
            | AskError::Refused(text)
            | AskError::Contract(text)
            | AskError::Trap(text)
            | AskError::Limit(text) => *text = crate::guest::shortened(text, MAX_TEXT_BYTES),
            AskError::NotLoaded
            | AskError::Busy
            | AskError::WrongCount { .. }
            | AskError::NotFinite(_)
            | AskError::Deadline(_) => {}
        }
        self
    }
}
