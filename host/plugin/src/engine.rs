//! The engine: how guests are compiled, where their memory comes from, and the tick that interrupts them.

use crate::config::PluginConfig;
use crate::error::HostError;
use cordboard_core::limits::Limit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::runtime::Runtime;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

/// Bounds of one component; the largest guests seen (Python with native modules) have 35 core instances and 20 tables.
/// Plain Python has 14 and 2, Rust 3 and 2.
pub(crate) const MAX_CORE_INSTANCES: u32 = Limit::MaxCoreInstances.rule().max;
pub(crate) const MAX_TABLES: u32 = Limit::MaxTables.rule().max;
pub(crate) const MAX_MEMORIES: u32 = 4;
/// Elements of one table, in the pool.
pub(crate) const MAX_TABLE_ELEMENTS: u32 = Limit::MaxTableElements.rule().max;

/// Tables that each instance finds in the pool, if all are taken: as many as the largest guests seen have. One that
/// nobody uses is address space and nothing else.
const TABLES_PER_INSTANCE: u32 = 20;

/// Instances of scorers, crm plugins and trials that have their own room beside the flows'.
const RESERVED_INSTANCES: u32 = 144;
/// Rehearsals at once, of those.
pub(crate) const REHEARSALS: usize = 32;
/// The most rehearsals at once that nobody waits for in a call, of those.
const MAX_UNHURRIED: usize = 16;
/// Memory mappings that an instance takes, measured with parked flows in Rust and Python (4, and 2 for its stack), with
/// some reserve for guests of more memories; and what the process needs besides.
const MAPPINGS_PER_INSTANCE: u64 = 12;
const OTHER_MAPPINGS: u64 = 4000;
/// The kernel's default, where it can't be read.
const DEFAULT_MAX_MAP_COUNT: u64 = 65_530;
/// Address space for 32-bit memories is reserved in full, so that the pool can't be larger than this.
const MAX_INSTANCES: u32 = 8000;

const MAX_WASM_STACK_BYTES: usize = 512 << 10;
const ASYNC_STACK_BYTES: usize = 1 << 20;
/// The tick of the epoch.
const TICK: Duration = Duration::from_millis(1);

/// How many flows there is room for, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Flow instances at once.
    pub flow_instances: u32,
    /// What the settings ask for.
    pub asked_for: u32,
    /// What the kernel's `vm.max_map_count` has room for, and its value.
    pub allowed_by_map_count: u32,
    /// `vm.max_map_count`.
    pub max_map_count: u64,
}

/// How many instances fit under `vm.max_map_count`: several mappings go to each, parked or not.
fn capacity(asked_for: u32, max_map_count: u64) -> Capacity {
    let room = max_map_count.saturating_sub(OTHER_MAPPINGS) / MAPPINGS_PER_INSTANCE;
    let allowed = u32::try_from(room).unwrap_or(u32::MAX).saturating_sub(RESERVED_INSTANCES).max(1);
    Capacity { flow_instances: asked_for.min(allowed), asked_for, allowed_by_map_count: allowed, max_map_count }
}

fn max_map_count() -> u64 {
    let text = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
    text.trim().parse().unwrap_or(DEFAULT_MAX_MAP_COUNT)
}

/// The engine, and how many flows it has room for. Where `vm.max_map_count` allows fewer than asked for, it warns and
/// takes fewer: a mapping refused in the middle of a call would be worse.
pub(crate) fn engine(settings: &PluginConfig) -> Result<(Engine, Capacity), HostError> {
    check(settings)?;
    let capacity = capacity(settings.max_flow_instances, max_map_count());
    if capacity.flow_instances < capacity.asked_for {
        tracing::warn!(
            asked_for = capacity.asked_for,
            room_for = capacity.flow_instances,
            max_map_count = capacity.max_map_count,
            "vm.max_map_count has no room for so many flows; raise it with sysctl"
        );
    }
    let mut config = compile_settings();
    config
        .async_stack_size(ASYNC_STACK_BYTES)
        // A flow that sleeps gives its stack back as well.
        .async_stack_zeroing(true)
        // Notes what there is; nothing is copied before a dump is asked for.
        .coredump_on_trap(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(settings, capacity)));
    let engine = Engine::new(&config).map_err(|error| HostError::Engine(format!("{error:#}")))?;
    Ok((engine, capacity))
}

/// What shapes the code, the same in the host and in its compiler. A setting that an operator could change would have
/// to go to the compiler with each order.
pub(crate) fn compile_settings() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        // Names only: what a guest says of its lines is hostile, and reading it isn't bounded. See `compile::lines`.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .max_wasm_stack(MAX_WASM_STACK_BYTES);
    config
}

fn check(settings: &PluginConfig) -> Result<(), HostError> {
    let wrong = |setting, problem: &str| Err(HostError::Setting { setting, problem: problem.into() });
    if settings.guest_threads == 0 || settings.guest_threads > 256 {
        return wrong("guest_threads", "not within 1 to 256");
    }
    if settings.max_flow_instances == 0 || settings.max_flow_instances > MAX_INSTANCES {
        return wrong("max_flow_instances", "not within 1 to 8000");
    }
    if !(1 << 20..=1 << 30).contains(&settings.max_memory_bytes) {
        return wrong("max_memory_bytes", "not within 1 MiB to 1 GiB");
    }
    if settings.step_cpu_ms == 0
        || settings.replay_cpu_ms == 0
        || settings.scorer_deadline_ms == 0
        || settings.crm_pool == 0
    {
        return wrong("step_cpu_ms, replay_cpu_ms, scorer_deadline_ms, crm_pool", "none of them may be 0");
    }
    if !(1..=3_600_000).contains(&settings.compile_timeout_ms) {
        return wrong("compile_timeout_ms", "not within 1 ms to an hour");
    }
    if settings.compile_memory_bytes < 256 << 20 {
        return wrong("compile_memory_bytes", "less than 256 MiB");
    }
    Ok(())
}

fn pool(settings: &PluginConfig, capacity: Capacity) -> PoolingAllocationConfig {
    let instances = capacity.flow_instances + RESERVED_INSTANCES;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        // No more than a count: memories and tables are what a guest with many of them takes.
        .total_core_instances(instances * MAX_CORE_INSTANCES)
        .total_memories(instances + instances / 4)
        .total_tables(instances * TABLES_PER_INSTANCE)
        .total_stacks(instances)
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_tables_per_component(MAX_TABLES)
        .max_memories_per_component(MAX_MEMORIES)
        .table_elements(MAX_TABLE_ELEMENTS as usize)
        .max_memory_size(usize::try_from(settings.max_memory_bytes).unwrap_or(usize::MAX))
        // What an instance leaves is given back to the system, all of it: a flow that sleeps costs nothing. (Keeping the
        // pages that were written to, by a scan of the page map, overlooks those that were swapped out, and the next
        // instance would find them.)
        .linear_memory_keep_resident(0)
        .table_keep_resident(0)
        .max_unused_warm_slots(64);
    pool
}

/// Advances the epoch each millisecond, on a thread of its own so that no busy executor can hold it up.
#[derive(Debug)]
pub(crate) struct Ticker {
    stop: Arc<AtomicBool>,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> Result<Self, HostError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, engine) = (Arc::clone(&stop), engine.weak());
        std::thread::Builder::new()
            .name("epoch".into())
            .spawn(move || {
                while !stopped.load(Relaxed) {
                    std::thread::sleep(TICK);
                    match engine.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => return,
                    }
                }
            })
            .map_err(HostError::Thread)?;
        Ok(Self { stop })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

/// Niced threads for rehearsals: they must not be felt by anyone who talks.
pub(crate) fn rehearsal_threads() -> Result<Runtime, HostError> {
    low_threads("rehearsal", (processors() / 4).max(1), 10)
}

/// Niced threads for steps that take long: on every processor, since whoever loops must be found out soon, and never
/// before those who don't.
pub(crate) fn slow_threads() -> Result<Runtime, HostError> {
    low_threads("slow-guest", processors(), 10)
}

/// Rehearsals at once that nobody waits for in a call: one for each processor.
pub(crate) fn unhurried() -> usize {
    processors().min(MAX_UNHURRIED)
}

/// Niced threads for rehearsals that nobody waits for in a call, such as those of a back-test: whatever else wants the
/// processor gets it first, other rehearsals included.
pub(crate) fn unhurried_threads() -> Result<Runtime, HostError> {
    low_threads("unhurried", unhurried(), 19)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

fn low_threads(name: &'static str, threads: usize, nice: i32) -> Result<Runtime, HostError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(name)
        .on_thread_start(move || {
            if let Err(error) = rustix::process::nice(nice) {
                tracing::warn!(%error, name, "a thread could not lower its priority");
            }
        })
        .enable_time()
        .build()
        .map_err(HostError::Thread)
}

/// Niced threads that verify components, and compile where no child process does: half the processors, so that an
/// upload never takes the machine from calls.
pub(crate) fn compile_threads() -> Result<rayon::ThreadPool, HostError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads((processors() / 2).max(1))
        .thread_name(|number| format!("compile-{number}"))
        // Without it, a panic of the compiler would end the process. Who waits for the component hears of it.
        .panic_handler(|_| tracing::error!("a compile task panicked"))
        .start_handler(|_| {
            if let Err(error) = rustix::process::nice(10) {
                tracing::warn!(%error, "a compile thread could not lower its priority");
            }
        })
        .build()
        .map_err(|error| HostError::CompileThreads(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_count_bounds_the_flows() {
        let usual = capacity(1000, 65_530);
        assert_eq!(usual.flow_instances, 1000);
        assert!((4000..6000).contains(&usual.allowed_by_map_count), "{usual:?}");
        assert_eq!(capacity(8000, 65_530).flow_instances, usual.allowed_by_map_count);
        assert_eq!(capacity(8000, 1_000_000).flow_instances, 8000);
        assert_eq!(capacity(8000, 0).flow_instances, 1, "never none at all");
    }

    #[test]
    fn a_panic_while_compiling_ends_neither_the_process_nor_the_thread() {
        let threads = compile_threads().unwrap();
        let (held, lost) = tokio::sync::oneshot::channel::<()>();
        threads.spawn(move || {
            let _held = held;
            panic!("a fault of the compiler");
        });
        assert!(lost.blocking_recv().is_err(), "who waits hears of it");
        assert_eq!(threads.install(|| 7), 7);
    }

    #[test]
    fn settings_out_of_bounds_are_named() {
        let with = |change: fn(&mut PluginConfig)| {
            let mut settings = PluginConfig::default();
            change(&mut settings);
            check(&settings).is_err()
        };
        assert!(with(|settings| settings.guest_threads = 0));
        assert!(with(|settings| settings.max_flow_instances = 0));
        assert!(with(|settings| settings.max_memory_bytes = 1));
        assert!(with(|settings| settings.crm_pool = 0));
        assert!(with(|settings| settings.compile_timeout_ms = 0));
        assert!(with(|settings| settings.compile_memory_bytes = 1));
        assert!(!with(|_| ()));
    }
}
