//! Every template becomes a component, with the toolchains as an author gets them: from cargo, npm and PyPI.
//!
//! Every world in each language, of Python the flow alone: a component of it takes many seconds, and the modules of the
//! others are the same but for one. What they do when they run is tested against a host.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test: what fails is a failure")]

use cordboard_author::{AuthorError, Facts, Lang, Project, Weight, World, build, inspect, look_through, scaffold};
use std::path::Path;
use std::process::Command;

/// Begins, builds and looks through; the facts.
fn made(room: &Path, world: World, lang: Lang) -> Facts {
    let folder = scaffold(room, world, lang, &format!("{lang}-{world}")).unwrap().folder;
    let project = Project::open(&folder).unwrap();
    let built = build(&project).unwrap_or_else(|error| panic!("{lang} {world}: {error}"));
    let facts = inspect(&built.component).unwrap();
    assert_eq!(facts.contract, Some(world.contract()), "{lang}");
    let manifest = std::fs::read_to_string(project.manifest()).unwrap();
    let findings = look_through(&facts, Some(&manifest), Some(&project));
    assert!(findings.iter().all(|finding| finding.weight == Weight::Note), "{lang} {world}: {findings:?}");
    facts
}

/// Those that can't be sent to one target folder would compile the same crates again.
fn in_one_target_folder(room: &Path) {
    let target = room.join("target");
    // A file that cargo reads from every folder below.
    std::fs::create_dir_all(room.join(".cargo")).unwrap();
    std::fs::write(room.join(".cargo/config.toml"), format!("[build]\ntarget-dir = {target:?}\n")).unwrap();
}

#[test]
fn plugins_in_rust() {
    let room = tempfile::tempdir().unwrap();
    in_one_target_folder(room.path());
    for world in World::ALL {
        let facts = made(room.path(), world, Lang::Rust);
        assert!(facts.bytes < 512 << 10, "{world}: {facts:?}");
    }
    // A second build needs no registry.
    let again = Project::open(&room.path().join("rust-flow")).unwrap();
    build(&again).unwrap();
}

#[test]
fn plugins_in_javascript_and_typescript() {
    let room = tempfile::tempdir().unwrap();
    for world in World::ALL {
        for lang in [Lang::Js, Lang::Ts] {
            let facts = made(room.path(), world, lang);
            assert!(facts.bytes < 4 << 20, "{lang} {world}: {facts:?}");
            assert!(facts.imports.iter().all(|name| !name.contains("wxsi")), "{:?}", facts.imports);
        }
    }
    // An error in types is an error of the build, which leaves what was there.
    let project = Project::open(&room.path().join("ts-scorer")).unwrap();
    let before = std::fs::read(project.component()).unwrap();
    let source = project.folder.join("main.ts");
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, text.replace("agent.get(has)", "agent.get(\"has\")")).unwrap();
    let error = build(&project).unwrap_err().to_string();
    assert!(error.contains("main.ts(") && error.contains("error TS") && error.contains("next: "), "{error}");
    assert_eq!(std::fs::read(project.component()).unwrap(), before);
}

#[test]
fn plugins_in_c_by_zig() {
    let room = tempfile::tempdir().unwrap();
    for world in World::ALL {
        let facts = made(room.path(), world, Lang::C);
        assert!(facts.bytes < 128 << 10, "{world}: {facts:?}");
    }
}

#[test]
fn a_plugin_in_python() {
    let room = tempfile::tempdir().unwrap();
    let facts = made(room.path(), World::Flow, Lang::Python);
    assert!(facts.memory_mib() <= 64, "{facts:?}");
    let app = room.path().join("python-flow/app.py");
    std::fs::write(&app, "from cordboard.flow import no_such_thing\n").unwrap();
    let error = build(&Project::open(&room.path().join("python-flow")).unwrap()).unwrap_err().to_string();
    assert!(error.contains("no_such_thing") && error.contains("next: "), "{error}");
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
