//! One media thread.
//!
//! **The clock.** Time is cut into slots of 5 ms, at absolute times from the thread's start, so nothing drifts. Each
//! session ticks in every fourth slot and has its sockets read in every second, so work is spread. A late slot is
//! worked off at once, and those after it without a pause until the thread is in time again: every frame is sent. A
//! thread that is more than 100 ms behind (the machine was stopped) skips what it missed, and counts it; timestamps go
//! on without a gap.

use crate::event::{MediaEvent, PlayOutcome, PlaySource, SessionId};
use crate::record::{RecordItem, Tap};
use crate::sdp::Agreed;
use crate::session::bridge::BridgeEnd;
use crate::session::{Session, Wire};
use crate::stats::{SharedPlaneStats, SharedSessionStats};
use std::collections::{BTreeMap, VecDeque};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::TrySendError;

const SLOT_US: u64 = 5_000;
/// Slots in a tick of 20 ms.
pub(super) const SLOTS: u64 = 4;
/// Further behind than this, slots are skipped.
const MAX_BEHIND_US: u64 = 100_000;
/// A frame later than this counts as late.
const LATE_US: u64 = 5_000;
/// Datagrams read from a socket at a time: a flood must not cost the others their time.
const READS: usize = 16;
/// Octets of the largest datagram that can be one of ours.
const MAX_DATAGRAM: usize = 1_500;
/// Events that wait for a slow receiver; further ones are dropped, and counted, but for the ends of playing: somebody
/// waits for each, and there are no more of them than plays that were commanded.
const MAX_EVENTS: usize = 1_024;

/// What the handle shares with a running session.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) stats: SharedSessionStats,
    /// A flag, since a full queue must not keep a session open.
    pub(super) closed: AtomicBool,
    /// The same: the call is answered.
    pub(super) started: AtomicBool,
}

pub(super) struct Running {
    pub(super) session: Session,
    pub(super) slot: u64,
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    pub(super) shared: Arc<Shared>,
}

pub(super) enum Command {
    Open(u64, Box<Running>),
    Configure(u64, Agreed),
    Play(u64, u64, PlaySource),
    Stop(u64),
    Digits { session: u64, digits: String, duration_ms: u32, gap_ms: u32 },
    Bridge(u64, Option<Box<BridgeEnd>>),
    Record(u64, Option<Tap>),
}

pub(super) struct MediaThread {
    pub(super) commands: Receiver<Command>,
    pub(super) events: tokio::sync::mpsc::Sender<MediaEvent>,
    pub(super) stats: Arc<SharedPlaneStats>,
    sessions: BTreeMap<u64, Box<Running>>,
    pending: Vec<MediaEvent>,
    unsent: VecDeque<MediaEvent>,
    /// Recordings whose end the writer doesn't know yet.
    ending: Vec<Tap>,
    /// Closed, and to be dropped after the walk through the sessions.
    closed: Vec<u64>,
}

struct Sockets<'a> {
    rtp: &'a UdpSocket,
    rtcp: &'a UdpSocket,
}

impl Wire for Sockets<'_> {
    fn rtp(&mut self, packet: &[u8], to: SocketAddr) -> bool {
        self.rtp.send_to(packet, to).is_ok()
    }

    fn rtcp(&mut self, packet: &[u8], to: SocketAddr) {
        // The next report says the same.
        let _lost = self.rtcp.send_to(packet, to);
    }
}

impl MediaThread {
    pub(super) fn new(
        commands: Receiver<Command>,
        events: tokio::sync::mpsc::Sender<MediaEvent>,
        stats: Arc<SharedPlaneStats>,
    ) -> Self {
        let (sessions, pending, unsent) = (BTreeMap::new(), Vec::with_capacity(64), VecDeque::new());
        Self { commands, events, stats, sessions, pending, unsent, ending: Vec::new(), closed: Vec::new() }
    }

    /// Until the last handle is gone.
    pub(super) fn run(mut self) {
        let start = Instant::now();
        let mut slot = 0;
        loop {
            let due_us = slot * SLOT_US;
            let now_us = elapsed_us(start);
            if now_us < due_us {
                std::thread::sleep(Duration::from_micros(due_us - now_us));
            } else if now_us - due_us > MAX_BEHIND_US {
                let skipped = (now_us - due_us) / SLOT_US;
                self.stats.skipped_slots.fetch_add(skipped, Relaxed);
                slot += skipped;
            }
            if !self.obey(elapsed_us(start)) {
                return;
            }
            self.work(start, slot);
            slot += 1;
        }
    }

    fn work(&mut self, start: Instant, slot: u64) {
        let (due_us, begun_us) = (slot * SLOT_US, elapsed_us(start));
        let Self { sessions, pending, ending, closed, stats, .. } = self;
        for (id, running) in sessions.iter_mut() {
            let phase = (slot + running.slot) % SLOTS;
            if !phase.is_multiple_of(2) {
                continue;
            }
            let now_us = elapsed_us(start);
            if running.shared.started.load(Relaxed) {
                running.session.start(now_us);
            }
            running.read(now_us, pending);
            if phase != 0 {
                continue;
            }
            if running.shared.closed.load(Relaxed) {
                running.session.stop(pending);
                ending.extend(running.session.record(None));
                closed.push(*id);
                continue;
            }
            let late_us = now_us.saturating_sub(due_us);
            stats.late(late_us, 1);
            running.tick(now_us, late_us, pending);
        }
        for id in self.closed.drain(..) {
            self.sessions.remove(&id);
        }
        self.ending.retain_mut(|tap| !tap.send(RecordItem::Stop));
        self.report();
        let busy_us = elapsed_us(start).saturating_sub(begun_us);
        self.stats.slots.fetch_add(1, Relaxed);
        self.stats.busy_us.fetch_add(busy_us, Relaxed);
        self.stats.max_slot_us.fetch_max(busy_us, Relaxed);
    }

    fn report(&mut self) {
        for event in self.pending.drain(..) {
            if self.unsent.len() < MAX_EVENTS || matches!(event, MediaEvent::PlayFinished { .. }) {
                self.unsent.push_back(event);
            } else {
                self.stats.events_dropped.fetch_add(1, Relaxed);
            }
        }
        while !self.unsent.is_empty() {
            let place = match self.events.try_reserve() {
                Ok(place) => place,
                Err(TrySendError::Full(())) => return,
                // Nobody is left to tell.
                Err(TrySendError::Closed(())) => return self.unsent.clear(),
            };
            if let Some(event) = self.unsent.pop_front() {
                place.send(event);
            }
        }
    }

    /// False once nobody can command any more.
    fn obey(&mut self, now_us: u64) -> bool {
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.perform(command, now_us),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn perform(&mut self, command: Command, now_us: u64) {
        let (id, command) = match command {
            Command::Open(id, running) => {
                self.sessions.insert(id, running);
                return;
            }
            Command::Configure(id, _)
            | Command::Play(id, ..)
            | Command::Stop(id)
            | Command::Digits { session: id, .. }
            | Command::Bridge(id, _)
            | Command::Record(id, _) => (id, command),
        };
        let Some(running) = self.sessions.get_mut(&id) else {
            // Closed meanwhile: nothing to do, but a play that was taken has its end.
            if let Command::Play(_, play, _) = command {
                let (session, outcome) = (SessionId(id), PlayOutcome::Stopped);
                self.pending.push(MediaEvent::PlayFinished { session, play, outcome, played_ms: 0 });
            }
            return;
        };
        let session = &mut running.session;
        match command {
            Command::Open(..) => {}
            Command::Configure(_, agreed) => session.configure(agreed, now_us),
            Command::Play(_, play, source) => session.play(play, source, &mut self.pending),
            Command::Stop(_) => session.stop(&mut self.pending),
            Command::Digits { digits, duration_ms, gap_ms, .. } => {
                digits.chars().for_each(|digit| session.send_digit(digit, duration_ms, gap_ms));
            }
            Command::Bridge(_, end) => session.bridge(end.map(|end| *end)),
            Command::Record(_, tap) => self.ending.extend(session.record(tap)),
        }
    }
}

impl Running {
    fn read(&mut self, now_us: u64, events: &mut Vec<MediaEvent>) {
        let mut buffer = [0; MAX_DATAGRAM];
        for _ in 0..READS {
            // WouldBlock, or an error that the next read doesn't have.
            let Ok((length, from)) = self.rtp.recv_from(&mut buffer) else { break };
            self.session.on_packet(now_us, buffer.get(..length).unwrap_or_default(), from, events);
        }
    }

    fn tick(&mut self, now_us: u64, late_us: u64, events: &mut Vec<MediaEvent>) {
        let mut buffer = [0; MAX_DATAGRAM];
        // One a tick: reports come every few seconds.
        if let Ok((length, from)) = self.rtcp.recv_from(&mut buffer) {
            self.session.on_report(now_us, buffer.get(..length).unwrap_or_default(), from);
        }
        let mut wire = Sockets { rtp: &self.rtp, rtcp: &self.rtcp };
        self.session.tick(now_us, &mut wire, events);
        let stats = &mut self.session.stats;
        stats.sent_late_frames += u64::from(late_us > LATE_US);
        stats.max_late_us = stats.max_late_us.max(late_us);
        self.shared.stats.store(stats);
    }
}

fn elapsed_us(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(room: usize) -> (MediaThread, tokio::sync::mpsc::Receiver<MediaEvent>) {
        let (_commands, received) = std::sync::mpsc::sync_channel(1);
        let (events, told) = tokio::sync::mpsc::channel(room);
        (MediaThread::new(received, events, Arc::default()), told)
    }

    #[test]
    fn the_end_of_playing_is_told_however_slow_the_receiver_is() {
        let (mut thread, mut told) = thread(1);
        let session = SessionId(1);
        let digit = MediaEvent::Digit { session, digit: '1', duration_ms: 100 };
        thread.pending.extend(std::iter::repeat_n(digit, MAX_EVENTS + 10));
        // A play that was commanded as the session closed has an end too.
        thread.perform(Command::Play(1, 7, PlaySource { clips: vec![], repeat: false }), 0);
        let mut ends = 0;
        for _ in 0..2 * MAX_EVENTS {
            thread.report();
            let event = told.try_recv();
            ends += usize::from(matches!(event, Ok(MediaEvent::PlayFinished { play: 7, .. })));
        }
        assert_eq!(ends, 1);
        assert_eq!(thread.stats.events_dropped.load(Relaxed), 10, "what may be lost is bounded");
        drop(told);
        thread.perform(Command::Play(1, 8, PlaySource { clips: vec![], repeat: false }), 0);
        thread.report();
        assert!(thread.unsent.is_empty(), "nobody is left to tell");
    }
}
