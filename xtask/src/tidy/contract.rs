//! The contract's reference says what the WIT texts say.

use super::{File, Finding};
use crate::contract::{ROOM, is_source, pages};

pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let of = |file: &&File| is_source(&file.path);
    let sources: Vec<_> = files.iter().filter(of).map(|file| (file.path.clone(), file.text.clone())).collect();
    let pages = match pages(&sources) {
        Ok(pages) => pages,
        Err(error) => return vec![Finding::new(ROOM, 0, format!("it can't be made: {error:#}"))],
    };
    let kept = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.as_str());
    let stale = pages.iter().filter(|(path, page)| kept(path) != Some(page)).map(|(path, _)| path.as_str());
    let left = files.iter().map(|file| file.path.as_str());
    let left = left.filter(|path| path.starts_with(&format!("{ROOM}/")) && !pages.contains_key(*path));
    stale
        .chain(left)
        .map(|path| Finding::new(path, 0, "not what the WIT says: `cargo xtask contract` writes it"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_in_step_with_the_wit() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let wit = "/// Tea: how strong?\npackage cordboard:tea@0.1.0;\n";
        let source = || file("wit/tea/0.1.0/tea.wit", wit);
        let made = pages(&[("wit/tea/0.1.0/tea.wit".into(), wit.into())]).unwrap();
        let mut files: Vec<File> = made.iter().map(|(path, page)| file(path, page)).collect();
        files.extend([source(), file("wit/tea/0.1.0/deps/io.wit", "no contract")]);
        assert_eq!(check(&files), []);
        files.push(file("docs/contract/coffee-0.1.0.md", ""));
        files[0].text.push('!');
        let found: Vec<String> = check(&files).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["docs/contract/README.md", "docs/contract/coffee-0.1.0.md"]);
        assert_eq!(check(&[source()]).len(), 2, "pages that are missing");
    }
}
