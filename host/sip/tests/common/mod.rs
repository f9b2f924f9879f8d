//! A stack under test, and peers that speak SIP as text over UDP: what they say is what the test says.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use cordboard_sip::{
    Credentials, Dial, Party, Peer, SipConfig, SipCounters, SipEvent, SipHandle, SipStack, Target, Timers, Trunk, ha1,
    ha1_sha256,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// Nothing takes so long unless it never comes.
pub const SOON: Duration = Duration::from_secs(20);
pub const SDP: &[u8] = b"v=0\r\n";

/// Users are their names; the password is the name backwards.
pub struct Users(pub &'static [&'static str]);

pub fn password(user: &str) -> String {
    user.chars().rev().collect()
}

impl Credentials for Users {
    fn ha1(&self, user: &str, realm: &str) -> Option<String> {
        self.0.contains(&user).then(|| ha1(user, realm, &password(user)))
    }

    fn ha1_sha256(&self, user: &str, realm: &str) -> Option<String> {
        self.0.contains(&user).then(|| ha1_sha256(user, realm, &password(user)))
    }
}

/// The RFC's times, 25 times as fast.
pub fn fast() -> Timers {
    Timers {
        t1: Duration::from_millis(20),
        t2: Duration::from_millis(160),
        t4: Duration::from_millis(200),
        setup: Duration::from_secs(60),
        ringing: Duration::from_secs(60),
        ring_again: Duration::from_secs(60),
        reoffer: Duration::from_secs(60),
        session_second: Duration::from_millis(10),
    }
}

pub fn trunk() -> Vec<Trunk> {
    vec![Trunk { name: "loop".into(), peers: vec![Peer::host("127.0.0.1".parse().unwrap())] }]
}

/// On any port, calls from 127.0.0.1 are the trunk's.
pub fn config() -> SipConfig {
    SipConfig { bind: "127.0.0.1:0".parse().unwrap(), trunks: trunk(), ..SipConfig::default() }
}

/// A stack and what it tells.
pub struct Stack {
    pub handle: SipHandle,
    pub events: mpsc::Receiver<SipEvent>,
}

impl Stack {
    pub async fn start(config: SipConfig, timers: Timers) -> Self {
        Self::with_room(config, timers, 256).await
    }

    pub async fn with_room(config: SipConfig, timers: Timers, room: usize) -> Self {
        let (sender, events) = mpsc::channel(room);
        let users = Arc::new(Users(&["ann", "bob"]));
        let handle = SipStack::start_with(config, timers, users, sender).await.unwrap();
        Self { handle, events }
    }

    /// Trunk calls allowed, times of the RFC.
    pub async fn plain() -> Self {
        Self::start(config(), Timers::default()).await
    }

    /// As [`Stack::plain`], in haste.
    pub async fn fast() -> Self {
        Self::start(config(), fast()).await
    }

    pub async fn next(&mut self) -> SipEvent {
        tokio::time::timeout(SOON, self.events.recv()).await.expect("an event").expect("a running stack")
    }

    /// That nothing has happened. What the stack answered before is through, so this needs no waiting.
    pub fn silent(&mut self) {
        if let Ok(event) = self.events.try_recv() {
            panic!("{event:?}");
        }
    }

    /// Waits until the counters are so.
    pub async fn counted(&self, what: impl Fn(&SipCounters) -> bool) -> SipCounters {
        let wait = async {
            loop {
                let counters = self.handle.counters();
                if what(&counters) {
                    return counters;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match tokio::time::timeout(SOON, wait).await {
            Ok(counters) => counters,
            Err(_) => panic!("{:?}", self.handle.counters()),
        }
    }

    /// Waits until every trace of calls is gone.
    pub async fn forgotten(&self) {
        self.counted(|now| (now.legs, now.transactions, now.remembered) == (0, 0, 0)).await;
    }

    pub fn dial(&self, to: SocketAddr) -> Dial {
        Dial {
            to: Target::Uri(format!("sip:callee@{to}")),
            from: Party { user: "ann".into(), host: None, display: Some("Ann".into()) },
            sdp: SDP.into(),
            headers: Vec::new(),
            ring_timeout: Duration::from_secs(60),
        }
    }
}

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Text {
    pub text: String,
    pub from: SocketAddr,
}

impl Text {
    pub fn first_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// The status code; 0 if it is a request.
    pub fn code(&self) -> u16 {
        let rest = self.first_line().strip_prefix("SIP/2.0 ").unwrap_or_default();
        rest.split(' ').next().and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    pub fn method(&self) -> &str {
        self.first_line().split(' ').next().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().take_while(|line| !line.is_empty()).find_map(|line| {
            let (given, value) = line.split_once(':')?;
            given.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub fn has(&self, header: &str) -> &str {
        self.header(header).unwrap_or_else(|| panic!("no {header} in {}", self.text))
    }

    pub fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    pub fn cseq_method(&self) -> &str {
        self.header("CSeq").and_then(|cseq| cseq.split(' ').nth(1)).unwrap_or_default()
    }

    pub fn to_tag(&self) -> String {
        tag(self.has("To"))
    }

    pub fn sender_tag(&self) -> String {
        tag(self.has("From"))
    }
}

fn tag(value: &str) -> String {
    value.split(";tag=").nth(1).unwrap_or_default().split(';').next().unwrap_or_default().to_owned()
}

/// A socket that says whatever it is told to.
pub struct Raw {
    pub socket: UdpSocket,
    pub stack: SocketAddr,
}

impl Raw {
    pub async fn new(stack: SocketAddr) -> Self {
        Self { socket: UdpSocket::bind("127.0.0.1:0").await.unwrap(), stack }
    }

    pub fn addr(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub async fn send(&self, text: impl AsRef<[u8]>) {
        self.socket.send_to(text.as_ref(), self.stack).await.unwrap();
    }

    pub async fn receive(&self) -> Text {
        let mut buffer = vec![0; 65_536];
        let received = tokio::time::timeout(SOON, self.socket.recv_from(&mut buffer)).await;
        let (length, from) = received.expect("a message").unwrap();
        Text { text: String::from_utf8_lossy(&buffer[..length]).into_owned(), from }
    }

    /// The next of that kind; what comes before it is left out.
    pub async fn until(&self, what: impl Fn(&Text) -> bool) -> Text {
        loop {
            let text = self.receive().await;
            if what(&text) {
                return text;
            }
        }
    }

    pub async fn response(&self, code: u16, method: &str) -> Text {
        self.until(|text| text.code() == code && text.cseq_method() == method).await
    }

    /// The first response to that method that isn't provisional.
    pub async fn final_response(&self, method: &str) -> Text {
        self.until(|text| text.code() >= 200 && text.cseq_method() == method).await
    }

    pub async fn request(&self, method: &str) -> Text {
        self.until(|text| text.method() == method).await
    }

    /// Answers a request; `more` are header lines, each with its end.
    pub async fn answer(&self, request: &Text, code: u16, to_tag: &str, more: &str, body: &str) {
        let to = request.has("To");
        let to = if to.contains(";tag=") || to_tag.is_empty() { to.to_owned() } else { format!("{to};tag={to_tag}") };
        let text = format!(
            "SIP/2.0 {code} Because\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}Content-Length: {}\r\n\r\n{body}",
            request.has("Via"),
            request.has("From"),
            request.has("Call-ID"),
            request.has("CSeq"),
            body.len()
        );
        self.send(text).await;
    }
}

/// A dialog of a [`Raw`] caller, and the messages within it.
pub struct RawCall {
    pub call_id: String,
    pub from_tag: String,
    pub to_tag: Option<String>,
    pub cseq: u32,
    pub branch: u32,
    pub user: String,
    pub from_user: String,
    pub contact: SocketAddr,
}

impl RawCall {
    pub fn new(peer: &Raw, name: &str) -> Self {
        Self {
            call_id: format!("{name}@test"),
            from_tag: format!("tag-{name}"),
            to_tag: None,
            cseq: 1,
            branch: 1,
            user: "100".into(),
            from_user: "caller".into(),
            contact: peer.addr(),
        }
    }

    /// A request with the present numbers; `more` are header lines, each with its end.
    pub fn message(&self, method: &str, more: &str, body: &str) -> String {
        let to_tag = self.to_tag.as_ref().map(|tag| format!(";tag={tag}")).unwrap_or_default();
        let kind =
            if body.is_empty() || more.contains("Content-Type") { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:{user}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {contact};branch=z9hG4bK-{call}-{branch};rport\r\n\
             From: <sip:{from}@127.0.0.1>;tag={from_tag}\r\nTo: <sip:{user}@127.0.0.1>{to_tag}\r\nCall-ID: {call}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:{from}@{contact}>\r\nMax-Forwards: 70\r\n{kind}{more}Content-Length: {length}\r\n\r\n{body}",
            user = self.user,
            contact = self.contact,
            call = self.call_id,
            branch = self.branch,
            from = self.from_user,
            from_tag = self.from_tag,
            cseq = self.cseq,
            length = body.len(),
        )
    }

    /// The next request of the dialog.
    pub fn next(&mut self, method: &str, more: &str, body: &str) -> String {
        self.cseq += 1;
        self.branch += 1;
        self.message(method, more, body)
    }

    /// The ACK of a 2xx.
    pub fn ack(&mut self, body: &str) -> String {
        self.branch += 1;
        self.message("ACK", "", body)
    }

    /// The ACK of a refusal.
    pub fn ack_refusal(&self, refusal: &Text) -> String {
        let to = refusal.has("To");
        self.message("ACK", "", "").replacen(&format!("To: <sip:{}@127.0.0.1>", self.user), &format!("To: {to}"), 1)
    }
}

/// A call from a raw peer that the stack answered and the peer acknowledged.
pub async fn answered(stack: &mut Stack, peer: &Raw, name: &str, more: &str) -> (RawCall, cordboard_sip::CallId, Text) {
    let mut raw = RawCall::new(peer, name);
    peer.send(raw.message("INVITE", more, "v=0\r\n")).await;
    let SipEvent::Incoming { call, .. } = stack.next().await else { panic!("no call") };
    stack.handle.answer(call, SDP.into());
    let ok = peer.response(200, "INVITE").await;
    raw.to_tag = Some(ok.to_tag());
    peer.send(raw.ack("")).await;
    assert_eq!(stack.next().await, SipEvent::Acknowledged { call, sdp: None });
    (raw, call, ok)
}
