//! The sources of a plugin's folder: what a build is made of, and when that last changed.

use cordboard_author::Project;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders that builds and tools fill.
const MADE: [&str; 5] = ["build", "target", "node_modules", "__pycache__", "dist"];
/// More files than this are no plugin's sources; the rest isn't looked at.
const MAX_FILES: usize = 5_000;
const MAX_DEPTH: usize = 12;

/// When a file was written, and how long it is.
type Stamp = (Option<SystemTime>, u64);

/// The files of a plugin's folder that were written by hand, with what tells that they changed.
pub(super) fn stamps(project: &Project) -> BTreeMap<PathBuf, Stamp> {
    let mut found = BTreeMap::new();
    collect(&project.folder, 0, &mut found);
    found
}

fn collect(folder: &Path, depth: usize, found: &mut BTreeMap<PathBuf, Stamp>) {
    // What can't be read is no source; a build will say so.
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let Ok(kind) = entry.file_type() else { continue };
        if name.starts_with('.') || found.len() >= MAX_FILES {
            continue;
        }
        if kind.is_dir() && depth < MAX_DEPTH && !MADE.contains(&name.as_str()) {
            collect(&path, depth + 1, found);
        } else if !kind.is_dir() && is_source(&name) {
            // Of what a link leads to: that is what a build reads.
            let Ok(about) = std::fs::metadata(&path) else { continue };
            if about.is_file() {
                found.insert(path, (about.modified().ok(), about.len()));
            }
        }
    }
}

/// Components, what editors keep beside a file, and what tools write of their own accord are none.
fn is_source(name: &str) -> bool {
    let made = [".wasm", ".wasm.new", ".pyc", ".swp", ".tmp", "~", ".lock", "package-lock.json"];
    !made.iter().any(|end| name.ends_with(end)) && name.parse::<u64>().is_err()
}

/// A source that was written after the component, if there is one. Scripts don't count: no component is made of them.
pub(super) fn newer_than(project: &Project, component: &Path) -> Option<PathBuf> {
    let built = std::fs::metadata(component).and_then(|about| about.modified()).ok()?;
    let tests = project.folder.join("tests");
    let is_newer = |(path, (written, _)): &(PathBuf, Stamp)| {
        written.is_some_and(|written| written > built) && !path.starts_with(&tests) && !is_prose(path)
    };
    stamps(project).into_iter().find(is_newer).map(|(path, _)| path)
}

fn is_prose(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "md")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_made_is_no_source() {
        let room = tempfile::tempdir().unwrap();
        for path in ["manifest.json", "src/lib.rs", "tests/a.yaml", "plugin.toml", "README.md"] {
            let path = room.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{\"name\": \"a\", \"world\": \"cordboard:flow@0.1.0\"}").unwrap();
        }
        fs::write(room.path().join("plugin.toml"), "lang = \"rust\"").unwrap();
        for path in [
            "target/x.rs",
            "build/y",
            ".git/z",
            "a.wasm",
            "a.wasm.new",
            ".lib.rs.swp",
            "src/lib.rs~",
            "4913",
            "Cargo.lock",
        ] {
            let path = room.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let project = Project::open(room.path()).unwrap();
        let before = stamps(&project);
        let names: Vec<String> =
            before.keys().map(|path| path.strip_prefix(&project.folder).unwrap().display().to_string()).collect();
        assert_eq!(names, ["README.md", "manifest.json", "plugin.toml", "src/lib.rs", "tests/a.yaml"]);
        fs::write(room.path().join("target/x.rs"), "more").unwrap();
        assert_eq!(stamps(&project), before);
        fs::write(room.path().join("src/lib.rs"), "more").unwrap();
        assert_ne!(stamps(&project), before);
    }

    #[test]
    fn a_source_that_is_newer_than_the_component_is_found() {
        let room = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| fs::write(room.path().join(path), text).unwrap();
        put("plugin.toml", "lang = \"c\"");
        put("manifest.json", "{\"name\": \"a\", \"world\": \"cordboard:flow@0.1.0\"}");
        put("main.c", "");
        put("a.wasm", "");
        let project = Project::open(room.path()).unwrap();
        let component = project.component();
        assert_eq!(newer_than(&project, &component), None);
        let later = fs::metadata(&component).unwrap().modified().unwrap() + std::time::Duration::from_secs(1);
        fs::File::options().write(true).open(room.path().join("main.c")).unwrap().set_modified(later).unwrap();
        assert_eq!(newer_than(&project, &component), Some(project.folder.join("main.c")));
    }
}
