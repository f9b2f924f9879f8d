//! The fuzzer's corpus, replayed: `good-` inputs are taken, `bad-` ones refused, and none panics.
use crate::common::corpus;
use cordboard_plugin::{source_lines, verify};
use proptest::prelude::*;

#[test]
fn bodies() {
    let corpus = corpus("fuzz/corpus/verify");
    for (name, body) in &corpus {
        let verdict = verify(body, 1 << 20);
        // What a fuzzer found has its digest as its name: it must not panic, that is all.
        assert!(!name.starts_with("good-") || verdict.is_ok(), "{name} was refused: {verdict:?}");
        assert!(!name.starts_with("bad-") || verdict.is_err(), "{name} was taken");
    }
    assert!(corpus.len() >= 29, "{} inputs", corpus.len());
}

#[test]
fn every_prefix_of_every_good_body_is_refused_or_whole() {
    for (name, body) in corpus("fuzz/corpus/verify").iter().filter(|(name, _)| name.starts_with("good-")) {
        for end in 0..body.len() {
            assert!(verify(&body[..end], 1 << 20).is_err(), "{name} cut at {end} was taken");
        }
    }
}

#[test]
fn lines() {
    let corpus = corpus("fuzz/corpus/lines");
    for (name, component) in &corpus {
        let places: Vec<u64> = (0..64).map(|n| n * component.len() as u64 / 64).collect();
        let found = source_lines(component, &places).into_iter().flatten().count();
        assert!(!name.starts_with("good-") || found > 0, "{name} has no lines");
        assert!(!name.starts_with("bad-") || found == 0, "{name} has lines");
    }
    assert!(corpus.len() >= 3, "{} inputs", corpus.len());
}

proptest! {
    #[test]
    fn changed_bytes_never_panic(pick in any::<prop::sample::Index>(), changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let corpus = corpus("fuzz/corpus/verify");
        let mut body = pick.get(&corpus).1.clone();
        for (at, byte) in changes {
            if !body.is_empty() {
                let at = at.index(body.len());
                body[at] = byte;
            }
        }
        let _verdict = verify(&body, 1 << 20);
    }

    #[test]
    fn arbitrary_sections_never_panic(sections in proptest::collection::vec((0_u8..13, proptest::collection::vec(any::<u8>(), 0..60)), 0..8)) {
        let mut body = b"\0asm\x0d\0\x01\0".to_vec();
        for (id, content) in sections {
            body.extend([id, content.len() as u8]);
            body.extend(content);
        }
        let _verdict = verify(&body, 1 << 20);
    }
}
