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
        let tests = format!("{room}/tests/");
        let replays = |file: &&File| {
            let named = [format!("\"{target}\""), format!("corpus/{target}\"")];
            file.path.starts_with(&tests)
                && file.text.contains("fuzz/corpus")
                && named.iter().any(|name| file.text.contains(name))
        };
        if !files.iter().any(|file| replays(&file)) {
            findings.push(Finding::new(&tests, 0, format!("no test replays fuzz/corpus/{target}")));
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
        let target = ("host/a/fuzz/fuzz_targets/sdp.rs", "");
        let corpus = ("host/a/fuzz/corpus/sdp/good-1", "");
        let one = ("host/a/tests/corpus.rs", "read(\"fuzz/corpus/sdp\")");
        let each = ("host/a/tests/wire/corpus.rs", "join(\"fuzz/corpus\"); replay(\"sdp\")");
        let other = ("host/a/tests/corpus.rs", "join(\"fuzz/corpus\"); replay(\"rtp\")");
        let elsewhere = ("host/b/tests/corpus.rs", "read(\"fuzz/corpus/sdp\")");
        let count = |files: &[(&str, &str)]| {
            let file = |(path, text): &(&str, &str)| File { path: (*path).into(), text: (*text).into() };
            check(&files.iter().map(file).collect::<Vec<_>>()).len()
        };
        assert_eq!(count(&[target, corpus, one]), 0);
        assert_eq!(count(&[corpus, each]), 0);
        assert_eq!(count(&[target, one]), 1);
        assert_eq!(count(&[corpus]), 1);
        assert_eq!(count(&[corpus, other, elsewhere]), 1);
        assert_eq!(count(&[target]), 2);
    }
}
