//! What the builds need beyond cargo and its registry.

use crate::process;
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::Command;

/// What plugins are compiled to.
pub(crate) const GUEST_TARGET: &str = "wasm32-wasip2";

/// Fetches it, or names it.
pub(crate) fn run() -> Result<()> {
    compiler()?;
    guest_target()
}

fn compiler() -> Result<()> {
    let named = std::env::var("CC").ok();
    let name = named.as_deref().unwrap_or("cc");
    // It may come with options.
    if !process::exists(name.split_whitespace().next().unwrap_or_default()) {
        bail!("no C compiler `{name}`; on Debian: apt-get install gcc libc6-dev");
    }
    println!("C compiler: {name}");
    Ok(())
}

fn guest_target() -> Result<()> {
    if has_target()? {
        println!("target {GUEST_TARGET}: there");
        return Ok(());
    }
    if !process::exists("rustup") {
        bail!("the Rust target {GUEST_TARGET} is missing, and there is no rustup to add it");
    }
    process::run(Command::new("rustup").args(["target", "add", GUEST_TARGET]))?;
    if !has_target()? {
        bail!("rustup added {GUEST_TARGET}, but not for the rustc that runs here: `rustc --print sysroot` tells which");
    }
    Ok(())
}

fn has_target() -> Result<bool> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let sysroot = process::output(Command::new(rustc).args(["--print", "sysroot"])).context("is there no rustc?")?;
    Ok(Path::new(sysroot.trim()).join("lib/rustlib").join(GUEST_TARGET).join("lib").is_dir())
}
