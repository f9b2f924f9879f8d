//! Contact records: one per contact, exactly once, found by what happened.

mod index;
mod query;
mod stored;

pub use index::RecordFilter;

use crate::backend::Reader;
use crate::batch::{Batch, Expect, Seq};
use crate::chunks;
use crate::error::StoreError;
use crate::handle::Store;
use crate::journals;
use crate::key::Table;
use crate::seal::{ContactKeys, Held};
use cordboard_core::ids::{ContactId, TenantId};
use cordboard_core::record::ContactRecord;
use std::collections::BTreeSet;

/// The most records of a page.
pub const MAX_PAGE: usize = 200;

/// Part of a listing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordPage {
    /// Newest first.
    pub records: Vec<ContactRecord>,
    /// Where to go on, if there may be more. A page can be short, even empty, and have one: its request had looked at as
    /// many index entries as one may (8,000).
    pub next: Option<ContactId>,
    /// Index entries looked at, for metrics.
    pub examined: usize,
}

/// The contact records of a store.
#[derive(Clone, Debug)]
pub struct Records {
    store: Store,
    keys: ContactKeys,
}

/// A batch that writes a contact's record, its personal part sealed, and marks its journal as finished, on condition that
/// there is no record yet.
pub(crate) fn record_batch(keys: &ContactKeys, held: &Held, record: &ContactRecord) -> Result<Batch, StoreError> {
    let content = stored::encode(held, record)?;
    let mut batch = Batch::new();
    let tenant = &record.tenant;
    let id = record.id.0;
    batch.require(query::record_key(tenant, id)?, Expect::Absent);
    chunks::put(&mut batch, tenant, Table::Record, &id.to_be_bytes(), &content, None)?;
    for key in index::keys(tenant, keys, record)? {
        batch.put(key, Vec::new());
    }
    journals::finish_in(&mut batch, tenant, record.id)?;
    Ok(batch)
}

/// The record of these bytes, read with the key of its contact.
pub(crate) fn decode(
    keys: &ContactKeys,
    reader: &dyn Reader,
    tenant: &TenantId,
    contact: ContactId,
    bytes: &[u8],
) -> Result<ContactRecord, StoreError> {
    stored::decode(tenant, bytes, &keys.access(reader, tenant, contact)?)
}

/// Adds to a batch that the record of a contact has no personal part any more, and that it isn't found by its caller;
/// false if there is no record.
pub(crate) fn erase_in(
    keys: &ContactKeys,
    reader: &dyn Reader,
    batch: &mut Batch,
    tenant: &TenantId,
    contact: ContactId,
) -> Result<bool, StoreError> {
    let name = contact.0.to_be_bytes();
    let key = query::record_key(tenant, contact.0)?;
    let Some(head) = reader.get(&key)? else { return Ok(false) };
    let bytes = chunks::whole(reader, tenant, Table::Record, &name, &head)?;
    batch.require(key, Expect::Version(head.version));
    let record = match decode(keys, reader, tenant, contact, &bytes) {
        Ok(record) => record,
        // Nobody can tell what is personal in it.
        Err(StoreError::Undecodable { .. }) => {
            chunks::delete(batch, tenant, Table::Record, &name, &head.value)?;
            for key in index::searched(reader, tenant, contact)? {
                batch.delete(key);
            }
            return Ok(true);
        }
        Err(error) => return Err(error),
    };
    chunks::put(batch, tenant, Table::Record, &name, &stored::encode_erased(&record)?, Some(&head.value))?;
    for key in index::caller_keys(reader, tenant, keys, &record)? {
        batch.delete(key);
    }
    Ok(true)
}

impl Records {
    /// Over this store, sealed with these keys.
    pub fn new(store: Store, keys: ContactKeys) -> Self {
        Self { store, keys }
    }

    /// Writes a contact's record and finishes its journal, together. Ready before it is durable. A `Conflict` means that
    /// the contact has its record already, so that repeating it is safe.
    pub async fn put(&self, record: &ContactRecord) -> Result<Seq, StoreError> {
        let prepared = self.keys.prepare(&record.tenant, BTreeSet::from([record.id])).await?;
        let held = prepared.held(record.id)?;
        let mut batch = record_batch(&self.keys, held, record)?;
        held.row_in(&mut batch, &record.tenant, record.id)?;
        let seq = self.store.commit(batch).await?;
        self.keys.forget(&record.tenant, record.id);
        Ok(seq)
    }

    /// Hides the numbers that earlier versions indexed openly. Can be repeated.
    pub(crate) async fn hide_callers(&self, tenant: &TenantId) -> Result<(), StoreError> {
        loop {
            let (keys, whose) = (self.keys.clone(), tenant.clone());
            let job = move |reader: &dyn Reader| {
                let mut batch = Batch::new();
                Ok(index::hide_callers(reader, &mut batch, &whose, &keys)?.then_some(batch))
            };
            let Some(batch) = self.store.read(job).await? else { return Ok(()) };
            self.store.commit_durable(batch).await?;
        }
    }

    /// The record of a contact.
    pub async fn get(&self, tenant: &TenantId, contact: ContactId) -> Result<Option<ContactRecord>, StoreError> {
        let (keys, tenant) = (self.keys.clone(), tenant.clone());
        self.store
            .read(move |reader| {
                let found = chunks::get(reader, &tenant, Table::Record, &contact.0.to_be_bytes())?;
                found.map(|(bytes, _version)| decode(&keys, reader, &tenant, contact, &bytes)).transpose()
            })
            .await
    }

    /// Up to `limit` records (1 to [`MAX_PAGE`]) for which all of the filter holds, newest first, below the contact
    /// `before` (a page's [`RecordPage::next`]).
    ///
    /// The time of a record is when the contact came. A record that can't be decoded is left out (and logged), so that it
    /// doesn't hide the others. Whatever the filter, a request looks at no more than about 8,000
    /// index entries.
    pub async fn list(
        &self,
        tenant: &TenantId,
        filter: &RecordFilter,
        before: Option<ContactId>,
        limit: usize,
    ) -> Result<RecordPage, StoreError> {
        let (keys, tenant, filter) = (self.keys.clone(), tenant.clone(), filter.clone());
        self.store
            .read(move |reader| {
                let before = before.map(|contact| contact.0);
                let found = query::walk(reader, &tenant, (&filter, &keys), before, limit.clamp(1, MAX_PAGE))?;
                let mut page = RecordPage {
                    records: Vec::with_capacity(found.ids.len()),
                    next: found.next.map(ContactId),
                    examined: found.examined,
                };
                for id in found.ids {
                    // Index and record are written together; one that is gone was deleted since.
                    let bytes = chunks::get(reader, &tenant, Table::Record, &id.to_be_bytes());
                    let decoded =
                        |(bytes, _version): (Vec<u8>, u64)| decode(&keys, reader, &tenant, ContactId(id), &bytes);
                    let read = bytes.and_then(|bytes| bytes.map(decoded).transpose());
                    match read {
                        Ok(record) => page.records.extend(record),
                        Err(error @ StoreError::Undecodable { .. }) => {
                            tracing::error!(contact = %ContactId(id), %error, "a damaged record is left out");
                        }
                        Err(error) => return Err(error),
                    }
                }
                Ok(page)
            })
            .await
    }
}
