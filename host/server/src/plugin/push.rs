//! `cordboard plugin push`.

use super::local;
use super::named::{called, meant};
use super::registry::{self, RegistryArguments};
use crate::remote::{HostArguments, list, text};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use cordboard_client::oci::Reference;
use cordboard_client::{Answer, Client, Upload};
use serde_json::Value;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The plugin's folder, or a component; and, if it is to go to a registry instead of a host, `oci://REGISTRY/NAME:TAG`.
    #[arg(value_names = ["FOLDER|WASM", "oci://…"], num_args = 0..=2)]
    what: Vec<String>,
    /// The manifest of a component that is in no plugin's folder. Default: NAME.json or manifest.json beside it.
    #[arg(long)]
    manifest: Option<PathBuf>,
    /// Signs it with this secret key (`cordboard plugin keygen`).
    #[arg(long)]
    key: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArguments,
    #[command(flatten)]
    host: HostArguments,
}

/// A plugin as it is uploaded.
pub(crate) struct Packed {
    pub(crate) component: Vec<u8>,
    pub(crate) manifest: Option<Vec<u8>>,
    pub(super) signature: Option<Vec<u8>>,
    /// What it is called where there is no manifest.
    pub(super) name: Option<String>,
    /// The contract that it fulfils, and what it imports, where that was looked at.
    pub(super) contract: Option<String>,
    pub(super) imports: Vec<String>,
}

impl Packed {
    /// Checks what is there as `plugin check` does, and reads it.
    pub(crate) fn read(path: &Path, manifest: Option<&Path>, key: Option<&Path>) -> Result<Self> {
        let examined = local::examine(path, manifest, true)?;
        let remarks = examined.remarks();
        if !remarks.is_empty() {
            cordboard::complain(&format!("{}:\n{remarks}", local::shown(&examined.component)));
        }
        examined.fit()?;
        let signature = match (key, &examined.manifest) {
            (Some(key), Some(manifest)) => Some(cordboard::signing::sign(key, &examined.component, manifest)?),
            (Some(_), None) => bail!("only a plugin with a manifest can be signed\nnext: name it with --manifest"),
            (None, _) => None,
        };
        let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
        Ok(Self {
            component: read(&examined.component)?,
            manifest: examined.manifest.as_deref().map(read).transpose()?,
            signature: signature.map(String::into_bytes),
            name: examined.component.file_stem().map(|stem| stem.to_string_lossy().into_owned()),
            contract: examined.facts.contract.clone(),
            imports: examined.facts.imports.to_vec(),
        })
    }

    /// Uploads it.
    pub(crate) fn upload(&self, client: &Client) -> Result<Answer> {
        Ok(client.upload(&Upload {
            component: &self.component,
            manifest: self.manifest.as_deref(),
            signature: self.signature.as_deref(),
            name: self.name.as_deref(),
        })?)
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let (registries, paths): (Vec<&String>, Vec<&String>) =
        arguments.what.iter().partition(|what| what.starts_with("oci://"));
    let (path, registry) = match (paths.as_slice(), registries.as_slice()) {
        ([], []) => (".", None),
        ([path], []) => (path.as_str(), None),
        ([], [to]) => (".", Some(to.as_str())),
        ([path], [to]) => (path.as_str(), Some(to.as_str())),
        _ => bail!("one plugin goes to one place\nnext: cordboard plugin push FOLDER oci://REGISTRY/NAME:TAG"),
    };
    let read = || Packed::read(Path::new(path), arguments.manifest.as_deref(), arguments.key.as_deref());
    if let Some(to) = registry {
        let reference = Reference::read(to)?;
        let digest = registry::push(&reference, &read()?, &arguments.registry)?;
        cordboard::say(&format!(
            "{reference} is now {digest}\nnext: cordboard plugin deploy oci://{}/{}@{digest}",
            reference.registry, reference.name
        ));
        return Ok(());
    }
    // Before anything is read: what isn't known where to is not looked through.
    let client = arguments.host.client()?;
    let packed = read()?;
    let answer = packed.upload(&client)?;
    cordboard::say(&told(&client, &answer)?);
    Ok(())
}

/// What was uploaded, and the next command.
fn told(client: &Client, answer: &Answer) -> Result<String> {
    let plugin = &answer.value;
    let is = if answer.status == 201 { "is now on" } else { "was already on" };
    let signed = match text(plugin, "/signed_by/name") {
        "" => String::new(),
        by => format!(", signed by {by}"),
    };
    let (world, digest, host) = (text(plugin, "/world"), text(plugin, "/digest"), client.host());
    let mut lines = vec![format!("{}: a {world}, {is} {host}{signed}", called(plugin)), format!("  digest  {digest}")];
    let deployments: Vec<&str> = list(plugin, "/deployments").iter().filter_map(Value::as_str).collect();
    if !deployments.is_empty() {
        lines.push(format!("  serves  {}", deployments.join(", ")));
        return Ok(lines.join("\n"));
    }
    let all = client.get("/v1/plugins")?.value;
    let name = text(plugin, "/name");
    // By its name the one that was uploaded first is meant, not the one that was uploaded again.
    let is_meant = meant(list(&all, "/plugins"), name).is_ok_and(|found| text(found, "/digest") == digest);
    let what = if is_meant { name } else { crate::remote::short(digest) };
    lines.push(format!("next: cordboard plugin deploy {what}"));
    Ok(lines.join("\n"))
}
