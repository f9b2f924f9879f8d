//! What the rest of the host calls. Nothing here waits: descriptions are handled where they come in, the rest goes to
//! the session's thread through a bounded queue. A command that doesn't fit is dropped, counted and logged.

use super::ports;
use super::thread::{Command, MediaThread, Running, SLOTS, Shared};
use crate::config::{MediaConfig, MediaError};
use crate::event::{BridgeOptions, MediaEvent, PlaySource, RecordingPaths, SessionId};
use crate::record::{self, Message, Tap};
use crate::sdp::{Agreed, Local, Negotiator, SdpError, read};
use crate::session::{Seeds, Session, bridge};
use crate::stats::{PlaneStats, SessionStats, SharedPlaneStats};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Commands a thread may have waiting.
const COMMANDS: usize = 4_096;

/// All media of a host.
pub struct MediaPlane;

impl MediaPlane {
    /// Starts the threads. They end when the last handle is gone.
    ///
    /// # Errors
    /// [`MediaError::NoAdvertisedAddress`], [`MediaError::Thread`]
    pub fn start(
        config: MediaConfig,
        events: tokio::sync::mpsc::Sender<MediaEvent>,
    ) -> Result<MediaHandle, MediaError> {
        let advertised = config.advertised_ip.unwrap_or(config.bind_ip);
        if advertised.is_unspecified() {
            return Err(MediaError::NoAdvertisedAddress);
        }
        let recorder = record::start(events.clone()).map_err(MediaError::Thread)?;
        let start = |index| {
            let (commands, received) = sync_channel(COMMANDS);
            let stats = Arc::<SharedPlaneStats>::default();
            let thread = MediaThread::new(received, events.clone(), Arc::clone(&stats));
            let named = std::thread::Builder::new().name(format!("media-{index}"));
            named.spawn(move || thread.run()).map_err(MediaError::Thread)?;
            Ok(Link { commands, stats })
        };
        let threads = (0..config.threads.max(1)).map(start).collect::<Result<_, _>>()?;
        let inner = Inner {
            config,
            advertised,
            threads,
            recorder,
            events,
            sessions: Mutex::default(),
            next_session: AtomicU64::new(1),
            next_recording: AtomicU64::new(1),
            port_cursor: AtomicU32::new(0),
        };
        Ok(MediaHandle { inner: Arc::new(inner) })
    }
}

struct Link {
    commands: SyncSender<Command>,
    stats: Arc<SharedPlaneStats>,
}

struct Entry {
    thread: usize,
    shared: Arc<Shared>,
    negotiator: Mutex<Negotiator>,
}

struct Inner {
    config: MediaConfig,
    advertised: IpAddr,
    threads: Vec<Link>,
    recorder: SyncSender<Message>,
    events: tokio::sync::mpsc::Sender<MediaEvent>,
    sessions: Mutex<BTreeMap<u64, Arc<Entry>>>,
    next_session: AtomicU64,
    next_recording: AtomicU64,
    port_cursor: AtomicU32,
}

/// The way to the media threads. Cloning is cheap, and no call waits for them.
#[derive(Clone)]
pub struct MediaHandle {
    inner: Arc<Inner>,
}

impl MediaHandle {
    /// Opens a session, with its ports. Nothing flows before a description is accepted, and [`MediaHandle::start`].
    ///
    /// # Errors
    /// [`MediaError::Full`], [`MediaError::NoPorts`], [`MediaError::Busy`]
    pub fn open(&self) -> Result<SessionId, MediaError> {
        let inner = &self.inner;
        let mut sessions = inner.lock();
        if sessions.len() >= inner.config.max_sessions {
            return Err(MediaError::Full(sessions.len()));
        }
        let pair = ports::bind(&inner.config, &inner.port_cursor)?;
        let id = inner.next_session.fetch_add(1, Relaxed);
        let threads = inner.threads.len() as u64;
        let thread = (id % threads) as usize;
        let seeds = Seeds { ssrc: rand::random(), sequence: rand::random(), timestamp: rand::random() };
        let no_media_us = u64::try_from(inner.config.no_media_timeout.as_micros()).unwrap_or(u64::MAX);
        let shared = Arc::<Shared>::default();
        let running = Running {
            session: Session::new(SessionId(id), seeds, no_media_us),
            slot: id / threads % SLOTS,
            rtp: pair.rtp,
            rtcp: pair.rtcp,
            shared: Arc::clone(&shared),
        };
        if !inner.command(thread, Command::Open(id, Box::new(running))) {
            return Err(MediaError::Busy);
        }
        // Within 63 bits: some read o= as a signed number.
        let local = Local { rtp: SocketAddr::new(inner.advertised, pair.port), id: rand::random::<u64>() >> 1 };
        sessions.insert(id, Arc::new(Entry { thread, shared, negotiator: Mutex::new(Negotiator::new(local)) }));
        Ok(SessionId(id))
    }

    /// Our offer: PCMU, PCMA and telephone-events. For a call, and for every re-offer.
    ///
    /// # Errors
    /// [`MediaError::NoSession`]
    pub fn create_offer(&self, session: SessionId) -> Result<String, MediaError> {
        let entry = self.inner.entry(session).ok_or(MediaError::NoSession)?;
        Ok(entry.negotiator().offer())
    }

    /// Their offer, first or anew; our answer. If it fails, all stays as it was.
    ///
    /// # Errors
    /// [`SdpError`]
    pub fn accept_offer(&self, session: SessionId, sdp: &[u8]) -> Result<String, SdpError> {
        let entry = self.inner.entry(session).ok_or(SdpError::NoSession)?;
        let remote = read(sdp)?;
        let (answer, agreed) = entry.negotiator().answer(&remote)?;
        self.configure(&entry, session, agreed)?;
        Ok(answer)
    }

    /// Their answer to our offer.
    ///
    /// # Errors
    /// [`SdpError`]
    pub fn accept_answer(&self, session: SessionId, sdp: &[u8]) -> Result<(), SdpError> {
        let entry = self.inner.entry(session).ok_or(SdpError::NoSession)?;
        let remote = read(sdp)?;
        let agreed = entry.negotiator().answered(&remote)?;
        self.configure(&entry, session, agreed)
    }

    /// The call is answered (RFC 3261 §13: our 200 is acknowledged, or theirs came): media may flow. Until then nothing
    /// is sent, only the address that the description names is heard, and nobody misses media that doesn't come; what
    /// is played or pressed waits. Never lost, whatever the load; again changes nothing.
    pub fn start(&self, session: SessionId) {
        if let Some(entry) = self.inner.entry(session) {
            entry.shared.started.store(true, Relaxed);
        }
    }

    /// Puts the peer on hold, or takes it off: what it says isn't heard from now on. The peer learns it by the next
    /// offer.
    pub fn set_hold(&self, session: SessionId, held: bool) {
        let Some(entry) = self.inner.entry(session) else { return };
        let agreed = entry.negotiator().set_held(held);
        if let Some(agreed) = agreed {
            self.inner.command(entry.thread, Command::Configure(session.0, agreed));
        }
    }

    /// Plays these clips; what plays is interrupted. The number comes back in [`MediaEvent::PlayFinished`], which
    /// is never lost. Before a description is accepted and the session started, it waits. False if the session is closed or its thread's queue full: then nothing
    /// plays, and no event follows.
    pub fn play(&self, session: SessionId, play: u64, source: PlaySource) -> bool {
        self.command(session, Command::Play(session.0, play, source))
    }

    /// Stops what plays.
    pub fn stop(&self, session: SessionId) {
        self.command(session, Command::Stop(session.0));
    }

    /// Presses keys (`0-9*#A-D`), each for `duration_ms` (40 to 8,000) with `gap_ms` (20 to 8,000) after it. At most
    /// 64 may wait. To a peer that takes no telephone-events, as tones.
    pub fn send_digits(&self, session: SessionId, digits: &str, duration_ms: u32, gap_ms: u32) {
        let digits = digits.chars().take(64).collect();
        self.command(session, Command::Digits { session: session.0, digits, duration_ms, gap_ms });
    }

    /// Connects two sessions: each hears the other, digits included. Whatever they were bridged to before is left.
    /// False if one of them is closed (or both are the same) or its thread's queue full: then neither hears the other.
    pub fn bridge(&self, a: SessionId, b: SessionId) -> bool {
        self.bridge_with(a, b, BridgeOptions::default())
    }

    /// As [`MediaHandle::bridge`].
    pub fn bridge_with(&self, a: SessionId, b: SessionId, options: BridgeOptions) -> bool {
        if a == b {
            return false;
        }
        let (to_a, to_b) = bridge::pair(options.relay_digits);
        // If only one is taken, its end finds the other gone, and ends by itself.
        self.command(a, Command::Bridge(a.0, Some(Box::new(to_a))))
            && self.command(b, Command::Bridge(b.0, Some(Box::new(to_b))))
    }

    /// Ends the bridge that this session is part of; both sides hear silence, or what plays.
    pub fn unbridge(&self, session: SessionId) {
        self.command(session, Command::Bridge(session.0, None));
    }

    /// Records from now on; a recording that runs is finished.
    pub fn record(&self, session: SessionId, paths: RecordingPaths) {
        let Some(entry) = self.inner.entry(session) else { return };
        let id = self.inner.next_recording.fetch_add(1, Relaxed);
        if self.inner.recorder.try_send(Message::Start { id, session, paths }).is_err() {
            let reason = "the recorder is busy".to_owned();
            let _full = self.inner.events.try_send(MediaEvent::RecordingFailed { session, reason });
            return;
        }
        let tap = Tap::new(id, self.inner.recorder.clone());
        self.inner.command(entry.thread, Command::Record(session.0, Some(tap)));
    }

    /// Finishes the recording.
    pub fn stop_recording(&self, session: SessionId) {
        self.command(session, Command::Record(session.0, None));
    }

    /// Ends the session and frees its ports, within a tick. What plays is reported stopped.
    pub fn close(&self, session: SessionId) {
        if let Some(entry) = self.inner.lock().remove(&session.0) {
            entry.shared.closed.store(true, Relaxed);
        }
    }

    /// A session's figures. None once it is closed.
    pub fn stats(&self, session: SessionId) -> Option<SessionStats> {
        Some(self.inner.entry(session)?.shared.stats.load())
    }

    /// The whole plane's figures.
    pub fn plane_stats(&self) -> PlaneStats {
        let mut sum = PlaneStats { sessions: self.inner.lock().len() as u64, ..PlaneStats::default() };
        self.inner.threads.iter().for_each(|thread| thread.stats.add_to(&mut sum));
        sum
    }

    fn configure(&self, entry: &Entry, session: SessionId, agreed: Agreed) -> Result<(), SdpError> {
        let taken = self.inner.command(entry.thread, Command::Configure(session.0, agreed));
        if taken { Ok(()) } else { Err(SdpError::Busy) }
    }

    fn command(&self, session: SessionId, command: Command) -> bool {
        self.inner.entry(session).is_some_and(|entry| self.inner.command(entry.thread, command))
    }
}

impl Entry {
    fn negotiator(&self) -> MutexGuard<'_, Negotiator> {
        // Poisoned or not: every step leaves it whole.
        self.negotiator.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Entry>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, session: SessionId) -> Option<Arc<Entry>> {
        self.lock().get(&session.0).cloned()
    }

    fn command(&self, thread: usize, command: Command) -> bool {
        let Some(link) = self.threads.get(thread) else { return false };
        let taken = link.commands.try_send(command).is_ok();
        if !taken {
            link.stats.commands_dropped.fetch_add(1, Relaxed);
            tracing::warn!(thread, "a media thread's queue is full: a command was dropped");
        }
        taken
    }
}
