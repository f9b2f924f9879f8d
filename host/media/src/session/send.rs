//! What a session says: one packet a tick, whatever there is to say, so that the peer's clock and the NATs hold.

use super::{Session, Wire};
use crate::codec::{FRAME_SAMPLES, Frame, SILENCE};
use crate::event::{MediaEvent, PlayOutcome};
use crate::rtp::dtmf_out::DtmfTick;
use crate::rtp::{HEADER_BYTES, Header, rtcp};
use std::time::{SystemTime, UNIX_EPOCH};

/// Between reports (RFC 3550 §6.2: five seconds).
pub(super) const REPORT_EVERY_US: u64 = 5_000_000;
/// Seconds from 1900 to 1970.
const NTP_EPOCH_S: u64 = 2_208_988_800;
const PACKET_BYTES: usize = HEADER_BYTES + FRAME_SAMPLES;

impl Session {
    /// One frame. The timestamp moves on in any case: it is the clock.
    pub(super) fn say(&mut self, wire: &mut impl Wire, events: &mut Vec<MediaEvent>) -> Frame {
        let crossed = self.cross();
        // Nobody hears it yet: what is to be played waits.
        let Some(agreed) = self.agreed.filter(|_| self.started) else { return SILENCE };
        let mut frame = crossed.unwrap_or(SILENCE);
        if let Some(player) = &mut self.player
            && player.fill(&mut frame)
        {
            events.extend(self.player.take().map(|player| player.finished(self.id, PlayOutcome::Completed)));
        }
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(FRAME_SAMPLES as u32);
        if !agreed.direction.sends() {
            // RFC 3551 §4.1: the first packet after silence carries the marker.
            self.marker = true;
            return SILENCE;
        }
        match agreed.dtmf_send {
            None => {
                self.dtmf_out.tick_in_band(&mut frame);
            }
            Some(payload_type) => match self.dtmf_out.tick(timestamp) {
                DtmfTick::None => {}
                DtmfTick::Gap => frame = SILENCE,
                DtmfTick::Event { payload, timestamp, marker } => {
                    self.send(wire, Header { marker, payload_type, ..self.header(timestamp) }, &payload);
                    return SILENCE;
                }
            },
        }
        let codec = self.codec();
        let payload: [u8; FRAME_SAMPLES] = frame.map(|sample| codec.encode(sample));
        let header = self.header(timestamp);
        self.send(wire, header, &payload);
        self.marker = false;
        frame
    }

    fn header(&self, timestamp: u32) -> Header {
        let payload_type = self.agreed.map_or(0, |agreed| agreed.send_type);
        Header { marker: self.marker, payload_type, sequence: self.sequence, timestamp, ssrc: self.seeds.ssrc }
    }

    fn send(&mut self, wire: &mut impl Wire, header: Header, payload: &[u8]) {
        let Some(target) = self.latch.target() else { return };
        let mut packet = [0; PACKET_BYTES];
        let length = HEADER_BYTES + payload.len();
        header.bytes().iter().chain(payload).zip(&mut packet).for_each(|(byte, place)| *place = *byte);
        let taken = wire.rtp(packet.get(..length).unwrap_or_default(), target);
        self.stats.send_errors += u64::from(!taken);
        self.stats.packets_sent += 1;
        self.stats.bytes_sent += length as u64;
        self.stats.last_sequence = u64::from(header.sequence);
        self.stats.last_timestamp = u64::from(header.timestamp);
        self.sequence = header.sequence.wrapping_add(1);
    }

    /// A report, when its time has come.
    pub(super) fn report(&mut self, now_us: u64, wire: &mut impl Wire) {
        let Some(remote) = self.agreed.and_then(|agreed| agreed.remote_rtcp) else { return };
        if !self.started || now_us < self.next_report_us {
            return;
        }
        // Spread by the source, so that sessions opened together don't report together (RFC 3550 §6.3.1).
        self.next_report_us = now_us + REPORT_EVERY_US + u64::from(self.seeds.ssrc ^ self.timestamp) % 1_000_000;
        let sent = (self.stats.packets_sent > 0).then(|| rtcp::Sent {
            ntp: ntp_now(),
            timestamp: self.timestamp,
            packets: self.stats.packets_sent as u32,
            octets: (self.stats.bytes_sent - self.stats.packets_sent * HEADER_BYTES as u64) as u32,
        });
        let heard = self.reception.as_mut().map(|reception| rtcp::Heard {
            ssrc: reception.ssrc,
            fraction_lost: reception.fraction_lost(),
            lost: reception.lost(),
            highest: reception.highest(),
            jitter: reception.jitter_samples() as u32,
        });
        rtcp::write(self.seeds.ssrc, sent, heard, &mut self.report);
        wire.rtcp(&self.report, remote);
    }
}

fn ntp_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    ((now.as_secs() + NTP_EPOCH_S) << 32) | ((u64::from(now.subsec_nanos()) << 32) / 1_000_000_000)
}
