//! The store as everybody else sees it.

use crate::backend::{Backend, Reader, Submitted, block_on};
use crate::batch::{Batch, Entry, Page, Seq};
use crate::error::StoreError;
use crate::health::{StoreHealth, StoreInfo};
use crate::key::{Key, Scan};
use crate::watch::Watch;
use std::fmt;
use std::sync::Arc;
use tokio::sync::{oneshot, watch};

/// A store, whatever engine is behind it. Cheap to clone. The async methods run under any executor and never block
/// the thread; those ending in `_blocking` do and are for threads that run no async tasks.
#[derive(Clone)]
pub struct Store(Arc<dyn Backend>);

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.health().code())
    }
}

impl Store {
    /// A store on this engine.
    pub fn new(backend: impl Backend) -> Self {
        Self(Arc::new(backend))
    }

    /// What is stored under this key.
    pub async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let key = key.clone();
        self.read(move |reader| reader.get(&key)).await
    }

    /// A page of entries; bounded, see [`Page::more`].
    pub async fn scan(&self, scan: Scan) -> Result<Page, StoreError> {
        self.read(move |reader| reader.scan(&scan)).await
    }

    /// Runs `job` where it may read and block. It sees every commit answered before.
    pub async fn read<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Reader) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        // A reader that went away meanwhile doesn't mind.
        let job = Box::new(move |reader: Result<&dyn Reader, StoreError>| drop(answer.send(reader.and_then(job))));
        self.0.read(job).await?;
        // The answer is dropped unsent only if the engine panicked under the job.
        answered.await.unwrap_or_else(|_| Err(StoreError::failed("the engine broke while reading")))
    }

    /// Writes a batch, all or nothing: ready when it is applied and visible, which is before it is durable. Waits while
    /// the write queue is full.
    pub async fn commit(&self, batch: Batch) -> Result<Seq, StoreError> {
        batch.check()?;
        self.0.submit_waiting(batch).await?.await
    }

    /// Puts a batch in the write queue without waiting at all; `Busy` if that is full. Batches are applied in the order
    /// of submission; the answer may be awaited or dropped.
    pub fn submit(&self, batch: Batch) -> Result<Submitted, StoreError> {
        batch.check()?;
        self.0.submit(batch)
    }

    /// Waits until this commit is on disk. Fails at once while the store can't write; what was applied is then kept in
    /// memory and written on recovery, so that waiting again may succeed.
    pub async fn durable(&self, seq: Seq) -> Result<(), StoreError> {
        let mut state = self.0.durable();
        loop {
            {
                let now = state.borrow_and_update();
                if now.seq >= seq {
                    return Ok(());
                }
                if let Some(error) = &now.failed {
                    return Err(error.clone());
                }
            }
            state.changed().await.map_err(|_| StoreError::Closed)?;
        }
    }

    /// [`Store::commit`], then [`Store::durable`].
    pub async fn commit_durable(&self, batch: Batch) -> Result<Seq, StoreError> {
        let seq = self.commit(batch).await?;
        self.durable(seq).await?;
        Ok(seq)
    }

    /// [`Store::get`], blocking.
    pub fn get_blocking(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        block_on(self.get(key))
    }

    /// [`Store::scan`], blocking.
    pub fn scan_blocking(&self, scan: Scan) -> Result<Page, StoreError> {
        block_on(self.scan(scan))
    }

    /// [`Store::commit`], blocking.
    pub fn commit_blocking(&self, batch: Batch) -> Result<Seq, StoreError> {
        block_on(self.commit(batch))
    }

    /// [`Store::durable`], blocking.
    pub fn durable_blocking(&self, seq: Seq) -> Result<(), StoreError> {
        block_on(self.durable(seq))
    }

    /// Follows the changes in a range (its direction and limit don't matter) from now on. At most `capacity` changes
    /// (1 to 65,536) wait; what doesn't fit is left out and told as [`crate::Watched::Lagged`].
    pub fn watch(&self, range: Scan, capacity: usize) -> Watch {
        self.0.watch(range, capacity)
    }

    /// How the store is.
    pub fn health(&self) -> StoreHealth {
        self.0.health().borrow().clone()
    }

    /// How the store is, with its changes.
    pub fn health_changes(&self) -> watch::Receiver<StoreHealth> {
        self.0.health()
    }

    /// Sizes.
    pub async fn info(&self) -> Result<StoreInfo, StoreError> {
        self.0.info().await
    }

    /// Makes all that was submitted durable and gives the data folder back. Later calls answer `Closed`.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.0.close().await
    }

    /// [`Store::close`], blocking.
    pub fn close_blocking(&self) -> Result<(), StoreError> {
        block_on(self.close())
    }
}
