//! A scripted SIP and RTP softphone: for the demo, the tests, load and training.
//!
//! It speaks through the same signalling and media rooms as the host; foreign phones (SIPp, baresip) keep both honest
//! in the tests. What it hears and says can be recorded.

mod call;
mod heard;
mod run;
mod script;

pub use call::{CallEnd, CallState, PhoneCall};
pub use heard::{has_tone, longest_silence};
pub use run::{RunError, StepDone, run_script};
pub use script::{ScriptError, Step, parse};

use call::Shared;
use cordboard_media::{MediaConfig, MediaEvent, MediaHandle, MediaPlane};
use cordboard_sip::{
    CallId, Credentials, Dial, EndCause, Party, Peer, RegisterClient, SipConfig, SipEvent, SipHandle, SipStack, Target,
    Trunk,
};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

/// Who the phone is.
#[derive(Clone, Debug)]
pub struct PhoneConfig {
    /// Where it listens for SIP; port 0: any free one. RTP uses the same address.
    pub bind: SocketAddr,
    /// The switchboard.
    pub server: SocketAddr,
    /// The user part of its address.
    pub user: String,
    /// The name it shows.
    pub display_name: Option<String>,
    /// For REGISTER and for calls that are challenged.
    pub password: Option<String>,
    /// Where it keeps what it hears and says: `USER-N-heard.wav` and `USER-N-said.wav` for its N-th call.
    pub recordings: Option<PathBuf>,
}

/// Why a phone can't do what it should.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// No signalling.
    #[error("the signalling can't start")]
    Sip(#[from] cordboard_sip::SipError),
    /// No audio.
    #[error("there is no media")]
    Media(#[from] cordboard_media::MediaError),
    /// The switchboard refused the registration, or didn't answer.
    #[error("the registration failed: {0}")]
    NotRegistered(String),
    /// The folder for recordings can't be made.
    #[error("no folder for recordings")]
    Recordings(#[from] std::io::Error),
}

/// A softphone.
pub struct Phone {
    config: PhoneConfig,
    sip: SipHandle,
    media: MediaHandle,
    calls: Arc<Calls>,
    hearing: Option<AbortHandle>,
}

/// Every call, by each of its names, and those that ring and nobody has taken yet.
#[derive(Default)]
struct Calls {
    state: Mutex<CallTable>,
    ringing: Notify,
}

#[derive(Default)]
struct CallTable {
    by_call: BTreeMap<u64, Arc<Shared>>,
    by_session: BTreeMap<u64, Arc<Shared>>,
    ringing: VecDeque<PhoneCall>,
    made: u32,
}

impl Calls {
    /// A poisoned table is taken all the same: it is whole after every step.
    fn lock(&self) -> MutexGuard<'_, CallTable> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of_call(&self, call: CallId) -> Option<Arc<Shared>> {
        self.lock().by_call.get(&call.0).cloned()
    }
}

/// A phone knows nobody's secrets but its own.
struct NoCredentials;

impl Credentials for NoCredentials {
    fn ha1(&self, _user: &str, _realm: &str) -> Option<String> {
        None
    }
}

impl Phone {
    /// Starts a phone, which runs until [`Phone::stop`]. It registers only when told to.
    ///
    /// # Errors
    /// [`PhoneError`]
    pub async fn start(config: PhoneConfig) -> Result<Self, PhoneError> {
        if let Some(folder) = &config.recordings {
            std::fs::create_dir_all(folder)?;
        }
        let (sip_events, sip_received) = mpsc::channel(256);
        let (media_events, media_received) = mpsc::channel(1_024);
        let sip = SipStack::start(sip_config(&config), Arc::new(NoCredentials), sip_events).await?;
        let media = MediaPlane::start(media_config(config.bind.ip()), media_events)?;
        let calls = Arc::new(Calls::default());
        let mut phone = Self { config, sip, media, calls, hearing: None };
        phone.hearing = Some(tokio::spawn(phone.hear(sip_received, media_received)).abort_handle());
        Ok(phone)
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.sip.local_addr()
    }

    /// Registers, and keeps the registration fresh.
    ///
    /// # Errors
    /// [`PhoneError::NotRegistered`]
    pub async fn register(&self, expires: Duration) -> Result<(), PhoneError> {
        let expires_s = u32::try_from(expires.as_secs()).unwrap_or(u32::MAX);
        self.sip.register(self.account(expires_s)).await.map_err(|cause| PhoneError::NotRegistered(cause.to_string()))
    }

    /// Takes the registration back.
    ///
    /// # Errors
    /// [`PhoneError::NotRegistered`]
    pub async fn unregister(&self) -> Result<(), PhoneError> {
        self.sip.register(self.account(0)).await.map_err(|cause| PhoneError::NotRegistered(cause.to_string()))
    }

    fn account(&self, expires_s: u32) -> RegisterClient {
        RegisterClient {
            registrar: format!("sip:{}", self.config.server),
            user: self.config.user.clone(),
            password: self.config.password.clone().unwrap_or_default(),
            expires_s,
        }
    }

    /// Calls a number of the switchboard.
    ///
    /// # Errors
    /// [`PhoneError::Media`]
    pub fn dial(&self, number: &str) -> Result<PhoneCall, PhoneError> {
        let session = self.media.open()?;
        let offer = self.media.create_offer(session).inspect_err(|_| self.media.close(session))?;
        // Held until the call is in the table: its first event may come at once.
        let mut table = self.calls.lock();
        let call = self.sip.dial(Dial {
            to: Target::Uri(format!("sip:{number}@{}", self.config.server)),
            from: Party { user: self.config.user.clone(), host: None, display: self.config.display_name.clone() },
            sdp: offer.into(),
            headers: Vec::new(),
            ring_timeout: Duration::from_secs(180),
        });
        Ok(self.line().add(&mut table, (call, session), None, number))
    }

    /// The next call that rings here, if one does within this time.
    pub async fn incoming(&self, limit: Duration) -> Option<PhoneCall> {
        let next = async {
            loop {
                // Made before looking, so that no call is missed in between.
                let ringing = self.calls.ringing.notified();
                if let Some(call) = self.calls.lock().ringing.pop_front() {
                    return call;
                }
                ringing.await;
            }
        };
        tokio::time::timeout(limit, next).await.ok()
    }

    /// Ends all calls, takes the registration back, and stops.
    pub async fn stop(self) {
        let line = self.line();
        let calls: Vec<_> = self.calls.lock().by_call.keys().copied().collect();
        for call in calls {
            self.sip.hang_up(CallId(call));
            line.end(CallId(call), CallEnd::HungUp);
        }
        self.sip.shutdown().await;
        if let Some(hearing) = self.hearing {
            hearing.abort();
        }
    }

    fn line(&self) -> Line {
        Line {
            calls: Arc::clone(&self.calls),
            sip: self.sip.clone(),
            media: self.media.clone(),
            user: self.config.user.clone(),
            recordings: self.config.recordings.clone(),
        }
    }

    fn hear(
        &self,
        mut sip_events: mpsc::Receiver<SipEvent>,
        mut media_events: mpsc::Receiver<MediaEvent>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let line = self.line();
        async move {
            loop {
                tokio::select! {
                    event = sip_events.recv() => match event {
                        Some(event) => line.on_sip(event),
                        None => return,
                    },
                    Some(event) = media_events.recv() => line.on_media(event),
                }
            }
        }
    }
}

/// What all calls of a phone need.
#[derive(Clone)]
struct Line {
    calls: Arc<Calls>,
    sip: SipHandle,
    media: MediaHandle,
    user: String,
    recordings: Option<PathBuf>,
}

impl Line {
    fn add(
        &self,
        table: &mut CallTable,
        (call, session): (CallId, cordboard_media::SessionId),
        answer: Option<String>,
        peer: &str,
    ) -> PhoneCall {
        table.made += 1;
        let name = format!("{}-{}", self.user, table.made);
        let recordings = self.recordings.as_ref().map(|folder| folder.join(name));
        let shared = Arc::new(Shared::new(call, session, answer, recordings));
        table.by_call.insert(call.0, Arc::clone(&shared));
        table.by_session.insert(session.0, Arc::clone(&shared));
        PhoneCall::new(shared, self.clone(), peer.to_owned())
    }

    fn on_sip(&self, event: SipEvent) {
        match event {
            SipEvent::Incoming { call, from, offer, .. } => self.on_incoming(call, &from.user, offer.as_deref()),
            SipEvent::Answered { call, sdp } | SipEvent::Acknowledged { call, sdp } => {
                if let Some(shared) = self.calls.of_call(call) {
                    shared.answered(&self.media, sdp.as_deref());
                }
            }
            SipEvent::Failed { call, code, reason, .. } => self.end(call, CallEnd::Refused { code, reason }),
            SipEvent::Cancelled { call } => self.end(call, CallEnd::Cancelled),
            SipEvent::Ended { call, cause: EndCause::RemoteBye } => self.end(call, CallEnd::RemoteHungUp),
            SipEvent::Ended { call, cause } => self.end(call, CallEnd::Broken(format!("{cause:?}"))),
            SipEvent::Reoffer { call, offer } => {
                let answer = self.calls.of_call(call).and_then(|shared| match offer {
                    Some(offer) => self.media.accept_offer(shared.session, &offer).ok(),
                    None => self.media.create_offer(shared.session).ok(),
                });
                self.sip.answer_reoffer(call, answer.map(Into::into));
            }
            SipEvent::Dtmf { call, digit, .. } => {
                if let Some(shared) = self.calls.of_call(call) {
                    shared.digit(digit);
                }
            }
            SipEvent::Ringing { .. } | SipEvent::Registered { .. } | SipEvent::Unregistered { .. } => {}
        }
    }

    fn on_incoming(&self, call: CallId, from: &str, offer: Option<&[u8]>) {
        let opened = self.media.open().ok().and_then(|session| {
            let answer = offer.map(|offer| self.media.accept_offer(session, offer)).transpose();
            answer.inspect_err(|_| self.media.close(session)).ok().map(|answer| (session, answer))
        });
        let Some((session, answer)) = opened else {
            return self.sip.reject(call, 488, "Not Acceptable Here", None);
        };
        self.sip.ring(call, None);
        let mut table = self.calls.lock();
        let ringing = self.add(&mut table, (call, session), answer, from);
        table.ringing.push_back(ringing);
        drop(table);
        self.calls.ringing.notify_waiters();
    }

    fn end(&self, call: CallId, how: CallEnd) {
        let mut table = self.calls.lock();
        let Some(shared) = table.by_call.remove(&call.0) else { return };
        table.by_session.remove(&shared.session.0);
        table.ringing.retain(|ringing| !ringing.is(call));
        drop(table);
        shared.ended(how, self.media.stats(shared.session));
        self.media.close(shared.session);
    }

    fn on_media(&self, event: MediaEvent) {
        let session = match &event {
            MediaEvent::Digit { session, .. }
            | MediaEvent::PlayFinished { session, .. }
            | MediaEvent::NoMedia { session }
            | MediaEvent::FirstPacket { session }
            | MediaEvent::RecordingFailed { session, .. } => *session,
        };
        let Some(shared) = self.calls.lock().by_session.get(&session.0).cloned() else { return };
        match event {
            MediaEvent::Digit { digit, .. } => shared.digit(digit),
            MediaEvent::PlayFinished { play, .. } => shared.played(play),
            MediaEvent::RecordingFailed { reason, .. } => tracing::warn!(reason, "a recording failed"),
            MediaEvent::NoMedia { .. } | MediaEvent::FirstPacket { .. } => {}
        }
    }
}

fn sip_config(config: &PhoneConfig) -> SipConfig {
    SipConfig {
        bind: config.bind,
        user_agent: concat!("Cordboard-Phone/", env!("CARGO_PKG_VERSION")).into(),
        realm: config.server.ip().to_string(),
        // What is an emergency is for the switchboard to know.
        refused_numbers: Vec::new(),
        // Its switchboard may call it; nobody else.
        trunks: vec![Trunk { name: "switchboard".into(), peers: vec![Peer::host(config.server.ip())] }],
        ..SipConfig::default()
    }
}

fn media_config(bind_ip: IpAddr) -> MediaConfig {
    MediaConfig { bind_ip, ports: 0..=0, threads: 1, ..MediaConfig::default() }
}
