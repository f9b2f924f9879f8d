//! The tables of the gate. All are bounded: by admission control, by the number of our own calls, or by a limit here.

use crate::admission::Bucket;
use crate::config::{SipConfig, Trunk};
use crate::digest::Authenticator;
use crate::event::{CallId, Source};
use crate::registrar::Registrar;
use crate::transactions::Held;
use crate::wire::Message;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::sync::mpsc;

/// Answers to REGISTER kept for retransmissions. Beyond it the phone is challenged again, which it can bear.
const MAX_ANSWERS: usize = 16_384;

/// Call-ID, From tag, CSeq number.
pub(crate) type InviteKey = (String, String, u32);
type AnsweredKey = (SocketAddr, String, String);

/// An INVITE that was let in.
pub(crate) struct Admitted {
    pub(crate) call: CallId,
    /// Of its top Via.
    pub(crate) branch: String,
    /// The message, until the leg takes it.
    pub(crate) invite: Option<Box<Message>>,
    pub(crate) caller: Source,
    pub(crate) source: SocketAddr,
    /// Our To tag.
    pub(crate) tag: String,
    pub(crate) since: Duration,
    /// When its leg ended.
    pub(crate) over: Option<Duration>,
}

/// An ACK to send again.
pub(crate) struct Ack {
    pub(crate) cseq: u32,
    pub(crate) bytes: Vec<u8>,
    pub(crate) to: SocketAddr,
}

/// Where the messages of one leg go.
pub(crate) struct Route {
    /// New transactions within the dialog. Full or closed: they get 503 or 481.
    pub(crate) inbox: mpsc::Sender<Held>,
    /// The other side's tag; empty until known.
    pub(crate) remote_tag: String,
    /// Our ACK of a 2xx.
    pub(crate) ack: Option<Ack>,
    /// When the leg ended; its late messages still belong somewhere.
    pub(crate) over: Option<Duration>,
}

/// The tables.
pub(crate) struct State {
    pub(crate) auth: Authenticator,
    pub(crate) registrar: Registrar,
    pub(crate) bucket: Bucket,
    pub(crate) trunks: Vec<Trunk>,
    /// Legs now, of both directions.
    pub(crate) live: usize,
    invites: HashMap<InviteKey, Admitted>,
    routes: HashMap<(String, String), Route>,
    answers: HashMap<AnsweredKey, (Vec<u8>, Duration)>,
}

impl State {
    pub(crate) fn new(config: &SipConfig) -> Self {
        Self {
            auth: Authenticator::new(config.realm.clone(), config.nonce_lifetime, config.sha256),
            registrar: Registrar::new(config.min_expires_s, config.max_expires_s),
            bucket: Bucket::new(config.calls_per_second),
            trunks: config.trunks.clone(),
            live: 0,
            invites: HashMap::new(),
            routes: HashMap::new(),
            answers: HashMap::new(),
        }
    }

    /// The trunk that calls from there.
    pub(crate) fn trunk_of(&self, source: IpAddr) -> Option<&str> {
        let known = self.trunks.iter().find(|trunk| trunk.peers.iter().any(|peer| peer.contains(source)));
        known.map(|trunk| trunk.name.as_str())
    }

    pub(crate) fn admitted(&self, key: &InviteKey) -> Option<&Admitted> {
        self.invites.get(key)
    }

    pub(crate) fn admit(&mut self, key: InviteKey, admitted: Admitted) {
        self.live += 1;
        self.invites.insert(key, admitted);
    }

    /// The admitted INVITE's message, once.
    pub(crate) fn take_admitted(&mut self, key: &InviteKey) -> Option<(&Admitted, Box<Message>)> {
        let admitted = self.invites.get_mut(key)?;
        let invite = admitted.invite.take()?;
        Some((admitted, invite))
    }

    pub(crate) fn route(&self, call_id: &str, tag: &str) -> Option<&Route> {
        self.routes.get(&(call_id.to_owned(), tag.to_owned()))
    }

    pub(crate) fn route_mut(&mut self, call_id: &str, tag: &str) -> Option<&mut Route> {
        self.routes.get_mut(&(call_id.to_owned(), tag.to_owned()))
    }

    pub(crate) fn add_route(&mut self, call_id: &str, tag: &str, route: Route) {
        self.routes.insert((call_id.to_owned(), tag.to_owned()), route);
    }

    pub(crate) fn remove_route(&mut self, call_id: &str, tag: &str) {
        self.routes.remove(&(call_id.to_owned(), tag.to_owned()));
    }

    /// A leg is over: its names are kept for late messages, and forgotten later.
    pub(crate) fn leg_over(&mut self, call_id: &str, tag: &str, invite: Option<&InviteKey>, now: Duration) {
        self.live = self.live.saturating_sub(1);
        if let Some(route) = self.route_mut(call_id, tag) {
            route.over = Some(now);
        }
        if let Some(admitted) = invite.and_then(|key| self.invites.get_mut(key)) {
            admitted.over = Some(now);
        }
    }

    /// Forgets what was over before, and INVITEs that never became a leg.
    pub(crate) fn purge(&mut self, now: Duration, keep: Duration) {
        let stale = |over: Option<Duration>| over.is_some_and(|over| over.saturating_add(keep) <= now);
        self.routes.retain(|_, route| !stale(route.over));
        let mut lost = 0;
        self.invites.retain(|_, admitted| {
            let abandoned = admitted.invite.is_some() && stale(Some(admitted.since));
            lost += usize::from(abandoned);
            !abandoned && !stale(admitted.over)
        });
        self.live = self.live.saturating_sub(lost);
        self.answers.retain(|_, (_, until)| *until > now);
        self.auth.expire(now);
        self.registrar.expire(now);
    }

    /// INVITEs, routes and answers remembered.
    pub(crate) fn remembered(&self) -> usize {
        self.invites.len() + self.routes.len() + self.answers.len()
    }

    pub(crate) fn answered(&self, key: &AnsweredKey) -> Option<Vec<u8>> {
        self.answers.get(key).map(|(bytes, _)| bytes.clone())
    }

    pub(crate) fn remember_answer(&mut self, key: AnsweredKey, bytes: Vec<u8>, until: Duration) {
        if self.answers.len() < MAX_ANSWERS {
            self.answers.insert(key, (bytes, until));
        }
    }
}

/// What a retransmission has in common with its original: everything that its sender chose.
pub(crate) fn answered_key(request: &Message, source: SocketAddr) -> AnsweredKey {
    let get = |name| request.get(name).unwrap_or_default();
    let names = format!("{}\n{}\n{}", request.call_id(), get("CSeq"), get("Authorization"));
    (source, get("Via").to_owned(), names)
}
