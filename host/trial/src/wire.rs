//! A caller made of two sockets. It shares no code with the host's signalling and media, and keeps every RTP packet as
//! it came, so that what the host sends can be judged packet by packet.

mod message;
mod rtp;

pub use message::Message;
pub use rtp::{Packet, Rtp, continuous};

use anyhow::{Context as _, Result, bail, ensure};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// RFC 3261 §17.1.1.1, T1.
const RESEND: Duration = Duration::from_millis(500);
/// How long the other side may take where no time is given.
const LIMIT: Duration = Duration::from_secs(30);

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A SIP socket towards one host.
pub struct Wire {
    socket: UdpSocket,
    local: SocketAddr,
    server: SocketAddr,
    user: String,
}

/// A call, from its INVITE on.
pub struct WireCall<'a> {
    wire: &'a Wire,
    number: String,
    call_id: String,
    branch: String,
    /// Where its sound goes.
    pub rtp: Rtp,
    /// The 200 to the INVITE.
    answer: Option<Message>,
    ended: bool,
}

impl Wire {
    /// A caller with this number.
    ///
    /// # Errors
    /// There is no socket.
    pub fn open(server: SocketAddr, user: &str) -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let local = socket.local_addr()?;
        Ok(Self { socket, local, server, user: user.into() })
    }

    /// Sends a datagram as it is.
    ///
    /// # Errors
    /// The socket refuses it.
    pub fn send(&self, datagram: &[u8]) -> Result<()> {
        self.socket.send_to(datagram, self.server)?;
        Ok(())
    }

    /// The next message, if one comes in time. What is none is passed over: a port has had owners before.
    ///
    /// # Errors
    /// The socket is broken.
    pub fn receive(&self, limit: Duration) -> Result<Option<Message>> {
        let mut buffer = [0; 65_536];
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            self.socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            match self.socket.recv(&mut buffer) {
                Ok(length) => {
                    if let Ok(message) = Message::parse(buffer.get(..length).unwrap_or_default()) {
                        return Ok(Some(message));
                    }
                }
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                }
                Err(error) => return Err(error.into()),
            }
            if left.is_zero() {
                return Ok(None);
            }
        }
    }

    /// A request outside a dialog, and what is answered.
    ///
    /// # Errors
    /// Nothing is.
    pub fn request(&self, method: &str, number: &str) -> Result<Message> {
        let (call_id, branch) = (fresh("call"), fresh("z9hG4bK"));
        let text = self.text(method, &format!("sip:{number}@{}", self.server), number, None, &call_id, &branch, 1, "");
        let until = Instant::now() + LIMIT;
        while Instant::now() < until {
            self.send(text.as_bytes())?;
            if let Some(answer) = self.receive(RESEND)?.filter(|message| message.header("call-id") == Some(&call_id)) {
                return Ok(answer);
            }
        }
        bail!("{method}: no answer")
    }

    /// Calls a number: sends the INVITE, again until something is answered.
    ///
    /// # Errors
    /// There is no socket.
    pub fn call(&self, number: &str) -> Result<WireCall<'_>> {
        let (call_id, branch) = (fresh("call"), fresh("z9hG4bK"));
        let call = WireCall {
            wire: self,
            number: number.into(),
            call_id,
            branch,
            rtp: Rtp::open()?,
            answer: None,
            ended: false,
        };
        self.send(call.invite().as_bytes())?;
        Ok(call)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a request")]
    fn text(
        &self,
        method: &str,
        uri: &str,
        number: &str,
        to_tag: Option<&str>,
        call_id: &str,
        branch: &str,
        sequence: u32,
        body: &str,
    ) -> String {
        let (local, user) = (self.local, &self.user);
        let to_tag = to_tag.map(|tag| format!(";tag={tag}")).unwrap_or_default();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let cseq = if method == "CANCEL" || method == "ACK" { 1 } else { sequence };
        format!(
            "{method} {uri} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {local};branch={branch};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{user}@{local}>;tag=wire-{call_id}\r\n\
             To: <sip:{number}@{server}>{to_tag}\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\n\
             Contact: <sip:{user}@{local}>\r\n\
             {kind}Content-Length: {length}\r\n\r\n{body}",
            server = self.server,
            length = body.len(),
        )
    }
}

fn fresh(what: &str) -> String {
    format!("{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl WireCall<'_> {
    fn uri(&self) -> String {
        format!("sip:{}@{}", self.number, self.wire.server)
    }

    fn invite(&self) -> String {
        let uri = self.uri();
        self.wire.text("INVITE", &uri, &self.number, None, &self.call_id, &self.branch, 1, &self.rtp.offer())
    }

    /// Its Call-ID.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The next response of this call; requests that come meanwhile are answered with 200.
    ///
    /// # Errors
    /// The socket is broken.
    pub fn response(&mut self, limit: Duration) -> Result<Option<Message>> {
        let until = Instant::now() + limit;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let Some(message) = self.wire.receive(left)? else { return Ok(None) };
            if message.header("call-id") != Some(&self.call_id) {
                continue;
            }
            if message.status().is_some() {
                return Ok(Some(message));
            }
            self.wire.send(message.ok().as_bytes())?;
            self.ended |= message.method() == "BYE";
        }
        Ok(None)
    }

    /// The first provisional response of at least this status.
    ///
    /// # Errors
    /// A final one comes first, or none.
    pub fn provisional(&mut self, status: u16) -> Result<Message> {
        let until = Instant::now() + LIMIT;
        while Instant::now() < until {
            if let Some(message) = self.response(RESEND)? {
                match message.status() {
                    Some(found) if found >= 200 => bail!("{found} instead of {status}"),
                    Some(found) if found >= status => return Ok(message),
                    _ => {}
                }
            }
        }
        bail!("no {status}")
    }

    /// The final response, acknowledged; sound flows after a 200. The INVITE is sent again until anything comes.
    ///
    /// # Errors
    /// None comes in time.
    pub fn outcome(&mut self, limit: Duration) -> Result<Message> {
        let until = Instant::now() + limit;
        let mut heard = false;
        while Instant::now() < until {
            let Some(message) = self.response(RESEND)? else {
                if !heard {
                    self.wire.send(self.invite().as_bytes())?;
                }
                continue;
            };
            heard = true;
            let Some(status @ 200..) = message.status() else { continue };
            if message.header("cseq").is_some_and(|cseq| cseq.ends_with("INVITE")) {
                self.acknowledge(&message, status)?;
                return Ok(message);
            }
        }
        bail!("no final response to {}", self.call_id)
    }

    /// Like [`WireCall::outcome`], and it must be 200.
    ///
    /// # Errors
    /// It is another.
    pub fn answered(&mut self, limit: Duration) -> Result<()> {
        let message = self.outcome(limit)?;
        ensure!(message.status() == Some(200), "not answered: {}", message.start());
        Ok(())
    }

    fn acknowledge(&mut self, message: &Message, status: u16) -> Result<()> {
        let tag = message.tag("to").context("a final response has a tag")?;
        let (uri, branch) = match status {
            200..300 => (message.contact().context("a 200 has a contact")?, fresh("z9hG4bK")),
            // RFC 3261 §17.1.1.3: the ACK of a refusal belongs to the INVITE's transaction.
            _ => (self.uri(), self.branch.clone()),
        };
        let ack = self.wire.text("ACK", &uri, &self.number, Some(&tag), &self.call_id, &branch, 1, "");
        self.wire.send(ack.as_bytes())?;
        if (200..300).contains(&status) {
            self.rtp.start(message.body())?;
            self.answer = Some(message.clone());
        }
        Ok(())
    }

    /// Takes the call back, before it is answered.
    ///
    /// # Errors
    /// The socket refuses it.
    pub fn cancel(&self) -> Result<()> {
        let uri = self.uri();
        let cancel = self.wire.text("CANCEL", &uri, &self.number, None, &self.call_id, &self.branch, 1, "");
        self.wire.send(cancel.as_bytes())
    }

    /// Hangs up, and waits for the answer.
    ///
    /// # Errors
    /// It was not answered, or there is no answer to the BYE.
    pub fn hang_up(&mut self) -> Result<()> {
        let answer = self.answer.clone().context("not answered")?;
        let (tag, uri) = (answer.tag("to").unwrap_or_default(), answer.contact().unwrap_or_default());
        let bye = self.wire.text("BYE", &uri, &self.number, Some(&tag), &self.call_id, &fresh("z9hG4bK"), 2, "");
        let until = Instant::now() + LIMIT;
        while Instant::now() < until && !self.ended {
            self.wire.send(bye.as_bytes())?;
            let answered = self.response(RESEND)?;
            if answered.is_some_and(|it| it.header("cseq").is_some_and(|cseq| cseq.ends_with("BYE"))) {
                return Ok(());
            }
        }
        ensure!(self.ended, "no answer to the BYE");
        Ok(())
    }

    /// Waits until the other side hangs up.
    ///
    /// # Errors
    /// It doesn't in time.
    pub fn until_ended(&mut self, limit: Duration) -> Result<()> {
        let until = Instant::now() + limit;
        while !self.ended && Instant::now() < until {
            // Late responses and repeated ones are nothing new.
            let _ = self.response(RESEND)?;
        }
        ensure!(self.ended, "the other side doesn't hang up");
        Ok(())
    }
}
