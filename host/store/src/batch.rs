//! What is written at once: all of a batch or nothing of it.

use crate::error::StoreError;
use crate::key::Key;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest value, in bytes. Longer ones belong in digest-named files: sled keeps up to 17 values in a page, and a
/// page over a quarter of its 2 MiB segment would go to a side file that nobody syncs.
pub const MAX_VALUE_BYTES: usize = 16 << 10;
/// The most puts, deletes and preconditions in a batch.
pub const MAX_BATCH_OPS: usize = 10_000;
/// The most bytes of keys and values in a batch.
pub const MAX_BATCH_BYTES: usize = 4 << 20;

/// The number of a commit. Numbers rise; a restart leaves a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A key with what is stored under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which.
    pub key: Key,
    /// What.
    pub value: Vec<u8>,
    /// The number of the commit that wrote it, for [`Expect::Version`].
    pub version: u64,
}

/// Part of a scan's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In the scan's direction.
    pub entries: Vec<Entry>,
    /// True if the scan was cut short by its limit: go on with [`crate::Scan::after`] the last key.
    pub more: bool,
}

/// What must hold for a batch to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The key doesn't exist.
    Absent,
    /// The key exists.
    Present,
    /// The key was last written by this commit.
    Version(u64),
}

impl Expect {
    pub(crate) fn holds(self, found: Option<u64>) -> bool {
        match self {
            Expect::Absent => found.is_none(),
            Expect::Present => found.is_some(),
            Expect::Version(version) => found == Some(version),
        }
    }
}

/// Puts and deletes that are written together if all preconditions hold.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) ops: Vec<(Key, Option<Vec<u8>>)>,
    pub(crate) expects: Vec<(Key, Expect)>,
    bytes: usize,
}

impl Batch {
    /// An empty batch. Committing it gives a number and writes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores `value` under `key`. The last put or delete of a key counts.
    pub fn put(&mut self, key: Key, value: Vec<u8>) -> &mut Self {
        self.bytes += key.as_bytes().len() + value.len();
        self.ops.push((key, Some(value)));
        self
    }

    /// Removes `key`, if it exists.
    pub fn delete(&mut self, key: Key) -> &mut Self {
        self.bytes += key.as_bytes().len();
        self.ops.push((key, None));
        self
    }

    /// Lets the batch fail with [`StoreError::Conflict`] unless this holds just before it is written.
    pub fn require(&mut self, key: Key, expect: Expect) -> &mut Self {
        self.bytes += key.as_bytes().len();
        self.expects.push((key, expect));
        self
    }

    /// Adds all of another batch.
    pub fn append(&mut self, mut other: Batch) -> &mut Self {
        self.bytes += other.bytes;
        self.ops.append(&mut other.ops);
        self.expects.append(&mut other.expects);
        self
    }

    /// Bytes of keys and values, roughly what the batch takes in the queue.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many puts, deletes and preconditions.
    pub fn len(&self) -> usize {
        self.ops.len() + self.expects.len()
    }

    /// True if there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Checks the bounds: `TooLarge` names what is over.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let within = |what, got: usize, limit: usize| {
            if got <= limit { Ok(()) } else { Err(StoreError::TooLarge { what, got: got as u64, limit: limit as u64 }) }
        };
        within("a batch's number of operations", self.len(), MAX_BATCH_OPS)?;
        within("a batch's bytes", self.bytes, MAX_BATCH_BYTES)?;
        let longest = self.ops.iter().filter_map(|(_, value)| value.as_ref().map(Vec::len)).max().unwrap_or(0);
        within("a value", longest, MAX_VALUE_BYTES)
    }
}
