//! Keys: whose, which table, which name.

use crate::error::StoreError;
use cordboard_core::ids::TenantId;
use std::fmt;
use std::ops::Bound;

/// The longest key name, in bytes.
pub const MAX_NAME_BYTES: usize = 512;

/// What a key belongs to. The numbers are on disk: they are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Configuration documents.
    Config = 1,
    /// Journal frames.
    Journal = 2,
    /// One entry per journal without closing record.
    OpenJournal = 3,
    /// Contact records.
    Record = 4,
    /// Indexes over contact records.
    RecordIndex = 5,
    /// Routing decisions.
    Decision = 6,
    /// Content-addressed rows that decisions share.
    Shared = 7,
    /// Decisions by contact.
    DecisionIndex = 8,
    /// Journal frames by digest of a spilled value, and other things that don't fit elsewhere.
    Misc = 9,
    /// Values that plugins store.
    Value = 10,
    /// Where the keys of contacts lie, and which contacts are erased.
    ContactKey = 11,
    /// What contacts' flows left behind for their authors.
    Note = 12,
    /// Steps of deployments.
    Step = 13,
}

/// Every table, in the order of their numbers.
pub const TABLES: [Table; 13] = [
    Table::Config,
    Table::Journal,
    Table::OpenJournal,
    Table::Record,
    Table::RecordIndex,
    Table::Decision,
    Table::Shared,
    Table::DecisionIndex,
    Table::Misc,
    Table::Value,
    Table::ContactKey,
    Table::Note,
    Table::Step,
];

/// A key as it is on disk: tenant, 0, table, name. The tenant's characters don't include 0, so that no tenant's keys
/// are a prefix of another's, and every scan stays within one tenant and table.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<u8>);

impl Key {
    /// The key of this name. Fails with `TooLarge` over [`MAX_NAME_BYTES`].
    pub fn new(tenant: &TenantId, table: Table, name: &[u8]) -> Result<Self, StoreError> {
        if name.len() > MAX_NAME_BYTES {
            return Err(StoreError::TooLarge {
                what: "a key's name",
                got: name.len() as u64,
                limit: MAX_NAME_BYTES as u64,
            });
        }
        let mut bytes = start(tenant, table);
        bytes.extend_from_slice(name);
        Ok(Self(bytes))
    }

    /// Reads a key back from its bytes on disk or in an export.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let key = Self(bytes.to_vec());
        let wrong = |cause: &str| StoreError::undecodable("a key", cause);
        let (tenant, rest) = key.split().ok_or_else(|| wrong("no tenant"))?;
        let tenant = std::str::from_utf8(tenant).map_err(|_| wrong("tenant"))?;
        TenantId::new(tenant).map_err(|_| wrong("tenant"))?;
        let (table, name) = rest.split_first().ok_or_else(|| wrong("no table"))?;
        if !TABLES.iter().any(|known| *known as u8 == *table) || name.len() > MAX_NAME_BYTES {
            return Err(wrong("table or name"));
        }
        Ok(key)
    }

    /// A key that this store made.
    pub(crate) fn trusted(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    fn split(&self) -> Option<(&[u8], &[u8])> {
        let at = self.0.iter().position(|byte| *byte == 0)?;
        Some((self.0.get(..at)?, self.0.get(at + 1..)?))
    }

    /// Whose.
    pub fn tenant(&self) -> &str {
        self.split().and_then(|(tenant, _)| std::str::from_utf8(tenant).ok()).unwrap_or_default()
    }

    /// In which table.
    pub fn table(&self) -> Option<Table> {
        let number = *self.split()?.1.first()?;
        TABLES.iter().copied().find(|table| *table as u8 == number)
    }

    /// The name within the table.
    pub fn name(&self) -> &[u8] {
        name_of(&self.0)
    }

    /// As on disk.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.tenant())?;
        match self.table() {
            Some(table) => write!(f, "{table:?}/{}", self.name().escape_ascii()),
            None => write!(f, "?/{}", self.name().escape_ascii()),
        }
    }
}

/// The name within a key's bytes.
pub fn name_of(key: &[u8]) -> &[u8] {
    key.iter().position(|byte| *byte == 0).and_then(|at| key.get(at + 2..)).unwrap_or_default()
}

fn start(tenant: &TenantId, table: Table) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(tenant.as_str().len() + 2 + 32);
    bytes.extend_from_slice(tenant.as_str().as_bytes());
    bytes.push(0);
    bytes.push(table as u8);
    bytes
}

/// The most entries one scan answers.
pub const MAX_SCAN: usize = 10_000;
/// A scan stops early once its values are this long.
pub const MAX_SCAN_BYTES: usize = 8 << 20;

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest name first.
    Forward,
    /// Largest name first.
    Backward,
}

/// A range of names in one table of one tenant.
#[derive(Clone, Debug)]
pub struct Scan {
    pub(crate) low: Bound<Vec<u8>>,
    pub(crate) high: Bound<Vec<u8>>,
    /// Which way.
    pub direction: Direction,
    /// How many at most, up to [`MAX_SCAN`].
    pub limit: usize,
}

impl Scan {
    /// All names that begin with `prefix`, smallest first.
    pub fn prefix(tenant: &TenantId, table: Table, prefix: &[u8]) -> Self {
        let mut low = start(tenant, table);
        low.extend_from_slice(prefix);
        let high = successor(&low).map_or(Bound::Unbounded, Bound::Excluded);
        Self { low: Bound::Included(low), high, direction: Direction::Forward, limit: MAX_SCAN }
    }

    /// Names from `low` (included) to `high` (excluded), smallest first.
    pub fn range(tenant: &TenantId, table: Table, low: &[u8], high: &[u8]) -> Self {
        let at = |name: &[u8]| [start(tenant, table).as_slice(), name].concat();
        Self {
            low: Bound::Included(at(low)),
            high: Bound::Excluded(at(high)),
            direction: Direction::Forward,
            limit: MAX_SCAN,
        }
    }

    /// Everything of every tenant.
    pub(crate) fn everything() -> Self {
        // Names of tenants begin with a letter or digit; what the store keeps for itself begins with 0.
        Self {
            low: Bound::Included(vec![b'0']),
            high: Bound::Unbounded,
            direction: Direction::Forward,
            limit: MAX_SCAN,
        }
    }

    /// Goes on behind this key, which an earlier scan in the same direction answered last.
    #[must_use]
    pub fn after(mut self, key: &Key) -> Self {
        let bound = Bound::Excluded(key.as_bytes().to_vec());
        match self.direction {
            Direction::Forward => self.low = bound,
            Direction::Backward => self.high = bound,
        }
        self
    }

    /// Largest first. To be called before [`Scan::after`].
    #[must_use]
    pub fn backward(mut self) -> Self {
        self.direction = Direction::Backward;
        self
    }

    /// At most this many.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.min(MAX_SCAN);
        self
    }

    /// True if nothing can lie in the range (the engines below panic or misbehave when asked).
    pub(crate) fn is_empty(&self) -> bool {
        match (&self.low, &self.high) {
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(low), Bound::Included(high)) => low > high,
            (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) => low >= high,
        }
    }
}

/// The smallest byte string behind all that begin with `prefix`.
pub(crate) fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let at = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut next = prefix.get(..=at)?.to_vec();
    if let Some(last) = next.last_mut() {
        *last += 1;
    }
    Some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_hostile_bytes_are_refused() {
        let tenant = TenantId::new("acme").unwrap();
        let key = Key::new(&tenant, Table::Record, b"a\0b").unwrap();
        let back = Key::from_bytes(key.as_bytes()).unwrap();
        assert_eq!((back.tenant(), back.table(), back.name()), ("acme", Some(Table::Record), &b"a\0b"[..]));
        for bad in [&b""[..], b"acme", b"\0\x01x", b"acme\0", b"acme\0\xffx", b"a/b\0\x01x"] {
            assert!(Key::from_bytes(bad).is_err(), "{bad:?}");
        }
        assert!(Key::new(&tenant, Table::Config, &[b'x'; MAX_NAME_BYTES + 1]).is_err());
    }

    #[test]
    fn successors_are_the_end_of_a_prefix() {
        for (prefix, expected) in
            [(&b"a"[..], Some(&b"b"[..])), (b"a\xff", Some(b"b")), (b"\xff\xff", None), (b"", None)]
        {
            assert_eq!(successor(prefix).as_deref(), expected);
        }
    }
}
