//! Writing a contact's journal: numbers, sizes, limits.

use super::Effect;
use super::out::Out;
use crate::flow::{Reply, Request};
use crate::ids::{ContactId, DeploymentName, Version};
use crate::journal::{Entry, External, Frame, JournalError, Opened, encode};
use crate::replay::Entries;
use crate::time::Timestamp;
use std::sync::Arc;

/// Journal rule 7: more entries than this there are only of acts from outside and of the last calls.
pub(super) const MAX_ENTRIES: u64 = 10_000;
/// Journal rule 7: so many bytes of frames.
pub(super) const MAX_BYTES: usize = 4 << 20;
/// A journal with more bytes is not kept in memory: its contact can be neither migrated nor hibernated, and no
/// predecessor can step in.
const MAX_PAST_BYTES: usize = 512 << 10;
/// How often a contact's flow may continue as another.
pub(super) const MAX_CONTINUED: u32 = 100;

/// The journal of a running contact, as far as the board needs to know it.
#[derive(Debug)]
pub(super) struct Ledger {
    contact: ContactId,
    next_frame: u64,
    next_entry: u64,
    entries_before: u64,
    bytes: usize,
    continued: u32,
    /// The time of the latest entry: a flow's clock.
    latest: Timestamp,
    /// What the flow did and was told, for replay: with what the journal leaves out (rule 20). None if that can't be
    /// told any more.
    past: Option<Vec<Arc<Entry>>>,
    /// Whether all of it was written while the store was well.
    pub(super) durable: bool,
    /// Rule 7: the flow was warned that the journal is nearly full.
    pub(super) warned: bool,
    /// Calls refused since it is full.
    pub(super) refused: u32,
}

impl Ledger {
    pub(super) const fn new(contact: ContactId, now: Timestamp) -> Self {
        Self {
            contact,
            next_frame: 0,
            next_entry: 0,
            entries_before: 0,
            bytes: 0,
            continued: 0,
            latest: now,
            past: Some(Vec::new()),
            durable: true,
            warned: false,
            refused: 0,
        }
    }

    /// Appends a frame; gives its number.
    fn append(&mut self, out: &mut Out, frame: &Frame, sync: bool) -> Result<u64, JournalError> {
        let bytes = encode(frame)?;
        // Rule 9: the contact goes on, and its record says so.
        self.durable &= out.healthy;
        self.bytes += bytes.len();
        let number = self.next_frame;
        self.next_frame += 1;
        out.push(Effect::Journal { contact: self.contact, frame: number, bytes, sync });
        Ok(number)
    }

    /// Frame 0: who came, and to what.
    pub(super) fn opened(&mut self, out: &mut Out, opened: Opened) {
        self.write(out, &Frame::Opened(opened));
    }

    /// Rule 1: a segment begins.
    pub(super) fn segment(&mut self, out: &mut Out, version: Version, deployment: &DeploymentName, seed: u64) {
        let frame =
            Frame::Segment { from: self.next_entry, at: out.now, version, deployment: deployment.clone(), seed };
        self.write(out, &frame);
    }

    /// Rule 2: a host call is an entry. Gives the entry's and the frame's number.
    ///
    /// # Errors
    /// If the call is larger than a frame may be; nothing was written.
    pub(super) fn call(&mut self, out: &mut Out, request: &Request, sync: bool) -> Result<(u64, u64), JournalError> {
        let entry = self.next_entry;
        let number = self.append(out, &Frame::Call { entry, at: out.now, request: request.clone() }, sync)?;
        self.next_entry += 1;
        self.latest = out.now;
        self.remember(Entry::Call { at: out.now, request: request.clone(), outcome: None });
        Ok((entry, number))
    }

    /// The call of this entry returned `reply`; the journal has `kept` of it.
    pub(super) fn outcome(&mut self, out: &mut Out, entry: u64, reply: Reply, kept: Reply, callee: Option<Version>) {
        self.latest = out.now;
        self.write(out, &Frame::Outcome { entry, at: out.now, reply: kept, callee });
        let past = self.past.as_mut().zip(usize::try_from(entry).ok());
        if let Some(Entry::Call { outcome, .. }) = past.and_then(|(past, at)| past.get_mut(at)).map(Arc::make_mut) {
            *outcome = Some((out.now, reply, callee));
        }
    }

    /// Rule 11: the pending call of this entry asks something else from now on.
    pub(super) fn asked_anew(&mut self, out: &mut Out, entry: u64, request: &Request) {
        self.write(out, &Frame::AskedAnew { entry, at: out.now, request: request.clone() });
        let past = self.past.as_mut().zip(usize::try_from(entry).ok());
        if let Some(Entry::Call { request: before, .. }) =
            past.and_then(|(past, at)| past.get_mut(at)).map(Arc::make_mut)
        {
            *before = request.clone();
        }
    }

    fn remember(&mut self, entry: Entry) {
        if self.bytes > MAX_PAST_BYTES {
            self.past = None;
        }
        if let Some(past) = &mut self.past {
            past.push(Arc::new(entry));
        }
    }

    /// The flow was told something that has no entry: what it does next can't be told from the journal.
    pub(super) fn forget_past(&mut self) {
        self.past = None;
    }

    /// What a fresh instance has to go through, if that can be told.
    pub(super) fn past(&self) -> Option<Entries> {
        self.past.as_deref().map(Into::into)
    }

    /// Whether every call in it has returned.
    pub(super) fn settled(&self) -> bool {
        let call = |entry: &Arc<Entry>| match entry.as_ref() {
            Entry::Call { outcome, .. } => Some(outcome.is_some()),
            Entry::External { .. } => None,
        };
        self.past.iter().flatten().rev().find_map(call).unwrap_or(true)
    }

    /// Whether it can.
    pub(super) const fn has_past(&self) -> bool {
        self.past.is_some()
    }

    /// The pending call of this entry, as the journal has it.
    pub(super) fn pending(&self, entry: u64) -> Option<&Request> {
        match self.past.as_ref()?.get(usize::try_from(entry).ok()?)?.as_ref() {
            Entry::Call { request, outcome: None, .. } => Some(request),
            Entry::Call { .. } | Entry::External { .. } => None,
        }
    }

    /// Rule 5: an act from outside is an entry.
    pub(super) fn external(&mut self, out: &mut Out, act: External) {
        let frame = Frame::External { entry: self.next_entry, at: out.now, act: act.clone() };
        if self.write(out, &frame) {
            self.next_entry += 1;
            self.latest = out.now;
            self.remember(Entry::External { at: out.now, act });
        }
    }

    /// Rule 7: the flow goes on as another, with a fresh journal.
    pub(super) fn continued(&mut self, out: &mut Out) {
        self.write(out, &Frame::Continued { at: out.now, entries: self.next_entry });
        self.entries_before += self.next_entry;
        self.next_entry = 0;
        self.bytes = 0;
        self.past = Some(Vec::new());
        self.continued += 1;
        self.warned = false;
        self.refused = 0;
    }

    /// Nothing follows.
    pub(super) fn close(&mut self, out: &mut Out, reason: &str) {
        self.write(out, &Frame::Closed { at: out.now, entries: self.next_entry, reason: reason.into() });
    }

    /// A frame whose parts were bounded where they came in: if it is too large for all that, it is left out, and the
    /// record says that the journal has a hole.
    fn write(&mut self, out: &mut Out, frame: &Frame) -> bool {
        let written = self.append(out, frame, false).is_ok();
        self.durable &= written;
        written
    }

    /// An entry's number among all of the contact's, those of earlier journals included.
    pub(super) const fn number_of(&self, entry: u64) -> u64 {
        self.entries_before + entry
    }

    /// How many entries there are, those of earlier journals included.
    pub(super) const fn total_entries(&self) -> u64 {
        self.entries_before + self.next_entry
    }

    /// The latest entry's number and time, for a reply that is no entry itself.
    pub(super) const fn latest(&self) -> (u64, Timestamp) {
        (self.next_entry.saturating_sub(1), self.latest)
    }

    /// Rule 7: no further calls but the last ones.
    pub(super) const fn full(&self) -> bool {
        self.next_entry >= MAX_ENTRIES || self.bytes >= MAX_BYTES
    }

    /// Rule 7: time for a warning.
    pub(super) const fn nearly_full(&self) -> bool {
        self.next_entry >= MAX_ENTRIES / 10 * 9 || self.bytes >= MAX_BYTES / 10 * 9
    }

    /// Whether the flow may continue as another once more.
    pub(super) const fn may_continue(&self) -> bool {
        self.continued < MAX_CONTINUED
    }
}
