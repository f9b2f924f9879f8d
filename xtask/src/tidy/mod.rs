//! The house rules, held against the tree. Each rule is a pure function over text or over what cargo says, with a
//! test that shows it fail.

mod code;
mod contract;
mod frozen;
mod fuzz;
mod lock;
mod papers;
mod purity;
mod rooms;
mod size;
mod words;

use crate::tree::Tree;
use anyhow::{Context as _, Result};
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

/// A rule broken somewhere.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Below the root.
    path: String,
    /// 0: the file as a whole.
    line: usize,
    text: String,
}

impl Finding {
    fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.into(), line, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.text),
            line => write!(f, "{}:{line}: {}", self.path, self.text),
        }
    }
}

/// A file of ours with its text.
#[derive(Debug)]
pub(crate) struct File {
    /// Below the root, with slashes.
    path: String,
    text: String,
}

/// Checks everything and lists what is wrong.
pub(crate) fn run(tree: &Tree) -> Result<ExitCode> {
    let files = files(&tree.root)?;
    let mut findings = Vec::new();
    for file in &files {
        findings.extend(words::check(file));
        if file.path.ends_with(".rs") {
            findings.extend(size::check(file));
            findings.extend(purity::check(file));
        }
    }
    findings.extend(rooms::check(tree, &files));
    findings.extend(lock::check(tree, &files));
    findings.extend(frozen::check(&files));
    findings.extend(papers::check(&files));
    findings.extend(contract::check(&files));
    findings.extend(fuzz::check(&files));
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} files, {} findings", files.len(), findings.len());
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Records the WIT folders that are not recorded yet.
pub(crate) fn freeze(tree: &Tree) -> Result<()> {
    let files = files(&tree.root)?;
    let path = tree.root.join(frozen::RECORD);
    std::fs::write(&path, frozen::freeze(&files)?).with_context(|| path.display().to_string())
}

/// Every file of ours. What isn't text has its name only, or its sum if it is frozen.
fn files(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let below = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
            if path.is_dir() {
                if !left_out(&below) {
                    folders.push(path);
                }
            } else {
                let bytes = std::fs::read(&path).with_context(|| below.clone())?;
                let text = String::from_utf8(bytes).unwrap_or_else(|error| frozen::sum_of(&below, error.as_bytes()));
                files.push(File { path: below, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// What builds and runs leave, as `.gitignore` has it.
fn left_out(folder: &str) -> bool {
    matches!(folder.rsplit('/').next(), Some(".git" | "target" | "cordboard-data" | "artifacts" | "node_modules"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_say_where() {
        assert_eq!(Finding::new("a.rs", 7, "wrong").to_string(), "a.rs:7: wrong");
        assert_eq!(Finding::new("a.rs", 0, "wrong").to_string(), "a.rs: wrong");
    }

    #[test]
    fn the_tree_is_read_without_what_builds_leave() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let files = files(root).unwrap();
        assert!(files.iter().any(|file| file.path == "xtask/src/tidy/mod.rs" && file.text.contains("house rules")));
        assert!(files.iter().all(|file| !file.path.starts_with("target/") && !file.path.starts_with(".git/")));
        assert!(left_out("host/media/fuzz/target"));
        assert!(!left_out("host/plugin"));
    }
}
