//! What the operator sets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// What calls for help in most of the world.
const EMERGENCY_NUMBERS: &[&str] = &["000", "110", "112", "118", "119", "911", "999"];

/// The stack's settings.
#[derive(Clone, Debug)]
pub struct SipConfig {
    /// Where UDP is received. Port 0: any free one.
    pub bind: SocketAddr,
    /// What Via and Contact say; `bind` if not given. Port 0: the bound port. Needed when `bind` is unspecified.
    pub advertised: Option<SocketAddr>,
    /// `User-Agent` and `Server`.
    pub user_agent: String,
    /// The digest realm.
    pub realm: String,
    /// Offer SHA-256 digests besides MD5; for [`crate::Credentials`] that know `ha1_sha256` of every user.
    pub sha256: bool,
    /// Who may call in without authenticating, at the start; changed by [`crate::SipHandle::set_trunks`].
    pub trunks: Vec<Trunk>,
    /// Users of a URI that are never dialled: emergency numbers, until a way for them is configured.
    pub refused_numbers: Vec<String>,
    /// New inbound calls a second, with a burst of as many; more get 503 with Retry-After.
    pub calls_per_second: u32,
    /// Legs at once, of both directions. Inbound calls beyond it get 503; our own calls may go to twice as many, so
    /// that those who wait can still be connected.
    pub max_calls: u32,
    /// Longer datagrams are refused with 513. What reaches the transaction layer is at most 8,192 bytes in any case.
    pub max_message_bytes: usize,
    /// How long a digest nonce is good.
    pub nonce_lifetime: Duration,
    /// Shorter registrations get 423.
    pub min_expires_s: u32,
    /// Longer registrations are shortened.
    pub max_expires_s: u32,
}

impl Default for SipConfig {
    fn default() -> Self {
        Self {
            bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5060),
            advertised: None,
            user_agent: "Cordboard".into(),
            realm: "cordboard".into(),
            sha256: false,
            trunks: Vec::new(),
            refused_numbers: EMERGENCY_NUMBERS.iter().map(|number| (*number).to_owned()).collect(),
            calls_per_second: 100,
            max_calls: 4_000,
            max_message_bytes: 8_192,
            nonce_lifetime: Duration::from_secs(300),
            min_expires_s: 30,
            max_expires_s: 3_600,
        }
    }
}

/// A carrier: the addresses it calls from.
#[derive(Clone, Debug)]
pub struct Trunk {
    /// Told with each call.
    pub name: String,
    /// Its address list.
    pub peers: Vec<Peer>,
}

/// One network of a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Any address of the network.
    pub network: IpAddr,
    /// Leading bits that count: 0 to 32, or 0 to 128 for IPv6. More means all.
    pub prefix_len: u8,
}

impl Peer {
    /// Only this address.
    pub fn host(address: IpAddr) -> Self {
        Self { network: address, prefix_len: u8::MAX }
    }

    /// Whether the address belongs to the network. IPv4 in IPv6 (`::ffff:…`) counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32_u32.saturating_sub(self.prefix_len.into());
                let differing = network.to_bits() ^ address.to_bits();
                differing.checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128_u32.saturating_sub(self.prefix_len.into());
                let differing = network.to_bits() ^ address.to_bits();
                differing.checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// The times of RFC 3261 §17, table 4, and our own limits; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Timers {
    /// Round trip estimate; a transaction gives up after 64 times it.
    pub t1: Duration,
    /// Longest interval between retransmissions.
    pub t2: Duration,
    /// How long a message may live in the network.
    pub t4: Duration,
    /// An inbound call that the shell does nothing about gets 408 after this.
    pub setup: Duration,
    /// An inbound call that rings and is neither answered nor refused gets 408 after this.
    pub ringing: Duration,
    /// How often ringing is told again, so that no proxy gives the call up (RFC 3261 §13.3.1.1: every minute).
    pub ring_again: Duration,
    /// A re-INVITE that the shell doesn't answer gets 500 after this.
    pub reoffer: Duration,
    /// How long a second of a session interval (RFC 4028) takes.
    pub session_second: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            setup: Duration::from_secs(180),
            ringing: Duration::from_secs(7_200),
            ring_again: Duration::from_secs(60),
            reoffer: Duration::from_secs(5),
            session_second: Duration::from_secs(1),
        }
    }
}

impl Timers {
    /// 64 × T1: the life of a transaction.
    pub(crate) fn transaction(&self) -> Duration {
        self.t1.saturating_mul(64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let table = [
            ("10.1.2.3", 8, "10.200.0.1", true),
            ("10.1.2.3", 8, "11.0.0.1", false),
            ("10.1.2.3", 32, "10.1.2.3", true),
            ("10.1.2.3", 32, "10.1.2.4", false),
            ("10.1.2.3", 0, "1.1.1.1", true),
            ("10.1.2.3", 8, "::ffff:10.9.9.9", true),
            ("2001:db8::", 32, "2001:db8:ffff::1", true),
            ("2001:db8::", 32, "2001:db9::1", false),
            ("10.0.0.0", 8, "2001:db8::1", false),
        ];
        for (network, prefix_len, address, expected) in table {
            let peer = Peer { network: network.parse().unwrap(), prefix_len };
            assert_eq!(peer.contains(address.parse().unwrap()), expected, "{network}/{prefix_len} {address}");
        }
    }
}
