//! Routing decisions, kept whole without keeping everything each time.
//!
//! A decision over 100 agents with 256 numbers each is a hundred kilobytes, and nearly all of it was in the decision
//! before. So the names of the numbers are shared, by digest; and a row refers to a shared *base row* with the few
//! numbers that differ from it now (the idle time, mostly). Who writes remembers the base rows it has written; when the
//! differences from one have cost more than a new one would, it writes a new one.
//!
//! A contact's row may be personal, since attributes that are numbers are in it: it is sealed with the contact's key, and
//! empty once that is erased. Agents' rows, scores and their parts, and who got whom stay readable, for they explain what
//! became of the others.

mod bases;
mod grounds;
mod sealed;
mod stored;

use crate::backend::Reader;
use crate::batch::{Batch, Seq};
use crate::chunks;
use crate::error::StoreError;
use crate::handle::Store;
use crate::key::{Key, Scan, Table, name_of};
use crate::seal::{ContactKeys, Prepared};
use bases::Bases;
use cordboard_core::decision::Decision;
use cordboard_core::ids::{ContactId, DecisionId, IdError, TenantId};
use cordboard_core::time::Timestamp;
use sealed::{Sealing, Shelf};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use stored::Stored;

/// The most decisions of a page.
pub const MAX_DECISION_PAGE: usize = 100;
/// The most numbers in a decision's rows, and in its scores' parts.
pub const MAX_DECISION_NUMBERS: usize = 4 << 20;
/// A page ends early once its decisions have this many numbers (about 16 MiB).
const PAGE_NUMBERS: usize = MAX_DECISION_NUMBERS;

/// Which decision: a host's run numbers them, so only with the time it is one for ever. As text `TIME-NUMBER`, the time
/// in microseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecisionRef {
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Its number.
    pub id: DecisionId,
}

impl fmt::Display for DecisionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.decided_at.0, self.id.0)
    }
}

impl FromStr for DecisionRef {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let numbers = text.split_once('-').and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
        numbers.map(|(at, id)| Self { decided_at: Timestamp(at), id: DecisionId(id) }).ok_or_else(|| IdError {
            what: "decision",
            got: text.chars().take(64).collect(),
            rule: "two numbers with - between them",
        })
    }
}

impl From<&Decision> for DecisionRef {
    fn from(decision: &Decision) -> Self {
        Self { decided_at: decision.decided_at, id: decision.id }
    }
}

impl DecisionRef {
    fn name(self) -> [u8; 16] {
        let mut name = [0; 16];
        let (at, id) = name.split_at_mut(8);
        at.copy_from_slice(&self.decided_at.0.to_be_bytes());
        id.copy_from_slice(&self.id.0.to_be_bytes());
        name
    }

    /// From the last 16 bytes of a name.
    fn from_name(name: &[u8]) -> Result<Self, StoreError> {
        let bytes = name.last_chunk::<16>().ok_or_else(|| StoreError::undecodable("a decision's key", "its length"))?;
        let both = u128::from_be_bytes(*bytes);
        // The upper and the lower half.
        Ok(Self { decided_at: Timestamp((both >> 64) as u64), id: DecisionId(both as u64) })
    }
}

/// Part of a listing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DecisionPage {
    /// Newest first.
    pub decisions: Vec<Decision>,
    /// Where to go on, if there may be more. A page of large decisions is shorter than asked.
    pub next: Option<DecisionRef>,
    /// Decisions in between that can't be decoded, and are left out.
    pub damaged: u64,
}

/// What a batch would newly share: to be given to [`Decisions::confirm`] when the batch is written. Dropped instead, the
/// next decision shares it again.
#[derive(Debug, Default)]
pub struct Fresh(Bases);

/// A decision as it goes into batches: what it shares, then itself.
pub(crate) struct Pieces {
    /// May be written apart and before: nothing refers to it yet.
    pub(crate) shared: Vec<Batch>,
    pub(crate) own: Batch,
}

/// The routing decisions of a store. Clones share what they know to be written.
#[derive(Clone, Debug)]
pub struct Decisions {
    store: Store,
    keys: ContactKeys,
    bases: Arc<Mutex<Bases>>,
}

impl Decisions {
    /// Over this store, the contacts' rows sealed with these keys.
    pub fn new(store: Store, keys: ContactKeys) -> Self {
        Self { store, keys, bases: Arc::default() }
    }

    async fn prepared(&self, tenant: &TenantId, decision: &Decision) -> Result<Prepared, StoreError> {
        self.keys.prepare(tenant, decision.contacts.iter().map(|row| row.contact).collect()).await
    }

    /// Adds a decision to a batch; putting it again replaces it. Call [`Decisions::confirm`] once the batch is committed.
    ///
    /// Fails with `TooLarge` over [`MAX_DECISION_NUMBERS`] or if it takes more than 2 MiB of its own; the batch is as
    /// before then.
    pub async fn put_in(&self, batch: &mut Batch, tenant: &TenantId, decision: &Decision) -> Result<Fresh, StoreError> {
        let mut fresh = Fresh::default();
        let prepared = self.prepared(tenant, decision).await?;
        let pieces = self.pieces(tenant, decision, &prepared, &mut fresh)?;
        rows_in(batch, tenant, decision, &prepared)?;
        for shared in pieces.shared {
            batch.append(shared);
        }
        batch.append(pieces.own);
        Ok(fresh)
    }

    /// Takes note that a batch is committed: later decisions refer to what it shared.
    pub fn confirm(&self, fresh: Fresh) {
        self.bases.lock().unwrap_or_else(PoisonError::into_inner).confirm(fresh.0);
    }

    /// Keeps nothing of an erased contact's numbers in memory.
    pub(crate) fn forget(&self, tenant: &TenantId, contact: ContactId) {
        self.bases.lock().unwrap_or_else(PoisonError::into_inner).forget(tenant, contact);
    }

    /// Writes one decision. Ready before it is durable.
    pub async fn put(&self, tenant: &TenantId, decision: &Decision) -> Result<Seq, StoreError> {
        let mut fresh = Fresh::default();
        let prepared = self.prepared(tenant, decision).await?;
        let mut pieces = self.pieces(tenant, decision, &prepared, &mut fresh)?;
        rows_in(pieces.shared.first_mut().unwrap_or(&mut pieces.own), tenant, decision, &prepared)?;
        for shared in pieces.shared {
            self.store.commit(shared).await?;
        }
        let seq = self.store.commit(pieces.own).await?;
        self.confirm(fresh);
        Ok(seq)
    }

    /// What a decision consists of, given that what `fresh` holds is written before it. If it fails, `fresh` is of no use
    /// any more.
    pub(crate) fn pieces(
        &self,
        tenant: &TenantId,
        decision: &Decision,
        prepared: &Prepared,
        fresh: &mut Fresh,
    ) -> Result<Pieces, StoreError> {
        let mut shared = Vec::new();
        let mut put = |name: &[u8], bytes: &[u8]| {
            let mut batch = Batch::new();
            chunks::put(&mut batch, tenant, Table::Shared, name, bytes, None)?;
            shared.push(batch);
            Ok(())
        };
        let name = DecisionRef::from(decision).name();
        let bytes = {
            let mut bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
            let sealing = Sealing { tenant, prepared, decision: name };
            stored::encode(&mut bases, &mut fresh.0, &sealing, decision, &mut put)?
        };
        let mut own = Batch::new();
        chunks::put(&mut own, tenant, Table::Decision, &name, &bytes, None)?;
        let considered = decision.contacts.iter().map(|row| row.contact);
        let assigned = decision.assigned.iter().map(|(contact, _)| *contact);
        for contact in considered.chain(assigned).collect::<BTreeSet<_>>() {
            own.put(Key::new(tenant, Table::DecisionIndex, &index_name(contact, &name))?, Vec::new());
        }
        Ok(Pieces { shared, own })
    }

    /// One decision.
    pub async fn get(&self, tenant: &TenantId, which: DecisionRef) -> Result<Option<Decision>, StoreError> {
        let (keys, tenant) = (self.keys.clone(), tenant.clone());
        self.store
            .read(move |reader| {
                let bytes = chunks::get(reader, &tenant, Table::Decision, &which.name())?;
                let mut shelf = Shelf::new(reader, &tenant, &keys);
                bytes.map(|(bytes, _)| Stored::decode(&bytes)?.load(which.name(), &mut shelf)).transpose()
            })
            .await
    }

    /// Up to `limit` decisions (1 to [`MAX_DECISION_PAGE`]), newest first, older than `before` (a page's
    /// [`DecisionPage::next`]). One that can't be decoded is left out (and logged).
    pub async fn list(
        &self,
        tenant: &TenantId,
        before: Option<DecisionRef>,
        limit: usize,
    ) -> Result<DecisionPage, StoreError> {
        self.page(tenant, Table::Decision, Vec::new(), before, limit).await
    }

    /// The same, of the decisions that considered this contact.
    pub async fn by_contact(
        &self,
        tenant: &TenantId,
        contact: ContactId,
        before: Option<DecisionRef>,
        limit: usize,
    ) -> Result<DecisionPage, StoreError> {
        self.page(tenant, Table::DecisionIndex, contact.0.to_be_bytes().to_vec(), before, limit).await
    }

    async fn page(
        &self,
        tenant: &TenantId,
        table: Table,
        prefix: Vec<u8>,
        before: Option<DecisionRef>,
        limit: usize,
    ) -> Result<DecisionPage, StoreError> {
        let (keys, tenant) = (self.keys.clone(), tenant.clone());
        let limit = limit.clamp(1, MAX_DECISION_PAGE);
        self.store
            .read(move |reader| {
                let mut scan = Scan::prefix(&tenant, table, &prefix).backward().limit(limit);
                if let Some(before) = before {
                    scan = scan.after(&Key::new(&tenant, table, &[prefix.as_slice(), &before.name()].concat())?);
                }
                read_page(reader, &tenant, &keys, &scan)
            })
            .await
    }
}

fn index_name(contact: ContactId, name: &[u8; 16]) -> [u8; 32] {
    let mut full = [0; 32];
    let (id, rest) = full.split_at_mut(16);
    id.copy_from_slice(&contact.0.to_be_bytes());
    rest.copy_from_slice(name);
    full
}

/// Adds to a batch where the keys of the contacts lie that have new ones.
fn rows_in(batch: &mut Batch, tenant: &TenantId, decision: &Decision, prepared: &Prepared) -> Result<(), StoreError> {
    for row in &decision.contacts {
        if let Ok(held) = prepared.held(row.contact)
            && !held.kept
        {
            held.row_in(batch, tenant, row.contact)?;
        }
    }
    Ok(())
}

fn read_page(
    reader: &dyn Reader,
    tenant: &TenantId,
    keys: &ContactKeys,
    scan: &Scan,
) -> Result<DecisionPage, StoreError> {
    let found = reader.scan(scan)?;
    let mut page = DecisionPage::default();
    let mut shelf = Shelf::new(reader, tenant, keys);
    for (at, entry) in found.entries.iter().enumerate() {
        let which = DecisionRef::from_name(name_of(entry.key.as_bytes()))?;
        // Index and decision are written together; one that is gone was deleted since.
        let bytes = chunks::get(reader, tenant, Table::Decision, &which.name());
        let mut load = |(bytes, _version): (Vec<u8>, u64)| Stored::decode(&bytes)?.load(which.name(), &mut shelf);
        let read = bytes.and_then(|bytes| bytes.map(&mut load).transpose());
        match read {
            Ok(decision) => page.decisions.extend(decision),
            Err(error @ StoreError::Undecodable { .. }) => {
                page.damaged += 1;
                tracing::error!(decision = %which, %error, "a damaged decision is left out");
            }
            Err(error) => return Err(error),
        }
        let last = at + 1 == found.entries.len();
        if shelf.numbers >= PAGE_NUMBERS && !last || last && found.more {
            page.next = Some(which);
            break;
        }
    }
    Ok(page)
}
