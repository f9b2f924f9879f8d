//! Erasing a contact: its key is destroyed, and what was kept of the person with it.

use super::envelope::ContactKey;
use super::key_file::Slot;
use super::{Access, ContactKeys, ERASED, RowV1, decode, encode, named, row_key};
use crate::backend::Reader;
use crate::batch::{Batch, Expect};
use crate::error::StoreError;
use crate::journals;
use crate::key::{Key, Scan, Table};
use crate::records;
use crate::rooms::Rooms;
use cordboard_core::ids::{ContactId, TenantId};

/// What an erasure came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// Nothing is known of the contact.
    Unknown,
    /// Its journal isn't finished: it is in progress, or its record is still on the way.
    Unfinished,
    /// It is erased now.
    Done,
    /// It was erased before.
    Before,
}

/// Among the erased: its journal's frames and its notes are still to be removed, or nothing is.
const PENDING: u8 = 0;
const COMPLETE: u8 = 1;
/// Erased contacts looked at in one go.
const PAGE: usize = 1000;

enum First {
    Answer(Erasure),
    Write(Batch),
}

impl Rooms {
    /// Erases what is kept of the person: the record's personal part, the journal, notes, the contact's numbers in decisions,
    /// and that the record is found by the caller's number. The rest of the record stays, marked as erased. When it
    /// returns, the key is overwritten on disk. Interrupted or failed at any point it can be called again, and the next
    /// [`Rooms::tidy_up`] completes it. What plugins store ([`crate::Values`]) is the plugins', and stays.
    pub async fn erase(&self, tenant: &TenantId, contact: ContactId) -> Result<Erasure, StoreError> {
        if self.keys.writes(tenant, contact) {
            // Whoever writes for it may try again, and would put back what says that it isn't erased.
            return Ok(Erasure::Unfinished);
        }
        let (keys, whose) = (self.keys.clone(), tenant.clone());
        let first = self.store.read(move |reader| first_step(&keys, reader, &whose, contact)).await?;
        let erasure = match first {
            First::Answer(answer @ (Erasure::Unknown | Erasure::Unfinished)) => return Ok(answer),
            First::Answer(answer @ (Erasure::Before | Erasure::Done)) => answer,
            First::Write(batch) => {
                self.store.commit_durable(batch).await?;
                Erasure::Done
            }
        };
        self.keys.forget(tenant, contact);
        self.decisions.forget(tenant, contact);
        self.complete(tenant, contact).await?;
        Ok(erasure)
    }

    /// Destroys the key of a contact whose record says that it is erased, and removes its journal and its notes.
    async fn complete(&self, tenant: &TenantId, contact: ContactId) -> Result<(), StoreError> {
        let (keys, whose) = (self.keys.clone(), tenant.clone());
        // A reader's thread may block: the key is gone from the disk when it answers.
        self.store.read(move |reader| keys.destroy(reader, &whose, contact)).await?;
        self.journals.delete(tenant, contact).await?;
        self.notes.delete(tenant, contact).await?;
        let mut batch = Batch::new();
        batch.put(named(tenant, ERASED, contact)?, vec![COMPLETE]);
        self.store.commit_durable(batch).await.map(drop)
    }

    /// What a host does once before it serves a tenant: erasures that were interrupted are completed, keys of erased
    /// contacts that came back with an older key file are destroyed again, and numbers that an earlier version indexed
    /// openly are hidden. What can't be done now is told and left for the next time: it keeps nobody from being served.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn tidy_up(&self, tenant: &TenantId) -> Result<(), StoreError> {
        if let Err(cause) = self.records.hide_callers(tenant).await {
            tracing::error!(%cause, "numbers that an earlier version indexed openly can't be hidden now");
        }
        let mut after: Option<Key> = None;
        loop {
            let mut scan = Scan::prefix(tenant, Table::ContactKey, &[ERASED]).limit(PAGE);
            if let Some(after) = &after {
                scan = scan.after(after);
            }
            let (keys, whose) = (self.keys.clone(), tenant.clone());
            let job = move |reader: &dyn Reader| {
                let page = reader.scan(&scan)?;
                let mut again = Vec::new();
                for entry in &page.entries {
                    let id = entry.key.name().last_chunk::<16>().map(|id| ContactId(u128::from_be_bytes(*id)));
                    let Some(id) = id else { continue };
                    // One that can't be read is tried, and told.
                    let gone = keys.undead(reader, &whose, id).is_ok_and(|slot| slot.is_none());
                    if entry.value != [COMPLETE] || !gone {
                        again.push(id);
                    }
                }
                Ok((again, page.entries.last().map(|entry| entry.key.clone()).filter(|_| page.more)))
            };
            let (again, next) = self.store.read(job).await?;
            for contact in again {
                tracing::warn!(%contact, "its erasure was not complete, or its key had come back: it is erased again");
                if let Err(cause) = self.complete(tenant, contact).await {
                    tracing::error!(%contact, %cause, "its erasure can't be completed now");
                }
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

/// What has to be written first, so that nobody reads what is about to be destroyed as damaged.
fn first_step(
    keys: &ContactKeys,
    reader: &dyn Reader,
    tenant: &TenantId,
    contact: ContactId,
) -> Result<First, StoreError> {
    let row_entry = reader.get(&row_key(tenant, contact)?)?;
    let row = row_entry.as_ref().map(|entry| decode::<RowV1>(&entry.value)).transpose()?;
    if row.as_ref().is_some_and(|row| row.erased) {
        let mark = reader.get(&named(tenant, ERASED, contact)?)?;
        let complete = mark.is_some_and(|mark| mark.value == [COMPLETE]);
        return Ok(First::Answer(if complete { Erasure::Before } else { Erasure::Done }));
    }
    // Where the key is lost, nobody can close it, and there is nothing to wait for.
    if journals::is_open(reader, tenant, contact)? && !matches!(keys.access(reader, tenant, contact)?, Access::Lost(_))
    {
        return Ok(First::Answer(Erasure::Unfinished));
    }
    let mut batch = Batch::new();
    let recorded = records::erase_in(keys, reader, &mut batch, tenant, contact)?;
    if !recorded && row.is_none() && journals::next_frame(reader, tenant, contact)? == 0 {
        return Ok(First::Answer(Erasure::Unknown));
    }
    let key = row_key(tenant, contact)?;
    // Nobody writes for an ended contact; should somebody, this is tried again.
    let expect = row_entry.map_or(Expect::Absent, |entry| Expect::Version(entry.version));
    batch.require(key.clone(), expect);
    let row = row.unwrap_or(RowV1 { slot: None, fingerprint: [0; 8], sealed_from: 0, erased: true });
    batch.put(key, encode(&RowV1 { erased: true, ..row })?);
    batch.put(named(tenant, ERASED, contact)?, vec![PENDING]);
    Ok(First::Write(batch))
}

impl ContactKeys {
    /// The slot with the key of an erased contact, if it is still, or again, in the file.
    fn undead(&self, reader: &dyn Reader, tenant: &TenantId, contact: ContactId) -> Result<Option<u64>, StoreError> {
        let Some(entry) = reader.get(&row_key(tenant, contact)?)? else { return Ok(None) };
        let row: RowV1 = decode(&entry.value)?;
        let Some(slot) = row.slot else { return Ok(None) };
        Ok(match self.0.file.read(slot)? {
            // Never another contact's, whatever the file is.
            Slot::Key(key) if ContactKey::fingerprint(&key) == row.fingerprint => Some(slot),
            Slot::Key(_) | Slot::Erased | Slot::Missing => None,
        })
    }

    fn destroy(&self, reader: &dyn Reader, tenant: &TenantId, contact: ContactId) -> Result<(), StoreError> {
        match self.undead(reader, tenant, contact)? {
            Some(slot) => self.0.file.erase(slot),
            None => Ok(()),
        }
    }
}
