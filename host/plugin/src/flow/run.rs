//! One run, from instantiation to its end.

use super::failing::{MAX_TEXT_BYTES, core_dump, ended, not_started, stack};
use super::gate::{Gate, Stop};
use super::port::Mode;
use super::{ContactHandle, FlowHandle, FlowMessage, FlowPort, FlowStart, Places};
use crate::bindings::flow::FlowPre;
use crate::config::Limits;
use crate::guest::{Birth, Crowd, Guest, LogSink, Meter, SeededRandom, VirtualClock, metered, shortened};
use crate::web::Fetcher;
use cordboard_core::board::Rehearsal;
use cordboard_core::flow::{Address, Channel, RunEnd};
use cordboard_core::ids::{ContactId, RunId};
use cordboard_core::note::{LogLevel, RunCost, StackFrame};
use cordboard_core::time::Timestamp;
use futures_util::FutureExt;
use std::fmt;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::AbortHandle;
use wasmtime::{Engine, Store};

/// How long a run waits for a place: a new contact is answered by the safe flow then; one that was put to sleep to make
/// room has more at stake.
const ROOM_FOR_NEW: Duration = Duration::from_millis(300);
const ROOM_FOR_OLD: Duration = Duration::from_secs(2);

/// What a flow version is made of, ready to be instantiated.
pub(crate) struct Program {
    pub(crate) engine: Engine,
    pub(crate) pre: FlowPre,
    /// Sends its requests to places outside; none: its contract has none.
    pub(crate) fetcher: Option<Fetcher>,
    pub(crate) limits: Limits,
    pub(crate) step_cpu_ms: u32,
    /// CPU time of a whole replay.
    pub(crate) replay_cpu_ms: u32,
    pub(crate) config: Arc<[(String, String)]>,
    /// Linear memory of all flows, in bytes.
    pub(crate) memory: Arc<AtomicU64>,
    /// Those of its runs whose step takes long.
    pub(crate) crowd: Arc<Crowd>,
}

/// An instance, and what it holds: its place, and its version in memory.
pub(crate) struct Instance {
    future: Pin<Box<dyn Future<Output = Option<Over>> + Send>>,
    place: Option<OwnedSemaphorePermit>,
    /// Live, it still waits for a place among the flows.
    waits: bool,
    seat: Seat,
    places: Places,
    crowd: Arc<Crowd>,
    _version: Box<dyn Send>,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").finish_non_exhaustive()
    }
}

/// How a run ended, what it used, and how far it got in its past.
struct Over {
    end: RunEnd,
    cost: RunCost,
    reached: (u64, u64),
    stack: Vec<StackFrame>,
    core_dump: Option<Vec<u8>>,
}

/// How a guest ended, and where if it failed.
#[derive(Default)]
struct Ending {
    /// None: nobody listens any more.
    end: Option<RunEnd>,
    stack: Vec<StackFrame>,
    core_dump: Option<Vec<u8>>,
}

impl From<RunEnd> for Ending {
    fn from(end: RunEnd) -> Self {
        Self { end: Some(end), ..Self::default() }
    }
}

impl Over {
    fn early(end: RunEnd) -> Self {
        Self { end, cost: RunCost::default(), reached: (0, 0), stack: Vec::new(), core_dump: None }
    }
}

/// A program that can be started, with what keeps it in memory; or why it can't.
pub(crate) type Startable = Result<(Arc<Program>, Box<dyn Send>), String>;

/// The handle must not keep the channel open: its end tells that a run is gone.
fn handle(places: &Places, start: &FlowStart, messages: mpsc::Sender<FlowMessage>) -> (FlowHandle, Seat) {
    let (contact, run, gate) = (start.contact, start.run, Arc::default());
    let handle = FlowHandle { contact, run, gate: Arc::clone(&gate), places: places.clone() };
    (handle, Seat { contact, run, gate, messages })
}

/// Starts a run, which first goes through its past.
pub(crate) fn spawn(
    places: &Places,
    program: Startable,
    start: FlowStart,
    messages: mpsc::Sender<FlowMessage>,
) -> FlowHandle {
    let (handle, seat) = handle(places, &start, messages);
    let (places, slots) = (places.clone(), Arc::clone(&places.flow_slots));
    let patience = if start.past.is_empty() { ROOM_FOR_NEW } else { ROOM_FOR_OLD };
    let task = places.guests.clone().spawn(async move {
        let (program, version) = match program {
            Ok(found) => found,
            Err(text) => return seat.ended(Over::early(RunEnd::NotStarted(text))).await,
        };
        let Ok(Ok(place)) = tokio::time::timeout(patience, slots.acquire_owned()).await else {
            return seat.ended(Over::early(RunEnd::NoRoom("as many flows run as there may be".into()))).await;
        };
        let crowd = Arc::clone(&program.crowd);
        let future = future(program, start, Mode::Live, &seat);
        drive(Instance { future, place: Some(place), waits: false, seat, places, crowd, _version: version }).await;
    });
    handle.gate.driven_by(task.abort_handle());
    handle
}

/// Starts a rehearsal, on threads of low priority.
pub(crate) fn spawn_rehearsal(
    places: &Places,
    program: Startable,
    start: FlowStart,
    mode: Mode,
    messages: mpsc::Sender<FlowMessage>,
) -> FlowHandle {
    let (handle, seat) = handle(places, &start, messages);
    let (places, slots) = (places.clone(), Arc::clone(&places.rehearsal_slots));
    let task = places.rehearsals.clone().spawn(async move {
        let (program, version) = match program {
            Ok(found) => found,
            Err(text) => return seat.rehearsed_in_vain(Over::early(RunEnd::NotStarted(text))).await,
        };
        let Ok(place) = slots.acquire_owned().await else { return };
        let crowd = Arc::clone(&program.crowd);
        let future = future(program, start, mode, &seat);
        drive_rehearsal(Instance { future, place: Some(place), waits: false, seat, places, crowd, _version: version })
            .await;
    });
    handle.gate.driven_by(task.abort_handle());
    handle
}

/// A rehearsal that agreed is driven on as a rehearsal.
pub(super) fn rehearse(places: &Places, instance: Instance) -> AbortHandle {
    places.rehearsals.spawn(drive_rehearsal(instance)).abort_handle()
}

/// A rehearsal that agreed is driven as a live run. It keeps its place among the rehearsals until there is one among
/// the flows: the instance before it may not be gone yet.
pub(super) fn go_live(places: &Places, mut instance: Instance) -> AbortHandle {
    instance.waits = true;
    let slots = Arc::clone(&places.flow_slots);
    let task = places.guests.spawn(async move {
        let gate = Arc::clone(&instance.seat.gate);
        let mut place = Box::pin(slots.acquire_owned());
        let over = poll_fn(|context| {
            if let Poll::Ready(over) = instance.future.as_mut().poll(context) {
                return Poll::Ready(Some(over));
            }
            if gate.meter().is_some_and(|meter| meter.takes_long()) {
                return Poll::Ready(None);
            }
            place.as_mut().poll(context).map(|place| {
                instance.place = place.ok();
                instance.waits = false;
                None
            })
        });
        match over.await {
            Some(over) => instance.gone().over(over).await,
            None if instance.waits => slow_down(instance),
            None => drive(instance).await,
        }
    });
    task.abort_handle()
}

/// Whom a run's messages are from, and where they go.
#[derive(Clone)]
struct Seat {
    contact: ContactId,
    run: RunId,
    gate: Arc<Gate>,
    messages: mpsc::Sender<FlowMessage>,
}

impl Instance {
    /// The instance is gone, and with it its claim on a place, before anyone hears of its end.
    fn gone(self) -> Seat {
        self.seat
    }
}

impl Seat {
    async fn send(&self, message: FlowMessage) {
        if let Ok(permit) = self.messages.reserve().await {
            self.gate.unless_cancelled(|| permit.send(message));
        }
    }

    async fn over(&self, over: Option<Over>) {
        if let Some(over) = over {
            self.ended(over).await;
        }
    }

    async fn ended(&self, over: Over) {
        let (contact, run) = (self.contact, self.run);
        let Over { end, cost, stack, .. } = over;
        self.send(FlowMessage::Ended { contact, run, end, cost, stack }).await;
    }

    async fn rehearsed_in_vain(&self, over: Over) {
        let result = match over.end {
            RunEnd::Diverged(what) => Rehearsal::Diverged(what),
            end => Rehearsal::Failed(end),
        };
        self.rehearsed(result, over.reached, over.core_dump).await;
    }

    async fn rehearsed(&self, result: Rehearsal, reached: (u64, u64), core_dump: Option<Vec<u8>>) {
        let (contact, run) = (self.contact, self.run);
        let seen = Box::new(self.gate.watch().take());
        self.send(FlowMessage::Rehearsed { contact, run, result, reached, core_dump, seen }).await;
    }
}

/// Drives a live instance to its end, as long as its steps are short: one that takes long goes on elsewhere.
async fn drive(mut instance: Instance) {
    let gate = Arc::clone(&instance.seat.gate);
    let is = |state: fn(&Meter) -> bool| gate.meter().is_some_and(|meter| state(meter));
    // Whoever is parked has to be polled once to hear of its answer.
    let mut heard = false;
    let over = poll_fn(|context| {
        if heard && is(Meter::expected_long) {
            return Poll::Ready(None);
        }
        match instance.future.as_mut().poll(context) {
            Poll::Ready(over) => Poll::Ready(Some(over)),
            Poll::Pending => {
                heard = is(Meter::resting);
                if !heard && is(Meter::takes_long) { Poll::Ready(None) } else { Poll::Pending }
            }
        }
    });
    match over.await {
        Some(over) => instance.gone().over(over).await,
        None => slow_down(instance),
    }
}

fn slow_down(instance: Instance) {
    let gate = Arc::clone(&instance.seat.gate);
    gate.hand_over(instance, |instance| {
        let slow = instance.places.slow.clone();
        slow.spawn(drive_slowly(instance)).abort_handle()
    });
}

/// Drives a live instance to the end of a step that takes long; then it goes on among the others. Boxed, since each of
/// the two starts the other.
fn drive_slowly(mut instance: Instance) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let gate = Arc::clone(&instance.seat.gate);
        let Ok(turn) = Arc::clone(&instance.crowd.turns).acquire_owned().await else { return };
        let over = poll_fn(|context| match instance.future.as_mut().poll(context) {
            Poll::Ready(over) => Poll::Ready(Some(over)),
            Poll::Pending if gate.meter().is_some_and(|meter| meter.resting()) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        let Some(over) = over.await else {
            // It may have been woken for something else than its answer, and counts no more among those that take long.
            if let Some(meter) = gate.meter() {
                meter.rests();
            }
            return gate.hand_over(instance, |instance| {
                let places = instance.places.clone();
                if instance.waits {
                    go_live(&places, instance)
                } else {
                    places.guests.spawn(drive(instance)).abort_handle()
                }
            });
        };
        // Giving its memory back is part of its turn.
        let seat = instance.gone();
        drop(turn);
        seat.over(over).await;
    })
}

/// Drives a rehearsal to where it stops, and leaves it there.
async fn drive_rehearsal(mut instance: Instance) {
    let seat = instance.seat.clone();
    let stopped = poll_fn(|context| match instance.future.as_mut().poll(context) {
        Poll::Ready(over) => Poll::Ready(Err(over)),
        Poll::Pending => seat.gate.stopped().map_or(Poll::Pending, |stop| Poll::Ready(Ok(stop))),
    });
    match stopped.await {
        Ok(Stop { entry, request, substituted }) => {
            if seat.gate.park(instance) {
                let agreed = Rehearsal::Agreed { entry, request };
                seat.rehearsed(agreed, (entry, substituted), None).await;
            }
        }
        Err(over) => {
            drop(instance.gone());
            if let Some(over) = over {
                seat.rehearsed_in_vain(over).await;
            }
        }
    }
}

fn sink(start: &FlowStart, gate: &Arc<Gate>, messages: &mpsc::Sender<FlowMessage>) -> LogSink {
    let (contact, run) = (start.contact, start.run);
    let (gate, messages) = (Arc::clone(gate), messages.clone());
    LogSink::Contact(Arc::new(move |level: LogLevel, text: String| {
        if !gate.live() {
            // Journal rule 2: it was logged when it happened. Who watches a rehearsal wants to know all the same.
            gate.watch().logged(level, text);
            return true;
        }
        let mut sent = false;
        gate.unless_cancelled(|| {
            sent = messages.try_send(FlowMessage::Log { contact, run, level, text }).is_ok();
        });
        sent
    }))
}

/// The whole run as one future, whoever polls it. None: nobody listens any more.
fn future(
    program: Arc<Program>,
    start: FlowStart,
    mode: Mode,
    seat: &Seat,
) -> Pin<Box<dyn Future<Output = Option<Over>> + Send>> {
    let Seat { contact, run, gate, messages } = seat.clone();
    Box::pin(async move {
        let ran = AssertUnwindSafe(Box::pin(perform(&program, start, mode, &gate, &messages))).catch_unwind().await;
        ran.unwrap_or_else(|_| {
            tracing::error!(%contact, %run, "the host side of a flow panicked");
            Some(Over::early(RunEnd::Trap("fault of the host".into())))
        })
    })
}

/// Runs the guest to its end. None: nobody listens any more.
async fn perform(
    program: &Program,
    start: FlowStart,
    mode: Mode,
    gate: &Arc<Gate>,
    messages: &mpsc::Sender<FlowMessage>,
) -> Option<Over> {
    let clock = VirtualClock::at(start.at);
    let random = SeededRandom::new(start.seed, 0);
    let sink = sink(&start, gate, messages);
    let role = FlowPort::new(start, mode, Arc::clone(gate), messages.clone(), &program.limits);
    let mut store = program.store(clock, random, sink, role);
    let meter: Arc<Meter> = Arc::clone(&store.data().meter);
    if !gate.live() {
        meter.replays(program.replay_cpu_ms);
    }
    if mode != Mode::Live {
        meter.rehearses();
    }
    gate.metered_by(Arc::clone(&meter));
    let ending = metered(Arc::clone(&meter), run(program, &mut store, mode)).await;
    // The handle may keep the meter: it takes nobody's time any more.
    meter.rests();
    store.data().log.finish();
    let (cost, reached) = (meter.cost(), store.data().role.reached());
    let Ending { end, stack, core_dump } = ending;
    if gate.live() && matches!(end, Some(RunEnd::Trap(_) | RunEnd::Deadline | RunEnd::Limit(_))) {
        program.crowd.failed();
    }
    end.map(|end| Over { end, cost, reached, stack, core_dump })
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
            past: [].into(),
            ask_anew: false,
        };
        let (messages, _) = mpsc::channel(1);
        let role = FlowPort::new(start, Mode::Live, Arc::default(), messages, &self.limits);
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
        let (limits, step_cpu_ms, max_cpu_ms) = (self.limits, self.step_cpu_ms, Some(self.limits.max_cpu_ms));
        let birth = Birth { limits, step_cpu_ms, max_cpu_ms, clock, random, sink, config, role };
        let mut store = Guest::store(&self.engine, birth);
        store.data_mut().count_memory_in(Arc::clone(&self.memory));
        store.data().meter.joins(Arc::clone(&self.crowd));
        store
    }
}

async fn run(program: &Program, store: &mut Store<Guest<FlowPort>>, mode: Mode) -> Ending {
    let instance = match program.pre.instantiate(&mut *store).await {
        Ok(instance) => instance,
        Err(error) => return Ending { end: not_started(store, &error), stack: stack(&error), core_dump: None },
    };
    let contact = match store.data_mut().table.push(ContactHandle) {
        Ok(contact) => contact,
        Err(error) => return RunEnd::NotStarted(error.to_string()).into(),
    };
    let returned = instance.run(&mut *store, contact).await;
    if returned.is_ok()
        && let Some(early) = store.data().role.ended("the flow returns")
    {
        return RunEnd::Diverged(early).into();
    }
    match returned {
        Ok(Ok(end)) => RunEnd::Returned(end).into(),
        Ok(Err(text)) => RunEnd::GuestError(shortened(&text, MAX_TEXT_BYTES)).into(),
        Err(error) => Ending {
            end: ended(store, &error),
            stack: stack(&error),
            core_dump: if mode == Mode::Dump { core_dump(store, &error) } else { None },
        },
    }
}
