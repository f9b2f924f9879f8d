//! A sealed value: what is personal, readable with the contact's key alone.
//!
//! Format: the octet [`SEALED`], a nonce of 24 octets drawn at random, then the ciphertext with its tag
//! (XChaCha20-Poly1305). What the value is and where it belongs goes into the tag and not into the envelope, so that a
//! value that was changed, cut, or moved elsewhere doesn't open.

use crate::error::StoreError;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use cordboard_core::ids::{ContactId, TenantId};
use sha2::{Digest as _, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// The first octet of a sealed value: far from the formats that journals and records begin with, which count from 1.
/// Later envelopes take the octets behind it.
pub const SEALED: u8 = 0xE1;
const LAST_ENVELOPE: u8 = 0xEF;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// How much longer a sealed value is than what is in it.
pub const ENVELOPE_BYTES: usize = 1 + NONCE_BYTES + TAG_BYTES;
/// The length of a key, in bytes.
pub const KEY_BYTES: usize = 32;

/// The key of a contact. Wiped from memory when it is dropped, never shown.
#[derive(Clone)]
pub struct ContactKey(Zeroizing<[u8; KEY_BYTES]>);

impl fmt::Debug for ContactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContactKey")
    }
}

/// What a key is known by without telling it: enough to see that a slot holds another one.
pub(crate) type Fingerprint = [u8; 8];

/// What a sealed value is: one of another kind or number doesn't open in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The journal's frame of this number.
    Frame(u64),
    /// The personal part of the contact's record.
    Record,
    /// The contact's row in the decision of this name.
    Row([u8; 16]),
    /// A row that the contact's decisions refer to.
    SharedRow,
    /// The note of this number.
    Note(u32),
}

/// Why a value doesn't open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unopened {
    /// It doesn't begin as a sealed value.
    NotSealed,
    /// Its envelope is of a newer version.
    Newer(u8),
    /// It was changed, cut short or moved, or sealed with another key.
    Forged,
}

impl ContactKey {
    /// The key of these bytes.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let digest = Sha256::new_with_prefix(b"cordboard contact key\0").chain_update(&self.0[..]).finalize();
        digest.first_chunk().copied().unwrap_or_default()
    }

    /// Seals a value of this contact. Fails with `Failed` if the system gives no random numbers.
    pub fn seal(&self, tenant: &TenantId, contact: ContactId, part: Part, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0; NONCE_BYTES];
        random(&mut nonce)?;
        let payload = Payload { msg: value, aad: &place(tenant, contact, part) };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| StoreError::failed("a value is too long to be sealed"))?;
        Ok([&[SEALED][..], &nonce, &sealed].concat())
    }

    /// What is in a sealed value.
    ///
    /// # Errors
    /// See [`Unopened`]; whatever the bytes are.
    pub fn open(
        &self,
        tenant: &TenantId,
        contact: ContactId,
        part: Part,
        envelope: &[u8],
    ) -> Result<Vec<u8>, Unopened> {
        let rest = match envelope.split_first() {
            Some((&SEALED, rest)) => rest,
            Some((&newer @ SEALED..=LAST_ENVELOPE, _)) => return Err(Unopened::Newer(newer)),
            Some(_) | None => return Err(Unopened::NotSealed),
        };
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Unopened::Forged)?;
        let payload = Payload { msg: sealed, aad: &place(tenant, contact, part) };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| Unopened::Forged)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

/// Whose value it is and which: what the tag covers besides the value. No two places have the same bytes, as a tenant's
/// name doesn't contain 0 and all else has a fixed length for its kind.
fn place(tenant: &TenantId, contact: ContactId, part: Part) -> Vec<u8> {
    let mut place = Vec::with_capacity(64);
    place.extend_from_slice(tenant.as_str().as_bytes());
    place.push(0);
    place.extend_from_slice(&contact.0.to_be_bytes());
    match part {
        Part::Frame(number) => {
            place.push(1);
            place.extend_from_slice(&number.to_be_bytes());
        }
        Part::Record => place.push(2),
        Part::Row(decision) => {
            place.push(3);
            place.extend_from_slice(&decision);
        }
        Part::SharedRow => place.push(4),
        Part::Note(number) => {
            place.push(5);
            place.extend_from_slice(&number.to_be_bytes());
        }
    }
    place
}

/// Fills it with random bytes of the system.
pub(crate) fn random(bytes: &mut [u8]) -> Result<(), StoreError> {
    getrandom::fill(bytes).map_err(|error| StoreError::failed(format!("no random numbers: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; KEY_BYTES] = [7; KEY_BYTES];

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name).unwrap()
    }

    fn sealed(value: &[u8]) -> Vec<u8> {
        ContactKey::new(KEY).seal(&tenant("acme"), ContactId(9), Part::Frame(3), value).unwrap()
    }

    fn opened(envelope: &[u8]) -> Result<Vec<u8>, Unopened> {
        ContactKey::new(KEY).open(&tenant("acme"), ContactId(9), Part::Frame(3), envelope)
    }

    #[test]
    fn rule_20_a_sealed_value_opens_whole_and_no_two_are_alike() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let value = vec![b'x'; len];
            let (one, other) = (sealed(&value), sealed(&value));
            assert_eq!((one.len(), opened(&one)), (len + ENVELOPE_BYTES, Ok(value.clone())));
            assert!(one != other, "the nonce is drawn anew");
            assert!(len < 8 || !one.windows(8).any(|window| window == &value[..8]));
        }
    }

    #[test]
    fn rule_20_any_changed_octet_and_any_cut_is_noticed() {
        let envelope = sealed(b"+15550001");
        for at in 0..envelope.len() {
            for bit in 0..8 {
                let mut changed = envelope.clone();
                changed[at] ^= 1 << bit;
                assert!(opened(&changed).is_err(), "octet {at}, bit {bit}");
            }
            assert!(opened(&envelope[..at]).is_err(), "cut at {at}");
            assert!(opened(&envelope[at + 1..]).is_err(), "begun behind {at}");
        }
        assert_eq!(opened(&[&envelope[..], b"\0"].concat()), Err(Unopened::Forged), "longer");
    }

    #[test]
    fn rule_20_a_value_opens_in_its_own_place_only() {
        let (key, envelope) = (ContactKey::new(KEY), sealed(b"value"));
        let elsewhere = [
            ("acme", 9, Part::Frame(4)),
            ("acme", 8, Part::Frame(3)),
            ("acm", 9, Part::Frame(3)),
            ("acme", 9, Part::Record),
            ("acme", 9, Part::SharedRow),
            ("acme", 9, Part::Note(0)),
            ("acme", 9, Part::Note(5)),
            ("acme", 9, Part::Row([0; 16])),
        ];
        for (who, contact, part) in elsewhere {
            let moved = key.open(&tenant(who), ContactId(contact), part, &envelope);
            assert_eq!(moved, Err(Unopened::Forged), "{who} {contact} {part:?}");
        }
        let mut other = KEY;
        other[31] ^= 1;
        let other = ContactKey::new(other);
        assert_eq!(other.open(&tenant("acme"), ContactId(9), Part::Frame(3), &envelope), Err(Unopened::Forged));
        assert!(key.fingerprint() != other.fingerprint());
        assert_eq!(format!("{key:?}"), "ContactKey");
    }

    #[test]
    fn rule_20_what_is_no_envelope_is_told_apart() {
        let cases = [
            (&[][..], Unopened::NotSealed),
            (&[1, 2, 3], Unopened::NotSealed),
            (&[0xE0], Unopened::NotSealed),
            (&[0xF0], Unopened::NotSealed),
            (&[SEALED], Unopened::Forged),
            (&[SEALED; 24], Unopened::Forged),
            (&[SEALED; ENVELOPE_BYTES], Unopened::Forged),
            (&[0xE2, 0], Unopened::Newer(0xE2)),
            (&[0xEF], Unopened::Newer(0xEF)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(opened(bytes), Err(expected), "{bytes:?}");
        }
    }
}
