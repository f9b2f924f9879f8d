//! Journals, decisions and records on their way to the store: one task writes them in the order they came.
//!
//! When the store fails, what could not be written stays here in memory and is tried again; meanwhile the board
//! refuses new contacts (journal rule 9), so that it grows by what running contacts still do and no more. Nothing that
//! was handed over is lost while the process lives.

use super::BoardHandle;
use crate::shadows::Shadows;
use cordboard_core::board::Input;
use cordboard_core::decision::Decision;
use cordboard_core::ids::{ContactId, TenantId};
use cordboard_core::note::Note;
use cordboard_core::record::ContactRecord;
use cordboard_store::{Item, Rooms, StoreError, Written};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tracing::{error, warn};

/// What is to be kept.
#[derive(Debug)]
pub(crate) enum Keep {
    /// A journal frame.
    Frame {
        /// Whose.
        contact: ContactId,
        /// Its number.
        frame: u64,
        /// Its bytes.
        bytes: Vec<u8>,
        /// The board waits for it.
        sync: bool,
    },
    /// Something noted of a contact, also when it has ended.
    Note {
        /// Whose.
        contact: ContactId,
        /// Its number.
        number: u32,
        /// The note.
        note: Box<Note>,
    },
    /// A decision.
    Decision(Box<Decision>),
    /// A record.
    Record(Box<ContactRecord>),
}

/// How much is written in one go.
const MAX_BATCH: usize = 512;
/// A write that takes longer counts as a failure until it is done: callers must not wait for a disk that hangs.
const STALLED: Duration = Duration::from_secs(3);
/// How long after a failure the store is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// The writing task.
pub(crate) struct Writer {
    tenant: TenantId,
    rooms: Rooms,
    board: BoardHandle,
    /// Why nothing can be written, while it can't.
    failing: watch::Sender<Option<String>>,
    /// Told of what is written.
    shadows: Shadows,
}

impl Writer {
    /// A writer for this tenant's rooms, which reports to the board. Why it can't write, while it can't, is in
    /// `failing`.
    pub(crate) fn new(
        tenant: TenantId,
        rooms: Rooms,
        board: BoardHandle,
        failing: watch::Sender<Option<String>>,
        shadows: Shadows,
    ) -> Self {
        Self { tenant, rooms, board, failing, shadows }
    }

    /// Writes until everybody who could hand something over is gone and all is written, or given up because the store
    /// fails at the end.
    pub(crate) async fn run(self, mut queue: mpsc::UnboundedReceiver<Keep>) {
        let mut batch: Vec<Keep> = Vec::new();
        loop {
            if batch.is_empty() {
                match queue.recv().await {
                    Some(keep) => batch.push(keep),
                    None => return,
                }
            }
            while batch.len() < MAX_BATCH {
                match queue.try_recv() {
                    Ok(keep) => batch.push(keep),
                    Err(_) => break,
                }
            }
            match self.write(&items(&batch)).await {
                Ok(written) => {
                    let refused: BTreeSet<usize> = written.refused.iter().map(|(at, _)| *at).collect();
                    for (at, cause) in written.refused {
                        if matches!((batch.get(at), &cause), (Some(Keep::Note { .. }), StoreError::Erased { .. })) {
                            // It came after the contact was gone for good.
                            continue;
                        }
                        // A fault of ours: nothing that the board hands over is beyond the store's bounds.
                        error!(%cause, item = ?batch.get(at).map(Keep::name), "the store refuses an item: it is lost");
                    }
                    self.written(&mut batch, &refused).await;
                }
                Err(cause) => {
                    self.failed(&cause.to_string());
                    if queue.is_closed() && queue.is_empty() {
                        error!(lost = batch.len(), "the store still fails at the end: what is left is lost");
                        return;
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    async fn write(&self, items: &[Item<'_>]) -> Result<Written, StoreError> {
        let write = self.rooms.write(&self.tenant, items);
        tokio::pin!(write);
        tokio::select! {
            done = &mut write => return done,
            () = tokio::time::sleep(STALLED) => {}
        }
        self.failed("the disk hangs");
        write.await
    }

    async fn written(&self, batch: &mut Vec<Keep>, refused: &BTreeSet<usize>) {
        self.failing.send_if_modified(|failing| failing.take().is_some());
        for (at, keep) in batch.drain(..).enumerate() {
            let (contact, frame, sync) = match keep {
                Keep::Frame { contact, frame, sync, .. } => (contact, frame, sync),
                // What was refused can't be read.
                Keep::Record(record) if !refused.contains(&at) => {
                    self.shadows.ended(&record);
                    continue;
                }
                Keep::Decision(decision) => {
                    self.shadows.decided(decision);
                    continue;
                }
                Keep::Record(_) | Keep::Note { .. } => continue,
            };
            let input = match (refused.contains(&at), sync) {
                (true, _) => Input::JournalLost { contact, frame },
                (false, true) => Input::JournalDurable { contact, frame },
                (false, false) => continue,
            };
            // The board may have stopped: nobody waits any more.
            let _ = self.board.tell(input).await;
        }
    }

    fn failed(&self, cause: &str) {
        self.failing.send_if_modified(|failing| {
            let first = failing.is_none();
            if first {
                warn!(cause, "the store can't be written: what comes is kept in memory and tried again");
                *failing = Some(cause.to_owned());
            }
            first
        });
    }
}

fn items(batch: &[Keep]) -> Vec<Item<'_>> {
    batch
        .iter()
        .map(|keep| match keep {
            Keep::Frame { contact, frame, bytes, .. } => Item::Frame { contact: *contact, number: *frame, bytes },
            Keep::Note { contact, number, note } => Item::Note { contact: *contact, number: *number, note },
            Keep::Decision(decision) => Item::Decision(decision),
            Keep::Record(record) => Item::Record(record),
        })
        .collect()
}

impl Keep {
    const fn name(&self) -> &'static str {
        match self {
            Keep::Frame { .. } => "journal frame",
            Keep::Note { .. } => "note",
            Keep::Decision(_) => "decision",
            Keep::Record(_) => "record",
        }
    }
}
