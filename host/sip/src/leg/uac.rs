//! A call of ours, until it is answered or gone.

use super::dialog::{Dialog, attach, introduce, resolve, takes_update};
use super::established::Established;
use super::timer::{self, MIN_SE_S, SessionTimer};
use super::{Guard, Mailbox, sdp};
use crate::counters::count;
use crate::digest::{Challenge, answer};
use crate::endpoint::Shared;
use crate::event::{CallId, Dial, Party, SipEvent, Target};
use crate::front::{Ack, Route};
use crate::transactions::{Held, Received, begin, receive, request};
use crate::wire::{self, Message, Uri};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::time::{Instant, sleep_until};

/// INVITEs of one call: the first, one with the answer to a challenge, one after a stale nonce, one after a 422.
const MAX_ATTEMPTS: usize = 4;
/// Headers that a dial may not set: they are the stack's own.
const OWN_HEADERS: &[&str] = &[
    "Via",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Max-Forwards",
    "Contact",
    "Content-Length",
    "Content-Type",
    "Route",
    "Record-Route",
    "Authorization",
    "Proxy-Authorization",
    "User-Agent",
    "Allow",
    "Supported",
    "Require",
    "Session-Expires",
    "Min-SE",
];

/// A dial that has its name.
struct Outgoing {
    shared: Arc<Shared>,
    call: CallId,
    dial: Dial,
    call_id: String,
    /// Our From tag.
    tag: String,
    mailbox: Mailbox,
    guard: Guard,
}

/// Whom an INVITE goes to.
struct Callee {
    uri: String,
    address: SocketAddr,
    by_flow: bool,
}

/// What came of one INVITE.
enum Outcome {
    /// A 2xx.
    Answered(Message),
    /// Another final response.
    Refused(Message),
    /// Nothing at all.
    Unheard,
    /// Given up by us; whoever had to be told was.
    GivenUp,
}

/// Begins a call. Its name is known at once, so that it can be hung up at once.
pub(crate) fn start(shared: &Arc<Shared>, dial: Dial) -> CallId {
    let call = shared.front.next_call();
    let (mailbox, control, inbox) = Mailbox::new();
    let call_id = format!("{:032x}@{}", rand::random::<u128>(), shared.advertised.ip());
    let tag = format!("{:016x}", rand::random::<u64>());
    let mut state = shared.front.state();
    // Twice as many as inbound calls may be: those who wait must still be connected.
    let full = state.live >= shared.front.config.max_calls.saturating_mul(2) as usize;
    state.live += 1;
    state.add_route(&call_id, &tag, Route { inbox, remote_tag: String::new(), ack: None, over: None });
    drop(state);
    shared.controls(|controls| controls.insert(call, control));
    count(&shared.front.counts.dialled);
    let guard = Guard::new(shared.clone(), call, call_id.clone(), tag.clone(), None);
    let leg = Outgoing { shared: shared.clone(), call, dial, call_id, tag, mailbox, guard };
    shared.tasks.spawn(Box::pin(async move {
        if full { leg.fail(503, "Too Many Calls", true).await } else { leg.run().await }
    }));
    call
}

impl Outgoing {
    async fn fail(self, code: u16, reason: &str, local: bool) {
        let event = SipEvent::Failed { call: self.call, code, reason: reason.to_owned(), local };
        self.shared.tell(event).await;
    }

    async fn run(mut self) {
        let callee = match self.callee().await {
            Ok(callee) => callee,
            Err((code, reason)) => return self.fail(code, reason, true).await,
        };
        let deadline = Instant::now() + self.dial.ring_timeout;
        let (mut least_s, mut authorization, mut seen) = (MIN_SE_S, None, None);
        for cseq in (1_u32..).take(MAX_ATTEMPTS) {
            let invite = self.invite(&callee, cseq, least_s, authorization.take());
            let Some(transaction) = begin(&self.shared, &invite, callee.address).await else {
                return self.fail(503, "Not Sent", true).await;
            };
            match self.ring(transaction, &invite, &callee, deadline).await {
                Outcome::Answered(answer) => return self.answered(&invite, &answer, &callee).await,
                Outcome::GivenUp => return,
                Outcome::Unheard => return self.fail(503, "No Response", false).await,
                Outcome::Refused(refusal) => match refusal.code() {
                    Some(401 | 407) => match self.authorize(&refusal, &callee.uri, &mut seen) {
                        Some(header) => authorization = Some(header),
                        None => return self.refused(&refusal).await,
                    },
                    Some(422) => match timer::min_se(&refusal).filter(|s| *s > least_s) {
                        Some(wanted_s) => least_s = wanted_s,
                        None => return self.refused(&refusal).await,
                    },
                    Some(_) | None => return self.refused(&refusal).await,
                },
            }
        }
        self.fail(503, "Too Many Attempts", false).await;
    }

    async fn refused(self, refusal: &Message) {
        let reason = match &refusal.start {
            wire::Start::Response { reason, .. } => reason.clone(),
            wire::Start::Request { .. } => String::new(),
        };
        self.fail(refusal.code().unwrap_or(500), &reason, false).await;
    }

    async fn callee(&self) -> Result<Callee, (u16, &'static str)> {
        let front = &self.shared.front;
        match &self.dial.to {
            Target::Registered(user) => {
                let found = front.state().registrar.locate(user, front.now());
                let (uri, address) = found.ok_or((404, "Not Registered"))?;
                Ok(Callee { uri, address, by_flow: true })
            }
            Target::Uri(uri) => {
                let parsed = Uri::parse(uri).filter(|uri| uri.scheme == "sip" && !uri.has_headers);
                let parsed = parsed.ok_or((416, "Unsupported URI Scheme"))?;
                if front.config.refused_numbers.contains(&parsed.user) {
                    return Err((403, "Emergency Calls Not Configured"));
                }
                let address = resolve(uri).await.ok_or((503, "Host Not Found"))?;
                Ok(Callee { uri: uri.clone(), address, by_flow: false })
            }
        }
    }

    fn invite(
        &self,
        callee: &Callee,
        cseq: u32,
        least_s: u32,
        authorization: Option<(&'static str, String)>,
    ) -> Message {
        let mut invite = wire::request("INVITE", &callee.uri);
        self.shared.stamp(&mut invite);
        invite.push("From", format!("{};tag={}", from(&self.dial.from, self.shared.advertised), self.tag));
        invite.push("To", format!("<{}>", callee.uri));
        invite.push("Call-ID", self.call_id.as_str());
        invite.push("CSeq", format!("{cseq} INVITE"));
        introduce(&self.shared, &mut invite, &self.dial.from.user);
        SessionTimer::ask(&mut invite, SessionTimer::wished_s(least_s), least_s);
        if let Some((name, value)) = authorization {
            invite.push(name, value);
        }
        for (name, value) in &self.dial.headers {
            let token = wire::is_token(name);
            let own = OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own));
            if token && !own && !value.chars().any(char::is_control) {
                invite.push(name, value.as_str());
            }
        }
        attach(&mut invite, &self.dial.sdp);
        invite
    }

    /// The answer to a challenge, once, and once more if the nonce was stale.
    fn authorize(&self, refusal: &Message, uri: &str, seen: &mut Option<bool>) -> Option<(&'static str, String)> {
        let (asks, gives) = match refusal.code() {
            Some(407) => ("Proxy-Authenticate", "Proxy-Authorization"),
            Some(_) | None => ("WWW-Authenticate", "Authorization"),
        };
        let challenge = Challenge::strongest(refusal.all(asks))?;
        if seen.is_some_and(|was_stale| was_stale || !challenge.stale) {
            return None;
        }
        *seen = Some(challenge.stale);
        let client =
            self.shared.accounts(|accounts| accounts.get(&self.dial.from.user).map(|known| known.client.clone()))?;
        Some((gives, answer(&challenge, &client.user, &client.password, "INVITE", uri, 1)))
    }

    /// One INVITE, until its final response, or until nobody waits for it any more.
    async fn ring(&mut self, mut transaction: Held, invite: &Message, callee: &Callee, limit: Instant) -> Outcome {
        enum Next {
            Response(Option<Received>),
            HangUp,
            TooLate,
        }
        let (mut heard, mut leaving, mut deadline) = (false, false, limit);
        loop {
            let next = tokio::select! {
                received = receive(&mut transaction) => Next::Response(received),
                () = self.mailbox.hang_up.cancelled(), if !leaving => Next::HangUp,
                () = sleep_until(deadline) => Next::TooLate,
            };
            match next {
                Next::Response(Some(Received::Response(response))) => match response.code() {
                    Some(100..=199) => {
                        if !heard && leaving {
                            self.cancel(invite, callee.address);
                        }
                        heard = true;
                        if !leaving && response.code() != Some(100) {
                            self.shared.tell(SipEvent::Ringing { call: self.call, early_sdp: sdp(&response) }).await;
                        }
                    }
                    Some(200..=299) if leaving => {
                        // Answered while our CANCEL was on its way.
                        self.end_at_once(invite, &response, callee).await;
                        return Outcome::GivenUp;
                    }
                    Some(200..=299) => return Outcome::Answered(response),
                    Some(_) | None if leaving => return Outcome::GivenUp,
                    // What the library says of itself has no To tag.
                    Some(408) if !heard && response.to().is_none_or(|to| to.tag().is_none()) => {
                        return Outcome::Unheard;
                    }
                    Some(_) | None => return Outcome::Refused(response),
                },
                Next::Response(Some(Received::Request(_))) => {}
                Next::Response(None) if leaving => return Outcome::GivenUp,
                Next::Response(None) => return Outcome::Unheard,
                // Nothing came of the CANCEL either (RFC 3261 §9.1).
                Next::TooLate if leaving => return Outcome::GivenUp,
                Next::HangUp | Next::TooLate => {
                    if matches!(next, Next::TooLate) {
                        let reason = "Request Timeout".to_owned();
                        let event = SipEvent::Failed { call: self.call, code: 408, reason, local: false };
                        self.shared.tell(event).await;
                    }
                    leaving = true;
                    deadline = Instant::now() + self.shared.front.timers.transaction();
                    // RFC 3261 §9.1: not before a provisional response.
                    if heard {
                        self.cancel(invite, callee.address);
                    }
                }
            }
        }
    }

    fn cancel(&self, invite: &Message, to: SocketAddr) {
        let mut cancel = wire::request("CANCEL", invite.uri().unwrap_or_default());
        for name in ["Via", "Max-Forwards", "From", "To", "Call-ID"] {
            cancel.push(name, invite.get(name).unwrap_or_default());
        }
        let cseq = invite.cseq().map_or(0, |(number, _)| number);
        cancel.push("CSeq", format!("{cseq} CANCEL"));
        let shared = self.shared.clone();
        self.shared.tasks.spawn(async move { request(&shared, &cancel, to).await });
    }

    /// ACK to a 2xx, now and whenever it is repeated.
    async fn acknowledge(&self, dialog: &Dialog, cseq: u32) {
        let (ack, to) = (dialog.ack(&self.shared, cseq).to_bytes(), dialog.destination().await);
        let remote_tag = wire::Address::parse(&dialog.remote).and_then(|to| to.tag().map(str::to_owned));
        if let Some(route) = self.shared.front.state().route_mut(&self.call_id, &self.tag) {
            // Before it is sent: the other side may act on it at once.
            route.remote_tag = remote_tag.unwrap_or_default();
            route.ack = Some(Ack { cseq, bytes: ack.clone(), to });
        }
        self.shared.wire.send(&ack, to);
    }

    async fn end_at_once(&self, invite: &Message, answer: &Message, callee: &Callee) {
        let Some(mut dialog) = Dialog::of_client(invite, answer, callee.address, callee.by_flow) else { return };
        self.acknowledge(&dialog, invite.cseq().map_or(0, |(number, _)| number)).await;
        let bye = dialog.request(&self.shared, "BYE");
        let to = dialog.destination().await;
        let shared = self.shared.clone();
        self.shared.tasks.spawn(async move { request(&shared, &bye, to).await });
    }

    async fn answered(self, invite: &Message, answer: &Message, callee: &Callee) {
        let Some(dialog) = Dialog::of_client(invite, answer, callee.address, callee.by_flow) else {
            return self.fail(500, "Broken Answer", false).await;
        };
        self.acknowledge(&dialog, dialog.local_seq).await;
        self.shared.tell(SipEvent::Answered { call: self.call, sdp: sdp(answer) }).await;
        let Self { shared, call, dial, mailbox, guard, .. } = self;
        let mut leg = Established::new(shared, call, dialog, mailbox, guard, SessionTimer::granted(answer));
        leg.refresh.ours = dial.sdp;
        leg.refresh.by_update = takes_update(answer);
        Box::pin(leg.run()).await;
    }
}

/// The name-addr of the calling party.
fn from(party: &Party, ours: SocketAddr) -> String {
    let display: Option<String> = party.display.as_ref().map(|display| {
        display
            .chars()
            .filter(|c| !c.is_control())
            .take(128)
            .flat_map(|c| {
                let escape = matches!(c, '"' | '\\').then_some('\\');
                escape.into_iter().chain([c])
            })
            .collect()
    });
    let display = display.map(|display| format!("\"{display}\" ")).unwrap_or_default();
    let host = party.host.clone().filter(|host| wire::host_port(host).is_some()).unwrap_or_else(|| match ours.ip() {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    });
    let user = wire::escape_user(&party.user);
    let at = if user.is_empty() { "" } else { "@" };
    format!("{display}<sip:{user}{at}{host}>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calling_party_is_escaped() {
        let ours = "192.0.2.1:5060".parse().unwrap();
        let table = [
            ("1001", None, None, "<sip:1001@192.0.2.1>"),
            ("1001", Some("pbx.example"), Some("Ann"), "\"Ann\" <sip:1001@pbx.example>"),
            ("", None, Some("a \"b\" \\\r\n"), "\"a \\\"b\\\" \\\\\" <sip:192.0.2.1>"),
            ("a b@c>", Some("x y"), None, "<sip:a%20b%40c%3E@192.0.2.1>"),
            ("+49;x=y", None, None, "<sip:+49;x=y@192.0.2.1>"),
        ];
        for (user, host, display, expected) in table {
            let party = Party { user: user.into(), host: host.map(str::to_owned), display: display.map(str::to_owned) };
            assert_eq!(from(&party, ours), expected);
            let read = wire::Address::parse(expected).unwrap();
            assert_eq!(Uri::parse(&read.uri).unwrap().user, user);
        }
    }
}
