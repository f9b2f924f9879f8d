//! The fuzzer's corpus, replayed: `good-` inputs open, `bad-` ones don't, and none panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use cordboard_core::ids::{ContactId, TenantId};
use cordboard_store::seal::{Part, Unopened};
use proptest::prelude::*;
use std::path::Path;

#[path = "../fuzz/replay.rs"]
mod replay;

#[test]
fn rule_20_the_corpus_opens_or_not_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/envelope");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let whole = std::fs::read(&path).unwrap();
        let taken = replay::envelope(&whole);
        assert!(!name.starts_with("good-") || taken, "{name} was refused");
        assert!(!name.starts_with("bad-") || !taken, "{name} was taken");
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(!replay::envelope(&flipped) || name.starts_with("bad-"), "{name}: octet {at} flipped");
            assert!(!replay::envelope(&whole[..at]) || name.starts_with("bad-"), "{name}: cut at {at}");
        }
        count += 1;
    }
    assert!(count >= 8, "{count} inputs");
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        any::<u64>().prop_map(Part::Frame),
        Just(Part::Record),
        any::<[u8; 16]>().prop_map(Part::Row),
        Just(Part::SharedRow),
        any::<u32>().prop_map(Part::Note),
    ]
}

proptest! {
    #[test]
    fn rule_20_what_is_sealed_opens_in_its_place_and_nowhere_else(
        value in proptest::collection::vec(any::<u8>(), 0..2000),
        names in ("[a-z]{1,8}", "[a-z]{1,8}"),
        contacts in (any::<u128>(), any::<u128>()),
        parts in (part(), part()),
        change in (any::<prop::sample::Index>(), 1u8..),
    ) {
        let (key, tenant, contact) = (replay::key(), TenantId::new(&names.0).unwrap(), ContactId(contacts.0));
        let sealed = key.seal(&tenant, contact, parts.0, &value).unwrap();
        prop_assert_eq!(key.open(&tenant, contact, parts.0, &sealed), Ok(value));
        let other = TenantId::new(&names.1).unwrap();
        for (tenant, contact, part) in
            [(&other, contact, parts.0), (&tenant, ContactId(contacts.1), parts.0), (&tenant, contact, parts.1)]
        {
            let same = *tenant == TenantId::new(&names.0).unwrap() && contact.0 == contacts.0 && part == parts.0;
            if !same {
                prop_assert_eq!(key.open(tenant, contact, part, &sealed), Err(Unopened::Forged));
            }
        }
        let mut changed = sealed;
        *change.0.get_mut(&mut changed) ^= change.1;
        prop_assert!(key.open(&tenant, contact, parts.0, &changed).is_err());
    }

    #[test]
    fn rule_20_no_bytes_make_opening_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _taken = replay::envelope(&bytes);
    }
}
