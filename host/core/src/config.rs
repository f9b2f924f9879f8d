//! What operators set up: entry points, queues, agents, deployments, settings. Each document replaces its
//! predecessor whole; the board takes them one by one, while calls run.

use crate::flow::SkillRequirement;
use crate::ids::{AgentId, DeploymentName, EntryPointName, QueueName, Version};
use crate::rollout::Rollout;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which flow answers which dialled numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPoint {
    /// Its name.
    pub name: EntryPointName,
    /// Dialled numbers or user parts; `12*` matches every number that begins with `12`. The longest match wins;
    /// between equals the first name.
    pub numbers: Vec<String>,
    /// The flow deployment that answers.
    pub deployment: DeploymentName,
    /// What takes over a contact whose flow failed and has no predecessor that could go on; none: the board itself
    /// does, with an apology and a queue.
    pub safe_flow: Option<DeploymentName>,
    /// Where the board puts people whose flow failed; the tenant's default queue if none.
    pub fallback_queue: Option<QueueName>,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Its name.
    pub name: QueueName,
    /// What every agent served from it must have.
    pub skills: Vec<SkillRequirement>,
    /// The scorer deployment; longest idle if none.
    pub scorer: Option<DeploymentName>,
    /// How long an agent's phone rings before the next one is offered. 1 to 300 s.
    pub offer_timeout_ms: u32,
    /// How long the agent has afterwards. 0: none.
    pub wrap_up_ms: u32,
    /// More are refused with `limit`. 1 to 100,000.
    pub max_waiting: u32,
    /// The recording heard while waiting.
    pub music: Option<String>,
    /// Answered within this time counts for the service level.
    pub service_level_ms: u32,
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Also the SIP user.
    pub id: AgentId,
    /// For people.
    pub name: String,
    /// Skill → level, 1 to 10.
    pub skills: BTreeMap<String, u8>,
    /// Numbers that scorers see, in thousandths.
    pub attributes: BTreeMap<String, i64>,
    /// The queues served; all whose skills fit if empty.
    pub queues: Vec<QueueName>,
    /// Ready as soon as the phone registers.
    pub auto_ready: bool,
}

/// Which version of a flow serves. Scorers and directories are named in queues and keys, and resolved here as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its name.
    pub name: DeploymentName,
    /// What it is.
    pub world: World,
    /// What serves new contacts. The shell makes sure that it is loaded before the board hears of it.
    pub version: Version,
    /// What served before: it steps in where the version fails (journal rule 16), and is kept loaded for that.
    pub previous: Option<Version>,
    /// What becomes of contacts in progress when another version is deployed.
    pub migration: MigrationPolicy,
    /// A question that is open, and that the new version asks otherwise, is asked anew rather than keeping the contact
    /// with the old one (journal rule 11).
    pub ask_anew: bool,
    /// A version tried beside it. The shell makes sure that it is loaded too.
    pub rollout: Option<Box<Rollout>>,
}

/// What becomes of a deployment's contacts in progress when another version is deployed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MigrationPolicy {
    /// They stay with the version they began with.
    #[default]
    Pin,
    /// They go over to the new one where it agrees with their journal.
    Migrate,
}

impl Deployment {
    /// A deployment that nothing served before, and whose contacts stay where they are.
    pub const fn new(name: DeploymentName, world: World, version: Version) -> Self {
        Self { name, world, version, previous: None, migration: MigrationPolicy::Pin, ask_anew: false, rollout: None }
    }

    /// Whether it serves a version, or would step back to it.
    pub fn needs(&self, version: Version) -> bool {
        self.serves(version) || self.previous == Some(version)
    }

    /// Whether new contacts may get a version.
    pub fn serves(&self, version: Version) -> bool {
        self.version == version || self.rollout.as_ref().is_some_and(|rollout| rollout.version == version)
    }
}

/// The worlds of the plugin contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum World {
    /// A conversation.
    Flow,
    /// Who suits whom.
    Scorer,
    /// Who is this.
    Crm,
    /// How many to call now, and whom first. Nothing asks it yet: it comes with campaigns.
    Dialer,
    /// What is remarkable in a talk. Nothing asks it yet: it comes with transcripts.
    Inspector,
}

/// What holds for the whole tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Where the safe flow puts people.
    pub default_queue: Option<QueueName>,
    /// The directory asked where a key names none.
    pub default_directory: Option<DeploymentName>,
    /// Numbers that are refused (403) and alarmed while no emergency route is set up.
    pub emergency_numbers: Vec<String>,
    /// Contacts at once; more are refused with 503.
    pub max_contacts: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_queue: None,
            default_directory: None,
            emergency_numbers: ["112", "911", "999", "000", "110", "118", "119", "120", "122"].map(String::from).into(),
            max_contacts: 10_000,
        }
    }
}
