//! What can go wrong in the store.

use crate::key::Key;
use cordboard_core::ids::ContactId;
use std::path::PathBuf;
use std::sync::Arc;

/// Why the store could not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process (or another store in this one) has the data folder open.
    #[error("the data folder {} is in use by another server (process {holder})", path.display())]
    InUse {
        /// The data folder.
        path: PathBuf,
        /// The process that holds it, as it wrote itself into the lock file; `unknown` if it didn't.
        holder: String,
    },
    /// What is on disk can't be read. Restore an export, or open with quarantine to start anew beside it.
    #[error("the database in {} is damaged: {cause}", path.display())]
    Corrupted {
        /// The data folder.
        path: PathBuf,
        /// What the engine says.
        cause: String,
    },
    /// The folder was written by a newer Cordboard.
    #[error("the database in {} has format {found}, this program knows {known}", path.display())]
    Format {
        /// The data folder.
        path: PathBuf,
        /// The format on disk.
        found: u64,
        /// The newest format known.
        known: u64,
    },
    /// A file operation failed.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// What was being done, e.g. `open`.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// Writing failed (disk full, I/O error). Nothing is taken until the store has recovered by itself.
    #[error("the store has failed: {reason}")]
    Failed {
        /// What the engine or the system said.
        reason: Arc<str>,
    },
    /// The disk is so full that writes are refused, before the engine would fail.
    #[error("the disk is full: {free_bytes} bytes free, {needed_bytes} needed")]
    NoSpace {
        /// Bytes free.
        free_bytes: u64,
        /// Bytes that have to stay free.
        needed_bytes: u64,
    },
    /// The write queue is full: the disk is slower than what is asked of it.
    #[error("the write queue is full")]
    Busy,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// A precondition of a batch doesn't hold; nothing of it was written.
    #[error("{key} has version {found:?}, not what was expected")]
    Conflict {
        /// Which key.
        key: Key,
        /// Its version, if it exists.
        found: Option<u64>,
    },
    /// Something is over its bound.
    #[error("{what} is {got}, the limit is {limit}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// Its size.
        got: u64,
        /// The bound.
        limit: u64,
    },
    /// A stored record can't be decoded.
    #[error("{what} can't be decoded: {cause}")]
    Undecodable {
        /// Which kind of record.
        what: &'static str,
        /// What is wrong.
        cause: String,
    },
    /// The file of keys can't be used: nothing that is sealed could be read.
    #[error("the key file {} can't be used: {cause}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The key of a contact isn't in the key file.
    #[error("the key of contact {contact} is not in the key file: {cause}")]
    KeyLost {
        /// Whose.
        contact: ContactId,
        /// What is there instead.
        cause: &'static str,
    },
    /// What was kept of the person was erased.
    #[error("what was kept of the person of contact {contact} is erased")]
    Erased {
        /// Whose.
        contact: ContactId,
    },
    /// A frame of a journal doesn't open with the contact's key.
    #[error("frame {number} doesn't open: it was changed, cut short, or moved")]
    BrokenFrame {
        /// Counted from 0.
        number: u64,
    },
    /// An argument makes no sense, e.g. a cursor that this store didn't give out.
    #[error("{what} is not valid: {cause}")]
    Invalid {
        /// Which argument.
        what: &'static str,
        /// What is wrong with it.
        cause: String,
    },
}

impl StoreError {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { doing, path: path.into(), source: Arc::new(source) }
    }

    pub(crate) fn failed(reason: impl Into<Arc<str>>) -> Self {
        Self::Failed { reason: reason.into() }
    }

    pub(crate) fn undecodable(what: &'static str, cause: impl ToString) -> Self {
        Self::Undecodable { what, cause: cause.to_string() }
    }

    /// True if the same request may succeed later without a change: the store is full, busy or failed.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::NoSpace { .. } | Self::Busy)
    }
}
