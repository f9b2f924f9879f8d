//! The host as the admin API sees it: documents in the store, what they mean to the board, the signalling and the
//! plugins, and questions to the board.
//!
//! A change is checked, kept durably, and only then told. One change is made at a time, so that store and board agree
//! on the order; compiling a plugin happens before its turn.

mod backtesting;
mod canaries;
mod candidates;
mod contacts;
mod deploying;
mod keeping;
mod people;
mod prompts;
mod replaying;
mod routing;
mod shadowing;
mod stepping;
mod travelling;
mod uploading;
mod version;

pub(crate) use canaries::RolloutSteps;
pub use people::PhoneSecrets;
pub(crate) use people::kept_agent;
pub(crate) use routing::sip_trunk;
pub(crate) use uploading::granted;
pub use version::{Deployed, HostLimits, ManifestText};

use crate::clock::Clock;
use crate::events::Events;
use crate::grants::GrantBook;
use crate::holds::Holds;
use crate::prompts::PromptLibrary;
use crate::shadows::Shadows;
use crate::shell::{BoardHandle, Stopped};
use crate::signing::Signatures;
use async_trait::async_trait;
use backtesting::Backtests;
use bytes::Bytes;
use cordboard_admin::{
    Backtest, BacktestSpec, CanarySpec, Candidate, Centre, Comparison, Contact, Deployment, DeploymentSpec, Expected,
    Feed, Grant, History, Order, Plugin, Prompt, Readiness, Refusal, Replayed, Revised, ShadowSpec, Status, Trunk,
    Upload,
};
use cordboard_core::agent::WantedState;
use cordboard_core::board::{AgentView, ContactView, Input, QueueView};
use cordboard_core::config::{Agent, EntryPoint, Queue, Settings};
use cordboard_core::decision::Decision;
use cordboard_core::ids::{AgentId, ContactId, DeploymentName, Digest, EntryPointName, QueueName, TenantId};
use cordboard_core::journal::Journal;
use cordboard_core::note::Note;
use cordboard_core::time::Timestamp;
use cordboard_media::MediaHandle;
use cordboard_plugin::PluginHost;
use cordboard_sip::SipHandle;
use cordboard_store::{DocumentKind, RecordFilter, RecordPage, Rooms};
use futures_util::stream::BoxStream;
use keeping::Keeping;
use metrics_exporter_prometheus::PrometheusHandle;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::MutexGuard;

/// What the centre is made of.
pub struct CentreParts {
    /// Whose.
    pub tenant: TenantId,
    /// Everything kept.
    pub rooms: Rooms,
    /// Plugins.
    pub plugins: PluginHost,
    /// Versions about to serve.
    pub holds: Holds,
    /// The board.
    pub board: BoardHandle,
    /// Signalling.
    pub sip: SipHandle,
    /// Media, for its figures.
    pub media: MediaHandle,
    /// Recordings.
    pub prompts: Arc<PromptLibrary>,
    /// The live stream.
    pub events: Events,
    /// The stream of what plugins log.
    pub logs: Events,
    /// Figures.
    pub metrics: PrometheusHandle,
    /// Phones' passwords.
    pub secrets: Arc<PhoneSecrets>,
    /// What holds where a deployment names no limits.
    pub limits: HostLimits,
    /// The time.
    pub clock: Clock,
    /// What plugins may use.
    pub grants: GrantBook,
    /// Whose plugins are taken.
    pub signatures: Signatures,
    /// What goes through what deployments do.
    pub(crate) shadows: Shadows,
    /// Deployments that could not be loaded at the start.
    pub failures: BTreeMap<DeploymentName, String>,
}

/// The host, for the admin API.
pub struct HostCentre {
    parts: CentreParts,
    keeping: Keeping,
    failures: Mutex<BTreeMap<DeploymentName, String>>,
    started_at: Timestamp,
    changing: Arc<tokio::sync::Mutex<()>>,
    backtests: Backtests,
}

impl From<Stopped> for Refusal {
    fn from(stopped: Stopped) -> Self {
        Refusal::Unavailable(stopped.to_string())
    }
}

impl HostCentre {
    /// A centre of these parts.
    pub fn new(mut parts: CentreParts) -> Self {
        let keeping = Keeping::new(parts.tenant.clone(), parts.rooms.documents.clone());
        let failures = Mutex::new(std::mem::take(&mut parts.failures));
        let started_at = parts.clock.now();
        let (changing, backtests) = (Arc::default(), Backtests::default());
        Self { parts, keeping, failures, started_at, changing, backtests }
    }

    /// Waits for its turn to change something.
    async fn turn(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, BTreeMap<DeploymentName, String>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings, or the defaults if none were kept.
    async fn kept_settings(&self) -> Result<Revised<Settings>, Refusal> {
        let kept = self.keeping.get::<crate::documents::SettingsDocument>(DocumentKind::Setting, SETTINGS).await?;
        match kept {
            Some(kept) => Ok(Revised { value: kept.value.try_into().map_err(malformed)?, revision: kept.revision }),
            None => Ok(Revised { value: Settings::default(), revision: 0 }),
        }
    }
}

/// The name of the one settings document.
pub const SETTINGS: &str = "settings";

/// A kept document has a name that breaks its rule: nothing that this program writes.
pub(crate) fn malformed(error: impl std::fmt::Display) -> Refusal {
    Refusal::Internal(format!("a kept document is malformed: {error}"))
}

#[async_trait]
impl Centre for HostCentre {
    async fn upload(&self, name: Option<String>, upload: Upload) -> Result<Plugin, Refusal> {
        self.upload_plugin(name, upload).await
    }
    async fn plugins(&self) -> Result<Vec<Plugin>, Refusal> {
        self.all_plugins().await
    }
    async fn delete_plugin(&self, digest: Digest) -> Result<(), Refusal> {
        self.remove_plugin(digest).await
    }
    async fn grant(&self, plugin: &str) -> Result<Revised<Grant>, Refusal> {
        self.grant_of(plugin).await
    }
    async fn put_grant(&self, plugin: String, grant: Grant, expected: Expected) -> Result<Revised<Grant>, Refusal> {
        self.change_grant(plugin, grant, expected).await
    }
    async fn delete_grant(&self, plugin: &str, expected: Expected) -> Result<(), Refusal> {
        self.remove_grant(plugin, expected).await
    }

    async fn deployments(&self) -> Result<Vec<Revised<Deployment>>, Refusal> {
        self.all_deployments().await
    }
    async fn deployment(&self, name: &DeploymentName) -> Result<Revised<Deployment>, Refusal> {
        self.one_deployment(name).await
    }
    async fn put_deployment(
        &self,
        name: DeploymentName,
        spec: DeploymentSpec,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal> {
        self.deploy(name, spec, order).await
    }
    async fn roll_back(
        &self,
        name: &DeploymentName,
        to: Option<u64>,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal> {
        self.go_back(name, to, order).await
    }
    async fn put_canary(
        &self,
        name: DeploymentName,
        spec: CanarySpec,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal> {
        self.begin_canary(name, spec, order).await
    }
    async fn promote(&self, name: DeploymentName, order: Order) -> Result<Revised<Deployment>, Refusal> {
        self.promote_canary(name, order).await
    }
    async fn put_shadow(
        &self,
        name: DeploymentName,
        spec: ShadowSpec,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal> {
        self.set_shadow(name, spec, order).await
    }
    async fn remove_shadow(&self, name: &DeploymentName, order: Order) -> Result<Revised<Deployment>, Refusal> {
        self.take_shadow(name, order).await
    }
    async fn delete_deployment(&self, name: &DeploymentName, order: Order) -> Result<(), Refusal> {
        let shadow = self.undeploy(name, order).await?;
        self.unload_shadow(shadow).await;
        Ok(())
    }
    async fn deployment_history(
        &self,
        name: &DeploymentName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<History, Refusal> {
        self.history_of(name, before, limit).await
    }

    async fn entry_points(&self) -> Result<Vec<Revised<EntryPoint>>, Refusal> {
        self.all_entry_points().await
    }
    async fn put_entry_point(&self, entry: EntryPoint, expected: Expected) -> Result<Revised<EntryPoint>, Refusal> {
        self.change_entry_point(entry, expected).await
    }
    async fn delete_entry_point(&self, name: &EntryPointName, expected: Expected) -> Result<(), Refusal> {
        let _turn = self.turn().await;
        self.keeping.delete(DocumentKind::EntryPoint, name.as_str(), expected).await?;
        Ok(self.parts.board.tell(Input::RemoveEntryPoint(name.clone())).await?)
    }

    async fn queues(&self) -> Result<Vec<Revised<QueueView>>, Refusal> {
        self.all_queues().await
    }
    async fn put_queue(&self, queue: Queue, expected: Expected) -> Result<Revised<QueueView>, Refusal> {
        self.change_queue(queue, expected).await
    }
    async fn delete_queue(&self, name: &QueueName, expected: Expected) -> Result<(), Refusal> {
        let _turn = self.turn().await;
        if let Some(by) = self.who_falls_back_to(name).await? {
            return Err(Refusal::InUse { what: "queue", name: name.to_string(), by });
        }
        self.keeping.delete(DocumentKind::Queue, name.as_str(), expected).await?;
        Ok(self.parts.board.tell(Input::RemoveQueue(name.clone())).await?)
    }

    async fn agents(&self) -> Result<Vec<Revised<AgentView>>, Refusal> {
        self.all_agents().await
    }
    async fn put_agent(
        &self,
        agent: Agent,
        password: Option<String>,
        expected: Expected,
    ) -> Result<Revised<AgentView>, Refusal> {
        self.change_agent(agent, password, expected).await
    }
    async fn delete_agent(&self, id: &AgentId, expected: Expected) -> Result<(), Refusal> {
        self.remove_agent(id, expected).await
    }
    async fn set_agent_state(&self, id: &AgentId, wanted: WantedState) -> Result<AgentView, Refusal> {
        self.want_agent_state(id, wanted).await
    }

    async fn trunks(&self) -> Result<Vec<Revised<Trunk>>, Refusal> {
        self.all_trunks().await
    }
    async fn put_trunk(&self, trunk: Trunk, expected: Expected) -> Result<Revised<Trunk>, Refusal> {
        self.change_trunk(trunk, expected).await
    }
    async fn delete_trunk(&self, name: &str, expected: Expected) -> Result<(), Refusal> {
        self.remove_trunk(name, expected).await
    }

    async fn settings(&self) -> Result<Revised<Settings>, Refusal> {
        self.kept_settings().await
    }
    async fn put_settings(&self, settings: Settings, expected: Expected) -> Result<Revised<Settings>, Refusal> {
        self.change_settings(settings, expected).await
    }

    async fn prompts(&self) -> Result<Vec<Prompt>, Refusal> {
        self.all_prompts().await
    }
    async fn put_prompt(&self, name: String, phrase: Option<String>, wav: Bytes) -> Result<Prompt, Refusal> {
        self.change_prompt(name, phrase, wav).await
    }
    async fn delete_prompt(&self, name: &str) -> Result<(), Refusal> {
        self.remove_prompt(name).await
    }

    async fn live_contacts(&self) -> Result<Vec<ContactView>, Refusal> {
        let mut contacts = self.parts.board.ask(|board| board.contacts()).await?;
        contacts.sort_by_key(|contact| std::cmp::Reverse(contact.id));
        Ok(contacts)
    }
    async fn records(
        &self,
        filter: RecordFilter,
        before: Option<ContactId>,
        limit: usize,
    ) -> Result<RecordPage, Refusal> {
        self.parts.rooms.records.list(&self.parts.tenant, &filter, before, limit).await.map_err(keeping::store)
    }
    async fn contact(&self, id: ContactId) -> Result<Contact, Refusal> {
        self.one_contact(id).await
    }
    async fn journal(&self, id: ContactId) -> Result<Journal, Refusal> {
        self.journal_of(id).await
    }
    async fn decisions(&self, id: ContactId) -> Result<Vec<Decision>, Refusal> {
        self.decisions_about(id).await
    }
    async fn end_contact(&self, id: ContactId) -> Result<(), Refusal> {
        self.act_on(id, Input::EndContact(id)).await
    }
    async fn notes(&self, id: ContactId) -> Result<Vec<Note>, Refusal> {
        self.notes_of(id).await
    }
    async fn core_dump(&self, id: ContactId) -> Result<Vec<u8>, Refusal> {
        self.dump(id).await
    }
    async fn erase_contact(&self, id: ContactId) -> Result<(), Refusal> {
        self.erase(id).await
    }
    async fn migrate_contact(&self, id: ContactId) -> Result<(), Refusal> {
        self.act_on(id, Input::Migrate(id)).await
    }
    async fn replay_contact(&self, id: ContactId) -> Result<Replayed, Refusal> {
        self.replay(id).await
    }
    async fn compare_contact(&self, id: ContactId, candidate: Option<Candidate>) -> Result<Comparison, Refusal> {
        self.compare(id, candidate).await
    }
    async fn begin_backtest(&self, spec: BacktestSpec) -> Result<Backtest, Refusal> {
        self.backtest(spec).await
    }
    async fn backtests(&self) -> Vec<Backtest> {
        self.kept_backtests()
    }
    async fn end_backtest(&self, id: u64) -> Result<(), Refusal> {
        self.cancel_backtest(id)
    }
    async fn set_attribute(&self, id: ContactId, name: String, value: String) -> Result<(), Refusal> {
        cordboard_core::flow::check_attribute(&name, &value)
            .map_err(|detail| Refusal::Invalid { code: "out-of-bounds", detail })?;
        self.act_on(id, Input::SetAttribute { contact: id, name, value }).await
    }

    fn events(&self, after: Option<u64>) -> BoxStream<'static, Feed> {
        self.parts.events.subscribe(after)
    }
    fn logs(&self, after: Option<u64>) -> BoxStream<'static, Feed> {
        self.parts.logs.subscribe(after)
    }
    fn metrics(&self) -> String {
        crate::metrics::gather(&self.parts);
        self.parts.metrics.render()
    }
    async fn readiness(&self) -> Readiness {
        let store = self.parts.rooms.store.health();
        let (open, keeps) =
            self.parts.board.ask(|board| (!board.draining(), board.keeps())).await.unwrap_or((false, false));
        let failed: Vec<String> = self.failures().iter().map(|(name, why)| format!("{name}: {why}")).collect();
        let checks = vec![
            // The board learns of it a moment later, or by the writer alone: it is what admits or refuses.
            ("store", store.is_ok() && keeps, if store.is_ok() && !keeps { "failed" } else { store.code() }.to_owned()),
            ("board", open, if open { "takes calls" } else { "takes no new calls" }.into()),
            ("deployments", failed.is_empty(), failed.join("; ")),
        ];
        // A deployment that can't be loaded costs its callers the flow and not the call: the host stays ready.
        Readiness { ready: checks.iter().all(|(name, good, _)| *good || *name == "deployments"), checks }
    }
    async fn status(&self) -> Result<Status, Refusal> {
        let (contacts, draining) = self.parts.board.ask(|board| (board.contact_count(), board.draining())).await?;
        let loaded = self.parts.plugins.loaded().into_iter();
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").into(),
            started_at: self.started_at,
            contacts: contacts as u64,
            draining,
            sip: self.parts.sip.local_addr().to_string(),
            flow_capacity: self.parts.plugins.capacity().flow_instances,
            loaded: loaded.map(|v| (v.version, v.world.to_string(), v.live_instances, v.draining)).collect(),
        })
    }
}
