//! Foreign phones, and a registry for components: what no test of ours could fake.

use crate::debian::{self, Need};
use crate::process;
use anyhow::Result;

const NEEDS: [Need; 3] = [
    Need { there: || process::exists("sipp"), name: "sipp", package: "sip-tester" },
    Need { there: || process::exists("baresip"), name: "baresip", package: "baresip-core" },
    Need { there: || process::exists("docker-registry"), name: "docker-registry", package: "docker-registry" },
];

/// Installs what is missing where that is possible, else names it and fails.
pub(crate) fn provide() -> Result<()> {
    debian::provide(&NEEDS, "or test less: cargo xtask test --without-peers")?;
    println!("all there");
    Ok(())
}
