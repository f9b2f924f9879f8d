//! Plugins made of the templates, with the tools as an author gets them. Each is made once and kept below the target folder, for
//! these tests and for those that call it, until something that goes into it changes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test: what fails is a failure")]

use cordboard_author::{Lang, Project, World, build, scaffold};
use std::fs::File;
use std::path::Path;
use std::process::Command;

/// What makes components of sources.
const TOOLS: [&str; 9] = [
    include_str!("../../pins/componentize-py.txt"),
    include_str!("../../pins/package-lock.json"),
    include_str!("../../pins/ziglang.txt"),
    include_str!("../../src/build/build.mjs"),
    include_str!("../../src/build/c.rs"),
    include_str!("../../src/build/javascript.rs"),
    include_str!("../../src/build/mod.rs"),
    include_str!("../../src/build/python.rs"),
    include_str!("../../src/build/rust.rs"),
];

/// The folder of a plugin that is built, `LANG-WORLD` by name.
pub(crate) fn made(world: World, lang: Lang) -> Project {
    let room = Path::new(env!("CARGO_TARGET_TMPDIR")).join("templates");
    std::fs::create_dir_all(room.join(".cargo")).unwrap();
    let name = format!("{lang}-{world}");
    let lock = File::create(room.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    // A file that cargo reads from every folder below: each with a target folder of its own would compile the same crates again.
    std::fs::write(room.join(".cargo/config.toml"), "[build]\ntarget-dir = \"target\"\n").unwrap();
    let fresh = tempfile::tempdir_in(&room).unwrap();
    let begun = scaffold(fresh.path(), world, lang, &name).unwrap();
    let mut made_of = TOOLS.concat();
    if lang == Lang::Rust {
        let rustc = Command::new("rustc").arg("-vV").output().unwrap();
        made_of += &String::from_utf8_lossy(&rustc.stdout);
    }
    for file in &begun.files {
        made_of += &format!("== {}\n{}", file.display(), std::fs::read_to_string(begun.folder.join(file)).unwrap());
    }
    let (folder, stamp) = (room.join(&name), room.join(format!("{name}.made-of")));
    let is_same = std::fs::read_to_string(&stamp).is_ok_and(|kept| kept == made_of);
    if is_same
        && let Ok(project) = Project::open(&folder)
        && project.component().is_file()
    {
        return project;
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::rename(&begun.folder, &folder).unwrap();
    let project = Project::open(&folder).unwrap();
    build(&project).unwrap_or_else(|error| panic!("{lang} {world}: {error}"));
    std::fs::write(stamp, made_of).unwrap();
    project
}
