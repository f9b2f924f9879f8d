//! What the fuzzer does with its bytes, and the test that replays its corpus: no part of the crate.

use cordboard_core::ids::{ContactId, TenantId};
use cordboard_store::seal::{ContactKey, ENVELOPE_BYTES, KEY_BYTES, Part, SEALED, Unopened};

/// The key that the corpus is sealed with.
pub(crate) fn key() -> ContactKey {
    ContactKey::new([0x5A; KEY_BYTES])
}

/// Bytes where the frame 3 of contact 9 should be. True if they are it.
///
/// # Panics
/// If what opens is not as long as the envelope says, opens elsewhere, or is refused for the wrong reason.
pub(crate) fn envelope(bytes: &[u8]) -> bool {
    let (key, tenant) = (key(), TenantId::default_tenant());
    match key.open(&tenant, ContactId(9), Part::Frame(3), bytes) {
        Ok(frame) => {
            assert_eq!(frame.len() + ENVELOPE_BYTES, bytes.len(), "nothing is left over");
            let elsewhere = key.open(&tenant, ContactId(9), Part::Frame(4), bytes);
            assert_eq!(elsewhere, Err(Unopened::Forged), "it opens in its place only");
            true
        }
        Err(Unopened::NotSealed) => {
            assert!(bytes.first().is_none_or(|first| !(SEALED..=0xEF).contains(first)));
            false
        }
        Err(Unopened::Newer(first)) => {
            assert!(bytes.first() == Some(&first) && first > SEALED);
            false
        }
        Err(Unopened::Forged) => {
            assert_eq!(bytes.first(), Some(&SEALED));
            false
        }
    }
}
