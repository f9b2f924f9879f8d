//! From sources to a component, language by language. What a build makes on the way is in the project's `build` or `target`
//! folder; the component appears as a whole, or not at all.

mod c;
mod dwarf;
mod javascript;
mod python;
mod rust;

pub(crate) use c::bindings;

use crate::error::AuthorError;
use crate::lang::Lang;
use crate::project::Project;
use std::path::{Path, PathBuf};

/// A component that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// Where it is.
    pub component: PathBuf,
    /// How large it is.
    pub bytes: u64,
}

/// Builds a plugin. Says on standard error what takes a while, and shows the output of tools only if they fail.
///
/// # Errors
/// What is missing or went wrong, with what to do next. The component of an earlier build stays then.
pub fn build(project: &Project) -> Result<Built, AuthorError> {
    let component = match project.lang {
        Lang::Rust => rust::build(project)?,
        Lang::Js | Lang::Ts => javascript::build(project)?,
        Lang::Python => python::build(project)?,
        Lang::C => c::build(project)?,
    };
    let place = project.component();
    let beside = place.with_extension("wasm.new");
    std::fs::write(&beside, &component).map_err(AuthorError::io(&beside))?;
    std::fs::rename(&beside, &place).map_err(AuthorError::io(&place))?;
    Ok(Built { component: place, bytes: component.len() as u64 })
}

/// The project's folder for what is made on the way.
fn room(project: &Project) -> Result<PathBuf, AuthorError> {
    let room = project.folder.join("build");
    std::fs::create_dir_all(&room).map_err(AuthorError::io(&room))?;
    Ok(room)
}

fn source(project: &Project) -> Result<PathBuf, AuthorError> {
    let source = project.folder.join(project.lang.source());
    if source.is_file() {
        return Ok(source);
    }
    Err(AuthorError::file(&source, format!("a plugin in {} begins with this file, and it isn't there", project.lang)))
}

fn read(path: &Path) -> Result<Vec<u8>, AuthorError> {
    std::fs::read(path).map_err(AuthorError::io(path))
}

const FIX: &str = "put right what is said above, then run `cordboard plugin build` again";
