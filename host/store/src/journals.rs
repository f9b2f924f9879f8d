//! Journals: frames of bytes, by contact and number, written once and never changed, sealed with the contact's key.

use crate::backend::Reader;
use crate::batch::{Batch, Expect, Seq};
use crate::chunks;
use crate::error::StoreError;
use crate::handle::Store;
use crate::key::{Key, Scan, Table};
use crate::seal::{Access, ContactKeys, Held, Part, Unopened};
use cordboard_core::ids::{ContactId, TenantId};
use std::collections::BTreeSet;

/// The longest frame, in bytes.
pub const MAX_FRAME_BYTES: usize = 1 << 20;
/// The most bytes of frames in one page.
const PAGE_BYTES: usize = 4 << 20;

/// Part of a journal.
#[derive(Clone, Debug, Default)]
pub struct JournalPage {
    /// Number and bytes, in order.
    pub frames: Vec<(u64, Vec<u8>)>,
    /// Where to go on, if there is more.
    pub next: Option<u64>,
    /// Number of the frame behind them that doesn't open, if there is one: it was changed, cut short, or moved. Nothing
    /// behind it is read.
    pub broken: Option<u64>,
}

/// The journals of a store.
#[derive(Clone, Debug)]
pub struct Journals {
    store: Store,
    keys: ContactKeys,
}

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

/// Adds a frame to a batch, sealed; frame 0 marks the journal as open.
pub(crate) fn frame_in(
    batch: &mut Batch,
    held: &Held,
    tenant: &TenantId,
    contact: ContactId,
    number: u64,
    frame: &[u8],
) -> Result<(), StoreError> {
    if frame.len() > MAX_FRAME_BYTES {
        let (got, limit) = (frame.len() as u64, MAX_FRAME_BYTES as u64);
        return Err(StoreError::TooLarge { what: "a journal frame", got, limit });
    }
    let sealed = held.key.seal(tenant, contact, Part::Frame(number), frame)?;
    chunks::put(batch, tenant, Table::Journal, &frame_name(contact, number), &sealed, None)?;
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
    /// Over this store, sealed with these keys.
    pub fn new(store: Store, keys: ContactKeys) -> Self {
        Self { store, keys }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn keys(&self) -> &ContactKeys {
        &self.keys
    }

    /// Writes frames from number `first` on, waiting while the queue is full. Ready before they are durable: see
    /// [`Store::durable`]. `TooLarge` if they don't fit a batch (4 MiB), `Conflict` if there is a frame `first` already.
    pub async fn append(
        &self,
        tenant: &TenantId,
        contact: ContactId,
        first: u64,
        frames: &[Vec<u8>],
    ) -> Result<Seq, StoreError> {
        let prepared = self.keys.prepare(tenant, BTreeSet::from([contact])).await?;
        let held = prepared.held(contact)?;
        let mut batch = Batch::new();
        held.row_in(&mut batch, tenant, contact)?;
        for (number, frame) in (first..).zip(frames) {
            frame_in(&mut batch, held, tenant, contact, number, frame)?;
        }
        if !frames.is_empty() {
            batch.require(Key::new(tenant, Table::Journal, &frame_name(contact, first))?, Expect::Absent);
        }
        self.store.commit(batch).await
    }

    /// Waits until this append is on disk.
    pub async fn durable(&self, seq: Seq) -> Result<(), StoreError> {
        self.store.durable(seq).await
    }

    /// Up to `limit` frames from number `from` on, and not more than a few megabytes. Fails with `Erased` if the contact
    /// is, `KeyLost` if its key isn't there.
    pub async fn read(
        &self,
        tenant: &TenantId,
        contact: ContactId,
        from: u64,
        limit: usize,
    ) -> Result<JournalPage, StoreError> {
        let (keys, tenant) = (self.keys.clone(), tenant.clone());
        let job = move |reader: &dyn Reader| {
            let access = keys.access(reader, &tenant, contact)?;
            let page = read(reader, &access, &tenant, contact, from, limit.clamp(1, 10_000));
            match keys.access(reader, &tenant, contact)? {
                // Meanwhile: what is missing then is not damage.
                Access::Erased => Err(StoreError::Erased { contact }),
                Access::Plain | Access::Sealed { .. } | Access::Lost(_) => page,
            }
        };
        self.store.read(job).await
    }

    /// Every frame of a journal. For journals within the caps on entries and bytes. Fails as [`Journals::read`] does, and
    /// with `BrokenFrame` if one doesn't open.
    pub async fn read_all(&self, tenant: &TenantId, contact: ContactId) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut frames = Vec::new();
        let mut next = Some(0);
        while let Some(from) = next {
            let page = self.read(tenant, contact, from, 10_000).await?;
            frames.extend(page.frames.into_iter().map(|(_, frame)| frame));
            if let Some(number) = page.broken {
                return Err(StoreError::BrokenFrame { number });
            }
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
        let page = self.store.scan(scan).await?;
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
            let page = self.store.scan(scan).await?;
            let mut batch = Batch::new();
            for head in &page.entries {
                chunks::delete(&mut batch, tenant, Table::Journal, head.key.name(), &head.value)?;
            }
            if !page.more {
                finish_in(&mut batch, tenant, contact)?;
                return self.store.commit(batch).await.map(drop);
            }
            self.store.commit(batch).await?;
        }
    }
}

/// The number behind the last frame that is there.
pub(crate) fn next_frame(reader: &dyn Reader, tenant: &TenantId, contact: ContactId) -> Result<u64, StoreError> {
    let scan = Scan::prefix(tenant, Table::Journal, &contact.0.to_be_bytes()).backward().limit(1);
    let last = reader.scan(&scan)?.entries.into_iter().next();
    last.map_or(Ok(0), |last| number(last.key.name()).map(|number| number.saturating_add(1)))
}

/// True if the journal isn't finished.
pub(crate) fn is_open(reader: &dyn Reader, tenant: &TenantId, contact: ContactId) -> Result<bool, StoreError> {
    Ok(reader.get(&open_key(tenant, contact)?)?.is_some())
}

fn number(name: &[u8]) -> Result<u64, StoreError> {
    let number = name.get(16..).and_then(|rest| rest.try_into().ok()).map(u64::from_be_bytes);
    number.ok_or_else(|| StoreError::undecodable("a journal's key", "its length"))
}

/// A frame as it was handed over; none if it doesn't open.
pub(crate) fn opened(
    access: &Access,
    tenant: &TenantId,
    contact: ContactId,
    number: u64,
    stored: Vec<u8>,
) -> Result<Option<Vec<u8>>, StoreError> {
    match access {
        Access::Plain => Ok(Some(stored)),
        Access::Sealed { from, .. } if number < *from => Ok(Some(stored)),
        Access::Sealed { key, .. } => match key.open(tenant, contact, Part::Frame(number), &stored) {
            Ok(frame) => Ok(Some(frame)),
            // The journal's own format byte tells that this one is newer.
            Err(Unopened::Newer(_)) => Ok(Some(stored)),
            Err(Unopened::NotSealed | Unopened::Forged) => Ok(None),
        },
        Access::Erased => Err(StoreError::Erased { contact }),
        Access::Lost(cause) => Err(StoreError::KeyLost { contact, cause }),
    }
}

fn read(
    reader: &dyn Reader,
    access: &Access,
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
    if matches!(access, Access::Erased) {
        // What is left of the frames may be gone already.
        return Err(StoreError::Erased { contact });
    }
    for head in &found.entries {
        let name = head.key.name();
        let number = number(name)?;
        if bytes >= PAGE_BYTES {
            page.next = Some(number);
            return Ok(page);
        }
        let stored = chunks::whole(reader, tenant, Table::Journal, name, head)?;
        let Some(frame) = opened(access, tenant, contact, number, stored)? else {
            page.broken = Some(number);
            return Ok(page);
        };
        bytes += frame.len();
        page.frames.push((number, frame));
    }
    if found.more {
        page.next = page.frames.last().map(|(number, _)| number + 1);
    }
    Ok(page)
}
