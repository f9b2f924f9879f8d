//! Lines for the plugin's log. They reach the operator with the contact's id, and never a journal. Under test they go to
//! standard error.

#[cfg(all(target_arch = "wasm32", feature = "crm"))]
use crate::crm::bindings::wasi::logging::logging;
#[cfg(all(target_arch = "wasm32", feature = "dialer"))]
use crate::dialer::bindings::wasi::logging::logging;
#[cfg(all(target_arch = "wasm32", feature = "flow"))]
use crate::flow::bindings::wasi::logging::logging;
#[cfg(all(target_arch = "wasm32", feature = "inspector"))]
use crate::inspector::bindings::wasi::logging::logging;
#[cfg(all(target_arch = "wasm32", feature = "scorer"))]
use crate::scorer::bindings::wasi::logging::logging;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// For whoever looks for a fault.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// What happened.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Something an operator should know.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// Something that failed.
pub fn error(message: &str) {
    write(Level::Error, message);
}

#[cfg(target_arch = "wasm32")]
fn write(level: Level, message: &str) {
    let level = match level {
        Level::Debug => logging::Level::Debug,
        Level::Info => logging::Level::Info,
        Level::Warn => logging::Level::Warn,
        Level::Error => logging::Level::Error,
    };
    logging::log(level, "", message);
}

#[cfg(not(target_arch = "wasm32"))]
fn write(level: Level, message: &str) {
    use std::io::Write as _;
    // Nobody may be listening.
    let _ = writeln!(std::io::stderr(), "{level:?}: {message}");
}
