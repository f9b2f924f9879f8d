//! Pairs of ports: RTP on an even one, RTCP above it (RFC 3550 §11).

use crate::config::{MediaConfig, MediaError};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Tries for a pair: whoever opens a session doesn't wait for a walk through a range that others have taken.
const TRIES: u32 = 64;
/// Expedited forwarding (RFC 3246), as RTP is marked everywhere.
const TOS_EXPEDITED: u32 = 0xb8;

pub(super) struct Pair {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    pub(super) port: u16,
}

/// Binds the next free pair. `cursor` walks the range, so that a port rests before it is used again: late packets of
/// the last call on it must not reach the next.
pub(super) fn bind(config: &MediaConfig, cursor: &AtomicU32) -> Result<Pair, MediaError> {
    let (first, last) = (u32::from(*config.ports.start()), u32::from(*config.ports.end()));
    let mut cause = None;
    let mut keep = |outcome: io::Result<Pair>| outcome.map_err(|error| cause = Some(error)).ok();
    let found = if last == 0 {
        (0..TRIES).find_map(|_| keep(any(config.bind_ip)))
    } else {
        let even = first.next_multiple_of(2);
        // Both ports of a pair are in the range.
        let pairs = (last + 1).saturating_sub(even) / 2;
        (0..pairs.min(TRIES)).find_map(|_| {
            let port = even + 2 * (cursor.fetch_add(1, Relaxed) % pairs);
            keep(u16::try_from(port).map_err(io::Error::other).and_then(|port| pair(config.bind_ip, port)))
        })
    };
    found.ok_or(MediaError::NoPorts(cause))
}

fn any(ip: IpAddr) -> io::Result<Pair> {
    let chosen = socket(ip, 0)?;
    let port = chosen.local_addr()?.port();
    if port % 2 == 0 {
        return Ok(Pair { rtp: chosen, rtcp: socket(ip, port.saturating_add(1))?, port });
    }
    Ok(Pair { rtp: socket(ip, port - 1)?, rtcp: chosen, port: port - 1 })
}

fn pair(ip: IpAddr, port: u16) -> io::Result<Pair> {
    Ok(Pair { rtp: socket(ip, port)?, rtcp: socket(ip, port.saturating_add(1))?, port })
}

fn socket(ip: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let address = SocketAddr::new(ip, port);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if ip.is_ipv4() {
        // A wish: some containers don't allow it.
        let _refused = socket.set_tos_v4(TOS_EXPEDITED);
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}
