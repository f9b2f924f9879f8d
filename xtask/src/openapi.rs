//! The admin API's document, tracked so that a change of the API shows in review.

use crate::{process, tree::Tree};
use anyhow::{Context as _, Result, ensure};
use std::path::PathBuf;

fn path(tree: &Tree) -> PathBuf {
    tree.root.join("host/admin/openapi.json")
}

fn printed(tree: &Tree) -> Result<String> {
    process::output(tree.program("cordboard").arg("openapi"))
}

/// Builds the program and writes the document.
pub(crate) fn write(tree: &Tree) -> Result<()> {
    tree.build()?;
    let path = path(tree);
    std::fs::write(&path, printed(tree)?).with_context(|| path.display().to_string())
}

/// Builds the program and compares the document.
pub(crate) fn check(tree: &Tree) -> Result<()> {
    tree.build()?;
    compare(tree)
}

/// Compares the document with what the built program prints.
pub(crate) fn compare(tree: &Tree) -> Result<()> {
    let path = path(tree);
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    ensure!(kept == printed(tree)?, "{} is not what the API is: `cargo xtask openapi` writes it", path.display());
    println!("{} is what the API is", path.display());
    Ok(())
}
