//! Plugins in OCI registries: `oci://REGISTRY/NAME:TAG`.

use super::push::Packed;
use anyhow::{Context as _, Result};
use clap::Args;
use cordboard_client::oci::{Artefact, Credentials, Reference, Registry};
use cordboard_plugin::Manifest;
use std::path::{Path, PathBuf};

/// Who asks a registry.
#[derive(Args, Clone, Default)]
pub(crate) struct RegistryArguments {
    /// The user of an OCI registry. Default: what `docker login` kept.
    #[arg(long, env = "CORDBOARD_REGISTRY_USER", value_name = "USER")]
    registry_user: Option<String>,
    /// A file with that user's password or token. Default: CORDBOARD_REGISTRY_PASSWORD.
    #[arg(long, requires = "registry_user", value_name = "FILE")]
    registry_password_file: Option<PathBuf>,
}

impl RegistryArguments {
    fn credentials(&self, registry: &str) -> Result<Option<Credentials>> {
        let Some(user) = &self.registry_user else {
            let of_docker = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
            let folder = of_docker.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".docker")));
            return Ok(folder.and_then(|folder| Credentials::of_docker(&folder, registry)));
        };
        let password = match &self.registry_password_file {
            Some(file) => std::fs::read_to_string(file).with_context(|| file.display().to_string())?,
            None => std::env::var("CORDBOARD_REGISTRY_PASSWORD").ok().with_context(|| {
                format!("there is no password for {user}\nnext: --registry-password-file FILE, or CORDBOARD_REGISTRY_PASSWORD")
            })?,
        };
        Ok(Some(Credentials::new(user, &password)))
    }

    fn registry(&self, reference: &Reference) -> Result<Registry> {
        Ok(Registry::new(reference.clone(), self.credentials(&reference.registry)?))
    }
}

fn text(bytes: Option<&[u8]>) -> Result<Option<String>> {
    bytes.map(|bytes| String::from_utf8(bytes.to_vec())).transpose().context("the manifest is no UTF-8")
}

/// Pushes a plugin to a registry; the digest of the artefact.
pub(super) fn push(reference: &Reference, packed: &Packed, who: &RegistryArguments) -> Result<String> {
    let manifest = packed.manifest.as_deref().map(Manifest::read).transpose()?;
    let exports = packed.contract.as_deref().and_then(|contract| contract.split_once('@'));
    let artefact = Artefact {
        component: packed.component.clone(),
        manifest: text(packed.manifest.as_deref())?,
        signature: text(packed.signature.as_deref())?,
        exports: exports.map(|(world, version)| format!("{world}/guest@{version}")).into_iter().collect(),
        imports: packed.imports.clone(),
        title: manifest.map(|manifest| (manifest.name, manifest.version)),
    };
    Ok(who.registry(reference)?.push(&artefact)?)
}

/// Pulls a plugin from a registry, and the digest of its artefact.
pub(super) fn pull(reference: &Reference, who: &RegistryArguments) -> Result<(Packed, String)> {
    let (artefact, digest) = who.registry(reference)?.pull()?;
    let name = reference.name.rsplit('/').next().map(str::to_owned);
    let packed = Packed {
        component: artefact.component,
        manifest: artefact.manifest.map(String::into_bytes),
        signature: artefact.signature.map(String::into_bytes),
        name,
        contract: None,
        imports: Vec::new(),
    };
    Ok((packed, digest))
}
