//! The core is pure: it can't name a clock, a runtime, randomness or a container with a random order.

use super::{File, Finding, code};

const IMPURE: [&str; 10] = [
    "tokio",
    "Instant",
    "SystemTime",
    "HashMap",
    "HashSet",
    "RandomState",
    "rand",
    "std::thread",
    "std::fs",
    "std::net::UdpSocket",
];

pub(crate) fn check(file: &File) -> Vec<Finding> {
    if !file.path.starts_with("host/core/src/") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (at, line) in code::bare(&file.text).lines().enumerate() {
        for word in IMPURE.iter().filter(|word| code::has_word(line, word)) {
            findings.push(Finding::new(&file.path, at + 1, format!("the core is pure: no `{word}`")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&File { path: path.into(), text: text.into() }).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn clocks_and_hashes_are_refused_in_the_core_only() {
        let text = "\
//! No HashMap here.
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
let now = std::time::Instant::now();
let text = \"tokio\";
let operand = 1;
use rand::Rng;";
        assert_eq!(lines("host/core/src/a.rs", text), [2, 4, 7]);
        assert_eq!(lines("host/sip/src/a.rs", text), [0; 0]);
    }
}
