//! The live stream: every event once, numbered, to everybody who listens, and kept for a while for those who come
//! back.

use crate::metrics::Counting;
use cordboard_admin::Feed;
use cordboard_core::event::{Event, What};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tracing::{debug, error, info, warn};

/// Events kept for readers who come back, and of them those with a profile: these can be large.
const KEPT: usize = 4_096;
const KEPT_POPS: usize = 256;
/// Events a reader may lag behind; beyond it the oldest are gone for it, and it is told how many.
const LAG: usize = 4_096;

/// The stream. Copies are the same stream.
#[derive(Clone)]
pub struct Events(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    live: broadcast::Sender<(u64, Arc<Event>)>,
}

struct State {
    /// Below the number of this run's first event.
    start: u64,
    /// The number of the last event.
    last: u64,
    kept: VecDeque<(u64, Arc<Event>)>,
    /// How many of them are screen pops.
    pops: usize,
    counting: Counting,
}

impl Events {
    /// A stream with nothing in it. Its numbers go on from `start`: microseconds since the epoch, so that no two runs of
    /// a host use the same.
    pub(crate) fn new(start: u64) -> Self {
        let state = State { start, last: start, kept: VecDeque::new(), pops: 0, counting: Counting::default() };
        Self(Arc::new(Inner { state: Mutex::new(state), live: broadcast::Sender::new(LAG) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whole after every step, poisoned or not.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells everybody. When this returns, the event is on its way to every reader: whatever is done next comes later.
    pub fn tell(&self, event: Event) {
        let mut state = self.state();
        state.counting.count(&event);
        state.last += 1;
        let told = (state.last, Arc::new(event));
        state.pops += usize::from(is_pop(&told.1));
        state.kept.push_back(told.clone());
        while state.kept.len() > KEPT || state.pops > KEPT_POPS {
            let Some((_, gone)) = state.kept.pop_front() else { break };
            state.pops -= usize::from(is_pop(&gone));
        }
        // Nobody listens: it is kept all the same. Sent under the lock, so that the order is one for all.
        let _ = self.0.live.send(told);
    }

    /// Writes what happens to the log, on a task of its own: the board's has no time for that.
    pub(crate) fn log(&self) {
        let mut feed = self.subscribe(None);
        tokio::spawn(async move {
            while let Some(next) = feed.next().await {
                match next {
                    Feed::Event(number, event) => log(number, &event),
                    Feed::Missed(count) => warn!(count, "more happened than could be logged"),
                }
            }
        });
    }

    /// Events from now on, or from behind number `after` as far as they are kept.
    pub fn subscribe(&self, after: Option<u64>) -> BoxStream<'static, Feed> {
        let state = self.state();
        let live = BroadcastStream::new(self.0.live.subscribe());
        // A number of an earlier run: all of this one is new to the reader. One we have not reached yet is no number.
        let after = after.filter(|after| *after <= state.last).map(|after| after.max(state.start));
        let first_kept = state.kept.front().map_or(state.last + 1, |(number, _)| *number);
        let missed = after.map_or(0, |after| first_kept.saturating_sub(after + 1));
        let backlog: Vec<_> = match after {
            Some(after) => state.kept.iter().filter(|(number, _)| *number > after).cloned().collect(),
            None => Vec::new(),
        };
        drop(state);
        let gap = (missed > 0).then_some(Feed::Missed(missed));
        let backlog = backlog.into_iter().map(|(number, event)| Feed::Event(number, event));
        let live = live.map(|told| match told {
            Ok((number, event)) => Feed::Event(number, event),
            Err(BroadcastStreamRecvError::Lagged(count)) => Feed::Missed(count),
        });
        stream::iter(gap.into_iter().chain(backlog)).chain(live).boxed()
    }
}

const fn is_pop(event: &Event) -> bool {
    matches!(event.what, What::ScreenPop { .. })
}

/// What people read in the log: what happened at INFO, what an operator must act on at WARN, keys at DEBUG.
fn log(number: u64, event: &Event) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let contact = event.contact.map(|contact| contact.to_string());
    match &event.what {
        What::StoreHealth { healthy: false, reason } => warn!("new contacts are refused: {reason}"),
        What::Descended { rung, reason, .. } => warn!(contact, rung, "the flow failed: {reason}"),
        // Journal rule 17: the same version did something else than it did before.
        What::FlowEnded { failure: Some(("wake-diverged", what)), .. } => {
            error!(contact, "a flow that was put to sleep did not wake as it was: {what}");
        }
        What::SteppedDown { reason, .. } => warn!(contact, "the flow failed, the safe flow takes over: {reason}"),
        What::CapabilityRefused { plugin, version, capability, detail } => {
            warn!(plugin, version = %version.short(), "a plugin may not use {capability}: {detail}");
        }
        What::Refused { cause: "emergency", dialled, .. } => {
            warn!(number = dialled.number, "an emergency call was refused: no emergency route is set up");
        }
        // What is known of the person stays on the agent's screen.
        What::ScreenPop { agent, queue, .. } => info!(contact, %agent, %queue, "contact.screen-pop"),
        what => {
            let told = cordboard_admin::cloud_event(number, event);
            let kind = told.get("type").and_then(serde_json::Value::as_str).unwrap_or_default();
            let kind = kind.strip_prefix("cordboard.").unwrap_or(kind);
            let data = told.get("data").unwrap_or(&serde_json::Value::Null);
            if matches!(what, What::Pressed { .. }) {
                debug!(contact, "{kind} {data}");
            } else {
                info!(contact, "{kind} {data}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_core::time::Timestamp;

    const START: u64 = 1_000_000;

    fn event(at: u64) -> Event {
        Event { at: Timestamp(at), contact: None, what: What::Answered }
    }

    /// Counted from the run's start.
    fn number(feed: Option<Feed>) -> Option<u64> {
        match feed? {
            Feed::Event(number, _) => Some(number - START),
            Feed::Missed(_) => None,
        }
    }

    #[tokio::test]
    async fn a_reader_who_comes_back_gets_what_it_missed_and_no_more() {
        let events = Events::new(START);
        for at in 0..5 {
            events.tell(event(at));
        }
        let mut back = events.subscribe(Some(START + 3));
        let mut fresh = events.subscribe(None);
        let mut of_an_earlier_run = events.subscribe(Some(77));
        events.tell(event(5));
        let next = [number(back.next().await), number(back.next().await), number(back.next().await)];
        assert_eq!(next, [Some(4), Some(5), Some(6)]);
        assert_eq!(number(fresh.next().await), Some(6));
        assert_eq!(number(of_an_earlier_run.next().await), Some(1));
        let mut ahead = events.subscribe(Some(START + 1_000));
        events.tell(event(6));
        assert_eq!(number(ahead.next().await), Some(7));
    }

    #[tokio::test]
    async fn what_is_gone_is_counted() {
        let events = Events::new(START);
        let mut slow = events.subscribe(None);
        for at in 0..KEPT as u64 + 10 {
            events.tell(event(at));
        }
        assert!(matches!(slow.next().await, Some(Feed::Missed(10))));
        assert_eq!(number(slow.next().await), Some(11));
        let mut late = events.subscribe(Some(START + 4));
        assert!(matches!(late.next().await, Some(Feed::Missed(6))));
        assert_eq!(number(late.next().await), Some(11));
    }
}
