//! A call that came in, until it is answered or gone.

use super::dialog::{Dialog, attach, introduce, takes_update};
use super::established::Established;
use super::timer::SessionTimer;
use super::{Command, Guard, Mailbox, sdp};
use crate::counters::count;
use crate::endpoint::Shared;
use crate::event::{CallId, EndCause, Party, SipEvent, Source};
use crate::transactions::{Held, Received, drain, original, receive, respond};
use crate::wire::{self, Address, Message, Uri};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::time::{Instant, sleep_until};

/// An admitted INVITE and what belongs to it.
pub(crate) struct Offered {
    pub(crate) shared: Arc<Shared>,
    pub(crate) call: CallId,
    /// Our To tag.
    pub(crate) tag: String,
    pub(crate) caller: Source,
    pub(crate) source: SocketAddr,
    pub(crate) invite: Message,
    pub(crate) mailbox: Mailbox,
    pub(crate) guard: Guard,
}

enum Next {
    Invite(Option<Received>),
    Request(Option<Held>),
    Command(Option<Command>),
    HangUp,
    RingAgain,
    TooLate,
}

pub(crate) async fn run(mut leg: Offered, mut transaction: Held) {
    respond(&mut transaction, &wire::response(&leg.invite, 100, "", "")).await;
    let timer = match SessionTimer::asked(&leg.invite) {
        Ok(timer) => timer,
        Err(min_s) => {
            let mut reply = leg.response(422);
            reply.push("Min-SE", min_s.to_string());
            return leg.refuse(transaction, reply).await;
        }
    };
    if leg.shared.events.try_send(leg.incoming()).is_err() {
        count(&leg.shared.front.counts.refused_lag);
        let reply = leg.rejection(503, "", Some(5));
        return leg.refuse(transaction, reply).await;
    }
    let (timers, begun) = (leg.shared.front.timers, Instant::now());
    // Until the shell shows that it is there.
    let mut deadline = begun + timers.setup;
    let mut ringing: Option<(Option<Bytes>, Instant)> = None;
    loop {
        let again = ringing.as_ref().map_or(deadline, |(_, again)| *again);
        let next = tokio::select! {
            received = receive(&mut transaction) => Next::Invite(received),
            request = leg.mailbox.inbox.recv() => Next::Request(request),
            () = leg.mailbox.hang_up.cancelled() => Next::HangUp,
            command = leg.mailbox.commands.recv() => Next::Command(command),
            () = sleep_until(deadline) => Next::TooLate,
            () = sleep_until(again), if ringing.is_some() => Next::RingAgain,
        };
        match next {
            Next::Invite(Some(Received::Request(request))) if request.method() == Some("CANCEL") => {
                return leg.cancelled(transaction).await;
            }
            Next::Invite(Some(_)) | Next::Command(Some(Command::AnswerReoffer(_))) => {}
            Next::Invite(None) => return leg.shared.tell(SipEvent::Cancelled { call: leg.call }).await,
            Next::Request(Some(request)) => {
                if early_request(&leg, request).await {
                    return leg.cancelled(transaction).await;
                }
            }
            Next::Command(Some(Command::Ring(early))) => {
                deadline = begun + timers.ringing;
                ringing = Some(leg.ring(&mut transaction, early).await);
            }
            Next::RingAgain => {
                if let Some((early, _)) = ringing.take() {
                    ringing = Some(leg.ring(&mut transaction, early).await);
                }
            }
            Next::Command(Some(Command::Answer(answer))) => return leg.answer(transaction, &answer, timer).await,
            Next::Command(Some(Command::Reject { code, reason, retry_after_s })) => {
                let reply = leg.rejection(code, &reason, retry_after_s);
                return leg.refuse(transaction, reply).await;
            }
            Next::Command(Some(Command::Redirect(uri))) => {
                let reply = leg.redirection(&uri);
                return leg.refuse(transaction, reply).await;
            }
            Next::HangUp | Next::Request(None) | Next::Command(None) => {
                let reply = leg.response(480);
                return leg.refuse(transaction, reply).await;
            }
            Next::TooLate => {
                leg.shared.tell(SipEvent::Ended { call: leg.call, cause: EndCause::Timeout }).await;
                let reply = leg.response(408);
                return leg.refuse(transaction, reply).await;
            }
        }
    }
}

/// A request within the early dialog. Whether it ends the call.
async fn early_request(leg: &Offered, mut transaction: Held) -> bool {
    let Some(request) = original(&transaction) else { return false };
    let code = match request.method() {
        Some("BYE" | "OPTIONS" | "INFO") => 200,
        // RFC 3311 §5.2, RFC 3261 §14.2: an offer is open.
        Some("UPDATE" | "INVITE") => 491,
        Some(_) | None => 405,
    };
    respond(&mut transaction, &wire::response(&request, code, "", &leg.tag)).await;
    request.method() == Some("BYE")
}

impl Offered {
    fn response(&self, code: u16) -> Message {
        self.response_with(code, "")
    }

    fn response_with(&self, code: u16, reason: &str) -> Message {
        let mut reply = wire::response(&self.invite, code, reason, &self.tag);
        reply.push("Server", self.shared.front.config.user_agent.as_str());
        reply
    }

    fn incoming(&self) -> SipEvent {
        let (from, to) = (self.invite.from(), self.invite.to());
        SipEvent::Incoming {
            call: self.call,
            source: self.caller.clone(),
            from: from.as_ref().map(|from| party(&from.uri, Some(from))).unwrap_or_default(),
            to: party(self.invite.uri().unwrap_or_default(), to.as_ref()),
            offer: sdp(&self.invite),
            sip_call_id: self.invite.call_id().to_owned(),
        }
    }

    fn rejection(&self, code: u16, reason: &str, retry_after_s: Option<u32>) -> Message {
        let mut reply = self.response_with(code.clamp(300, 699), reason);
        if let Some(seconds) = retry_after_s {
            reply.push("Retry-After", seconds.to_string());
        }
        reply
    }

    fn redirection(&self, uri: &str) -> Message {
        let mut reply = self.response(302);
        reply.push("Contact", format!("<{}>", uri.replace(['<', '>', '\r', '\n'], "")));
        reply
    }

    /// What it told, and when to tell it again.
    async fn ring(&self, transaction: &mut Held, early: Option<Bytes>) -> (Option<Bytes>, Instant) {
        let mut reply = self.response(if early.is_some() { 183 } else { 180 });
        introduce(&self.shared, &mut reply, &self.called_user());
        if let Some(early) = &early {
            attach(&mut reply, early);
        }
        respond(transaction, &reply).await;
        (early, Instant::now() + self.shared.front.timers.ring_again)
    }

    fn called_user(&self) -> String {
        self.invite.uri().and_then(Uri::parse).map(|uri| uri.user).unwrap_or_default()
    }

    /// A final refusal; the transaction lives on until its ACK, the leg does not.
    async fn refuse(self, mut transaction: Held, reply: Message) {
        respond(&mut transaction, &reply).await;
        drop(self.guard);
        drain(transaction).await;
    }

    async fn cancelled(self, transaction: Held) {
        self.shared.tell(SipEvent::Cancelled { call: self.call }).await;
        let reply = self.response(487);
        self.refuse(transaction, reply).await;
    }

    async fn answer(self, mut transaction: Held, answer: &Bytes, timer: Option<SessionTimer>) {
        let by_flow = matches!(self.caller, Source::Registered(_));
        let Some(dialog) = Dialog::of_server(&self.invite, &self.tag, self.source, by_flow) else {
            // The gate lets in no INVITE without these.
            let reply = self.response(400);
            self.shared.tell(SipEvent::Ended { call: self.call, cause: EndCause::TransportError }).await;
            return self.refuse(transaction, reply).await;
        };
        let mut reply = self.response(200);
        introduce(&self.shared, &mut reply, &self.called_user());
        if let Some(timer) = &timer {
            timer.tell(&mut reply);
        }
        attach(&mut reply, answer);
        respond(&mut transaction, &reply).await;
        let Self { shared, call, mailbox, guard, invite, .. } = self;
        let mut leg = Established::new(shared, call, dialog, mailbox, guard, timer).answered(transaction);
        leg.refresh.ours = answer.clone();
        leg.refresh.by_update = takes_update(&invite);
        Box::pin(leg.run()).await;
    }
}

fn party(uri: &str, named: Option<&Address>) -> Party {
    let display = named.and_then(|named| named.display.clone());
    match Uri::parse(uri) {
        Some(uri) => Party { user: uri.user, host: Some(uri.host).filter(|host| !host.is_empty()), display },
        None => Party { user: String::new(), host: None, display },
    }
}
