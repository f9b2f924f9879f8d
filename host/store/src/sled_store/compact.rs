//! Giving back what deletes left: sled's file never shrinks by itself.

use super::SledOptions;
use super::open::{Lock, free_replaced, open_engine, rename};
use crate::error::StoreError;
use std::path::Path;

/// Entries copied between two syncs.
const CHUNK: usize = 5_000;

/// What a compaction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactReport {
    /// Bytes on disk before.
    pub before_bytes: u64,
    /// Bytes on disk afterwards.
    pub after_bytes: u64,
    /// Entries copied.
    pub entries: u64,
}

/// Copies the database of a stopped server into a fresh file and puts that in its place. Needs as much free space as
/// the database has living content. Interrupted at any point, the next opening finds the old or the new one whole.
pub fn compact_offline(folder: &Path) -> Result<CompactReport, StoreError> {
    let _lock = Lock::take(folder)?;
    let options = SledOptions::new(folder);
    let (old, _ceiling) = super::open::open(&options).map(|opened| (opened.engine, opened.ceiling))?;
    // A folder of its own, so that opening is the same: `sled.new/sled`.
    let staging = folder.join("sled.new");
    let (new, _ceiling) = open_engine(&SledOptions::new(&staging))?;
    let failed = |error: sled::Error| StoreError::failed(error.to_string());
    let mut entries = 0u64;
    let mut batch = sled::Batch::default();
    for entry in old.db.iter() {
        let (key, value) = entry.map_err(failed)?;
        batch.insert(key, value);
        entries += 1;
        if entries.is_multiple_of(CHUNK as u64) {
            new.db.apply_batch(std::mem::take(&mut batch)).map_err(failed)?;
            new.sync().map_err(StoreError::failed)?;
            free_replaced(CHUNK);
        }
    }
    new.db.apply_batch(batch).map_err(failed)?;
    new.sync().map_err(StoreError::failed)?;
    let (before_bytes, after_bytes) = (old.size_on_disk(), new.size_on_disk());
    drop(new);
    drop(old);
    let (current, aside) = (folder.join("sled"), folder.join("sled.old"));
    rename(&current, &aside)?;
    rename(&staging.join("sled"), &current)?;
    for left in [aside, staging] {
        std::fs::remove_dir_all(&left).map_err(|error| StoreError::io("remove", &left, error))?;
    }
    Ok(CompactReport { before_bytes, after_bytes, entries })
}
