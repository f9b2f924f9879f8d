//! The binary form of a frame: one format byte, then the frame in postcard's wire format, version 1.
//!
//! A frame is written in the first format that has its kind: format 2 is format 1 with requests to places outside. So
//! a journal without any is read by whoever reads format 1, and one with them is known to be newer there.
//!
//! Canonical: a frame has exactly one encoding, and decoding refuses any other (another format, over-long integers,
//! bytes left over). Fixtures of every released format stay in the tests.

use super::Frame;
use crate::flow::{Reply, Request};

/// The newest format.
pub const FORMAT: u8 = 2;
/// The first one.
const FIRST: u8 = 1;

/// No frame is larger; one that claims to be is not read.
pub const MAX_FRAME_BYTES: usize = 1 << 20;

/// What is wrong with a journal.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Written by a newer Cordboard.
    #[error("the journal has format {0}, this version reads up to {FORMAT}")]
    NewerFormat(u8),
    /// Not a frame.
    #[error("the frame is malformed: {0}")]
    Malformed(String),
    /// Beyond [`MAX_FRAME_BYTES`].
    #[error("the frame has {0} bytes, the limit is {MAX_FRAME_BYTES}")]
    TooLarge(usize),
    /// A frame that does not follow from the ones before.
    #[error("the journal is inconsistent: {0}")]
    Inconsistent(String),
    /// Which frame of a journal was wrong.
    #[error("frame {number}")]
    AtFrame {
        /// Counted from 0.
        number: u64,
        /// What was wrong with it.
        #[source]
        cause: Box<JournalError>,
    },
}

/// The first format that has a frame's kind. A new kind of anything is a new format.
const fn format(frame: &Frame) -> u8 {
    match frame {
        Frame::Call { request: Request::Fetch { .. }, .. }
        | Frame::AskedAnew { request: Request::Fetch { .. }, .. }
        | Frame::Outcome { reply: Reply::Fetched(_) | Reply::FetchFailed(_), .. } => 2,
        Frame::Opened(_)
        | Frame::Segment { .. }
        | Frame::Call { .. }
        | Frame::Outcome { .. }
        | Frame::External { .. }
        | Frame::Closed { .. }
        | Frame::Continued { .. }
        | Frame::AskedAnew { .. } => FIRST,
    }
}

/// A frame's bytes.
///
/// # Errors
/// [`JournalError::TooLarge`]; requests and replies within their bounds never are.
pub fn encode(frame: &Frame) -> Result<Vec<u8>, JournalError> {
    let bytes =
        postcard::to_extend(frame, vec![format(frame)]).map_err(|cause| JournalError::Malformed(cause.to_string()))?;
    if bytes.len() > MAX_FRAME_BYTES { Err(JournalError::TooLarge(bytes.len())) } else { Ok(bytes) }
}

/// The frame of these bytes.
///
/// # Errors
/// [`JournalError::NewerFormat`], [`JournalError::Malformed`] (also for an encoding that is not the canonical one),
/// [`JournalError::TooLarge`].
pub fn decode(bytes: &[u8]) -> Result<Frame, JournalError> {
    if bytes.len() > MAX_FRAME_BYTES {
        return Err(JournalError::TooLarge(bytes.len()));
    }
    let frame = match bytes.split_first() {
        Some((&(FIRST..=FORMAT), body)) => {
            postcard::from_bytes(body).map_err(|cause| JournalError::Malformed(cause.to_string()))?
        }
        Some((0, _)) | None => return Err(JournalError::Malformed("no format byte".into())),
        Some((newer, _)) => return Err(JournalError::NewerFormat(*newer)),
    };
    if encode(&frame)? == bytes { Ok(frame) } else { Err(JournalError::Malformed("not canonical".into())) }
}
