//! The file of keys: slots of random bytes, each given to one contact and overwritten when that is erased.
//!
//! Format 1: a header of 128 bytes (`CBKEYS`, the format as u16, 16 bytes that name the file, 32 bytes that keep the
//! callers' index, zeros, the SHA-256 of these 96 bytes), then slots of 32 bytes. Slots are made a block at
//! a time and are on disk before one is given away. After a start only new blocks are used: what lies in the file may
//! have been given away, so that no slot is used twice. A slot of zeros is one that was erased.

use super::envelope::{ContactKey, KEY_BYTES, random};
use crate::error::StoreError;
use crate::health::Faults;
use crate::sled_store::sync_dir;
use sha2::{Digest as _, Sha256};
use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"CBKEYS\0\x01";
const HEADER_BYTES: usize = 128;
const CHECKED_BYTES: usize = 96;
/// Slots that are made at once: 32 KiB.
pub(super) const BLOCK: u64 = 1024;
/// Nobody but the host's user reads it.
const MODE: u32 = 0o600;

/// What names a key file.
pub(super) type FileId = [u8; 16];

/// An open key file. Its methods block.
#[derive(Debug)]
pub(super) struct KeyFile {
    file: File,
    path: PathBuf,
    pub(super) id: FileId,
    index_key: Zeroizing<[u8; 32]>,
    /// Whole slots there are.
    slots: AtomicU64,
    faults: Arc<Faults>,
}

/// What a slot holds.
#[derive(Debug)]
pub(super) enum Slot {
    Key(ContactKey),
    /// Zeros.
    Erased,
    /// The file ends before it.
    Missing,
}

fn header(id: &FileId, index_key: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    let mut header = Zeroizing::new(Vec::with_capacity(HEADER_BYTES));
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(id);
    header.extend_from_slice(index_key);
    header.resize(CHECKED_BYTES, 0);
    let digest = Sha256::digest(&header[..]);
    header.extend_from_slice(&digest);
    header
}

impl KeyFile {
    /// Opens the file; none if there is none. Fails with `KeyFile` if it isn't one, `Io` if it can't be read.
    pub(super) fn open(path: &Path, faults: Arc<Faults>) -> Result<Option<Self>, StoreError> {
        let io = |doing| move |error| StoreError::io(doing, path, error);
        let file = match File::options().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("open")(error)),
        };
        let wrong = |cause: &str| StoreError::KeyFile { path: path.into(), cause: cause.into() };
        let length = file.metadata().map_err(io("read"))?.len();
        let slots = length.checked_sub(HEADER_BYTES as u64).ok_or_else(|| wrong("it ends in its header"))?;
        let mut bytes = Zeroizing::new([0; HEADER_BYTES]);
        file.read_exact_at(&mut bytes[..], 0).map_err(io("read"))?;
        let id = bytes.get(8..).and_then(|rest| rest.first_chunk::<16>()).copied().unwrap_or_default();
        let index_key = bytes.get(24..).and_then(|rest| rest.first_chunk::<32>()).copied().unwrap_or_default();
        let index_key = Zeroizing::new(index_key);
        if !bytes.starts_with(b"CBKEYS\0") {
            return Err(wrong("it doesn't begin as a key file"));
        }
        if !bytes.starts_with(MAGIC) {
            return Err(wrong("it is of a newer format"));
        }
        if header(&id, &index_key)[..] != bytes[..] {
            return Err(wrong("its header is damaged"));
        }
        // It may come from a copy that was made with less care.
        file.set_permissions(Permissions::from_mode(MODE)).map_err(io("protect"))?;
        let slots = AtomicU64::new(slots / KEY_BYTES as u64);
        Ok(Some(Self { file, path: path.into(), id, index_key, slots, faults }))
    }

    /// Makes a file without slots. Whole or not there at all, and durable, when it returns.
    pub(super) fn create(path: &Path, faults: Arc<Faults>) -> Result<Self, StoreError> {
        let io = |doing| move |error| StoreError::io(doing, path, error);
        let (mut id, mut index_key) = ([0; 16], Zeroizing::new([0; 32]));
        random(&mut id)?;
        random(&mut index_key[..])?;
        let beside = path.with_extension("new");
        let options = File::options().read(true).write(true).create(true).truncate(true).mode(MODE).open(&beside);
        let mut file = options.map_err(io("make"))?;
        let written = file.write_all(&header(&id, &index_key)).and_then(|()| file.sync_all());
        written.and_then(|()| std::fs::rename(&beside, path)).map_err(io("make"))?;
        sync_dir(path.parent().unwrap_or(path))?;
        Ok(Self { file, path: path.into(), id, index_key, slots: AtomicU64::new(0), faults })
    }

    pub(super) fn slots(&self) -> u64 {
        self.slots.load(Ordering::SeqCst)
    }

    pub(super) fn index_key(&self) -> &[u8; 32] {
        &self.index_key
    }

    /// Adds a block of slots and puts it on disk: the first one's number, and their keys. One call at a time.
    pub(super) fn extend(&self) -> Result<(u64, Vec<ContactKey>), StoreError> {
        let first = self.slots();
        let mut bytes = Zeroizing::new(vec![0; BLOCK as usize * KEY_BYTES]);
        random(&mut bytes)?;
        let failed = |error: std::io::Error| StoreError::failed(format!("{}: {error}", self.path.display()));
        if self.faults.writes_fail() {
            return Err(StoreError::failed("writes fail on purpose"));
        }
        self.file.write_all_at(&bytes, offset(first)).and_then(|()| self.file.sync_all()).map_err(failed)?;
        self.slots.store(first + BLOCK, Ordering::SeqCst);
        // Zeros would mean an erased one; nobody draws them.
        Ok((first, bytes.as_chunks::<KEY_BYTES>().0.iter().map(|key| ContactKey::new(*key)).collect()))
    }

    /// What a slot holds.
    pub(super) fn read(&self, slot: u64) -> Result<Slot, StoreError> {
        if slot >= self.slots() {
            return Ok(Slot::Missing);
        }
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        match self.file.read_exact_at(&mut key[..], offset(slot)) {
            Ok(()) if key.iter().all(|byte| *byte == 0) => Ok(Slot::Erased),
            Ok(()) => Ok(Slot::Key(ContactKey::new(*key))),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(Slot::Missing),
            Err(error) => Err(StoreError::io("read", &self.path, error)),
        }
    }

    /// Overwrites a slot with zeros, on disk when it returns.
    pub(super) fn erase(&self, slot: u64) -> Result<(), StoreError> {
        if self.faults.writes_fail() {
            return Err(StoreError::failed("writes fail on purpose"));
        }
        let erased = self.file.write_all_at(&[0; KEY_BYTES], offset(slot)).and_then(|()| self.file.sync_all());
        erased.map_err(|error| StoreError::failed(format!("{}: {error}", self.path.display())))
    }
}

const fn offset(slot: u64) -> u64 {
    HEADER_BYTES as u64 + slot * KEY_BYTES as u64
}
