//! Where the peer really is (symmetric RTP, RFC 4961; latching, RFC 7362 §4).
//!
//! A peer behind NAT doesn't know its address. So: a packet from the signalled address latches to it at once, whatever
//! was latched before; another address must send [`PROBATION`] acceptable packets of one source in a row first. Once
//! latched, an address is left to another one only after silence: of [`SILENT_US`] if the new one continues the *same*
//! source, of [`GONE_US`] if it is another source (a NAT mapping and a phone's stream may both begin anew). A new
//! description that names another address starts anew. Nothing latches before [`Latch::start`]: the call isn't
//! answered, so only the signalled address is heard at all.

use std::net::SocketAddr;

/// Packets from an address that nobody announced before it is believed.
const PROBATION: u8 = 3;
/// A peer that still sends isn't robbed.
const SILENT_US: u64 = 500_000;
/// For so long nothing came: the source is gone, and another one may take its place.
const GONE_US: u64 = 3_000_000;

#[derive(Debug, Default)]
pub(crate) struct Latch {
    started: bool,
    signalled: Option<SocketAddr>,
    latched: Option<(SocketAddr, u32)>,
    heard_us: u64,
    candidate: Option<(SocketAddr, u32, u8)>,
}

impl Latch {
    pub(crate) fn signal(&mut self, remote: Option<SocketAddr>) {
        if let Some(remote) = remote
            && self.signalled != Some(remote)
        {
            *self = Self { started: self.started, signalled: Some(remote), ..Self::default() };
        }
    }

    /// From now on it latches.
    pub(crate) fn start(&mut self) {
        self.started = true;
    }

    /// Where to send.
    pub(crate) fn target(&self) -> Option<SocketAddr> {
        self.latched.map(|latched| latched.0).or(self.signalled)
    }

    /// Whether a well-formed packet of this source may be taken.
    pub(crate) fn accepts(&mut self, from: SocketAddr, ssrc: u32, now_us: u64) -> bool {
        let announced = self.signalled == Some(from);
        if !self.started {
            return announced;
        }
        let accepted = match self.latched {
            _ if announced => true,
            Some((address, _)) if address == from => true,
            Some((_, known)) => {
                let silent_us = now_us.saturating_sub(self.heard_us);
                let needed_us = if ssrc == known { SILENT_US } else { GONE_US };
                silent_us >= needed_us && self.on_probation(from, ssrc)
            }
            None => self.on_probation(from, ssrc),
        };
        if accepted {
            (self.latched, self.heard_us, self.candidate) = (Some((from, ssrc)), now_us, None);
        }
        accepted
    }

    fn on_probation(&mut self, from: SocketAddr, ssrc: u32) -> bool {
        let count = match self.candidate {
            Some((address, source, count)) if (address, source) == (from, ssrc) => count + 1,
            _ => 1,
        };
        self.candidate = Some((from, ssrc, count));
        count >= PROBATION
    }
}

#[cfg(test)]
mod tests {
    use super::Latch;

    fn addresses() -> [std::net::SocketAddr; 3] {
        ["192.0.2.1:4000", "192.0.2.2:4000", "192.0.2.3:4000"].map(|text| text.parse().unwrap())
    }

    #[test]
    fn the_announced_address_is_believed_and_others_must_prove_themselves() {
        let [a, b, c] = addresses();
        let mut latch = Latch::default();
        latch.signal(Some(a));
        latch.start();
        assert_eq!(latch.target(), Some(a));
        // NAT: it comes from elsewhere.
        assert_eq!([1, 2, 3].map(|n| latch.accepts(b, 7, n)), [false, false, true]);
        assert_eq!(latch.target(), Some(b));
        // An intruder, while the peer talks, and after, with another source.
        assert!((0..10).all(|_| !latch.accepts(c, 7, 1_000)));
        assert!((0..10).all(|_| !latch.accepts(c, 8, 2_999_000)));
        // The peer's NAT mapping changed.
        assert_eq!([1, 2, 3].map(|_| latch.accepts(b, 7, 9_000_000)), [true, true, true]);
        assert_eq!([1, 2, 3].map(|_| latch.accepts(c, 7, 9_600_000)), [false, false, true]);
        // A re-offer with the same address changes nothing, with another one everything.
        latch.signal(Some(a));
        assert_eq!(latch.target(), Some(c));
        latch.signal(Some(b));
        assert_eq!(latch.target(), Some(b));
        assert!(latch.accepts(b, 9, 9_700_000));
    }

    #[test]
    fn a_stranger_who_was_first_loses_it_to_the_announced_address() {
        let [a, stranger, _] = addresses();
        let mut latch = Latch::default();
        latch.signal(Some(a));
        latch.start();
        assert_eq!([1, 2, 3].map(|n| latch.accepts(stranger, 7, n)), [false, false, true]);
        assert!(latch.accepts(a, 8, 4), "the peer's first packet");
        assert_eq!(latch.target(), Some(a));
        assert!((5..20).all(|n| !latch.accepts(stranger, 7, n)));
    }

    #[test]
    fn another_source_takes_over_after_a_long_silence_only() {
        let [a, b, c] = addresses();
        let mut latch = Latch::default();
        latch.signal(Some(a));
        latch.start();
        assert_eq!([1, 2, 3].map(|n| latch.accepts(b, 7, n)), [false, false, true]);
        assert!((0..10).all(|_| !latch.accepts(c, 8, 2_900_000)));
        let later = [3_100_001, 3_100_002, 3_100_003];
        assert_eq!(later.map(|n| latch.accepts(c, 8, n)).last(), Some(&true));
        assert_eq!(latch.target(), Some(c));
    }

    #[test]
    fn nothing_latches_before_the_start() {
        let [a, stranger, _] = addresses();
        let mut latch = Latch::default();
        latch.signal(Some(a));
        assert!((0..10).all(|n| !latch.accepts(stranger, 7, n)));
        assert!(latch.accepts(a, 8, 10));
        latch.start();
        assert_eq!(latch.target(), Some(a));
        // The time before doesn't count for it.
        assert_eq!([11, 12, 13].map(|n| latch.accepts(stranger, 7, n)), [false, false, true]);
    }
}
