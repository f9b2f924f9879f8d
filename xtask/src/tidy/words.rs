//! What no file may hold: unfinished code, tests left out without a reason, paths of somebody's machine.

use super::{File, Finding, code};

pub(crate) fn check(file: &File) -> Vec<Finding> {
    let mut findings = paths(file);
    if file.path.ends_with(".rs") {
        findings.extend(unfinished(file));
    }
    findings
}

fn unfinished(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let bare = code::bare(&file.text);
    let mut allowed = 0;
    for (at, line) in bare.lines().enumerate() {
        for word in ["todo!", "unimplemented!", "dbg!"].iter().filter(|word| code::has_word(line, word)) {
            findings.push(Finding::new(&file.path, at + 1, format!("`{word}`")));
        }
        let squeezed: String = line.split_whitespace().collect();
        if squeezed.contains("#[ignore]") {
            findings.push(Finding::new(&file.path, at + 1, "`#[ignore]` without a reason: `#[ignore = \"…\"]`"));
        }
        if squeezed.contains("allow(unsafe_code,reason=") {
            allowed = at + 1;
        }
        // One block, right below its reason.
        let unexplained = squeezed.contains("unsafe{") && (allowed == 0 || at > allowed);
        if squeezed.contains("allow(unsafe_code)") || squeezed.contains("expect(unsafe_code)") || unexplained {
            findings.push(Finding::new(&file.path, at + 1, "unsafe code; say why above it: `reason = \"…\"`"));
        }
    }
    findings
}

fn paths(file: &File) -> Vec<Finding> {
    let machine = ["root", "work", "home"].map(|folder| format!("/{folder}/"));
    let mut findings = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        let found = machine.iter().find(|path| line.match_indices(*path).any(|(at, _)| begins(line, at)));
        if let Some(path) = found {
            findings.push(Finding::new(&file.path, at + 1, format!("a path of some machine: `{path}`")));
        }
    }
    findings
}

/// Whether a path begins here, and not before: `example.com/home/` is no path of a machine.
fn begins(line: &str, at: usize) -> bool {
    let before = line.get(..at).unwrap_or_default();
    !before.ends_with(|c: char| c.is_alphanumeric() || "._-~*}/".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        check(&File { path: path.into(), text: text.into() }).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn unfinished_code_is_found() {
        let table = [
            ("fn f() { todo!() }", 1),
            ("fn f() { unimplemented!(\"later\") }", 1),
            ("dbg!(x);", 1),
            ("// todo!() later", 0),
            ("\"todo!\"", 0),
            ("#[ignore]", 1),
            ("# [ ignore ]", 1),
            ("#[ignore = \"needs a microphone\"]", 0),
            ("#![allow(unsafe_code)]", 1),
            ("#![allow(unsafe_code, reason = \"generated\")]", 0),
            ("unsafe { f() }", 1),
            ("#[allow(unsafe_code, reason = \"trusted\")]\nunsafe {\n    f()\n}", 0),
            ("#[allow(unsafe_code, reason = \"trusted\")]\n\nunsafe { f() }", 1),
        ];
        for (text, count) in table {
            assert_eq!(found("a.rs", text).len(), count, "{text}");
            assert_eq!(found("a.md", text).len(), 0, "{text}");
        }
    }

    #[test]
    fn paths_of_machines_are_found_in_any_text() {
        let home = format!("/{}/", "home");
        for (text, count) in [
            (format!("see {home}me/x"), 1),
            (format!("path = \"{home}me\""), 1),
            (format!("{home}me"), 1),
            (format!("https://example.com{home}"), 0),
            ("/homes/".to_owned(), 0),
        ] {
            assert_eq!(found("a.md", &text).len(), count, "{text}");
        }
    }
}
