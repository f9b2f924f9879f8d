//! Where the peer really is (symmetric RTP, RFC 4961; latching, RFC 7362 §4).
//!
//! A peer behind NAT doesn't know its address. So: a packet from the signalled address latches to it at once; another
//! address must send [`PROBATION`] acceptable packets of one source in a row first. Once latched, an address is left
//! only if it has been silent for [`SILENT_US`] and the new one continues the *same* source. A new description
//! that names another address starts anew.

use std::net::SocketAddr;

/// Packets from an address that nobody announced before it is believed.
const PROBATION: u8 = 3;
/// A peer that still sends isn't robbed.
const SILENT_US: u64 = 500_000;

#[derive(Debug, Default)]
pub(crate) struct Latch {
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
            *self = Self { signalled: Some(remote), ..Self::default() };
        }
    }

    /// Where to send.
    pub(crate) fn target(&self) -> Option<SocketAddr> {
        self.latched.map(|latched| latched.0).or(self.signalled)
    }

    /// Whether a well-formed packet of this source may be taken.
    pub(crate) fn accepts(&mut self, from: SocketAddr, ssrc: u32, now_us: u64) -> bool {
        let accepted = match self.latched {
            Some((address, _)) if address == from => true,
            Some((_, known)) => {
                let silent = now_us.saturating_sub(self.heard_us) >= SILENT_US;
                silent && ssrc == known && self.on_probation(from, ssrc)
            }
            None => self.signalled == Some(from) || self.on_probation(from, ssrc),
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

    #[test]
    fn the_announced_address_is_believed_and_others_must_prove_themselves() {
        let [a, b, c] = ["192.0.2.1:4000", "192.0.2.2:4000", "192.0.2.3:4000"].map(|text| text.parse().unwrap());
        let mut latch = Latch::default();
        latch.signal(Some(a));
        assert_eq!(latch.target(), Some(a));
        // NAT: it comes from elsewhere.
        assert_eq!([1, 2, 3].map(|n| latch.accepts(b, 7, n)), [false, false, true]);
        assert_eq!(latch.target(), Some(b));
        // An intruder, while the peer talks, and after, with another source.
        assert!((0..10).all(|_| !latch.accepts(c, 7, 1_000)));
        assert!((0..10).all(|_| !latch.accepts(c, 8, 9_000_000)));
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
}
