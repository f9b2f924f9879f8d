//! How a plane is set up, and why it may fail.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

/// How a plane is set up.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// Where RTP is bound.
    pub bind_ip: IpAddr,
    /// What peers are told, if that isn't `bind_ip`.
    pub advertised_ip: Option<IpAddr>,
    /// Each session takes an even port and the one above. `0..=0`: any free pair.
    pub ports: RangeInclusive<u16>,
    /// Threads for RTP; at least one is started.
    pub threads: usize,
    /// After so long without a packet where one is expected, [`crate::MediaEvent::NoMedia`]. Zero: never.
    pub no_media_timeout: Duration,
    /// Sessions open at a time.
    pub max_sessions: usize,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            bind_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            advertised_ip: None,
            ports: 0..=0,
            threads: 1,
            no_media_timeout: Duration::ZERO,
            max_sessions: 2_000,
        }
    }
}

/// Why there is no media.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// A thread can't be started.
    #[error("a media thread can't be started")]
    Thread(#[source] std::io::Error),
    /// Peers can't be told 0.0.0.0.
    #[error("bound to every address, so the one to advertise must be configured")]
    NoAdvertisedAddress,
    /// As many sessions as allowed.
    #[error("{0} media sessions are open, which is the limit")]
    Full(usize),
    /// No pair of ports is free.
    #[error("no pair of RTP ports is free")]
    NoPorts(#[source] Option<std::io::Error>),
    /// The media threads don't keep up.
    #[error("the media threads are busy")]
    Busy,
    /// The session is closed.
    #[error("there is no such media session")]
    NoSession,
}
