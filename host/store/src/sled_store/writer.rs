//! The thread that writes.

use super::Shared;
use super::open::{CEILING_KEY, Lock, free_replaced, open_engine, panic_text};
use super::readers::split_value;
use crate::batch::{Batch, Seq};
use crate::error::StoreError;
use crate::health::StoreHealth;
use crate::key::Key;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Free space is looked at this often, and after this many bytes written.
const PROBE_EVERY: Duration = Duration::from_millis(500);
const PROBE_BYTES: usize = 1 << 20;
/// Commits that one sync may gather.
const GROUP: usize = 4096;
/// The number on disk is ahead of the commits by up to this many, so that it is rarely written.
const CEILING_STEP: u64 = 100_000;
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(10);

pub(super) enum Command {
    Commit {
        batch: Batch,
        permit: OwnedSemaphorePermit,
        answer: oneshot::Sender<Result<Seq, StoreError>>,
    },
    Close(oneshot::Sender<Result<(), StoreError>>),
    /// A switch was turned.
    Look,
}

type Ops = Vec<(Key, Option<Vec<u8>>)>;

/// Applied and answered, not on disk yet: kept to be applied again should the engine have to be opened anew. Its
/// permit bounds what is kept.
struct Unsynced {
    seq: Seq,
    ops: Ops,
    _permit: OwnedSemaphorePermit,
}

struct Failure {
    reason: Arc<str>,
    retry_at: Instant,
    wait: Duration,
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    seq: u64,
    ceiling: u64,
    unsynced: Vec<Unsynced>,
    sync_at: Option<Instant>,
    failure: Option<Failure>,
    free: Option<u64>,
    probed_at: Instant,
    written: usize,
}

impl Writer {
    pub(super) fn start(
        shared: Arc<Shared>,
        inbox: Receiver<Command>,
        lock: Lock,
        ceiling: u64,
    ) -> Result<(), StoreError> {
        let mut writer = Self {
            shared,
            seq: ceiling,
            ceiling,
            unsynced: Vec::new(),
            sync_at: None,
            failure: None,
            free: None,
            probed_at: Instant::now(),
            written: 0,
        };
        writer.probe();
        let started = std::thread::Builder::new().name("store-write".into()).spawn(move || {
            let closing = writer.run(&inbox);
            let result = writer.close();
            drop(lock);
            if let Some(answer) = closing {
                // Who asked may not wait for the answer.
                drop(answer.send(result));
            }
        });
        started.map(drop).map_err(|error| StoreError::io("start a thread for", "store-write", error))
    }

    fn run(&mut self, inbox: &Receiver<Command>) -> Option<oneshot::Sender<Result<(), StoreError>>> {
        loop {
            match inbox.recv_timeout(self.wait_for()) {
                Ok(Command::Commit { batch, permit, answer }) => self.commit(batch, permit, answer),
                Ok(Command::Close(answer)) => return Some(answer),
                Ok(Command::Look) => self.probe(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
            let now = Instant::now();
            if self.sync_at.is_some_and(|at| at <= now) || self.unsynced.len() >= GROUP {
                self.sync();
            }
            if now.duration_since(self.probed_at) >= PROBE_EVERY || self.written >= PROBE_BYTES {
                self.probe();
            }
            if self.failure.as_ref().is_some_and(|failure| failure.retry_at <= now) {
                self.recover();
            }
        }
    }

    fn wait_for(&self) -> Duration {
        let retry_at = self.failure.as_ref().map(|failure| failure.retry_at);
        let next = [Some(self.probed_at + PROBE_EVERY), self.sync_at, retry_at].into_iter().flatten().min();
        next.map_or(PROBE_EVERY, |at| at.saturating_duration_since(Instant::now()))
    }

    fn commit(&mut self, batch: Batch, permit: OwnedSemaphorePermit, answer: oneshot::Sender<Result<Seq, StoreError>>) {
        let result = self.apply(&batch);
        if let Ok(seq) = result {
            self.shared.applied.store(seq.0, Ordering::SeqCst);
            self.shared.watchers.tell(seq, &batch.ops);
            self.written += batch.bytes();
            self.unsynced.push(Unsynced { seq, ops: batch.ops, _permit: permit });
            let group = Duration::from_millis(self.shared.options.group_ms.min(1000));
            self.sync_at.get_or_insert_with(|| Instant::now() + group);
        }
        // Who submitted may not wait for the answer.
        drop(answer.send(result));
    }

    fn apply(&mut self, batch: &Batch) -> Result<Seq, StoreError> {
        if let Some(failure) = &self.failure {
            return Err(StoreError::Failed { reason: Arc::clone(&failure.reason) });
        }
        let needed_bytes = self.shared.options.reserve_bytes;
        if let Some(free_bytes) = self.free.filter(|free| *free < needed_bytes) {
            return Err(StoreError::NoSpace { free_bytes, needed_bytes });
        }
        for (key, expect) in &batch.expects {
            let found = self.version(key)?;
            if !expect.holds(found) {
                return Err(StoreError::Conflict { key: key.clone(), found });
            }
        }
        let seq = Seq(self.seq + 1);
        let ceiling = if seq.0 > self.ceiling { seq.0 + CEILING_STEP } else { self.ceiling };
        let mark = (ceiling != self.ceiling).then_some(ceiling);
        if let Err(reason) = self.write(seq, &batch.ops, mark) {
            return Err(self.fail(reason));
        }
        self.seq = seq.0;
        self.ceiling = ceiling;
        Ok(seq)
    }

    fn version(&mut self, key: &Key) -> Result<Option<u64>, StoreError> {
        let shared = Arc::clone(&self.shared);
        let engine = shared.engine.read().unwrap_or_else(PoisonError::into_inner);
        let Some(engine) = engine.as_ref() else { return Err(StoreError::Closed) };
        let read = catch_unwind(AssertUnwindSafe(|| engine.db.get(key.as_bytes())));
        match read {
            Ok(Ok(None)) => Ok(None),
            Ok(Ok(Some(stored))) => split_value(&stored).map(|(version, _)| Some(version)),
            Ok(Err(error)) => Err(self.fail(error.to_string())),
            Err(panic) => Err(self.fail(panic_text(panic))),
        }
    }

    fn write(&self, seq: Seq, ops: &Ops, ceiling: Option<u64>) -> Result<(), String> {
        if self.shared.options.faults.writes_fail() {
            return Err("writes fail on purpose".into());
        }
        let engine = self.shared.engine.read().unwrap_or_else(PoisonError::into_inner);
        let Some(engine) = engine.as_ref() else { return Err("not open".into()) };
        let mut batch = sled::Batch::default();
        for (key, value) in ops {
            match value {
                Some(value) => batch.insert(key.as_bytes(), [&seq.0.to_be_bytes()[..], value].concat()),
                None => batch.remove(key.as_bytes()),
            }
        }
        if let Some(ceiling) = ceiling {
            batch.insert(CEILING_KEY, &ceiling.to_be_bytes());
        }
        // All in one tree: sled's batches are atomic within one.
        let applied = catch_unwind(AssertUnwindSafe(|| engine.db.apply_batch(batch)));
        free_replaced(ops.len());
        applied.map_err(panic_text)?.map_err(|error| error.to_string())
    }

    fn sync(&mut self) {
        self.sync_at = None;
        let Some(last) = self.unsynced.last().map(|unsynced| unsynced.seq) else { return };
        let faults = &self.shared.options.faults;
        if self.failure.is_some() || faults.durable_held() {
            return;
        }
        let synced = if faults.writes_fail() {
            Err("writes fail on purpose".into())
        } else {
            let engine = self.shared.engine.read().unwrap_or_else(PoisonError::into_inner);
            engine.as_ref().map_or_else(|| Err("not open".into()), super::open::Engine::sync)
        };
        match synced {
            Ok(()) => {
                self.unsynced.clear();
                self.shared.durable.send_replace(crate::backend::Durable { seq: last, failed: None });
            }
            Err(reason) => drop(self.fail(reason)),
        }
    }

    /// Looks at free space and switches.
    fn probe(&mut self) {
        self.probed_at = Instant::now();
        self.written = 0;
        let options = &self.shared.options;
        let (low, reserve) = (options.low_space_bytes, options.reserve_bytes);
        let pretended = options.faults.pretended_space(low, reserve);
        let free = pretended.or_else(|| (options.space)(&options.path).ok());
        // Once over a mark, a quarter more has to be free before it counts as back: no flutter at the edge.
        let was_under = |mark: u64| self.free.is_some_and(|free| free < mark);
        let mark = |mark: u64| if was_under(mark) { mark + mark / 4 } else { mark };
        self.free = match free {
            // Between mark and mark plus a quarter, still called under the mark.
            Some(free) if free < mark(reserve) => Some(free.min(reserve.saturating_sub(1))),
            Some(free) if free < mark(low) => Some(free.min(low.saturating_sub(1))),
            other => other,
        };
        if !options.faults.durable_held() && !self.unsynced.is_empty() {
            self.sync_at.get_or_insert(self.probed_at);
        }
        if options.faults.writes_fail() && self.failure.is_none() {
            drop(self.fail("writes fail on purpose".into()));
        } else if let Some(failure) = &mut self.failure
            && !options.faults.writes_fail()
        {
            failure.retry_at = failure.retry_at.min(self.probed_at + FIRST_RETRY);
        }
        self.tell_health();
    }

    fn tell_health(&self) {
        let options = &self.shared.options;
        let health = match (&self.failure, self.free) {
            (Some(failure), _) => StoreHealth::Failed { reason: Arc::clone(&failure.reason) },
            (None, Some(free_bytes)) if free_bytes < options.reserve_bytes => StoreHealth::NoSpace { free_bytes },
            (None, Some(free_bytes)) if free_bytes < options.low_space_bytes => StoreHealth::LowSpace { free_bytes },
            (None, _) => StoreHealth::Ok,
        };
        self.shared.health.send_if_modified(|now| {
            // Told when the kind changes; the bytes free do so all the time.
            let changed = now.code() != health.code();
            if changed {
                tracing::warn!(from = now.code(), to = health.code(), ?health, "the store's health changed");
            }
            *now = health;
            changed
        });
    }

    fn fail(&mut self, reason: String) -> StoreError {
        tracing::error!(reason, "the store has failed");
        let reason: Arc<str> = reason.into();
        let error = StoreError::Failed { reason: Arc::clone(&reason) };
        self.failure = Some(Failure { reason, retry_at: Instant::now() + FIRST_RETRY, wait: FIRST_RETRY });
        // Who is told of the error finds the health changed already.
        self.tell_health();
        self.shared.durable.send_modify(|durable| durable.failed = Some(error.clone()));
        error
    }

    /// Opens sled anew (its error stays until then), applies what was answered but not on disk, syncs.
    fn recover(&mut self) {
        let reserve = self.shared.options.reserve_bytes;
        let hopeless = self.shared.options.faults.writes_fail() || self.free.is_some_and(|free| free < reserve);
        let recovered = if hopeless { Err("still failing".to_owned()) } else { self.reopen() };
        match recovered {
            Ok(()) => {
                self.failure = None;
                self.unsynced.clear();
                self.sync_at = None;
                let seq = Seq(self.seq);
                self.shared.durable.send_replace(crate::backend::Durable { seq, failed: None });
                tracing::warn!("the store has recovered");
                self.tell_health();
            }
            Err(reason) => {
                tracing::debug!(reason, "the store can't recover yet");
                if let Some(failure) = &mut self.failure {
                    failure.wait = (failure.wait * 2).min(LAST_RETRY);
                    failure.retry_at = Instant::now() + failure.wait;
                }
            }
        }
    }

    fn reopen(&mut self) -> Result<(), String> {
        {
            let mut slot = self.shared.engine.write().unwrap_or_else(PoisonError::into_inner);
            // Dropped first: sled locks its file, and its own threads may hold on to it for a moment longer.
            let old = slot.take();
            catch_unwind(AssertUnwindSafe(|| drop(old))).map_err(panic_text)?;
            let (engine, _ceiling) = open_engine(&self.shared.options).map_err(|error| error.to_string())?;
            *slot = Some(engine);
        }
        for unsynced in &self.unsynced {
            self.write(unsynced.seq, &unsynced.ops, None)?;
        }
        self.write(Seq(self.seq), &Vec::new(), Some(self.ceiling))?;
        let engine = self.shared.engine.read().unwrap_or_else(PoisonError::into_inner);
        engine.as_ref().map_or_else(|| Err("not open".into()), super::open::Engine::sync)
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.sync();
        let result = match (&self.failure, self.unsynced.is_empty()) {
            (Some(failure), false) => Err(StoreError::Failed { reason: Arc::clone(&failure.reason) }),
            (None, _) | (Some(_), true) => Ok(()),
        };
        self.shared.health.send_replace(StoreHealth::Closed);
        self.shared.queue.close();
        let old = self.shared.engine.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(old))) {
            tracing::error!(cause = panic_text(panic), "closing broke the engine");
        }
        self.shared.durable.send_modify(|durable| durable.failed = Some(StoreError::Closed));
        self.shared.watchers.close();
        result
    }
}
