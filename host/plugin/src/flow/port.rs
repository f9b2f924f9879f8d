//! The way of a host call out of a flow and back.

use super::{Answered, FlowMessage, FlowStart, Gate};
use crate::guest::{Bucket, Guest};
use cordboard_core::flow::{Address, Channel, ContactError, Reply, Request};
use cordboard_core::ids::ContactId;
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

/// What a flow's store has beside what every store has.
#[derive(Debug)]
pub(crate) struct FlowPort {
    start: FlowStart,
    gate: Arc<Gate>,
    messages: mpsc::Sender<FlowMessage>,
    calls: u64,
    max_calls: u64,
    rate: Bucket,
}

impl FlowPort {
    pub(super) fn new(
        start: FlowStart,
        gate: Arc<Gate>,
        messages: mpsc::Sender<FlowMessage>,
        limits: &crate::config::Limits,
    ) -> Self {
        let rate = Bucket::new(BURST_CALLS, limits.calls_per_second.max(1), Instant::now());
        Self { start, gate, messages, calls: 0, max_calls: limits.max_calls, rate }
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
        answered.await.map_err(|_| Unheard)
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
        port.pace().await;
        let answered = port.exchange(request).await?;
        self.clock.entry(answered.at);
        self.random.entry(answered.entry.saturating_add(1));
        self.meter.next_step();
        Ok(answered)
    }
}
