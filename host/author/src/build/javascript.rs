//! JavaScript and TypeScript: types are checked by tsc, modules joined by esbuild, and componentize-qjs makes a component with
//! the QuickJS engine of them. The latter two are called from `build.mjs`, which node runs.

use super::{FIX, read, room, source};
use crate::error::AuthorError;
use crate::lang::Lang;
use crate::process::run;
use crate::project::Project;
use crate::tools;
use std::process::Command;

pub(super) fn build(project: &Project) -> Result<Vec<u8>, AuthorError> {
    let source = source(project)?;
    let tools = tools::javascript()?;
    let room = room(project)?;
    if project.lang == Lang::Ts {
        let mut tsc = Command::new("node");
        tsc.arg(tools.tsc).args(["--noEmit", "--pretty", "false", "-p"]);
        run("checking the types", tsc.arg(&project.folder), FIX)?;
    }
    let mut node = Command::new("node");
    node.arg(tools.build).arg(&source).arg(project.wit()?).arg(project.world.name()).arg(&room);
    run("the build", node.current_dir(&project.folder), FIX)?;
    read(&room.join("component.wasm"))
}
