//! What a guest writes: log lines, and what it prints. Bounded in length and rate; the rest is dropped and counted.

use crate::config::Limits;
use cordboard_core::ids::Version;
use cordboard_core::limits::Limit;
use cordboard_core::note::LogLevel;
use hyper::body::Bytes;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// A line longer than this, in bytes, is cut.
const MAX_LINE_BYTES: usize = 4096;
const _: () = assert!(Limit::LogBytesPerSecond.rule().min as usize >= MAX_LINE_BYTES, "one line at least");
/// What may come at once, in seconds of what may come in each.
const BURST_LINES_S: u32 = 5;
const BURST_BYTES_S: u32 = 8;

/// Lines that wait for who listens; beyond them the newest are lost to it.
pub(crate) const MAX_UNHEARD: usize = 1024;

/// A line that a plugin wrote, and no contact's flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginLine {
    /// Which version.
    pub version: Version,
    /// How serious it thinks it is.
    pub level: LogLevel,
    /// The line, at most 4 KiB.
    pub text: String,
}

/// Where lines go.
#[derive(Clone)]
pub(crate) enum LogSink {
    /// To who listens to plugins without a contact, and to the process's log under the version's name.
    Host(Version, mpsc::Sender<PluginLine>),
    /// To the contact's shell; false if it has no room.
    Contact(Arc<dyn Fn(LogLevel, String) -> bool + Send + Sync>),
}

impl fmt::Debug for LogSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogSink::Host(version, _) => f.debug_tuple("Host").field(version).finish(),
            LogSink::Contact(_) => f.write_str("Contact"),
        }
    }
}

impl LogSink {
    fn write(&self, level: LogLevel, text: String) -> bool {
        match self {
            LogSink::Contact(send) => send(level, text),
            LogSink::Host(version, lines) => {
                // Journal rule 20: nobody knows what its author writes here, so none of it is above DEBUG.
                tracing::debug!(target: "plugin", version = %version.short(), ?level, "plugin: {text}");
                // Who doesn't keep up misses lines; nobody may listen at all.
                let _ = lines.try_send(PluginLine { version: *version, level, text });
                true
            }
        }
    }
}

/// The log of one store; copies write to the same one.
#[derive(Clone, Debug)]
pub(crate) struct GuestLog(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    sink: LogSink,
    lines: Bucket,
    bytes: Bucket,
    dropped: u64,
    /// A line printed but not ended yet.
    partial: VecDeque<u8>,
}

/// A token bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    tokens: f64,
    burst: f64,
    per_second: f64,
    filled: Instant,
}

impl Bucket {
    pub(crate) fn new(burst: u32, per_second: u32, now: Instant) -> Self {
        Self { tokens: f64::from(burst), burst: f64::from(burst), per_second: f64::from(per_second), filled: now }
    }

    /// Takes a token, or says in how many seconds there will be one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), f64> {
        self.take_many(1, now)
    }

    /// Takes so many, or none.
    fn take_many(&mut self, tokens: u32, now: Instant) -> Result<(), f64> {
        let tokens = f64::from(tokens);
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        if self.tokens >= tokens {
            self.tokens -= tokens;
            Ok(())
        } else {
            Err((tokens - self.tokens) / self.per_second)
        }
    }
}

impl State {
    fn line(&mut self, level: LogLevel, text: &str) {
        let (now, bytes) = (Instant::now(), u32::try_from(text.len().min(MAX_LINE_BYTES)).unwrap_or(u32::MAX));
        // A line that has its place among the lines has used it, also if it has too many bytes.
        if self.lines.take(now).is_err() || self.bytes.take_many(bytes, now).is_err() {
            self.dropped += 1;
            return;
        }
        if self.dropped > 0 {
            let note = format!("{} lines were dropped: too many at once", self.dropped);
            if self.sink.write(LogLevel::Warn, note) {
                self.dropped = 0;
            }
        }
        if !self.sink.write(level, shortened(text, MAX_LINE_BYTES)) {
            self.dropped += 1;
        }
    }
}

impl GuestLog {
    pub(crate) fn new(sink: LogSink, limits: &Limits) -> Self {
        let bucket = |per_second: u32, burst_s: u32| {
            Bucket::new(per_second.saturating_mul(burst_s), per_second.max(1), Instant::now())
        };
        let lines = bucket(limits.log_lines_per_second, BURST_LINES_S);
        let bytes = bucket(limits.log_bytes_per_second, BURST_BYTES_S);
        Self(Arc::new(Mutex::new(State { sink, lines, bytes, dropped: 0, partial: VecDeque::new() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn line(&self, level: LogLevel, text: &str) {
        self.state().line(level, text);
    }

    /// A stream whose lines are logged.
    pub(crate) fn stream(&self, level: LogLevel) -> Printed {
        Printed { log: self.clone(), level }
    }

    fn print(&self, level: LogLevel, bytes: &[u8]) {
        let mut state = self.state();
        for byte in bytes {
            if *byte == b'\n' || state.partial.len() >= MAX_LINE_BYTES {
                let line: Vec<u8> = state.partial.drain(..).collect();
                state.line(level, &String::from_utf8_lossy(&line));
            }
            if *byte != b'\n' {
                state.partial.push_back(*byte);
            }
        }
    }

    /// Writes what was printed without an end of line.
    pub(crate) fn finish(&self) {
        let mut state = self.state();
        let rest: Vec<u8> = state.partial.drain(..).collect();
        if !rest.is_empty() {
            state.line(LogLevel::Warn, &String::from_utf8_lossy(&rest));
        }
    }
}

/// At most so many bytes of a text, cut between characters.
pub(crate) fn shortened(text: &str, max_bytes: usize) -> String {
    let end = (0..=max_bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

/// Standard output or standard error of a guest.
#[derive(Clone, Debug)]
pub(crate) struct Printed {
    log: GuestLog,
    level: LogLevel,
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.log.print(self.level, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_LINE_BYTES)
    }
}

impl AsyncWrite for Printed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.log.print(self.level, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn log() -> (GuestLog, Arc<Mutex<Vec<String>>>) {
        log_with(&Limits::default())
    }

    fn log_with(limits: &Limits) -> (GuestLog, Arc<Mutex<Vec<String>>>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let sink = LogSink::Contact(Arc::new(move |_, text| {
            kept.lock().unwrap().push(text);
            true
        }));
        (GuestLog::new(sink, limits), lines)
    }

    #[test]
    fn printed_text_becomes_bounded_lines() {
        let (log, lines) = log();
        log.print(LogLevel::Info, b"one\ntw");
        log.print(LogLevel::Info, b"o\n");
        log.print(LogLevel::Info, &vec![b'x'; MAX_LINE_BYTES + 3]);
        log.finish();
        let lengths: Vec<usize> = lines.lock().unwrap().iter().map(String::len).collect();
        assert_eq!(lengths, [3, 3, MAX_LINE_BYTES, 3]);
    }

    #[test]
    fn a_flood_is_cut_off() {
        let (log, lines) = log();
        for _ in 0..10_000 {
            log.line(LogLevel::Info, "again");
        }
        let kept = lines.lock().unwrap().len();
        assert!((100..1000).contains(&kept), "{kept}");
    }

    #[test]
    fn a_flood_of_bytes_is_cut_off_too() {
        let (log, lines) = log_with(&Limits { log_bytes_per_second: MAX_LINE_BYTES as u32, ..Limits::default() });
        for _ in 0..80 {
            log.line(LogLevel::Info, &"x".repeat(2 * MAX_LINE_BYTES));
        }
        let kept = lines.lock().unwrap().len();
        assert!((8..80).contains(&kept), "{kept} lines of {MAX_LINE_BYTES} bytes");
        let (quiet, lines) = log_with(&Limits { log_lines_per_second: 0, ..Limits::default() });
        quiet.line(LogLevel::Info, "a word");
        assert!(lines.lock().unwrap().is_empty());
    }

    #[test]
    fn a_bucket_refills_at_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(2, 10, start);
        assert!(bucket.take(start).is_ok() && bucket.take(start).is_ok());
        assert!((bucket.take(start).unwrap_err() - 0.1).abs() < 1e-9);
        assert!(bucket.take(start + Duration::from_millis(150)).is_ok());
        assert!(bucket.take(start + Duration::from_millis(150)).is_err());
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(shortened("äöü", 3), "ä");
        assert_eq!(shortened("abc", 10), "abc");
    }
}
