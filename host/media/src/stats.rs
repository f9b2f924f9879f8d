//! Counters. The media threads store, anybody reads; nobody waits.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($(#[$doc:meta])* $name:ident, $shared:ident { $($(#[$field_doc:meta])* $field:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name { $($(#[$field_doc])* pub $field: u64),* }

        #[derive(Debug, Default)]
        pub(crate) struct $shared { $($field: AtomicU64),* }

        impl $shared {
            pub(crate) fn store(&self, now: &$name) { $(self.$field.store(now.$field, Relaxed);)* }
            pub(crate) fn load(&self) -> $name { $name { $($field: self.$field.load(Relaxed)),* } }
        }
    };
}

counters! {
    /// One session's figures, as of its last tick. All count since it was opened.
    SessionStats, SharedSessionStats {
        /// RTP packets that came and were taken.
        packets_received,
        /// Their octets, without UDP and IP.
        bytes_received,
        /// RTP packets sent.
        packets_sent,
        /// Their octets, without UDP and IP.
        bytes_sent,
        /// Packets that never came, of the present source (RFC 3550 A.3).
        lost,
        /// Packets that came after their turn.
        discarded_late,
        /// Packets that came twice.
        duplicates,
        /// Audio packets whose timestamp doesn't go on where the one before them ended.
        timestamp_jumps,
        /// What came and isn't RTP, or of no payload type we know.
        malformed,
        /// Packets from an address that isn't the peer's.
        foreign,
        /// Interarrival jitter (RFC 3550 A.8), in milliseconds; measured every 10 ms.
        jitter_ms,
        /// What the jitter buffer holds back, in milliseconds.
        delay_ms,
        /// Frames filled in for missing ones.
        concealed,
        /// Sound that came, above silence, in milliseconds.
        heard_ms,
        /// For how long nothing above silence has come, in milliseconds.
        silent_ms,
        /// Frames sent more than 5 ms after their time.
        sent_late_frames,
        /// The latest frame, in microseconds after its time.
        max_late_us,
        /// Packets the socket didn't take.
        send_errors,
        /// Frames that a recording lost because the writer was behind.
        recording_dropped,
        /// Digits that weren't sent: none, or too many waiting.
        digits_dropped,
        /// Our source, the same for the session's whole life.
        ssrc,
        /// The sequence number sent last.
        last_sequence,
        /// The timestamp sent last.
        last_timestamp,
    }
}

/// Upper borders of [`PlaneStats::late_frames`], in microseconds; the last place counts what is above them.
pub const LATE_BORDERS_US: [u64; 6] = [500, 1_000, 2_000, 5_000, 10_000, 20_000];

/// The whole plane's figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlaneStats {
    /// Open sessions.
    pub sessions: u64,
    /// Frames by how late they were sent; see [`LATE_BORDERS_US`].
    pub late_frames: [u64; 7],
    /// The latest one, in microseconds.
    pub max_late_us: u64,
    /// Slots (5 ms of one thread) worked off.
    pub slots: u64,
    /// Time spent in them, in microseconds.
    pub busy_us: u64,
    /// The longest of them, in microseconds.
    pub max_slot_us: u64,
    /// Slots skipped because the thread was more than 100 ms behind.
    pub skipped_slots: u64,
    /// Events that nobody took in time.
    pub events_dropped: u64,
    /// Commands that a full queue refused.
    pub commands_dropped: u64,
}

/// One thread's part of it.
#[derive(Debug, Default)]
pub(crate) struct SharedPlaneStats {
    pub(crate) late_frames: [AtomicU64; 7],
    pub(crate) max_late_us: AtomicU64,
    pub(crate) slots: AtomicU64,
    pub(crate) busy_us: AtomicU64,
    pub(crate) max_slot_us: AtomicU64,
    pub(crate) skipped_slots: AtomicU64,
    pub(crate) events_dropped: AtomicU64,
    pub(crate) commands_dropped: AtomicU64,
}

impl SharedPlaneStats {
    pub(crate) fn late(&self, late_us: u64, frames: u64) {
        let place = LATE_BORDERS_US.iter().take_while(|border| late_us > **border).count();
        if let Some(count) = self.late_frames.get(place) {
            count.fetch_add(frames, Relaxed);
        }
        self.max_late_us.fetch_max(late_us, Relaxed);
    }

    pub(crate) fn add_to(&self, sum: &mut PlaneStats) {
        for (sum, count) in sum.late_frames.iter_mut().zip(&self.late_frames) {
            *sum += count.load(Relaxed);
        }
        sum.max_late_us = sum.max_late_us.max(self.max_late_us.load(Relaxed));
        sum.max_slot_us = sum.max_slot_us.max(self.max_slot_us.load(Relaxed));
        sum.slots += self.slots.load(Relaxed);
        sum.busy_us += self.busy_us.load(Relaxed);
        sum.skipped_slots += self.skipped_slots.load(Relaxed);
        sum.events_dropped += self.events_dropped.load(Relaxed);
        sum.commands_dropped += self.commands_dropped.load(Relaxed);
    }
}
