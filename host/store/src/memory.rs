//! The store in memory: for tests of other rooms and for a centre that may forget.

use crate::backend::{Backend, BoxFuture, Durable, ReadJob, Reader, Submitted, Visitor};
use crate::batch::{Batch, Entry, Seq};
use crate::error::StoreError;
use crate::health::{Faults, StoreHealth, StoreInfo};
use crate::key::{Direction, Key, Scan};
use crate::watch::{Watch, Watchers};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

type Map = BTreeMap<Vec<u8>, (u64, Vec<u8>)>;

#[derive(Debug, Default)]
struct Inner {
    map: Map,
    seq: Seq,
    closed: bool,
}

/// A store that forgets everything when it is dropped. Same behaviour as the one on disk, held to it by the same tests.
#[derive(Debug)]
pub struct MemoryStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    inner: Mutex<Inner>,
    faults: Arc<Faults>,
    watchers: Watchers,
    durable: watch::Sender<Durable>,
    health: watch::Sender<StoreHealth>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::with_faults(Arc::default())
    }

    /// An empty store that fails as these switches say, at once.
    pub fn with_faults(faults: Arc<Faults>) -> Self {
        let shared = Arc::new(Shared {
            inner: Mutex::default(),
            faults: Arc::clone(&faults),
            watchers: Watchers::default(),
            durable: watch::Sender::new(Durable { seq: Seq(0), failed: None }),
            health: watch::Sender::new(StoreHealth::Ok),
        });
        let weak = Arc::downgrade(&shared);
        faults.on_change(Box::new(move || {
            if let Some(shared) = weak.upgrade() {
                drop(shared.follow_faults(&shared.lock()));
            }
        }));
        Self(shared)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets health and durability follow the switches.
    fn follow_faults(&self, inner: &Inner) -> Result<(), StoreError> {
        const LOW: u64 = 2 << 20;
        const RESERVE: u64 = 1 << 20;
        let space = self.faults.pretended_space(LOW, RESERVE);
        let (health, answer) = if inner.closed {
            (StoreHealth::Closed, Err(StoreError::Closed))
        } else if self.faults.writes_fail() {
            let reason: Arc<str> = "writes fail on purpose".into();
            (StoreHealth::Failed { reason: Arc::clone(&reason) }, Err(StoreError::Failed { reason }))
        } else {
            match space {
                Some(free_bytes) if free_bytes < RESERVE => (
                    StoreHealth::NoSpace { free_bytes },
                    Err(StoreError::NoSpace { free_bytes, needed_bytes: RESERVE }),
                ),
                Some(free_bytes) => (StoreHealth::LowSpace { free_bytes }, Ok(())),
                None => (StoreHealth::Ok, Ok(())),
            }
        };
        self.health.send_if_modified(|now| std::mem::replace(now, health.clone()) != health);
        let failed = match &answer {
            Err(error @ (StoreError::Failed { .. } | StoreError::Closed)) => Some(error.clone()),
            _other => None,
        };
        let seq = if self.faults.durable_held() || failed.is_some() { None } else { Some(inner.seq) };
        self.durable.send_modify(|now| {
            now.seq = seq.unwrap_or(now.seq);
            now.failed = failed;
        });
        answer
    }

    fn apply(&self, batch: Batch) -> Result<Seq, StoreError> {
        let mut inner = self.lock();
        self.follow_faults(&inner)?;
        for (key, expect) in &batch.expects {
            let found = inner.map.get(key.as_bytes()).map(|(version, _)| *version);
            if !expect.holds(found) {
                return Err(StoreError::Conflict { key: key.clone(), found });
            }
        }
        inner.seq.0 += 1;
        let seq = inner.seq;
        for (key, value) in &batch.ops {
            match value {
                Some(value) => inner.map.insert(key.as_bytes().to_vec(), (seq.0, value.clone())),
                None => inner.map.remove(key.as_bytes()),
            };
        }
        self.watchers.tell(seq, &batch.ops);
        // The write was taken, whatever the switches say meanwhile.
        drop(self.follow_faults(&inner));
        Ok(seq)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

struct MapReader<'a>(&'a Map);

impl Reader for MapReader<'_> {
    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        Ok(self.0.get(key.as_bytes()).map(|(version, value)| Entry {
            key: key.clone(),
            value: value.clone(),
            version: *version,
        }))
    }

    fn visit(&self, scan: &Scan, visit: &mut Visitor<'_>) -> Result<(), StoreError> {
        if scan.is_empty() {
            return Ok(());
        }
        let range = self.0.range::<Vec<u8>, _>((scan.low.as_ref(), scan.high.as_ref()));
        let entries: &mut dyn Iterator<Item = _> = match scan.direction {
            Direction::Forward => &mut { range },
            Direction::Backward => &mut range.rev(),
        };
        for (key, (version, value)) in entries {
            if visit(key, *version, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl Backend for MemoryStore {
    fn submit(&self, batch: Batch) -> Result<Submitted, StoreError> {
        let (answer, submitted) = Submitted::new();
        drop(answer.send(self.0.apply(batch)));
        Ok(submitted)
    }

    fn submit_waiting(&self, batch: Batch) -> BoxFuture<'_, Result<Submitted, StoreError>> {
        Box::pin(async { self.submit(batch) })
    }

    fn read(&self, job: ReadJob) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            let inner = self.0.lock();
            if inner.closed {
                job(Err(StoreError::Closed))
            } else {
                job(Ok(&MapReader(&inner.map)))
            }
            Ok(())
        })
    }

    fn durable(&self) -> watch::Receiver<Durable> {
        self.0.durable.subscribe()
    }

    fn health(&self) -> watch::Receiver<StoreHealth> {
        self.0.health.subscribe()
    }

    fn watch(&self, range: Scan, capacity: usize) -> Watch {
        let watch = self.0.watchers.add(range, capacity);
        if self.0.lock().closed {
            self.0.watchers.close();
        }
        watch
    }

    fn info(&self) -> BoxFuture<'_, Result<StoreInfo, StoreError>> {
        Box::pin(async {
            let inner = self.0.lock();
            Ok(StoreInfo {
                bytes: inner.map.iter().map(|(key, (_, value))| (key.len() + value.len()) as u64).sum(),
                free_bytes: None,
                queued_bytes: 0,
                applied: inner.seq,
                durable: self.0.durable.borrow().seq,
            })
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            let mut inner = self.0.lock();
            inner.closed = true;
            self.0.watchers.close();
            drop(self.0.follow_faults(&inner));
            Ok(())
        })
    }
}
