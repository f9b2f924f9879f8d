//! One run, from instantiation to its end.

use super::{ContactHandle, FlowHandle, FlowMessage, FlowPort, FlowStart, Gate, RunCost};
use crate::bindings::flow_0_1_0::{FlowPre, flow_end};
use crate::config::Limits;
use crate::guest::{Birth, Guest, HOSTCALL_BYTES, LogLevel, LogSink, Meter, SeededRandom, StepDeadline, VirtualClock};
use crate::guest::{metered, shortened};
use cordboard_core::flow::{Address, Channel, RunEnd};
use cordboard_core::ids::{ContactId, RunId};
use cordboard_core::time::Timestamp;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use wasmtime::{Engine, Store};

/// Text of a trap or an error that is passed on, in bytes.
const MAX_TEXT_BYTES: usize = 8192;

/// What a flow version is made of, ready to be instantiated.
pub(crate) struct Program {
    pub(crate) engine: Engine,
    pub(crate) pre: FlowPre<Guest<FlowPort>>,
    pub(crate) limits: Limits,
    pub(crate) step_cpu_ms: u32,
    pub(crate) config: Arc<[(String, String)]>,
}

/// Starts a run. `program` is an error if it can't be started at all; `hold` is dropped when the run is over.
pub(crate) fn spawn<H: Send + 'static>(
    runtime: &Handle,
    program: Result<Arc<Program>, String>,
    start: FlowStart,
    messages: mpsc::Sender<FlowMessage>,
    hold: H,
) -> FlowHandle {
    let gate = Arc::new(Gate::default());
    let (contact, run) = (start.contact, start.run);
    let inner = Arc::clone(&gate);
    let task = runtime.spawn(async move {
        let ran = match program {
            Ok(program) => AssertUnwindSafe(Box::pin(perform(&program, start, &inner, &messages))).catch_unwind().await,
            Err(text) => Ok(Some((RunEnd::NotStarted(text), RunCost::default()))),
        };
        // The instance is gone: so is its claim on a place, before anyone hears of the end.
        drop(hold);
        let ran = ran.unwrap_or_else(|_| {
            tracing::error!(%contact, %run, "the host side of a flow panicked");
            Some((RunEnd::Trap("fault of the host".into()), RunCost::default()))
        });
        let Some((end, cost)) = ran else { return };
        if let Ok(permit) = messages.reserve().await {
            inner.unless_cancelled(|| permit.send(FlowMessage::Ended { contact, run, end, cost }));
        }
    });
    FlowHandle { contact, run, gate, task: task.abort_handle() }
}

fn sink(start: &FlowStart, gate: &Arc<Gate>, messages: &mpsc::Sender<FlowMessage>) -> LogSink {
    let (contact, run) = (start.contact, start.run);
    let (gate, messages) = (Arc::clone(gate), messages.clone());
    LogSink::Contact(Arc::new(move |level: LogLevel, text: String| {
        let mut sent = false;
        gate.unless_cancelled(|| {
            sent = messages.try_send(FlowMessage::Log { contact, run, level, text }).is_ok();
        });
        sent
    }))
}

/// Runs the guest to its end. None: nobody listens any more.
async fn perform(
    program: &Program,
    start: FlowStart,
    gate: &Arc<Gate>,
    messages: &mpsc::Sender<FlowMessage>,
) -> Option<(RunEnd, RunCost)> {
    let clock = VirtualClock::at(start.at);
    let random = SeededRandom::new(start.seed, start.first_entry);
    let sink = sink(&start, gate, messages);
    let role = FlowPort::new(start, Arc::clone(gate), messages.clone(), &program.limits);
    let mut store = program.store(clock, random, sink, role);
    let meter: Arc<Meter> = Arc::clone(&store.data().meter);
    let end = metered(Arc::clone(&meter), run(program, &mut store)).await;
    store.data().log.finish();
    let cost =
        RunCost { cpu_us: meter.cpu_us(), steps: meter.steps(), peak_memory_bytes: store.data().peak_memory_bytes() };
    end.map(|end| (end, cost))
}

impl Program {
    /// A store for a trial instance, whose calls nobody hears.
    pub(crate) fn trial_store(&self) -> Store<Guest<FlowPort>> {
        let start = FlowStart {
            contact: ContactId(0),
            run: RunId(0),
            channel: Channel::Voice,
            origin: Address::default(),
            dialled: Address::default(),
            seed: 0,
            at: Timestamp::default(),
            first_entry: 0,
        };
        let (messages, _) = mpsc::channel(1);
        let role = FlowPort::new(start, Arc::default(), messages, &self.limits);
        let sink = LogSink::Contact(Arc::new(|_, _| true));
        self.store(VirtualClock::default(), SeededRandom::new(0, 0), sink, role)
    }

    fn store(
        &self,
        clock: VirtualClock,
        random: SeededRandom,
        sink: LogSink,
        role: FlowPort,
    ) -> Store<Guest<FlowPort>> {
        let config = Arc::clone(&self.config);
        let (limits, step_cpu_ms) = (self.limits, self.step_cpu_ms);
        Guest::store(&self.engine, Birth { limits, step_cpu_ms, clock, random, sink, config, role })
    }
}

async fn run(program: &Program, store: &mut Store<Guest<FlowPort>>) -> Option<RunEnd> {
    let instance = match program.pre.instantiate_async(&mut *store).await {
        Ok(instance) => instance,
        Err(error) => return not_started(store, &error),
    };
    let contact = match store.data_mut().table.push(ContactHandle) {
        Ok(contact) => contact,
        Err(error) => return Some(RunEnd::NotStarted(error.to_string())),
    };
    match instance.cordboard_flow_guest().call_run(&mut *store, contact).await {
        Ok(Ok(reason)) => Some(RunEnd::Returned(flow_end(reason))),
        Ok(Err(text)) => Some(RunEnd::GuestError(shortened(&text, MAX_TEXT_BYTES))),
        Err(error) => ended(store, &error),
    }
}

/// What instantiation failed at: there was no room, or the guest's own start code failed.
fn not_started(store: &Store<Guest<FlowPort>>, error: &wasmtime::Error) -> Option<RunEnd> {
    if no_room(error) {
        return Some(RunEnd::NotStarted(format!("no room for another instance: {error:#}")));
    }
    if store.data().limit_hit().is_some() || error.is::<StepDeadline>() || error.is::<wasmtime::Trap>() {
        return ended(store, error);
    }
    Some(RunEnd::NotStarted(shortened(&format!("{error:?}"), MAX_TEXT_BYTES)))
}

/// Whether the pool was exhausted.
pub(crate) fn no_room(error: &wasmtime::Error) -> bool {
    error.is::<wasmtime::PoolConcurrencyLimitError>()
}

/// How a guest that failed ended. A limit is what it is called if one was hit: the trap that follows is its echo.
fn ended(store: &Store<Guest<FlowPort>>, error: &wasmtime::Error) -> Option<RunEnd> {
    if error.is::<super::port::Unheard>() {
        return None;
    }
    Some(failure(store.data().limit_hit(), error))
}

/// The same for any world.
pub(crate) fn failure(limit_hit: Option<&str>, error: &wasmtime::Error) -> RunEnd {
    if error.is::<StepDeadline>() {
        return RunEnd::Deadline;
    }
    if let Some(limit) = limit_hit {
        return RunEnd::Limit(limit.to_owned());
    }
    if matches!(error.downcast_ref(), Some(wasmtime::component::ResourceTableError::Full)) {
        return RunEnd::Limit(format!("handles: {error:#}"));
    }
    // The engine keeps this error's type to itself; its version is pinned, and a test holds on to the text.
    if error.root_cause().to_string().contains("fuel allocated for hostcalls") {
        return RunEnd::Limit(format!("bytes handed over in one host call: more than {HOSTCALL_BYTES}"));
    }
    RunEnd::Trap(shortened(&format!("{error:?}"), MAX_TEXT_BYTES))
}
