//! Being told of changes as they are applied.

use crate::batch::Seq;
use crate::key::{Key, Scan};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// One put or delete that was applied (not necessarily durable yet).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which key.
    pub key: Key,
    /// The new value; none if it was deleted.
    pub value: Option<Arc<[u8]>>,
    /// By which commit.
    pub seq: Seq,
}

/// What a watch tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// A change.
    Change(Change),
    /// The watcher was too slow: this many changes were left out here. Read the state anew.
    Lagged(u64),
}

/// A bounded view of the changes under a prefix.
#[derive(Debug)]
pub struct Watch {
    queue: mpsc::Receiver<Watched>,
    missed: Arc<AtomicU64>,
}

impl Watch {
    /// The next change or loss; none when the store is closed.
    pub async fn next(&mut self) -> Option<Watched> {
        // A loss at the end of the queue has no later change to be told with.
        if self.queue.is_empty()
            && let Some(lagged) = self.take_missed()
        {
            return Some(lagged);
        }
        let next = self.queue.recv().await;
        if next.is_none() { self.take_missed() } else { next }
    }

    fn take_missed(&self) -> Option<Watched> {
        match self.missed.swap(0, Ordering::SeqCst) {
            0 => None,
            missed => Some(Watched::Lagged(missed)),
        }
    }
}

#[derive(Debug)]
struct Watcher {
    range: Scan,
    queue: mpsc::Sender<Watched>,
    missed: Arc<AtomicU64>,
}

impl Watcher {
    fn tell(&self, change: &Change) {
        // The loss is told at its place: before the first change that fits again.
        let missed = self.missed.swap(0, Ordering::SeqCst);
        if missed > 0 && self.queue.try_send(Watched::Lagged(missed)).is_err() {
            self.missed.fetch_add(missed + 1, Ordering::SeqCst);
        } else if self.queue.try_send(Watched::Change(change.clone())).is_err() {
            self.missed.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn covers(&self, key: &[u8]) -> bool {
        let above = match &self.range.low {
            Bound::Included(low) => key >= low.as_slice(),
            Bound::Excluded(low) => key > low.as_slice(),
            Bound::Unbounded => true,
        };
        let below = match &self.range.high {
            Bound::Included(high) => key <= high.as_slice(),
            Bound::Excluded(high) => key < high.as_slice(),
            Bound::Unbounded => true,
        };
        above && below
    }
}

/// All who watch.
#[derive(Debug, Default)]
pub(crate) struct Watchers(Mutex<Vec<Watcher>>);

impl Watchers {
    pub(crate) fn add(&self, range: Scan, capacity: usize) -> Watch {
        let (sender, queue) = mpsc::channel(capacity.clamp(1, 65_536));
        let missed = Arc::new(AtomicU64::new(0));
        let watcher = Watcher { range, queue: sender, missed: Arc::clone(&missed) };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(watcher);
        Watch { queue, missed }
    }

    pub(crate) fn tell(&self, seq: Seq, ops: &[(Key, Option<Vec<u8>>)]) {
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| !watcher.queue.is_closed());
        for (key, value) in ops {
            if !watchers.iter().any(|watcher| watcher.covers(key.as_bytes())) {
                continue;
            }
            let change = Change { key: key.clone(), value: value.as_deref().map(Arc::from), seq };
            watchers.iter().filter(|watcher| watcher.covers(key.as_bytes())).for_each(|watcher| watcher.tell(&change));
        }
    }

    /// Ends every watch.
    pub(crate) fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
