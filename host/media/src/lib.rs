//! Media: SDP, RTP, jitter buffer, digits, codecs, prompts, recording, bridging, tones.
//!
//! A [`MediaPlane`] runs a few threads of its own; every session (one side of a call) lives on one of them, and is told
//! what to do through a [`MediaHandle`]. What happens comes back as [`MediaEvent`]s.
//!
//! | file | what |
//! |---|---|
//! | `sdp/` | descriptions and offer/answer (RFC 8866, RFC 3264) |
//! | `rtp/` | RTP without sockets: counting, jitter buffer, telephone-events, reports |
//! | `session/` | one session without sockets or a clock: packets and ticks in, packets and events out |
//! | `plane/` | threads, sockets, the clock, the handle |
//! | `record.rs` | recordings, on a thread of their own |
//! | `clip.rs`, `riff.rs`, `resample.rs` | prompts, decoded when loaded |
//! | `codec.rs`, `tone.rs` | G.711; Goertzel and the tones of digits |
//!
//! **Invariants.** A session has one SSRC, and one sequence and one timestamp that never jump, from its first packet to
//! its last, whatever plays, bridges or is re-offered. One packet goes out every 20 ms unless the peer is not to be
//! sent any. In the steady state a packet costs no allocation, no lock and no log line. Every queue is bounded, and
//! says what it does when full.
//!
//! Absent on purpose: any knowledge of calls or signalling; SRTP and wideband codecs (not yet).

#[doc(hidden)]
pub mod fuzzing;

mod clip;
mod codec;
mod config;
mod event;
mod plane;
mod record;
mod resample;
mod riff;
mod rtp;
mod sdp;
mod session;
mod stats;
pub mod tone;

pub use clip::{Clip, ClipError, MAX_CLIP_MS, MAX_WAV_BYTES};
pub use codec::Codec;
pub use config::{MediaConfig, MediaError};
pub use event::{BridgeOptions, MediaEvent, PlayOutcome, PlaySource, RecordingPaths, SessionId};
pub use plane::{MediaHandle, MediaPlane};
pub use sdp::{Direction, MAX_SDP_BYTES, MAX_SDP_LINES, SdpError};
pub use stats::{LATE_BORDERS_US, PlaneStats, SessionStats};
