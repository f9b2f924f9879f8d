//! What the board shows of itself: snapshots for the API, never part of a decision.

use super::migrating::Tally;
use crate::agent::AgentState;
use crate::config::{Agent, Deployment, Queue};
use crate::flow::{Address, Channel};
use crate::ids::{AgentId, ContactId, DeploymentName, EntryPointName, QueueName, Version};
use crate::record::{ChoiceMade, QueueVisit};
use crate::rollout::Watched;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// A contact in progress.
#[derive(Clone, Debug, PartialEq)]
pub struct ContactView {
    /// Which.
    pub id: ContactId,
    /// How.
    pub channel: Channel,
    /// `ringing`, `flow`, `queued`, `offered`, `talking`, `safe-flow`, `ending`.
    pub state: &'static str,
    /// Through which entry point.
    pub entry_point: EntryPointName,
    /// From whom.
    pub origin: Address,
    /// To what.
    pub dialled: Address,
    /// Whose version it is pinned to.
    pub deployment: DeploymentName,
    /// The version; none if the deployment has nothing to run.
    pub version: Option<Version>,
    /// When it came.
    pub offered_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// Where it waits, is offered or came from to the agent.
    pub place: Option<PlaceView>,
    /// Places held before, in order.
    pub visits: Vec<QueueVisit>,
    /// What the person chose so far.
    pub choices: Vec<ChoiceMade>,
    /// The attributes now.
    pub attributes: BTreeMap<String, String>,
    /// The flow versions that ran, in order.
    pub versions: Vec<Version>,
    /// The version it is to go over to, while that is tried.
    pub migrating_to: Option<Version>,
    /// It waits without an instance, which will be made anew from the journal.
    pub asleep: bool,
    /// The flow failed and the safe flow took over, because of this.
    pub stepped_down: Option<String>,
    /// How many entries the journal has so far.
    pub journal_entries: u64,
    /// False if part of the journal could not be written.
    pub journal_durable: bool,
}

/// A place in a queue, from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceView {
    /// Which queue.
    pub queue: QueueName,
    /// When it was taken.
    pub queued_at: Timestamp,
    /// 1 is next; none once an agent is offered or talks.
    pub position: Option<u32>,
    /// Who is rung, or talks.
    pub agent: Option<AgentId>,
}

/// An agent and what the agent is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentView {
    /// As set up.
    pub agent: Agent,
    /// Doing what.
    pub state: AgentState,
    /// Since when.
    pub since: Timestamp,
    /// Whether a phone is registered.
    pub phone: bool,
    /// Contacts talked to since the host started.
    pub handled: u64,
}

/// A queue and who waits in it.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueView {
    /// As set up.
    pub queue: Queue,
    /// How many wait.
    pub waiting: u32,
    /// How long the one who waits longest has waited; 0 if nobody does.
    pub longest_wait_ms: u64,
    /// Ready agents who may serve it.
    pub ready_agents: u32,
    /// Figures since the host started.
    pub figures: QueueFigures,
}

/// What became of those who took a place, since the host started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueFigures {
    /// Places taken.
    pub offered: u64,
    /// Answered by an agent.
    pub answered: u64,
    /// Of them, within the queue's service level.
    pub answered_in_time: u64,
    /// Hung up while waiting.
    pub abandoned: u64,
    /// Left by the flow, or lost.
    pub left: u64,
}

/// A deployment and who is pinned to what it serves.
#[derive(Clone, Debug, PartialEq)]
pub struct DeploymentView {
    /// As set up.
    pub deployment: Deployment,
    /// Contacts in progress by version, older versions included.
    pub contacts: BTreeMap<Version, u32>,
    /// What became of those who were to go over to the version that serves.
    pub migration: Tally,
    /// How its canary does.
    pub watched: Option<Watched>,
}
