//! Keys of contacts: what is personal is readable while the contact's key is there, and gone with it (journal rule 20).
//!
//! sled keeps what is deleted until it writes over it, some day. So the keys are not in it but in a file of their own,
//! where a key is overwritten when its contact is erased. The store has the number of the contact's slot, and a
//! fingerprint of its key: a file that is short, of another folder or damaged is noticed, and no key is ever taken for
//! another's.

mod envelope;
mod erase;
mod key_file;

pub use envelope::{ContactKey, ENVELOPE_BYTES, KEY_BYTES, Part, SEALED, Unopened};
pub use erase::Erasure;

use crate::backend::Reader;
use crate::batch::Batch;
use crate::error::StoreError;
use crate::handle::Store;
use crate::health::Faults;
use crate::journals;
use crate::key::{Key, Table};
use cordboard_core::ids::{ContactId, TenantId};
use envelope::Fingerprint;
use hmac::{Hmac, Mac as _};
use key_file::{BLOCK, FileId, KeyFile, Slot};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use zeroize::Zeroizing;

/// With fewer slots ready, the next block is made.
const LOW: usize = BLOCK as usize / 2;
const FORMAT: u8 = 1;
/// What begins a contact's row in [`Table::ContactKey`], and its place among those that were erased.
const ROW: u8 = 0;
const ERASED: u8 = 1;

/// What the store keeps of a contact's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RowV1 {
    /// Where its key lies; none if everything of the contact was plain.
    slot: Option<u64>,
    fingerprint: Fingerprint,
    /// Frames before this one were written by a host that didn't seal.
    sealed_from: u64,
    erased: bool,
}

/// What the store keeps of the key file.
#[derive(Serialize, Deserialize)]
struct MarkV1 {
    id: FileId,
    /// So many slots it has at least.
    slots: u64,
}

/// How what is personal of a contact can be read.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    /// It was written by a host that didn't seal.
    Plain,
    /// With this key; frames before `from` are plain.
    Sealed { key: ContactKey, from: u64 },
    /// Not any more.
    Erased,
    /// The key isn't where it should be, and why.
    Lost(&'static str),
}

/// The key of a contact that is written.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) key: ContactKey,
    row: RowV1,
    /// The row is in the store.
    pub(crate) kept: bool,
}

/// The keys for a write, or why a contact has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prepared(BTreeMap<ContactId, Result<Held, StoreError>>);

impl Prepared {
    /// The key of a contact it was prepared for.
    pub(crate) fn held(&self, contact: ContactId) -> Result<&Held, StoreError> {
        let lost = || StoreError::KeyLost { contact, cause: "nobody has asked for it" };
        self.0.get(&contact).ok_or_else(lost)?.as_ref().map_err(Clone::clone)
    }
}

impl Held {
    /// Adds to a batch where the key lies. Belongs into the batch with the first that is sealed with it.
    pub(crate) fn row_in(&self, batch: &mut Batch, tenant: &TenantId, contact: ContactId) -> Result<(), StoreError> {
        batch.put(row_key(tenant, contact)?, encode(&self.row)?);
        Ok(())
    }
}

struct State {
    ready: VecDeque<(u64, ContactKey)>,
    refilling: bool,
    /// Of contacts that are being written.
    live: BTreeMap<(TenantId, ContactId), Held>,
}

struct Inner {
    file: KeyFile,
    store: Store,
    state: Mutex<State>,
    /// The store has the file's mark.
    noted: AtomicBool,
    /// Changes with every attempt to make slots: why the latest failed, if it did.
    refilled: watch::Sender<Option<StoreError>>,
}

/// The keys of a store's contacts. Cheap to clone.
#[derive(Clone)]
pub struct ContactKeys(Arc<Inner>);

impl fmt::Debug for ContactKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContactKeys").field("file", &self.0.file).finish_non_exhaustive()
    }
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(value, vec![FORMAT]).map_err(|error| StoreError::undecodable("a contact key's row", error))
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, StoreError> {
    let wrong = |cause: &dyn fmt::Display| StoreError::undecodable("a contact key's row", cause);
    match bytes.split_first() {
        Some((&FORMAT, body)) => postcard::from_bytes(body).map_err(|error| wrong(&error)),
        Some((format, _)) => Err(wrong(&format!("format {format} is not known"))),
        None => Err(wrong(&"empty")),
    }
}

fn named(tenant: &TenantId, kind: u8, contact: ContactId) -> Result<Key, StoreError> {
    let mut name = vec![kind];
    name.extend_from_slice(&contact.0.to_be_bytes());
    Key::new(tenant, Table::ContactKey, &name)
}

fn row_key(tenant: &TenantId, contact: ContactId) -> Result<Key, StoreError> {
    named(tenant, ROW, contact)
}

/// The file is the store's and not a tenant's: what is kept of it stands with the default tenant.
fn mark_key() -> Result<Key, StoreError> {
    Key::new(&TenantId::default_tenant(), Table::Misc, b"contact-keys")
}

impl ContactKeys {
    /// Opens the key file of a store, beside it, or makes it for a store that never had one. Blocks.
    ///
    /// Fails with `KeyFile` if the file is missing, short, damaged, or another store's: nothing is written then.
    pub fn open(path: impl AsRef<Path>, store: &Store) -> Result<Self, StoreError> {
        Self::open_with(path, store, Arc::default())
    }

    /// The same, with switches for tests.
    pub fn open_with(path: impl AsRef<Path>, store: &Store, faults: Arc<Faults>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let wrong = |cause: String| StoreError::KeyFile { path: path.into(), cause };
        let mark = store.get_blocking(&mark_key()?)?.map(|entry| decode::<MarkV1>(&entry.value)).transpose()?;
        let file = match (KeyFile::open(path, Arc::clone(&faults))?, &mark) {
            (None, None) => KeyFile::create(path, faults)?,
            (None, Some(_)) => {
                return Err(wrong("it is missing, and what was kept of contacts can't be read without it".into()));
            }
            (Some(file), Some(mark)) if file.id != mark.id => {
                return Err(wrong("it belongs to another data folder".into()));
            }
            (Some(file), Some(mark)) if file.slots() < mark.slots => {
                return Err(wrong(format!("it is short: it has {} keys of {}", file.slots(), mark.slots)));
            }
            (Some(file), _) => file,
        };
        let state = State { ready: VecDeque::new(), refilling: false, live: BTreeMap::new() };
        let (noted, refilled) = (AtomicBool::new(mark.is_some()), watch::Sender::new(None));
        let inner = Inner { file, store: store.clone(), state: Mutex::new(state), noted, refilled };
        // A full disk keeps nobody from starting: it is tried again when a key is needed.
        if let Some(cause) = inner.refill() {
            tracing::warn!(%cause, "no keys for new contacts can be made");
        }
        Ok(Self(Arc::new(inner)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a caller's number is indexed by: nobody who lacks the key file can tell or try it.
    pub(crate) fn caller_index(&self, tenant: &TenantId, number: &[u8]) -> [u8; 16] {
        // HMAC-SHA256 (RFC 2104); a key that is shorter than a block has zeros behind it.
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(self.0.file.index_key()).for_each(|(padded, byte)| *padded = *byte);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        [tenant.as_str().as_bytes(), &[0], number].iter().for_each(|part| mac.update(part));
        let hash: [u8; 32] = mac.finalize().into_bytes().into();
        hash.first_chunk().copied().unwrap_or_default()
    }

    /// How what is personal of a contact can be read.
    pub(crate) fn access(
        &self,
        reader: &dyn Reader,
        tenant: &TenantId,
        contact: ContactId,
    ) -> Result<Access, StoreError> {
        let Some(entry) = reader.get(&row_key(tenant, contact)?)? else { return Ok(Access::Plain) };
        Ok(self.by_row(&decode(&entry.value)?))
    }

    fn by_row(&self, row: &RowV1) -> Access {
        let slot = match (row.erased, row.slot) {
            (true, _) => return Access::Erased,
            (false, None) => return Access::Plain,
            (false, Some(slot)) => slot,
        };
        match self.0.file.read(slot) {
            Ok(Slot::Key(key)) if key.fingerprint() == row.fingerprint => Access::Sealed { key, from: row.sealed_from },
            Ok(Slot::Key(_)) => Access::Lost("another one is in its place"),
            Ok(Slot::Erased) => Access::Lost("its place is empty"),
            Ok(Slot::Missing) => Access::Lost("the file ends before its place"),
            // One contact's, and nothing that others have to wait for.
            Err(error) => {
                tracing::error!(%error, slot, "a contact's key can't be read");
                Access::Lost("its place can't be read")
            }
        }
    }

    /// The keys to write something of these contacts with: those they have, or new ones. Doesn't wait for the disk, as
    /// long as keys that were made ahead last.
    pub(crate) async fn prepare(
        &self,
        tenant: &TenantId,
        contacts: BTreeSet<ContactId>,
    ) -> Result<Prepared, StoreError> {
        let mut prepared = Prepared::default();
        let mut unknown = Vec::new();
        {
            let state = self.state();
            for contact in contacts {
                match state.live.get(&(tenant.clone(), contact)) {
                    Some(held) => drop(prepared.0.insert(contact, Ok(held.clone()))),
                    None => unknown.push(contact),
                }
            }
        }
        if unknown.is_empty() {
            return Ok(prepared);
        }
        let (keys, whose) = (self.clone(), tenant.clone());
        let found = self.0.store.read(move |reader| {
            unknown.into_iter().map(|contact| Ok((contact, keys.find(reader, &whose, contact)?))).collect()
        });
        let found: Vec<(ContactId, Found)> = found.await?;
        for (contact, found) in found {
            let held = match found {
                Found::Held(held) => Ok(held),
                Found::Refused(error) => Err(error),
                Found::New { sealed_from } => Ok(self.new_key(tenant, contact, sealed_from).await?),
            };
            prepared.0.insert(contact, held);
        }
        Ok(prepared)
    }

    fn find(&self, reader: &dyn Reader, tenant: &TenantId, contact: ContactId) -> Result<Found, StoreError> {
        let Some(entry) = reader.get(&row_key(tenant, contact)?)? else {
            return Ok(Found::New { sealed_from: journals::next_frame(reader, tenant, contact)? });
        };
        let row: RowV1 = match decode(&entry.value) {
            Ok(row) => row,
            Err(error) => return Ok(Found::Refused(error)),
        };
        Ok(match self.by_row(&row) {
            Access::Sealed { key, .. } => Found::Held(Held { key, row, kept: true }),
            Access::Erased => Found::Refused(StoreError::Erased { contact }),
            Access::Lost(cause) => Found::Refused(StoreError::KeyLost { contact, cause }),
            Access::Plain => Found::Refused(StoreError::KeyLost { contact, cause: "it never had one" }),
        })
    }

    async fn new_key(&self, tenant: &TenantId, contact: ContactId, sealed_from: u64) -> Result<Held, StoreError> {
        let (slot, key) = self.take().await?;
        let row = RowV1 { slot: Some(slot), fingerprint: key.fingerprint(), sealed_from, erased: false };
        let mut state = self.state();
        // Who asked for the same contact at the same time has taken another one: the first counts.
        let held = state.live.entry((tenant.clone(), contact)).or_insert(Held { key, row, kept: false });
        Ok(held.clone())
    }

    async fn take(&self) -> Result<(u64, ContactKey), StoreError> {
        let mut refills = self.0.refilled.subscribe();
        loop {
            refills.borrow_and_update();
            {
                let mut state = self.state();
                let taken = state.ready.pop_front();
                if state.ready.len() < LOW && !state.refilling {
                    self.refill_elsewhere()?;
                    state.refilling = true;
                }
                if let Some(taken) = taken {
                    return Ok(taken);
                }
            }
            refills.changed().await.map_err(|_| StoreError::Closed)?;
            if let Some(error) = refills.borrow().clone() {
                return Err(error);
            }
        }
    }

    /// On a thread of its own: it waits for the disk.
    fn refill_elsewhere(&self) -> Result<(), StoreError> {
        let keys = self.clone();
        let refill = move || {
            let failed = keys.0.refill();
            keys.state().refilling = false;
            keys.0.refilled.send_replace(failed);
        };
        let thread = std::thread::Builder::new().name("contact-keys".into()).spawn(refill);
        thread.map(drop).map_err(|error| StoreError::failed(format!("no thread makes keys: {error}")))
    }

    /// Takes note that the rows of these keys are in the store.
    pub(crate) fn confirm(&self, tenant: &TenantId, contacts: &BTreeSet<ContactId>) {
        let mut state = self.state();
        for contact in contacts {
            if let Some(held) = state.live.get_mut(&(tenant.clone(), *contact)) {
                held.kept = true;
            }
        }
    }

    /// Whether something of this contact may still be on the way to the disk: it runs, or its record isn't durable.
    pub(crate) fn writes(&self, tenant: &TenantId, contact: ContactId) -> bool {
        self.state().live.contains_key(&(tenant.clone(), contact))
    }

    /// Keeps the key of an ended contact no longer in memory.
    pub(crate) fn forget(&self, tenant: &TenantId, contact: ContactId) {
        self.state().live.remove(&(tenant.clone(), contact));
    }
}

impl Inner {
    /// Makes a block of slots, on disk, and notes that it is there; why not, if it can't.
    fn refill(&self) -> Option<StoreError> {
        // Before a key is given away the store knows whose file it has to ask for.
        if !self.noted.load(Ordering::SeqCst) {
            if let Err(error) = self.note() {
                return Some(error);
            }
            self.noted.store(true, Ordering::SeqCst);
        }
        let (first, keys) = match self.file.extend() {
            Ok(made) => made,
            Err(error) => return Some(error),
        };
        // If the store can't take how long it is, the next block says it: until then a short file is noticed a little later.
        if let Err(error) = self.note() {
            tracing::debug!(%error, "how long the key file is can't be kept");
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.ready.extend((first..).zip(keys));
        None
    }

    fn note(&self) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(mark_key()?, encode(&MarkV1 { id: self.file.id, slots: self.file.slots() })?);
        self.store.commit_blocking(batch).map(drop)
    }
}

enum Found {
    Held(Held),
    Refused(StoreError),
    /// It has none yet.
    New {
        sealed_from: u64,
    },
}
