//! C: bindings are generated here, compiled by zig, and the core module becomes a component here again.

use super::{FIX, dwarf, read, room, source};
use crate::error::AuthorError;
use crate::lang::World;
use crate::process::{run, tell};
use crate::project::Project;
use crate::tools;
use std::path::Path;
use std::process::Command;
use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER;
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;
use wit_component::ComponentEncoder;

/// What is generated of a contract.
pub(crate) struct Bindings {
    pub(crate) header: Vec<u8>,
    files: Vec<(String, Vec<u8>)>,
}

/// The bindings of a contract, whose folder this is.
pub(crate) fn bindings(wit: &Path, world: World) -> Result<Bindings, AuthorError> {
    let wrong = |error: &dyn std::fmt::Display| AuthorError::file(wit, format!("the contract can't be read: {error}"));
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).map_err(|error| wrong(&error))?;
    let id = resolve.select_world(&[package], Some(world.name())).map_err(|error| wrong(&error))?;
    let mut files = Files::default();
    let mut generator = wit_bindgen_c::Opts::default().build();
    generator.generate(&mut resolve, id, &mut files).map_err(|error| wrong(&error))?;
    let files: Vec<_> = files.iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    let name = format!("{world}.h");
    let header = files.iter().find(|(file, _)| *file == name).map(|(_, bytes)| bytes.clone()).unwrap_or_default();
    Ok(Bindings { header, files })
}

pub(super) fn build(project: &Project) -> Result<Vec<u8>, AuthorError> {
    source(project)?;
    let zig = tools::zig()?;
    let generated = room(project)?.join("generated");
    std::fs::create_dir_all(&generated).map_err(AuthorError::io(&generated))?;
    let wit = project.wit()?;
    for (name, bytes) in bindings(&wit, project.world)?.files {
        let path = generated.join(name);
        std::fs::write(&path, bytes).map_err(AuthorError::io(&path))?;
    }
    if !zig.cache.is_dir() {
        tell("compiling zig's C library, once");
    }
    let core = generated.join("core.wasm");
    let world = project.world.name();
    let mut cc = Command::new(&zig.program);
    cc.env("ZIG_GLOBAL_CACHE_DIR", &zig.cache).env("ZIG_LOCAL_CACHE_DIR", zig.cache.join("local"));
    cc.current_dir(&project.folder).args([
        "cc",
        "-target",
        "wasm32-wasi",
        "-mexec-model=reactor",
        "-std=gnu17",
        "-Os",
        // Without it zig leaves out the names of functions, too.
        "-gline-tables-only",
        // The linker's own stack would be of 16 MiB.
        "-Wl,-z,stack-size=262144",
    ]);
    cc.args(["-Wall", "-Wextra", "-Icordboard"]).arg("-I").arg(&generated).arg("-o").arg(&core);
    cc.args(sources(&project.folder)?).args(sources(&project.folder.join("cordboard"))?);
    cc.arg(generated.join(format!("{world}.c"))).arg(generated.join(format!("{world}_component_type.o")));
    run("the build", &mut cc, FIX)?;
    let failed = |error: &dyn std::fmt::Display| AuthorError::File {
        file: core.clone(),
        problem: format!("no component can be made of it: {error}"),
    };
    let mut module = read(&core)?;
    if !project.debug {
        // Most of it is the C library's: fourteen times the size of what it is about.
        module = dwarf::without(&module).map_err(|error| failed(&error))?;
    }
    let adapted = ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.adapter("wasi_snapshot_preview1", WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER))
        .map_err(|error| failed(&format!("{error:#}")))?
        .encode();
    adapted.map_err(|error| failed(&format!("{error:#}")))
}

/// The C files of a folder, in order.
fn sources(folder: &Path) -> Result<Vec<std::path::PathBuf>, AuthorError> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(AuthorError::io(folder))? {
        let path = entry.map_err(AuthorError::io(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "c") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
