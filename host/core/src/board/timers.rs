//! All timers of the board: one enum, one table.

use crate::ids::{AgentId, ContactId, DecisionId, DeploymentName, QueueName};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What can be due. Each is set at most once at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The host call that a contact's flow waits in, or what the safe flow says.
    Call(ContactId),
    /// The next position announcement.
    Announce(ContactId),
    /// The flow's time to tidy up after the person left.
    Tidy(ContactId),
    /// An offer that nobody answered, refused or withdrew.
    Offer(ContactId),
    /// Our answer to an incoming call that was never acknowledged.
    Answering(ContactId),
    /// An agent's wrap-up.
    WrapUp(AgentId),
    /// A scorer that doesn't answer.
    Score(DecisionId),
    /// Looking again at those whom nobody suited.
    Rematch(QueueName),
    /// The end of a canary's stage.
    Stage(DeploymentName),
    /// A look at the steps of a canary's flows that aren't over.
    Steps(DeploymentName),
}

/// Which timers run.
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_name: BTreeMap<Timer, Timestamp>,
    by_time: BTreeSet<(Timestamp, Timer)>,
}

impl Timers {
    /// Sets a timer, in place of what it was set to.
    pub(super) fn set(&mut self, timer: Timer, at: Timestamp) {
        if let Some(before) = self.by_name.insert(timer.clone(), at) {
            self.by_time.remove(&(before, timer.clone()));
        }
        self.by_time.insert((at, timer));
    }

    /// Sets a timer unless it is set.
    pub(super) fn set_once(&mut self, timer: Timer, at: Timestamp) {
        if !self.by_name.contains_key(&timer) {
            self.set(timer, at);
        }
    }

    /// Stops a timer. Nothing if it isn't set.
    pub(super) fn cancel(&mut self, timer: &Timer) {
        if let Some(before) = self.by_name.remove(timer) {
            self.by_time.remove(&(before, timer.clone()));
        }
    }

    /// When the next is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// The earliest that is due at `now`, which is no longer set afterwards. Between equals the order of [`Timer`].
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        let (_, timer) = self.by_time.pop_first()?;
        self.by_name.remove(&timer);
        Some(timer)
    }

    /// All that are set.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Timer, Timestamp)> {
        self.by_name.iter().map(|(timer, at)| (timer, *at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(n: u128) -> Timer {
        Timer::Call(ContactId(n))
    }

    #[test]
    fn due_timers_come_in_the_order_of_their_times() {
        let mut timers = Timers::default();
        timers.set(call(1), Timestamp(30));
        timers.set(call(2), Timestamp(10));
        timers.set(call(3), Timestamp(20));
        timers.set(call(2), Timestamp(25));
        timers.cancel(&call(1));
        timers.cancel(&call(9));
        assert_eq!(timers.next(), Some(Timestamp(20)));
        assert_eq!(timers.pop_due(Timestamp(19)), None);
        assert_eq!(timers.pop_due(Timestamp(30)), Some(call(3)));
        assert_eq!(timers.pop_due(Timestamp(30)), Some(call(2)));
        assert_eq!(timers.pop_due(Timestamp(30)), None);
        assert!(timers.next().is_none() && timers.by_name.is_empty());
    }

    #[test]
    fn equal_times_are_ordered_by_the_timer() {
        let mut timers = Timers::default();
        timers.set(Timer::Tidy(ContactId(1)), Timestamp(5));
        timers.set(call(2), Timestamp(5));
        timers.set(call(1), Timestamp(5));
        let order: Vec<_> = std::iter::from_fn(|| timers.pop_due(Timestamp(5))).collect();
        assert_eq!(order, [call(1), call(2), Timer::Tidy(ContactId(1))]);
    }
}
