//! Connecting: names are resolved here, and the address that was checked is the one connected to.

use super::Reach;
use super::egress::Admitted;
use super::tls::Failure;
use crate::config::Scheme;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::Error;

/// Bytes to a back-end and back, encrypted or not.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection to where a request may go; over TLS, to who has a certificate for that name.
pub(super) async fn connect(admitted: &Admitted, reach: &Reach) -> Result<Box<dyn Wire>, Error> {
    let stream = reached(admitted, reach).await?;
    let target = &admitted.target;
    if target.scheme == Scheme::Http {
        return Ok(Box::new(stream));
    }
    match reach.tls.client(&target.host, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(failure) => {
            let detail = format!("{target}: {failure}");
            match failure {
                // Like an address that may not be connected to: it may be someone else's machine.
                Failure::Certificate(_) => reach.refused(detail),
                Failure::Name | Failure::Alert(_) | Failure::Protocol(_) | Failure::Broken(_) => reach.failed(&detail),
            }
            Err(failure.into())
        }
    }
}

/// Whether to connect to an address, wherever it comes from: whoever controls a name decides what it leads to (DNS
/// rebinding), so a range that isn't global has to be granted as such.
fn may_connect(address: IpAddr, private: bool) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) if v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast() => false,
        IpAddr::V6(v6) if v6.is_unspecified() || v6.is_multicast() => false,
        IpAddr::V4(v4) => private || is_global_v4(v4),
        IpAddr::V6(v6) => private || is_global_v6(v6),
    }
}

/// By the registries of special-purpose addresses (RFC 6890 and its updates).
fn is_global_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240)
}

/// Global unicast is 2000::/3; what is carved out of it, and what wraps an IPv4 address, isn't taken.
fn is_global_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let carved = match a {
        0x2001 => b < 0x0200 || b == 0x0db8,
        0x2002 => true,
        0x3fff => b < 0x1000,
        _ => false,
    };
    a & 0xe000 == 0x2000 && !carved
}

/// Does `work` when there is a turn, which is over with the work, not with the caller: a name that is being resolved
/// keeps a thread, whether or not someone still waits for it. None if it panicked.
async fn in_turn<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let turn = Arc::clone(turns).acquire_owned().await.ok()?;
    let task = tokio::spawn(async move {
        let done = work.await;
        drop(turn);
        done
    });
    task.await.ok()
}

async fn resolve(host: &str, port: u16, resolving: &Arc<Semaphore>) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let name = (host.to_owned(), port);
    let work = async move { tokio::net::lookup_host(name).await.map(Iterator::collect) };
    let found = in_turn(resolving, work).await.ok_or(Error::DestinationUnavailable)?;
    found.map_err(Error::Connect)
}

async fn reached(admitted: &Admitted, reach: &Reach) -> Result<TcpStream, Error> {
    let Admitted { target, private, .. } = admitted;
    let found = resolve(&target.host, target.port, &reach.resolving).await?;
    if found.is_empty() {
        return Err(Error::DestinationNotFound);
    }
    let mut failed = None;
    // The address that was checked is the one connected to: the name isn't resolved again.
    for address in found.iter().filter(|address| may_connect(address.ip(), *private)) {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = Some(Error::Connect(error)),
        }
    }
    Err(failed.unwrap_or_else(|| {
        let addresses: Vec<String> = found.iter().take(4).map(|address| address.ip().to_string()).collect();
        reach.refused(format!("{target} leads to {}, which is not a global address", addresses.join(", ")));
        Error::DestinationIpProhibited
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn only_global_addresses_without_a_grant_of_private_ones() {
        let to = |address: &str, private| may_connect(address.parse().unwrap(), private);
        for address in ["8.8.8.8", "193.0.6.139", "2606:4700::1111", "2001:4860::8888"] {
            assert!(to(address, false) && to(address, true), "{address}");
        }
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "240.0.0.1",
            "0.1.2.3",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
        ] {
            assert!(!to(address, false) && to(address, true), "{address}");
        }
        for address in ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1", "::ffff:0.0.0.0"] {
            assert!(!to(address, true), "{address}");
        }
    }

    #[tokio::test]
    async fn a_turn_is_over_with_the_work_and_not_with_who_waits_for_it() {
        let turns = Arc::new(Semaphore::new(1));
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let first = tokio::time::timeout(Duration::ZERO, in_turn(&turns, ended));
        assert!(first.await.is_err(), "it doesn't end");
        assert_eq!(turns.available_permits(), 0, "nobody waits for it any more, but it goes on");
        let second = tokio::time::timeout(Duration::ZERO, in_turn(&turns, async {}));
        assert!(second.await.is_err(), "so there is no turn for another");
        end.send(()).unwrap();
        assert_eq!(in_turn(&turns, async { 7 }).await, Some(7));
    }
}
