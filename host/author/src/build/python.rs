//! Python: componentize-py, on a copy of the project's modules.

use super::{FIX, read, room, source};
use crate::error::AuthorError;
use crate::process::run;
use crate::project::Project;
use crate::tools;
use std::path::Path;
use std::process::Command;

pub(super) fn build(project: &Project) -> Result<Vec<u8>, AuthorError> {
    source(project)?;
    let site = tools::componentize_py()?;
    let room = room(project)?;
    // Modules alone: what else is in the folder has no business in the component.
    let copy = room.join("modules");
    if copy.exists() {
        std::fs::remove_dir_all(&copy).map_err(AuthorError::io(&copy))?;
    }
    modules(&project.folder, &copy, 0)?;
    let component = room.join("component.wasm");
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", &site).env("PYTHONDONTWRITEBYTECODE", "1").current_dir(&copy);
    python.arg(site.join("bin/componentize-py")).arg("-d").arg(project.wit()?).args(["-w", project.world.name()]);
    run("the build", python.args(["componentize", "app", "-o"]).arg(&component), FIX)?;
    read(&component)
}

/// So deep are packages searched for modules.
const MAX_DEPTH: usize = 8;

/// Copies modules, and packages with all of theirs.
fn modules(from: &Path, to: &Path, depth: usize) -> Result<(), AuthorError> {
    std::fs::create_dir_all(to).map_err(AuthorError::io(to))?;
    for entry in std::fs::read_dir(from).map_err(AuthorError::io(from))? {
        let path = entry.map_err(AuthorError::io(from))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let left_out = name.starts_with('.') || matches!(&*name, "build" | "tests" | "__pycache__" | "wit");
        if path.is_dir() && !left_out && depth < MAX_DEPTH && (depth > 0 || path.join("__init__.py").is_file()) {
            modules(&path, &to.join(&name), depth + 1)?;
        } else if name.ends_with(".py") && path.is_file() {
            std::fs::copy(&path, to.join(&name)).map_err(AuthorError::io(&path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_copied_and_nothing_else() {
        let room = tempfile::tempdir().unwrap();
        let from = room.path().join("from");
        for file in
            ["app.py", "README.md", "own/__init__.py", "own/below/deep.py", "tests/t.py", "notes/n.py", ".venv/x.py"]
        {
            let path = from.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let to = room.path().join("to");
        modules(&from, &to, 0).unwrap();
        let there = |file: &str| to.join(file).exists();
        assert!(there("app.py") && there("own/__init__.py") && there("own/below/deep.py"));
        assert!(!there("README.md") && !there("tests") && !there("notes") && !there(".venv"));
    }
}
