//! How contacts do: what is counted of each, over a sliding window.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// What every contact is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Figure {
    /// Its flow trapped, or wanted more memory than it may have.
    Traps,
    /// Its flow took too much CPU time in a step.
    Deadlines,
    /// Something else went on in the place of its flow (journal rule 16).
    Descents,
    /// The person hung up while the flow spoke, asked or paused.
    HangUps,
    /// The flow put the person in a queue.
    Transfers,
    /// It was not served by the flow alone: it came to a queue or down the ladder, or the person hung up within a step.
    NotContained,
    /// Of those in a queue: the person hung up there.
    Abandonment,
}

impl Figure {
    /// All, in their order.
    pub const ALL: [Self; 7] = [
        Self::Traps,
        Self::Deadlines,
        Self::Descents,
        Self::HangUps,
        Self::Transfers,
        Self::NotContained,
        Self::Abandonment,
    ];

    /// Its name at the API.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Traps => "traps",
            Self::Deadlines => "deadlines",
            Self::Descents => "descents",
            Self::HangUps => "hang-ups",
            Self::Transfers => "transfers",
            Self::NotContained => "not-contained",
            Self::Abandonment => "abandonment",
        }
    }

    pub(super) const fn at(self) -> usize {
        match self {
            Self::Traps => 0,
            Self::Deadlines => 1,
            Self::Descents => 2,
            Self::HangUps => 3,
            Self::Transfers => 4,
            Self::NotContained => 5,
            Self::Abandonment => 6,
        }
    }
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Went wrong.
    pub bad: u32,
    /// Of so many.
    pub of: u32,
}

impl Counted {
    /// From 0 to 1; 0 of none.
    pub fn fraction(self) -> f64 {
        if self.of == 0 { 0.0 } else { f64::from(self.bad) / f64::from(self.of) }
    }
}

/// How long steps took: so many in each half-octave, the first up to a millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepTimes([u32; BINS]);

/// The last is for everything from some 16 s on.
const BINS: usize = 30;

impl Default for StepTimes {
    fn default() -> Self {
        Self([0; BINS])
    }
}

/// The upper end of a bin, in microseconds.
fn upper_us(bin: usize) -> u64 {
    let octave = 1_000u64 << (bin / 2).min(32);
    if bin.is_multiple_of(2) { octave } else { octave * 141 / 100 }
}

/// The bin of a time.
pub(super) fn bin_of(us: u64) -> usize {
    (0..BINS).find(|bin| us <= upper_us(*bin)).unwrap_or(BINS - 1)
}

impl StepTimes {
    pub(super) fn add(&mut self, bin: usize, count: u32) {
        if let Some(found) = self.0.get_mut(bin) {
            *found = found.saturating_add(count);
        }
    }

    pub(super) fn remove(&mut self, bin: usize) {
        if let Some(found) = self.0.get_mut(bin) {
            *found = found.saturating_sub(1);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(to, more)| *to = to.saturating_add(more));
    }

    /// How many took longer than the upper end of this bin.
    pub(super) fn beyond(&self, bin: usize) -> u32 {
        self.0.iter().skip(bin + 1).sum()
    }

    fn count(&self) -> u64 {
        self.0.iter().map(|count| u64::from(*count)).sum()
    }

    /// The bin that the slowest hundredth begins in.
    pub(super) fn p99_bin(&self) -> Option<usize> {
        let count = self.count();
        let wanted = count - count / 100;
        let mut seen = 0;
        (count > 0).then(|| {
            self.0.iter().position(|bin| {
                seen += u64::from(*bin);
                seen >= wanted
            })
        })?
    }

    /// So long took all but the slowest hundredth, at most; by the bin's upper end, so 41 % too much at worst.
    pub fn p99_ms(&self) -> Option<f64> {
        let us = upper_us(self.p99_bin()?);
        Some(us as f64 / 1_000.0)
    }
}

/// Contacts that began within the same part of the window.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    pub(super) number: u64,
    /// Began.
    pub(super) begun: u32,
    /// Are over, or were found bad before.
    pub(super) over: u32,
    /// Came to a queue.
    pub(super) queued: u32,
    /// Of them, are out of it.
    pub(super) unqueued: u32,
    pub(super) bad: [u32; Figure::ALL.len()],
    /// What each guard of its own kind counts: bad and of.
    pub(super) own: Vec<Own>,
    pub(super) steps: StepTimes,
    /// The slowest step of each contact.
    pub(super) slowest: StepTimes,
}

/// Counted for one guard.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Own {
    /// Contacts that it concerns.
    pub(super) of: u32,
    /// Of them, those whose outcome is known.
    pub(super) over: u32,
    pub(super) bad: u32,
}

/// Parts of a window.
const PARTS: u64 = 60;
/// So many contacts stay in a window, however long ago they began: where few call, or one version gets nobody any more,
/// there must be something to compare with. It also bounds what a clock that jumps ahead can do.
const KEPT: u32 = 100;

/// A sliding window: contacts belong to the part in which they began, for good.
#[derive(Clone, Debug)]
pub(super) struct Window {
    part_ms: u64,
    guards: usize,
    buckets: VecDeque<Bucket>,
    /// In all of them.
    begun: u32,
}

impl Window {
    pub(super) fn new(window_ms: u64, guards: usize) -> Self {
        Self { part_ms: (window_ms / PARTS).max(1), guards, buckets: VecDeque::new(), begun: 0 }
    }

    /// The part of a moment, for a contact that begins then. What is older than the window goes.
    pub(super) fn begin(&mut self, at: Timestamp) -> Option<&mut Bucket> {
        self.pass(at);
        let number = at.as_ms() / self.part_ms;
        if self.buckets.back().is_none_or(|last| last.number < number) {
            self.buckets.push_back(Bucket { number, own: vec![Own::default(); self.guards], ..Bucket::default() });
        }
        self.begun = self.begun.saturating_add(1);
        // The board's clock never goes back, so it is the last one.
        let last = self.buckets.back_mut()?;
        last.begun += 1;
        Some(last)
    }

    fn pass(&mut self, at: Timestamp) {
        let gone = self.gone(at);
        for first in self.buckets.drain(..gone) {
            self.begun -= first.begun;
        }
    }

    /// How many parts are older than the window, and not needed.
    fn gone(&self, at: Timestamp) -> usize {
        let number = at.as_ms() / self.part_ms;
        let mut left = self.begun;
        let old = self.buckets.iter().take_while(|bucket| {
            left = left.saturating_sub(bucket.begun);
            bucket.number.saturating_add(PARTS) < number && left >= KEPT
        });
        old.count()
    }

    /// A part by its number, while it is in the window.
    pub(super) fn find(&mut self, number: u64) -> Option<&mut Bucket> {
        let found = self.buckets.binary_search_by_key(&number, |bucket| bucket.number).ok()?;
        self.buckets.get_mut(found)
    }

    /// All parts together, as they are at this time.
    pub(super) fn sum(&self, at: Timestamp) -> Bucket {
        let mut sum = Bucket { own: vec![Own::default(); self.guards], ..Bucket::default() };
        for bucket in self.buckets.iter().skip(self.gone(at)) {
            sum.begun += bucket.begun;
            sum.over += bucket.over;
            sum.queued += bucket.queued;
            sum.unqueued += bucket.unqueued;
            sum.bad.iter_mut().zip(bucket.bad).for_each(|(to, more)| *to += more);
            for (to, more) in sum.own.iter_mut().zip(&bucket.own) {
                to.of += more.of;
                to.over += more.over;
                to.bad += more.bad;
            }
            sum.steps.merge(&bucket.steps);
            sum.slowest.merge(&bucket.slowest);
        }
        sum
    }
}
