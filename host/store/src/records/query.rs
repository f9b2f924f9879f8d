//! Listing records by several indexes at once.
//!
//! The indexes are walked together from the newest contact to the oldest, each skipping to where the others stand: so
//! the work follows the most selective one. What remains is bounded by a budget: a request that has looked at
//! [`BUDGET`] index entries answers what it has found, with a cursor to go on from.

use super::index::RecordFilter;
use crate::backend::Reader;
use crate::error::StoreError;
use crate::key::{Key, Scan, Table, name_of};
use crate::seal::ContactKeys;
use cordboard_core::ids::TenantId;
use std::ops::ControlFlow;

/// Index entries looked at per request; a seek counts as [`SEEK`].
pub(super) const BUDGET: usize = 8_000;
/// What finding a place in an index costs, in entries read in sequence.
const SEEK: usize = 8;
const FIRST_BLOCK: usize = 16;
const LAST_BLOCK: usize = 512;

/// What a walk has found.
pub(super) struct Found {
    /// Contacts, newest first.
    pub(super) ids: Vec<u128>,
    /// Where to go on: below this one.
    pub(super) next: Option<u128>,
    /// Index entries looked at, seeks included.
    pub(super) examined: usize,
}

/// One index, walked downwards.
struct Cursor<'a> {
    reader: &'a dyn Reader,
    tenant: &'a TenantId,
    table: Table,
    prefix: Vec<u8>,
    low: u128,
    /// Identifiers read ahead, largest first; `at` is the next.
    block: Vec<u128>,
    at: usize,
    /// True if nothing lies behind the block.
    ended: bool,
    size: usize,
}

impl Cursor<'_> {
    /// The largest identifier at or below `id`; counts what it costs.
    fn seek(&mut self, id: u128, cost: &mut usize) -> Result<Option<u128>, StoreError> {
        let rest = self.block.get(self.at..).unwrap_or_default();
        let skip = rest.partition_point(|found| *found > id);
        *cost += 1;
        if let Some(found) = rest.get(skip) {
            self.at += skip;
            return Ok(Some(*found));
        }
        if self.ended {
            return Ok(None);
        }
        // Read in sequence: larger blocks. Jumping: small ones again.
        let in_sequence = self.block.last().is_some_and(|last| last.wrapping_sub(1) == id || skip <= 1);
        self.size = if in_sequence { (self.size * 2).min(LAST_BLOCK) } else { FIRST_BLOCK };
        self.fill(id)?;
        *cost += SEEK + self.block.len();
        Ok(self.block.first().copied())
    }

    fn fill(&mut self, id: u128) -> Result<(), StoreError> {
        self.block.clear();
        self.at = 0;
        let name = |id: u128| [self.prefix.as_slice(), &id.to_be_bytes()].concat();
        // The end of a range is excluded: one byte more includes the identifier itself.
        let mut end = name(id);
        end.push(0);
        let scan = Scan::range(self.tenant, self.table, &name(self.low), &end).backward();
        let (block, size) = (&mut self.block, self.size);
        let mut ended = true;
        self.reader.visit(&scan, &mut |key, _version, _value| {
            let name = name_of(key);
            let id = name.last_chunk::<16>().map(|id| u128::from_be_bytes(*id));
            block.extend(id);
            if block.len() < size {
                return ControlFlow::Continue(());
            }
            ended = false;
            ControlFlow::Break(())
        })?;
        self.ended = ended;
        Ok(())
    }
}

/// Up to `limit` contacts that are in every index, from below `before` downwards.
pub(super) fn walk(
    reader: &dyn Reader,
    tenant: &TenantId,
    (filter, keys): (&RecordFilter, &ContactKeys),
    before: Option<u128>,
    limit: usize,
) -> Result<Found, StoreError> {
    let (low, until) = filter.ids();
    let mut found = Found { ids: Vec::new(), next: None, examined: 0 };
    let below = before.into_iter().chain(until).min();
    let Some(mut id) = below.map_or(Some(u128::MAX), |below| below.checked_sub(1)) else { return Ok(found) };
    let mut prefixes: Vec<_> =
        filter.prefixes(keys, tenant).into_iter().map(|prefix| (Table::RecordIndex, prefix)).collect();
    if prefixes.is_empty() {
        prefixes.push((Table::Record, Vec::new()));
    }
    let cursor = |(table, prefix)| Cursor {
        reader,
        tenant,
        table,
        prefix,
        low,
        block: Vec::new(),
        at: 0,
        ended: false,
        size: FIRST_BLOCK,
    };
    let mut cursors: Vec<_> = prefixes.into_iter().map(cursor).collect();
    while id >= low {
        if found.ids.len() >= limit || found.examined >= BUDGET {
            found.next = id.checked_add(1);
            break;
        }
        // One round: every index either has this identifier or leads to a smaller one.
        let start = id;
        for cursor in &mut cursors {
            match cursor.seek(id, &mut found.examined)? {
                Some(smaller) => id = smaller,
                None => return Ok(found),
            }
        }
        if id == start || cursors.len() == 1 {
            found.ids.push(id);
            match id.checked_sub(1) {
                Some(smaller) => id = smaller,
                None => break,
            }
        }
    }
    Ok(found)
}

/// The key of a record.
pub(super) fn record_key(tenant: &TenantId, id: u128) -> Result<Key, StoreError> {
    Key::new(tenant, Table::Record, &id.to_be_bytes())
}
