//! Nonces that carry their own time and seal, so that issuing one costs no memory.

use sha2::{Digest as _, Sha256};
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// The process's secret; nonces and tags of stateless answers hang on it. Nonces end with the process.
pub(crate) struct Secret([u8; 32]);

impl Secret {
    pub(crate) fn random() -> Self {
        Self(rand::random())
    }

    /// HMAC-SHA-256 (RFC 2104), the first 16 bytes in hex.
    pub(crate) fn seal(&self, parts: &[&[u8]]) -> String {
        let pad = |byte: u8| {
            let mut block = [byte; 64];
            for (block, key) in block.iter_mut().zip(self.0) {
                *block ^= key;
            }
            block
        };
        let mut inner = Sha256::new_with_prefix(pad(0x36));
        for part in parts {
            inner.update((part.len() as u64).to_be_bytes());
            inner.update(part);
        }
        let outer = Sha256::new_with_prefix(pad(0x5c)).chain_update(inner.finalize()).finalize();
        hex::encode(outer.get(..16).unwrap_or_default())
    }

    /// A nonce for that moment; `salt` makes two of the same moment differ.
    pub(crate) fn nonce(&self, now: Duration, salt: u64) -> String {
        let head = format!("{:016x}{salt:016x}", now.as_millis() as u64);
        format!("{head}{}", self.seal(&[b"nonce", head.as_bytes()]))
    }

    /// How old a nonce is; `None` if it isn't ours.
    pub(crate) fn age(&self, nonce: &str, now: Duration) -> Option<Duration> {
        let (head, seal) = nonce.split_at_checked(32)?;
        let expected = self.seal(&[b"nonce", head.as_bytes()]);
        if !bool::from(expected.as_bytes().ct_eq(seal.as_bytes())) {
            return None;
        }
        let issued = u64::from_str_radix(head.get(..16)?, 16).ok()?;
        Some(now.saturating_sub(Duration::from_millis(issued)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_knows_its_age_and_cannot_be_forged() {
        let secret = Secret::random();
        let nonce = secret.nonce(Duration::from_secs(10), 7);
        assert_eq!(secret.age(&nonce, Duration::from_secs(12)), Some(Duration::from_secs(2)));
        assert_eq!(Secret::random().age(&nonce, Duration::from_secs(12)), None);
        assert_eq!(secret.age(&nonce.replace('a', "b"), Duration::from_secs(12)).is_some(), !nonce.contains('a'));
        for broken in ["", "x", "caf\u{e9}caf\u{e9}caf\u{e9}caf\u{e9}caf\u{e9}caf\u{e9}caf\u{e9}caf\u{e9}caf\u{e9}"] {
            assert_eq!(secret.age(broken, Duration::ZERO), None);
        }
    }
}
