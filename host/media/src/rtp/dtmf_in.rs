//! Digits that come as telephone-events (RFC 4733).

/// Without its end for so long, an event is over: all of its end packets were lost.
const TIMEOUT_US: u64 = 200_000;
/// One segment of a long event at most (RFC 4733 §2.5.1.3).
const SEGMENT: u32 = 0xffff;
/// Further back than this (10 s), nothing is a repetition: the source's timestamps began anew.
const REBASED: i32 = 80_000;

/// A digit that was pressed and released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digit {
    pub(crate) digit: char,
    pub(crate) duration_ms: u32,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    event: u8,
    timestamp: u32,
    /// Samples in earlier segments.
    before: u32,
    duration: u32,
    seen_us: u64,
}

impl Running {
    fn digit(self) -> Option<Digit> {
        let duration_ms = self.before.saturating_add(self.duration) / 8;
        digit_of(self.event).map(|digit| Digit { digit, duration_ms })
    }
}

/// The events of one source.
#[derive(Clone, Debug, Default)]
pub(crate) struct DtmfReceiver {
    running: Option<Running>,
    /// The timestamp of the last event reported: what repeats it is ignored.
    finished: Option<u32>,
}

impl DtmfReceiver {
    /// A packet's payload. What is over by it: a digit that it ends, and one before that it shows to be over.
    pub(crate) fn on_event(&mut self, timestamp: u32, payload: &[u8], now_us: u64) -> [Option<Digit>; 2] {
        let [event, flags, high, low, ..] = *payload else { return [None; 2] };
        let duration = u32::from(u16::from_be_bytes([high, low]));
        let is_new = |known: u32| !(-REBASED..=0).contains(&(timestamp.wrapping_sub(known) as i32));
        if event > 15 || self.finished.is_some_and(|finished| !is_new(finished)) {
            return [None; 2];
        }
        let mut over = None;
        let running = match self.running {
            Some(running) if running.timestamp == timestamp => {
                Running { duration: running.duration.max(duration), seen_us: now_us, ..running }
            }
            // Reordered: the event after it began already.
            Some(running) if !is_new(running.timestamp) => return [None; 2],
            Some(running) if continues(&running, event, timestamp) => {
                let before = running.before.saturating_add(SEGMENT);
                Running { timestamp, before, duration, seen_us: now_us, ..running }
            }
            before => {
                over = before.and_then(Running::digit);
                Running { event, timestamp, before: 0, duration, seen_us: now_us }
            }
        };
        let ended = flags & 0x80 != 0;
        self.running = (!ended).then_some(running);
        if over.is_some() || ended {
            // An event that runs has a newer timestamp than any finished one.
            self.finished = Some(if ended { timestamp } else { timestamp.wrapping_sub(1) });
        }
        [over, if ended { running.digit() } else { None }]
    }

    /// The digit whose end was lost, once it is certain.
    pub(crate) fn on_time(&mut self, now_us: u64) -> Option<Digit> {
        let running = self.running.filter(|running| now_us.saturating_sub(running.seen_us) > TIMEOUT_US)?;
        self.running = None;
        self.finished = Some(running.timestamp);
        running.digit()
    }
}

fn continues(running: &Running, event: u8, timestamp: u32) -> bool {
    // RFC 4733 §2.5.1.3: the next segment begins where the one of full length ended.
    let step = timestamp.wrapping_sub(running.timestamp);
    running.event == event && running.duration > SEGMENT - 1_600 && step == SEGMENT
}

fn digit_of(event: u8) -> Option<char> {
    "0123456789*#ABCD".chars().nth(usize::from(event))
}

/// The event of a digit (RFC 4733 §3.2), in either case. None for what is no digit.
pub(crate) fn event_of(digit: char) -> Option<u8> {
    let position = "0123456789*#ABCD".chars().position(|known| known == digit.to_ascii_uppercase())?;
    u8::try_from(position).ok()
}

#[cfg(test)]
mod tests {
    use super::{Digit, DtmfReceiver};

    fn payload(event: u8, end: bool, duration: u16) -> [u8; 4] {
        let [high, low] = duration.to_be_bytes();
        [event, if end { 0x8a } else { 10 }, high, low]
    }

    /// (timestamp, event, end, duration, time in ms)
    type Packet = (u32, u8, bool, u16, u64);
    /// A name, what comes, what is heard.
    type Case<'a> = (&'a str, &'a [Packet], &'a [(char, u32)]);

    fn heard(packets: &[Packet]) -> Vec<(char, u32)> {
        let mut receiver = DtmfReceiver::default();
        let mut digits = Vec::new();
        let mut note = |digit: Option<Digit>| digits.extend(digit.map(|digit| (digit.digit, digit.duration_ms)));
        for (timestamp, event, end, duration, ms) in packets {
            note(receiver.on_time(ms * 1_000));
            let over = receiver.on_event(*timestamp, &payload(*event, *end, *duration), ms * 1_000);
            over.into_iter().for_each(&mut note);
        }
        note(receiver.on_time(u64::MAX));
        note(receiver.on_time(u64::MAX));
        digits
    }

    #[test]
    fn digits_are_heard_once_whatever_is_lost() {
        let table: &[Case<'_>] = &[
            (
                "whole",
                &[
                    (0, 5, false, 160, 0),
                    (0, 5, false, 320, 20),
                    (0, 5, true, 800, 100),
                    (0, 5, true, 800, 120),
                    (0, 5, true, 800, 140),
                ],
                &[('5', 100)],
            ),
            ("start lost", &[(0, 11, true, 800, 100), (0, 11, true, 800, 120)], &[('#', 100)]),
            ("ends lost", &[(0, 5, false, 160, 0), (0, 5, false, 400, 50)], &[('5', 50)]),
            (
                "ends lost, next digit",
                &[(0, 1, false, 160, 0), (0, 1, false, 400, 50), (1_600, 2, true, 800, 250)],
                &[('1', 50), ('2', 100)],
            ),
            (
                "ends lost, same digit again",
                &[(0, 1, false, 400, 50), (1_600, 1, true, 800, 150)],
                &[('1', 50), ('1', 100)],
            ),
            ("end after the timeout", &[(0, 1, false, 400, 0), (0, 1, true, 800, 500)], &[('1', 50)]),
            (
                "reordered",
                &[
                    (0, 1, true, 800, 100),
                    (0, 1, false, 640, 101),
                    (1_600, 2, false, 160, 200),
                    (0, 1, true, 800, 210),
                    (1_600, 2, true, 480, 260),
                ],
                &[('1', 100), ('2', 60)],
            ),
            (
                "timestamp wraps",
                &[(u32::MAX - 100, 1, true, 800, 0), (700, 2, true, 800, 100)],
                &[('1', 100), ('2', 100)],
            ),
            (
                "long",
                &[
                    (0, 1, false, 65_000, 0),
                    (0, 1, false, 65_535, 10),
                    (65_535, 1, false, 160, 30),
                    (65_535, 1, true, 465, 60),
                ],
                &[('1', 8_250)],
            ),
            (
                "timestamps begin anew, lower",
                &[(900_000, 1, true, 800, 0), (160, 2, true, 800, 500), (160, 2, true, 800, 520)],
                &[('1', 100), ('2', 100)],
            ),
            (
                "timestamps begin anew while an end is missing",
                &[(900_000, 1, false, 400, 0), (160, 2, true, 800, 100)],
                &[('1', 50), ('2', 100)],
            ),
            ("repeated late", &[(79_000, 1, true, 800, 0), (0, 1, true, 800, 50)], &[('1', 100)]),
            ("flash and tones are no digits", &[(0, 16, true, 800, 0), (1_600, 200, true, 800, 100)], &[]),
        ];
        for (name, packets, expected) in table {
            assert_eq!(&heard(packets), expected, "{name}");
        }
    }

    #[test]
    fn a_short_payload_is_ignored() {
        assert_eq!(DtmfReceiver::default().on_event(0, &[1, 2, 3], 0), [None; 2]);
    }
}
