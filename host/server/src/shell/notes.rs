//! What flows leave behind for their authors, on its way to the store: bounded for each contact, and no part of what is
//! decided.

use super::writer::Keep;
use crate::clock::Clock;
use crate::documents::{DeploymentDocument, decode};
use crate::events::Events;
use crate::grants::GrantBook;
use cordboard_core::event::{Event, What};
use cordboard_core::flow::RunEnd;
use cordboard_core::ids::{ContactId, TenantId, Version};
use cordboard_core::note::{FailedRun, LogLevel, Note, NoteKind, RunCost, StackFrame};
use cordboard_core::time::Timestamp;
use cordboard_plugin::{PluginHost, PluginLine};
use cordboard_store::{DocumentKind, Rooms};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use tracing::debug;

/// What is kept of a contact. Beyond it lines are counted, and still told on the stream.
const MAX_NOTES: u32 = 1_000;
const MAX_BYTES: usize = 256 << 10;
/// What the lines of a stack may take: what many functions were inlined to is cut to the innermost.
const MAX_STACK_BYTES: usize = 32 << 10;
/// Room for what is worth more than a line: failures, and what was used.
const RESERVED_NOTES: u32 = 40;
/// Stacks whose lines are to be looked up. Beyond them a stack has names only.
const MAX_STACKS: usize = 64;
/// Stacks whose lines are known: many contacts fail at the same place.
const MAX_KNOWN: usize = 256;

/// What notes are made with.
pub(crate) struct NoteParts {
    /// The stream of log lines.
    pub(crate) logs: Events,
    /// To the store.
    pub(crate) keep: mpsc::UnboundedSender<Keep>,
    /// Names of plugins.
    pub(crate) grants: GrantBook,
    /// The time.
    pub(crate) clock: Clock,
    /// To who looks lines up.
    pub(crate) stacks: mpsc::Sender<Stack>,
}

/// A stack without lines.
pub(crate) struct Stack {
    contact: ContactId,
    /// The note it is in, and the one for its lines.
    numbers: (u32, u32),
    version: Version,
    frames: Vec<StackFrame>,
}

/// A contact's notes so far.
#[derive(Default)]
struct Noted {
    next: u32,
    bytes: usize,
    dropped: u32,
    used: BTreeMap<Version, (RunCost, u32)>,
}

/// The notes of all contacts in progress.
pub(crate) struct Notebook {
    parts: NoteParts,
    contacts: BTreeMap<ContactId, Noted>,
}

impl Noted {
    /// A number for a note of so many bytes, unless it is one too many.
    fn number(&mut self, bytes: usize, max_notes: u32) -> Option<u32> {
        if self.next >= max_notes || self.bytes.saturating_add(bytes) > MAX_BYTES {
            return None;
        }
        self.bytes += bytes;
        self.next += 1;
        Some(self.next - 1)
    }
}

impl Notebook {
    /// An empty one.
    pub(crate) fn new(parts: NoteParts) -> Self {
        Self { parts, contacts: BTreeMap::new() }
    }

    /// A flow runs for the contact: what comes of it is noted until the contact ends.
    pub(super) fn begin(&mut self, contact: ContactId) {
        self.contacts.entry(contact).or_default();
    }

    fn keep(&self, contact: ContactId, number: u32, note: Note) {
        // The writer is gone: so is the host.
        let _ = self.parts.keep.send(Keep::Note { contact, number, note: Box::new(note) });
    }

    /// A line of a flow's log.
    pub(super) fn logged(&mut self, contact: ContactId, version: Version, level: LogLevel, text: String) {
        let at = self.parts.clock.now();
        tell(&self.parts.logs, &self.parts.grants, at, (Some(contact), version), level, text.clone());
        let Some(noted) = self.contacts.get_mut(&contact) else { return };
        let note = Note { at, version, kind: NoteKind::Log { level, text } };
        match noted.number(note.bytes(), MAX_NOTES - RESERVED_NOTES) {
            Some(number) => self.keep(contact, number, note),
            None => noted.dropped = noted.dropped.saturating_add(1),
        }
    }

    /// A run ended; if it failed, how and where.
    pub(super) fn ended(&mut self, contact: ContactId, version: Version, end: &RunEnd, frames: Vec<StackFrame>) {
        let Some((kind, detail)) = end.failure() else { return };
        let Some(noted) = self.contacts.get_mut(&contact) else { return };
        let failed = FailedRun { kind: kind.into(), detail, stack: frames.clone() };
        let note = Note { at: self.parts.clock.now(), version, kind: NoteKind::Failed(failed) };
        let Some(number) = noted.number(note.bytes(), MAX_NOTES) else { return };
        if !frames.is_empty()
            && let Some(next) = noted.number(note.bytes(), MAX_NOTES)
        {
            // Too many fail at once: this one has names only.
            let _ = self.parts.stacks.try_send(Stack { contact, numbers: (number, next), version, frames });
        }
        self.keep(contact, number, note);
    }

    /// What a run used that is over, or gone.
    pub(super) fn used(&mut self, contact: ContactId, version: Version, cost: RunCost) {
        let Some(noted) = self.contacts.get_mut(&contact) else { return };
        let (all, runs) = noted.used.entry(version).or_default();
        *all = all.and(cost);
        *runs = runs.saturating_add(1);
    }

    /// The contact ended: what its flows used is noted, and nothing more after that but lines for a stack.
    pub(super) fn close(&mut self, contact: ContactId) {
        let Some(mut noted) = self.contacts.remove(&contact) else { return };
        let at = self.parts.clock.now();
        for (version, (cost, runs)) in std::mem::take(&mut noted.used) {
            let note = Note { at, version, kind: NoteKind::Used { cost, runs, dropped: noted.dropped } };
            let Some(number) = noted.number(0, MAX_NOTES) else { return };
            self.keep(contact, number, note);
        }
    }
}

fn tell(
    logs: &Events,
    grants: &GrantBook,
    at: Timestamp,
    (contact, version): (Option<ContactId>, Version),
    level: LogLevel,
    text: String,
) {
    let plugin = grants.name(version);
    logs.tell(Event { at, contact, what: What::Logged { plugin, version, level, text } });
}

/// Tells what plugins write that are no flows, for as long as there are plugins.
pub(crate) async fn tell_lines(mut written: mpsc::Receiver<PluginLine>, logs: Events, grants: GrantBook, clock: Clock) {
    while let Some(PluginLine { version, level, text }) = written.recv().await {
        tell(&logs, &grants, clock.now(), (None, version), level, text);
    }
}

/// Looks up lines of stacks, one after the other.
pub(crate) struct Lines {
    tenant: TenantId,
    rooms: Rooms,
    plugins: PluginHost,
    clock: Clock,
    keep: mpsc::WeakUnboundedSender<Keep>,
    known: BTreeMap<(Version, Vec<Option<u64>>), Vec<StackFrame>>,
}

impl Lines {
    /// Starts it; gives the way to it. It holds nobody up from ending: what it finds after the last of those who write
    /// is gone.
    pub(crate) fn start(
        (tenant, rooms): (TenantId, Rooms),
        plugins: PluginHost,
        clock: Clock,
        keep: &mpsc::UnboundedSender<Keep>,
    ) -> mpsc::Sender<Stack> {
        let (stacks, mut wanted) = mpsc::channel::<Stack>(MAX_STACKS);
        let keep = keep.downgrade();
        let mut lines = Self { tenant, rooms, plugins, clock, keep, known: BTreeMap::new() };
        tokio::spawn(async move {
            while let Some(stack) = wanted.recv().await {
                lines.look_up(stack).await;
            }
        });
        stacks
    }

    async fn look_up(&mut self, stack: Stack) {
        let Stack { contact, numbers: (of, number), version, frames } = stack;
        let key = (version, frames.iter().map(|frame| frame.offset).collect::<Vec<_>>());
        let found = match self.known.get(&key) {
            Some(found) => found.clone(),
            None => {
                let found = self.found(version, frames).await;
                if self.known.len() >= MAX_KNOWN {
                    self.known.pop_first();
                }
                self.known.insert(key, found.clone());
                found
            }
        };
        if found.iter().all(|frame| frame.lines.is_empty()) {
            return;
        }
        let note = bounded(Note { at: self.clock.now(), version, kind: NoteKind::Lines { of, stack: found } });
        if let Some(keep) = self.keep.upgrade() {
            // The writer is gone: so is the host.
            let _ = keep.send(Keep::Note { contact, number, note: Box::new(note) });
        }
    }

    /// The stack with lines; without them if there are none, or they can't be had.
    async fn found(&self, version: Version, frames: Vec<StackFrame>) -> Vec<StackFrame> {
        let Some(component) = self.component(version).await else { return frames };
        match self.plugins.with_lines(component, frames.clone()).await {
            Ok(found) => found,
            Err(cause) => {
                debug!(version = %version.short(), %cause, "the lines of a stack can't be looked up");
                frames
            }
        }
    }

    async fn component(&self, version: Version) -> Option<Arc<[u8]>> {
        let kept = self.rooms.documents.get(&self.tenant, DocumentKind::Version, &version.to_string()).await;
        let document: DeploymentDocument = decode(&kept.ok()??.body).ok()?;
        let component = self.rooms.blobs.get(&self.tenant, &document.plugin.parse().ok()?).await;
        component.ok()?.map(Into::into)
    }
}

/// A note that the store takes, whatever a component says of its lines.
fn bounded(mut note: Note) -> Note {
    if note.bytes() > MAX_STACK_BYTES
        && let NoteKind::Lines { stack, .. } = &mut note.kind
    {
        stack.iter_mut().for_each(|frame| frame.lines.truncate(1));
    }
    note
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_core::ids::Digest;
    use cordboard_core::note::SourceLine;
    use cordboard_core::time::Timestamp;
    use cordboard_store::notes::MAX_NOTE_BYTES;

    fn lines(per_frame: usize) -> Note {
        let (function, file) = (Some("f".repeat(256)), "p".repeat(512));
        let line = SourceLine { function, file, line: 1, column: 1 };
        let frame = StackFrame { function: "f".repeat(256), offset: Some(1), lines: vec![line; per_frame] };
        let kind = NoteKind::Lines { of: 0, stack: vec![frame; 20] };
        Note { at: Timestamp(0), version: Digest([0; 32]), kind }
    }

    #[test]
    fn the_longest_stack_is_cut_to_what_the_store_takes() {
        assert!(lines(16).bytes() > MAX_NOTE_BYTES, "as much as a component may say");
        assert_eq!(bounded(lines(16)), lines(1));
        assert!(lines(1).bytes() < MAX_NOTE_BYTES);
        assert_eq!(bounded(lines(1)), lines(1), "what fits stays as it is");
    }
}
