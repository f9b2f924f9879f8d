//! What the API asks of the host. The server implements it; the handlers only extract, ask and convert.

use crate::comparing::{Backtest, BacktestSpec, Candidate, Comparison};
use crate::deployment::{CanarySpec, Deployment, DeploymentSpec, ShadowSpec};
use crate::history::{History, Order};
use async_trait::async_trait;
use bytes::Bytes;
use cordboard_core::agent::WantedState;
use cordboard_core::board::{AgentView, ContactView, QueueView};
use cordboard_core::config::{Agent, EntryPoint, Queue, Settings, World};
use cordboard_core::decision::Decision;
use cordboard_core::event::Event;
use cordboard_core::ids::{AgentId, ContactId, DeploymentName, Digest, EntryPointName, QueueName, Version};
use cordboard_core::journal::Journal;
use cordboard_core::note::Note;
use cordboard_core::record::ContactRecord;
use cordboard_core::time::Timestamp;
use cordboard_store::{RecordFilter, RecordPage};
use futures_util::stream::BoxStream;
use std::sync::Arc;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is nothing of this name.
    #[error("there is no {what} `{name}`")]
    NotFound {
        /// E.g. `queue`.
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// What was sent is well-formed, but can't be used.
    #[error("{detail}")]
    Invalid {
        /// Stable, e.g. `forbidden-imports`, `out-of-bounds`, `unknown-queue`.
        code: &'static str,
        /// In words for whoever sent it.
        detail: String,
    },
    /// Somebody else changed it first, or it isn't as expected.
    #[error("{what} `{name}` has changed: its revision is {}{meanwhile}", found.map_or("none".to_owned(), |r| r.to_string()))]
    Conflict {
        /// E.g. `queue`.
        what: &'static str,
        /// Which.
        name: String,
        /// Its revision now.
        found: Option<u64>,
        /// Who did what meanwhile, where that is known: `; ann deployed …`.
        meanwhile: String,
    },
    /// Something else needs it.
    #[error("{what} `{name}` is in use: {by}")]
    InUse {
        /// E.g. `plugin`.
        what: &'static str,
        /// Which.
        name: String,
        /// By what.
        by: String,
    },
    /// There is nothing to go back to.
    #[error("{detail}")]
    NoState {
        /// `no-predecessor`, `no-step`, `no-state`, `state-gone`.
        code: &'static str,
        /// In words for whoever sent it.
        detail: String,
    },
    /// The state doesn't allow it, e.g. ending a contact that has ended.
    #[error("{0}")]
    NotNow(String),
    /// Too large.
    #[error("{what} has {got} bytes, at most {limit} are allowed")]
    TooLarge {
        /// What.
        what: &'static str,
        /// Its size.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// It was kept, and is erased for good (journal rule 20).
    #[error("{0}")]
    Erased(String),
    /// What is kept is there, but can't be read: it is damaged, its key is lost, or a newer version wrote it.
    #[error("{detail}")]
    Unreadable {
        /// `damaged-journal`, `newer-journal` or `lost-key`.
        code: &'static str,
        /// Where and why, in words for an operator.
        detail: String,
    },
    /// As many of these run already as there may be.
    #[error("{0}")]
    Busy(String),
    /// Not possible for the moment: the store can't write, or the host is stopping.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of ours. The text goes to the log and not to the client.
    #[error("internal fault: {0}")]
    Internal(String),
}

/// What revision of a document a change expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any, or none.
    Any,
    /// That there is none (`If-None-Match: *`).
    Absent,
    /// This one (`If-Match: "N"`).
    Revision(u64),
}

/// A document with its revision, told as ETag.
#[derive(Clone, Debug, PartialEq)]
pub struct Revised<T> {
    /// The document.
    pub value: T,
    /// Which writing of it.
    pub revision: u64,
}

/// An uploaded plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct Plugin {
    /// SHA-256 of the component.
    pub digest: Digest,
    /// For people.
    pub name: Option<String>,
    /// Its world.
    pub world: World,
    /// E.g. `cordboard:flow@0.1.0`.
    pub contract: String,
    /// What it imports.
    pub imports: Vec<String>,
    /// Of the component.
    pub size_bytes: u64,
    /// When it was uploaded first.
    pub uploaded_at: Timestamp,
    /// Deployments that serve it.
    pub deployments: Vec<DeploymentName>,
    /// The manifest it came with, as it was written.
    pub manifest: Option<serde_json::Value>,
    /// Who signed component and manifest.
    pub signed_by: Option<Signer>,
}

/// A key that signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Its name in the host's configuration.
    pub name: String,
    /// The public key, 64 hex digits.
    pub key: String,
}

/// What is uploaded.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The component.
    pub component: Bytes,
    /// Its manifest, JSON of at most [`MAX_MANIFEST_BYTES`]. Without one it wants nothing.
    pub manifest: Option<Bytes>,
    /// A detached signature of both, JSON of at most [`MAX_SIGNATURE_BYTES`].
    pub signature: Option<Bytes>,
}

/// The largest manifest.
pub const MAX_MANIFEST_BYTES: usize = 64 << 10;
/// The largest signature document.
pub const MAX_SIGNATURE_BYTES: usize = 4 << 10;

/// What an operator grants to a plugin's name: what the manifest wants as well can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Places that requests may go to. At most 64.
    pub egress: Vec<EgressGrant>,
    /// Bounds of the requests of one call.
    pub bounds: RequestBounds,
    /// What may be kept: values, and bytes of keys and values together.
    pub stored_values: Option<(u32, u64)>,
}

/// A place that requests may go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressGrant {
    /// `https`; else `http`.
    pub https: bool,
    /// A name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// In capitals.
    pub methods: Vec<String>,
    /// Whether the address may be of a range that isn't global.
    pub private: bool,
}

/// Bounds of requests; the host's defaults where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestBounds {
    /// Of a request's body.
    pub request_bytes: Option<u32>,
    /// Of a response's body.
    pub response_bytes: Option<u32>,
    /// Requests at once.
    pub at_once: Option<u16>,
    /// From a request to the head of its response.
    pub timeout_ms: Option<u32>,
}

/// A contact's journal, gone through by the version that its last entries are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Which version.
    pub version: Version,
    /// Entries there are.
    pub entries: u64,
    /// Entries it went through.
    pub reached: u64,
    /// Where it did something else, or how it failed; none if it agreed.
    pub parted: Option<String>,
    /// Secret answers that nobody knows any more, and that zeros stood in for (journal rule 20).
    pub substituted: u64,
}

/// Where calls may come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// Its name: 1 to 64 of `a-z A-Z 0-9 . _ -`.
    pub name: String,
    /// Addresses or networks: `192.0.2.7`, `192.0.2.0/24`, at most 64.
    pub peers: Vec<String>,
}

/// A recording that flows can name.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// Its name.
    pub name: String,
    /// The words it says, so that text is spoken with it.
    pub phrase: Option<String>,
    /// How long it is.
    pub duration_ms: u64,
    /// Part of the program.
    pub built_in: bool,
}

/// A contact, in progress or ended.
#[derive(Clone, Debug)]
pub enum Contact {
    /// In progress.
    Live(Box<ContactView>),
    /// Ended.
    Ended(Box<ContactRecord>),
}

/// One of the live stream.
#[derive(Clone, Debug)]
pub enum Feed {
    /// Something happened. The numbers of a host's run are consecutive.
    Event(u64, Arc<Event>),
    /// The reader was too slow, or came back too late: so many events are gone for it.
    Missed(u64),
}

/// Whether the host can take calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// All of it works.
    pub ready: bool,
    /// Each part, whether it works, and what is wrong.
    pub checks: Vec<(&'static str, bool, String)>,
}

/// What the host is and does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Of the program.
    pub version: String,
    /// When it started.
    pub started_at: Timestamp,
    /// Contacts in progress.
    pub contacts: u64,
    /// It takes no new contacts.
    pub draining: bool,
    /// Where it takes SIP.
    pub sip: String,
    /// Flow instances there is room for.
    pub flow_capacity: u32,
    /// Versions in memory: version, world, uses right now, whether it goes with the last of them.
    pub loaded: Vec<(Version, String, u64, bool)>,
}

/// The host, as the API sees it. Every change is durable when it returns, and holds for the next contact.
#[async_trait]
pub trait Centre: Send + Sync + 'static {
    /// Verifies and keeps a component with its manifest. Uploading the same again gives the same plugin; another manifest
    /// replaces the one before for later deployments. A name is given only where there is no manifest.
    async fn upload(&self, name: Option<String>, upload: Upload) -> Result<Plugin, Refusal>;
    /// All plugins, by name and digest.
    async fn plugins(&self) -> Result<Vec<Plugin>, Refusal>;
    /// Removes a plugin that no deployment serves.
    async fn delete_plugin(&self, digest: Digest) -> Result<(), Refusal>;
    /// What is granted to a plugin's name.
    async fn grant(&self, plugin: &str) -> Result<Revised<Grant>, Refusal>;
    /// Replaces what is granted to a plugin's name; holds for the next use. A plugin of that name must be there.
    async fn put_grant(&self, plugin: String, grant: Grant, expected: Expected) -> Result<Revised<Grant>, Refusal>;
    /// Takes all back.
    async fn delete_grant(&self, plugin: &str, expected: Expected) -> Result<(), Refusal>;

    /// All deployments, by name.
    async fn deployments(&self) -> Result<Vec<Revised<Deployment>>, Refusal>;
    /// One deployment.
    async fn deployment(&self, name: &DeploymentName) -> Result<Revised<Deployment>, Refusal>;
    /// Compiles and tries the version, then lets it serve new contacts.
    async fn put_deployment(
        &self,
        name: DeploymentName,
        spec: DeploymentSpec,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal>;
    /// Lets what served before serve again, or what the deployment was since step `to`; `NoState` if there is no such thing.
    async fn roll_back(
        &self,
        name: &DeploymentName,
        to: Option<u64>,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal>;
    /// Lets a version serve a part of the contacts; `NotNow` if another does.
    async fn put_canary(
        &self,
        name: DeploymentName,
        spec: CanarySpec,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal>;
    /// Lets the canary serve all new contacts; `NotNow` if there is none.
    async fn promote(&self, name: DeploymentName, order: Order) -> Result<Revised<Deployment>, Refusal>;
    /// Lets a version go through what the deployment does from now on, in place of the one that did.
    async fn put_shadow(
        &self,
        name: DeploymentName,
        spec: ShadowSpec,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal>;
    /// Lets it go through nothing any more; `NotNow` if none does.
    async fn remove_shadow(&self, name: &DeploymentName, order: Order) -> Result<Revised<Deployment>, Refusal>;
    /// Removes a deployment that nothing names. Its contacts go on.
    async fn delete_deployment(&self, name: &DeploymentName, order: Order) -> Result<(), Refusal>;
    /// What was done with a deployment, newest first, below `before`; also if it is removed.
    async fn deployment_history(
        &self,
        name: &DeploymentName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<History, Refusal>;

    /// All entry points, by name.
    async fn entry_points(&self) -> Result<Vec<Revised<EntryPoint>>, Refusal>;
    /// Adds or replaces an entry point. The flow deployment it names must be there.
    async fn put_entry_point(&self, entry: EntryPoint, expected: Expected) -> Result<Revised<EntryPoint>, Refusal>;
    /// Removes an entry point.
    async fn delete_entry_point(&self, name: &EntryPointName, expected: Expected) -> Result<(), Refusal>;

    /// All queues with who waits, by name.
    async fn queues(&self) -> Result<Vec<Revised<QueueView>>, Refusal>;
    /// Adds or replaces a queue. The scorer it names must be there.
    async fn put_queue(&self, queue: Queue, expected: Expected) -> Result<Revised<QueueView>, Refusal>;
    /// Removes a queue; those who wait are told that their place is lost.
    async fn delete_queue(&self, name: &QueueName, expected: Expected) -> Result<(), Refusal>;

    /// All agents and what they do, by id.
    async fn agents(&self) -> Result<Vec<Revised<AgentView>>, Refusal>;
    /// Adds or replaces an agent. Without a password the old one stays; a new agent without one can't register.
    async fn put_agent(
        &self,
        agent: Agent,
        password: Option<String>,
        expected: Expected,
    ) -> Result<Revised<AgentView>, Refusal>;
    /// Removes an agent. A talk goes on.
    async fn delete_agent(&self, id: &AgentId, expected: Expected) -> Result<(), Refusal>;
    /// Asks for a state on the agent's behalf.
    async fn set_agent_state(&self, id: &AgentId, wanted: WantedState) -> Result<AgentView, Refusal>;

    /// All trunks, by name.
    async fn trunks(&self) -> Result<Vec<Revised<Trunk>>, Refusal>;
    /// Adds or replaces a trunk.
    async fn put_trunk(&self, trunk: Trunk, expected: Expected) -> Result<Revised<Trunk>, Refusal>;
    /// Removes a trunk. Its calls go on.
    async fn delete_trunk(&self, name: &str, expected: Expected) -> Result<(), Refusal>;

    /// The settings.
    async fn settings(&self) -> Result<Revised<Settings>, Refusal>;
    /// Replaces the settings.
    async fn put_settings(&self, settings: Settings, expected: Expected) -> Result<Revised<Settings>, Refusal>;

    /// All recordings, by name.
    async fn prompts(&self) -> Result<Vec<Prompt>, Refusal>;
    /// Adds or replaces a recording: a WAV file of at most 10 MiB and 10 minutes.
    async fn put_prompt(&self, name: String, phrase: Option<String>, wav: Bytes) -> Result<Prompt, Refusal>;
    /// Removes a recording that isn't part of the program.
    async fn delete_prompt(&self, name: &str) -> Result<(), Refusal>;

    /// Contacts in progress, newest first.
    async fn live_contacts(&self) -> Result<Vec<ContactView>, Refusal>;
    /// Ended contacts, newest first, below `before`.
    async fn records(
        &self,
        filter: RecordFilter,
        before: Option<ContactId>,
        limit: usize,
    ) -> Result<RecordPage, Refusal>;
    /// One contact.
    async fn contact(&self, id: ContactId) -> Result<Contact, Refusal>;
    /// A contact's journal so far.
    async fn journal(&self, id: ContactId) -> Result<Journal, Refusal>;
    /// The routing decisions that considered a contact, newest first, at most 100.
    async fn decisions(&self, id: ContactId) -> Result<Vec<Decision>, Refusal>;
    /// Ends a contact in progress.
    async fn end_contact(&self, id: ContactId) -> Result<(), Refusal>;
    /// Lets a contact in progress go over to the version that its deployment serves. How that went is an event.
    async fn migrate_contact(&self, id: ContactId) -> Result<(), Refusal>;
    /// Goes through a contact's journal as far as it is written, without any effect.
    async fn replay_contact(&self, id: ContactId) -> Result<Replayed, Refusal>;
    /// Goes through a contact's journal as far as it is written, without any effect: by a candidate up to where it parts, or
    /// by each version that ran up to where the next took over.
    async fn compare_contact(&self, id: ContactId, candidate: Option<Candidate>) -> Result<Comparison, Refusal>;
    /// Begins a back-test.
    async fn begin_backtest(&self, spec: BacktestSpec) -> Result<Backtest, Refusal>;
    /// The back-tests of this host's run that are kept, newest first.
    async fn backtests(&self) -> Vec<Backtest>;
    /// Ends a back-test that runs, or forgets one that is over.
    async fn end_backtest(&self, id: u64) -> Result<(), Refusal>;
    /// What the contact's flows left behind for their authors, in its order, each failure with the lines that are known.
    async fn notes(&self, id: ContactId) -> Result<Vec<Note>, Refusal>;
    /// Goes through a contact's journal up to where its flow failed last, without any effect, and takes a core dump of the
    /// guest when it fails again.
    async fn core_dump(&self, id: ContactId) -> Result<Vec<u8>, Refusal>;
    /// Erases what is kept of the person of an ended contact (journal rule 20). Erased before is as good.
    async fn erase_contact(&self, id: ContactId) -> Result<(), Refusal>;
    /// Sets an attribute of a contact in progress.
    async fn set_attribute(&self, id: ContactId, name: String, value: String) -> Result<(), Refusal>;

    /// Events from now on, or from behind number `after` of this host's run, as far as they are kept.
    fn events(&self, after: Option<u64>) -> BoxStream<'static, Feed>;
    /// Lines that plugins log, likewise. Numbered apart from the events.
    fn logs(&self, after: Option<u64>) -> BoxStream<'static, Feed>;
    /// Figures in Prometheus' text format.
    fn metrics(&self) -> String;
    /// Whether calls can be taken.
    async fn readiness(&self) -> Readiness;
    /// What the host is and does.
    async fn status(&self) -> Result<Status, Refusal>;
}
