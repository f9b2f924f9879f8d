//! Every template becomes a component, with the toolchains as an author gets them: from cargo, npm and PyPI.
//!
//! Every world in each language, of Python those that a call needs: a component of it takes many seconds, and nothing asks
//! dialers and inspectors yet. What they do when they run is tested in calls.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test: what fails is a failure")]

mod made;

use cordboard_author::{AuthorError, Facts, Lang, Project, Weight, World, build, inspect, look_through, scaffold};
use std::path::{Path, PathBuf};
use std::process::Command;

const PYTHON: [World; 3] = [World::Flow, World::Scorer, World::Crm];

/// Builds unless it is built, and looks through; the facts.
fn made(world: World, lang: Lang) -> Facts {
    let project = made::made(world, lang);
    let facts = inspect(&project.component()).unwrap();
    assert_eq!(facts.contract, Some(world.contract()), "{lang}");
    let manifest = std::fs::read_to_string(project.manifest()).unwrap();
    let findings = look_through(&facts, Some(&manifest), Some(&project));
    assert!(findings.iter().all(|finding| finding.weight == Weight::Note), "{lang} {world}: {findings:?}");
    facts
}

/// What a build says of a plugin with an error in it. The component that was there stays as it was.
fn refused(room: &Path, world: World, lang: Lang, wrong: impl FnOnce(String) -> String) -> String {
    let folder = scaffold(room, world, lang, &format!("wrong-{lang}")).unwrap().folder;
    let project = Project::open(&folder).unwrap();
    let source: PathBuf = folder.join(lang.source());
    std::fs::write(&source, wrong(std::fs::read_to_string(&source).unwrap())).unwrap();
    std::fs::write(project.component(), "as before").unwrap();
    let error = build(&project).unwrap_err().to_string();
    assert_eq!(std::fs::read(project.component()).unwrap(), b"as before");
    assert!(error.contains("next: "), "{error}");
    error
}

#[test]
fn plugins_in_rust() {
    for world in World::ALL {
        let facts = made(world, Lang::Rust);
        assert!(facts.bytes < 512 << 10, "{world}: {facts:?}");
    }
}

#[test]
fn plugins_in_javascript_and_typescript() {
    for world in World::ALL {
        for lang in [Lang::Js, Lang::Ts] {
            let facts = made(world, lang);
            assert!(facts.bytes < 4 << 20, "{lang} {world}: {facts:?}");
            assert!(facts.imports.iter().all(|name| !name.contains("wxsi")), "{:?}", facts.imports);
        }
    }
    // An error in types is an error of the build.
    let room = tempfile::tempdir().unwrap();
    let wrong = |text: String| text.replace("agent.get(has)", "agent.get(\"has\")");
    let error = refused(room.path(), World::Scorer, Lang::Ts, wrong);
    assert!(error.contains("main.ts(") && error.contains("error TS"), "{error}");
}

#[test]
fn plugins_in_c_by_zig() {
    for world in World::ALL {
        let facts = made(world, Lang::C);
        assert!(facts.bytes < 128 << 10, "{world}: {facts:?}");
    }
}

#[test]
fn plugins_in_python() {
    for world in PYTHON {
        let facts = made(world, Lang::Python);
        assert!(facts.memory_mib() <= 64, "{world}: {facts:?}");
    }
    let room = tempfile::tempdir().unwrap();
    let wrong = |_| "from cordboard.flow import no_such_thing\n".into();
    let error = refused(room.path(), World::Flow, Lang::Python, wrong);
    assert!(error.contains("no_such_thing"), "{error}");
}

/// A child, since its variables are those of the whole process.
#[test]
fn tools_that_are_missing_are_named_with_what_to_install() {
    if let Some(room) = std::env::var_os("CORDBOARD_TEST_WITHOUT_TOOLS") {
        for lang in Lang::ALL {
            let folder = scaffold(Path::new(&room), World::Flow, lang, &format!("a-{lang}")).unwrap().folder;
            let error = build(&Project::open(&folder).unwrap()).unwrap_err();
            let wanted = match lang {
                Lang::Rust => "https://rustup.rs",
                Lang::Js | Lang::Ts => "Node.js 20 or newer",
                Lang::Python | Lang::C => "python3",
            };
            assert!(
                matches!(error, AuthorError::Missing { .. }) && error.to_string().contains(wanted),
                "{lang}: {error}"
            );
            assert!(!Project::open(&folder).unwrap().component().exists());
        }
        let cache = Path::new(&room).join("cache/cordboard/tools");
        let left = std::fs::read_dir(cache).map_or(0, Iterator::count);
        assert_eq!(left, 0, "nothing half fetched is left");
        return;
    }
    let room = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "tools_that_are_missing_are_named_with_what_to_install", "--nocapture"]);
    child.env("CORDBOARD_TEST_WITHOUT_TOOLS", room.path()).env("PATH", room.path());
    let output = child.env("XDG_CACHE_HOME", room.path().join("cache")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
