//! Two sessions connected. Each side has a bounded ring to the other, so that they may be on different threads; the
//! two threads' clocks are one clock, so a ring holds one frame at most, unless a thread was stopped.

use crate::codec::Frame;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

/// Frames in a ring: the other side is stopped if it is full, and what doesn't fit is dropped.
const RING: usize = 8;
/// Frames that may wait; older ones are dropped, so that a stop doesn't leave a delay.
const WAITING: usize = 2;

/// What goes across. Inline, since a box would be an allocation per packet.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant)]
pub(crate) enum Crossing {
    Sound(Frame),
    Digit { digit: char, duration_ms: u32 },
}

/// One end of a bridge. Dropping it ends the other's.
#[derive(Debug)]
pub(crate) struct BridgeEnd {
    to: SyncSender<Crossing>,
    from: Receiver<Crossing>,
    waiting: [Option<Frame>; WAITING],
    pub(crate) relay_digits: bool,
}

/// Both ends.
pub(crate) fn pair(relay_digits: bool) -> (BridgeEnd, BridgeEnd) {
    let ((to_b, from_a), (to_a, from_b)) = (sync_channel(RING), sync_channel(RING));
    let end = |to, from| BridgeEnd { to, from, waiting: [None; WAITING], relay_digits };
    (end(to_b, from_b), end(to_a, from_a))
}

/// What a tick takes from the other side.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) sound: Option<Frame>,
    pub(crate) digits: [Option<(char, u32)>; 4],
    pub(crate) ended: bool,
}

impl BridgeEnd {
    pub(crate) fn send(&self, crossing: Crossing) {
        // Full: the other thread is stopped; gone: it finds out at its next tick.
        let _dropped = self.to.try_send(crossing);
    }

    pub(crate) fn take(&mut self) -> Taken {
        let mut taken = Taken::default();
        let mut digits = taken.digits.iter_mut();
        loop {
            match self.from.try_recv() {
                Ok(Crossing::Sound(frame)) => match self.waiting.iter_mut().find(|place| place.is_none()) {
                    Some(place) => *place = Some(frame),
                    None => {
                        self.waiting.rotate_left(1);
                        if let Some(last) = self.waiting.last_mut() {
                            *last = Some(frame);
                        }
                    }
                },
                Ok(Crossing::Digit { digit, duration_ms }) => {
                    if let Some(place) = digits.next() {
                        *place = Some((digit, duration_ms));
                    }
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    taken.ended = true;
                    break;
                }
            }
        }
        taken.sound = self.waiting.first_mut().and_then(Option::take);
        self.waiting.rotate_left(1);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::{Crossing, pair};

    #[test]
    fn frames_cross_in_order_and_a_backlog_is_cut() {
        let (a, mut b) = pair(true);
        let sound = |n| Crossing::Sound([n; 160]);
        let mut first = || b.take().sound.map(|frame| frame[0]);
        assert_eq!(first(), None);
        (1..=2).for_each(|n| a.send(sound(n)));
        assert_eq!([first(), first(), first()], [Some(1), Some(2), None]);
        (1..=20).for_each(|n| a.send(sound(n)));
        assert_eq!([first(), first(), first()], [Some(7), Some(8), None]);
        a.send(Crossing::Digit { digit: '5', duration_ms: 80 });
        assert_eq!(b.take().digits[0], Some(('5', 80)));
        drop(a);
        assert!(b.take().ended);
    }
}
