//! Reports about the streams (RFC 3550 §6): what we send, and whether a packet is one.

/// Octets of the largest report we send.
pub(crate) const MAX_REPORT_BYTES: usize = 28 + 24 + 8 + 24;

/// What a sender report says (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// Time since 1900, in 2⁻³² seconds.
    pub(crate) ntp: u64,
    pub(crate) timestamp: u32,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

/// What a report block says of the peer's stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) ssrc: u32,
    pub(crate) fraction_lost: u8,
    pub(crate) lost: u64,
    pub(crate) highest: u32,
    pub(crate) jitter: u32,
}

/// A compound packet: a sender report (a receiver report if nothing was sent), and the CNAME.
pub(crate) fn write(ssrc: u32, sent: Option<Sent>, heard: Option<Heard>, out: &mut Vec<u8>) {
    out.clear();
    let blocks = u8::from(heard.is_some());
    let (kind, words) = if sent.is_some() { (200, 6) } else { (201, 1) };
    out.extend([0x80 | blocks, kind]);
    out.extend((words + 6 * u16::from(blocks)).to_be_bytes());
    out.extend(ssrc.to_be_bytes());
    if let Some(sent) = sent {
        out.extend(sent.ntp.to_be_bytes());
        [sent.timestamp, sent.packets, sent.octets].iter().for_each(|word| out.extend(word.to_be_bytes()));
    }
    if let Some(heard) = heard {
        out.extend(heard.ssrc.to_be_bytes());
        let lost = heard.lost.min(0x7f_ffff) as u32;
        out.extend((u32::from(heard.fraction_lost) << 24 | lost).to_be_bytes());
        // The last sender report isn't kept: both times of it are 0, as before the first.
        [heard.highest, heard.jitter, 0, 0].iter().for_each(|word| out.extend(word.to_be_bytes()));
    }
    // SDES with a CNAME that says nothing of this machine (RFC 7022): 8 + 2 + 8 octets, an end, padding to words.
    out.extend([0x81, 202, 0, 5]);
    out.extend(ssrc.to_be_bytes());
    out.extend([1, 8]);
    out.extend((0..8).map(|n| hex((ssrc >> (28 - 4 * n)) & 15)));
    out.extend([0; 6]);
}

fn hex(nibble: u32) -> u8 {
    if nibble < 10 { b'0' + nibble as u8 } else { b'a' + nibble as u8 - 10 }
}

/// Whether this is RTCP: a compound whose lengths fit (RFC 3550 A.2). Its types are disjoint from RTP's (RFC 5761 §4).
pub(crate) fn is_report(packet: &[u8]) -> bool {
    let mut rest = packet;
    let mut first = true;
    while let Some((&[head, kind, high, low], _)) = rest.split_first_chunk::<4>() {
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        let begins = !first || matches!(kind, 200 | 201);
        if head >> 6 != 2 || !(192..=223).contains(&kind) || !begins || length > rest.len() {
            return false;
        }
        rest = rest.get(length..).unwrap_or_default();
        first = false;
    }
    !first && rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::{Heard, MAX_REPORT_BYTES, Sent, is_report, write};

    #[test]
    fn every_report_is_one_and_fits() {
        let sent = Sent { ntp: 1 << 40, timestamp: 7, packets: 8, octets: 9 };
        let heard = Heard { ssrc: 5, fraction_lost: 3, lost: 1 << 40, highest: 77, jitter: 6 };
        let mut out = Vec::new();
        for (sent, heard) in [(None, None), (Some(sent), None), (None, Some(heard)), (Some(sent), Some(heard))] {
            write(0xabcd_0123, sent, heard, &mut out);
            assert!(is_report(&out), "{out:?}");
            assert!(out.len() <= MAX_REPORT_BYTES, "{}", out.len());
            assert!(out.windows(8).any(|window| window == b"abcd0123"));
            assert!(!is_report(&out[..out.len() - 1]));
        }
    }

    #[test]
    fn rtp_and_scraps_are_no_reports() {
        assert!(!is_report(&[]));
        assert!(!is_report(&[0x80, 0, 0, 1, 0, 0, 0, 0]));
        assert!(!is_report(&[0x80, 202, 0, 0]));
        assert!(!is_report(&[0x00, 200, 0, 0]));
    }
}
