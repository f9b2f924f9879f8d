//! The threads that read.

use super::Shared;
use super::open::{Engine, panic_text};
use crate::backend::{ReadJob, Reader, Visitor};
use crate::batch::Entry;
use crate::error::StoreError;
use crate::health::StoreHealth;
use crate::key::{Direction, Key, Scan};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Reads are mostly waiting for pages: a few more than there are cores.
const THREADS: usize = 4;
/// Jobs that wait for a reader; further ones wait outside.
const WAITING: usize = 256;

type Queued = (ReadJob, OwnedSemaphorePermit);

pub(super) struct Readers {
    jobs: Sender<Queued>,
    places: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn start(shared: &Arc<Shared>) -> Result<Self, StoreError> {
        let (jobs, inbox) = channel::<Queued>();
        let inbox = Arc::new(Mutex::new(inbox));
        for number in 0..THREADS {
            let (shared, inbox) = (Arc::clone(shared), Arc::clone(&inbox));
            let thread = std::thread::Builder::new().name(format!("store-read-{number}"));
            let started = thread.spawn(move || run(&shared, &inbox));
            started.map_err(|error| StoreError::io("start a thread for", "store-read", error))?;
        }
        Ok(Self { jobs, places: Arc::new(Semaphore::new(WAITING)) })
    }

    pub(super) async fn run(&self, job: ReadJob) -> Result<(), StoreError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        self.jobs.send((job, place)).map_err(|_| StoreError::Closed)
    }
}

fn run(shared: &Shared, inbox: &Mutex<Receiver<Queued>>) {
    loop {
        let next = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((job, place)) = next else { return };
        let engine = shared.engine.read().unwrap_or_else(PoisonError::into_inner);
        let job = AssertUnwindSafe(|| match engine.as_ref() {
            Some(engine) => job(Ok(&SledReader(engine))),
            None => job(Err(absent(shared))),
        });
        // sled asserts a lot; a page it can't make sense of must cost one answer and not a reader.
        if let Err(panic) = catch_unwind(job) {
            tracing::error!(cause = panic_text(panic), "reading broke the engine");
        }
        drop(place);
    }
}

/// Why there is no engine: closed, or between failure and recovery.
fn absent(shared: &Shared) -> StoreError {
    match &*shared.health.borrow() {
        StoreHealth::Failed { reason } => StoreError::Failed { reason: Arc::clone(reason) },
        StoreHealth::Closed | StoreHealth::Ok | StoreHealth::LowSpace { .. } | StoreHealth::NoSpace { .. } => {
            StoreError::Closed
        }
    }
}

pub(super) struct SledReader<'a>(pub(super) &'a Engine);

fn read_error(error: sled::Error) -> StoreError {
    StoreError::failed(format!("read: {error}"))
}

/// Version and value of what is stored.
pub(super) fn split_value(stored: &[u8]) -> Result<(u64, &[u8]), StoreError> {
    let (version, value) = stored.split_first_chunk().ok_or_else(|| StoreError::undecodable("a value", "too short"))?;
    Ok((u64::from_be_bytes(*version), value))
}

impl Reader for SledReader<'_> {
    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let Some(stored) = self.0.db.get(key.as_bytes()).map_err(read_error)? else { return Ok(None) };
        let (version, value) = split_value(&stored)?;
        Ok(Some(Entry { key: key.clone(), value: value.to_vec(), version }))
    }

    fn visit(&self, scan: &Scan, visit: &mut Visitor<'_>) -> Result<(), StoreError> {
        if scan.is_empty() {
            return Ok(());
        }
        let mut range = self.0.db.range::<&[u8], _>((as_slice(&scan.low), as_slice(&scan.high)));
        loop {
            let next = match scan.direction {
                Direction::Forward => range.next(),
                Direction::Backward => range.next_back(),
            };
            let Some(entry) = next else { return Ok(()) };
            let (key, stored) = entry.map_err(read_error)?;
            let (version, value) = split_value(&stored)?;
            if visit(&key, version, value).is_break() {
                return Ok(());
            }
        }
    }
}

fn as_slice(bound: &std::ops::Bound<Vec<u8>>) -> std::ops::Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}
