//! A plugin's folder: `plugin.toml` says how it is built, `manifest.json` what it is.

use crate::error::AuthorError;
use crate::lang::{Lang, World};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What `plugin.toml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    lang: String,
    #[serde(default)]
    debug: bool,
}

/// As much of a manifest as a build needs. The host reads all of it.
#[derive(Debug, Deserialize)]
struct Manifest {
    name: String,
    world: String,
}

/// A plugin's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Where it is.
    pub folder: PathBuf,
    /// What it is written in.
    pub lang: Lang,
    /// What it is written for.
    pub world: World,
    /// The version of the world's contract.
    pub version: String,
    /// Its name, from the manifest.
    pub name: String,
    /// Whether its component keeps source lines. Only of C: Rust's are a matter of its profile.
    pub debug: bool,
}

impl Project {
    /// Reads it.
    ///
    /// # Errors
    /// It is none, or a file says what can't be.
    pub fn open(folder: &Path) -> Result<Self, AuthorError> {
        let folder = folder.canonicalize().map_err(AuthorError::io(folder))?;
        let settings = folder.join("plugin.toml");
        if !settings.is_file() {
            return Err(AuthorError::NoProject(folder));
        }
        let text = std::fs::read_to_string(&settings).map_err(AuthorError::io(&settings))?;
        let read: Settings =
            toml::from_str(&text).map_err(|error| AuthorError::file(&settings, error.to_string().trim_end()))?;
        let debug = read.debug;
        let lang = read.lang.parse().map_err(|error: AuthorError| AuthorError::file(&settings, error.to_string()))?;
        let manifest = folder.join("manifest.json");
        let text = std::fs::read_to_string(&manifest).map_err(AuthorError::io(&manifest))?;
        let read: Manifest =
            serde_json::from_str(&text).map_err(|error| AuthorError::file(&manifest, error.to_string()))?;
        let wrong = || {
            let text = format!("`world` is `{}`, not cordboard:WORLD@VERSION", read.world);
            AuthorError::file(&manifest, text)
        };
        let (world, version) =
            read.world.strip_prefix("cordboard:").and_then(|world| world.split_once('@')).ok_or_else(wrong)?;
        let world = world.parse().map_err(|error: AuthorError| AuthorError::file(&manifest, error.to_string()))?;
        if read.name.is_empty() || read.name.contains(['/', '\\']) {
            return Err(AuthorError::file(&manifest, "`name` can't name a plugin"));
        }
        Ok(Self { folder, lang, world, version: version.to_owned(), name: read.name, debug })
    }

    /// Where its component is, once it is built.
    pub fn component(&self) -> PathBuf {
        self.folder.join(format!("{}.wasm", self.name))
    }

    /// Its manifest.
    pub fn manifest(&self) -> PathBuf {
        self.folder.join("manifest.json")
    }

    /// The contract it is built against: its own copy.
    pub(crate) fn wit(&self) -> Result<PathBuf, AuthorError> {
        let wit = self.folder.join("cordboard/wit");
        let folder = wit.join(self.world.name()).join(&self.version);
        if folder.is_dir() {
            return Ok(folder);
        }
        let below = |folder: &Path| {
            let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
            let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
            names.sort();
            names
        };
        let versions = |world: String| {
            let versions = below(&wit.join(&world));
            versions.into_iter().map(move |version| format!("cordboard:{world}@{version}"))
        };
        let there: Vec<String> = below(&wit).into_iter().flat_map(versions).collect();
        let problem = format!(
            "`world` is cordboard:{}@{}, and cordboard/wit has {}. For another contract begin a plugin with \
             `cordboard plugin new`, and take its folder `cordboard`",
            self.world,
            self.version,
            if there.is_empty() { "none".into() } else { there.join(", ") }
        );
        Err(AuthorError::file(&self.manifest(), problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(settings: &str, manifest: &str) -> Result<Project, String> {
        let room = tempfile::tempdir().unwrap();
        std::fs::write(room.path().join("plugin.toml"), settings).unwrap();
        std::fs::write(room.path().join("manifest.json"), manifest).unwrap();
        Project::open(room.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_folder_says_what_it_is() {
        let good = r#"{"name": "greeter", "world": "cordboard:flow@0.1.0"}"#;
        let project = open("lang = \"python\"", good).unwrap();
        assert_eq!((project.lang, project.world, project.name.as_str()), (Lang::Python, World::Flow, "greeter"));
        assert!(project.component().ends_with("greeter.wasm"));
        let none = project.wit().unwrap_err().to_string();
        assert!(none.contains("manifest.json: `world` is cordboard:flow@0.1.0, and cordboard/wit has none"), "{none}");
        for (settings, manifest, why) in [
            ("lang = \"go\"", good, "plugin.toml: there is no language `go`"),
            ("lang = 1", good, "plugin.toml: TOML parse error at line 1"),
            ("lang = \"c\"\nother = 1", good, "unknown field `other`"),
            ("lang = \"c\"", "{", "manifest.json: EOF while parsing"),
            ("lang = \"c\"", r#"{"name": "a", "world": "flow"}"#, "not cordboard:WORLD@VERSION"),
            ("lang = \"c\"", r#"{"name": "a", "world": "cordboard:robot@0.1.0"}"#, "no world `robot`"),
            ("lang = \"c\"", r#"{"name": "../a", "world": "cordboard:flow@0.1.0"}"#, "can't name"),
        ] {
            let error = open(settings, manifest).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let room = tempfile::tempdir().unwrap();
        assert!(matches!(Project::open(room.path()), Err(AuthorError::NoProject(_))));
    }
}
