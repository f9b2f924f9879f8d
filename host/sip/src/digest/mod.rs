//! HTTP digest as SIP uses it (RFC 3261 §22, RFC 7616, RFC 8760): MD5 and SHA-256 with `qop=auth`.
//!
//! **Policy**: the legacy form without qop is refused, as are `auth-int` and other algorithms, since a captured
//! legacy response could be replayed as long as its nonce lives.

mod client;
mod nonce;
mod server;

pub(crate) use client::{Challenge, answer};
pub(crate) use nonce::Secret;
pub(crate) use server::{Authenticator, Denied, Proof};

use crate::wire::{split_list, unquote};
use md5::Md5;
use sha2::{Digest, Sha256};

/// What is hashed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// By its name; none given means MD5.
    pub(crate) fn named(name: Option<&str>) -> Option<Self> {
        let Some(name) = name else { return Some(Self::Md5) };
        [Self::Md5, Self::Sha256].into_iter().find(|one| one.name().eq_ignore_ascii_case(name))
    }

    /// The hash of the parts with `:` between them, in lower-case hex.
    pub(crate) fn hex(self, parts: &[&str]) -> String {
        match self {
            Self::Md5 => hex_of::<Md5>(parts),
            Self::Sha256 => hex_of::<Sha256>(parts),
        }
    }
}

fn hex_of<D: Digest>(parts: &[&str]) -> String {
    let mut hash = D::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hash.update(b":");
        }
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize().as_slice())
}

/// `HA1` of a user: MD5(user:realm:password), in lower-case hex.
pub fn ha1(user: &str, realm: &str, password: &str) -> String {
    Algorithm::Md5.hex(&[user, realm, password])
}

/// As [`ha1`], with SHA-256.
pub fn ha1_sha256(user: &str, realm: &str, password: &str) -> String {
    Algorithm::Sha256.hex(&[user, realm, password])
}

/// What a response is made of besides `HA1` and the method, each as it stands in the header.
pub(crate) struct Signed<'a> {
    pub(crate) uri: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) nc: &'a str,
    pub(crate) cnonce: &'a str,
}

/// RFC 7616 §3.4.1 with `qop=auth`.
pub(crate) fn response(algorithm: Algorithm, ha1: &str, method: &str, signed: &Signed<'_>) -> String {
    let ha2 = algorithm.hex(&[method, signed.uri]);
    algorithm.hex(&[ha1, signed.nonce, signed.nc, signed.cnonce, "auth", &ha2])
}

/// The parameters of `Digest name=value, …`, quotes removed. `None` if it is another scheme or broken.
pub(crate) fn parse(value: &str) -> Option<Vec<(String, String)>> {
    let (scheme, rest) = value.trim().split_once([' ', '\t'])?;
    if !scheme.eq_ignore_ascii_case("Digest") {
        return None;
    }
    let mut found: Vec<(String, String)> = Vec::new();
    for part in split_list(rest)?.into_iter().filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=')?;
        let name = name.trim().to_ascii_lowercase();
        // A repeated parameter could mean one thing here and another elsewhere.
        if found.len() >= 32 || found.iter().any(|(other, _)| *other == name) {
            return None;
        }
        found.push((name, unquote(value)));
    }
    Some(found)
}

pub(crate) fn param<'a>(params: &'a [(String, String)], name: &str) -> Option<&'a str> {
    params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_2617_and_7616() {
        let ha1_md5 = ha1("Mufasa", "testrealm@host.com", "Circle Of Life");
        let signed = Signed {
            uri: "/dir/index.html",
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            nc: "00000001",
            cnonce: "0a4f113b",
        };
        assert_eq!(response(Algorithm::Md5, &ha1_md5, "GET", &signed), "6629fae49393a05397450978507c4ef1");
        let signed = Signed {
            uri: "/dir/index.html",
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            nc: "00000001",
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        };
        let (user, realm, password) = ("Mufasa", "http-auth@example.org", "Circle of Life");
        assert_eq!(
            response(Algorithm::Md5, &ha1(user, realm, password), "GET", &signed),
            "8ca523f5e9506fed4657c9700eebdbec"
        );
        assert_eq!(
            response(Algorithm::Sha256, &ha1_sha256(user, realm, password), "GET", &signed),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn parameters() {
        let params = parse("Digest username=\"a, b\", uri=\"sip:x\" ,nc=0000000a,qop=auth").unwrap();
        assert_eq!(param(&params, "username"), Some("a, b"));
        assert_eq!(param(&params, "nc"), Some("0000000a"));
        assert_eq!(parse("Basic xyz"), None);
        assert_eq!(parse("Digest a=1, a=2"), None);
        assert_eq!(parse("Digest nonsense"), None);
    }
}
