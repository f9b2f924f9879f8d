//! The adaptive jitter buffer.
//!
//! A ring of samples addressed by RTP timestamp, so that packets of any length, in any order, fall into place. A
//! cursor walks it, one frame a tick, at the listener's clock. How long before its turn a packet comes (its *slack*)
//! is all that is measured:
//! - a packet that comes too late moves the cursor back, and is played (up to [`MAX_DELAY`]; beyond, it is discarded);
//! - slack that nobody needed for [`BLOCKS`] seconds is taken out, 10 ms at a time, where it is quiet if it can wait.
//!
//! The same two moves absorb clocks that differ. Gaps repeat the last frame, fading out within 100 ms.

use crate::codec::{FRAME_SAMPLES, Frame, SILENCE};

/// Samples in the ring: 512 ms.
const RING: i64 = 4_096;
/// The most the cursor may stay behind the newest sample: 240 ms.
pub(crate) const MAX_DELAY: i64 = 1_920;
/// What a stream begins with: 40 ms.
const FIRST_DELAY: i64 = 320;
/// Less slack than this (2.5 ms), and the next packet may be late.
const LOW: i64 = 20;
/// More than this (25 ms) is more than needed.
const HIGH: i64 = 200;
/// So much more than needed (60 ms) isn't kept until it is quiet.
const EXCESS: i64 = 480;
/// What one correction takes or gives: 10 ms.
const STEP: i64 = 80;
/// Ticks in a block: one second.
const BLOCK_TICKS: u32 = 50;
/// Blocks of which the least slack counts.
const BLOCKS: usize = 5;
/// Ticks without a packet after which a stream starts anew: 500 ms.
const IDLE_TICKS: u32 = 25;
/// Packets late in a row after which the source's time has moved, not the network.
const LATE_IN_A_ROW: u32 = 10;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    Stored,
    Late,
}

/// What a tick plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Popped {
    /// Sound as it came, its gaps filled.
    Sound,
    /// Nothing is coming.
    Idle,
}

/// One source's samples on their way to the listener.
#[derive(Debug)]
pub(crate) struct JitterBuffer {
    ring: Box<[Option<i16>]>,
    /// The next sample to play, in extended timestamps.
    cursor: i64,
    /// One after the newest sample.
    end: i64,
    /// The first sample of the stream: what is before it is missing to nobody.
    begin: i64,
    synced: bool,
    concealed: u64,
    idle_ticks: u32,
    late_in_a_row: u32,
    last: Frame,
    /// Least slack of the running block, and of those before it.
    least: i64,
    history: [i64; BLOCKS],
    block_ticks: u32,
}

impl JitterBuffer {
    pub(crate) fn new() -> Self {
        Self {
            ring: vec![None; RING as usize].into(),
            cursor: 0,
            end: 0,
            begin: 0,
            synced: false,
            concealed: 0,
            idle_ticks: 0,
            late_in_a_row: 0,
            last: SILENCE,
            least: i64::MAX,
            history: [i64::MAX; BLOCKS],
            block_ticks: 0,
        }
    }

    /// How far the cursor is behind the newest sample, in samples.
    pub(crate) fn delay(&self) -> i64 {
        if self.synced { (self.end - self.cursor).max(0) } else { 0 }
    }

    /// Samples filled in for missing ones, since the beginning.
    pub(crate) fn concealed(&self) -> u64 {
        self.concealed
    }

    /// Forgets what is waiting: another source begins.
    pub(crate) fn reset(&mut self) {
        self.synced = false;
        self.last = SILENCE;
    }

    /// A digit is being pressed: a gap now is none to conceal.
    pub(crate) fn hush(&mut self) {
        self.last = SILENCE;
        self.idle_ticks = 0;
    }

    /// A packet's samples, decoded; at most 1,000 of them are taken.
    pub(crate) fn insert(&mut self, timestamp: u32, samples: impl ExactSizeIterator<Item = i16>) -> Inserted {
        let length = samples.len().min(1_000) as i64;
        let mut start = self.end + i64::from(timestamp.wrapping_sub(self.end as u32) as i32);
        let slack = start - self.cursor;
        // Beyond either border it is another timeline: a source that was silent, or jumped.
        if !self.synced || !(-RING..=RING - 1_000).contains(&slack) {
            self.sync(timestamp);
            start = i64::from(timestamp);
        }
        self.idle_ticks = 0;
        let slack = start - self.cursor;
        if slack < 0 {
            let back = LOW - slack;
            if self.end.max(start + length) - (self.cursor - back) > MAX_DELAY {
                self.late_in_a_row += 1;
                if self.late_in_a_row < LATE_IN_A_ROW {
                    return Inserted::Late;
                }
                self.sync(timestamp);
                start = i64::from(timestamp);
            } else {
                self.move_cursor(-back);
            }
        }
        self.late_in_a_row = 0;
        self.least = self.least.min(start - self.cursor);
        for (at, sample) in (start..start + length).zip(samples) {
            if let Some(place) = self.ring.get_mut(at.rem_euclid(RING) as usize) {
                *place = Some(sample);
            }
        }
        self.end = self.end.max(start + length);
        // A burst (many packets at once) must not become a standing delay.
        while self.end - self.cursor > MAX_DELAY + FRAME_SAMPLES as i64 {
            self.drop_samples(FRAME_SAMPLES as i64);
        }
        Inserted::Stored
    }

    fn sync(&mut self, timestamp: u32) {
        self.ring.fill(None);
        self.end = i64::from(timestamp);
        self.begin = self.end;
        self.cursor = self.end - FIRST_DELAY;
        (self.synced, self.late_in_a_row, self.block_ticks) = (true, 0, 0);
        self.least = i64::MAX;
        self.history = [i64::MAX; BLOCKS];
    }

    fn move_cursor(&mut self, by: i64) {
        self.cursor += by;
        for slack in self.history.iter_mut().chain([&mut self.least]) {
            // MAX stands for none measured.
            *slack = if *slack == i64::MAX { *slack } else { *slack - by };
        }
    }

    fn take(&mut self, at: i64) -> Option<i16> {
        self.ring.get_mut(at.rem_euclid(RING) as usize).and_then(Option::take)
    }

    fn drop_samples(&mut self, count: i64) {
        for at in self.cursor..self.cursor + count {
            self.take(at);
        }
        self.move_cursor(count);
    }

    /// The next 20 ms.
    pub(crate) fn pop(&mut self, out: &mut Frame) -> Popped {
        if self.synced {
            self.idle_ticks += 1;
            self.synced = self.idle_ticks <= IDLE_TICKS;
        }
        if !self.synced {
            *out = SILENCE;
            return Popped::Idle;
        }
        let waiting = self.cursor < self.begin;
        let missing = self.fill(out);
        self.concealed += if waiting { 0 } else { missing };
        self.last = *out;
        self.adapt();
        Popped::Sound
    }

    /// How many samples were missing.
    fn fill(&mut self, out: &mut Frame) -> u64 {
        let last = self.last;
        let mut missing = 0;
        for (sample, before) in out.iter_mut().zip(last) {
            *sample = self.take(self.cursor).unwrap_or_else(|| {
                missing += 1;
                // 0.6 a frame: inaudible after five.
                (i32::from(before) * 3 / 5) as i16
            });
            self.cursor += 1;
        }
        // The cursor walked by itself, and the packets' timestamps with it: slack stays what it was.
        missing
    }

    fn adapt(&mut self) {
        self.block_ticks += 1;
        let least = self.history.iter().copied().min().unwrap_or(i64::MAX).min(self.least);
        let quiet = self.last.iter().all(|sample| sample.unsigned_abs() < 400);
        if self.block_ticks < BLOCK_TICKS {
            return;
        }
        self.block_ticks = 0;
        self.history.rotate_right(1);
        if let Some(newest) = self.history.first_mut() {
            *newest = self.least;
        }
        let (running, known) = (self.least, !self.history.contains(&i64::MAX));
        self.least = i64::MAX;
        if running < LOW && self.delay() + STEP <= MAX_DELAY {
            self.move_cursor(-STEP);
        } else if known && least > HIGH && least < i64::MAX && (quiet || least > HIGH + STEP || least > EXCESS) {
            self.drop_samples(STEP);
        }
    }
}

#[cfg(test)]
#[path = "jitter_tests.rs"]
mod tests;
