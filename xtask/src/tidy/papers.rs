//! The documents everybody looks for are there, and say first what is asked first.

use super::{File, Finding};

pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in ["README.md", "CHANGELOG.md", "ARCHITECTURE.md", "LICENSE"] {
        match files.iter().find(|file| file.path == path) {
            None => findings.push(Finding::new(path, 0, "missing")),
            Some(file) if file.path == "README.md" => findings.extend(readme(file)),
            Some(file) if file.path == "CHANGELOG.md" && !file.text.contains("### Plugin contract") => {
                findings.push(Finding::new(path, 0, "without a section `### Plugin contract`"));
            }
            Some(_) => {}
        }
    }
    findings
}

/// The two commands come first, then the rest.
fn readme(file: &File) -> Vec<Finding> {
    let commands = file.text.lines().filter(|line| line.starts_with("cargo xtask "));
    let names: Vec<&str> = commands.filter_map(|line| line.split_whitespace().nth(2)).take(2).collect();
    let first_code = file.text.split("```").nth(1).unwrap_or_default();
    if names != ["demo", "test"] || !first_code.contains("cargo xtask demo") {
        let text = "its first block of code has `cargo xtask demo`, then `cargo xtask test`";
        return vec![Finding::new(&file.path, 0, text)];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(readme: &str, changelog: &str) -> Vec<String> {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let files = [
            file("README.md", readme),
            file("CHANGELOG.md", changelog),
            file("ARCHITECTURE.md", ""),
            file("LICENSE", ""),
        ];
        check(&files).into_iter().map(|finding| finding.path).collect()
    }

    #[test]
    fn documents_are_there_and_begin_well() {
        let readme = "# X\n```sh\ncargo xtask demo   # plays\ncargo xtask test\n```\n";
        let log = "## 0.1.0\n### Plugin contract\n";
        assert_eq!(found(readme, log), [""; 0]);
        assert_eq!(found(&readme.replace("demo ", "setup "), log), ["README.md"]);
        assert_eq!(found(&format!("```sh\nmake\n```\n{readme}"), log), ["README.md"]);
        assert_eq!(found(readme, "## 0.1.0"), ["CHANGELOG.md"]);
        assert_eq!(check(&[]).len(), 4);
    }
}
