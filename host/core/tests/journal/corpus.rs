//! The fuzzer's corpus, replayed: `good-` inputs are journals, `bad-` ones are not, and none panics.

use crate::apply::{call, external, opened, outcome, segment};
use crate::frames::frame;
use cordboard_core::flow::{Reply, Request};
use cordboard_core::journal::{External, Frame, Journal, encode};
use proptest::prelude::*;
use std::path::Path;

#[path = "../../fuzz/replay.rs"]
mod replay;

#[test]
fn the_corpus_is_taken_or_refused_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/journal");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let taken = replay::journal(&std::fs::read(&path).unwrap());
        // What a fuzzer found has its digest as its name: it must not panic, that is all.
        assert!(!name.starts_with("good-") || taken, "{name} was refused");
        assert!(!name.starts_with("bad-") || !taken, "{name} was taken");
        count += 1;
    }
    assert!(count >= 20, "{count} inputs");
}

#[test]
fn every_changed_octet_and_every_cut_of_a_journal_is_another_journal_or_none() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/journal");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_string_lossy().starts_with("good-") {
            continue;
        }
        let whole = std::fs::read(&path).unwrap();
        // One bit of each octet, each in its turn, and all of them.
        for (at, by) in (0..whole.len()).flat_map(|at| [(at, 1 << (at % 8)), (at, 0xff)]) {
            let mut flipped = whole.clone();
            flipped[at] ^= by;
            let _taken = replay::journal(&flipped);
        }
        for end in 0..whole.len() {
            let _taken = replay::journal(&whole[..end]);
        }
    }
}

fn stored(frames: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let length = |frame: &Vec<u8>| u16::try_from(frame.len()).unwrap().to_be_bytes();
    frames.into_iter().flat_map(|frame| length(&frame).into_iter().chain(frame)).collect()
}

/// What a contact might do, by small numbers, mostly in an order that makes sense.
fn script() -> impl Strategy<Value = Vec<Frame>> {
    proptest::collection::vec((0..6_u8, any::<bool>()), 0..40).prop_map(|steps| {
        let mut frames = vec![opened(), segment(0, 1)];
        let mut entry = 0;
        for (step, astray) in steps {
            let at = entry + u64::from(astray && step % 2 == 1);
            frames.push(match step {
                0 | 1 => call(at, Request::Ring),
                2 | 3 => outcome(at.saturating_sub(1), Reply::Done),
                4 => external(at, External::HungUp),
                _ => segment(at, 2),
            });
            entry += u64::from(matches!(step, 0 | 1 | 4));
        }
        frames
    })
}

proptest! {
    #[test]
    fn no_journal_panics(frames in script(), change in any::<Option<(prop::sample::Index, u8)>>()) {
        let mut bytes = stored(frames.iter().map(|frame| encode(frame).unwrap()));
        if let Some((at, by)) = change {
            let at = at.index(bytes.len());
            bytes[at] ^= by;
        }
        let _taken = replay::journal(&bytes);
    }

    #[test]
    fn a_journal_makes_frames_that_make_it_again(frames in script()) {
        // As far as it is consistent.
        let mut journal = Journal::default();
        for frame in frames {
            let _refused = journal.apply(frame);
        }
        prop_assert_eq!(crate::apply::journal(journal.frames()), Ok(journal));
    }

    #[test]
    fn no_frames_panic(frames in proptest::collection::vec(frame(), 0..8)) {
        let _taken = replay::journal(&stored(frames.iter().map(|frame| encode(frame).unwrap())));
    }
}
