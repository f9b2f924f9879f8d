//! Contact records: one per contact, exactly once, found by what happened.

mod index;
mod query;
mod stored;

pub use index::RecordFilter;

use crate::batch::{Batch, Expect, Seq};
use crate::chunks;
use crate::error::StoreError;
use crate::handle::Store;
use crate::journals;
use crate::key::Table;
use cordboard_core::ids::{ContactId, TenantId};
use cordboard_core::record::ContactRecord;

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
pub struct Records(Store);

/// A batch that writes a contact's record and marks its journal as finished, on condition that there is no record yet.
pub fn record_batch(record: &ContactRecord) -> Result<Batch, StoreError> {
    record_parts(record).map(|(batch, _content)| batch)
}

/// The same, with the record's bytes.
pub(crate) fn record_parts(record: &ContactRecord) -> Result<(Batch, Vec<u8>), StoreError> {
    let content = stored::encode(record)?;
    let mut batch = Batch::new();
    let tenant = &record.tenant;
    let id = record.id.0;
    batch.require(query::record_key(tenant, id)?, Expect::Absent);
    chunks::put(&mut batch, tenant, Table::Record, &id.to_be_bytes(), &content, None)?;
    for key in index::keys(tenant, record)? {
        batch.put(key, Vec::new());
    }
    journals::finish_in(&mut batch, tenant, record.id)?;
    Ok((batch, content))
}

impl Records {
    /// Over this store.
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    /// Writes a contact's record and finishes its journal, together. Ready before it is durable. A `Conflict` means that
    /// the contact has its record already, so that repeating it is safe.
    pub async fn put(&self, record: &ContactRecord) -> Result<Seq, StoreError> {
        self.0.commit(record_batch(record)?).await
    }

    /// The record of a contact.
    pub async fn get(&self, tenant: &TenantId, contact: ContactId) -> Result<Option<ContactRecord>, StoreError> {
        let tenant = tenant.clone();
        self.0
            .read(move |reader| {
                let found = chunks::get(reader, &tenant, Table::Record, &contact.0.to_be_bytes())?;
                found.map(|(bytes, _version)| stored::decode(&tenant, &bytes)).transpose()
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
        let (tenant, filter) = (tenant.clone(), filter.clone());
        self.0
            .read(move |reader| {
                let before = before.map(|contact| contact.0);
                let found = query::walk(reader, &tenant, &filter, before, limit.clamp(1, MAX_PAGE))?;
                let mut page = RecordPage {
                    records: Vec::with_capacity(found.ids.len()),
                    next: found.next.map(ContactId),
                    examined: found.examined,
                };
                for id in found.ids {
                    // Index and record are written together; one that is gone was deleted since.
                    let bytes = chunks::get(reader, &tenant, Table::Record, &id.to_be_bytes());
                    let read = bytes
                        .and_then(|bytes| bytes.map(|(bytes, _version)| stored::decode(&tenant, &bytes)).transpose());
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
