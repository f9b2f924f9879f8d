//! A new plugin: a template, the contract and the SDK, in a folder that needs nothing else of ours.

use crate::error::AuthorError;
use crate::files;
use crate::lang::{Lang, World};
use crate::process::Fresh;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const MAX_NAME_BYTES: usize = 40;

/// A plugin that was begun.
#[derive(Debug)]
pub struct Scaffolded {
    /// Its folder.
    pub folder: PathBuf,
    /// Its files, below it.
    pub files: Vec<PathBuf>,
}

/// Begins a plugin in a new folder of that name.
///
/// # Errors
/// The name can't be one, or the folder is there; then nothing is written.
pub fn scaffold(room: &Path, world: World, lang: Lang, name: &str) -> Result<Scaffolded, AuthorError> {
    check_name(name)?;
    let folder = room.join(name);
    if folder.symlink_metadata().is_ok() {
        return Err(AuthorError::Exists(folder));
    }
    let files = contents(world, lang, name);
    let fresh = Fresh::beside(&folder)?;
    for (path, text) in &files {
        let path = fresh.path().join(path);
        let above = path.parent().unwrap_or(fresh.path());
        std::fs::create_dir_all(above).map_err(AuthorError::io(above))?;
        std::fs::write(&path, text).map_err(AuthorError::io(&path))?;
    }
    if lang == Lang::C {
        // For editors; a build makes its own.
        let cordboard = fresh.path().join("cordboard");
        let bindings = crate::build::bindings(&cordboard.join(world.wit()), world)?;
        let header = cordboard.join(format!("{world}.h"));
        std::fs::write(&header, bindings.header).map_err(AuthorError::io(&header))?;
    }
    fresh.put(&folder)?;
    Ok(Scaffolded { folder, files: files.into_keys().map(PathBuf::from).collect() })
}

/// A plugin's name is a crate's, a module's and a file's, too.
fn check_name(name: &str) -> Result<(), AuthorError> {
    let why = if name.is_empty() || name.len() > MAX_NAME_BYTES {
        "it has 1 to 40 characters"
    } else if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        "it is of small letters, digits and `-`"
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.ends_with('-') || name.contains("--") {
        "it begins with a letter, and has `-` only between others"
    } else if RESERVED.contains(&name) {
        "languages or their tools use this word"
    } else {
        return Ok(());
    };
    Err(AuthorError::Name { name: name.to_owned(), why })
}

/// Names of the standard libraries, of ours, and keywords of Rust, which cargo doesn't take for a package.
const RESERVED: [&str; 53] = [
    "cordboard",
    "std",
    "core",
    "alloc",
    "test",
    "main",
    "app",
    "tests",
    "as",
    "break",
    "const",
    "continue",
    "crate",
    "else",
    "enum",
    "extern",
    "false",
    "fn",
    "for",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "match",
    "mod",
    "move",
    "mut",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "struct",
    "super",
    "trait",
    "true",
    "type",
    "unsafe",
    "use",
    "where",
    "while",
    "async",
    "await",
    "dyn",
    "gen",
    "try",
    "abstract",
    "yield",
    "box",
    "do",
    "final",
    "macro",
];

/// All files of a new plugin.
fn contents(world: World, lang: Lang, name: &str) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut add = |path: String, text: &str| {
        let path = path.strip_suffix(".in").map_or(path.clone(), str::to_owned);
        files.insert(path, filled(text, world, lang, name));
    };
    for (path, text) in files::below(&format!("sdk/template/{world}")) {
        add(path.to_owned(), text);
    }
    let template = format!("sdk/{}", lang.template());
    for (path, text) in files::below(&format!("{template}/{world}")) {
        add(path.to_owned(), text);
    }
    for (from, to) in [("gitignore", ".gitignore"), ("README.md.in", "README.md")] {
        if let Some(text) = files::text(&format!("{template}/{from}")) {
            add(to.to_owned(), text);
        }
    }
    for (path, text) in files::below(&format!("sdk/{}", lang.sdk())) {
        if let Some(path) = of_sdk(lang, world, path) {
            // There the contract is in the SDK's folder, and the SDK's own tests are here.
            let text = text.replace("\"../../wit/", "\"wit/").replace("\n#[cfg(test)]\nmod tests;\n", "");
            add(format!("cordboard/{path}"), &text);
        }
    }
    for (path, text) in files::below(&world.wit()) {
        files.insert(format!("cordboard/{}/{path}", world.wit()), text.to_owned());
    }
    let settings = format!(
        "# How `cordboard plugin` builds this folder. What the plugin is says manifest.json.\nlang = \"{lang}\"\n"
    );
    files.insert("plugin.toml".into(), settings);
    files
}

/// Where a file of an SDK goes, if a plugin of that world needs it.
fn of_sdk(lang: Lang, world: World, path: &str) -> Option<&str> {
    let other = |part: &str| {
        let stem = part.split('.').next().unwrap_or(part);
        World::ALL.iter().any(|one| *one != world && one.name() == stem)
    };
    if path.split('/').any(other) || path.starts_with("template") || path.starts_with("tests") {
        return None;
    }
    match lang {
        Lang::Rust => (path != "Cargo.toml" && path != "src/flow/tests.rs").then_some(path),
        Lang::Js | Lang::Ts | Lang::Python | Lang::C => path.strip_prefix("cordboard/"),
    }
}

fn filled(text: &str, world: World, lang: Lang, name: &str) -> String {
    let camel: String = name.split('-').map(capitalised).collect();
    [
        ("{{name}}", name),
        ("{{Name}}", &camel),
        ("{{world}}", world.name()),
        ("{{lang}}", lang.name()),
        ("{{source}}", lang.source()),
        ("{{contract}}", &world.contract()),
        ("{{about}}", about(world)),
        ("{{sdk_version}}", env!("CARGO_PKG_VERSION")),
        ("{{wit_bindgen}}", WIT_BINDGEN),
    ]
    .iter()
    .fold(text.to_owned(), |text, (mark, with)| text.replace(mark, with))
}

/// The version of `wit-bindgen` that the Rust SDK is written for, and tested with in this repository.
const WIT_BINDGEN: &str = "0.61";

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// What the example of a world does, for its README.
fn about(world: World) -> &'static str {
    match world {
        World::Flow => {
            "It answers a call, asks the directory who is calling, greets by name, and offers a menu: the balance, or an \
             agent, for whom the caller waits in the queue that the configuration names."
        }
        World::Scorer => {
            "It refuses agents who lack a skill that is needed, and prefers the better skilled and the longer idle; the two \
             parts of each score are kept with the decision."
        }
        World::Crm => {
            "It asks a JSON back-end over HTTP who has a telephone number or an account, and makes a profile of the answer. \
             The back-end is the one that the configuration's `base-url` names; the operator has to grant its place."
        }
        World::Dialer => {
            "It says how many people of a campaign to call now: one for each free agent, in the mode `predictive` as many as \
             will be answered, and fewer the nearer abandoned calls come to their cap."
        }
        World::Inspector => {
            "It reads the turns of a talk, finds promises that agents may not make, and tells how angry the person is."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_none() {
        for name in ["greeter", "night-desk", "a", "v2", &"a".repeat(40)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for (name, why) in [
            ("", "1 to 40"),
            (&*"a".repeat(41), "1 to 40"),
            ("Greeter", "small letters"),
            ("my_flow", "small letters"),
            ("../flow", "small letters"),
            ("grüße", "small letters"),
            ("a b", "small letters"),
            ("-a", "begins with a letter"),
            ("a-", "begins with a letter"),
            ("a--b", "begins with a letter"),
            ("1st", "begins with a letter"),
            ("self", "use this word"),
            ("test", "use this word"),
            ("cordboard", "use this word"),
        ] {
            let error = check_name(name).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("next: "), "{error}");
        }
    }

    #[test]
    fn what_is_there_stays_and_nothing_is_half_written() {
        let room = tempfile::tempdir().unwrap();
        std::fs::write(room.path().join("greeter"), "a file").unwrap();
        let there = scaffold(room.path(), World::Flow, Lang::Rust, "greeter").unwrap_err();
        assert!(matches!(there, AuthorError::Exists(_)), "{there}");
        assert!(scaffold(room.path(), World::Flow, Lang::Rust, "no name").is_err());
        assert_eq!(std::fs::read_dir(room.path()).unwrap().count(), 1);
        let nowhere = scaffold(&room.path().join("greeter"), World::Flow, Lang::Rust, "other").unwrap_err();
        assert!(matches!(nowhere, AuthorError::Io { .. }), "{nowhere}");
    }

    #[test]
    fn every_template_is_whole() {
        for lang in Lang::ALL {
            for world in World::ALL {
                let files = contents(world, lang, "night-desk");
                let has = |path: &str| files.contains_key(path);
                for path in ["README.md", "manifest.json", ".gitignore", "plugin.toml", lang.source()] {
                    assert!(has(path), "{lang} {world} has no {path}: {:?}", files.keys());
                }
                assert!(has(&format!("cordboard/{}/{world}.wit", world.wit())), "{lang} {world}");
                let left = files.iter().find(|(_, text)| text.contains("{{") && text.contains("}}"));
                let marks = ["{{name", "{{Name", "{{world", "{{contract", "{{version", "{{about", "{{lang", "{{source"];
                assert!(
                    left.is_none_or(|(_, text)| !marks.iter().any(|mark| text.contains(mark))),
                    "{lang} {world}: {left:?}"
                );
                assert!(
                    files.keys().all(|path| !path.ends_with(".in") && !path.contains("template")),
                    "{lang} {world}"
                );
                let foreign = World::ALL.iter().filter(|other| **other != world);
                for other in foreign {
                    assert!(!has(&format!("cordboard/{}/{other}.wit", other.wit())), "{lang} {world} has {other}");
                }
            }
        }
    }

    #[test]
    fn the_sdks_name_the_versions_that_templates_are_for() {
        let mut named = 0;
        for (path, text) in files::below("sdk") {
            for world in World::ALL {
                for mark in [format!("../../wit/{world}/"), format!("cordboard:{world}/types@")] {
                    for (at, _) in text.match_indices(&mark) {
                        named += 1;
                        let rest = &text[at + mark.len()..];
                        assert!(rest.starts_with(world.version()), "{path} names another version of {world}");
                    }
                }
            }
        }
        assert!(named >= 5, "{named}");
    }

    #[test]
    fn the_sdk_in_rust_has_the_same_bindings_here_and_there() {
        let root = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml")).unwrap();
        assert!(root.contains(&format!("wit-bindgen = \"{WIT_BINDGEN}\"")));
    }
}
