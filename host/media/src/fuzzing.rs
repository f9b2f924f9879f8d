//! What fuzzers call: each takes hostile bytes all the way in. No part of the room's contract.

use crate::event::SessionId;
use crate::sdp::{Agreed, Local, Negotiator, read};
use crate::session::{Seeds, Session, Wire};
use std::net::{Ipv4Addr, SocketAddr};

struct Nowhere;

impl Wire for Nowhere {
    fn rtp(&mut self, _packet: &[u8], _to: SocketAddr) -> bool {
        true
    }

    fn rtcp(&mut self, _packet: &[u8], _to: SocketAddr) {}
}

fn negotiator() -> Negotiator {
    Negotiator::new(Local { rtp: SocketAddr::from((Ipv4Addr::LOCALHOST, 20_000)), id: 1 })
}

fn agreed() -> Option<Agreed> {
    let sdp = b"v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 4000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n";
    negotiator().answer(&read(sdp).ok()?).ok().map(|(_, agreed)| agreed)
}

/// A description as an offer, and as an answer. True if it was usable; its answer is checked to be readable then.
pub fn sdp(bytes: &[u8]) -> bool {
    let Ok(remote) = read(bytes) else { return false };
    let mut answering = negotiator();
    let readable = answering.answer(&remote).is_ok_and(|(answer, _)| read(answer.as_bytes()).is_ok());
    let mut offering = negotiator();
    offering.offer();
    let _outcome = offering.answered(&remote);
    readable
}

/// Datagrams on a session's ports: each is a length octet (its lowest bit: the RTCP port), then as many octets; a
/// tick after each. How many packets were taken.
pub fn rtp(mut bytes: &[u8]) -> u64 {
    let Some(agreed) = agreed() else { return 0 };
    let mut session =
        Session::new(SessionId(1), Seeds { ssrc: 1, sequence: 65_530, timestamp: u32::MAX - 500 }, 1_000_000);
    let mut events = Vec::new();
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 4_000));
    let mut now_us = 0;
    session.configure(agreed, now_us);
    session.start(now_us);
    while let Some((length, rest)) = bytes.split_first() {
        let (datagram, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        if length % 2 == 1 {
            session.on_report(now_us, datagram, peer);
        } else {
            session.on_packet(now_us, datagram, peer, &mut events);
        }
        now_us += 20_000;
        session.tick(now_us, &mut Nowhere, &mut events);
        events.clear();
        bytes = rest;
    }
    session.stats.packets_received
}
