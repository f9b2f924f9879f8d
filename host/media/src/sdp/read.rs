//! What a peer's description says. It comes from the network: bounded before it is parsed, checked after.

use super::SdpError;
use crate::codec::{Codec, SAMPLE_RATE_HZ};
use sdp_types::{Attribute, Connection, Media, Session};
use std::net::{IpAddr, SocketAddr};

/// The largest description taken, in bytes.
pub const MAX_SDP_BYTES: usize = 8_192;
/// The most lines taken.
pub const MAX_SDP_LINES: usize = 256;
/// The most media streams taken: each costs a line in every answer.
const MAX_STREAMS: usize = 16;

/// Which way a stream flows, as one side sees it (RFC 3264 §5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// Out only.
    SendOnly,
    /// In only.
    RecvOnly,
    /// Not at all.
    Inactive,
}

impl Direction {
    pub(crate) fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether this side sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether this side receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The attribute's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive].into_iter().find(|known| known.name() == name)
    }
}

/// The audio stream that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Audio {
    /// None: `c=0.0.0.0`, the hold of RFC 2543.
    pub(crate) rtp: Option<SocketAddr>,
    pub(crate) rtcp: Option<SocketAddr>,
    /// In the peer's order, the first one it prefers.
    pub(crate) codecs: Vec<(u8, Codec)>,
    pub(crate) dtmf: Option<u8>,
    /// As the peer sees it.
    pub(crate) direction: Direction,
    pub(crate) rtcp_mux: bool,
}

/// A stream of the description: its answer needs its line even if it is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) media: String,
    pub(crate) proto: String,
    pub(crate) formats: String,
}

/// A peer's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) lines: Vec<Line>,
    /// Which line the audio is.
    pub(crate) chosen: usize,
    pub(crate) audio: Audio,
}

/// Reads a description and chooses its first usable audio stream.
pub(crate) fn read(bytes: &[u8]) -> Result<Remote, SdpError> {
    if bytes.len() > MAX_SDP_BYTES || bytes.iter().filter(|byte| **byte == b'\n').count() > MAX_SDP_LINES {
        return Err(SdpError::TooLarge);
    }
    let session = Session::parse(bytes).map_err(|cause| SdpError::Malformed(cause.to_string()))?;
    if session.medias.len() > MAX_STREAMS {
        return Err(SdpError::TooLarge);
    }
    let lines = session.medias.iter().map(|media| Line {
        media: media.media.clone(),
        proto: media.proto.clone(),
        formats: media.fmt.clone(),
    });
    let mut failure = SdpError::NoCommonCodec;
    for (chosen, media) in session.medias.iter().enumerate() {
        if media.media != "audio" || media.port == 0 || media.proto != "RTP/AVP" {
            continue;
        }
        match audio(&session, media) {
            Ok(audio) => return Ok(Remote { lines: lines.collect(), chosen, audio }),
            Err(cause) => failure = cause,
        }
    }
    Err(failure)
}

fn audio(session: &Session, media: &Media) -> Result<Audio, SdpError> {
    let formats: Vec<u8> = media.fmt.split_ascii_whitespace().filter_map(|format| format.parse().ok()).collect();
    let maps: Vec<(u8, &str, u32)> = values(&media.attributes, "rtpmap").filter_map(rtpmap).collect();
    let codec = |format: u8| match maps.iter().find(|map| map.0 == format) {
        Some((_, name, SAMPLE_RATE_HZ)) => {
            [Codec::Pcmu, Codec::Pcma].into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
        }
        Some(_) => None,
        // RFC 3551 §6: static types need no rtpmap.
        None => [Codec::Pcmu, Codec::Pcma].into_iter().find(|codec| codec.payload_type() == format),
    };
    let known = |format: &u8| *format < 128;
    let codecs: Vec<_> =
        formats.iter().filter(|f| known(f)).filter_map(|f| codec(*f).map(|codec| (*f, codec))).collect();
    if codecs.is_empty() {
        return Err(SdpError::NoCommonCodec);
    }
    let is_dtmf = |format: &&u8| {
        let named = |map: &(u8, &str, u32)| map.0 == **format && map.1.eq_ignore_ascii_case("telephone-event");
        known(format) && maps.iter().any(|map| named(map) && map.2 == SAMPLE_RATE_HZ)
    };
    let connection = media.connections.first().or(session.connection.as_ref()).ok_or(SdpError::NoAddress)?;
    let ip = address(connection)?;
    let rtp = ip.map(|ip| SocketAddr::new(ip, media.port));
    let rtcp_mux = has(&media.attributes, "rtcp-mux");
    let rtcp = rtp.and_then(|rtp| rtcp_address(&media.attributes, rtp, rtcp_mux));
    let direction = direction(&media.attributes).or(direction(&session.attributes)).unwrap_or_default();
    Ok(Audio { rtp, rtcp, codecs, dtmf: formats.iter().find(is_dtmf).copied(), direction, rtcp_mux })
}

/// None for 0.0.0.0 and ::, which mean hold. Audio is sent to hosts only: a group or a broadcast could be flooded.
fn address(connection: &Connection) -> Result<Option<IpAddr>, SdpError> {
    let ip: IpAddr = connection.connection_address.parse().map_err(|_| SdpError::NoAddress)?;
    usable(ip)
}

fn usable(ip: IpAddr) -> Result<Option<IpAddr>, SdpError> {
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    if ip.is_multicast() || broadcast {
        return Err(SdpError::NoAddress);
    }
    Ok((!ip.is_unspecified()).then_some(ip))
}

/// RFC 3605 §2.1 (`a=rtcp:53020 IN IP4 192.0.2.1`), else the port above (RFC 3550 §11).
fn rtcp_address(attributes: &[Attribute], rtp: SocketAddr, mux: bool) -> Option<SocketAddr> {
    if mux {
        return Some(rtp);
    }
    let next = rtp.port().checked_add(1).map(|port| SocketAddr::new(rtp.ip(), port));
    let Some(value) = values(attributes, "rtcp").next() else { return next };
    let mut words = value.split_ascii_whitespace();
    let port = words.next()?.parse().ok().filter(|port| *port != 0)?;
    // The same host, or nothing: an attribute must not make us send to a third one.
    match words.nth(2).map(str::parse::<IpAddr>) {
        None => Some(SocketAddr::new(rtp.ip(), port)),
        Some(Ok(ip)) if ip == rtp.ip() => Some(SocketAddr::new(ip, port)),
        Some(_) => None,
    }
}

fn rtpmap(value: &str) -> Option<(u8, &str, u32)> {
    let (format, encoding) = value.trim().split_once(' ')?;
    let mut parts = encoding.trim().split('/');
    let (name, rate, channels) = (parts.next()?, parts.next()?.parse().ok()?, parts.next());
    // Two channels are another codec: at no rate we know.
    let mono = channels.is_none_or(|channels| channels == "1");
    Some((format.parse().ok()?, name, if mono { rate } else { 0 }))
}

fn values<'a>(attributes: &'a [Attribute], name: &'static str) -> impl Iterator<Item = &'a str> {
    attributes.iter().filter(move |known| known.attribute == name).filter_map(|known| known.value.as_deref())
}

fn has(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().any(|known| known.attribute == name)
}

fn direction(attributes: &[Attribute]) -> Option<Direction> {
    attributes.iter().find_map(|known| Direction::from_name(&known.attribute))
}
