//! The store on disk: sled, with what it lacks.
//!
//! One thread writes, a few read; no async thread ever enters sled. What sled doesn't do by itself and this does: sync
//! the file before a commit is called durable (its own flush doesn't on Linux), refuse writes before the disk is full
//! (it latches an error then), open itself again after an error, keep values small enough that none goes to an unsynced
//! side file, contain its panics.

mod compact;
mod open;
mod readers;
mod writer;

pub use compact::{CompactReport, compact_offline};
pub(crate) use open::sync_dir;

use crate::backend::{Backend, BoxFuture, Durable, ReadJob, Submitted};
use crate::batch::{Batch, Seq};
use crate::error::StoreError;
use crate::health::{Faults, StoreHealth, StoreInfo};
use crate::key::Scan;
use crate::watch::{Watch, Watchers};
use open::{Engine, Lock};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, RwLock};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use writer::{Command, Writer};

/// Bytes of batches that may wait in the write queue or for the disk.
const QUEUE_BYTES: usize = 64 << 20;

/// Answers how many bytes are free for the file system of a path.
pub type SpaceProbe = Arc<dyn Fn(&Path) -> std::io::Result<u64> + Send + Sync>;

/// What to do with a database that can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnCorruption {
    /// Answer `Corrupted` and leave everything as it is.
    Refuse,
    /// Set it aside in the data folder as `quarantine-<time>` and start with an empty one.
    Quarantine,
}

/// How to open a store on disk.
#[derive(Clone)]
pub struct SledOptions {
    /// The data folder; made if missing.
    pub path: PathBuf,
    /// Bytes of pages kept in memory.
    pub cache_bytes: u64,
    /// With fewer bytes free the store is in `LowSpace`.
    pub low_space_bytes: u64,
    /// With fewer bytes free the store refuses writes (`NoSpace`).
    pub reserve_bytes: u64,
    /// How long commits are gathered before one sync, in milliseconds. 0 to 1,000.
    pub group_ms: u64,
    /// What to do with a database that can't be read.
    pub on_corruption: OnCorruption,
    /// Switches for tests.
    pub faults: Arc<Faults>,
    /// Where free space is read; the file system by default.
    pub space: SpaceProbe,
}

impl SledOptions {
    /// The defaults, for this data folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            cache_bytes: 128 << 20,
            low_space_bytes: 512 << 20,
            reserve_bytes: 64 << 20,
            group_ms: 2,
            on_corruption: OnCorruption::Refuse,
            faults: Arc::default(),
            space: Arc::new(free_bytes),
        }
    }
}

impl fmt::Debug for SledOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledOptions").field("path", &self.path).finish_non_exhaustive()
    }
}

fn free_bytes(path: &Path) -> std::io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// What the threads share.
struct Shared {
    options: SledOptions,
    /// Readers hold it for the length of a job; the writer takes it out to open sled again.
    engine: RwLock<Option<Engine>>,
    queue: Arc<Semaphore>,
    watchers: Watchers,
    durable: watch::Sender<Durable>,
    health: watch::Sender<StoreHealth>,
    applied: AtomicU64,
}

/// The store on disk.
pub struct SledStore {
    shared: Arc<Shared>,
    commands: Arc<Sender<Command>>,
    readers: readers::Readers,
    quarantined: Option<PathBuf>,
}

impl fmt::Debug for SledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledStore").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

impl SledStore {
    /// Opens or makes the store. Blocks for as long as recovery takes (a second or so per million records).
    ///
    /// Fails with `InUse` if another process has the folder, `Corrupted` or `Format` if the database can't be read.
    pub fn open(options: SledOptions) -> Result<Self, StoreError> {
        let lock = Lock::take(&options.path)?;
        Self::open_locked(options, lock)
    }

    fn open_locked(options: SledOptions, lock: Lock) -> Result<Self, StoreError> {
        let opened = open::open(&options)?;
        let start = Seq(opened.ceiling);
        let shared = Arc::new(Shared {
            queue: Arc::new(Semaphore::new(QUEUE_BYTES)),
            watchers: Watchers::default(),
            durable: watch::Sender::new(Durable { seq: start, failed: None }),
            health: watch::Sender::new(StoreHealth::Ok),
            applied: AtomicU64::new(start.0),
            engine: RwLock::new(Some(opened.engine)),
            options,
        });
        let (commands, inbox) = channel();
        let commands = Arc::new(commands);
        let readers = readers::Readers::start(&shared)?;
        Writer::start(Arc::clone(&shared), inbox, lock, opened.ceiling)?;
        let weak = Arc::downgrade(&commands);
        shared.options.faults.on_change(Box::new(move || {
            if let Some(commands) = weak.upgrade() {
                // The writer may be gone: then there is nobody to tell.
                drop(commands.send(Command::Look));
            }
        }));
        Ok(Self { shared, commands, readers, quarantined: opened.quarantined })
    }

    /// Where the damaged database was put, if one was found on opening.
    pub fn quarantined(&self) -> Option<&Path> {
        self.quarantined.as_deref()
    }

    fn send(&self, batch: Batch, permit: OwnedSemaphorePermit) -> Result<Submitted, StoreError> {
        let (answer, submitted) = Submitted::new();
        self.commands.send(Command::Commit { batch, permit, answer }).map_err(|_| StoreError::Closed)?;
        Ok(submitted)
    }
}

/// What a batch takes of the queue's bytes.
fn cost(batch: &Batch) -> u32 {
    u32::try_from(batch.bytes() + batch.len() * 64 + 256).unwrap_or(u32::MAX)
}

impl Backend for SledStore {
    fn submit(&self, batch: Batch) -> Result<Submitted, StoreError> {
        let queue = Arc::clone(&self.shared.queue);
        let permit = queue.try_acquire_many_owned(cost(&batch)).map_err(|error| match error {
            tokio::sync::TryAcquireError::Closed => StoreError::Closed,
            tokio::sync::TryAcquireError::NoPermits => StoreError::Busy,
        })?;
        self.send(batch, permit)
    }

    fn submit_waiting(&self, batch: Batch) -> BoxFuture<'_, Result<Submitted, StoreError>> {
        Box::pin(async move {
            let queue = Arc::clone(&self.shared.queue);
            let permit = queue.acquire_many_owned(cost(&batch)).await.map_err(|_| StoreError::Closed)?;
            self.send(batch, permit)
        })
    }

    fn read(&self, job: ReadJob) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.readers.run(job))
    }

    fn durable(&self) -> watch::Receiver<Durable> {
        self.shared.durable.subscribe()
    }

    fn health(&self) -> watch::Receiver<StoreHealth> {
        self.shared.health.subscribe()
    }

    fn watch(&self, range: Scan, capacity: usize) -> Watch {
        let watch = self.shared.watchers.add(range, capacity);
        if matches!(*self.shared.health.borrow(), StoreHealth::Closed) {
            self.shared.watchers.close();
        }
        watch
    }

    fn info(&self) -> BoxFuture<'_, Result<StoreInfo, StoreError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let shared = Arc::clone(&self.shared);
            let job = move |_reader: Result<&dyn crate::backend::Reader, StoreError>| {
                drop(answer.send(shared.info()));
            };
            self.readers.run(Box::new(job)).await?;
            answered.await.unwrap_or(Err(StoreError::Closed))
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            if self.commands.send(Command::Close(answer)).is_err() {
                return Ok(());
            }
            answered.await.unwrap_or(Ok(()))
        })
    }
}

impl Shared {
    fn info(&self) -> Result<StoreInfo, StoreError> {
        let engine = self.engine.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let bytes = match engine.as_ref() {
            Some(engine) => engine.size_on_disk(),
            None => return Err(StoreError::Closed),
        };
        Ok(StoreInfo {
            bytes,
            free_bytes: (self.options.space)(&self.options.path).ok(),
            queued_bytes: QUEUE_BYTES.saturating_sub(self.queue.available_permits()) as u64,
            applied: Seq(self.applied.load(Ordering::SeqCst)),
            durable: self.durable.borrow().seq,
        })
    }
}
