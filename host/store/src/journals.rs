//! Journals: frames of bytes, by contact and number, written once and never changed.

use crate::backend::{Reader, Submitted};
use crate::batch::{Batch, Expect, Seq};
use crate::chunks;
use crate::error::StoreError;
use crate::handle::Store;
use crate::key::{Key, Scan, Table};
use cordboard_core::ids::{ContactId, TenantId};

/// The longest frame, in bytes.
pub const MAX_FRAME_BYTES: usize = 1 << 20;
/// The most bytes of frames in one page.
const PAGE_BYTES: usize = 4 << 20;

/// Part of a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalPage {
    /// Number and bytes, in order.
    pub frames: Vec<(u64, Vec<u8>)>,
    /// Where to go on, if there is more.
    pub next: Option<u64>,
}

/// The journals of a store.
#[derive(Clone, Debug)]
pub struct Journals(Store);

pub(crate) fn frame_name(contact: ContactId, number: u64) -> [u8; 24] {
    let mut name = [0; 24];
    let (id, rest) = name.split_at_mut(16);
    id.copy_from_slice(&contact.0.to_be_bytes());
    rest.copy_from_slice(&number.to_be_bytes());
    name
}

fn open_key(tenant: &TenantId, contact: ContactId) -> Result<Key, StoreError> {
    Key::new(tenant, Table::OpenJournal, &contact.0.to_be_bytes())
}

/// A batch that writes these frames from number `first` on, on condition that there is no frame `first` yet. Frame 0
/// marks the journal as open, see [`Journals::unfinished`].
pub fn append_batch(
    tenant: &TenantId,
    contact: ContactId,
    first: u64,
    frames: &[Vec<u8>],
) -> Result<Batch, StoreError> {
    let mut batch = Batch::new();
    for (number, frame) in (first..).zip(frames) {
        frame_in(&mut batch, tenant, contact, number, frame)?;
    }
    if !frames.is_empty() {
        batch.require(Key::new(tenant, Table::Journal, &frame_name(contact, first))?, Expect::Absent);
    }
    Ok(batch)
}

/// Adds a frame to a batch; frame 0 marks the journal as open.
pub(crate) fn frame_in(
    batch: &mut Batch,
    tenant: &TenantId,
    contact: ContactId,
    number: u64,
    frame: &[u8],
) -> Result<(), StoreError> {
    if frame.len() > MAX_FRAME_BYTES {
        let (got, limit) = (frame.len() as u64, MAX_FRAME_BYTES as u64);
        return Err(StoreError::TooLarge { what: "a journal frame", got, limit });
    }
    chunks::put(batch, tenant, Table::Journal, &frame_name(contact, number), frame, None)?;
    if number == 0 {
        batch.put(open_key(tenant, contact)?, Vec::new());
    }
    Ok(())
}

/// Adds to a batch that the journal is finished. Belongs into the batch with the contact's record.
pub fn finish_in(batch: &mut Batch, tenant: &TenantId, contact: ContactId) -> Result<(), StoreError> {
    batch.delete(open_key(tenant, contact)?);
    Ok(())
}

impl Journals {
    /// Over this store.
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0
    }

    /// Puts frames in the write queue without waiting; frames of one contact are written in the order of the calls.
    /// `Busy` if the queue is full, `TooLarge` if they don't fit a batch (4 MiB). Await the answer for the commit's
    /// number; a `Conflict` then means that frame `first` is already written.
    pub fn submit(
        &self,
        tenant: &TenantId,
        contact: ContactId,
        first: u64,
        frames: &[Vec<u8>],
    ) -> Result<Submitted, StoreError> {
        self.0.submit(append_batch(tenant, contact, first, frames)?)
    }

    /// Writes frames, waiting while the queue is full. Ready before they are durable: see [`Store::durable`].
    pub async fn append(
        &self,
        tenant: &TenantId,
        contact: ContactId,
        first: u64,
        frames: &[Vec<u8>],
    ) -> Result<Seq, StoreError> {
        self.0.commit(append_batch(tenant, contact, first, frames)?).await
    }

    /// Waits until this append is on disk.
    pub async fn durable(&self, seq: Seq) -> Result<(), StoreError> {
        self.0.durable(seq).await
    }

    /// Up to `limit` frames from number `from` on, and not more than a few megabytes.
    pub async fn read(
        &self,
        tenant: &TenantId,
        contact: ContactId,
        from: u64,
        limit: usize,
    ) -> Result<JournalPage, StoreError> {
        let tenant = tenant.clone();
        self.0.read(move |reader| read(reader, &tenant, contact, from, limit.clamp(1, 10_000))).await
    }

    /// Every frame of a journal. For journals within the caps on entries and bytes.
    pub async fn read_all(&self, tenant: &TenantId, contact: ContactId) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut frames = Vec::new();
        let mut next = Some(0);
        while let Some(from) = next {
            let page = self.read(tenant, contact, from, 10_000).await?;
            frames.extend(page.frames.into_iter().map(|(_, frame)| frame));
            next = page.next;
        }
        Ok(frames)
    }

    /// Contacts with a journal and without a record, oldest first: those that run, or that a crash interrupted. At most
    /// `limit` (up to 10,000) behind `after`.
    pub async fn unfinished(
        &self,
        tenant: &TenantId,
        after: Option<ContactId>,
        limit: usize,
    ) -> Result<Vec<ContactId>, StoreError> {
        let mut scan = Scan::prefix(tenant, Table::OpenJournal, &[]).limit(limit);
        if let Some(after) = after {
            scan = scan.after(&open_key(tenant, after)?);
        }
        let page = self.0.scan(scan).await?;
        let id = |name: &[u8]| {
            let bytes = name.try_into().map_err(|_| StoreError::undecodable("an open journal's key", "its length"))?;
            Ok(ContactId(u128::from_be_bytes(bytes)))
        };
        page.entries.iter().map(|entry| id(entry.key.name())).collect()
    }

    /// Removes a journal, e.g. when its time is up. Not atomic: interrupted, call it again.
    pub async fn delete(&self, tenant: &TenantId, contact: ContactId) -> Result<(), StoreError> {
        loop {
            let scan = Scan::prefix(tenant, Table::Journal, &contact.0.to_be_bytes()).limit(50);
            let page = self.0.scan(scan).await?;
            let mut batch = Batch::new();
            for head in &page.entries {
                chunks::delete(&mut batch, tenant, Table::Journal, head.key.name(), &head.value)?;
            }
            if !page.more {
                finish_in(&mut batch, tenant, contact)?;
                return self.0.commit(batch).await.map(drop);
            }
            self.0.commit(batch).await?;
        }
    }
}

fn read(
    reader: &dyn Reader,
    tenant: &TenantId,
    contact: ContactId,
    from: u64,
    limit: usize,
) -> Result<JournalPage, StoreError> {
    let mut end = contact.0.to_be_bytes().to_vec();
    end.extend_from_slice(&[u8::MAX; 9]);
    let scan = Scan::range(tenant, Table::Journal, &frame_name(contact, from), &end).limit(limit);
    let found = reader.scan(&scan)?;
    let mut page = JournalPage::default();
    let mut bytes = 0;
    for head in &found.entries {
        let name = head.key.name();
        let number = name.get(16..).and_then(|rest| rest.try_into().ok()).map(u64::from_be_bytes);
        let number = number.ok_or_else(|| StoreError::undecodable("a journal's key", "its length"))?;
        if bytes >= PAGE_BYTES {
            page.next = Some(number);
            return Ok(page);
        }
        let frame = chunks::whole(reader, tenant, Table::Journal, name, head)?;
        bytes += frame.len();
        page.frames.push((number, frame));
    }
    if found.more {
        page.next = page.frames.last().map(|(number, _)| number + 1);
    }
    Ok(page)
}
