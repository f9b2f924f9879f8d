//! The version that a command lets go through contacts again: pushed first if it is a file.

use crate::plugin::Packed;
use crate::remote::text;
use anyhow::{Result, bail};
use clap::Args;
use cordboard::comparing::Kept;
use cordboard_client::Client;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Which version, and as what.
#[derive(Args, Clone, Default)]
pub(crate) struct CandidateArguments {
    /// The plugin: its folder, or a component. It is uploaded, and serves nobody by that.
    #[arg(long, value_name = "FOLDER|WASM", conflicts_with = "version")]
    pub(crate) plugin: Option<PathBuf>,
    /// A version that was deployed once, by its digest.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) version: Option<String>,
    /// The plugin's manifest, if it is in no plugin's folder. Default: NAME.json or manifest.json beside it.
    #[arg(long, value_name = "FILE", requires = "plugin")]
    manifest: Option<PathBuf>,
    /// Signs it with this secret key.
    #[arg(long, value_name = "FILE", requires = "plugin")]
    key: Option<PathBuf>,
    /// The deployment that it is to serve: its configuration and limits hold, and its flows are compared.
    #[arg(long, value_name = "NAME")]
    pub(crate) deployment: Option<String>,
    /// A value of its configuration. Others stay as they are in the deployment.
    #[arg(long, value_name = "NAME=VALUE")]
    config: Vec<String>,
    /// Takes a value out of its configuration.
    #[arg(long, value_name = "NAME")]
    unset: Vec<String>,
}

impl CandidateArguments {
    /// Whether one is named.
    pub(crate) fn named(&self) -> bool {
        self.plugin.is_some() || self.version.is_some()
    }

    /// # Errors
    /// Something is written wrong, and nothing was asked yet.
    pub(crate) fn check(&self) -> Result<()> {
        self.values()?;
        if !self.named() && (self.deployment.is_some() || !self.config.is_empty() || !self.unset.is_empty()) {
            bail!("no plugin is named that this is for\nnext: --plugin FOLDER|WASM, or --version DIGEST");
        }
        Ok(())
    }

    fn values(&self) -> Result<Map<String, Value>> {
        let mut values = Map::new();
        for given in &self.config {
            let Some((name, value)) = given.split_once('=').filter(|(name, _)| !name.is_empty()) else {
                bail!("`{given}` is no NAME=VALUE\nnext: --config NAME=VALUE");
            };
            values.insert(name.to_owned(), value.into());
        }
        Ok(values)
    }

    /// The candidate, to go through a kept contact in this process.
    pub(crate) fn kept(&self) -> Result<Kept> {
        let Some(path) = &self.plugin else {
            bail!(
                "only its host knows the version\nnext: --plugin FOLDER|WASM, or name the contact instead of the file"
            );
        };
        let Packed { component, manifest, .. } = Packed::read(path, self.manifest.as_deref(), None)?;
        let manifest = manifest.map(String::from_utf8).transpose()?;
        let values = self.values()?.into_iter();
        let config = values.filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect();
        let deployment = self.deployment.as_deref().map(str::parse).transpose()?;
        Ok(Kept { component, manifest, config, deployment })
    }

    /// The candidate as the API takes it, uploaded if it is a file, and what it is called. An empty object if none is named.
    pub(crate) fn body(&self, client: &Client) -> Result<(Value, String)> {
        let mut body = json!({});
        let mut set = |name: &str, value: Value| {
            body.as_object_mut().map(|body| body.insert(name.to_owned(), value));
        };
        let mut name = String::new();
        if let Some(path) = &self.plugin {
            let uploaded = Packed::read(path, self.manifest.as_deref(), self.key.as_deref())?.upload(client)?.value;
            name = text(&uploaded, "/name").to_owned();
            set("plugin", text(&uploaded, "/digest").into());
        }
        if let Some(version) = &self.version {
            set("version", version.as_str().into());
        }
        if let Some(deployment) = &self.deployment {
            set("deployment", deployment.as_str().into());
        }
        if self.named() {
            set("config", self.values()?.into());
            set("unset", self.unset.clone().into());
        }
        Ok((body, name))
    }
}
