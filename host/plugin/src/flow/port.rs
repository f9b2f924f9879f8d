//! The way of a host call out of a flow and back.

use super::gate::{Answered, Gate, Stop, Wake};
use super::{FlowMessage, FlowStart};
use crate::guest::{Bucket, Guest};
use cordboard_core::flow::{Address, Channel, ContactError, Reply, Request};
use cordboard_core::ids::ContactId;
use cordboard_core::replay::{Divergence, Past, Step};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Calls at once before the rate counts.
const BURST_CALLS: u32 = 200;

/// The host side of a flow's `contact`.
#[derive(Debug)]
#[allow(unreachable_pub, reason = "generated code re-exports it")]
pub struct ContactHandle;

/// The host side of a flow's `waiting`.
#[derive(Debug)]
#[allow(unreachable_pub, reason = "generated code re-exports it")]
pub struct WaitingHandle {
    /// The journal entry that made the place (journal rule 3).
    pub(crate) entry: u64,
}

/// The run was cancelled, or nobody listens to it any more: it ends without a word.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("nobody listens to this run")]
pub(crate) struct Unheard;

/// In a replay, the guest did something else than its journal says.
#[derive(Debug, thiserror::Error)]
#[error("the journal says otherwise: {0}")]
pub(crate) struct Parted(pub(crate) Divergence);

/// How a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It goes on live when its past is over.
    Live,
    /// It stops there.
    Rehearsal,
    /// The same, and it leaves a core dump should it fail.
    Dump,
    /// It stops there, and is watched closely: what it logs and says on the way is told.
    Watched,
}

/// What a flow's store has beside what every store has.
#[derive(Debug)]
pub(crate) struct FlowPort {
    start: FlowStart,
    mode: Mode,
    past: Past,
    gate: Arc<Gate>,
    messages: mpsc::Sender<FlowMessage>,
    calls: u64,
    max_calls: u64,
    rate: Bucket,
}

impl FlowPort {
    pub(super) fn new(
        mut start: FlowStart,
        mode: Mode,
        gate: Arc<Gate>,
        messages: mpsc::Sender<FlowMessage>,
        limits: &crate::config::Limits,
    ) -> Self {
        let rate = Bucket::new(BURST_CALLS, limits.calls_per_second.max(1), Instant::now());
        let past = Past::new(std::mem::replace(&mut start.past, [].into()), start.ask_anew);
        if mode == Mode::Live && past.over() {
            gate.set_live();
        }
        if mode == Mode::Watched {
            gate.watch().closely();
        }
        Self { start, mode, past, gate, messages, calls: 0, max_calls: limits.max_calls, rate }
    }

    /// Whether the run may end like this: not before its past is over.
    pub(crate) fn ended(&self, how: &str) -> Option<Divergence> {
        self.past.ended(how).filter(|_| !self.gate.live())
    }

    /// How many entries were gone through, and how many secret answers stood in for unknown ones.
    pub(crate) fn reached(&self) -> (u64, u64) {
        (self.past.reached(), self.past.substituted())
    }

    pub(crate) fn contact(&self) -> ContactId {
        self.start.contact
    }

    pub(crate) fn channel(&self) -> Channel {
        self.start.channel
    }

    pub(crate) fn origin(&self) -> &Address {
        &self.start.origin
    }

    pub(crate) fn dialled(&self) -> &Address {
        &self.start.dialled
    }

    /// A flow that calls faster than it may is slowed down. An error would not be in the journal, so the flow could
    /// not be replayed.
    async fn pace(&mut self) {
        while let Err(wait_s) = self.rate.take(Instant::now()) {
            tokio::time::sleep(Duration::from_secs_f64(wait_s)).await;
        }
    }

    async fn exchange(&mut self, request: Request) -> Result<Answered, Unheard> {
        let permit = self.messages.reserve().await.map_err(|_| Unheard)?;
        let message = FlowMessage::Call { contact: self.start.contact, run: self.start.run, request };
        let answered = self.gate.open(|| permit.send(message)).ok_or(Unheard)?;
        match answered.await {
            Ok(Wake::Answered(answered)) => Ok(answered),
            Ok(Wake::More(_)) | Err(_) => Err(Unheard),
        }
    }

    /// In its past: what the call returned then. None: it is live.
    async fn replay(&mut self, request: &Request) -> wasmtime::Result<Option<Answered>> {
        loop {
            let entry = match self.past.call(request) {
                Step::Returned { entry, at, reply } => {
                    self.gate.watch().called(entry, request, self.past.recorded(entry));
                    if self.mode == Mode::Live && self.past.over() {
                        self.gate.set_live();
                    }
                    return Ok(Some(Answered { entry, at, reply }));
                }
                Step::Diverged(what) => {
                    self.gate.watch().parted(request);
                    return Err(Parted(what).into());
                }
                Step::Live if self.mode == Mode::Live => {
                    self.gate.set_live();
                    return Ok(None);
                }
                Step::Live => self.past.reached(),
                Step::Pending { entry } => entry,
            };
            let stop = Stop { entry, request: request.clone(), substituted: self.past.substituted() };
            let woken = self.gate.stop(stop).ok_or(Unheard)?.await;
            match woken.map_err(|_| Unheard)? {
                Wake::Answered(answered) => return Ok(Some(answered)),
                Wake::More(entries) => self.past.go_on(entries),
            }
        }
    }
}

impl Guest<FlowPort> {
    /// One host call: out to the contact, and parked until it is answered. The number of calls is bounded, counted in
    /// calls alone, so that a replay meets the bound at the same place.
    pub(crate) async fn call(&mut self, request: Request) -> wasmtime::Result<Answered> {
        let port = &mut self.role;
        if port.calls >= port.max_calls && !matches!(request, Request::End(_) | Request::Leave { .. }) {
            let text = format!("{} host calls were made, that is as many as there may be", port.calls);
            let at = port.start.at;
            // No new step: a flow that goes on calling regardless runs into its CPU deadline.
            return Ok(Answered { entry: 0, at, reply: Reply::Failed(ContactError::Limit(text)) });
        }
        port.calls += 1;
        let replayed = if port.gate.live() { None } else { port.replay(&request).await? };
        let answered = match replayed {
            Some(answered) => answered,
            None => {
                self.meter.rests();
                port.pace().await;
                port.exchange(request).await?
            }
        };
        self.clock.entry(answered.at);
        self.random.entry(answered.entry.saturating_add(1));
        if self.role.gate.live() {
            self.meter.next_step();
        }
        Ok(answered)
    }
}
