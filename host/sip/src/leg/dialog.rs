//! A dialog's own state (RFC 3261 §12): names, numbers, and where the other side is.

use crate::endpoint::Shared;
use crate::front::ALLOW;
use crate::wire::{self, Address, Message, Uri};
use std::net::SocketAddr;

pub(crate) struct Dialog {
    pub(crate) call_id: String,
    /// From of our requests, with our tag.
    pub(crate) local: String,
    pub(crate) local_tag: String,
    /// To of our requests, with their tag.
    pub(crate) remote: String,
    pub(crate) local_seq: u32,
    pub(crate) remote_seq: u32,
    /// Their Contact.
    pub(crate) target: String,
    pub(crate) routes: Vec<String>,
    /// Where their messages came from.
    pub(crate) flow: SocketAddr,
    /// Send there, not to their Contact: a phone behind a NAT names an address that nobody can reach.
    pub(crate) by_flow: bool,
}

impl Dialog {
    /// RFC 3261 §12.1.1: from an INVITE that we answer.
    pub(crate) fn of_server(invite: &Message, tag: &str, flow: SocketAddr, by_flow: bool) -> Option<Self> {
        Some(Self {
            call_id: invite.call_id().to_owned(),
            local: format!("{};tag={tag}", invite.get("To")?),
            local_tag: tag.to_owned(),
            remote: invite.get("From")?.to_owned(),
            local_seq: rand::random::<u32>() >> 8,
            remote_seq: invite.cseq()?.0,
            target: Address::parse(invite.get("Contact")?)?.uri,
            routes: invite.all("Record-Route").map(str::to_owned).collect(),
            flow,
            by_flow,
        })
    }

    /// RFC 3261 §12.1.2: from a 2xx to our INVITE.
    pub(crate) fn of_client(invite: &Message, answer: &Message, flow: SocketAddr, by_flow: bool) -> Option<Self> {
        let target = answer.get("Contact").and_then(Address::parse).map(|contact| contact.uri);
        let mut routes: Vec<String> = answer.all("Record-Route").map(str::to_owned).collect();
        routes.reverse();
        Some(Self {
            call_id: invite.call_id().to_owned(),
            local: invite.get("From")?.to_owned(),
            local_tag: invite.from()?.tag()?.to_owned(),
            remote: answer.get("To")?.to_owned(),
            local_seq: invite.cseq()?.0,
            remote_seq: 0,
            // A 2xx without Contact breaks §13.3.1.4; what we called is the best guess.
            target: target.or_else(|| invite.uri().map(str::to_owned))?,
            routes,
            flow,
            by_flow,
        })
    }

    /// A request within the dialog (§12.2.1.1), with the next number.
    pub(crate) fn request(&mut self, shared: &Shared, method: &str) -> Message {
        self.local_seq += 1;
        self.make(shared, method, self.local_seq)
    }

    /// The ACK of a 2xx to our INVITE of that number (§13.2.2.4).
    pub(crate) fn ack(&self, shared: &Shared, cseq: u32) -> Message {
        self.make(shared, "ACK", cseq)
    }

    fn make(&self, shared: &Shared, method: &str, cseq: u32) -> Message {
        let mut request = wire::request(method, &self.target);
        shared.stamp(&mut request);
        for route in &self.routes {
            request.push("Route", route.as_str());
        }
        request.push("From", self.local.as_str());
        request.push("To", self.remote.as_str());
        request.push("Call-ID", self.call_id.as_str());
        request.push("CSeq", format!("{cseq} {method}"));
        request
    }

    /// Their Contact changed with a re-INVITE or UPDATE (§12.2.2).
    pub(crate) fn refresh_target(&mut self, request: &Message) {
        if let Some(contact) = request.get("Contact").and_then(Address::parse) {
            self.target = contact.uri;
        }
    }

    /// Where our requests go: the first route, the known flow, or their Contact.
    pub(crate) async fn destination(&self) -> SocketAddr {
        let next = match self.routes.first() {
            Some(route) => Address::parse(route).map(|route| route.uri),
            None if self.by_flow => None,
            None => Some(self.target.clone()),
        };
        match next {
            Some(uri) => resolve(&uri).await.unwrap_or(self.flow),
            None => self.flow,
        }
    }
}

/// The address of a URI's host. Names are looked up by the system; no SRV.
pub(crate) async fn resolve(uri: &str) -> Option<SocketAddr> {
    let uri = Uri::parse(uri).filter(|uri| uri.scheme == "sip")?;
    if let Some(address) = uri.socket_addr() {
        return Some(address);
    }
    tokio::net::lookup_host((uri.host.as_str(), uri.port.unwrap_or(5060))).await.ok()?.next()
}

/// The headers that tell what we are, for INVITE and its answers.
pub(crate) fn introduce(shared: &Shared, message: &mut Message, user: &str) {
    let user: String = user.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.!~*'()+".contains(*c)).collect();
    let at = if user.is_empty() { "" } else { "@" };
    message.push("Contact", format!("<sip:{user}{at}{}>", shared.advertised));
    message.push("Allow", ALLOW);
    message.push("Supported", "timer");
}

/// Whether the sender of that message takes UPDATE (RFC 3311 §4).
pub(crate) fn takes_update(message: &Message) -> bool {
    message.tokens("Allow").any(|method| method == "UPDATE")
}

/// Adds SDP.
pub(crate) fn attach(message: &mut Message, sdp: &bytes::Bytes) {
    message.push("Content-Type", "application/sdp");
    message.body = sdp.clone();
}
