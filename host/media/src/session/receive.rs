//! What a session hears.

use super::Session;
use super::bridge::Crossing;
use crate::codec::{Codec, FRAME_SAMPLES, Frame};
use crate::event::MediaEvent;
use crate::rtp::dtmf_in::Digit;
use crate::rtp::jitter::Inserted;
use crate::rtp::reception::{Reception, Verdict};
use crate::rtp::rtcp::is_report;
use rtp_types::RtpPacket;
use std::net::SocketAddr;

/// Samples of the longest packet taken: 60 ms, and some.
const MAX_SAMPLES: usize = 1_000;
/// A louder sample than this (-40 dBm0 or so) is sound.
const LOUD: u16 = 200;

/// What a packet carries.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Audio(Codec),
    Event,
}

impl Session {
    /// A datagram on the RTP port.
    pub(crate) fn on_packet(&mut self, now_us: u64, data: &[u8], from: SocketAddr, events: &mut Vec<MediaEvent>) {
        if self.agreed.is_none() {
            return;
        }
        // RFC 5761 §4: on one port they are told apart by their second octet.
        if data.get(1).is_some_and(|kind| (192..=223).contains(kind)) {
            return self.on_report(now_us, data, from);
        }
        let Ok(packet) = RtpPacket::parse(data) else {
            self.stats.malformed += 1;
            return;
        };
        let kind = self.kind(packet.payload_type()).filter(|_| packet.payload().len() <= MAX_SAMPLES);
        let Some(kind) = kind else {
            self.stats.malformed += 1;
            return;
        };
        if !self.latch.accepts(from, packet.ssrc(), now_us) {
            self.stats.foreign += 1;
            return;
        }
        self.alive_us = now_us;
        self.no_media_reported = false;
        self.stats.packets_received += 1;
        self.stats.bytes_received += data.len() as u64;
        if !std::mem::replace(&mut self.first_packet, true) {
            events.push(MediaEvent::FirstPacket { session: self.id });
        }
        match self.count(&packet) {
            Verdict::New => self.take(now_us, &packet, kind, events),
            Verdict::Duplicate => self.stats.duplicates += 1,
            Verdict::TooOld => self.stats.discarded_late += 1,
        }
    }

    /// A datagram on the RTCP port. It shows that the peer lives, which is all we want of it.
    pub(crate) fn on_report(&mut self, now_us: u64, data: &[u8], from: SocketAddr) {
        let ours = self.latch.target().is_some_and(|peer| peer.ip() == from.ip());
        if !ours {
            self.stats.foreign += 1;
        } else if is_report(data) {
            self.alive_us = now_us;
        } else {
            self.stats.malformed += 1;
        }
    }

    fn kind(&self, payload_type: u8) -> Option<Kind> {
        let agreed = self.agreed?;
        if agreed.dtmf_receive == Some(payload_type) {
            return Some(Kind::Event);
        }
        if agreed.receive_type == payload_type {
            return Some(Kind::Audio(agreed.codec));
        }
        // A peer may change between what it offered (RFC 3264 §5.1).
        [Codec::Pcmu, Codec::Pcma].into_iter().find(|codec| codec.payload_type() == payload_type).map(Kind::Audio)
    }

    fn count(&mut self, packet: &RtpPacket<'_>) -> Verdict {
        let (ssrc, sequence) = (packet.ssrc(), packet.sequence_number());
        if self.reception.as_ref().is_none_or(|known| known.ssrc != ssrc) {
            self.reception = Some(Reception::new(ssrc, sequence));
            self.jitter.reset();
            self.dtmf_in = Default::default();
        } else if self.reception.as_ref().is_some_and(|known| known.restarts(sequence)) {
            // Its timestamps may begin anew, below those of digits heard before.
            self.dtmf_in = Default::default();
        }
        self.reception.as_mut().map_or(Verdict::New, |reception| reception.on_packet(sequence))
    }

    fn take(&mut self, now_us: u64, packet: &RtpPacket<'_>, kind: Kind, events: &mut Vec<MediaEvent>) {
        let receives = self.agreed.is_some_and(|agreed| agreed.direction.receives());
        match kind {
            Kind::Audio(_) if !receives => {}
            Kind::Audio(codec) => {
                if let Some(reception) = &mut self.reception {
                    reception.measure(packet.timestamp(), now_us);
                    let samples = u32::try_from(packet.payload().len()).unwrap_or(0);
                    if !reception.goes_on(packet.sequence_number(), packet.timestamp(), samples) {
                        self.stats.timestamp_jumps += 1;
                    }
                }
                let samples = packet.payload().iter().map(|code| codec.decode(*code));
                match self.jitter.insert(packet.timestamp(), samples) {
                    Inserted::Stored => {}
                    Inserted::Late => self.stats.discarded_late += 1,
                }
            }
            Kind::Event => {
                self.jitter.hush();
                let digits = self.dtmf_in.on_event(packet.timestamp(), packet.payload(), now_us);
                digits.into_iter().flatten().for_each(|digit| self.on_digit(digit, events));
            }
        }
    }

    fn on_digit(&mut self, digit: Digit, events: &mut Vec<MediaEvent>) {
        let Digit { digit, duration_ms } = digit;
        if let Some(bridge) = self.bridge.as_ref().filter(|bridge| bridge.relay_digits) {
            bridge.send(Crossing::Digit { digit, duration_ms });
        }
        events.push(MediaEvent::Digit { session: self.id, digit, duration_ms });
    }

    /// The next 20 ms of what the peer says.
    pub(super) fn hear(&mut self, now_us: u64, heard: &mut Frame, events: &mut Vec<MediaEvent>) {
        if let Some(digit) = self.dtmf_in.on_time(now_us) {
            self.on_digit(digit, events);
        }
        self.jitter.pop(heard);
        self.stats.concealed = self.jitter.concealed() / FRAME_SAMPLES as u64;
        if heard.iter().any(|sample| sample.unsigned_abs() > LOUD) {
            self.stats.heard_ms += 20;
            self.stats.silent_ms = 0;
        } else {
            self.stats.silent_ms += 20;
        }
        if let Some(bridge) = &self.bridge {
            bridge.send(Crossing::Sound(*heard));
        }
        let receives = self.agreed.is_some_and(|agreed| agreed.direction.receives());
        let waits = self.started && receives && self.no_media_us > 0;
        if waits && !self.no_media_reported && now_us.saturating_sub(self.alive_us) > self.no_media_us {
            self.no_media_reported = true;
            events.push(MediaEvent::NoMedia { session: self.id });
        }
        self.stats.delay_ms = self.jitter.delay().unsigned_abs() * 20 / FRAME_SAMPLES as u64;
        if let Some(reception) = &self.reception {
            self.stats.lost = reception.lost();
            self.stats.jitter_ms = (reception.jitter_samples() / 8.0).round() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{MediaEvent, SessionId};
    use crate::sdp::{Local, Negotiator, read};
    use crate::session::{Seeds, Session};
    use std::net::SocketAddr;

    /// An event packet that ends a digit.
    fn key(sequence: u16, timestamp: u32, event: u8) -> Vec<u8> {
        let ([a, b], [c, d, e, f]) = (sequence.to_be_bytes(), timestamp.to_be_bytes());
        vec![0x80, 101, a, b, c, d, e, f, 0, 0, 0, 7, event, 0x8a, 3, 0x20]
    }

    #[test]
    fn digits_are_heard_after_the_source_began_anew() {
        let peer: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        let sdp = b"v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 4000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n";
        let (_, agreed) = Negotiator::new(Local { rtp: peer, id: 1 }).answer(&read(sdp).unwrap()).unwrap();
        let mut session = Session::new(SessionId(1), Seeds { ssrc: 1, sequence: 1, timestamp: 1 }, 0);
        session.configure(agreed, 0);
        session.start(0);
        let mut events = Vec::new();
        // The second is of the same source, but of another stream: numbers far away, times a little below.
        for (sequence, timestamp, event) in [(10, 20_000, 1), (40_000, 160, 2), (40_001, 160, 2)] {
            session.on_packet(1, &key(sequence, timestamp, event), peer, &mut events);
        }
        let digits: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                MediaEvent::Digit { digit, .. } => Some(*digit),
                _ => None,
            })
            .collect();
        assert_eq!(digits, ['1', '2']);
    }
}
