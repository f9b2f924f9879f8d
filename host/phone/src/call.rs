//! One call of a phone.

use crate::Line;
use cordboard_media::{Clip, MediaHandle, PlaySource, RecordingPaths, SessionId, SessionStats};
use cordboard_sip::CallId;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How far a call is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallState {
    /// Not answered yet.
    Ringing,
    /// Both sides hear each other.
    Answered,
    /// Over.
    Ended(CallEnd),
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// It never came about.
    Refused {
        /// The SIP status.
        code: u16,
        /// Its reason phrase.
        reason: String,
    },
    /// The caller gave up before we answered.
    Cancelled,
    /// The other side hung up.
    RemoteHungUp,
    /// We hung up.
    HungUp,
    /// It broke.
    Broken(String),
}

/// What the phone's task and the call's owner share.
pub(crate) struct Shared {
    pub(crate) call: CallId,
    pub(crate) session: SessionId,
    answer: Mutex<Option<String>>,
    /// The files' names up to `-heard.wav` and `-said.wav`.
    recordings: Option<PathBuf>,
    last_stats: Mutex<Option<SessionStats>>,
    state: watch::Sender<CallState>,
    digits: watch::Sender<String>,
    played: watch::Sender<u64>,
    next_play: AtomicU64,
}

impl Shared {
    pub(crate) fn new(call: CallId, session: SessionId, answer: Option<String>, recordings: Option<PathBuf>) -> Self {
        Self {
            call,
            session,
            answer: Mutex::new(answer),
            recordings,
            last_stats: Mutex::new(None),
            state: watch::Sender::new(CallState::Ringing),
            digits: watch::Sender::new(String::new()),
            played: watch::Sender::new(0),
            next_play: AtomicU64::new(1),
        }
    }

    fn answer(&self) -> MutexGuard<'_, Option<String>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn answered(&self, media: &MediaHandle, sdp: Option<&[u8]>) {
        if let Some(sdp) = sdp
            && let Err(cause) = media.accept_answer(self.session, sdp)
        {
            tracing::warn!(%cause, "the other side's answer can't be used");
        }
        // Later ones are of a re-offer.
        if *self.state.borrow() != CallState::Ringing {
            return;
        }
        if let Some(heard) = self.recording("heard") {
            media.record(self.session, RecordingPaths { heard: Some(heard), said: self.recording("said") });
        }
        media.start(self.session);
        self.state.send_replace(CallState::Answered);
    }

    fn recording(&self, what: &str) -> Option<PathBuf> {
        self.recordings.as_ref().map(|base| PathBuf::from(format!("{}-{what}.wav", base.display())))
    }

    pub(crate) fn ended(&self, how: CallEnd, stats: Option<SessionStats>) {
        *self.last_stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
        self.state.send_if_modified(|state| {
            let live = !matches!(state, CallState::Ended(_));
            if live {
                *state = CallState::Ended(how);
            }
            live
        });
    }

    pub(crate) fn digit(&self, digit: char) {
        self.digits.send_modify(|digits| digits.push(digit));
    }

    pub(crate) fn played(&self, play: u64) {
        self.played.send_if_modified(|latest| {
            let newer = play > *latest;
            *latest = play.max(*latest);
            newer
        });
    }
}

/// One call. Dropping it leaves the call as it is.
pub struct PhoneCall {
    shared: Arc<Shared>,
    line: Line,
    peer: String,
}

impl PhoneCall {
    pub(crate) fn new(shared: Arc<Shared>, line: Line, peer: String) -> Self {
        Self { shared, line, peer }
    }

    pub(crate) fn is(&self, call: CallId) -> bool {
        self.shared.call == call
    }

    /// The number called, or the caller's.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// How far it is.
    pub fn state(&self) -> CallState {
        self.shared.state.borrow().clone()
    }

    /// Answers a call that rings here.
    pub fn answer(&self) {
        let (sip, media) = (&self.line.sip, &self.line.media);
        let answer = self.shared.answer().take();
        match answer {
            Some(answer) => sip.answer(self.shared.call, answer.into()),
            None => match media.create_offer(self.shared.session) {
                Ok(offer) => sip.answer(self.shared.call, offer.into()),
                Err(cause) => tracing::warn!(%cause, "no offer could be made"),
            },
        }
    }

    /// Refuses a call that rings here.
    pub fn decline(&self) {
        self.line.sip.reject(self.shared.call, 603, "Decline", None);
        self.line.end(self.shared.call, CallEnd::HungUp);
    }

    /// Ends the call.
    pub fn hang_up(&self) {
        self.line.sip.hang_up(self.shared.call);
        self.line.end(self.shared.call, CallEnd::HungUp);
    }

    /// Whether it is answered within this time.
    pub async fn answered(&self, limit: Duration) -> bool {
        self.reaches(limit, |state| *state != CallState::Ringing).await && self.state() == CallState::Answered
    }

    /// How it ended, if it does within this time.
    pub async fn ended(&self, limit: Duration) -> Option<CallEnd> {
        self.reaches(limit, |state| matches!(state, CallState::Ended(_))).await;
        match self.state() {
            CallState::Ended(end) => Some(end),
            CallState::Ringing | CallState::Answered => None,
        }
    }

    async fn reaches(&self, limit: Duration, what: impl FnMut(&CallState) -> bool) -> bool {
        let mut state = self.shared.state.subscribe();
        tokio::time::timeout(limit, state.wait_for(what)).await.is_ok_and(|found| found.is_ok())
    }

    /// Presses keys, as RFC 4733 events of 100 ms with 100 ms between them.
    pub fn press(&self, keys: &str) {
        self.line.media.send_digits(self.shared.session, keys, 100, 100);
    }

    /// Keys heard so far.
    pub fn digits(&self) -> String {
        self.shared.digits.borrow().clone()
    }

    /// Says something, replacing what was being said. The number is for [`PhoneCall::said`].
    pub fn play(&self, clip: Arc<Clip>) -> u64 {
        let play = self.shared.next_play.fetch_add(1, Ordering::Relaxed);
        self.line.media.play(self.shared.session, play, PlaySource { clips: vec![clip], repeat: false });
        play
    }

    /// Whether what was said has ended within this time.
    pub async fn said(&self, play: u64, limit: Duration) -> bool {
        let mut played = self.shared.played.subscribe();
        tokio::time::timeout(limit, played.wait_for(|latest| *latest >= play)).await.is_ok_and(|found| found.is_ok())
    }

    /// Packets, losses, jumps of the timestamp, jitter; once the call is over, as they were at its end. For audio without
    /// a gap, `lost`, `duplicates`, `timestamp_jumps` and `concealed` are 0.
    pub fn stats(&self) -> Option<SessionStats> {
        let kept = || *self.shared.last_stats.lock().unwrap_or_else(PoisonError::into_inner);
        self.line.media.stats(self.shared.session).or_else(kept)
    }

    /// The file of what is heard, if the phone records.
    pub fn heard_path(&self) -> Option<PathBuf> {
        self.shared.recording("heard")
    }

    /// The file of what is said, if the phone records.
    pub fn said_path(&self) -> Option<PathBuf> {
        self.shared.recording("said")
    }

    /// What was heard so far, 8,000 samples a second, as far as it is written: about a second behind while the call
    /// goes on. Empty if the phone doesn't record, or nothing is written yet. Reads a file.
    pub fn heard(&self) -> Vec<i16> {
        self.heard_path()
            .and_then(|path| Clip::from_wav(path).ok())
            .map(|clip| clip.samples().to_vec())
            .unwrap_or_default()
    }
}
