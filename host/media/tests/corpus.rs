//! The fuzzers' corpora, replayed: `good-` inputs are taken, `bad-` ones refused, and none panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use cordboard_media::fuzzing;
use proptest::prelude::*;
use std::path::Path;

fn replay(folder: &str, taken: impl Fn(&[u8]) -> bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(folder);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let was_taken = taken(&std::fs::read(&path).unwrap());
        // What a fuzzer found has its digest as its name: it must not panic, that is all.
        assert!(!name.starts_with("good-") || was_taken, "{name} was refused");
        assert!(!name.starts_with("bad-") || !was_taken, "{name} was taken");
        count += 1;
    }
    assert!(count >= 13, "{count} inputs");
}

#[test]
fn descriptions() {
    replay("sdp", fuzzing::sdp);
}

#[test]
fn packets() {
    replay("rtp", |bytes| fuzzing::rtp(bytes) > 0);
}

proptest! {
    #[test]
    fn no_packets_panic(
        packets in proptest::collection::vec(
            (prop_oneof![Just(0x80_u8), any::<u8>()], prop_oneof![Just(0_u8), Just(101), Just(8), any::<u8>()], any::<u16>(),
             any::<u32>(), 0_u32..3, proptest::collection::vec(any::<u8>(), 0..200)), 0..40)
    ) {
        let mut bytes = Vec::new();
        for (head, kind, sequence, timestamp, ssrc, payload) in packets {
            let mut packet = vec![head, kind];
            packet.extend(sequence.to_be_bytes());
            packet.extend(timestamp.to_be_bytes());
            packet.extend(ssrc.to_be_bytes());
            packet.extend(payload);
            bytes.push(packet.len() as u8);
            bytes.extend(packet);
        }
        let _taken = fuzzing::rtp(&bytes);
    }
}
