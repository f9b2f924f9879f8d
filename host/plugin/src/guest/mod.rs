//! What every guest's store holds, whatever its world: its WASI, its limits, its clock, its log.

mod clock;
mod crowd;
mod limiter;
mod linker;
mod log;
mod meter;
mod random;

pub(crate) use clock::VirtualClock;
pub(crate) use crowd::{Crowd, SlowLane};
pub(crate) use limiter::Limiter;
pub(crate) use linker::{Clocks, linker};
pub use log::PluginLine;
pub(crate) use log::{Bucket, GuestLog, LogSink, MAX_UNHEARD, shortened};
pub(crate) use meter::{CpuSpent, Meter, StepDeadline, metered};
pub(crate) use random::SeededRandom;

use crate::config::Limits;
use cordboard_core::note::LogLevel;
use random::MAX_DRAW_BYTES;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// The state of one store. `R` is what its world adds.
pub(crate) struct Guest<R> {
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
    limiter: Limiter,
    pub(crate) clock: VirtualClock,
    pub(crate) random: SeededRandom,
    pub(crate) log: GuestLog,
    pub(crate) meter: Arc<Meter>,
    pub(crate) config: Arc<[(String, String)]>,
    pub(crate) role: R,
}

/// What a new store is made of.
pub(crate) struct Birth<R> {
    pub(crate) limits: Limits,
    pub(crate) step_cpu_ms: u32,
    /// CPU time in all; none for a guest that is kept from one task to the next.
    pub(crate) max_cpu_ms: Option<u32>,
    pub(crate) clock: VirtualClock,
    pub(crate) random: SeededRandom,
    pub(crate) sink: LogSink,
    pub(crate) config: Arc<[(String, String)]>,
    pub(crate) role: R,
}

impl<R: Send + 'static> Guest<R> {
    /// A store with every limit set: memory, tables, handles, bytes a call, and CPU time a step.
    pub(crate) fn store(engine: &Engine, birth: Birth<R>) -> Store<Self> {
        let log = GuestLog::new(birth.sink, &birth.limits);
        let mut wasi = WasiCtx::builder();
        // No arguments, environment or files: that is the builder's default. A socket could go nowhere, but it would be
        // one of the process's files. What is printed is logged.
        wasi.allow_tcp(false).allow_udp(false).max_random_size(MAX_DRAW_BYTES);
        wasi.stdout(log.stream(LogLevel::Info)).stderr(log.stream(LogLevel::Warn));
        let mut table = ResourceTable::new();
        table.set_max_capacity(birth.limits.max_handles as usize);
        let meter = Arc::new(Meter::new(birth.step_cpu_ms, birth.max_cpu_ms));
        let guest = Guest {
            table,
            wasi: wasi.build(),
            limiter: Limiter::new(&birth.limits, meter.peak_memory()),
            clock: birth.clock,
            random: birth.random,
            log,
            meter: Arc::clone(&meter),
            config: birth.config,
            role: birth.role,
        };
        let mut store = Store::new(engine, guest);
        store.limiter(|guest| &mut guest.limiter);
        // The engine's default of 128 MiB would be an attack's best friend.
        store.set_hostcall_fuel(birth.limits.max_call_bytes as usize);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            // Time also runs while a guest is parked, so the tick only asks the meter, which counts CPU time.
            match meter.check()? {
                meter::Slice::Left => Ok(UpdateDeadline::Continue(1)),
                meter::Slice::Used => Ok(UpdateDeadline::Yield(1)),
            }
        });
        store
    }

    /// Counts its memory among that of others.
    pub(crate) fn count_memory_in(&mut self, total: Arc<AtomicU64>) {
        self.limiter.count_in(total);
    }

    /// Which limit the guest ran into, if any.
    pub(crate) fn limit_hit(&self) -> Option<&str> {
        self.limiter.hit()
    }
}

impl<R: Send + 'static> WasiView for Guest<R> {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
