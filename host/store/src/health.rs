//! How the store is, and how faults are brought about on purpose.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How the store is. The server takes new calls only in [`StoreHealth::Ok`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreHealth {
    /// All well.
    Ok,
    /// Writes still work, but the disk is nearly full: take on nothing new.
    LowSpace {
        /// Bytes free.
        free_bytes: u64,
    },
    /// The disk is full: writes are refused until space is back.
    NoSpace {
        /// Bytes free.
        free_bytes: u64,
    },
    /// Writing failed; writes are refused, reads are tried. The store tries to recover by itself.
    Failed {
        /// What the engine or the system said.
        reason: Arc<str>,
    },
    /// The store was closed.
    Closed,
}

impl StoreHealth {
    /// True if new work may be taken on.
    pub fn is_ok(&self) -> bool {
        matches!(self, StoreHealth::Ok)
    }

    /// Its name in metrics and the API.
    pub const fn code(&self) -> &'static str {
        match self {
            StoreHealth::Ok => "ok",
            StoreHealth::LowSpace { .. } => "low-space",
            StoreHealth::NoSpace { .. } => "no-space",
            StoreHealth::Failed { .. } => "failed",
            StoreHealth::Closed => "closed",
        }
    }
}

/// Sizes, for metrics and operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreInfo {
    /// Bytes of the database on disk (in memory for the in-memory store). Deletes don't shrink it; see
    /// [`crate::compact_offline`].
    pub bytes: u64,
    /// Bytes free on its disk; none if that can't be known.
    pub free_bytes: Option<u64>,
    /// Bytes waiting in the write queue or for the disk.
    pub queued_bytes: u64,
    /// The last commit applied.
    pub applied: crate::batch::Seq,
    /// The last commit on disk.
    pub durable: crate::batch::Seq,
}

type Listener = Box<dyn Fn() + Send + Sync>;

/// Switches that make a store fail on purpose, for tests of what the server does then. All off at first.
#[derive(Default)]
pub struct Faults {
    listeners: Mutex<Vec<Listener>>,
    fail_writes: AtomicBool,
    hold_durable: AtomicBool,
    low_space: AtomicBool,
    no_space: AtomicBool,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("fail_writes", &self.fail_writes).finish_non_exhaustive()
    }
}

impl Faults {
    pub(crate) fn on_change(&self, listener: Listener) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    fn tell(&self) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|listener| listener());
    }

    /// Lets every write fail as if the disk had an error; off again, the store recovers as it would from a real one.
    pub fn fail_writes(&self, on: bool) {
        self.fail_writes.store(on, Ordering::SeqCst);
        self.tell();
    }

    /// Keeps commits from becoming durable, as if the disk were very slow.
    pub fn hold_durable(&self, on: bool) {
        self.hold_durable.store(on, Ordering::SeqCst);
        self.tell();
    }

    /// Pretends that the disk is nearly full.
    pub fn low_space(&self, on: bool) {
        self.low_space.store(on, Ordering::SeqCst);
        self.tell();
    }

    /// Pretends that the disk is full.
    pub fn no_space(&self, on: bool) {
        self.no_space.store(on, Ordering::SeqCst);
        self.tell();
    }

    pub(crate) fn writes_fail(&self) -> bool {
        self.fail_writes.load(Ordering::SeqCst)
    }

    pub(crate) fn durable_held(&self) -> bool {
        self.hold_durable.load(Ordering::SeqCst)
    }

    /// What the space probe is to answer instead, given the marks.
    pub(crate) fn pretended_space(&self, low: u64, reserve: u64) -> Option<u64> {
        if self.no_space.load(Ordering::SeqCst) {
            Some(reserve / 2)
        } else if self.low_space.load(Ordering::SeqCst) {
            Some(reserve.midpoint(low))
        } else {
            None
        }
    }
}
