//! The live stream: every event once, numbered, to everybody who listens, and kept for a while for those who come
//! back.

use crate::metrics::Counting;
use cordboard_admin::Feed;
use cordboard_core::event::{Event, What};
use cordboard_core::history::{Operator, StepKind};
use cordboard_core::ids::ContactId;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use std::collections::{BTreeMap, VecDeque};
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
    /// Who was erased, and the number of the last event before: a reader may lag so far behind that it is told of the
    /// person only now.
    erased: BTreeMap<ContactId, u64>,
    counting: Counting,
}

impl Events {
    /// A stream with nothing in it. Its numbers go on from `start`: microseconds since the epoch, so that no two runs of
    /// a host use the same.
    pub(crate) fn new(start: u64) -> Self {
        let (kept, erased) = (VecDeque::new(), BTreeMap::new());
        let state = State { start, last: start, kept, pops: 0, erased, counting: Counting::default() };
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

    /// Empties what the stream holds of a person who was erased (journal rule 20), for those who come back and those who
    /// lag behind. That something happened, and when, stays: the numbers go on without a gap.
    pub(crate) fn forget(&self, contact: ContactId) {
        let mut state = self.state();
        let last = state.last;
        // Whoever is further behind is told nothing personal at all.
        state.erased.retain(|_, before| last - *before <= LAG as u64);
        state.erased.insert(contact, last);
        if state.erased.len() > LAG {
            // Nobody has so many events kept: the oldest contact has none among them.
            state.erased.pop_first();
        }
        let mut pops = 0;
        for (_, event) in &mut state.kept {
            if event.contact == Some(contact) {
                *event = Arc::new(event.without_personal());
            }
            pops += usize::from(is_pop(event));
        }
        state.pops = pops;
    }

    /// As a reader is told it now. One that is further behind than anybody remembers who was erased is told nothing
    /// personal.
    fn told(&self, number: u64, event: Arc<Event>) -> Feed {
        let erased = |contact: ContactId| {
            let state = self.state();
            let forgotten = state.last.saturating_sub(number) > LAG as u64;
            forgotten || state.erased.get(&contact).is_some_and(|before| number <= *before)
        };
        let erased = event.contact.is_some_and(erased);
        Feed::Event(number, if erased { Arc::new(event.without_personal()) } else { event })
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
        let (events, late) = (self.clone(), self.clone());
        let backlog = backlog.into_iter().map(move |(number, event)| late.told(number, event));
        let live = live.map(move |told| match told {
            Ok((number, event)) => events.told(number, event),
            Err(BroadcastStreamRecvError::Lagged(count)) => Feed::Missed(count),
        });
        stream::iter(gap.into_iter().chain(backlog)).chain(live).boxed()
    }
}

const fn is_pop(event: &Event) -> bool {
    matches!(event.what, What::ScreenPop { .. })
}

/// What people read in the log: what happened at INFO, what an operator must act on at WARN. Both without what it tells of
/// the person (journal rule 20), which is at DEBUG.
fn log(number: u64, event: &Event) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let contact = event.contact.map(|contact| contact.to_string());
    match &event.what {
        What::StoreHealth { healthy: false, reason } => warn!("new contacts are refused: {reason}"),
        What::Descended { rung, .. } => warn!(contact, rung, "the flow failed, another goes on"),
        // Journal rule 17: the same version did something else than it did before.
        What::FlowEnded { failure: Some(("wake-diverged", _)), .. } => {
            error!(contact, "a flow that was put to sleep did not wake as it was");
        }
        What::SteppedDown { .. } => warn!(contact, "the flow failed, the safe flow takes over"),
        What::CapabilityRefused { plugin, version, capability, detail } => {
            warn!(plugin, version = %version.short(), "a plugin may not use {capability}: {detail}");
        }
        What::Refused { cause: "emergency", dialled, .. } => {
            warn!(number = dialled.number, "an emergency call was refused: no emergency route is set up");
        }
        What::ScreenPop { agent, queue, .. } => info!(contact, %agent, %queue, "contact.screen-pop"),
        What::Stepped(step) if step.by == Operator::host() && step.kind == StepKind::CanaryRolledBack => {
            warn!("{}", line(number, &event.without_personal()));
        }
        What::Erased => info!(contact, "contact.erased, by order of the admin API"),
        What::Pressed { .. } | What::Logged { .. } => {}
        _ => info!(contact, "{}", line(number, &event.without_personal())),
    }
    if tracing::enabled!(tracing::Level::DEBUG) && event.without_personal() != *event {
        debug!(contact, "{}", line(number, event));
    }
}

/// Kind and data.
fn line(number: u64, event: &Event) -> String {
    let told = cordboard_admin::cloud_event(number, event);
    let kind = told.get("type").and_then(serde_json::Value::as_str).unwrap_or_default();
    let data = told.get("data").unwrap_or(&serde_json::Value::Null);
    format!("{} {data}", kind.strip_prefix("cordboard.").unwrap_or(kind))
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
    async fn rule_20_who_is_erased_is_told_to_nobody_any_more() {
        let events = Events::new(START);
        let said = |contact| Event {
            at: Timestamp(1),
            contact: Some(ContactId(contact)),
            what: What::Said { text: format!("Hello, number {contact}") },
        };
        let mut lagging = events.subscribe(None);
        events.tell(said(1));
        events.tell(said(2));
        events.forget(ContactId(1));
        events.tell(Event { what: What::Erased, ..said(1) });
        let mut back = events.subscribe(Some(START));
        for feed in [&mut lagging, &mut back] {
            let mut texts = Vec::new();
            for _ in 0..3 {
                match feed.next().await {
                    Some(Feed::Event(_, event)) => texts.push(format!("{:?}", event.what)),
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(texts, ["Said { text: \"\" }", "Said { text: \"Hello, number 2\" }", "Erased"]);
        }
    }

    #[tokio::test]
    async fn rule_20_who_reads_later_than_anybody_remembers_is_told_nothing_personal() {
        let (events, person) = (Events::new(0), ContactId(1));
        let said = What::Said { text: "Hello, Ada".into() };
        events.tell(Event { at: Timestamp(1), contact: Some(person), what: said });
        let mut slow = events.subscribe(Some(0));
        events.forget(person);
        (0..=LAG as u64).for_each(|at| events.tell(event(at)));
        events.forget(ContactId(2));
        assert_eq!(events.state().erased.len(), 1, "what is remembered is bounded");
        match slow.next().await {
            Some(Feed::Event(1, told)) => assert_eq!(told.what, What::Said { text: String::new() }),
            other => panic!("{other:?}"),
        }
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
