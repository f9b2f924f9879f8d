//! The library's endpoint, and the way of its new transactions to the legs.

use crate::account::Account;
use crate::error::SipError;
use crate::event::{CallId, SipEvent};
use crate::front::{ALLOW, Front, Route};
use crate::leg::{Command, Guard, Mailbox, stray, uas};
use crate::socket::Wire;
use crate::transactions::{Held, original, respond};
use crate::wire::{self, Message};
use rsipstack::EndpointBuilder;
use rsipstack::transaction::Transaction;
use rsipstack::transaction::endpoint::{EndpointInnerRef, EndpointOption};
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipConnection, TransportLayer};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error};

/// How a leg is reached by the shell.
pub(crate) struct Control {
    pub(crate) commands: mpsc::Sender<Command>,
    /// Its own way, so that hanging up works even if the queue of commands is full.
    pub(crate) hang_up: CancellationToken,
}

/// What all legs share.
pub(crate) struct Shared {
    pub(crate) front: Arc<Front>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) endpoint: EndpointInnerRef,
    pub(crate) connection: SipConnection,
    pub(crate) local: SocketAddr,
    /// What Via and Contact say.
    pub(crate) advertised: SocketAddr,
    pub(crate) events: mpsc::Sender<SipEvent>,
    controls: Mutex<HashMap<CallId, Control>>,
    accounts: Mutex<BTreeMap<String, Account>>,
    /// Whatever runs for a while.
    pub(crate) tasks: TaskTracker,
    /// Legs, as long as they have a place.
    pub(crate) legs: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn controls<T>(&self, act: impl FnOnce(&mut HashMap<CallId, Control>) -> T) -> T {
        act(&mut self.controls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn accounts<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Account>) -> T) -> T {
        act(&mut self.accounts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Via, Max-Forwards and User-Agent for a new request.
    pub(crate) fn stamp(&self, message: &mut Message) {
        let branch = format!("z9hG4bK{:032x}", rand::random::<u128>());
        let via = wire::Header {
            name: "Via".into(),
            value: format!("SIP/2.0/UDP {};branch={branch};rport", self.advertised),
        };
        message.headers.insert(0, via);
        message.push("Max-Forwards", "70");
        message.push("User-Agent", self.front.config.user_agent.as_str());
    }

    /// Tells the shell, waiting if it lags.
    pub(crate) async fn tell(&self, event: SipEvent) {
        // A closed channel means that the shell is gone; nobody is left to tell.
        self.events.send(event).await.ok();
    }
}

/// Binds, starts the library and the tasks around it.
pub(crate) async fn start(
    front: Arc<Front>,
    events: mpsc::Sender<SipEvent>,
    strays: mpsc::Receiver<(Message, SocketAddr)>,
) -> Result<Arc<Shared>, SipError> {
    let config = &front.config;
    if config.bind.ip().is_unspecified() && config.advertised.is_none() {
        return Err(SipError::AdvertisedNeeded);
    }
    let wire = Arc::new(Wire::bind(config.bind, front.clone())?);
    let local = wire.local_addr().map_err(|cause| SipError::Bind { address: config.bind, cause })?;
    let mut advertised = config.advertised.unwrap_or(local);
    if advertised.port() == 0 {
        advertised.set_port(local.port());
    }
    let stop = CancellationToken::new();
    let udp = UdpConnection::from_socket(wire.clone(), Some(advertised), Some(stop.clone()))
        .await
        .map_err(|cause| SipError::Stack(cause.to_string()))?;
    let connection = SipConnection::Udp(udp);
    let transport = TransportLayer::new(stop.clone());
    transport.add_transport(connection.clone());
    let timers = front.timers;
    let endpoint = EndpointBuilder::new()
        .with_cancel_token(stop.clone())
        .with_transport_layer(transport)
        .with_user_agent(&config.user_agent)
        .with_option(EndpointOption {
            t1: timers.t1,
            t2: timers.t2,
            t4: timers.t4,
            t1x64: timers.transaction(),
            // A 2xx is acknowledged by the leg: it knows where to (RFC 3261 §13.2.2.4).
            auto_ack_2xx: false,
            // The leg has its own limit for ringing.
            timerc: std::time::Duration::from_secs(86_400),
            ..EndpointOption::default()
        })
        .build();
    let incoming = endpoint.incoming_transactions().map_err(|cause| SipError::Stack(cause.to_string()))?;
    let shared = Arc::new(Shared {
        front,
        wire,
        endpoint: endpoint.inner.clone(),
        connection,
        local,
        advertised,
        events,
        controls: Mutex::default(),
        accounts: Mutex::default(),
        tasks: TaskTracker::new(),
        legs: TaskTracker::new(),
        stop: stop.clone(),
    });
    tokio::spawn(async move {
        endpoint.serve().await;
        if !stop.is_cancelled() {
            error!("the SIP endpoint stopped by itself");
        }
    });
    tokio::spawn(dispatch(shared.clone(), incoming));
    tokio::spawn(maintain(shared.clone()));
    tokio::spawn(tell_registrations(shared.clone()));
    tokio::spawn(stray::end_all(shared.clone(), strays));
    Ok(shared)
}

async fn dispatch(shared: Arc<Shared>, mut incoming: mpsc::UnboundedReceiver<Transaction>) {
    // The library's channel has no bound; the gate lets in only what has a place in our tables.
    loop {
        let transaction = tokio::select! {
            () = shared.stop.cancelled() => return,
            next = incoming.recv() => match next {
                Some(transaction) => Box::new(transaction),
                None => return,
            },
        };
        let Some(request) = original(&transaction) else { continue };
        let to_tag = request.to().and_then(|to| to.tag().map(str::to_owned));
        match to_tag {
            None => begin_leg(&shared, transaction, &request),
            Some(tag) => to_leg(&shared, transaction, &request, &tag),
        }
    }
}

fn begin_leg(shared: &Arc<Shared>, transaction: Held, request: &Message) {
    let names = request.from().and_then(|from| from.tag().map(str::to_owned)).zip(request.cseq());
    let Some((from_tag, (cseq, _))) = names else { return };
    let key = (request.call_id().to_owned(), from_tag.clone(), cseq);
    let mut state = shared.front.state();
    let Some((admitted, invite)) = state.take_admitted(&key) else {
        debug!("an INVITE that was not admitted");
        return;
    };
    let (call, tag) = (admitted.call, admitted.tag.clone());
    let (caller, source) = (admitted.caller.clone(), admitted.source);
    let (mailbox, control, inbox) = Mailbox::new();
    state.add_route(&key.0, &tag, Route { inbox, remote_tag: from_tag, ack: None, over: None });
    drop(state);
    shared.controls(|controls| controls.insert(call, control));
    let guard = Guard::new(shared.clone(), call, key.0.clone(), tag.clone(), Some(key));
    let leg = uas::Offered { shared: shared.clone(), call, tag, caller, source, invite: *invite, mailbox, guard };
    shared.tasks.spawn(Box::pin(uas::run(leg, transaction)));
}

fn to_leg(shared: &Arc<Shared>, transaction: Held, request: &Message, tag: &str) {
    let inbox = shared.front.state().route(request.call_id(), tag).map(|route| route.inbox.clone());
    let refused = match inbox {
        None => Some((481, transaction)),
        Some(inbox) => match inbox.try_send(transaction) {
            Ok(()) => None,
            Err(mpsc::error::TrySendError::Full(transaction)) => Some((503, transaction)),
            Err(mpsc::error::TrySendError::Closed(transaction)) => Some((481, transaction)),
        },
    };
    if let Some((code, mut transaction)) = refused {
        let mut reply = wire::response(request, code, "", tag);
        reply.push("Allow", ALLOW);
        shared.tasks.spawn(async move { respond(&mut transaction, &reply).await });
    }
}

/// Forgets what is over, in time.
async fn maintain(shared: Arc<Shared>) {
    let keep = shared.front.timers.transaction();
    let mut tick = tokio::time::interval(
        (keep / 8).clamp(std::time::Duration::from_millis(20), std::time::Duration::from_secs(1)),
    );
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = tick.tick() => {
                let now = shared.front.now();
                shared.front.state().purge(now, keep);
                shared.front.registrations_changed.notify_one();
            }
        }
    }
}

/// Tells changes of registrations; while the shell lags, only the latest of each user waits.
async fn tell_registrations(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = shared.front.registrations_changed.notified() => {}
        }
        loop {
            // Room first: while waiting for it, the latest change replaces an older one.
            let Ok(room) = shared.events.reserve().await else { return };
            let Some(event) = shared.front.state().registrar.take_untold() else { break };
            room.send(event);
        }
    }
}
