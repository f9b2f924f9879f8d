//! A released version of the plugin contract never changes: `wit/frozen.toml` has a sum of every `wit/WORLD/VERSION`, and
//! of the guests that were compiled for it.
//!
//! The sum is FNV-1a: it finds slips. Whoever wants to change a contract can edit the record too, in plain sight of
//! review.

use super::{File, Finding};
use anyhow::{Result, bail};
use std::collections::BTreeMap;

/// Where the sums are kept.
pub(crate) const RECORD: &str = "wit/frozen.toml";

/// Where the guests of a version are: `contract-VERSION` below it.
const GUESTS: &str = "host/plugin/tests/fixtures/contract-";

const HEAD: &str = "\
# Sums of the contract's folders: what is here never changes, a change is a new version. `cargo xtask freeze` adds new
# folders; `cargo xtask tidy` compares. Before a release a line may be taken out and the folder frozen again.
";

pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let recorded = recorded(files);
    let folders = sums(files);
    let mut findings = Vec::new();
    for (folder, sum) in &folders {
        match recorded.get(folder) {
            None => findings.push(Finding::new(folder, 0, "not frozen: `cargo xtask freeze`")),
            Some(kept) if kept != sum => {
                let text = format!("changed, but it is frozen in {RECORD}: a change is a new version");
                findings.push(Finding::new(folder, 0, text));
            }
            Some(_) => {}
        }
    }
    for folder in recorded.keys().filter(|folder| !folders.contains_key(*folder)) {
        findings.push(Finding::new(folder, 0, format!("frozen in {RECORD}, but gone")));
    }
    findings
}

/// The record with the folders that are new. A frozen folder that has changed is refused.
pub(crate) fn freeze(files: &[File]) -> Result<String> {
    let mut recorded = recorded(files);
    for (folder, sum) in sums(files) {
        let kept = recorded.entry(folder.clone()).or_insert_with(|| sum.clone());
        if *kept != sum {
            bail!("{folder} is frozen and has changed; if it was never released, take its line out of {RECORD}");
        }
    }
    let lines = recorded.iter().map(|(folder, sum)| format!("{folder:?} = {sum:?}\n"));
    Ok(HEAD.to_owned() + &lines.collect::<String>())
}

fn recorded(files: &[File]) -> BTreeMap<String, String> {
    let text = files.iter().find(|file| file.path == RECORD).map_or("", |file| file.text.as_str());
    toml::from_str(text).unwrap_or_default()
}

/// The sum of each frozen folder: over names and contents, in the order of the names.
fn sums(files: &[File]) -> BTreeMap<String, String> {
    let mut folders: BTreeMap<String, u64> = BTreeMap::new();
    for file in files {
        let Some((folder, name)) = placed(&file.path) else { continue };
        let sum = folders.entry(folder).or_insert(BEGIN);
        *sum = fnv(*sum, name.bytes().chain([0]).chain(file.text.bytes()).chain([0]));
    }
    folders.into_iter().map(|(folder, sum)| (folder, format!("{sum:016x}"))).collect()
}

/// Where FNV-1a begins.
const BEGIN: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(sum: u64, bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(sum, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What stands for a frozen file that isn't text; nothing for one that isn't frozen.
pub(crate) fn sum_of(path: &str, bytes: &[u8]) -> String {
    placed(path).map(|_| format!("{:016x}", fnv(BEGIN, bytes.iter().copied()))).unwrap_or_default()
}

/// The frozen folder a file is in, and its name there.
fn placed(path: &str) -> Option<(String, &str)> {
    if let Some(rest) = path.strip_prefix(GUESTS) {
        let (version, name) = rest.split_once('/')?;
        return Some((format!("{GUESTS}{version}"), name));
    }
    let (world, rest) = path.strip_prefix("wit/")?.split_once('/')?;
    let (version, name) = rest.split_once('/')?;
    Some((format!("wit/{world}/{version}"), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    fn texts(files: &[File]) -> Vec<String> {
        check(files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn so_are_the_guests_compiled_for_a_version() {
        let guest = |text| vec![file("host/plugin/tests/fixtures/contract-0.1.0/flow.wasm", text)];
        let record = freeze(&guest("wasm")).unwrap();
        assert!(record.contains("\"host/plugin/tests/fixtures/contract-0.1.0\" = "), "{record}");
        let with_record = |text| guest(text).into_iter().chain([file(RECORD, &record)]).collect::<Vec<_>>();
        assert_eq!(texts(&with_record("wasm")), [""; 0]);
        assert_eq!(texts(&with_record("built again")).len(), 1);
        assert_eq!(placed("wit/frozen.toml"), None);
        let sum = |path: &str, bytes: &[u8]| sum_of(path, bytes);
        let path = "host/plugin/tests/fixtures/contract-0.1.0/flow.wasm";
        assert_ne!(sum(path, b"\0asm\xff"), sum(path, b"\0asm\xfe"));
        assert_eq!(sum("prompts/en/a.wav", b"\xff"), "");
    }

    #[test]
    fn a_frozen_folder_does_not_change() {
        let mut files = vec![file("wit/flow/0.1.0/a.wit", "a"), file("wit/flow/0.1.0/deps/b.wit", "b")];
        assert_eq!(texts(&files), ["wit/flow/0.1.0: not frozen: `cargo xtask freeze`"]);
        let record = freeze(&files).unwrap();
        files.push(file(RECORD, &record));
        assert_eq!(texts(&files), [""; 0]);
        assert_eq!(freeze(&files).unwrap(), record);

        // A new version is frozen beside it.
        files.push(file("wit/flow/0.2.0/a.wit", "a"));
        assert_eq!(texts(&files).len(), 1);
        assert!(freeze(&files).unwrap().starts_with(record.trim_end()));
        files.pop();

        // Another content, another name and a missing file are changes; none of them can be frozen over.
        for changed in [file("wit/flow/0.1.0/a.wit", "A"), file("wit/flow/0.1.0/c.wit", "a")] {
            let kept = std::mem::replace(&mut files[0], changed);
            assert_eq!(
                texts(&files),
                ["wit/flow/0.1.0: changed, but it is frozen in wit/frozen.toml: a change is a new version"]
            );
            assert!(freeze(&files).is_err());
            files[0] = kept;
        }
        assert_eq!(texts(&files[1..]).len(), 1);
        assert_eq!(texts(&files[2..]), ["wit/flow/0.1.0: frozen in wit/frozen.toml, but gone"]);
    }
}
