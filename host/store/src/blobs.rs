//! Blobs: components, prompts, recordings, as files named by their digest.
//!
//! `<folder>/<tenant>/<first two hex digits>/<64 hex digits>`. A blob is written to a temporary file, synced, renamed
//! and its folder synced; so a name that exists has its whole content, whenever the power goes. What can't be trusted
//! is the disk: the digest is checked on every read.

use crate::error::StoreError;
use cordboard_core::ids::{Digest, TenantId};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The largest blob unless set otherwise: 64 MiB.
pub const DEFAULT_MAX_BLOB_BYTES: usize = 64 << 20;

/// Files by digest. Cheap to clone. The async methods need a tokio runtime; those ending in `_blocking` block.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: Arc<Path>,
    max_bytes: usize,
    next_temporary: Arc<AtomicU64>,
}

impl Blobs {
    /// Opens or makes the folder, and removes what writes that never finished left.
    pub fn open(folder: impl Into<PathBuf>, max_bytes: usize) -> Result<Self, StoreError> {
        let folder: PathBuf = folder.into();
        let temporary = folder.join(".tmp");
        std::fs::create_dir_all(&temporary).map_err(|error| StoreError::io("make", &temporary, error))?;
        for left in names(&temporary)? {
            let left = temporary.join(left);
            std::fs::remove_file(&left).map_err(|error| StoreError::io("remove", &left, error))?;
        }
        Ok(Self { folder: folder.into(), max_bytes, next_temporary: Arc::default() })
    }

    /// The bound of a blob, in bytes.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Where this blob is or would be, for those who map or stream it. They trust the disk then.
    pub fn path(&self, tenant: &TenantId, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        let shard: String = name.chars().take(2).collect();
        self.folder.join(tenant.as_str()).join(shard).join(name)
    }

    /// Stores these bytes durably. Storing them again is cheap. Fails with `TooLarge` over the bound.
    pub async fn put(&self, tenant: &TenantId, bytes: Vec<u8>) -> Result<Digest, StoreError> {
        let (blobs, tenant) = (self.clone(), tenant.clone());
        off_thread(move || blobs.put_blocking(&tenant, &bytes)).await
    }

    /// The bytes; none if there is no such blob. Fails with `Undecodable` if they don't match their digest any more.
    pub async fn get(&self, tenant: &TenantId, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let (blobs, tenant, digest) = (self.clone(), tenant.clone(), *digest);
        off_thread(move || blobs.get_blocking(&tenant, &digest)).await
    }

    /// Every blob of a tenant, sorted.
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<Digest>, StoreError> {
        let (blobs, tenant) = (self.clone(), tenant.clone());
        off_thread(move || blobs.list_blocking(&tenant)).await
    }

    /// Removes a blob; false if there was none.
    pub async fn delete(&self, tenant: &TenantId, digest: &Digest) -> Result<bool, StoreError> {
        let (blobs, tenant, digest) = (self.clone(), tenant.clone(), *digest);
        off_thread(move || blobs.delete_blocking(&tenant, &digest)).await
    }

    /// [`Blobs::put`], blocking.
    pub fn put_blocking(&self, tenant: &TenantId, bytes: &[u8]) -> Result<Digest, StoreError> {
        if bytes.len() > self.max_bytes {
            return Err(StoreError::TooLarge { what: "a blob", got: bytes.len() as u64, limit: self.max_bytes as u64 });
        }
        let digest = Digest::of(bytes);
        let path = self.path(tenant, &digest);
        // Known and whole; a damaged one is written again.
        if matches!(self.get_blocking(tenant, &digest), Ok(Some(_))) {
            return Ok(digest);
        }
        let shard = path.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(shard).map_err(|error| StoreError::io("make", shard, error))?;
        let number = self.next_temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = self.folder.join(".tmp").join(format!("{}-{number}", std::process::id()));
        let written = write_synced(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, &path));
        if let Err(error) = written {
            // Best effort: the next opening removes it otherwise.
            drop(std::fs::remove_file(&temporary));
            return Err(StoreError::io("write", path, error));
        }
        // The shard's and the tenant's names may be new as well.
        for folder in shard.ancestors().take(3) {
            sync_dir(folder)?;
        }
        Ok(digest)
    }

    /// [`Blobs::get`], blocking.
    pub fn get_blocking(&self, tenant: &TenantId, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(tenant, digest);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("open", path, error)),
        };
        let mut bytes = Vec::new();
        let limit = self.max_bytes as u64 + 1;
        file.take(limit).read_to_end(&mut bytes).map_err(|error| StoreError::io("read", &path, error))?;
        if Digest::of(&bytes) == *digest {
            Ok(Some(bytes))
        } else {
            Err(StoreError::undecodable("a blob", format!("{digest} doesn't have this digest any more")))
        }
    }

    /// [`Blobs::list`], blocking.
    pub fn list_blocking(&self, tenant: &TenantId) -> Result<Vec<Digest>, StoreError> {
        let folder = self.folder.join(tenant.as_str());
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let mut digests = Vec::new();
        for shard in names(&folder)? {
            let found = names(&folder.join(shard))?;
            digests.extend(found.iter().filter_map(|name| name.parse::<Digest>().ok()));
        }
        digests.sort_unstable();
        Ok(digests)
    }

    /// [`Blobs::delete`], blocking.
    pub fn delete_blocking(&self, tenant: &TenantId, digest: &Digest) -> Result<bool, StoreError> {
        let path = self.path(tenant, digest);
        match std::fs::remove_file(&path) {
            Ok(()) => path.parent().map_or(Ok(()), sync_dir).map(|()| true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io("remove", path, error)),
        }
    }

    /// Every tenant that has blobs, sorted. Blocks.
    pub fn tenants_blocking(&self) -> Result<Vec<TenantId>, StoreError> {
        Ok(names(&self.folder)?.into_iter().filter_map(|name| TenantId::new(name).ok()).collect())
    }
}

fn names(folder: &Path) -> Result<Vec<String>, StoreError> {
    let io = |error| StoreError::io("list", folder, error);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        names.extend(entry.map_err(io)?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_dir(folder: &Path) -> Result<(), StoreError> {
    let synced = File::open(folder).and_then(|file| file.sync_all());
    synced.map_err(|error| StoreError::io("sync", folder, error))
}

async fn off_thread<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    // It can't be cancelled once it runs; a panic in it would be ours.
    tokio::task::spawn_blocking(job).await.unwrap_or_else(|error| Err(StoreError::failed(error.to_string())))
}
