//! The log: one line an event on standard error, written by a thread of its own. Who reads it slowly, or not at all,
//! loses lines and stops nobody.

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Lines that may wait to be written; beyond it they are lost.
const MAX_WAITING: usize = 16_384;

/// Starts the log, once in a process; what waits is written when the guard goes. What the SIP stack says of itself comes
/// at WARN only: it logs raw packets.
///
/// # Errors
/// The filter is not of its form.
pub(crate) fn start(filter: &str) -> Result<WorkerGuard, ParseError> {
    let filter = EnvFilter::try_new(format!("rsipstack=warn,{filter}"))?;
    let (writer, guard) =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(MAX_WAITING).finish(std::io::stderr());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false);
    // Started already, by another host in the same process: that one serves both.
    let _ = log.try_init();
    Ok(guard)
}
