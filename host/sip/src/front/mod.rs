//! Ahead of the library: every datagram comes through here first.
//!
//! What can be answered without state is answered here, so that only admitted INVITEs, and messages of legs that
//! exist, cost a transaction: malformed and unwanted requests, OPTIONS, REGISTER, challenges, and all refusals of
//! admission control. A refusal's To tag is a seal over the request's names, so that a retransmission gets the same
//! answer (RFC 3261 §8.2.7).
//!
//! **Policy for INVITE**: a source on a trunk's address list needs no more. A user registered from exactly the source
//! address and port is believed. Anyone else is challenged with 401, and gets 403 after a wrong answer.

mod invite;
mod state;

pub(crate) use state::{Ack, Admitted, Route, State};

use crate::config::{SipConfig, Timers};
use crate::counters::{Counts, count};
use crate::digest::{Denied, Proof, Secret};
use crate::event::{CallId, SipEvent};
use crate::registrar::Outcome;
use crate::screen::{Verdict, screen};
use crate::wire::{self, Message};
use crate::{Credentials, parse_for_library};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};

/// What we answer to OPTIONS, and with 405.
pub(crate) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, REGISTER";
/// Methods of SIP that we don't do: 405. Others are unknown: 501.
const UNWANTED: &[&str] = &["MESSAGE", "NOTIFY", "PRACK", "PUBLISH", "REFER", "SUBSCRIBE"];
/// Told with 503.
const RETRY_AFTER_S: u32 = 5;

/// What the library receives into.
const MAX_FORWARDED_BYTES: usize = 8_192;

/// What becomes of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing.
    Drop,
    /// The library may have it, in this form.
    Forward(Vec<u8>),
    /// An answer (or an ACK), to there.
    Send(Vec<u8>, SocketAddr),
}

/// The gate.
pub(crate) struct Front {
    pub(crate) config: SipConfig,
    pub(crate) timers: Timers,
    credentials: Arc<dyn Credentials>,
    pub(crate) counts: Counts,
    secret: Secret,
    started: Instant,
    events: mpsc::Sender<SipEvent>,
    /// Wakes whoever tells registrations.
    pub(crate) registrations_changed: Notify,
    /// Answers of other branches than the one whose call it is.
    strays: mpsc::Sender<(Message, SocketAddr)>,
    pub(crate) draining: AtomicBool,
    next_call: AtomicU64,
    state: Mutex<State>,
}

impl Front {
    pub(crate) fn new(
        config: SipConfig,
        timers: Timers,
        credentials: Arc<dyn Credentials>,
        events: mpsc::Sender<SipEvent>,
        strays: mpsc::Sender<(Message, SocketAddr)>,
    ) -> Self {
        Self {
            state: Mutex::new(State::new(&config)),
            config,
            timers,
            credentials,
            counts: Counts::default(),
            secret: Secret::random(),
            started: Instant::now(),
            events,
            registrations_changed: Notify::new(),
            strays,
            draining: AtomicBool::new(false),
            next_call: AtomicU64::new(1),
        }
    }

    /// The tables. Nothing that holds them can panic half-way, so a poisoned lock is as good as any.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn next_call(&self) -> CallId {
        CallId(self.next_call.fetch_add(1, Relaxed))
    }

    /// Decides about one datagram.
    pub(crate) fn handle(&self, datagram: &[u8], source: SocketAddr) -> Action {
        count(&self.counts.received);
        match screen(datagram, self.config.max_message_bytes) {
            Verdict::KeepAlive => Action::Drop,
            Verdict::Drop => self.drop_it(),
            Verdict::Refuse { code, reason, mut message } => {
                count(if code == 513 { &self.counts.oversized } else { &self.counts.malformed });
                mark(&mut message, source);
                self.reply(&message, code, reason, source)
            }
            Verdict::Pass(message) if message.code().is_some() => self.on_response(&message, source),
            Verdict::Pass(mut message) => {
                mark(&mut message, source);
                self.on_request(&message, source)
            }
        }
    }

    fn drop_it(&self) -> Action {
        count(&self.counts.dropped);
        Action::Drop
    }

    /// An answer without state.
    fn reply(&self, request: &Message, code: u16, reason: &str, source: SocketAddr) -> Action {
        self.reply_with(request, code, reason, &[], source)
    }

    fn reply_with(&self, request: &Message, code: u16, reason: &str, more: &[(&str, &str)], to: SocketAddr) -> Action {
        let names =
            [request.call_id(), request.get("From").unwrap_or_default(), request.get("Via").unwrap_or_default()];
        let tag = self.secret.seal(&names.map(str::as_bytes));
        let mut reply = wire::response(request, code, reason, &tag);
        for (name, value) in more {
            reply.push(name, *value);
        }
        reply.push("Server", self.config.user_agent.as_str());
        Action::Send(reply.to_bytes(), to)
    }

    fn busy(&self, request: &Message, source: SocketAddr) -> Action {
        self.reply_with(request, 503, "", &[("Retry-After", &RETRY_AFTER_S.to_string())], source)
    }

    /// To the library, if it can read it.
    fn forward(&self, message: &Message, source: SocketAddr) -> Action {
        let bytes = message.to_bytes();
        let fits = bytes.len() <= MAX_FORWARDED_BYTES;
        if fits && parse_for_library(&bytes) {
            return Action::Forward(bytes);
        }
        count(if fits { &self.counts.unparsable } else { &self.counts.oversized });
        match message.method() {
            Some(method) if method != "ACK" => self.reply(message, if fits { 400 } else { 513 }, "", source),
            Some(_) | None => self.drop_it(),
        }
    }

    fn on_response(&self, response: &Message, source: SocketAddr) -> Action {
        let tag = response.from().and_then(|from| from.tag().map(str::to_owned)).unwrap_or_default();
        let state = self.state();
        let Some(route) = state.route(response.call_id(), &tag) else {
            drop(state);
            return self.drop_it();
        };
        if let (Some(ack), Some((cseq, "INVITE"))) = (&route.ack, response.cseq())
            && ack.cseq == cseq
            && response.code().is_some_and(|code| (200..300).contains(&code))
        {
            if response.to().is_some_and(|to| to.tag() == Some(&route.remote_tag)) {
                // RFC 3261 §13.2.2.4: each retransmission of a 2xx is acknowledged again.
                return Action::Send(ack.bytes.clone(), ack.to);
            }
            // If there is no room it comes again.
            self.strays.try_send((response.clone(), source)).ok();
            return Action::Drop;
        }
        drop(state);
        let bytes = response.to_bytes();
        let sound = bytes.len() <= MAX_FORWARDED_BYTES && parse_for_library(&bytes);
        if sound { Action::Forward(bytes) } else { self.drop_it() }
    }

    fn on_request(&self, request: &Message, source: SocketAddr) -> Action {
        let method = request.method().unwrap_or_default();
        if !ALLOW.split(", ").any(|known| known == method) {
            count(&self.counts.unknown_methods);
            let code = if UNWANTED.contains(&method) { 405 } else { 501 };
            return self.reply_with(request, code, "", &[("Allow", ALLOW)], source);
        }
        if !matches!(method, "ACK" | "CANCEL") {
            if request.get("Max-Forwards") == Some("0") && method != "OPTIONS" {
                return self.reply(request, 483, "", source);
            }
            // RFC 3261 §8.2.2.3. Session timers are the one extension we know (RFC 4028).
            let unknown: Vec<&str> =
                request.tokens("Require").filter(|tag| !tag.eq_ignore_ascii_case("timer")).collect();
            if !unknown.is_empty() {
                return self.reply_with(request, 420, "", &[("Unsupported", &unknown.join(", "))], source);
            }
        }
        let to_tag = request.to().and_then(|to| to.tag().map(str::to_owned));
        match (to_tag, method) {
            (Some(tag), _) => self.in_dialog(request, &tag, source),
            (None, "INVITE") => self.on_invite(request, source),
            (None, "CANCEL") => self.on_cancel(request, source),
            (None, "REGISTER") => self.on_register(request, source),
            (None, "OPTIONS") => self.on_options(request, source),
            (None, "ACK") => self.drop_it(),
            (None, _) => self.no_dialog(request, source),
        }
    }

    fn no_dialog(&self, request: &Message, source: SocketAddr) -> Action {
        if request.method() == Some("ACK") {
            return self.drop_it();
        }
        count(&self.counts.no_dialog);
        self.reply(request, 481, "", source)
    }

    fn in_dialog(&self, request: &Message, tag: &str, source: SocketAddr) -> Action {
        let from = request.from().and_then(|from| from.tag().map(str::to_owned)).unwrap_or_default();
        let known = self.state().route(request.call_id(), tag).is_some_and(|route| route.remote_tag == from);
        if known { self.forward(request, source) } else { self.no_dialog(request, source) }
    }

    fn on_options(&self, request: &Message, source: SocketAddr) -> Action {
        let headers =
            [("Allow", ALLOW), ("Accept", "application/sdp"), ("Accept-Encoding", "identity"), ("Supported", "timer")];
        // RFC 3261 §11.2: the code an INVITE would get.
        if self.draining.load(Relaxed) {
            return self.busy(request, source);
        }
        self.reply_with(request, 200, "", &headers, source)
    }

    /// The proof a request carries, or the answer it gets for lack of one.
    fn authenticate(&self, request: &Message, source: SocketAddr) -> Result<Proof, Action> {
        let (now, mut state) = (self.now(), self.state());
        let denied = match state.auth.verify(&self.secret, &*self.credentials, request, now) {
            Ok(proof) => return Ok(proof),
            Err(denied) => denied,
        };
        let counter = match denied {
            Denied::Challenge | Denied::Stale => &self.counts.challenged,
            Denied::Replayed => &self.counts.auth_replayed,
            Denied::Wrong => &self.counts.auth_failed,
        };
        count(counter);
        if denied == Denied::Wrong {
            count(&self.counts.forbidden);
            return Err(self.reply(request, 403, "", source));
        }
        let challenges = state.auth.challenges(&self.secret, now, denied != Denied::Challenge);
        drop(state);
        let headers: Vec<(&str, &str)> = challenges.iter().map(|one| ("WWW-Authenticate", one.as_str())).collect();
        Err(self.reply_with(request, 401, "", &headers, source))
    }

    fn on_register(&self, request: &Message, source: SocketAddr) -> Action {
        let key = state::answered_key(request, source);
        if let Some(answer) = self.state().answered(&key) {
            // A retransmission: the nonce count must not be held against it.
            return Action::Send(answer, source);
        }
        let proof = match self.authenticate(request, source) {
            Ok(proof) => proof,
            Err(action) => return action,
        };
        // RFC 3261 §10.3 step 4: nobody registers for somebody else.
        let user = request.to().and_then(|to| wire::Uri::parse(&to.uri)).map(|uri| uri.user).unwrap_or_default();
        if user != proof.user {
            count(&self.counts.forbidden);
            return self.reply(request, 403, "", source);
        }
        let now = self.now();
        let outcome = self.state().registrar.register(&user, request, source, now);
        self.registrations_changed.notify_one();
        let action = match outcome {
            Outcome::Bound(contacts) => {
                count(&self.counts.registered);
                let contacts: Vec<String> = contacts.iter().map(|(uri, s)| format!("<{uri}>;expires={s}")).collect();
                let headers: Vec<(&str, &str)> = contacts.iter().map(|contact| ("Contact", contact.as_str())).collect();
                self.reply_with(request, 200, "", &headers, source)
            }
            Outcome::TooBrief => {
                let min = self.config.min_expires_s.to_string();
                self.reply_with(request, 423, "", &[("Min-Expires", &min)], source)
            }
            Outcome::Refused(code, reason) => self.reply(request, code, reason, source),
        };
        if let Action::Send(bytes, _) = &action {
            let until = now.saturating_add(self.timers.transaction());
            self.state().remember_answer(key, bytes.clone(), until);
        }
        action
    }
}

/// Via `received` and `rport`.
fn mark(request: &mut Message, source: SocketAddr) {
    if let Some(mut via) = request.via() {
        via.mark_received(source);
        request.set("Via", via.to_string());
    }
}
