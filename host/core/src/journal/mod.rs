//! The journal: everything a flow was told and everything it did, in order.
//!
//! A journal is a list of entries, numbered from 0, in segments (journal rule 1). It is written as frames, each
//! appended once and never changed: a call and its outcome are two frames, so that the intent of an act can be
//! durable before the act (rule 8).

mod codec;
mod interrupted;

pub use codec::{FORMAT, JournalError, MAX_FRAME_BYTES, decode, encode};
pub use interrupted::interrupted;

use crate::flow::{Address, Channel, Reply, Request};
use crate::ids::{AgentId, ContactId, DeploymentName, EntryPointName, TenantId, Version};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What is appended to a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// Frame 0 of every journal: who came, and to what.
    Opened(Opened),
    /// From entry `from` on, this version ran.
    Segment {
        /// The first entry it made itself.
        from: u64,
        /// When it took over.
        at: Timestamp,
        /// Which.
        version: Version,
        /// Under which deployment.
        deployment: DeploymentName,
        /// The seed of the contact: random numbers are keyed by it and the entry's number (rule 4).
        seed: u64,
    },
    /// Entry `entry`: a host call was made.
    Call {
        /// Its number.
        entry: u64,
        /// When.
        at: Timestamp,
        /// With all its arguments.
        request: Request,
    },
    /// The host call of entry `entry` returned.
    Outcome {
        /// The call's number.
        entry: u64,
        /// When.
        at: Timestamp,
        /// With the full result; secret digits as their count (rule 20).
        reply: Reply,
        /// Which version of another plugin answered, where one did (rule 6).
        callee: Option<Version>,
    },
    /// Entry `entry`: something was done to the contact from outside (rule 5).
    External {
        /// Its number.
        entry: u64,
        /// When.
        at: Timestamp,
        /// What.
        act: External,
    },
    /// Nothing follows.
    Closed {
        /// When.
        at: Timestamp,
        /// How many entries there are.
        entries: u64,
        /// Why: the end reason as the record has it.
        reason: String,
    },
    /// The flow went on as another (`continue-as`, rule 7): the journal so far is closed, and a fresh one of the same
    /// contact begins with the next frame, its entries numbered from 0 again. Frames go on counting.
    Continued {
        /// When.
        at: Timestamp,
        /// How many entries the journal closed by it has.
        entries: u64,
    },
    /// Entry `entry`, a question nobody has answered yet, was asked anew by another version (rule 11).
    AskedAnew {
        /// Its number.
        entry: u64,
        /// When.
        at: Timestamp,
        /// What is asked from now on.
        request: Request,
    },
}

/// What a contact was before anything happened. A flow may read most of it without an entry, so replay needs it; and
/// after a crash it is what the record begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// When it came.
    pub at: Timestamp,
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub contact: ContactId,
    /// How.
    pub channel: Channel,
    /// Through which entry point.
    pub entry_point: EntryPointName,
    /// From whom.
    pub origin: Address,
    /// To what.
    pub dialled: Address,
}

/// What can be done to a contact from outside its flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum External {
    /// The person hung up.
    HungUp,
    /// An agent answered.
    AgentAnswered(AgentId),
    /// The talk with the agent ended.
    TalkEnded(AgentId),
    /// An operator ended the contact.
    EndedByOperator,
    /// An operator set an attribute.
    AttributeSet(String, String),
    /// A supervisor took the contact over.
    TakenOver,
    /// The flow failed and the contact stepped down (rule 16): to the safe flow.
    SteppedDown(String),
}

/// One entry, put together from its frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A host call.
    Call {
        /// When it was made.
        at: Timestamp,
        /// With what.
        request: Request,
        /// When it returned, with what, and which other plugin's version answered; none while it is pending.
        outcome: Option<(Timestamp, Reply, Option<Version>)>,
    },
    /// An act from outside.
    External {
        /// When.
        at: Timestamp,
        /// What.
        act: External,
    },
}

impl Entry {
    fn frames_in(&self, entry: u64, frames: &mut Vec<Frame>) {
        match self.clone() {
            Self::External { at, act } => frames.push(Frame::External { entry, at, act }),
            Self::Call { at, request, outcome } => {
                frames.push(Frame::Call { entry, at, request });
                let outcome = outcome.map(|(at, reply, callee)| Frame::Outcome { entry, at, reply, callee });
                frames.extend(outcome);
            }
        }
    }

    /// When it was made.
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Call { at, .. } | Self::External { at, .. } => *at,
        }
    }
}

/// Which version ran from which entry on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The first entry it made itself.
    pub from: u64,
    /// When it took over.
    pub at: Timestamp,
    /// Which version.
    pub version: Version,
    /// Under which deployment.
    pub deployment: DeploymentName,
    /// The contact's seed.
    pub seed: u64,
}

impl Segment {
    fn frame(&self) -> Frame {
        let Self { from, at, version, deployment, seed } = self.clone();
        Frame::Segment { from, at, version, deployment, seed }
    }
}

/// A whole journal, as read back or as kept of a running contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// Who came, and to what.
    pub opened: Option<Opened>,
    /// In order of `from`.
    pub segments: Vec<Segment>,
    /// Entry n is at index n.
    pub entries: Vec<Entry>,
    /// When and why it was closed.
    pub closed: Option<(Timestamp, String)>,
    /// The journals of the flows that went on as this one, oldest first; none of them has an opening or earlier ones
    /// itself.
    pub earlier: Vec<Journal>,
}

/// Why a journal is closed whose flow went on as another.
pub const CONTINUED: &str = "continued";

impl Journal {
    /// Adds a frame, checking that it fits what is there.
    ///
    /// # Errors
    /// [`JournalError::Inconsistent`] if the opening isn't first, an entry is skipped or repeated, an outcome has no
    /// call or comes twice, something else than an open question is asked anew, a segment begins elsewhere than at the end, or anything follows the closing frame. The
    /// journal is unchanged.
    pub fn apply(&mut self, frame: Frame) -> Result<(), JournalError> {
        let next = self.entries.len() as u64;
        let wrong = |what: &str| Err(JournalError::Inconsistent(format!("{what} (next entry is {next})")));
        if self.closed.is_some() {
            return wrong("a frame after the closing one");
        }
        match frame {
            Frame::Opened(_) if self.opened.is_some() => wrong("a second opening"),
            Frame::Opened(opened) => {
                self.opened = Some(opened);
                Ok(())
            }
            _ if self.opened.is_none() => wrong("no opening"),
            Frame::Segment { from, .. } if from != next => wrong(&format!("a segment from entry {from}")),
            Frame::Segment { from, at, version, deployment, seed } => {
                self.segments.push(Segment { from, at, version, deployment, seed });
                Ok(())
            }
            Frame::Call { entry, .. } | Frame::External { entry, .. } if entry != next => {
                wrong(&format!("entry {entry}"))
            }
            Frame::Call { .. } if self.segments.is_empty() => wrong("a call before any segment"),
            Frame::Call { at, request, .. } => {
                self.entries.push(Entry::Call { at, request, outcome: None });
                Ok(())
            }
            Frame::External { at, act, .. } => {
                self.entries.push(Entry::External { at, act });
                Ok(())
            }
            Frame::Outcome { entry, at, reply, callee } => {
                match usize::try_from(entry).ok().and_then(|entry| self.entries.get_mut(entry)) {
                    Some(Entry::Call { outcome: outcome @ None, .. }) => {
                        *outcome = Some((at, reply, callee));
                        Ok(())
                    }
                    Some(Entry::Call { outcome: Some(_), .. } | Entry::External { .. }) | None => {
                        wrong(&format!("an outcome of entry {entry}"))
                    }
                }
            }
            Frame::AskedAnew { entry, request, .. } => {
                match usize::try_from(entry).ok().and_then(|entry| self.entries.get_mut(entry)) {
                    Some(Entry::Call { request: before @ Request::Ask(_), outcome: None, .. })
                        if matches!(request, Request::Ask(_)) =>
                    {
                        *before = request;
                        Ok(())
                    }
                    Some(Entry::Call { .. } | Entry::External { .. }) | None => {
                        wrong(&format!("entry {entry} asked anew"))
                    }
                }
            }
            Frame::Closed { entries, .. } if entries != next => wrong(&format!("closed at entry {entries}")),
            Frame::Closed { at, reason, .. } => {
                self.closed = Some((at, reason));
                Ok(())
            }
            Frame::Continued { entries, .. } if entries != next => wrong(&format!("continued at entry {entries}")),
            Frame::Continued { at, .. } => {
                let segments = std::mem::take(&mut self.segments);
                let entries = std::mem::take(&mut self.entries);
                let closed = Some((at, CONTINUED.to_owned()));
                self.earlier.push(Journal { segments, entries, closed, ..Self::default() });
                Ok(())
            }
        }
    }

    /// How many entries there are, those of earlier journals included: as the record counts them.
    pub fn total_entries(&self) -> u64 {
        let earlier: usize = self.earlier.iter().map(|journal| journal.entries.len()).sum();
        (earlier + self.entries.len()) as u64
    }

    /// Frames that make this journal again. Where a question was asked anew they have what was asked last.
    pub fn frames(&self) -> Vec<Frame> {
        let mut frames: Vec<Frame> = self.opened.iter().cloned().map(Frame::Opened).collect();
        for part in self.earlier.iter().chain([self]) {
            let mut segments = part.segments.iter().peekable();
            for (number, entry) in (0..).zip(&part.entries) {
                while let Some(segment) = segments.next_if(|segment| segment.from <= number) {
                    frames.push(segment.frame());
                }
                entry.frames_in(number, &mut frames);
            }
            frames.extend(segments.map(Segment::frame));
            let entries = part.entries.len() as u64;
            frames.extend(part.closed.as_ref().map(|(at, reason)| match reason.as_str() {
                CONTINUED => Frame::Continued { at: *at, entries },
                _ => Frame::Closed { at: *at, entries, reason: reason.clone() },
            }));
        }
        frames
    }

    /// Reads a journal back from its frames as stored, in order.
    ///
    /// # Errors
    /// As [`decode`] and [`Journal::apply`], with the number of the frame.
    pub fn from_frames<'a>(frames: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, JournalError> {
        let mut journal = Self::default();
        for (number, bytes) in frames.into_iter().enumerate() {
            decode(bytes)
                .and_then(|frame| journal.apply(frame))
                .map_err(|cause| JournalError::AtFrame { number: number as u64, cause: Box::new(cause) })?;
        }
        Ok(journal)
    }
}
