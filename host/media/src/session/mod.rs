//! One media session, without sockets, threads or a clock: packets and ticks in, packets and events out.

pub(crate) mod bridge;
mod latch;
mod player;
mod receive;
mod send;

use crate::codec::{Codec, Frame, SILENCE};
use crate::event::{MediaEvent, PlayOutcome, PlaySource, SessionId};
use crate::record::{RecordItem, Tap};
use crate::rtp::dtmf_in::DtmfReceiver;
use crate::rtp::dtmf_out::DtmfSender;
use crate::rtp::jitter::JitterBuffer;
use crate::rtp::reception::Reception;
use crate::sdp::Agreed;
use crate::stats::SessionStats;
use bridge::BridgeEnd;
use latch::Latch;
use player::Player;

/// What must be random: chosen by the one who makes the session (RFC 3550 §5.1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeds {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
}

/// Where a session's packets go: the socket, or a test.
pub(crate) trait Wire {
    /// False if it wasn't taken.
    fn rtp(&mut self, packet: &[u8], to: std::net::SocketAddr) -> bool;
    fn rtcp(&mut self, packet: &[u8], to: std::net::SocketAddr);
}

pub(crate) struct Session {
    id: SessionId,
    /// The call is answered: media may flow.
    started: bool,
    agreed: Option<Agreed>,
    latch: Latch,
    // Heard.
    reception: Option<Reception>,
    jitter: JitterBuffer,
    dtmf_in: DtmfReceiver,
    first_packet: bool,
    alive_us: u64,
    no_media_us: u64,
    no_media_reported: bool,
    // Said.
    seeds: Seeds,
    sequence: u16,
    timestamp: u32,
    marker: bool,
    dtmf_out: DtmfSender,
    player: Option<Player>,
    bridge: Option<BridgeEnd>,
    next_report_us: u64,
    report: Vec<u8>,
    tap: Option<Tap>,
    pub(crate) stats: SessionStats,
}

impl Session {
    pub(crate) fn new(id: SessionId, seeds: Seeds, no_media_us: u64) -> Self {
        Self {
            id,
            started: false,
            agreed: None,
            latch: Latch::default(),
            reception: None,
            jitter: JitterBuffer::new(),
            dtmf_in: DtmfReceiver::default(),
            first_packet: false,
            alive_us: 0,
            no_media_us,
            no_media_reported: false,
            seeds,
            sequence: seeds.sequence,
            timestamp: seeds.timestamp,
            marker: true,
            dtmf_out: DtmfSender::new(),
            player: None,
            bridge: None,
            next_report_us: 0,
            report: Vec::with_capacity(crate::rtp::rtcp::MAX_REPORT_BYTES),
            tap: None,
            stats: SessionStats { ssrc: u64::from(seeds.ssrc), ..SessionStats::default() },
        }
    }

    /// What was agreed, first or anew. Sequence, timestamp and source go on.
    pub(crate) fn configure(&mut self, agreed: Agreed, now_us: u64) {
        let received = self.agreed.is_some_and(|before| before.direction.receives());
        if agreed.direction.receives() && !received {
            self.alive_us = now_us;
            self.no_media_reported = false;
        }
        self.latch.signal(agreed.remote);
        self.agreed = Some(agreed);
    }

    /// The call is answered: from now on it sends, latches, and misses what doesn't come. Once; again changes nothing.
    pub(crate) fn start(&mut self, now_us: u64) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        self.latch.start();
        (self.alive_us, self.no_media_reported) = (now_us, false);
        self.next_report_us = now_us + send::REPORT_EVERY_US / 2;
    }

    pub(crate) fn play(&mut self, play: u64, source: PlaySource, events: &mut Vec<MediaEvent>) {
        let before = self.player.replace(Player::new(play, source));
        events.extend(before.map(|player| player.finished(self.id, PlayOutcome::Interrupted)));
    }

    pub(crate) fn stop(&mut self, events: &mut Vec<MediaEvent>) {
        events.extend(self.player.take().map(|player| player.finished(self.id, PlayOutcome::Stopped)));
    }

    pub(crate) fn send_digit(&mut self, digit: char, duration_ms: u32, gap_ms: u32) {
        self.stats.digits_dropped += u64::from(!self.dtmf_out.push(digit, duration_ms, gap_ms));
    }

    pub(crate) fn bridge(&mut self, end: Option<BridgeEnd>) {
        self.bridge = end;
    }

    /// The tap before, which must be told its end.
    pub(crate) fn record(&mut self, tap: Option<Tap>) -> Option<Tap> {
        std::mem::replace(&mut self.tap, tap)
    }

    /// 20 ms pass: what was heard moves on, one frame is sent.
    pub(crate) fn tick(&mut self, now_us: u64, wire: &mut impl Wire, events: &mut Vec<MediaEvent>) {
        let mut heard = SILENCE;
        self.hear(now_us, &mut heard, events);
        let said = self.say(wire, events);
        self.report(now_us, wire);
        if let Some(tap) = &mut self.tap {
            self.stats.recording_dropped += u64::from(!tap.send(RecordItem::Sound { heard, said }));
        }
    }

    fn codec(&self) -> Codec {
        self.agreed.map_or(Codec::Pcmu, |agreed| agreed.codec)
    }

    /// What the bridge brings. The bridge ends when the other side's end is gone.
    fn cross(&mut self) -> Option<Frame> {
        let taken = self.bridge.as_mut()?.take();
        for (digit, duration_ms) in taken.digits.into_iter().flatten() {
            self.send_digit(digit, duration_ms, 60);
        }
        if taken.ended && taken.sound.is_none() {
            self.bridge = None;
        }
        taken.sound
    }
}
