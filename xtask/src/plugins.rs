//! Builds the plugins, stock and probes, and lays them out as `target/plugins/NAME.wasm`, with the manifest of each that has
//! one as `NAME.json`.

use crate::process;
use crate::setup::{self, GUEST_TARGET};
use crate::tree::Tree;
use anyhow::{Context as _, Result, ensure};
use std::path::Path;

/// Builds all of them in one cargo call.
pub(crate) fn run(tree: &Tree) -> Result<()> {
    setup::run()?;
    let guests = tree.guests();
    ensure!(!guests.is_empty(), "the workspace has no plugins");
    let mut cargo = tree.cargo();
    cargo.args(["build", "--target", GUEST_TARGET, "--profile", "guest", "--lib"]);
    for guest in &guests {
        cargo.args(["-p", &guest.name]);
    }
    process::run(&mut cargo)?;
    let built = tree.target.join(GUEST_TARGET).join("guest");
    let folder = tree.plugins();
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for guest in &guests {
        let from = built.join(format!("{}.wasm", guest.name.replace('-', "_")));
        let to = folder.join(format!("{}.wasm", guest.name));
        let changed = copy(&from, &to)?;
        let bytes = std::fs::metadata(&to)?.len();
        println!("{:>8} KiB  {}{}", bytes.div_ceil(1024), to.display(), if changed { "" } else { "  (as before)" });
        let manifest = tree.root.join(tree.room(guest)).join("manifest.json");
        if manifest.exists() {
            copy(&manifest, &folder.join(format!("{}.json", guest.name)))?;
        }
    }
    Ok(())
}

/// Copies if the content differs: whoever watches the file's time sees changes only. Other readers see the old or the
/// new content, never a part.
fn copy(from: &Path, to: &Path) -> Result<bool> {
    let content = std::fs::read(from).with_context(|| from.display().to_string())?;
    if std::fs::read(to).is_ok_and(|old| old == content) {
        return Ok(false);
    }
    let beside = to.with_extension("wasm.new");
    std::fs::write(&beside, content).with_context(|| beside.display().to_string())?;
    std::fs::rename(&beside, to).with_context(|| to.display().to_string())?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_is_copied() {
        let folder = std::env::temp_dir().join(format!("xtask-copy-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (from, to) = (folder.join("a"), folder.join("b.wasm"));
        std::fs::write(&from, "one").unwrap();
        assert!(copy(&from, &to).unwrap());
        assert!(!copy(&from, &to).unwrap());
        std::fs::write(&from, "two").unwrap();
        assert!(copy(&from, &to).unwrap());
        assert_eq!(std::fs::read(&to).unwrap(), b"two");
        assert!(copy(&folder.join("none"), &to).unwrap_err().to_string().ends_with("none"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
