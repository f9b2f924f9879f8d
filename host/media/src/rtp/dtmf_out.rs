//! Digits that we send: as telephone-events (RFC 4733), or as two tones to a peer that takes none.

use super::dtmf_in::event_of;
use crate::codec::{FRAME_SAMPLES, Frame, SILENCE};
use crate::tone::digit_frequencies;
use std::collections::VecDeque;
use std::f32::consts::TAU;

/// Digits that may wait; further ones are dropped, and counted.
pub(crate) const MAX_WAITING: usize = 64;
/// RFC 4733 §2.5.1.4: the end is sent three times.
const ENDS: u8 = 3;

/// What a tick sends instead of audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DtmfTick {
    /// Audio as usual.
    None,
    /// Silence between two digits.
    Gap,
    /// This event packet.
    Event { payload: [u8; 4], timestamp: u32, marker: bool },
}

#[derive(Clone, Copy, Debug)]
struct Queued {
    digit: char,
    event: u8,
    duration: u32,
    gap: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    Sending { digit: Queued, timestamp: u32, sent: u32, ends: u8 },
    Gap { left: u32 },
}

/// The digits of one session.
#[derive(Debug)]
pub(crate) struct DtmfSender {
    waiting: VecDeque<Queued>,
    state: State,
    phases: (f32, f32),
}

impl DtmfSender {
    pub(crate) fn new() -> Self {
        Self { waiting: VecDeque::with_capacity(MAX_WAITING), state: State::Idle, phases: (0.0, 0.0) }
    }

    /// Times are rounded up to frames and kept within 40 ms to 8 s (the longest single event) and 20 ms to 8 s.
    /// False if the digit is none, or one too many.
    pub(crate) fn push(&mut self, digit: char, duration_ms: u32, gap_ms: u32) -> bool {
        let Some(event) = event_of(digit).filter(|_| self.waiting.len() < MAX_WAITING) else { return false };
        let samples = |ms: u32, least: u32| ms.clamp(least, 8_000).div_ceil(20) * FRAME_SAMPLES as u32;
        let digit = digit.to_ascii_uppercase();
        self.waiting.push_back(Queued { digit, event, duration: samples(duration_ms, 40), gap: samples(gap_ms, 20) });
        true
    }

    /// The next 20 ms as events; `timestamp` is the audio's.
    pub(crate) fn tick(&mut self, timestamp: u32) -> DtmfTick {
        let frame = FRAME_SAMPLES as u32;
        match self.next(timestamp) {
            State::Idle => DtmfTick::None,
            State::Gap { .. } => DtmfTick::Gap,
            State::Sending { digit, timestamp, sent, ends } => {
                let marker = sent == 0;
                let sent = (sent + frame).min(digit.duration);
                let ended = sent == digit.duration;
                let ends = ends + u8::from(ended);
                self.state = if ends < ENDS {
                    State::Sending { digit, timestamp, sent, ends }
                } else {
                    // The repeated ends took two frames of the gap.
                    State::Gap { left: digit.gap.saturating_sub(2 * frame) }
                };
                let [high, low] = (sent.min(0xffff) as u16).to_be_bytes();
                // -10 dBm0, as most send.
                let flags = if ended { 0x8a } else { 10 };
                DtmfTick::Event { payload: [digit.event, flags, high, low], timestamp, marker }
            }
        }
    }

    /// The next 20 ms as sound. None: audio as usual.
    pub(crate) fn tick_in_band(&mut self, out: &mut Frame) -> bool {
        match self.next(0) {
            State::Idle => return false,
            State::Gap { .. } => *out = SILENCE,
            State::Sending { digit, timestamp, sent, .. } => {
                self.sing(digit.digit, out);
                let sent = sent + FRAME_SAMPLES as u32;
                self.state = if sent < digit.duration {
                    State::Sending { digit, timestamp, sent, ends: 0 }
                } else {
                    State::Gap { left: digit.gap }
                };
            }
        }
        true
    }

    /// Moves to the state that this tick is in.
    fn next(&mut self, timestamp: u32) -> State {
        match self.state {
            State::Sending { .. } => return self.state,
            State::Gap { left } if left > 0 => {
                self.state = State::Gap { left: left.saturating_sub(FRAME_SAMPLES as u32) };
                return self.state;
            }
            State::Gap { .. } | State::Idle => {}
        }
        self.state = match self.waiting.pop_front() {
            Some(digit) => State::Sending { digit, timestamp, sent: 0, ends: 0 },
            None => State::Idle,
        };
        self.state
    }

    fn sing(&mut self, digit: char, out: &mut Frame) {
        let (low, high) = digit_frequencies(digit).unwrap_or((0.0, 0.0));
        for sample in out {
            let (a, b) = self.phases;
            *sample = ((a.sin() + b.sin()) * 8_000.0) as i16;
            self.phases = ((a + TAU * low / 8_000.0) % TAU, (b + TAU * high / 8_000.0) % TAU);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DtmfSender, DtmfTick, MAX_WAITING};
    use crate::codec::SILENCE;
    use crate::rtp::dtmf_in::DtmfReceiver;
    use crate::tone::goertzel;

    #[test]
    fn an_event_has_one_timestamp_a_growing_duration_and_three_ends() {
        let mut sender = DtmfSender::new();
        assert!(sender.push('7', 100, 60));
        assert!(sender.push('#', 40, 20));
        let ticks: Vec<_> = (0..14).map(|n| sender.tick(1_000 + n * 160)).collect();
        let event = |event, end: u8, duration: u16, timestamp, marker| {
            let [high, low] = duration.to_be_bytes();
            DtmfTick::Event { payload: [event, end << 7 | 10, high, low], timestamp, marker }
        };
        let expected = [
            event(7, 0, 160, 1_000, true),
            event(7, 0, 320, 1_000, false),
            event(7, 0, 480, 1_000, false),
            event(7, 0, 640, 1_000, false),
            event(7, 1, 800, 1_000, false),
            event(7, 1, 800, 1_000, false),
            event(7, 1, 800, 1_000, false),
            DtmfTick::Gap,
            event(11, 0, 160, 2_280, true),
            event(11, 1, 320, 2_280, false),
            event(11, 1, 320, 2_280, false),
            event(11, 1, 320, 2_280, false),
            DtmfTick::None,
            DtmfTick::None,
        ];
        assert_eq!(ticks, expected);
    }

    #[test]
    fn what_is_sent_is_heard_even_if_two_of_three_packets_are_lost() {
        for kept in 0..3 {
            let (mut sender, mut receiver) = (DtmfSender::new(), DtmfReceiver::default());
            "0123456789*#abcd".chars().for_each(|digit| assert!(sender.push(digit, 100, 100)));
            let mut heard = String::new();
            for n in 0..300_u32 {
                let now_us = u64::from(n) * 20_000;
                if let DtmfTick::Event { payload, timestamp, .. } = sender.tick(n * 160)
                    && n % 3 == kept
                {
                    heard.extend(
                        receiver.on_event(timestamp, &payload, now_us).into_iter().flatten().map(|digit| digit.digit),
                    );
                }
                heard.extend(receiver.on_time(now_us).map(|digit| digit.digit));
            }
            assert_eq!(heard, "0123456789*#ABCD", "kept: every third, from {kept}");
        }
    }

    #[test]
    fn a_peer_without_events_hears_two_tones() {
        let mut sender = DtmfSender::new();
        sender.push('5', 100, 40);
        let mut sound = Vec::new();
        let mut frame = SILENCE;
        while sender.tick_in_band(&mut frame) {
            sound.extend(frame);
        }
        assert_eq!(sound.len(), 7 * 160);
        for hertz in [770.0, 1_336.0] {
            let amplitude = goertzel(&sound[..800], hertz, 8_000).sqrt();
            assert!((amplitude - 8_000.0).abs() < 400.0, "{hertz}: {amplitude}");
        }
    }

    #[test]
    fn the_queue_is_bounded_and_takes_digits_only() {
        let mut sender = DtmfSender::new();
        assert!(!sender.push('x', 100, 100));
        assert_eq!((0..MAX_WAITING + 5).filter(|_| sender.push('1', 100, 100)).count(), MAX_WAITING);
    }
}
