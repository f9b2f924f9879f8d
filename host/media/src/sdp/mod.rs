//! Session descriptions (RFC 8866) and the offer/answer model (RFC 3264), behind our own types.

mod negotiate;
mod read;

pub(crate) use negotiate::{Local, Negotiator};
pub use read::{Direction, MAX_SDP_BYTES, MAX_SDP_LINES};
pub(crate) use read::{Remote, read};

use crate::codec::Codec;
use std::net::SocketAddr;

/// Why a description can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// More than [`MAX_SDP_BYTES`] or [`MAX_SDP_LINES`].
    #[error("the description is too large")]
    TooLarge,
    /// It isn't SDP.
    #[error("the description is malformed: {0}")]
    Malformed(String),
    /// No address, or one that nobody may be sent audio to (a name, a group).
    #[error("the description has no usable address")]
    NoAddress,
    /// No audio stream over RTP/AVP with PCMU or PCMA at 8 kHz (RFC 3261 §21.4.26: 488).
    #[error("there is no codec both sides know")]
    NoCommonCodec,
    /// An answer without an offer of ours.
    #[error("an answer to no offer")]
    NotOffered,
    /// The session is closed.
    #[error("there is no such media session")]
    NoSession,
    /// The media threads don't keep up: the description was not applied.
    #[error("the media threads are busy")]
    Busy,
}

/// What an exchange came to: all that the media threads need of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// Where the peer hears RTP. None while it hears nothing (`c=0.0.0.0`).
    pub(crate) remote: Option<SocketAddr>,
    /// Where the peer hears RTCP.
    pub(crate) remote_rtcp: Option<SocketAddr>,
    /// What we send.
    pub(crate) codec: Codec,
    /// The payload type that the peer gave it.
    pub(crate) send_type: u8,
    /// Its payload type in what we hear, besides the static ones.
    pub(crate) receive_type: u8,
    /// The payload type of telephone-events that the peer takes.
    pub(crate) dtmf_send: Option<u8>,
    /// The payload type of telephone-events that we take.
    pub(crate) dtmf_receive: Option<u8>,
    /// As seen from here.
    pub(crate) direction: Direction,
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
