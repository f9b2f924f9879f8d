//! The log: one line an event on standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Starts the log, once in a process. What the SIP stack says of itself comes at WARN only: it logs raw packets.
///
/// # Errors
/// The filter is not of its form.
pub(crate) fn start(filter: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(format!("rsipstack=warn,{filter}"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    // Started already, by another host in the same process: that one serves both.
    let _ = log.try_init();
    Ok(())
}
