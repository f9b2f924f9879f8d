//! What the shell calls.

use crate::account;
use crate::config::{SipConfig, Timers, Trunk};
use crate::counters::SipCounters;
use crate::endpoint::{self, Shared};
use crate::error::SipError;
use crate::event::{CallId, Dial, RegisterClient, Registration, SipEvent};
use crate::front::Front;
use crate::leg::{Command, uac};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long stopping waits for the answers to our BYEs and unregistrations.
const FAREWELL: Duration = Duration::from_secs(3);

/// Unwanted answers that may wait to be ended; more come again.
const MAX_STRAYS: usize = 64;

/// Who may register and call.
pub trait Credentials: Send + Sync {
    /// MD5(user:realm:password) in hex, see [`crate::ha1`]. `None`: no such user. Must not wait.
    fn ha1(&self, user: &str, realm: &str) -> Option<String>;

    /// SHA-256(user:realm:password) in hex, see [`crate::ha1_sha256`]. Asked only with `SipConfig::sha256`.
    fn ha1_sha256(&self, _user: &str, _realm: &str) -> Option<String> {
        None
    }
}

/// The SIP stack.
pub struct SipStack;

impl SipStack {
    /// Binds and starts. What happens goes to `events`; when that channel is full, new calls are refused and the rest
    /// waits.
    ///
    /// # Errors
    /// [`SipError::AdvertisedNeeded`], [`SipError::Bind`], [`SipError::Stack`]
    pub async fn start(
        config: SipConfig,
        credentials: Arc<dyn Credentials>,
        events: mpsc::Sender<SipEvent>,
    ) -> Result<SipHandle, SipError> {
        Self::start_with(config, Timers::default(), credentials, events).await
    }

    /// As [`SipStack::start`], with other times than the RFC's.
    ///
    /// # Errors
    /// As [`SipStack::start`].
    pub async fn start_with(
        config: SipConfig,
        timers: Timers,
        credentials: Arc<dyn Credentials>,
        events: mpsc::Sender<SipEvent>,
    ) -> Result<SipHandle, SipError> {
        let (stray, strays) = mpsc::channel(MAX_STRAYS);
        let front = Arc::new(Front::new(config, timers, credentials, events.clone(), stray));
        Ok(SipHandle { shared: endpoint::start(front, events, strays).await? })
    }
}

/// The way to the stack. Cloning is cheap; what has no `async` never waits. The stack runs until
/// [`SipHandle::shutdown`], whether a handle is left or not.
#[derive(Clone)]
pub struct SipHandle {
    shared: Arc<Shared>,
}

impl SipHandle {
    /// Where UDP is received.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.local
    }

    /// What peers are told.
    pub fn advertised_addr(&self) -> SocketAddr {
        self.shared.advertised
    }

    /// 180, or with SDP 183.
    pub fn ring(&self, call: CallId, early_sdp: Option<Bytes>) {
        self.command(call, Command::Ring(early_sdp));
    }

    /// 200 with our answer, or with our offer if the caller made none.
    pub fn answer(&self, call: CallId, sdp: Bytes) {
        self.command(call, Command::Answer(sdp));
    }

    /// Refuses a call that isn't answered yet; the code is 300 to 699. No further event.
    pub fn reject(&self, call: CallId, code: u16, reason: &str, retry_after_s: Option<u32>) {
        self.command(call, Command::Reject { code, reason: reason.to_owned(), retry_after_s });
    }

    /// 302. No further event.
    pub fn redirect(&self, call: CallId, target: impl Into<String>) {
        self.command(call, Command::Redirect(target.into()));
    }

    /// Answers [`SipEvent::Reoffer`]; `None` refuses with 488 and leaves all as it was.
    pub fn answer_reoffer(&self, call: CallId, sdp: Option<Bytes>) {
        self.command(call, Command::AnswerReoffer(sdp));
    }

    /// Ends a leg, whatever it is at: 480, CANCEL or BYE. No further event, but what is already on its way.
    pub fn hang_up(&self, call: CallId) {
        self.shared.controls(|controls| {
            if let Some(control) = controls.get(&call) {
                control.hang_up.cancel();
            }
        });
    }

    /// Calls somebody. Ringing, Answered or Failed follow. Must be called within a tokio runtime.
    pub fn dial(&self, dial: Dial) -> CallId {
        uac::start(&self.shared, dial)
    }

    /// Registers somewhere, keeps the registration fresh, and answers challenges with that account.
    ///
    /// # Errors
    /// [`SipError::Uri`], [`SipError::Refused`], [`SipError::Unreachable`]; then nothing is kept fresh.
    pub async fn register(&self, client: RegisterClient) -> Result<(), SipError> {
        account::register(&self.shared, client).await
    }

    /// Replaces all trunks. Calls that are there go on.
    pub fn set_trunks(&self, trunks: Vec<Trunk>) {
        self.shared.front.state().trunks = trunks;
    }

    /// While draining, new calls get 503 with Retry-After; what is running, registering and dialling go on.
    pub fn set_draining(&self, draining: bool) {
        self.shared.front.draining.store(draining, Relaxed);
    }

    /// Whether new calls are refused.
    pub fn is_draining(&self) -> bool {
        self.shared.front.draining.load(Relaxed)
    }

    /// All phones that are there, by user.
    pub fn registrations(&self) -> Vec<Registration> {
        let now = self.shared.front.now();
        self.shared.front.state().registrar.all(now)
    }

    /// Forgets where a user is reachable, and tells [`SipEvent::Unregistered`] if it was. Its calls go on.
    pub fn forget_user(&self, user: &str) {
        self.shared.front.state().registrar.forget(user);
        self.shared.front.registrations_changed.notify_one();
    }

    /// What happened so far.
    pub fn counters(&self) -> SipCounters {
        let mut counters = self.shared.front.counts.snapshot();
        let state = self.shared.front.state();
        counters.legs = state.live as u64;
        counters.remembered = state.remembered() as u64;
        drop(state);
        counters.transactions = self.shared.endpoint.get_stats().running_transactions as u64;
        counters
    }

    /// Ends all calls and registrations, waits a little for the answers, and stops. Other handles do nothing then.
    pub async fn shutdown(&self) {
        self.set_draining(true);
        let accounts: Vec<_> = self.shared.accounts(std::mem::take).into_values().collect();
        self.shared.controls(|controls| controls.values().for_each(|control| control.hang_up.cancel()));
        let leave = async {
            for account in accounts {
                account.stop.cancel();
                if account.client.expires_s > 0 {
                    let client = RegisterClient { expires_s: 0, ..account.client };
                    self.register(client).await.ok();
                }
            }
            self.shared.legs.close();
            self.shared.legs.wait().await;
        };
        tokio::time::timeout(FAREWELL, leave).await.ok();
        self.shared.stop.cancel();
    }

    fn command(&self, call: CallId, command: Command) {
        self.shared.controls(|controls| {
            // A leg that is gone needs none.
            if let Some(control) = controls.get(&call)
                && let Err(lost) = control.commands.try_send(command)
            {
                tracing::warn!(%call, %lost, "a command to a call was lost");
            }
        });
    }
}
