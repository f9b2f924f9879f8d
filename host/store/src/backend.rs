//! What an engine has to offer. Everything else is built on it, so that another engine is a second implementation of
//! this and not a rewrite.

use crate::batch::{Batch, Entry, Page, Seq};
use crate::error::StoreError;
use crate::health::{StoreHealth, StoreInfo};
use crate::key::{Key, MAX_SCAN_BYTES, Scan};
use crate::watch::Watch;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{oneshot, watch};

/// A future behind a pointer.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Work that reads, run where blocking is allowed.
pub type ReadJob = Box<dyn FnOnce(Result<&dyn Reader, StoreError>) + Send>;

/// What is called for each entry of a scan: the key's bytes (see [`crate::key::name_of`]), its version, its value.
pub type Visitor<'a> = dyn FnMut(&[u8], u64, &[u8]) -> ControlFlow<()> + 'a;

/// Reading, from a thread that may block. Sees every commit that was answered before the read began.
pub trait Reader {
    /// What is stored under this key.
    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError>;

    /// Calls `visit` with key, version and value for each entry in range and direction (the scan's limit is not
    /// heeded), until it breaks.
    fn visit(&self, scan: &Scan, visit: &mut Visitor<'_>) -> Result<(), StoreError>;

    /// A page of entries, bounded by the scan's limit and [`MAX_SCAN_BYTES`].
    fn scan(&self, scan: &Scan) -> Result<Page, StoreError> {
        let mut page = Page::default();
        let mut bytes = 0;
        self.visit(scan, &mut |key, version, value| {
            if page.entries.len() >= scan.limit || bytes >= MAX_SCAN_BYTES {
                page.more = true;
                return ControlFlow::Break(());
            }
            bytes += value.len();
            page.entries.push(Entry { key: Key::trusted(key), value: value.to_vec(), version });
            ControlFlow::Continue(())
        })?;
        Ok(page)
    }
}

/// How far commits are on disk.
#[derive(Clone, Debug)]
pub struct Durable {
    /// All commits up to this one are.
    pub seq: Seq,
    /// Why later ones can't be at present.
    pub failed: Option<StoreError>,
}

/// A batch in the queue. Awaiting it is not needed for it to be written.
#[derive(Debug)]
pub struct Submitted(oneshot::Receiver<Result<Seq, StoreError>>);

impl Submitted {
    /// A batch and the way to answer it.
    pub fn new() -> (oneshot::Sender<Result<Seq, StoreError>>, Self) {
        let (answer, submitted) = oneshot::channel();
        (answer, Self(submitted))
    }
}

impl Future for Submitted {
    type Output = Result<Seq, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(StoreError::Closed)))
    }
}

/// An engine.
pub trait Backend: Send + Sync + 'static {
    /// Puts a batch in the queue without waiting; `Busy` if that is full. Batches are applied in the order in which
    /// they were submitted.
    fn submit(&self, batch: Batch) -> Result<Submitted, StoreError>;

    /// The same, waiting for room in the queue.
    fn submit_waiting(&self, batch: Batch) -> BoxFuture<'_, Result<Submitted, StoreError>>;

    /// Runs a job that reads, waiting for a free place among the readers. Ready once the job is handed over.
    fn read(&self, job: ReadJob) -> BoxFuture<'_, Result<(), StoreError>>;

    /// How far commits are on disk, now and later.
    fn durable(&self) -> watch::Receiver<Durable>;

    /// How the store is, now and later.
    fn health(&self) -> watch::Receiver<StoreHealth>;

    /// Follows the changes in a range; what doesn't fit `capacity` is left out and told as a loss.
    fn watch(&self, range: Scan, capacity: usize) -> Watch;

    /// Sizes.
    fn info(&self) -> BoxFuture<'_, Result<StoreInfo, StoreError>>;

    /// Makes all that was submitted durable, then gives everything back. Later calls answer `Closed`.
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Runs a future to its end on this thread. Not for threads that run async tasks.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
