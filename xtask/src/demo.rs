//! The demonstration: three real calls, played by a program of `host/trial`.

use crate::{plugins, process, tree::Tree};
use anyhow::{Context as _, Result};
use std::process::{ExitCode, Stdio};

const PROGRAM: &str = "cordboard-demo";

/// Builds all, runs it, and ends as it ends.
pub(crate) fn run(tree: &Tree) -> Result<ExitCode> {
    process::phase("plugins", || plugins::run(tree))?;
    process::phase("build", || tree.build())?;
    println!();
    let mut program = tree.program(PROGRAM);
    let status = program.stdin(Stdio::null()).status().with_context(|| process::shown(&program))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
