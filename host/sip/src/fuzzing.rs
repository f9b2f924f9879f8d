//! What fuzzers call: each takes hostile bytes all the way in. No part of the room's contract.

use crate::digest::{Authenticator, Challenge, Secret};
use crate::handle::Credentials;
use crate::screen::{Verdict, screen};
use crate::wire::{self, Address, Message, Uri, Via};
use std::time::Duration;

/// A datagram. True if it passes the gate; then its rendering must pass too, and be stable.
///
/// # Panics
/// If it isn't.
pub fn message(bytes: &[u8]) -> bool {
    let Verdict::Pass(message) = screen(bytes, 65_535) else { return false };
    let once = message.to_bytes();
    let again = match screen(&once, 131_072) {
        Verdict::Pass(again) => again,
        other => unreachable!("what passed must pass again: {other:?}"),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(&once), text(&again.to_bytes()), "rendering must be stable");
    let reply = wire::response(&message, 200, "", "tag");
    assert!(message.method().is_none() || Message::parse(&reply.to_bytes()).is_ok(), "an answer must be readable");
    let _known = crate::parse_for_library(&once);
    true
}

struct Anybody;

impl Credentials for Anybody {
    fn ha1(&self, _user: &str, _realm: &str) -> Option<String> {
        Some("0".repeat(32))
    }
}

/// An Authorization header, and a challenge. True if either could be read.
pub fn digest(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let (secret, mut auth) = (Secret::random(), Authenticator::new("r".into(), Duration::from_secs(60), true));
    let mut request = wire::request("REGISTER", "sip:host");
    request.push("Authorization", text.as_ref());
    let proven = auth.verify(&secret, &Anybody, &request, Duration::from_secs(1)).is_ok();
    assert!(!proven, "nobody guesses a nonce");
    Challenge::parse(&text).is_some() || crate::digest::parse(&text).is_some()
}

/// A URI, an address, a Via. True if it is a URI.
pub fn uri(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let _address = Address::parse(&text);
    if let Some(via) = Via::parse(&text) {
        let again = Via::parse(&via.to_string());
        assert_eq!(again.map(|again| again.to_string()), Some(via.to_string()), "rendering must be stable");
    }
    Uri::parse(&text).is_some_and(|uri| {
        let _address = uri.socket_addr();
        true
    })
}

/// MD5 in hex, so that tests make proofs of their own.
pub fn md5_hex(text: &str) -> String {
    crate::digest::Algorithm::Md5.hex(&[text])
}
