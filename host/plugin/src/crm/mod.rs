//! Looking people up through crm plugins: cached, one call for each person at a time, bounded, and cut off for a
//! while when a directory fails.

mod breaker;
mod cache;
mod egress;

pub(crate) use egress::{Egress, check_rules};

use crate::bindings::crm_0_1_0::{CrmPre, lookup_error, profile, types};
use crate::config::{BreakerConfig, CacheConfig, EgressRule, Limits};
use crate::flow::{failure, no_room};
use crate::guest::{Birth, Guest, LogSink, SeededRandom, VirtualClock, metered, shortened};
use breaker::Breaker;
use cache::Cache;
use cordboard_core::flow::{LookupError, Profile, RunEnd};
use cordboard_core::ids::Version;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use wasmtime::{Engine, Store};
use wasmtime_wasi_http::WasiHttpCtx;

/// No look-up takes longer, whatever its caller says.
const MAX_TIMEOUT: Duration = Duration::from_secs(60);
/// A time-out shorter than this is no failure of the directory: two seconds, less what it takes to begin.
const FAIR_TIMEOUT: Duration = Duration::from_millis(1900);
/// Names resolved at once: each keeps a thread, for as long as the resolver tries.
const MAX_RESOLVING: usize = 4;
/// How often it is looked for answers to forget, at most.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// The contract's bounds of a key, in bytes.
const MAX_KIND_BYTES: usize = 64;
const MAX_VALUE_BYTES: usize = 512;
const MAX_TEXT_BYTES: usize = 2048;

type Answer = Result<Option<Profile>, LookupError>;
type Key = (String, String);

/// What a crm plugin's store has beside what every store has.
pub(crate) struct CrmRole {
    http: WasiHttpCtx,
    egress: Egress,
}

impl wasmtime_wasi_http::WasiHttpView for Guest<CrmRole> {
    fn http(&mut self) -> wasmtime_wasi_http::WasiHttpCtxView<'_> {
        wasmtime_wasi_http::WasiHttpCtxView {
            hooks: &mut self.role.egress,
            table: &mut self.table,
            ctx: &mut self.role.http,
        }
    }
}

/// A crm version.
pub(crate) struct Directory {
    pub(crate) version: Version,
    pub(crate) engine: Engine,
    pub(crate) pre: CrmPre<Guest<CrmRole>>,
    pub(crate) limits: Limits,
    pub(crate) step_cpu_ms: u32,
    pub(crate) config: Arc<[(String, String)]>,
    resolving: Arc<Semaphore>,
    pool: Arc<Semaphore>,
    state: Mutex<State>,
}

/// Where the version may connect.
#[derive(Clone)]
struct Grant {
    number: u64,
    rules: Arc<[EgressRule]>,
}

struct State {
    grant: Grant,
    cache: Cache,
    breaker: Breaker,
    /// Look-ups under way, by the number of the grant they have: who asks for the same person meanwhile gets the same
    /// answer.
    flights: BTreeMap<(u64, Key), watch::Receiver<Option<Answer>>>,
    /// A task forgets what is out of time.
    sweeping: bool,
}

/// How a look-up can go on.
enum Next {
    Known(Answer),
    Wait { flight: watch::Receiver<Option<Answer>>, own: bool },
}

impl Directory {
    #[allow(clippy::too_many_arguments, reason = "a plain constructor; every field is named at its one caller")]
    pub(crate) fn new(
        version: Version,
        engine: Engine,
        pre: CrmPre<Guest<CrmRole>>,
        limits: Limits,
        step_cpu_ms: u32,
        config: Arc<[(String, String)]>,
        rules: Arc<[EgressRule]>,
        bounds: (u32, CacheConfig, BreakerConfig),
    ) -> Self {
        let (pool, cache, breaker) = bounds;
        let state = Mutex::new(State {
            grant: Grant { number: 0, rules },
            cache: Cache::new(cache),
            breaker: Breaker::new(breaker),
            flights: BTreeMap::new(),
            sweeping: false,
        });
        let (resolving, pool) = (Arc::new(Semaphore::new(MAX_RESOLVING)), Arc::new(Semaphore::new(pool as usize)));
        Self { version, engine, pre, limits, step_cpu_ms, config, resolving, pool, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the operator grants from now on: the next look-up has it, one under way keeps what it had. What is known
    /// from before is forgotten: what was found may come from where the version may not connect any more, and what
    /// failed may have failed for want of the grant.
    pub(crate) fn grant(&self, rules: Arc<[EgressRule]>) {
        let mut state = self.state();
        if state.grant.rules != rules {
            state.grant = Grant { number: state.grant.number + 1, rules };
            state.cache.clear();
            state.breaker.succeeded();
        }
    }

    pub(crate) fn store(&self) -> Store<Guest<CrmRole>> {
        let rules = Arc::clone(&self.state().grant.rules);
        self.store_with(rules)
    }

    fn store_with(&self, rules: Arc<[EgressRule]>) -> Store<Guest<CrmRole>> {
        let egress = Egress::new(rules, Arc::clone(&self.resolving));
        let birth = Birth {
            limits: self.limits,
            step_cpu_ms: self.step_cpu_ms,
            max_cpu_ms: Some(self.limits.max_cpu_ms),
            // Unused: a crm plugin sees the machine's clock and random numbers, since only its answer is journaled.
            clock: VirtualClock::default(),
            random: SeededRandom::new(0, 0),
            sink: LogSink::Host(self.version),
            config: Arc::clone(&self.config),
            role: CrmRole { http: WasiHttpCtx::new(), egress },
        };
        Guest::store(&self.engine, birth)
    }

    /// Looks a person up within `timeout`.
    pub(crate) async fn lookup(self: Arc<Self>, runtime: &Handle, key: Key, timeout: Duration) -> Answer {
        if key.0.is_empty() || key.0.len() > MAX_KIND_BYTES || key.1.is_empty() || key.1.len() > MAX_VALUE_BYTES {
            return Err(LookupError::Invalid("the key isn't of 1 to 64 bytes, its value of 1 to 512".into()));
        }
        let deadline = Instant::now() + timeout.min(MAX_TIMEOUT);
        loop {
            let (mut flight, own) = match self.next(runtime, &key, deadline) {
                Next::Known(answer) => return answer,
                Next::Wait { flight, own } => (flight, own),
            };
            let landed = tokio::time::timeout_at(deadline.into(), flight.wait_for(Option::is_some)).await;
            let answer = match landed {
                Err(_) => return Err(LookupError::Timeout),
                Ok(Err(_)) => Err(LookupError::Other("fault of the host".into())),
                Ok(Ok(answer)) => answer.clone().unwrap_or(Err(LookupError::Timeout)),
            };
            // Someone with less time was ahead: there is time left to ask again.
            if own || answer != Err(LookupError::Timeout) || Instant::now() >= deadline {
                return answer;
            }
        }
    }

    /// From the cache, from one under way, or a look-up of one's own.
    fn next(self: &Arc<Self>, runtime: &Handle, key: &Key, deadline: Instant) -> Next {
        let now = Instant::now();
        let mut state = self.state();
        if let Some(found) = state.cache.get(key, now) {
            return Next::Known(Ok(found));
        }
        let flight_key = (state.grant.number, key.clone());
        if let Some(flight) = state.flights.get(&flight_key) {
            return Next::Wait { flight: flight.clone(), own: false };
        }
        let Ok(permit) = Arc::clone(&self.pool).try_acquire_owned() else {
            return Next::Known(Err(LookupError::Busy));
        };
        if let Err(text) = state.breaker.admit(now) {
            return Next::Known(Err(LookupError::Unavailable(text)));
        }
        let (landed, flight) = watch::channel(None);
        state.flights.insert(flight_key, flight.clone());
        let grant = state.grant.clone();
        drop(state);
        // On its own task: a caller who goes away doesn't end it for the others.
        runtime.spawn(Arc::clone(self).fly(key.clone(), grant, deadline, landed, permit));
        Next::Wait { flight, own: true }
    }

    async fn fly(
        self: Arc<Self>,
        key: Key,
        grant: Grant,
        deadline: Instant,
        landed: watch::Sender<Option<Answer>>,
        permit: OwnedSemaphorePermit,
    ) {
        let given = deadline.saturating_duration_since(Instant::now());
        let mut flight = Flight { directory: &self, key: (grant.number, key), settled: false };
        let asked = Box::pin(self.ask(&flight.key.1, deadline, grant.rules));
        let answer = match tokio::time::timeout_at(deadline.into(), asked).await {
            Ok(answer) => answer,
            Err(_) => Err(LookupError::Timeout),
        };
        drop(permit);
        self.settle(&flight.key, &answer, given);
        flight.settled = true;
        drop(flight);
        let _ = landed.send(Some(answer));
    }

    /// Draws the conclusions of an answer, unless another grant is in force by now.
    fn settle(self: &Arc<Self>, (grant, key): &(u64, Key), answer: &Answer, given: Duration) {
        let now = Instant::now();
        let mut state = self.state();
        if state.grant.number != *grant {
            return;
        }
        match answer {
            Ok(found) => {
                state.breaker.succeeded();
                state.cache.put(key.clone(), found.clone(), now);
            }
            // Whoever gives it less time than that learns nothing about it.
            Err(LookupError::Timeout) if given < FAIR_TIMEOUT => state.breaker.gave_up(),
            Err(LookupError::Timeout | LookupError::Unavailable(_)) => state.breaker.failed(now),
            // Errors of ours or of the caller say nothing of the directory.
            Err(LookupError::Unsupported(_) | LookupError::Other(_) | LookupError::Invalid(_)) => {
                state.breaker.succeeded();
            }
            Err(LookupError::Busy | LookupError::Ended) => state.breaker.gave_up(),
        }
        if !state.sweeping && state.cache.next_expiry().is_some() {
            state.sweeping = true;
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Forgets what is out of time; when the next will be, or none if nothing is left.
    fn forget(&self) -> Option<Instant> {
        let mut state = self.state();
        state.cache.expire(Instant::now());
        let next = state.cache.next_expiry();
        state.sweeping = next.is_some();
        next
    }

    /// One call in an instance of its own: nothing of one person is left for the next.
    async fn ask(&self, key: &Key, deadline: Instant, rules: Arc<[EgressRule]>) -> Answer {
        let mut store = self.store_with(rules);
        let meter = Arc::clone(&store.data().meter);
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
        let wanted = types::Key { kind: key.0.clone(), value: key.1.clone() };
        let called = metered(meter, async {
            let instance = self.pre.instantiate_async(&mut store).await?;
            instance.cordboard_crm_guest().call_lookup(&mut store, &wanted, timeout_ms).await
        })
        .await;
        store.data().log.finish();
        match called {
            Ok(Ok(found)) => found.map(profile).transpose(),
            Ok(Err(error)) => Err(lookup_error(error)),
            Err(error) if no_room(&error) => Err(LookupError::Busy),
            Err(error) => Err(self.failed(&store, &error)),
        }
    }

    fn failed(&self, store: &Store<Guest<CrmRole>>, error: &wasmtime::Error) -> LookupError {
        let text = match failure(store.data().limit_hit(), error) {
            RunEnd::Deadline => format!("the plugin used more than {} ms of CPU time in one step", self.step_cpu_ms),
            RunEnd::Limit(text) => format!("the plugin hit a limit: {text}"),
            RunEnd::Trap(text) | RunEnd::GuestError(text) | RunEnd::NotStarted(text) | RunEnd::NoRoom(text) => {
                format!("the plugin trapped: {text}")
            }
            RunEnd::Returned(_) => "the plugin ended".into(),
            RunEnd::Diverged(what) => what.to_string(),
        };
        tracing::warn!(version = %self.version.short(), "a look-up failed: {text}");
        LookupError::Unavailable(shortened(&text, MAX_TEXT_BYTES))
    }
}

/// Forgets answers when their time is over, also if nobody asks any more, until there are none.
async fn sweep(directory: Weak<Directory>) {
    while let Some(next) = directory.upgrade().and_then(|directory| directory.forget()) {
        tokio::time::sleep_until(next.max(Instant::now() + SWEEP_INTERVAL).into()).await;
    }
}

/// Takes the look-up off the list, however it ends.
struct Flight<'a> {
    directory: &'a Directory,
    key: (u64, Key),
    settled: bool,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut state = self.directory.state();
        state.flights.remove(&self.key);
        // It panicked. If it was the breaker's probe, another one has to be.
        if !self.settled && state.grant.number == self.key.0 {
            state.breaker.gave_up();
        }
    }
}
