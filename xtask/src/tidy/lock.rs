//! What cargo must agree with: an up-to-date lock file, workspace lints and values in every package.

use super::{File, Finding};
use crate::{process, tree::Tree};
use toml::Value;

pub(crate) fn check(tree: &Tree, files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut cargo = tree.cargo();
    if let Err(error) = process::output(cargo.args(["metadata", "--locked", "--format-version", "1"])) {
        let text = format!("{error:#}");
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("Updating ")).collect();
        findings.push(Finding::new("Cargo.lock", 0, lines.join(" ")));
    }
    for file in files.iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        findings.extend(manifest(file));
    }
    findings
}

/// One Cargo.toml: the root forbids unsafe code, every package takes its lints over. A fuzz crate stands outside the
/// workspace, says so, and is nothing but a mouth for a library.
fn manifest(file: &File) -> Vec<Finding> {
    let finding = |text: &str| vec![Finding::new(&file.path, 0, text)];
    let Ok(manifest) = toml::from_str::<toml::Table>(&file.text) else { return finding("not TOML") };
    let at = |keys: &[&str]| {
        let first = keys.first().and_then(|key| manifest.get(*key));
        keys.iter().skip(1).fold(first, |value, key| value.and_then(|value| value.get(*key)))
    };
    if file.path == "Cargo.toml" {
        let level = at(&["workspace", "lints", "rust", "unsafe_code"]).and_then(Value::as_str);
        return match level {
            Some("deny" | "forbid") => Vec::new(),
            _ => finding("the workspace's lints must deny unsafe code"),
        };
    }
    if file.path.ends_with("/fuzz/Cargo.toml") {
        return match at(&["workspace"]) {
            Some(_) => Vec::new(),
            None => finding("a fuzz crate is a workspace of its own: `[workspace]`"),
        };
    }
    if at(&["lints", "workspace"]).and_then(Value::as_bool) != Some(true) {
        return finding("without the workspace's lints: `[lints]`, `workspace = true`");
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        manifest(&File { path: path.into(), text: text.into() }).len()
    }

    #[test]
    fn every_manifest_takes_the_lints_over() {
        assert_eq!(found("Cargo.toml", "[workspace.lints.rust]\nunsafe_code = \"deny\""), 0);
        assert_eq!(found("Cargo.toml", "[workspace.lints.rust]\nunsafe_code = \"warn\""), 1);
        assert_eq!(found("Cargo.toml", "[workspace]"), 1);
        assert_eq!(found("host/a/Cargo.toml", "[lints]\nworkspace = true"), 0);
        assert_eq!(found("host/a/Cargo.toml", "[package]\nname = \"a\""), 1);
        assert_eq!(found("host/a/Cargo.toml", "[package"), 1);
        assert_eq!(found("host/a/fuzz/Cargo.toml", "[workspace]"), 0);
        assert_eq!(found("host/a/fuzz/Cargo.toml", "[package]\nname = \"a\""), 1);
    }
}
