//! RTP without sockets: counting what comes, smoothing it, digits in it, and reports about it.

pub(crate) mod dtmf_in;
pub(crate) mod dtmf_out;
pub(crate) mod jitter;
pub(crate) mod reception;
pub(crate) mod rtcp;

/// Octets of an RTP header without extension (RFC 3550 §5.1).
pub(crate) const HEADER_BYTES: usize = 12;

/// The header of a packet we send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

impl Header {
    pub(crate) fn bytes(self) -> [u8; HEADER_BYTES] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.to_be_bytes();
        let kind = (self.payload_type & 0x7f) | if self.marker { 0x80 } else { 0 };
        [0x80, kind, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3]
    }
}
