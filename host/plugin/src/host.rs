//! The plugin host: what is loaded, and what can be done with it.

mod asking;
mod load;
mod rehearsing;

pub use load::LoadedInfo;
pub use rehearsing::Rehearsed;

use crate::compile::Workshop;
use crate::config::{Grants, LoadSpec, PluginConfig};
use crate::crm::Directory;
use crate::dialer::DialerProgram;
use crate::engine::{self, Capacity, Ticker};
use crate::error::{HostError, LoadError};
use crate::flow::{self, FlowHandle, FlowMessage, FlowPort, FlowStart, Mode, Places, Program};
use crate::guest::{Guest, MAX_UNHEARD, PluginLine, SlowLane};
use crate::inspector::InspectorProgram;
use crate::scorer::ScorerProgram;
use crate::verify::{PluginInfo, World};
use crate::web::{MAX_FETCHES, MAX_UNTOLD, RefusedUse, Tls, WebRole, check_grants};
use cordboard_core::ids::{Digest, Version};
use cordboard_core::note::StackFrame;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{Semaphore, mpsc};
use wasmtime::Engine;
use wasmtime::component::Linker;

/// The plugin host. Copies are the same host; the last one dropped ends its threads and every run.
#[derive(Clone, Debug)]
pub struct PluginHost(Arc<Inner>);

struct Inner {
    settings: PluginConfig,
    capacity: Capacity,
    engine: Engine,
    linkers: Linkers,
    versions: Mutex<Versions>,
    flow_slots: Arc<Semaphore>,
    rehearsal_slots: Arc<Semaphore>,
    flow_memory: Arc<AtomicU64>,
    slow_lane: Arc<SlowLane>,
    workshop: Arc<Workshop>,
    /// A permit for each request of a flow under way.
    fetches: Arc<Semaphore>,
    compile_turn: Arc<Semaphore>,
    verify_turn: Arc<Semaphore>,
    tls: Arc<Tls>,
    teller: mpsc::Sender<RefusedUse>,
    refusals: Mutex<Option<mpsc::Receiver<RefusedUse>>>,
    lines: mpsc::Sender<PluginLine>,
    written: Mutex<Option<mpsc::Receiver<PluginLine>>>,
    lines_turn: Arc<Semaphore>,
    runtime: Threads,
    slow: Threads,
    rehearsals: Threads,
    unhurried: Threads,
    unhurried_slots: Arc<Semaphore>,
    _ticker: Ticker,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginHost").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

struct Linkers {
    flow: Linker<Guest<FlowPort>>,
    scorer: Linker<Guest<()>>,
    /// Of every world that may send requests; what each of them may import is checked before.
    web: Linker<Guest<WebRole>>,
}

#[derive(Default)]
struct Versions {
    loaded: BTreeMap<Version, Arc<Loaded>>,
    /// Unloaded, but still in use by runs.
    draining: Vec<Weak<Loaded>>,
}

/// A version in memory.
struct Loaded {
    info: LoadedInfo,
    component: Digest,
    program: Kind,
    live: AtomicU64,
}

enum Kind {
    Flow(Arc<Program>),
    Scorer(Arc<ScorerProgram>),
    Crm(Arc<Directory>),
    Dialer(Arc<DialerProgram>),
    Inspector(Arc<InspectorProgram>),
}

/// A version that is loaded, or unloaded and still in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedVersion {
    /// Which.
    pub version: Version,
    /// Its world.
    pub world: World,
    /// Its contract, e.g. `cordboard:flow@0.1.0`.
    pub contract: String,
    /// Flow runs, decisions or look-ups that use it right now.
    pub live_instances: u64,
    /// It was unloaded; it goes with the last of them.
    pub draining: bool,
}

/// Counts a use of a version, and keeps it in memory.
struct InUse(Arc<Loaded>);

impl InUse {
    fn new(loaded: Arc<Loaded>) -> Self {
        loaded.live.fetch_add(1, Relaxed);
        Self(loaded)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Relaxed);
    }
}

/// Threads that guests run on. They don't end in place: the last copy of the host, or what was begun of one that can't
/// start, may be dropped on an async thread, which must not block.
struct Threads(Option<Runtime>);

impl Threads {
    #[allow(clippy::expect_used, reason = "taken only in drop")]
    fn handle(&self) -> &Handle {
        self.0.as_ref().map(Runtime::handle).expect("the runtime is there until it is dropped")
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl PluginHost {
    /// Starts the engine, its tick and the guests' threads.
    ///
    /// # Errors
    /// If a setting is out of bounds, or the machine has no room for the pool.
    pub fn start(settings: PluginConfig) -> Result<Self, HostError> {
        let (engine, capacity) = engine::engine(&settings)?;
        let linkers = Linkers::new(&engine).map_err(|error| HostError::Engine(format!("{error:#}")))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(settings.guest_threads)
            // They resolve names, nothing else: a few for each directory.
            .max_blocking_threads(32)
            .thread_name("guest")
            .enable_all()
            .build()
            .map_err(HostError::Thread)?;
        let (runtime, slow) = (Threads(Some(runtime)), Threads(Some(engine::slow_threads()?)));
        let (teller, refusals) = mpsc::channel(MAX_UNTOLD);
        let (lines, written) = mpsc::channel(MAX_UNHEARD);
        Ok(Self(Arc::new(Inner {
            capacity,
            linkers,
            versions: Mutex::default(),
            flow_slots: Arc::new(Semaphore::new(capacity.flow_instances as usize)),
            flow_memory: Arc::default(),
            slow_lane: Arc::new(SlowLane::new(slow.handle().metrics().num_workers())),
            rehearsal_slots: Arc::new(Semaphore::new(engine::REHEARSALS)),
            workshop: Workshop::new(&engine, &settings)?,
            fetches: Arc::new(Semaphore::new(MAX_FETCHES)),
            compile_turn: Arc::new(Semaphore::new(1)),
            verify_turn: Arc::new(Semaphore::new(1)),
            tls: Arc::new(Tls::new(settings.egress_ca_file.as_deref())?),
            teller,
            refusals: Mutex::new(Some(refusals)),
            lines,
            written: Mutex::new(Some(written)),
            lines_turn: Arc::new(Semaphore::new(1)),
            runtime,
            slow,
            rehearsals: Threads(Some(engine::rehearsal_threads()?)),
            unhurried: Threads(Some(engine::unhurried_threads()?)),
            unhurried_slots: Arc::new(Semaphore::new(engine::unhurried())),
            _ticker: Ticker::start(&engine)?,
            engine,
            settings,
        })))
    }

    /// How many flows there is room for, and why.
    pub fn capacity(&self) -> Capacity {
        self.0.capacity
    }

    /// Whether a component is a plugin for this host; see [`verify`](crate::verify). One at a time, where it is compiled:
    /// in a child process it has half a minute at most, and the compiler's memory. Dropped, it ends the child.
    ///
    /// # Errors
    /// `Refused` with what is wrong, in words for the plugin's author; `CompileTimeout`, `CompileLimit` and the
    /// compiler's other faults.
    pub async fn verify(&self, component: Arc<[u8]>) -> Result<PluginInfo, LoadError> {
        let Ok(turn) = Arc::clone(&self.0.verify_turn).acquire_owned().await else { return Err(LoadError::Lost) };
        self.0.workshop.verified(component, turn).await
    }

    /// Compiles a version, or reads what it was compiled to before, one at a time, and tries an instance of it. Loading
    /// a version again does nothing, also while it is being loaded; where it may connect is changed with
    /// [`PluginHost::grant`]. Needs a tokio runtime with I/O and time. Dropped, it ends a compiler in a child process.
    ///
    /// # Errors
    /// What is wrong with the component, its limits or its egress.
    pub async fn load(&self, version: Version, spec: LoadSpec) -> Result<LoadedInfo, LoadError> {
        if let Some(loaded) = self.0.get(version) {
            return Ok(loaded.info.clone());
        }
        let Ok(turn) = Arc::clone(&self.0.compile_turn).acquire_owned().await else {
            return Err(LoadError::Compile("the host is stopping".into()));
        };
        // Whoever had the turn before may have loaded it.
        if let Some(loaded) = self.0.get(version) {
            return Ok(loaded.info.clone());
        }
        let (loaded, turn) = self.0.compile(version, spec, turn).await?;
        let info = loaded.info.clone();
        self.0.versions().loaded.insert(version, Arc::new(loaded));
        drop(turn);
        let (version, from_cache) = (version.short(), info.from_cache);
        tracing::info!(%version, world = %info.world, compile_ms = info.compile_ms, from_cache, "plugin loaded");
        Ok(info)
    }

    /// What a version may use from now on; requests under way go on. Of a crm version, look-ups under way are not joined
    /// any more; where the grants change, answers from before are forgotten and the circuit breaker is closed. False if
    /// no such version is loaded, or its world sends no requests.
    ///
    /// # Errors
    /// A rule is out of bounds: then all stays as it was.
    pub fn grant(&self, version: Version, grants: Grants) -> Result<bool, LoadError> {
        check_grants(&grants)?;
        let mut any = false;
        for loaded in self.0.all_of(version) {
            any |= match &loaded.program {
                Kind::Crm(directory) => {
                    directory.grant(grants.clone());
                    true
                }
                Kind::Dialer(dialer) => {
                    dialer.world.reach.set(grants.clone());
                    true
                }
                Kind::Inspector(inspector) => {
                    inspector.world.reach.set(grants.clone());
                    true
                }
                Kind::Flow(program) => match &program.fetcher {
                    Some(fetcher) => {
                        fetcher.reach().set(grants.clone());
                        true
                    }
                    None => false,
                },
                Kind::Scorer(_) => false,
            };
        }
        Ok(any)
    }

    /// Refused uses of capabilities from now on, at most one a second of each version. The first caller gets it; none is
    /// kept for longer than 256 others.
    pub fn refusals(&self) -> Option<mpsc::Receiver<RefusedUse>> {
        self.0.refusals.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What plugins write that no contact's flow is, from now on. The first caller gets it; who doesn't keep up misses
    /// lines.
    pub fn written(&self) -> Option<mpsc::Receiver<PluginLine>> {
        self.0.written.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Takes a version out of use. Runs in progress go on; its memory is free with the last of them. False if it
    /// wasn't loaded.
    pub fn unload(&self, version: Version) -> bool {
        let mut versions = self.0.versions();
        let Some(loaded) = versions.loaded.remove(&version) else { return false };
        versions.draining.retain(|draining| draining.strong_count() > 0);
        versions.draining.push(Arc::downgrade(&loaded));
        // After the lock: the last hold may go here, and with it a compiled component.
        drop(versions);
        true
    }

    /// The versions in memory, loaded ones first.
    pub fn loaded(&self) -> Vec<LoadedVersion> {
        let mut versions = self.0.versions();
        versions.draining.retain(|draining| draining.strong_count() > 0);
        let entry = |loaded: &Loaded, draining| LoadedVersion {
            version: loaded.info.version,
            world: loaded.info.world,
            contract: loaded.info.contract.clone(),
            live_instances: loaded.live.load(Relaxed),
            draining,
        };
        let mut all: Vec<_> = versions.loaded.values().map(|loaded| entry(loaded, false)).collect();
        all.extend(versions.draining.iter().filter_map(Weak::upgrade).map(|loaded| entry(&loaded, true)));
        all
    }

    /// Runs a flow for a contact. Never fails here: what goes wrong arrives as [`FlowMessage::Ended`]. The capacity of
    /// `messages` is the shell's to choose; a full one parks the flow.
    ///
    /// With a `past`, it goes through that first and is live at its end: a version that was put to sleep, or one that
    /// steps in for another. Where it does something else, it ends as `Diverged`.
    pub fn start_flow(&self, version: Version, start: FlowStart, messages: mpsc::Sender<FlowMessage>) -> FlowHandle {
        flow::spawn(&self.0.places(), self.0.flow_program(version), start, messages)
    }

    /// Lets a version go through a contact's past beside whatever runs for it, on threads of low priority and with a
    /// bound on its CPU time: [`FlowMessage::Rehearsed`] tells where it stopped or how it failed. It has no way to
    /// anything but its past until [`FlowHandle::take_over`].
    pub fn rehearse(&self, version: Version, start: FlowStart, messages: mpsc::Sender<FlowMessage>) -> FlowHandle {
        flow::spawn_rehearsal(&self.0.places(), self.0.flow_program(version), start, Mode::Rehearsal, messages)
    }

    /// The same for a past that ended in a failure: if the version fails again, what is told has a core dump of it, in
    /// the form of the tool conventions. It is as long as the guest's memory, without its zeros.
    pub fn rehearse_for_dump(
        &self,
        version: Version,
        start: FlowStart,
        messages: mpsc::Sender<FlowMessage>,
    ) -> FlowHandle {
        flow::spawn_rehearsal(&self.0.places(), self.0.flow_program(version), start, Mode::Dump, messages)
    }

    /// A stack with the lines of the program's text, as far as the component carries them. One component at a time, where
    /// it is compiled: in a child process it has ten seconds.
    ///
    /// # Errors
    /// The compiler's faults; the stack is what it was then.
    pub async fn with_lines(
        &self,
        component: Arc<[u8]>,
        mut stack: Vec<StackFrame>,
    ) -> Result<Vec<StackFrame>, LoadError> {
        let places: Vec<u64> = stack.iter().filter_map(|frame| frame.offset).collect();
        let Ok(turn) = Arc::clone(&self.0.lines_turn).acquire_owned().await else { return Err(LoadError::Lost) };
        let found = self.0.workshop.lines(component, places, turn).await?;
        let placed = stack.iter_mut().filter(|frame| frame.offset.is_some());
        placed.zip(found).for_each(|(frame, lines)| frame.lines = lines);
        Ok(stack)
    }

    /// How many flow instances there are, of [`Capacity::flow_instances`](crate::Capacity).
    pub fn flow_instances(&self) -> u32 {
        let free = u32::try_from(self.0.flow_slots.available_permits()).unwrap_or(u32::MAX);
        self.0.capacity.flow_instances.saturating_sub(free)
    }

    /// Linear memory of all flow instances together, in bytes.
    pub fn flow_memory(&self) -> u64 {
        self.0.flow_memory.load(Relaxed)
    }
}

impl Inner {
    fn versions(&self) -> MutexGuard<'_, Versions> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, version: Version) -> Option<Arc<Loaded>> {
        self.versions().loaded.get(&version).cloned()
    }

    /// The version, and what is still in use of it though it was unloaded.
    fn all_of(&self, version: Version) -> Vec<Arc<Loaded>> {
        let versions = self.versions();
        let draining = versions.draining.iter().filter_map(Weak::upgrade).filter(|old| old.info.version == version);
        versions.loaded.get(&version).cloned().into_iter().chain(draining).collect()
    }

    fn runtime(&self) -> &Handle {
        self.runtime.handle()
    }

    fn places(&self) -> Places {
        Places {
            guests: self.runtime().clone(),
            slow: self.slow.handle().clone(),
            rehearsals: self.rehearsals.handle().clone(),
            flow_slots: Arc::clone(&self.flow_slots),
            rehearsal_slots: Arc::clone(&self.rehearsal_slots),
        }
    }

    /// A flow's program, and what keeps its version in memory.
    fn flow_program(&self, version: Version) -> flow::Startable {
        let loaded = self.get(version).ok_or_else(|| format!("version {} isn't loaded", version.short()))?;
        let program = match &loaded.program {
            Kind::Flow(program) => Arc::clone(program),
            Kind::Scorer(_) | Kind::Crm(_) | Kind::Dialer(_) | Kind::Inspector(_) => {
                return Err(format!("version {} is no flow", version.short()));
            }
        };
        Ok((program, Box::new(InUse::new(loaded))))
    }
}
