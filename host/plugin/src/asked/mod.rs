//! Versions that are asked again and again (scorers, dialers, inspectors): instances that are configured once and kept
//! between calls, bounded in number, in time and in how many wait for one. After any failure an instance is not used
//! again.

mod picked;

pub(crate) use picked::{MAX_COLUMNS, Picked};

use crate::config::Limits;
use crate::error::AskError;
use crate::flow::{failure, no_room};
use crate::guest::{Birth, Guest, LogSink, PluginLine, SeededRandom, VirtualClock, metered};
use crate::task::Aborted;
use cordboard_core::flow::RunEnd;
use cordboard_core::ids::Version;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use wasmtime::{Engine, Store};

/// Calls that may wait for an instance, for each that runs.
const WAITING_PER_INSTANCE: usize = 32;
/// CPU time of calls that were over at once, in microseconds.
const QUICK_US: u64 = 300;
/// CPU time after which calls give way, in microseconds.
const SLICE_US: u64 = 800;

/// What every store of a version is made of, whatever its world.
pub(crate) struct Terms {
    pub(crate) version: Version,
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    pub(crate) step_cpu_ms: u32,
    pub(crate) config: Arc<[(String, String)]>,
    /// Where what its instances write goes.
    pub(crate) lines: mpsc::Sender<PluginLine>,
}

impl Terms {
    /// A store; one that is kept between calls has no bound on its CPU time in all. Its journal clock stands at the
    /// epoch and its random numbers are always the same: worlds that see the machine's are linked to those instead.
    pub(crate) fn store<R: Send + 'static>(&self, role: R, max_cpu_ms: Option<u32>) -> Store<Guest<R>> {
        let birth = Birth {
            limits: self.limits,
            step_cpu_ms: self.step_cpu_ms,
            max_cpu_ms,
            clock: VirtualClock::default(),
            random: SeededRandom::new(0, 0),
            sink: LogSink::Host(self.version, self.lines.clone()),
            config: Arc::clone(&self.config),
            role,
        };
        Guest::store(&self.engine, birth)
    }
}

/// A world whose instances are configured once and then asked.
pub(crate) trait Askable: Send + Sync + 'static {
    /// What its stores have beside what every store has.
    type Role: Send + 'static;
    /// An instance, with what was agreed when it was configured.
    type Instance: Send + Sync + 'static;
    /// What it is configured with. An instance serves only those who offer the same.
    type Offer: PartialEq + Send + Sync + 'static;

    /// Whether a call is tried where it was asked: only for a world that waits for nothing outside.
    const IN_PLACE: bool;

    fn role(&self) -> Self::Role;

    /// Before each call of an instance that may have served others.
    fn again(role: &mut Self::Role);

    /// Makes and configures an instance; the inner error says why it can't be configured.
    fn begin<'a>(
        &'a self,
        store: &'a mut Store<Guest<Self::Role>>,
        offer: &'a Self::Offer,
    ) -> BoxFuture<'a, wasmtime::Result<Result<Self::Instance, String>>>;
}

/// A version, with the instances that wait for the next call.
pub(crate) struct Asked<W: Askable> {
    pub(crate) world: W,
    pub(crate) terms: Terms,
    running: Semaphore,
    admitted: Semaphore,
    idle: Mutex<Vec<Ready<W>>>,
    instances: usize,
    /// The latest call was over at once, and none is tried in place now.
    quick: AtomicBool,
}

/// A configured instance.
pub(crate) struct Ready<W: Askable> {
    store: Store<Guest<W::Role>>,
    pub(crate) instance: Arc<W::Instance>,
    offer: W::Offer,
    step_cpu_ms: u32,
    /// CPU time up to the latest moment at which it gave way, in microseconds.
    gave_way_us: u64,
}

impl<W: Askable> Asked<W> {
    pub(crate) fn new(world: W, terms: Terms, instances: usize) -> Self {
        Self {
            world,
            terms,
            running: Semaphore::new(instances),
            admitted: Semaphore::new(instances * (1 + WAITING_PER_INSTANCE)),
            idle: Mutex::new(Vec::new()),
            instances,
            quick: AtomicBool::new(false),
        }
    }

    /// A store of this world.
    pub(crate) fn store(&self) -> Store<Guest<W::Role>> {
        self.terms.store(self.world.role(), None)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Ready<W>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes calls on the guests' runtime, within `wall_ms` once it is this one's turn, and waits as long for the turn.
    /// The instance is kept only if all went well.
    ///
    /// The way to another thread and back costs more than most decisions. So where the latest call was over at once, the
    /// next one of a world without I/O begins in place; if it isn't over within a slice or two, some two milliseconds, it
    /// goes on over there, and so do the next ones until one is quick again.
    pub(crate) async fn ask<T: Send + 'static>(
        self: Arc<Self>,
        runtime: &Handle,
        wall_ms: u32,
        offer: W::Offer,
        calls: impl for<'a> FnOnce(&'a mut Ready<W>) -> BoxFuture<'a, Result<T, AskError>> + Send + 'static,
    ) -> Result<T, AskError> {
        let _place = self.admitted.try_acquire().map_err(|_| AskError::Busy)?;
        let wall = Duration::from_millis(u64::from(wall_ms));
        let _turn = match self.running.try_acquire() {
            Ok(turn) => turn,
            Err(_) => {
                let turn = tokio::time::timeout(wall, self.running.acquire()).await;
                turn.map_err(|_| AskError::Busy)?.map_err(|_| AskError::Busy)?
            }
        };
        let asked = Arc::clone(&self);
        let mut answering = Box::pin(async move {
            let mut ready = asked.ready(offer).await?;
            let before_us = ready.cpu_us();
            ready.gave_way_us = before_us;
            let answer = calls(&mut ready).await?;
            asked.quick.store(ready.cpu_us().saturating_sub(before_us) < QUICK_US, Relaxed);
            let mut idle = asked.idle();
            if idle.len() < asked.instances {
                idle.push(ready);
            }
            Ok(answer)
        });
        if W::IN_PLACE && self.quick.swap(false, Relaxed) {
            // A panic of the host side is the task's to catch: as over there, it is nobody else's.
            let tried = AssertUnwindSafe(poll_fn(|context| Poll::Ready(answering.as_mut().poll(context))));
            match tried.catch_unwind().await {
                Ok(Poll::Ready(answer)) => return answer.map_err(AskError::in_bounds),
                Ok(Poll::Pending) => {}
                Err(_) => return Err(AskError::Trap("fault of the host".into())),
            }
        }
        match tokio::time::timeout(wall, Aborted(runtime.spawn(answering))).await {
            Ok(Some(answer)) => answer.map_err(AskError::in_bounds),
            Ok(None) => Err(AskError::Trap("fault of the host".into())),
            Err(_) => Err(AskError::Deadline(wall_ms)),
        }
    }

    /// An idle instance that is configured for this, or a fresh one.
    async fn ready(&self, offer: W::Offer) -> Result<Ready<W>, AskError> {
        loop {
            let Some(ready) = self.idle().pop() else { break };
            // One that is configured for something else is dropped: what is offered changes for good.
            if ready.offer == offer {
                return Ok(ready);
            }
        }
        let mut store = self.store();
        let step_cpu_ms = self.terms.step_cpu_ms;
        let meter = Arc::clone(&store.data().meter);
        let began = metered(meter, self.world.begin(&mut store, &offer)).await;
        let instance = began.map_err(|error| failed(&store, &error, step_cpu_ms))?.map_err(AskError::Configure)?;
        Ok(Ready { store, instance: Arc::new(instance), offer, step_cpu_ms, gave_way_us: 0 })
    }
}

impl<W: Askable> Ready<W> {
    fn cpu_us(&self) -> u64 {
        self.store.data().meter.cpu_us()
    }

    /// Between calls: gives way to others if they took a slice. Within a call the guest itself does.
    pub(crate) async fn give_way(&mut self) {
        let used_us = self.cpu_us();
        if used_us.saturating_sub(self.gave_way_us) >= SLICE_US {
            self.gave_way_us = used_us;
            tokio::task::yield_now().await;
        }
    }

    /// One call, with the CPU time of one step.
    pub(crate) async fn call<T>(
        &mut self,
        call: impl for<'a> FnOnce(&'a mut Store<Guest<W::Role>>, &'a W::Instance) -> BoxFuture<'a, wasmtime::Result<T>>,
    ) -> Result<T, AskError> {
        W::again(&mut self.store.data_mut().role);
        let meter = Arc::clone(&self.store.data().meter);
        let (store, instance) = (&mut self.store, &self.instance);
        let called = metered(Arc::clone(&meter), async {
            meter.next_step();
            call(store, instance).await
        })
        .await;
        called.map_err(|error| failed(&self.store, &error, self.step_cpu_ms))
    }
}

fn failed<R: Send + 'static>(store: &Store<Guest<R>>, error: &wasmtime::Error, step_cpu_ms: u32) -> AskError {
    if no_room(error) {
        return AskError::NoRoom(format!("{error:#}"));
    }
    match failure(store.data().limit_hit(), error) {
        RunEnd::Deadline => AskError::Deadline(step_cpu_ms),
        RunEnd::Limit(text) => AskError::Limit(text),
        RunEnd::Trap(text) | RunEnd::GuestError(text) | RunEnd::NotStarted(text) | RunEnd::NoRoom(text) => {
            AskError::Trap(text)
        }
        RunEnd::Diverged(what) => AskError::Trap(what.to_string()),
        RunEnd::Returned(_) => AskError::Trap("it ended".into()),
    }
}
