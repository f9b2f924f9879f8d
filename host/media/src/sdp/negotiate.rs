//! Offers and answers of one session (RFC 3264).

use super::{Agreed, Direction, Remote, SdpError};
use crate::codec::Codec;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

/// The payload type we offer for telephone-events, as most do.
const OFFERED_DTMF: u8 = 101;

/// What we say of ourselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local {
    /// The advertised address and the RTP port; RTCP is one above.
    pub(crate) rtp: SocketAddr,
    /// For the o= line.
    pub(crate) id: u64,
}

/// One session's side of every exchange.
#[derive(Debug)]
pub(crate) struct Negotiator {
    local: Local,
    version: u64,
    /// Everything but the o= line, whose version changes only when this does (RFC 3264 §8).
    body: String,
    held: bool,
    offered: bool,
    agreed: Option<Agreed>,
}

impl Negotiator {
    pub(crate) fn new(local: Local) -> Self {
        Self { local, version: 1, body: String::new(), held: false, offered: false, agreed: None }
    }

    /// Whether the next descriptions put the peer on hold. Nothing is sent or taken from now on, whatever they say.
    pub(crate) fn set_held(&mut self, held: bool) -> Option<Agreed> {
        self.held = held;
        self.agreed.map(|agreed| self.limited(agreed))
    }

    /// Our offer. The last agreement stays until the answer comes.
    pub(crate) fn offer(&mut self) -> String {
        self.offered = true;
        let direction = if self.held { Direction::SendOnly } else { Direction::SendRecv };
        let mut stream = format!("m=audio {} RTP/AVP 0 8 {OFFERED_DTMF}\r\n", self.local.rtp.port());
        stream += "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n";
        dtmf_lines(&mut stream, OFFERED_DTMF);
        ending(&mut stream, direction);
        self.describe(&stream)
    }

    /// The answer to their offer, and what it comes to.
    pub(crate) fn answer(&mut self, remote: &Remote) -> Result<(String, Agreed), SdpError> {
        let audio = &remote.audio;
        let (format, codec) = audio.codecs.first().copied().ok_or(SdpError::NoCommonCodec)?;
        let agreed = Agreed {
            remote: audio.rtp,
            remote_rtcp: audio.rtcp,
            codec,
            send_type: format,
            receive_type: format,
            dtmf_send: audio.dtmf,
            dtmf_receive: audio.dtmf,
            direction: reversed(audio.direction, audio.rtp.is_some()),
        };
        self.offered = false;
        self.agreed = Some(agreed);
        let limited = self.limited(agreed);
        let mut streams = String::new();
        for (index, line) in remote.lines.iter().enumerate() {
            if index == remote.chosen {
                streams += &self.audio_answer(&limited, codec, audio.rtcp_mux);
            } else {
                // RFC 3264 §6: a refused stream keeps its place, with port 0.
                push(&mut streams, format_args!("m={} 0 {} {}\r\n", line.media, line.proto, line.formats));
            }
        }
        Ok((self.describe(&streams), limited))
    }

    /// What their answer to our offer comes to.
    pub(crate) fn answered(&mut self, remote: &Remote) -> Result<Agreed, SdpError> {
        if !self.offered {
            return Err(SdpError::NotOffered);
        }
        // We offered one stream: an answer that took another one is none.
        let audio = &remote.audio;
        let (format, codec) =
            audio.codecs.first().copied().filter(|_| remote.chosen == 0).ok_or(SdpError::NoCommonCodec)?;
        let agreed = Agreed {
            remote: audio.rtp,
            remote_rtcp: audio.rtcp,
            codec,
            send_type: format,
            receive_type: codec.payload_type(),
            dtmf_send: audio.dtmf,
            dtmf_receive: Some(OFFERED_DTMF),
            direction: reversed(audio.direction, audio.rtp.is_some()),
        };
        self.offered = false;
        self.agreed = Some(agreed);
        Ok(self.limited(agreed))
    }

    fn limited(&self, agreed: Agreed) -> Agreed {
        let receives = agreed.direction.receives() && !self.held;
        Agreed { direction: Direction::of(agreed.direction.sends(), receives), ..agreed }
    }

    fn audio_answer(&self, agreed: &Agreed, codec: Codec, rtcp_mux: bool) -> String {
        let format = agreed.receive_type;
        let mut out = format!("m=audio {} RTP/AVP {format}", self.local.rtp.port());
        if let Some(dtmf) = agreed.dtmf_receive {
            push(&mut out, format_args!(" {dtmf}"));
        }
        push(&mut out, format_args!("\r\na=rtpmap:{format} {}/8000\r\n", codec.name()));
        if let Some(dtmf) = agreed.dtmf_receive {
            dtmf_lines(&mut out, dtmf);
        }
        if rtcp_mux {
            out += "a=rtcp-mux\r\n";
        }
        ending(&mut out, agreed.direction);
        out
    }

    fn describe(&mut self, streams: &str) -> String {
        let kind = address_type(self.local.rtp.ip());
        let ip = self.local.rtp.ip();
        let body = format!("s=-\r\nc=IN {kind} {ip}\r\nt=0 0\r\n{streams}");
        if !self.body.is_empty() && self.body != body {
            self.version += 1;
        }
        self.body = body;
        format!("v=0\r\no=- {} {} IN {kind} {ip}\r\n{}", self.local.id, self.version, self.body)
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A String takes everything.
    let _infallible = out.write_fmt(text);
}

fn address_type(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IP4" } else { "IP6" }
}

fn dtmf_lines(out: &mut String, format: u8) {
    push(out, format_args!("a=rtpmap:{format} telephone-event/8000\r\na=fmtp:{format} 0-15\r\n"));
}

fn ending(out: &mut String, direction: Direction) {
    push(out, format_args!("a=ptime:20\r\na={}\r\n", direction.name()));
}

/// Their direction as ours. A peer at 0.0.0.0 hears nothing, whatever it says.
fn reversed(theirs: Direction, reachable: bool) -> Direction {
    Direction::of(theirs.receives() && reachable, theirs.sends())
}
