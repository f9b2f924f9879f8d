//! A contact that was kept, gone through without a host: in this process.

use super::watched::by_deployment;
use super::{CompareError, flows};
use crate::centre::{Deployed, HostLimits, ManifestText};
use cordboard_admin::{Comparison, DeploymentSpec};
use cordboard_core::config::{MigrationPolicy, World};
use cordboard_core::ids::{DeploymentName, Digest};
use cordboard_core::journal::{Journal, JournalError};
use cordboard_core::limits::LimitValues;
use cordboard_plugin::{LoadError, ManifestError, PluginConfig};
use std::collections::BTreeMap;

/// What goes through it, and as what.
pub struct Kept {
    /// The component.
    pub component: Vec<u8>,
    /// Its manifest, if it has one.
    pub manifest: Option<String>,
    /// Its configuration, all of it: no deployment is known here.
    pub config: BTreeMap<String, String>,
    /// Whose flows; else those of the contact's first flow.
    pub deployment: Option<DeploymentName>,
}

/// Why it can't.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// The kept journal can't be read.
    #[error("the kept journal can't be read")]
    Journal(#[from] JournalError),
    /// It has no flow.
    #[error("no flow ran for this contact")]
    NoFlow,
    /// None of that deployment.
    #[error("no flow of the deployment {0} ran for this contact")]
    OtherDeployment(DeploymentName),
    /// The manifest is none.
    #[error("the manifest can't be used")]
    Manifest(#[from] ManifestError),
    /// What a host would refuse as well.
    #[error(transparent)]
    Refused(#[from] cordboard_admin::Refusal),
    /// The component can't be loaded.
    #[error("the plugin can't be loaded")]
    Load(#[from] LoadError),
    /// It is of another world.
    #[error("this is a {0}, and only flows go through contacts again")]
    NoFlowPlugin(cordboard_plugin::World),
    /// The plugin runtime.
    #[error("the plugin host can't start")]
    Host(#[source] anyhow::Error),
    /// It was not gone through.
    #[error("it could not be gone through")]
    Compare(#[from] CompareError),
}

impl Kept {
    /// Goes through a contact of these frames, as a host with default limits would.
    ///
    /// # Errors
    /// What is wrong with the journal, the plugin or its configuration.
    pub async fn compare(self, frames: &[Vec<u8>]) -> Result<Comparison, KeptError> {
        let journal = Journal::from_frames(frames.iter().map(Vec::as_slice))?;
        let first = flows(&journal).find_map(|(_, flow)| flow.segments.first());
        let (opened, first) = journal.opened.as_ref().zip(first).ok_or(KeptError::NoFlow)?;
        let deployment = self.deployment.unwrap_or_else(|| first.deployment.clone());
        let spec = DeploymentSpec {
            plugin: Digest::of(&self.component),
            config: self.config,
            limits: LimitValues::default(),
            migration: MigrationPolicy::Pin,
            ask_anew: false,
        };
        let manifest = ManifestText::new(self.manifest)?;
        let deployed = Deployed { world: World::Flow, spec, manifest, previous: None, canary: None, shadow: None };
        deployed.check()?;
        let defaults = PluginConfig::default();
        let host = HostLimits { memory_mib: 64, step_cpu_ms: defaults.step_cpu_ms };
        let version = deployed.version(host);
        let plugins = crate::simulate::plugin_host().map_err(KeptError::Host)?;
        let info = plugins.load(version, deployed.load_spec(self.component.into(), host)).await?;
        if info.world != cordboard_plugin::World::Flow {
            return Err(KeptError::NoFlowPlugin(info.world));
        }
        let runs = by_deployment(&plugins, &journal, opened, version, &deployment).await?;
        if runs.is_empty() {
            return Err(KeptError::OtherDeployment(deployment));
        }
        Ok(Comparison { contact: opened.contact, candidate: Some(version), runs })
    }
}
