//! What is known to be written already, so that decisions can refer to it.

use cordboard_core::ids::{AgentId, ContactId, TenantId};
use std::collections::{BTreeMap, BTreeSet};

/// A shared thing's name: the first half of its SHA-256. Enough against accident; who forges a collision damages but
/// decisions about his own numbers.
pub(super) type SharedName = [u8; 16];

/// Bytes of rows that are remembered. Beyond it all is forgotten and written once more.
const MAX_BYTES: usize = 16 << 20;
/// How many times a base row's size its differences may cost before a new one is written.
const PATIENCE: usize = 4;
/// Lists of names that are remembered.
const MAX_NAMES: usize = 1000;
/// What one different number takes: its column and itself.
const CHANGE_BYTES: usize = 6;
/// Besides its numbers.
const ROW_BYTES: usize = 200;

/// Whose row it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    Contact(ContactId),
    Agent(AgentId),
}

/// A row's place: tenant, names of the numbers, whose.
pub(super) type Place = (TenantId, SharedName, Who);

#[derive(Debug)]
struct Base {
    name: SharedName,
    /// As bits, so that NaN equals itself.
    values: Vec<u32>,
    /// Bytes that differences from it have cost so far.
    spent: usize,
}

/// The base rows and names that are written; or those that a batch is about to write.
#[derive(Debug, Default)]
pub(super) struct Bases {
    rows: BTreeMap<Place, Base>,
    names: BTreeSet<(TenantId, SharedName)>,
    bytes: usize,
}

impl Bases {
    /// True if these names are written.
    pub(super) fn has_names(&self, names: &(TenantId, SharedName)) -> bool {
        self.names.contains(names)
    }

    /// Adds names.
    pub(super) fn add_names(&mut self, names: (TenantId, SharedName)) {
        self.names.insert(names);
    }

    /// Adds a base row, or puts it in an older one's place.
    pub(super) fn add_row(&mut self, place: Place, name: SharedName, values: Vec<u32>) {
        self.put(place, Base { name, values, spent: 0 });
    }

    fn put(&mut self, place: Place, base: Base) {
        let size = |base: &Base| base.values.len() * 4 + ROW_BYTES;
        self.bytes += size(&base);
        if let Some(old) = self.rows.insert(place, base) {
            self.bytes -= size(&old);
        }
    }

    /// The base row to refer to, with the columns that differ; none if a new one is the better choice.
    pub(super) fn differences(&mut self, place: &Place, values: &[u32]) -> Option<(SharedName, Vec<(u32, u32)>)> {
        let base = self.rows.get_mut(place).filter(|base| base.values.len() == values.len())?;
        let pairs = (0u32..).zip(base.values.iter().zip(values));
        let differs = |(column, (old, new)): (u32, (&u32, &u32))| (old != new).then_some((column, *new));
        let changes: Vec<_> = pairs.filter_map(differs).collect();
        let (cost, whole) = (changes.len() * CHANGE_BYTES, values.len() * 4);
        if cost > whole / 2 || base.spent + cost > whole * PATIENCE {
            return None;
        }
        base.spent += cost;
        Some((base.name, changes))
    }

    /// Keeps no row of this contact.
    pub(super) fn forget(&mut self, tenant: &TenantId, contact: ContactId) {
        let gone = |(whose, _, who): &Place| whose == tenant && *who == Who::Contact(contact);
        let bytes = &mut self.bytes;
        self.rows.retain(|place, base| {
            let gone = gone(place);
            *bytes -= if gone { base.values.len() * 4 + ROW_BYTES } else { 0 };
            !gone
        });
    }

    /// Adds all that a batch has written.
    pub(super) fn confirm(&mut self, fresh: Bases) {
        if self.bytes + fresh.bytes > MAX_BYTES || self.names.len() >= MAX_NAMES {
            *self = Self::default();
        }
        self.names.extend(fresh.names);
        for (place, base) in fresh.rows {
            self.put(place, base);
        }
    }
}
