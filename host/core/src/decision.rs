//! Routing decisions: who was considered for whom, with which scores, and who was chosen. Kept so that "why not
//! agent X" has an answer afterwards.

use crate::ids::{AgentId, ContactId, DecisionId, DeploymentName, QueueName, Version};
use crate::time::Timestamp;
use std::sync::Arc;

/// The most contacts of a decision.
pub const MAX_CONTACTS: usize = 32;
/// The most agents of a decision.
pub const MAX_AGENTS: usize = 256;

/// What one decision was made from, and what came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Unique within a run of the host; with `at` it is unique for ever.
    pub id: DecisionId,
    /// When the scores were asked for.
    pub asked_at: Timestamp,
    /// When they were used.
    pub decided_at: Timestamp,
    /// For which queue.
    pub queue: QueueName,
    /// By what the scores were made.
    pub scored_by: ScoredBy,
    /// The names of the numbers.
    pub columns: Columns,
    /// The contacts considered, in the order they were to be served.
    pub contacts: Vec<ContactRow>,
    /// The agents considered, by id.
    pub agents: Vec<AgentRow>,
    /// The names of the parts of a score.
    pub parts: Vec<String>,
    /// Contacts × agents, row by row.
    pub scores: Vec<PairScore>,
    /// Who was given to whom.
    pub assigned: Vec<(ContactId, AgentId)>,
    /// Agents who were not considered, and why.
    pub left_out: Vec<(AgentId, LeftOut)>,
    /// What else the assignment was made on, where a scorer was asked. None also in decisions that were kept before this
    /// was.
    pub grounds: Option<Grounds>,
}

/// What an assignment is made on beside the scores: with it, other scores lead to the assignment that they would have led
/// to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grounds {
    /// The deployment whose scorer was asked.
    pub scorer: DeploymentName,
    /// Of each agent, the place in the order in which agents are preferred where scores are equal.
    pub ranks: Vec<u16>,
    /// Contacts (rows) and agents (columns) that must not be given to each other, whatever their score: a skill is lacking,
    /// or one of them was gone by then. In order.
    pub unfit: Vec<(u16, u16)>,
}

/// Names of the numbers in rows, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Of contacts.
    pub contact: Arc<[String]>,
    /// Of agents.
    pub agent: Arc<[String]>,
}

/// A contact as the scorer saw it; absent numbers are NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct ContactRow {
    /// Which.
    pub contact: ContactId,
    /// As many as there are contact columns.
    pub values: Vec<f32>,
}

/// An agent as the scorer saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentRow {
    /// Which.
    pub agent: AgentId,
    /// As many as there are agent columns.
    pub values: Vec<f32>,
}

/// How well one agent suits one contact.
#[derive(Clone, Debug, PartialEq)]
pub struct PairScore {
    /// In thousandths, so that the order of floating-point operations never decides a tie; none: refused.
    pub score_milli: Option<i64>,
    /// As many as the decision has part names, or none.
    pub parts: Vec<f32>,
}

/// By what scores were made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScoredBy {
    /// A plugin's version.
    Plugin(Version),
    /// The longest idle agent: the queue has no scorer.
    LongestIdle,
    /// The longest idle agent, since the plugin failed.
    Fallback {
        /// Which plugin.
        version: Version,
        /// How.
        reason: String,
    },
}

/// Why an agent was not considered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// In this state.
    State(&'static str),
    /// Lacks this skill, or the level.
    Skill(String),
    /// Doesn't serve this queue.
    Queue,
    /// Missed the offer of this contact just before.
    MissedOffer,
}

/// What the scorer is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreRequest {
    /// Which decision it is for.
    pub decision: DecisionId,
    /// By which version.
    pub version: Version,
    /// The names of the numbers.
    pub columns: Columns,
    /// Contacts, row by row.
    pub contacts: Vec<Vec<f32>>,
    /// Agents, row by row.
    pub agents: Vec<Vec<f32>>,
}

/// What the scorer answered: for each contact, a score for each agent.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreAnswer {
    /// The names of the parts.
    pub parts: Vec<String>,
    /// Contacts × agents.
    pub scores: Vec<Vec<PairScore>>,
}
