//! Notes: what contacts' flows left behind for their authors, sealed as all that is personal of a contact.

use crate::backend::Reader;
use crate::batch::Batch;
use crate::chunks;
use crate::error::StoreError;
use crate::handle::Store;
use crate::key::{Scan, Table};
use crate::seal::{Access, ContactKeys, Held, Part};
use cordboard_core::ids::{ContactId, TenantId};
use cordboard_core::note::Note;

mod stored;

/// The most bytes that a note takes.
pub const MAX_NOTE_BYTES: usize = 64 << 10;
/// Notes of a contact that are read; a host keeps fewer.
pub const MAX_NOTES: usize = 4_000;

/// The notes of a store.
#[derive(Clone, Debug)]
pub struct Notes {
    store: Store,
    keys: ContactKeys,
}

fn name(contact: ContactId, number: u32) -> [u8; 20] {
    let mut name = [0; 20];
    let (id, rest) = name.split_at_mut(16);
    id.copy_from_slice(&contact.0.to_be_bytes());
    rest.copy_from_slice(&number.to_be_bytes());
    name
}

/// Adds a note to a batch, sealed.
pub(crate) fn note_in(
    batch: &mut Batch,
    held: &Held,
    tenant: &TenantId,
    contact: ContactId,
    number: u32,
    note: &Note,
) -> Result<(), StoreError> {
    let bytes = stored::encode(note)?;
    if bytes.len() > MAX_NOTE_BYTES {
        let (got, limit) = (bytes.len() as u64, MAX_NOTE_BYTES as u64);
        return Err(StoreError::TooLarge { what: "a note", got, limit });
    }
    let sealed = held.key.seal(tenant, contact, Part::Note(number), &bytes)?;
    chunks::put(batch, tenant, Table::Note, &name(contact, number), &sealed, None)
}

impl Notes {
    /// Over this store, sealed with these keys.
    pub fn new(store: Store, keys: ContactKeys) -> Self {
        Self { store, keys }
    }

    /// The notes of a contact with their numbers, in their order; none of one that nothing was noted of. One that doesn't
    /// open or isn't known is left out, and logged: they are no more than hints.
    ///
    /// # Errors
    /// `Erased`, `KeyLost`, and what concerns the store.
    pub async fn of(&self, tenant: &TenantId, contact: ContactId) -> Result<Vec<(u32, Note)>, StoreError> {
        let (keys, tenant) = (self.keys.clone(), tenant.clone());
        let job = move |reader: &dyn Reader| {
            let access = keys.access(reader, &tenant, contact)?;
            let key = match &access {
                Access::Erased => return Err(StoreError::Erased { contact }),
                Access::Lost(cause) => return Err(StoreError::KeyLost { contact, cause }),
                Access::Plain => return Ok(Vec::new()),
                Access::Sealed { key, .. } => key,
            };
            let scan = Scan::prefix(&tenant, Table::Note, &contact.0.to_be_bytes()).limit(MAX_NOTES);
            let mut notes = Vec::new();
            for head in reader.scan(&scan)?.entries {
                let name = head.key.name();
                let number = name.get(16..).and_then(|rest| rest.try_into().ok()).map(u32::from_be_bytes);
                let number = number.ok_or_else(|| StoreError::undecodable("a note's key", "its length"))?;
                let sealed = chunks::whole(reader, &tenant, Table::Note, name, &head)?;
                let opened = key.open(&tenant, contact, Part::Note(number), &sealed);
                let opened = opened.map_err(|cause| StoreError::undecodable("a note", format!("{cause:?}")));
                match opened.and_then(|bytes| stored::decode(&bytes)) {
                    Ok(note) => notes.push((number, note)),
                    Err(error) => tracing::error!(%contact, number, %error, "a note is left out"),
                }
            }
            Ok(notes)
        };
        self.store.read(job).await
    }

    /// Removes the notes of a contact. Not atomic: interrupted, call it again.
    pub async fn delete(&self, tenant: &TenantId, contact: ContactId) -> Result<(), StoreError> {
        loop {
            let scan = Scan::prefix(tenant, Table::Note, &contact.0.to_be_bytes()).limit(500);
            let page = self.store.scan(scan).await?;
            let mut batch = Batch::new();
            for head in &page.entries {
                chunks::delete(&mut batch, tenant, Table::Note, head.key.name(), &head.value)?;
            }
            if !page.entries.is_empty() {
                self.store.commit(batch).await?;
            }
            if !page.more {
                return Ok(());
            }
        }
    }
}
