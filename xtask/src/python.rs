//! Guests in Python, each a folder of `host/plugin/python` with an `app.py`: built to `target/plugins/NAME.wasm` with what
//! PyPI has for it, kept below the target folder.
//!
//! Only tests and benchmarks need them, so nothing else needs Python. A build takes seconds and never gives the same bytes
//! twice, so that one is made only when something has changed.

use crate::{debian, process, tree::Tree};
use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOM: &str = "host/plugin/python";
/// What makes components of them, with its digests: the very one that `cordboard plugin build` uses.
const TOOLS: &str = "host/author/pins/componentize-py.txt";
/// What they are written against.
const CONTRACT: &str = "wit/flow/0.1.0";
const WORLD: &str = "flow";
const NEEDS: [debian::Need; 2] = [
    debian::Need { there: has_python, name: "Python 3.9 or newer", package: "python3" },
    debian::Need { there: has_pip, name: "pip", package: "python3-pip" },
];

fn has_python() -> bool {
    answers(&["-c", "import sys; sys.exit(sys.version_info < (3, 9))"])
}

fn has_pip() -> bool {
    answers(&["-m", "pip", "--version"])
}

fn answers(words: &[&str]) -> bool {
    process::output(Command::new("python3").args(words)).is_ok()
}

/// Builds those whose sources, contract or tools have changed. `else_do` is what to do without Python, if anything.
pub(crate) fn run(tree: &Tree, else_do: &str) -> Result<()> {
    debian::provide(&NEEDS, else_do)?;
    let kept = tree.target.join("python");
    let tools = tools(tree, &kept)?;
    let contract = texts(&tree.root.join(CONTRACT))?;
    std::fs::create_dir_all(tree.plugins())?;
    for folder in folders(&tree.root.join(ROOM))? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let component = tree.plugins().join(format!("{name}.wasm"));
        let made_of = [&tools.made_of, &contract, &texts(&folder)?].map(String::as_str).concat();
        let stamp = kept.join(format!("{name}.made-of"));
        let fresh = component.exists() && is(&stamp, &made_of);
        if !fresh {
            let copied = kept.join(&name);
            copy(&folder, &copied)?;
            build(tree, &tools, &copied, &component)?;
            std::fs::write(&stamp, made_of).with_context(|| stamp.display().to_string())?;
        }
        let kib = std::fs::metadata(&component)?.len().div_ceil(1024);
        println!("{kib:>8} KiB  {}{}", component.display(), if fresh { "  (as before)" } else { "" });
    }
    Ok(())
}

struct Tools {
    site: PathBuf,
    /// Which ones they are.
    made_of: String,
}

/// Installs the tools into a folder of their own, unless they are there.
fn tools(tree: &Tree, kept: &Path) -> Result<Tools> {
    let wanted = tree.root.join(TOOLS);
    let made_of = std::fs::read_to_string(&wanted).with_context(|| wanted.display().to_string())?;
    let (site, stamp) = (kept.join("site"), kept.join("site.made-of"));
    if !is(&stamp, &made_of) {
        if site.exists() {
            std::fs::remove_dir_all(&site).with_context(|| site.display().to_string())?;
        }
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]);
        // It warns root of a system's packages, which a folder of its own is none of.
        pip.env("PIP_ROOT_USER_ACTION", "ignore");
        process::run(pip.arg("--target").arg(&site).arg("-r").arg(&wanted))?;
        std::fs::write(&stamp, &made_of).with_context(|| stamp.display().to_string())?;
    }
    Ok(Tools { site, made_of })
}

/// The tools write beside the sources: so into a copy.
fn build(tree: &Tree, tools: &Tools, folder: &Path, component: &Path) -> Result<()> {
    let beside = component.with_extension("wasm.new");
    let mut python = Command::new("python3");
    python.current_dir(folder).env("PYTHONPATH", &tools.site);
    python.arg(tools.site.join("bin/componentize-py")).arg("-d").arg(tree.root.join(CONTRACT)).args(["-w", WORLD]);
    process::run(python.args(["componentize", "app", "-o"]).arg(&beside))?;
    // Readers see the old or the new one, never a part.
    std::fs::rename(&beside, component).with_context(|| component.display().to_string())
}

/// A folder anew.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to).with_context(|| to.display().to_string())?;
    }
    std::fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for path in entries(from)? {
        let to = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &to)?;
        } else {
            std::fs::copy(&path, &to).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

fn is(path: &Path, text: &str) -> bool {
    std::fs::read_to_string(path).is_ok_and(|found| found == text)
}

fn folders(room: &Path) -> Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = entries(room)?.into_iter().filter(|path| path.join("app.py").exists()).collect();
    found.sort();
    ensure!(!found.is_empty(), "{} has no guests", room.display());
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = read.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    paths.sort();
    Ok(paths)
}

/// Names and contents of a folder's files, in order.
fn texts(folder: &Path) -> Result<String> {
    let mut all = String::new();
    for path in entries(folder)? {
        if path.is_dir() {
            all += &texts(&path)?;
        } else {
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            all += &format!("== {}\n{text}\n", path.file_name().unwrap_or_default().to_string_lossy());
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_guest_is_made_of_tells_every_change() {
        let folder = std::env::temp_dir().join(format!("xtask-python-{}", std::process::id()));
        let guest = folder.join("probe");
        std::fs::create_dir_all(guest.join("below")).unwrap();
        assert!(folders(&folder).is_err(), "no app.py, no guest");
        std::fs::write(guest.join("app.py"), "a = 1\n").unwrap();
        assert_eq!(folders(&folder).unwrap(), std::slice::from_ref(&guest));
        let first = texts(&guest).unwrap();
        assert_eq!(first, "== app.py\na = 1\n\n");
        std::fs::write(guest.join("below/more.py"), "").unwrap();
        let second = texts(&guest).unwrap();
        std::fs::rename(guest.join("below/more.py"), guest.join("below/other.py")).unwrap();
        let third = texts(&guest).unwrap();
        let copied = folder.join("copy");
        copy(&folder.join("probe/below"), &copied).unwrap();
        copy(&guest, &copied).unwrap();
        assert_eq!(texts(&copied).unwrap(), third, "and nothing of what was there before");
        assert!(first != second && second != third && third != first);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
