//! One conversation to be played: what a script says, in the core's words and checked.

use super::ScriptError;
use super::backend::BackendRow;
use super::part::{Part, Row, ValuesFail};
use super::step::{At, Pairs, Step};
use super::time::{MORNING, Span};
use super::words::{Value, Words};
use super::world::{AgentPlan, MAX_ROWS, agents, caller, is_taken, queues, rows_of};
use cordboard_core::config::Queue;
use cordboard_core::flow::{Address, check_attribute};
use cordboard_core::ids::{DeploymentName, QueueName};
use cordboard_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Steps of a conversation.
const MAX_STEPS: usize = 1_000;
/// Of names, numbers and values from the script, in bytes.
const MAX_TEXT_BYTES: usize = 8 << 10;

/// One conversation to be played.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is called; none if the script doesn't say.
    pub name: Option<String>,
    /// The flow's configuration.
    pub config: Vec<(String, String)>,
    /// Who calls.
    pub caller: Caller,
    /// When the call comes in.
    pub at: Timestamp,
    /// What draws come from.
    pub seed: u64,
    /// What is to be drawn, by name.
    pub draws: BTreeMap<String, At<u32>>,
    /// What directories answer; none: there are none.
    pub directory: Option<Vec<Row>>,
    /// What back-ends answer to the flow's own requests.
    pub backend: Vec<BackendRow>,
    /// The queues there are.
    pub queues: Vec<Queue>,
    /// How many wait there already.
    pub waiting: Vec<(QueueName, u32)>,
    /// The agents there are.
    pub agents: Vec<AgentPlan>,
    /// Values stored before; none: they are not granted, unless they are to fail.
    pub values: Option<BTreeMap<String, String>>,
    /// How every use of them fails.
    pub values_fail: Option<ValuesFail>,
    /// What takes over if the flow fails.
    pub safe_flow: Option<DeploymentName>,
    /// Where the host puts people whose flow failed.
    pub fallback_queue: Option<QueueName>,
    /// Everything that can be mentioned must be.
    pub strict: bool,
    /// What must not happen at any time.
    pub never: Vec<At<Step>>,
    /// What is done and expected, in order.
    pub steps: Vec<At<Step>>,
    /// How it ends; none: the caller hangs up after the last step.
    pub ends: Option<Ends>,
}

/// Who calls, and whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub origin: Address,
    /// Whom.
    pub dialled: Address,
}

/// How a conversation ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Ends {
    /// Why.
    pub reason: Option<Value>,
    /// What more is said of it.
    pub detail: Option<Words>,
    /// At the latest so long after it began; none: within a day, or with the patience of a real call.
    pub within: Option<Span>,
    /// Attributes at the end.
    pub attributes: BTreeMap<String, Value>,
}

impl Case {
    pub(super) fn new(part: At<Part>) -> Result<Self, ScriptError> {
        let place = At { line: part.line, column: part.column, what: () };
        let part = part.what;
        let Some(steps) = part.conversation else {
            return Err(ScriptError::at(&place, "there is no `conversation`"));
        };
        let never = part.never.unwrap_or_default();
        let agents = agents(part.agents.unwrap_or_default())?;
        let (queues, waiting) = queues(part.queues, &agents)?;
        let agents: Vec<AgentPlan> = agents.into_iter().map(|plan| plan.what).collect();
        check_steps(&steps, &never)?;
        check_deeds(&steps, &queues, &agents)?;
        let steps = steps.into_iter().flat_map(one_by_one).collect();
        let directory = part.directory.map(rows_of).transpose()?;
        let backend = part.backend.map(super::backend::rows_of).transpose()?.unwrap_or_default();
        let safe_flow = part.safe_flow.map(|name| safe_flow(name, directory.as_deref())).transpose()?;
        if let Some(queue) = &part.fallback_queue {
            known_queue(queue, &queue.what, &queues)?;
        }
        for texts in [&part.config, &part.values].into_iter().flatten() {
            if texts.what.iter().any(|(name, value)| name.len() + value.len() > MAX_TEXT_BYTES) {
                return Err(ScriptError::at(texts, format!("a value has at most {MAX_TEXT_BYTES} bytes")));
            }
            if texts.what.len() > MAX_ROWS {
                return Err(ScriptError::at(texts, format!("at most {MAX_ROWS} values")));
            }
        }
        let default_queue = || {
            let default = queues.iter().find(|queue| queue.name.as_str() == "default");
            default.map(|queue| queue.name.clone())
        };
        Ok(Self {
            name: part.name,
            config: part.config.map(|config| config.what.into_iter().collect()).unwrap_or_default(),
            caller: caller(part.caller)?,
            at: Timestamp::from_ms(part.at.unwrap_or(MORNING).0),
            seed: part.seed.unwrap_or(1),
            draws: part.draws.unwrap_or_default(),
            directory,
            backend,
            fallback_queue: part.fallback_queue.map(|queue| queue.what).or_else(default_queue),
            queues,
            waiting,
            agents,
            values: part.values.map(|values| values.what),
            values_fail: part.values_fail,
            safe_flow,
            strict: part.strict.unwrap_or(false),
            never,
            steps,
            ends: part.ends.map(|ends| Ends {
                reason: ends.reason,
                detail: ends.detail,
                within: ends.within,
                attributes: ends.attributes.unwrap_or_default(),
            }),
        })
    }

    /// The other flows that it needs.
    pub fn other_flows(&self) -> impl Iterator<Item = &DeploymentName> {
        self.safe_flow.iter()
    }

    /// The directories there are.
    pub fn directories(&self) -> BTreeSet<DeploymentName> {
        let rows = self.directory.iter().flatten().filter_map(|row| row.directory.clone());
        rows.chain(self.directory.as_ref().and_then(|_| default_directory())).collect()
    }
}

/// The directory that is asked where a flow names none.
pub(crate) fn default_directory() -> Option<DeploymentName> {
    DeploymentName::new("directory").ok()
}

fn check_steps(steps: &[At<Step>], never: &[At<Step>]) -> Result<(), ScriptError> {
    if let Some(one) = steps.get(MAX_STEPS) {
        return Err(ScriptError::at(one, format!("{} steps, at most {MAX_STEPS} are played", steps.len())));
    }
    if let Some(wrong) = never.iter().find(|step| !step.what.is_expectation() || several(&step.what)) {
        return Err(ScriptError::at(wrong, "`never` has something that can happen, such as `hears` or `looked_up`"));
    }
    for (at, step) in steps.iter().enumerate() {
        let wrong = match &step.what {
            Step::Never(inner) if !inner.is_expectation() => {
                "`never` has something that can happen, such as `hears` or `looked_up`"
            }
            Step::Within(_) => match steps.get(at + 1).map(|next| &next.what) {
                Some(next) if next.is_expectation() => continue,
                Some(_) | None => "after `within` comes what is expected within that time",
            },
            Step::Never(inner) if several(inner) => "`never` has one name at a time",
            Step::OperatorSets(Pairs(pairs)) if pairs.is_empty() => "nothing is set",
            Step::Set(Pairs(pairs)) | Step::Stored(Pairs(pairs)) if pairs.is_empty() => "nothing is expected",
            _ => continue,
        };
        return Err(ScriptError::at(step, wrong));
    }
    Ok(())
}

/// That those who do something are there, and that nobody does anything once the caller has hung up.
fn check_deeds(steps: &[At<Step>], queues: &[Queue], agents: &[AgentPlan]) -> Result<(), ScriptError> {
    let mut gone = false;
    for step in steps {
        if gone && step.what.is_deed() {
            return Err(ScriptError::at(step, "the caller has hung up: after that nobody does anything more"));
        }
        match &step.what {
            Step::HangsUp => gone = true,
            Step::AgentReady(agent) | Step::AgentNotReady(agent)
                if !agents.iter().any(|plan| plan.agent.id == *agent) =>
            {
                return Err(ScriptError::at(step, format!("there is no agent `{agent}` among the `agents`")));
            }
            Step::QueueCloses(queue) => known_queue(step, queue, queues)?,
            Step::OperatorSets(Pairs(pairs)) => {
                for (name, value) in pairs {
                    check_attribute(name, value).map_err(|why| ScriptError::at(step, why))?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn known_queue<T>(place: &At<T>, queue: &QueueName, queues: &[Queue]) -> Result<(), ScriptError> {
    if queues.iter().any(|there| there.name == *queue) {
        return Ok(());
    }
    let names: Vec<&str> = queues.iter().map(|queue| queue.name.as_str()).collect();
    Err(ScriptError::at(place, format!("there is no queue `{queue}`: there are {}", names.join(", "))))
}

fn safe_flow(name: At<DeploymentName>, directory: Option<&[Row]>) -> Result<DeploymentName, ScriptError> {
    let mut directories = directory.into_iter().flatten().filter_map(|row| row.directory.as_ref());
    if is_taken(name.what.as_str()) || directories.any(|directory| *directory == name.what) {
        return Err(ScriptError::at(
            &name,
            format!("the name `{}` is taken: by the flow under test, a directory, or the host", name.what),
        ));
    }
    Ok(name.what)
}

fn several(step: &Step) -> bool {
    matches!(step, Step::Set(Pairs(pairs)) | Step::Stored(Pairs(pairs)) if pairs.len() != 1)
}

/// Each name with its value is an expectation of its own, in the order they are written.
fn one_by_one(step: At<Step>) -> Vec<At<Step>> {
    let (line, column) = (step.line, step.column);
    let each = |pairs: Pairs<Value>, step: fn(Pairs<Value>) -> Step| {
        let single = |pair| At { line, column, what: step(Pairs(vec![pair])) };
        pairs.0.into_iter().map(single).collect()
    };
    match step.what {
        Step::Set(pairs) => each(pairs, Step::Set),
        Step::Stored(pairs) => each(pairs, Step::Stored),
        what => vec![At { line, column, what }],
    }
}
