//! The fuzzer's corpus, replayed: `good-` inputs are scripts, `bad-` ones are not, and none panics.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use proptest::prelude::*;
use std::path::Path;

#[path = "../fuzz/replay.rs"]
mod replay;

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/script");
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(&path).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(|entry| read(entry.unwrap().path())).collect()
}

#[test]
fn the_corpus_is_taken_or_refused_as_it_says() {
    let corpus = corpus();
    for (name, bytes) in &corpus {
        let taken = replay::script(bytes);
        // What a fuzzer found has its digest as its name: it must not panic, that is all.
        assert!(!name.starts_with("good-") || taken, "{name} was refused");
        assert!(!name.starts_with("bad-") || !taken, "{name} was taken");
    }
    assert!(corpus.len() >= 20, "{} inputs", corpus.len());
}

#[test]
fn no_cut_of_a_script_panics() {
    for (_, bytes) in corpus().iter().filter(|(name, _)| name.starts_with("good-")) {
        for end in (0..bytes.len()).step_by(7) {
            let _taken = replay::script(&bytes[..end]);
        }
    }
}

proptest! {
    #[test]
    fn no_change_of_a_script_panics(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let corpus = corpus();
        let mut bytes = corpus[which.index(corpus.len())].1.clone();
        for (at, by) in changes {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = by;
            }
        }
        let _taken = replay::script(&bytes);
    }

    #[test]
    fn no_text_panics(text in "(conversation|hears|never|cases|[-:{}\\[\\]&*|>!#'\"\n ]|[a-z0-9]){0,60}") {
        let _taken = replay::script(text.as_bytes());
    }
}
