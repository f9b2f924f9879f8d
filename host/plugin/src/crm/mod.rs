//! Looking people up through crm plugins: cached, one call for each person at a time, bounded, and cut off for a
//! while when a directory fails.

mod breaker;
mod cache;

use crate::asked::Terms;
use crate::bindings::crm_0_1_0::{CrmPre, lookup_error, profile, types};
use crate::config::{BreakerConfig, CacheConfig, Grants};
use crate::flow::{failure, no_room};
use crate::guest::{Guest, metered, shortened};
use crate::web::{Reach, WebRole};
use breaker::Breaker;
use cache::Cache;
use cordboard_core::flow::{LookupError, Profile, RunEnd};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use wasmtime::Store;

/// No look-up takes longer, whatever its caller says.
const MAX_TIMEOUT: Duration = Duration::from_secs(60);
/// A time-out shorter than this is no failure of the directory: two seconds, less what it takes to begin.
const FAIR_TIMEOUT: Duration = Duration::from_millis(1900);
/// How often it is looked for answers to forget, at most.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// The contract's bounds of a key, in bytes.
const MAX_KIND_BYTES: usize = 64;
const MAX_VALUE_BYTES: usize = 512;
const MAX_TEXT_BYTES: usize = 2048;

type Answer = Result<Option<Profile>, LookupError>;
type Key = (String, String);

/// A crm version.
pub(crate) struct Directory {
    pub(crate) terms: Terms,
    pub(crate) pre: CrmPre<Guest<WebRole>>,
    reach: Arc<Reach>,
    pool: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    /// Counts what was granted.
    grant: u64,
    cache: Cache,
    breaker: Breaker,
    /// Look-ups under way, by the number of the grant they began with: who asks for the same person meanwhile gets the
    /// same answer.
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
    pub(crate) fn new(
        terms: Terms,
        pre: CrmPre<Guest<WebRole>>,
        reach: Arc<Reach>,
        bounds: (u32, CacheConfig, BreakerConfig),
    ) -> Self {
        let (pool, cache, breaker) = bounds;
        let state = Mutex::new(State {
            grant: 0,
            cache: Cache::new(cache),
            breaker: Breaker::new(breaker),
            flights: BTreeMap::new(),
            sweeping: false,
        });
        Self { terms, pre, reach, pool: Arc::new(Semaphore::new(pool as usize)), state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is granted from now on: the next request has it, one under way goes on. What is known from before is
    /// forgotten: what was found may come from where the version may not connect any more, and what failed may have
    /// failed for want of the grant.
    pub(crate) fn grant(&self, grants: Grants) {
        // In this order: whoever looks up with the new number has the new grants.
        if self.reach.set(grants) {
            let mut state = self.state();
            state.grant += 1;
            state.cache.clear();
            state.breaker.succeeded();
        }
    }

    pub(crate) fn store(&self) -> Store<Guest<WebRole>> {
        self.terms.store(WebRole::new(&self.reach), Some(self.terms.limits.max_cpu_ms))
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
        let flight_key = (state.grant, key.clone());
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
        let grant = state.grant;
        drop(state);
        // On its own task: a caller who goes away doesn't end it for the others.
        runtime.spawn(Arc::clone(self).fly(key.clone(), grant, deadline, landed, permit));
        Next::Wait { flight, own: true }
    }

    async fn fly(
        self: Arc<Self>,
        key: Key,
        grant: u64,
        deadline: Instant,
        landed: watch::Sender<Option<Answer>>,
        permit: OwnedSemaphorePermit,
    ) {
        let given = deadline.saturating_duration_since(Instant::now());
        let mut flight = Flight { directory: &self, key: (grant, key), settled: false };
        let asked = Box::pin(self.ask(&flight.key.1, deadline));
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
        if state.grant != *grant {
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
    async fn ask(&self, key: &Key, deadline: Instant) -> Answer {
        let mut store = self.store();
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

    fn failed(&self, store: &Store<Guest<WebRole>>, error: &wasmtime::Error) -> LookupError {
        let text = match failure(store.data().limit_hit(), error) {
            RunEnd::Deadline => {
                format!("the plugin used more than {} ms of CPU time in one step", self.terms.step_cpu_ms)
            }
            RunEnd::Limit(text) => format!("the plugin hit a limit: {text}"),
            RunEnd::Trap(text) | RunEnd::GuestError(text) | RunEnd::NotStarted(text) | RunEnd::NoRoom(text) => {
                format!("the plugin trapped: {text}")
            }
            RunEnd::Returned(_) => "the plugin ended".into(),
            RunEnd::Diverged(what) => what.to_string(),
        };
        // What it says of itself may name who was looked up.
        let version = self.terms.version.short();
        tracing::warn!(%version, "a look-up failed, DEBUG tells how");
        tracing::debug!(target: "plugin", %version, "a look-up failed: {text}");
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
        if !self.settled && state.grant == self.key.0 {
            state.breaker.gave_up();
        }
    }
}
