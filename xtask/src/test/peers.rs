//! Foreign phones: what no test of ours could fake.

use crate::process;
use anyhow::{Result, bail};
use std::process::Command;

struct Peer {
    program: &'static str,
    /// Debian's package.
    package: &'static str,
}

const PEERS: [Peer; 2] =
    [Peer { program: "sipp", package: "sip-tester" }, Peer { program: "baresip", package: "baresip-core" }];

/// Installs what is missing where that is possible, else names it and fails. A skip must be asked for, and on CI it
/// can't be.
pub(crate) fn provide(without: bool) -> Result<()> {
    if without {
        if std::env::var("CI").is_ok_and(|value| value == "true") {
            bail!("--without-peers is not for CI: there, a test that is left out is a failure");
        }
        println!("left out, as asked");
        return Ok(());
    }
    let missing = missing(process::exists);
    if missing.is_empty() {
        println!("all there");
        return Ok(());
    }
    if !(process::exists("apt-get") && is_root()) {
        bail!("{}", advice(&missing));
    }
    process::run(debian().arg("update"))?;
    process::run(debian().args(["install", "-y", "--no-install-recommends"]).args(&missing))?;
    let missing = self::missing(process::exists);
    if !missing.is_empty() {
        bail!("{}", advice(&missing));
    }
    Ok(())
}

fn debian() -> Command {
    let mut command = Command::new("apt-get");
    // Another installation may be under way.
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-o", "DPkg::Lock::Timeout=120"]);
    command
}

fn missing(there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    PEERS.iter().filter(|peer| !there(peer.program)).map(|peer| peer.package).collect()
}

fn advice(packages: &[&str]) -> String {
    let programs = PEERS.iter().filter(|peer| packages.contains(&peer.package)).map(|peer| peer.program);
    format!(
        "missing: {}. On Debian: sudo apt-get install --no-install-recommends {}; or test less: cargo xtask test --without-peers",
        programs.collect::<Vec<_>>().join(", "),
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
        assert_eq!(missing(|_| true), Vec::<&str>::new());
        assert_eq!(missing(|program| program == "sipp"), ["baresip-core"]);
        let text = advice(&missing(|_| false));
        assert!(text.starts_with("missing: sipp, baresip. On Debian: "), "{text}");
        assert!(text.contains("install --no-install-recommends sip-tester baresip-core;"), "{text}");
    }
}
