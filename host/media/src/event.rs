//! What media is told and what it reports.

use crate::clip::Clip;
use std::path::PathBuf;
use std::sync::Arc;

/// A media session: one side of a call. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// How playing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlayOutcome {
    /// To its end.
    Completed,
    /// By `stop`, or with the session.
    Stopped,
    /// By another `play`.
    Interrupted,
}

/// What the media threads report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaEvent {
    /// The peer pressed and released a key.
    Digit {
        /// Where.
        session: SessionId,
        /// `0-9*#A-D`
        digit: char,
        /// For how long, in milliseconds.
        duration_ms: u32,
    },
    /// What was played is over.
    PlayFinished {
        /// Where.
        session: SessionId,
        /// The number it was started with.
        play: u64,
        /// Why.
        outcome: PlayOutcome,
        /// How much of it was sent, in milliseconds (all rounds, if it repeats).
        played_ms: u64,
    },
    /// Nothing came for the configured time although something should; once until something comes.
    NoMedia {
        /// Where.
        session: SessionId,
    },
    /// The first packet came.
    FirstPacket {
        /// Where.
        session: SessionId,
    },
    /// A recording can't be written, and ended.
    RecordingFailed {
        /// Where.
        session: SessionId,
        /// The cause.
        reason: String,
    },
}

/// What to play.
#[derive(Clone, Debug)]
pub struct PlaySource {
    /// One after the other.
    pub clips: Vec<Arc<Clip>>,
    /// From the start again, until stopped. Without any sound in it, it ends at once.
    pub repeat: bool,
}

/// Where to record. Files are WAV, 8 kHz, 16 bit, mono, and replaced if they exist.
#[derive(Clone, Debug, Default)]
pub struct RecordingPaths {
    /// What the peer says.
    pub heard: Option<PathBuf>,
    /// What it is told.
    pub said: Option<PathBuf>,
}

/// How a bridge behaves.
#[derive(Clone, Copy, Debug)]
pub struct BridgeOptions {
    /// Digits heard on one side are sent to the other. They are reported as events in any case.
    pub relay_digits: bool,
}

impl Default for BridgeOptions {
    fn default() -> Self {
        Self { relay_digits: true }
    }
}
