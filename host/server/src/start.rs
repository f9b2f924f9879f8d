//! What a host does before the first call: it reads what was kept, loads what it names, and closes what a crash left
//! open.

use crate::centre::{Deployed, HostLimits, PhoneSecrets, granted, kept_agent, sip_trunk};
use crate::documents::{
    AgentDocument, DeploymentDocument, EntryPointDocument, GrantDocument, PromptDocument, QueueDocument,
    SettingsDocument, TrunkDocument, decode,
};
use crate::grants::GrantBook;
use crate::prompts::PromptLibrary;
use anyhow::{Context as _, Result, anyhow};
use cordboard_core::board::{Board, Input};
use cordboard_core::config::{self, EntryPoint, Queue, Settings, World};
use cordboard_core::ids::{ContactId, DeploymentName, Digest, TenantId, Version};
use cordboard_core::journal::{JournalError, interrupted};
use cordboard_core::time::Timestamp;
use cordboard_media::Clip;
use cordboard_plugin::PluginHost;
use cordboard_store::{DocumentKind, Rooms};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::Arc;
use tracing::{error, info, warn};

/// What is read from.
pub(crate) struct Kept<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// Everything kept.
    pub rooms: &'a Rooms,
}

impl Kept<'_> {
    /// All documents of a kind. One that can't be read is told and left alone: the others still serve.
    async fn all<T: DeserializeOwned>(&self, kind: DocumentKind) -> Result<Vec<(String, T)>> {
        let documents = self.rooms.documents.list(self.tenant, kind).await?;
        let read = |document: cordboard_store::Document| match decode::<T>(&document.body) {
            Ok(read) => Some((document.name, read)),
            Err(cause) => {
                error!(%kind, name = document.name, %cause, "a kept document can't be read");
                None
            }
        };
        Ok(documents.into_iter().filter_map(read).collect())
    }

    /// Tells the board everything that was set up. Gives the deployments that can't serve, and why.
    ///
    /// # Errors
    /// The store can't be read.
    pub(crate) async fn set_up(
        &self,
        board: &mut Board,
        now: Timestamp,
        plugins: &PluginHost,
        (limits, grants): (HostLimits, &GrantBook),
        secrets: &PhoneSecrets,
    ) -> Result<BTreeMap<DeploymentName, String>> {
        let mut failures = BTreeMap::new();
        let mut inputs = Vec::new();
        for (name, kept) in self.all::<SettingsDocument>(DocumentKind::Setting).await? {
            inputs.push(Settings::try_from(kept).map(Input::PutSettings).map_err(|cause| (name, cause.to_string())));
        }
        for (name, kept) in self.all::<QueueDocument>(DocumentKind::Queue).await? {
            inputs.push(Queue::try_from(kept).map(Input::PutQueue).map_err(|cause| (name, cause.to_string())));
        }
        for (name, kept) in self.all::<GrantDocument>(DocumentKind::Grant).await? {
            grants.grant(plugins, &name, Some(granted(&kept.read())));
        }
        for (name, kept) in self.all::<DeploymentDocument>(DocumentKind::Deployment).await? {
            let name: DeploymentName = name.parse()?;
            match self.deployment(&name, &kept, plugins, (limits, grants)).await {
                Ok(deployment) => inputs.push(Ok(Input::PutDeployment(deployment))),
                Err(cause) => {
                    error!(deployment = %name, "it can't serve, its contacts get the safe flow: {cause:#}");
                    failures.insert(name, format!("{cause:#}"));
                }
            }
        }
        for (name, kept) in self.all::<EntryPointDocument>(DocumentKind::EntryPoint).await? {
            inputs
                .push(EntryPoint::try_from(kept).map(Input::PutEntryPoint).map_err(|cause| (name, cause.to_string())));
        }
        for (name, kept) in self.all::<AgentDocument>(DocumentKind::Agent).await? {
            inputs.push(kept_agent(kept, secrets).map(Input::PutAgent).map_err(|cause| (name, cause.to_string())));
        }
        for input in inputs {
            match input {
                Ok(input) => {
                    board.handle(now, input);
                    // What was so before the host stopped is no news: nothing runs yet that an effect could concern.
                    while board.poll_effect().is_some() {}
                }
                Err((name, cause)) => error!(name, cause, "a kept document can't be used"),
            }
        }
        Ok(failures)
    }

    async fn deployment(
        &self,
        name: &DeploymentName,
        kept: &DeploymentDocument,
        plugins: &PluginHost,
        (limits, grants): (HostLimits, &GrantBook),
    ) -> Result<config::Deployment> {
        let mut deployed = Deployed::kept(kept).ok_or_else(|| anyhow!("its document is malformed"))?;
        let version = self.load(&deployed, plugins, limits, grants).await?;
        if let Some(canary) = deployed.canary.as_ref().map(|canary| canary.version)
            && let Err(cause) = self.version(canary, plugins, (limits, grants)).await
        {
            error!(deployment = %name, version = %canary.short(), "its canary can't be loaded, roll it back: {cause:#}");
            deployed.canary = None;
        }
        let previous = match deployed.previous.filter(|_| deployed.world == World::Flow) {
            Some(previous) => match self.version(previous, plugins, (limits, grants)).await {
                Ok(()) => Some(previous),
                Err(cause) => {
                    warn!(deployment = %name, version = %previous.short(), "what served before can't step in: {cause:#}");
                    None
                }
            },
            None => None,
        };
        Ok(deployed.as_set_up(name.clone(), version, previous))
    }

    async fn load(
        &self,
        deployed: &Deployed,
        plugins: &PluginHost,
        limits: HostLimits,
        grants: &GrantBook,
    ) -> Result<Version> {
        let plugin = deployed.spec.plugin;
        let component = self.rooms.blobs.get(self.tenant, &plugin).await?;
        let component = component.with_context(|| format!("the component {plugin} is gone"))?;
        let version = deployed.version(limits);
        plugins.load(version, deployed.load_spec(component.into(), limits)).await?;
        grants.loaded(plugins, version, Arc::clone(deployed.manifest.read()));
        Ok(version)
    }

    async fn version(
        &self,
        version: Version,
        plugins: &PluginHost,
        (limits, grants): (HostLimits, &GrantBook),
    ) -> Result<()> {
        let kept = self.rooms.documents.get(self.tenant, DocumentKind::Version, &version.to_string()).await?;
        let kept: DeploymentDocument = decode(&kept.context("nothing is known of it any more")?.body)?;
        let deployed = Deployed::kept(&kept).ok_or_else(|| anyhow!("its document is malformed"))?;
        self.load(&deployed, plugins, limits, grants).await.map(drop)
    }

    /// The trunks.
    ///
    /// # Errors
    /// The store can't be read.
    pub(crate) async fn trunks(&self) -> Result<Vec<cordboard_sip::Trunk>> {
        let kept = self.all::<TrunkDocument>(DocumentKind::Trunk).await?;
        let trunk = |(name, kept): (String, TrunkDocument)| {
            sip_trunk(&kept).inspect_err(|cause| error!(name, %cause, "a kept trunk can't be used")).ok()
        };
        Ok(kept.into_iter().filter_map(trunk).collect())
    }

    /// Decodes the tenant's own recordings. One that is gone or broken is told and left out.
    ///
    /// # Errors
    /// The store can't be read.
    pub(crate) async fn recordings(&self, library: &PromptLibrary) -> Result<()> {
        for (name, kept) in self.all::<PromptDocument>(DocumentKind::Prompt).await? {
            match self.recording(&kept).await {
                Ok(clip) => library.put(&name, kept.phrase.as_deref(), Arc::new(clip)),
                Err(cause) => warn!(name, "a recording can't be used: {cause:#}"),
            }
        }
        Ok(())
    }

    async fn recording(&self, kept: &PromptDocument) -> Result<Clip> {
        let digest: Digest = kept.digest.parse()?;
        let wav = self.rooms.blobs.get(self.tenant, &digest).await?.context("its file is gone")?;
        Ok(tokio::task::spawn_blocking(move || Clip::from_wav_bytes(&wav)).await??)
    }

    /// Gives every contact that a crash interrupted its record, and closes its journal. How many there were.
    ///
    /// # Errors
    /// The store can't be read or written.
    pub(crate) async fn close_interrupted(&self) -> Result<u64> {
        let (mut after, mut count) = (None, 0);
        loop {
            let contacts = self.rooms.journals.unfinished(self.tenant, after, 1_000).await?;
            let Some(last) = contacts.last() else { return Ok(count) };
            after = Some(*last);
            for contact in contacts {
                match self.close(contact).await {
                    Ok(()) => count += 1,
                    Err(cause) => error!(%contact, "its journal can't be closed: {cause:#}"),
                }
            }
        }
    }

    async fn close(&self, contact: ContactId) -> Result<()> {
        let left = self.rooms.journals.interrupted(self.tenant, contact).await?;
        if let Some(damage) = &left.damage {
            warn!(%contact, frame = left.next_frame, %damage, "its journal is damaged: it is read up to there");
        }
        if let (0, Some(JournalError::NewerFormat(format))) = (left.next_frame, &left.damage) {
            // It stays unfinished: whoever can read it gives the contact its record.
            return Err(anyhow!("it was written by a newer version, in format {format}, and waits for one"));
        }
        let Some(record) = interrupted(&left.journal) else {
            self.rooms.journals.give_up(self.tenant, contact).await?;
            return Err(anyhow!("it lost its beginning: there is nothing to make a record of"));
        };
        let written = self.rooms.close_interrupted(self.tenant, &left, &record).await?;
        match written.refused.into_iter().next() {
            Some((_, cause)) => Err(cause.into()),
            None => {
                info!(%contact, "it was interrupted by a crash");
                Ok(())
            }
        }
    }
}
