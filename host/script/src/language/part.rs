//! What is written in a script: the world, the conversation, and cases that differ in some of it.

use super::backend::BackendRow;
use super::step::{At, Pairs, Step, short};
use super::time::{DayTime, Span};
use super::words::{Short, Value, Words, short_or_long};
use cordboard_core::ids::{AgentId, DeploymentName, QueueName};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A text that may look like a number: YAML's `600` and `off` are read as they are written.
pub(super) struct Scalar;

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// How well somebody can do something.
struct Level;

impl JsonSchema for Level {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Level".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": 10 })
    }
}

/// A conversation script: the world around a flow, what the caller does, and what is expected. With `cases` it is played
/// once for each, with what the case says in place of what stands here.
#[derive(Clone, Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Cordboard conversation script")]
pub struct Part {
    /// What the script or the case is called in reports.
    #[schemars(with = "Option<Scalar>")]
    pub name: Option<String>,
    /// Which flow it is for: for people, the plugin is given on the command line.
    #[schemars(with = "Option<Scalar>")]
    pub flow: Option<String>,
    /// The flow's configuration. A case changes single keys.
    #[schemars(with = "Option<BTreeMap<String, Scalar>>")]
    pub config: Option<At<BTreeMap<String, String>>>,
    /// Who calls.
    pub caller: Option<At<CallerPart>>,
    /// When the call comes in, in UTC. Default: Monday, 2026-03-02T08:00:00Z.
    pub at: Option<DayTime>,
    /// What the contact's random numbers and draws come from. Default: 1.
    pub seed: Option<u64>,
    /// What `choose` draws, by name: the index, counted from 0. Each must be drawn.
    pub draws: Option<BTreeMap<String, At<u32>>>,
    /// What directories answer; the first row that fits does. Whoever no row knows is unknown. Without this there is no
    /// directory at all.
    pub directory: Option<Vec<At<Row>>>,
    /// What back-ends answer to the requests that the flow sends itself (`fetch`); the first row that fits does. What no row
    /// knows is not granted.
    pub backend: Option<Vec<At<BackendRow>>>,
    /// The queues there are. Default: `default` and those that agents serve.
    pub queues: Option<Vec<At<QueuePart>>>,
    /// The agents there are. Default: none.
    pub agents: Option<Vec<At<AgentPart>>>,
    /// The values that the plugin has stored before. Without this and `values_fail`, stored values are not granted.
    #[schemars(with = "Option<BTreeMap<String, Scalar>>")]
    pub values: Option<At<BTreeMap<String, String>>>,
    /// Every use of stored values fails so.
    pub values_fail: Option<ValuesFail>,
    /// The deployment that takes over if the flow fails; given on the command line as `--with NAME=PLUGIN`.
    #[schemars(with = "Option<Scalar>")]
    pub safe_flow: Option<At<DeploymentName>>,
    /// The queue in which the host puts people whose flow failed. Default: `default`, if there is one.
    #[schemars(with = "Option<Scalar>")]
    pub fallback_queue: Option<At<QueueName>>,
    /// Everything that is said, asked, looked up, fetched, set, stored or queued must be expected by a step.
    pub strict: Option<bool>,
    /// What must not happen at any time.
    pub never: Option<Vec<At<Step>>>,
    /// The steps, in order.
    pub conversation: Option<Vec<At<Step>>>,
    /// How it ends. Without this the caller hangs up after the last step, and it must not end as `failed` or `refused`.
    pub ends: Option<EndsPart>,
    /// Cases, each with what is other than here.
    pub cases: Option<Vec<At<Part>>>,
}

/// Who calls.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallerPart {
    /// The caller's number; `anonymous` calls have none. Default: +15550100.
    #[schemars(with = "Option<Scalar>")]
    pub number: Option<String>,
    /// The caller's number is not told.
    pub anonymous: Option<bool>,
    /// The name that the caller's side gives.
    #[schemars(with = "Option<Scalar>")]
    pub name: Option<String>,
    /// What is dialled. Default: 100.
    #[schemars(with = "Option<Scalar>")]
    pub dials: Option<String>,
}

/// What a directory answers to a key.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Which directory: a deployment's name. Default: the one that is asked where a flow names none.
    #[schemars(with = "Option<Scalar>")]
    pub directory: Option<DeploymentName>,
    /// Kind of key. Default: any.
    pub kind: Option<Value>,
    /// The key. Default: any.
    pub value: Option<Value>,
    /// Who that is; without this and `fails`: nobody it knows.
    pub answers: Option<Person>,
    /// It fails. Of `timeout` without `after` nothing is ever heard.
    pub fails: Option<LookupFails>,
    /// After so long. Default: 50ms.
    pub after: Option<Span>,
    /// It answers only so often; then the next row that fits does.
    pub times: Option<u32>,
}

/// Whom a directory knows.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The person's identifier there.
    #[schemars(with = "Scalar")]
    pub id: String,
    /// The person's name.
    #[schemars(with = "Option<Scalar>")]
    pub name: Option<String>,
    /// Anything else.
    #[schemars(with = "Option<BTreeMap<String, Scalar>>")]
    pub fields: Option<Pairs<String>>,
}

/// How a look-up fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LookupFails {
    /// No answer in time.
    Timeout,
    /// Too many are under way.
    Busy,
    /// The directory is broken.
    Unavailable,
    /// A kind of key that it doesn't know.
    Unsupported,
}

/// How stored values fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ValuesFail {
    /// There is no room (`store` only).
    Quota,
    /// They are not granted.
    NotGranted,
    /// The store is broken.
    Unavailable,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueuePart {
    /// Its name.
    #[schemars(with = "Scalar")]
    pub name: QueueName,
    /// So many wait there already when the call comes in. At most 100.
    #[schemars(range(max = 100))]
    pub waiting: Option<u32>,
    /// So many may wait; more are refused. Default: 1000.
    #[schemars(range(min = 1))]
    pub room: Option<u32>,
    /// How long an agent's phone rings. Default: 20s.
    pub rings_for: Option<Span>,
    /// How long an agent has after a talk. Default: 0s.
    pub wrap_up: Option<Span>,
    /// What its agents must have: skill and level.
    #[schemars(with = "Option<BTreeMap<String, Level>>")]
    pub skills: Option<BTreeMap<String, u8>>,
}

/// An agent.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentPart {
    /// The agent's id.
    #[schemars(with = "Scalar")]
    pub id: AgentId,
    /// The queue that the agent serves. Default: all whose skills fit.
    #[schemars(with = "Option<Scalar>")]
    pub queue: Option<QueueName>,
    /// The queues, if there are several.
    #[schemars(with = "Option<Vec<Scalar>>")]
    pub queues: Option<Vec<QueueName>>,
    /// What the agent can: skill and level, 1 to 10.
    #[schemars(with = "Option<BTreeMap<String, Level>>")]
    pub skills: Option<BTreeMap<String, u8>>,
    /// Whether the agent takes calls from the beginning. Default: true.
    pub ready: Option<bool>,
    /// Answers after the phone has rung for so long. Default: 2s.
    pub answers_after: Option<Span>,
    /// Refuses after the phone has rung for so long.
    pub rejects_after: Option<Span>,
    /// Lets the phone ring.
    pub ignores: Option<bool>,
    /// Hangs up after so long a talk. Default: never.
    pub talks: Option<Span>,
}

/// How the conversation ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndsPart {
    /// Why: `completed`, `failed`, `hung-up`, `rejected`, `redirected`, ….
    pub reason: Option<Value>,
    /// What more is said of it.
    pub detail: Option<Words>,
    /// At the latest so long after the call came in.
    pub within: Option<Span>,
    /// Attributes at the end; there may be others.
    pub attributes: Option<BTreeMap<String, Value>>,
}

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EndsMembers {
    /// Why: `completed`, `failed`, `hung-up`, `rejected`, `redirected`, ….
    reason: Option<Value>,
    /// What more is said of it.
    detail: Option<Words>,
    /// At the latest so long after the call came in.
    within: Option<Span>,
    /// Attributes at the end; there may be others.
    attributes: Option<BTreeMap<String, Value>>,
}

impl From<EndsMembers> for EndsPart {
    fn from(long: EndsMembers) -> Self {
        let EndsMembers { reason, detail, within, attributes } = long;
        Self { reason, detail, within, attributes }
    }
}

short!(EndsPart, EndsMembers, "a reason, or {reason: …, detail: …, within: …, attributes: …}", |text| Ok(
    Self { reason: Some(Value::read(text)?), ..Self::default() }
));

impl Part {
    /// The case with what it leaves out taken from here.
    pub(super) fn with(&self, case: Self) -> Self {
        let config = match (self.config.clone(), case.config) {
            (Some(common), Some(mut own)) => {
                common.what.into_iter().for_each(|(name, value)| {
                    own.what.entry(name).or_insert(value);
                });
                Some(own)
            }
            (common, own) => own.or(common),
        };
        Self {
            config,
            name: case.name,
            flow: case.flow.or_else(|| self.flow.clone()),
            caller: case.caller.or_else(|| self.caller.clone()),
            at: case.at.or(self.at),
            seed: case.seed.or(self.seed),
            draws: case.draws.or_else(|| self.draws.clone()),
            directory: case.directory.or_else(|| self.directory.clone()),
            backend: case.backend.or_else(|| self.backend.clone()),
            queues: case.queues.or_else(|| self.queues.clone()),
            agents: case.agents.or_else(|| self.agents.clone()),
            values: case.values.or_else(|| self.values.clone()),
            values_fail: case.values_fail.or(self.values_fail),
            safe_flow: case.safe_flow.or_else(|| self.safe_flow.clone()),
            fallback_queue: case.fallback_queue.or_else(|| self.fallback_queue.clone()),
            strict: case.strict.or(self.strict),
            never: case.never.or_else(|| self.never.clone()),
            conversation: case.conversation.or_else(|| self.conversation.clone()),
            ends: case.ends.or_else(|| self.ends.clone()),
            cases: None,
        }
    }
}
