//! Rust: cargo, for `wasm32-wasip2`.

use super::{FIX, read, source};
use crate::error::AuthorError;
use crate::process::run;
use crate::project::Project;
use crate::tools;
use serde::Deserialize;
use std::path::PathBuf;
use std::process::Command;

/// What `cargo metadata --no-deps` says, as far as it is of use here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

pub(super) fn build(project: &Project) -> Result<Vec<u8>, AuthorError> {
    source(project)?;
    tools::rust()?;
    let cargo = |words: &[&str]| {
        let mut cargo = Command::new("cargo");
        cargo.args(words).current_dir(&project.folder);
        cargo
    };
    let said = run("reading Cargo.toml", &mut cargo(&["metadata", "--no-deps", "--format-version", "1"]), FIX)?;
    let manifest = project.folder.join("Cargo.toml");
    let wrong = |problem: &str| AuthorError::file(&manifest, problem);
    let metadata: Metadata = serde_json::from_str(&said).map_err(|error| wrong(&error.to_string()))?;
    let ours = metadata.packages.iter().find(|package| package.manifest_path == manifest);
    let targets = ours.map(|package| package.targets.as_slice()).unwrap_or_default();
    let library = targets.iter().find(|target| target.kind.iter().any(|kind| kind == "cdylib"));
    let library =
        library.ok_or_else(|| wrong("it makes no component: `[lib]`, `crate-type = [\"cdylib\", \"rlib\"]`"))?;
    run("the build", &mut cargo(&["build", "--release", "--lib", "--target", tools::RUST_TARGET]), FIX)?;
    let made = metadata.target_directory.join(tools::RUST_TARGET).join("release");
    read(&made.join(format!("{}.wasm", library.name.replace('-', "_"))))
}
