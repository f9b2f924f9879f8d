//! Export and import: a stream that any version reads back.
//!
//! Format 1, integers big-endian: the 8 bytes `CBSTORE\n`, the format as u16, then frames, each a kind byte:
//! - 1, an entry: u32 key length, key (tenant, 0, table, name), u32 value length, value;
//! - 2, a blob: u32 tenant length, tenant, u64 length, bytes (their digest names them);
//! - 0, the end: u64 number of frames before, SHA-256 of everything before this digest.
//!
//! Versions of keys aren't part of it: an import writes anew. An export of a store that is being written to is not a
//! picture of one moment: each entry is whole, but entries may come from before or after a commit made meanwhile.

use crate::backend::block_on;
use crate::batch::{Batch, MAX_BATCH_BYTES, MAX_VALUE_BYTES};
use crate::blobs::Blobs;
use crate::error::StoreError;
use crate::handle::Store;
use crate::key::{Key, MAX_NAME_BYTES, Scan};
use cordboard_core::ids::TenantId;
use sha2::{Digest as _, Sha256};
use std::io::{Read, Write};

const MAGIC: &[u8; 8] = b"CBSTORE\n";
const FORMAT: u16 = 1;
const END: u8 = 0;
const ENTRY: u8 = 1;
const BLOB: u8 = 2;

/// How much went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamReport {
    /// Entries of tables.
    pub entries: u64,
    /// Blobs.
    pub blobs: u64,
}

struct Hashed<T> {
    inner: T,
    hash: Sha256,
}

impl<T> Hashed<T> {
    fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new() }
    }
}

fn io(doing: &'static str) -> impl Fn(std::io::Error) -> StoreError {
    move |error| StoreError::io(doing, "an export", error)
}

impl<W: Write> Hashed<W> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.hash.update(bytes);
        self.inner.write_all(bytes).map_err(io("write"))
    }

    fn put_sized(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        // Keys and values are bounded far below 4 GiB.
        self.put(&(bytes.len() as u32).to_be_bytes())?;
        self.put(bytes)
    }
}

impl<R: Read> Hashed<R> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes).map_err(io("read"))?;
        self.hash.update(bytes);
        Ok(bytes)
    }

    fn take_bytes(&mut self, what: &'static str, len: u64, limit: usize) -> Result<Vec<u8>, StoreError> {
        if len > limit as u64 {
            return Err(StoreError::TooLarge { what, got: len, limit: limit as u64 });
        }
        let mut bytes = Vec::new();
        // Grows with what is there, so that a false length costs nothing.
        let got = self.inner.by_ref().take(len).read_to_end(&mut bytes).map_err(io("read"))?;
        if (got as u64) < len {
            return Err(StoreError::undecodable("an export", "it ends in the middle"));
        }
        self.hash.update(&bytes);
        Ok(bytes)
    }

    fn take_sized(&mut self, what: &'static str, limit: usize) -> Result<Vec<u8>, StoreError> {
        let len = u32::from_be_bytes(self.take()?);
        self.take_bytes(what, u64::from(len), limit)
    }
}

/// Writes everything to `target`. Blocks: not for threads that run async tasks.
pub fn export(store: &Store, blobs: Option<&Blobs>, target: impl Write) -> Result<StreamReport, StoreError> {
    let mut out = Hashed::new(target);
    let mut report = StreamReport::default();
    out.put(MAGIC)?;
    out.put(&FORMAT.to_be_bytes())?;
    let mut scan = Scan::everything();
    loop {
        let page = block_on(store.scan(scan.clone()))?;
        for entry in &page.entries {
            out.put(&[ENTRY])?;
            out.put_sized(entry.key.as_bytes())?;
            out.put_sized(&entry.value)?;
            report.entries += 1;
        }
        match page.entries.last() {
            Some(last) if page.more => scan = scan.after(&last.key),
            Some(_) | None => break,
        }
    }
    if let Some(blobs) = blobs {
        for tenant in blobs.tenants_blocking()? {
            for digest in blobs.list_blocking(&tenant)? {
                // Deleted meanwhile: then it isn't needed.
                let Some(bytes) = blobs.get_blocking(&tenant, &digest)? else { continue };
                out.put(&[BLOB])?;
                out.put_sized(tenant.as_str().as_bytes())?;
                out.put(&(bytes.len() as u64).to_be_bytes())?;
                out.put(&bytes)?;
                report.blobs += 1;
            }
        }
    }
    out.put(&[END])?;
    out.put(&(report.entries + report.blobs).to_be_bytes())?;
    let digest = out.hash.finalize();
    out.inner.write_all(&digest).and_then(|()| out.inner.flush()).map_err(io("write"))?;
    Ok(report)
}

/// Reads an export into an empty store and makes it durable. Blocks: not for threads that run async tasks.
///
/// Fails with `Invalid` if the store isn't empty, `Undecodable` if the stream is cut short or altered: what was
/// imported until then stays, so import into a fresh folder and use it only on success.
pub fn import(store: &Store, blobs: Option<&Blobs>, source: impl Read) -> Result<StreamReport, StoreError> {
    let wrong = |cause: &str| StoreError::undecodable("an export", cause);
    if !block_on(store.scan(Scan::everything().limit(1)))?.entries.is_empty() {
        return Err(StoreError::Invalid { what: "the target of an import", cause: "it isn't empty".into() });
    }
    let mut from = Hashed::new(source);
    if from.take::<8>()? != *MAGIC {
        return Err(wrong("it doesn't begin as one"));
    }
    let format = u16::from_be_bytes(from.take()?);
    if format != FORMAT {
        return Err(wrong(&format!("format {format} is not known")));
    }
    let mut report = StreamReport::default();
    let mut batch = Batch::new();
    loop {
        match from.take::<1>()? {
            [END] => break,
            [ENTRY] => {
                let key = from.take_sized("a key", MAX_NAME_BYTES + 128)?;
                let value = from.take_sized("a value", MAX_VALUE_BYTES)?;
                batch.put(Key::from_bytes(&key)?, value);
                report.entries += 1;
                if batch.len() >= 1000 || batch.bytes() > MAX_BATCH_BYTES / 2 {
                    block_on(store.commit_durable(std::mem::take(&mut batch)))?;
                }
            }
            [BLOB] => {
                let tenant = String::from_utf8(from.take_sized("a tenant", 64)?).map_err(|_| wrong("a tenant"))?;
                let tenant = TenantId::new(tenant).map_err(|error| wrong(&error.to_string()))?;
                let len = u64::from_be_bytes(from.take()?);
                let limit = blobs.map_or(usize::MAX, Blobs::max_bytes);
                let bytes = from.take_bytes("a blob", len, limit)?;
                if let Some(blobs) = blobs {
                    blobs.put_blocking(&tenant, &bytes)?;
                }
                report.blobs += 1;
            }
            [kind] => return Err(wrong(&format!("frame kind {kind} is not known"))),
        }
    }
    let count = u64::from_be_bytes(from.take()?);
    let expected: [u8; 32] = from.hash.clone().finalize().into();
    if count != report.entries + report.blobs || from.take::<32>()? != expected {
        return Err(wrong("its end doesn't match its content"));
    }
    block_on(store.commit_durable(batch))?;
    Ok(report)
}
