//! The workspace as cargo sees it.

use crate::process;
use anyhow::{Context as _, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `cargo metadata --no-deps` says, as far as it is of use here.
#[derive(Debug, Deserialize)]
pub(crate) struct Tree {
    /// The folder of the root Cargo.toml.
    #[serde(rename = "workspace_root")]
    pub root: PathBuf,
    /// Where builds go: `CARGO_TARGET_DIR`, or `target`. Absolute.
    #[serde(rename = "target_directory")]
    pub target: PathBuf,
    /// The workspace's packages.
    pub packages: Vec<Package>,
}

/// A package of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub name: String,
    manifest_path: PathBuf,
    pub dependencies: Vec<Dependency>,
    pub targets: Vec<Target>,
}

/// What a package names in its Cargo.toml.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub name: String,
    /// None: a normal one. `dev`, `build`.
    pub kind: Option<String>,
}

/// A program, example or library.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub name: String,
    pub kind: Vec<String>,
}

impl Tree {
    /// Asks cargo, from the current folder on.
    pub(crate) fn find() -> Result<Self> {
        let mut cargo = quiet(Command::new(cargo_path()));
        Self::read(&process::output(cargo.args(["metadata", "--no-deps", "--format-version", "1"]))?)
    }

    /// From what cargo printed.
    pub(crate) fn read(metadata: &str) -> Result<Self> {
        serde_json::from_str(metadata).context("cargo metadata")
    }

    /// A cargo for this workspace.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = quiet(Command::new(cargo_path()));
        // A relative one would mean another folder from the root.
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// Builds every program and example.
    ///
    /// Always the whole workspace and always with examples: then features unify exactly as they do for
    /// `cargo test --workspace`, and the WebAssembly compiler is built once, not once per selection.
    pub(crate) fn build(&self) -> Result<()> {
        process::run(self.cargo().args(["build", "--workspace", "--bins", "--examples"]))
    }

    /// Where programs are.
    pub(crate) fn programs(&self) -> PathBuf {
        self.target.join("debug")
    }

    /// Where plugins are.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.target.join("plugins")
    }

    /// A program of ours that finds the others and the plugins.
    pub(crate) fn program(&self, path: impl AsRef<Path>) -> Command {
        let mut command = quiet(Command::new(self.programs().join(path)));
        self.point(&mut command);
        command
    }

    /// Tells a child where programs and plugins are.
    pub(crate) fn point(&self, command: &mut Command) {
        command.env("CORDBOARD_BIN_DIR", self.programs()).env("CORDBOARD_PLUGINS_DIR", self.plugins());
    }

    /// The packages that are plugins, and build for wasm.
    pub(crate) fn guests(&self) -> Vec<&Package> {
        let is_guest = |package: &&Package| {
            let room = self.room(package);
            room.starts_with("plugins/") || room.starts_with("host/plugin/guests/")
        };
        self.packages.iter().filter(is_guest).collect()
    }

    /// A package's folder below the root, with slashes.
    pub(crate) fn room(&self, package: &Package) -> String {
        let folder = package.manifest_path.parent().unwrap_or(&self.root);
        folder.strip_prefix(&self.root).unwrap_or(folder).to_string_lossy().replace('\\', "/")
    }

    /// Whether some package has such a target.
    pub(crate) fn has(&self, kind: &str, name: &str) -> bool {
        let fits = |target: &Target| target.name == name && target.kind.iter().any(|it| it == kind);
        self.packages.iter().any(|package| package.targets.iter().any(fits))
    }
}

fn cargo_path() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Without what `cargo run` tells us of our own package: build scripts that read it would run again and again.
fn quiet(mut command: Command) -> Command {
    let ours = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| ours.iter().any(|start| name.starts_with(start))) {
            command.env_remove(name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
        "workspace_root": "/w", "target_directory": "/t", "version": 1,
        "packages": [
            {"name": "tidy-flow", "manifest_path": "/w/plugins/tidy-flow/Cargo.toml", "dependencies": [],
             "targets": [{"name": "tidy_flow", "kind": ["cdylib", "rlib"]}]},
            {"name": "probe", "manifest_path": "/w/host/plugin/guests/probe/Cargo.toml", "dependencies": [], "targets": []},
            {"name": "cordboard-plugin", "manifest_path": "/w/host/plugin/Cargo.toml",
             "dependencies": [{"name": "serde", "kind": null, "optional": false}, {"name": "proptest", "kind": "dev"}],
             "targets": [{"name": "bench", "kind": ["example"]}]}
        ]}"#;

    #[test]
    fn guests_are_known_by_their_rooms() {
        let tree = Tree::read(METADATA).unwrap();
        let names: Vec<&str> = tree.guests().iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["tidy-flow", "probe"]);
        assert_eq!(tree.plugins(), Path::new("/t/plugins"));
        assert!(tree.has("example", "bench"));
        assert!(!tree.has("bin", "bench"));
    }

    #[test]
    fn children_do_not_learn_our_package() {
        let tree = Tree::read(METADATA).unwrap();
        let cargo = tree.cargo();
        // Under `cargo test` our own variables are set.
        let removed: Vec<_> = cargo.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        assert!(removed.iter().any(|name| *name == "CARGO_PKG_NAME"), "{removed:?}");
    }
}
