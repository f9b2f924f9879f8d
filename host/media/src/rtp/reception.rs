//! What came of one source: loss, duplicates and jitter (RFC 3550 §6.4.1, appendix A).

/// A jump further than this is a source that restarted (RFC 3550 A.1, MAX_DROPOUT).
const MAX_JUMP: i64 = 3_000;
/// How many sequence numbers back duplicates are recognised.
const WINDOW: i64 = 128;

/// What a packet is to the packets before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    New,
    Duplicate,
    /// Too old to know whether it came before.
    TooOld,
}

/// The packets of one source.
#[derive(Clone, Debug)]
pub(crate) struct Reception {
    pub(crate) ssrc: u32,
    first: i64,
    highest: i64,
    /// Bit n: the sequence number n below the highest came.
    seen: u128,
    received: u64,
    /// From the source's restarts before.
    lost_before: u64,
    transit: Option<i64>,
    /// In samples.
    jitter: f64,
    /// The latest audio packet: its sequence number, and the timestamp the next should have.
    latest_audio: Option<(u16, u32)>,
    reported: (u64, u64),
}

impl Reception {
    pub(crate) fn new(ssrc: u32, sequence: u16) -> Self {
        let first = i64::from(sequence);
        // The first packet is counted by `on_packet`, so nothing came yet.
        Self {
            ssrc,
            first,
            highest: first - 1,
            seen: 0,
            received: 0,
            lost_before: 0,
            transit: None,
            jitter: 0.0,
            latest_audio: None,
            reported: (0, 0),
        }
    }

    /// Sequence numbers beyond 16 bits, counted on from the first.
    pub(crate) fn highest(&self) -> u32 {
        self.highest as u32
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost_before + self.expected().saturating_sub(self.received)
    }

    pub(crate) fn jitter_samples(&self) -> f64 {
        self.jitter
    }

    fn expected(&self) -> u64 {
        u64::try_from(self.highest - self.first + 1).unwrap_or(0)
    }

    /// The share lost since the last call, of 256 (RFC 3550 A.3).
    pub(crate) fn fraction_lost(&mut self) -> u8 {
        let (expected, received) = (self.expected(), self.received);
        let (before_expected, before_received) = std::mem::replace(&mut self.reported, (expected, received));
        let expected = expected.saturating_sub(before_expected);
        let lost = expected.saturating_sub(received.saturating_sub(before_received));
        (lost * 256).checked_div(expected).map_or(0, |share| share.min(255) as u8)
    }

    fn step(&self, sequence: u16) -> i64 {
        i64::from(sequence.wrapping_sub(self.highest as u16) as i16)
    }

    /// Whether the source begins anew with this packet.
    pub(crate) fn restarts(&self, sequence: u16) -> bool {
        self.step(sequence).abs() > MAX_JUMP
    }

    pub(crate) fn on_packet(&mut self, sequence: u16) -> Verdict {
        let step = self.step(sequence);
        if self.restarts(sequence) {
            let (ssrc, lost_before, jitter) = (self.ssrc, self.lost(), self.jitter);
            *self = Self { lost_before, jitter, ..Self::new(ssrc, sequence) };
            return self.on_packet(sequence);
        }
        if step > 0 {
            self.highest += step;
            self.seen = if step < WINDOW { self.seen << step | 1 } else { 1 };
            self.received += 1;
            return Verdict::New;
        }
        if -step >= WINDOW {
            return Verdict::TooOld;
        }
        let bit = 1_u128 << -step;
        if self.seen & bit != 0 {
            return Verdict::Duplicate;
        }
        self.seen |= bit;
        // One from before the first we saw: expected from now on.
        self.first = self.first.min(self.highest + step);
        self.received += 1;
        Verdict::New
    }

    /// Whether an audio packet that follows another at once goes on where that one ended. One after a gap tells nothing.
    pub(crate) fn goes_on(&mut self, sequence: u16, timestamp: u32, samples: u32) -> bool {
        let before = self.latest_audio.replace((sequence, timestamp.wrapping_add(samples)));
        before.is_none_or(|(latest, expected)| sequence != latest.wrapping_add(1) || timestamp == expected)
    }

    /// RFC 3550 A.8. For audio only: the timestamp of an event stands while the event goes on.
    pub(crate) fn measure(&mut self, timestamp: u32, now_us: u64) {
        let arrival = (now_us as i64).wrapping_mul(8) / 1_000;
        let transit = i64::from((arrival as u32).wrapping_sub(timestamp) as i32);
        if let Some(before) = self.transit.replace(transit) {
            let difference = i64::from((transit as i32).wrapping_sub(before as i32)).abs();
            // A jump of the timestamp is no jitter.
            if difference < 8_000 {
                self.jitter += (difference as f64 - self.jitter) / 16.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Reception, Verdict};

    fn after(sequences: &[u16]) -> (Reception, Vec<Verdict>) {
        let mut reception = Reception::new(1, sequences[0]);
        let verdicts = sequences.iter().map(|sequence| reception.on_packet(*sequence)).collect();
        (reception, verdicts)
    }

    #[test]
    fn loss_duplicates_and_reordering_are_told_apart() {
        use Verdict::{Duplicate, New, TooOld};
        let table: &[(&[u16], &[Verdict], u64)] = &[
            (&[10, 11, 12], &[New, New, New], 0),
            (&[10, 12, 13], &[New, New, New], 1),
            (&[10, 12, 11, 13], &[New, New, New, New], 0),
            (&[10, 11, 11, 10], &[New, New, Duplicate, Duplicate], 0),
            (&[65_534, 65_535, 0, 1], &[New, New, New, New], 0),
            (&[65_535, 1, 0, 65_535], &[New, New, New, Duplicate], 0),
            (&[10, 9], &[New, New], 0),
            (&[10, 300, 20], &[New, New, TooOld], 289),
            (&[10, 11, 20_000, 20_001], &[New, New, New, New], 0),
        ];
        for (sequences, verdicts, lost) in table {
            let (reception, found) = after(sequences);
            assert_eq!(&found, verdicts, "{sequences:?}");
            assert_eq!(reception.lost(), *lost, "{sequences:?}");
        }
    }

    #[test]
    fn a_jump_of_the_timestamp_is_seen_and_a_gap_is_none() {
        let mut reception = Reception::new(1, 65_534);
        let packets = [(65_534, 0, true), (65_535, 160, true), (0, 320, true), (1, 481, false), (2, 641, true)];
        for (sequence, timestamp, goes_on) in packets {
            assert_eq!(reception.goes_on(sequence, timestamp, 160), goes_on, "{sequence}");
        }
        assert!(reception.goes_on(4, 5_000, 160));
    }

    #[test]
    fn the_share_lost_is_of_the_interval() {
        let (mut reception, _) = after(&[1, 2, 4]);
        assert_eq!(reception.fraction_lost(), 64);
        for sequence in 5..15 {
            reception.on_packet(sequence);
        }
        assert_eq!(reception.fraction_lost(), 0);
    }

    #[test]
    fn jitter_is_zero_for_a_steady_source_and_grows_with_variation() {
        let mut reception = Reception::new(1, 0);
        for n in 0..100_u32 {
            reception.measure(n * 160, u64::from(n) * 20_000);
        }
        assert!(reception.jitter_samples() < 0.5);
        for n in 100..300_u32 {
            reception.measure(n * 160, u64::from(n) * 20_000 + u64::from(n % 2) * 10_000);
        }
        assert!((reception.jitter_samples() - 80.0).abs() < 2.0, "{}", reception.jitter_samples());
    }
}
