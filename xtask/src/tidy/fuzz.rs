//! What a fuzzer found stays found: every corpus is replayed by a test on the stable toolchain.

use super::{File, Finding};
use std::collections::BTreeSet;

pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (room, target) in targets(files) {
        let corpus = format!("{room}/fuzz/corpus/{target}/");
        if !files.iter().any(|file| file.path.starts_with(&corpus)) {
            findings.push(Finding::new(&corpus, 0, "a fuzz target without a corpus"));
        }
        let test = format!("{room}/tests/corpus.rs");
        let replayed = files.iter().any(|file| file.path == test && file.text.contains(&format!("\"{target}\"")));
        if !replayed {
            findings.push(Finding::new(&test, 0, format!("does not replay the corpus of \"{target}\"")));
        }
    }
    findings
}

/// Room and name of everything with a target, a corpus or both.
fn targets(files: &[File]) -> BTreeSet<(&str, &str)> {
    files.iter().filter_map(target).collect()
}

fn target(file: &File) -> Option<(&str, &str)> {
    let (room, rest) = file.path.split_once("/fuzz/")?;
    let name = match rest.strip_prefix("fuzz_targets/") {
        Some(target) => target.strip_suffix(".rs")?,
        None => rest.strip_prefix("corpus/")?.split_once('/')?.0,
    };
    Some((room, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_corpus_is_replayed() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let target = file("host/a/fuzz/fuzz_targets/sdp.rs", "");
        let corpus = file("host/a/fuzz/corpus/sdp/good-1", "");
        let test = file("host/a/tests/corpus.rs", "replay(\"sdp\")");
        let other = file("host/a/tests/corpus.rs", "replay(\"rtp\")");
        let count = |files: &[File]| check(files).len();
        assert_eq!(count(&[target, test]), 1);
        assert_eq!(count(&[file("host/a/fuzz/fuzz_targets/sdp.rs", ""), other]), 2);
        assert_eq!(count(&[corpus]), 1);
        let corpus = file("host/a/fuzz/corpus/sdp/good-1", "");
        assert_eq!(count(&[corpus, file("host/a/tests/corpus.rs", "replay(\"sdp\")")]), 0);
    }
}
