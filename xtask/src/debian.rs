//! What tests need that cargo doesn't bring, where Debian has it.

use crate::process;
use anyhow::{Result, bail};
use std::process::Command;

/// Something that must be there.
pub(crate) struct Need {
    /// Whether it is.
    pub there: fn() -> bool,
    /// What it is called.
    pub name: &'static str,
    /// The package that has it.
    pub package: &'static str,
}

/// Installs what is missing where that is possible, else names it, with the package and what else could be done, and
/// fails.
pub(crate) fn provide(needs: &[Need], else_do: &str) -> Result<()> {
    let missing = || needs.iter().filter(|need| !(need.there)()).collect::<Vec<_>>();
    let found = missing();
    if found.is_empty() {
        return Ok(());
    }
    if !(process::exists("apt-get") && is_root()) {
        bail!("{}", advice(&found, else_do));
    }
    process::run(debian().arg("update"))?;
    let packages = found.iter().map(|need| need.package);
    process::run(debian().args(["install", "-y", "--no-install-recommends"]).args(packages))?;
    let missing = missing();
    if !missing.is_empty() {
        bail!("{}", advice(&missing, else_do));
    }
    Ok(())
}

fn debian() -> Command {
    let mut command = Command::new("apt-get");
    // Another installation may be under way.
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-o", "DPkg::Lock::Timeout=120"]);
    command
}

fn advice(needs: &[&Need], else_do: &str) -> String {
    let names: Vec<&str> = needs.iter().map(|need| need.name).collect();
    let packages: Vec<&str> = needs.iter().map(|need| need.package).collect();
    format!(
        "missing: {}. On Debian: sudo apt-get install --no-install-recommends {}; {else_do}",
        names.join(", "),
        packages.join(" ")
    )
}

fn is_root() -> bool {
    process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_exactly() {
        let need = |there, name, package| Need { there, name, package };
        let (cat, dog) = (need(|| true, "cat", "felis"), need(|| false, "dog", "canis"));
        assert!(provide(&[cat], "or go without").is_ok(), "nothing is missing, nothing is installed");
        assert_eq!(
            advice(&[&dog], "or go without"),
            "missing: dog. On Debian: sudo apt-get install --no-install-recommends canis; or go without"
        );
    }
}
