//! The UDP socket, with the gate in its reading side.

use crate::counters::count;
use crate::error::SipError;
use crate::front::{Action, Front};
use socket2::{Domain, Protocol, Socket, Type};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tracing::{debug, trace};

/// A burst of some thousand messages while the process is busy elsewhere. The kernel may grant less.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
const MAX_DATAGRAM_BYTES: usize = 65_536;
const SEND_BUFFER_BYTES: usize = 1 << 20;
/// Failures to receive in a row after which reading goes on at once: those of ICMP answers come in bursts.
const FAILURES_AT_ONCE: u32 = 8;
const PAUSE: Duration = Duration::from_millis(5);

/// One socket; sending never waits: a full send buffer loses the datagram, as the network may.
pub(crate) struct Wire {
    reader: tokio::net::UdpSocket,
    /// What is received into; there is one reader.
    datagram: tokio::sync::Mutex<Box<[u8]>>,
    writer: std::net::UdpSocket,
    front: Arc<Front>,
}

impl Wire {
    pub(crate) fn bind(address: SocketAddr, front: Arc<Front>) -> Result<Self, SipError> {
        let bind = || -> std::io::Result<(tokio::net::UdpSocket, std::net::UdpSocket)> {
            let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
            socket.set_nonblocking(true)?;
            // Less than wished is no reason not to start.
            socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).ok();
            socket.set_send_buffer_size(SEND_BUFFER_BYTES).ok();
            socket.bind(&address.into())?;
            let reader: std::net::UdpSocket = socket.into();
            let writer = reader.try_clone()?;
            Ok((tokio::net::UdpSocket::from_std(reader)?, writer))
        };
        let (reader, writer) = bind().map_err(|cause| SipError::Bind { address, cause })?;
        let datagram = tokio::sync::Mutex::new(vec![0; MAX_DATAGRAM_BYTES].into());
        Ok(Self { reader, datagram, writer, front })
    }

    pub(crate) fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.writer.local_addr()
    }

    /// Sends, or counts a failure.
    pub(crate) fn send(&self, bytes: &[u8], to: SocketAddr) {
        if let Err(cause) = self.writer.send_to(bytes, to) {
            count(&self.front.counts.send_failed);
            debug!(%to, %cause, "a datagram could not be sent");
        }
    }
}

/// How long reading rests after so many failures in a row: an error that stays must not take a whole core.
fn pause(failures: u32) -> Option<Duration> {
    (failures > FAILURES_AT_ONCE).then_some(PAUSE)
}

#[async_trait::async_trait]
impl rsipstack::platform::net::UdpSocket for Wire {
    async fn recv_from(&self, buffer: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        let mut datagram = self.datagram.lock().await;
        let mut failures = 0_u32;
        loop {
            let (length, source) = match self.reader.recv_from(&mut datagram).await {
                Ok(received) => {
                    failures = 0;
                    received
                }
                Err(cause) => {
                    // An ICMP answer to something we sent, say. Reading goes on.
                    trace!(%cause, "receiving failed");
                    failures = failures.saturating_add(1);
                    match pause(failures) {
                        Some(pause) => tokio::time::sleep(pause).await,
                        None => tokio::task::yield_now().await,
                    }
                    continue;
                }
            };
            match self.front.handle(datagram.get(..length).unwrap_or_default(), source) {
                Action::Drop => {}
                Action::Send(bytes, to) => self.send(&bytes, to),
                Action::Forward(bytes) => match buffer.get_mut(..bytes.len()) {
                    Some(place) => {
                        place.copy_from_slice(&bytes);
                        return Ok((bytes.len(), source));
                    }
                    None => count(&self.front.counts.oversized),
                },
            }
        }
    }

    async fn send_to(&self, buffer: &[u8], to: SocketAddr) -> rsipstack::Result<usize> {
        self.send(buffer, to);
        Ok(buffer.len())
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.writer.local_addr()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_stays_is_waited_out() {
        assert_eq!([1, FAILURES_AT_ONCE].map(pause), [None, None]);
        assert_eq!([FAILURES_AT_ONCE + 1, u32::MAX].map(pause), [Some(PAUSE), Some(PAUSE)]);
    }
}
