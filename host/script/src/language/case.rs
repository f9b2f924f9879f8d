//! One conversation to be played: what a script says, in the core's words and checked.

use super::part::{AgentPart, CallerPart, Part, QueuePart, Row, ValuesFail};
use super::step::{At, Pairs, Step};
use super::time::{DAY_MS, MORNING, Span};
use super::words::{Value, Words};
use super::{ScriptError, part};
use cordboard_core::config::{Agent, Queue};
use cordboard_core::flow::{Address, SkillRequirement};
use cordboard_core::ids::{AgentId, DeploymentName, QueueName};
use cordboard_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Steps of a conversation.
const MAX_STEPS: usize = 1_000;
/// Rows of directories, queues, agents, values of each.
const MAX_ROWS: usize = 500;
/// Those who wait in a queue before the caller does.
const MAX_WAITING: u32 = 100;
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
    pub draws: BTreeMap<String, u32>,
    /// What directories answer; none: there are none.
    pub directory: Option<Vec<Row>>,
    /// The queues there are.
    pub queues: Vec<Queue>,
    /// How many wait there already.
    pub waiting: Vec<(QueueName, u32)>,
    /// The agents there are.
    pub agents: Vec<AgentPlan>,
    /// Values stored before; none: they are not granted.
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

/// An agent, and how the agent takes calls.
#[derive(Clone, Debug)]
pub struct AgentPlan {
    /// As the core has it.
    pub agent: Agent,
    /// Whether the agent takes calls from the beginning.
    pub ready: bool,
    /// What the agent does when the phone rings.
    pub manner: Manner,
}

/// What an agent does when the phone rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Answers.
    Answers {
        /// After so long.
        after_ms: u64,
        /// Hangs up after so long a talk; none: never.
        talks_ms: Option<u64>,
    },
    /// Refuses.
    Rejects {
        /// After so long.
        after_ms: u64,
    },
    /// Lets it ring.
    Ignores,
}

/// How a conversation ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Ends {
    /// Why.
    pub reason: Option<Value>,
    /// What more is said of it.
    pub detail: Option<Words>,
    /// At the latest so long after it began.
    pub within: Span,
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
        check_steps(&place, &steps, &never)?;
        let steps = steps.into_iter().flat_map(one_by_one).collect();
        let agents = agents(part.agents.unwrap_or_default())?;
        let (queues, waiting) = queues(&place, part.queues, &agents)?;
        let directory = part.directory.map(|rows| rows_of(&place, rows)).transpose()?;
        let texts = [part.config.iter(), part.values.iter()].into_iter().flatten().flatten();
        if texts.into_iter().any(|(name, value)| name.len() + value.len() > MAX_TEXT_BYTES) {
            return Err(ScriptError::at(&place, format!("a value has at most {MAX_TEXT_BYTES} bytes")));
        }
        if part.values.as_ref().is_some_and(|values| values.len() > MAX_ROWS) {
            return Err(ScriptError::at(&place, format!("at most {MAX_ROWS} values")));
        }
        let default_queue = || {
            let default = queues.iter().find(|queue| queue.name.as_str() == "default");
            default.map(|queue| queue.name.clone())
        };
        Ok(Self {
            name: part.name,
            config: part.config.unwrap_or_default().into_iter().collect(),
            caller: caller(&place, part.caller.unwrap_or_default())?,
            at: Timestamp::from_ms(part.at.unwrap_or(MORNING).0),
            seed: part.seed.unwrap_or(1),
            draws: part.draws.unwrap_or_default(),
            directory,
            fallback_queue: part.fallback_queue.or_else(default_queue),
            queues,
            waiting,
            agents,
            values: part.values,
            values_fail: part.values_fail,
            safe_flow: part.safe_flow,
            strict: part.strict.unwrap_or(false),
            never,
            steps,
            ends: part.ends.map(|ends| Ends {
                reason: ends.reason,
                detail: ends.detail,
                within: ends.within.unwrap_or(Span(DAY_MS)),
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

fn check_steps(place: &At<()>, steps: &[At<Step>], never: &[At<Step>]) -> Result<(), ScriptError> {
    if steps.len() > MAX_STEPS {
        return Err(ScriptError::at(place, format!("{} steps, at most {MAX_STEPS} are played", steps.len())));
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

fn caller(place: &At<()>, part: CallerPart) -> Result<Caller, ScriptError> {
    let anonymous = part.anonymous.unwrap_or(false);
    if anonymous && part.number.is_some() {
        return Err(ScriptError::at(place, "an anonymous caller has no number"));
    }
    let number = (!anonymous).then(|| part.number.unwrap_or_else(|| "+15550100".into()));
    let dials = part.dials.unwrap_or_else(|| "100".into());
    let is_user = |text: &str| {
        (1..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-_.!~*'()&=$,#".contains(&byte))
    };
    for text in number.iter().chain([&dials]) {
        if !is_user(text) {
            return Err(ScriptError::at(
                place,
                format!("`{text}` can't be called: it is no number or user of an address"),
            ));
        }
    }
    let user = number.as_deref().unwrap_or("anonymous");
    let uri = |user: &str| format!("sip:{user}@script.invalid");
    Ok(Caller {
        origin: Address { uri: uri(user), number: number.clone(), display_name: part.name },
        dialled: Address { uri: uri(&dials), number: Some(dials), display_name: None },
    })
}

fn rows_of(place: &At<()>, rows: Vec<At<Row>>) -> Result<Vec<Row>, ScriptError> {
    if rows.len() > MAX_ROWS {
        return Err(ScriptError::at(place, format!("at most {MAX_ROWS} rows of directories")));
    }
    if let Some(wrong) = rows.iter().find(|row| row.what.answers.is_some() && row.what.fails.is_some()) {
        return Err(ScriptError::at(wrong, "a directory either `answers` or `fails`"));
    }
    Ok(rows.into_iter().map(|row| row.what).collect())
}

fn skills<T>(place: &At<T>, skills: Option<&BTreeMap<String, u8>>) -> Result<BTreeMap<String, u8>, ScriptError> {
    let skills = skills.cloned().unwrap_or_default();
    match skills.iter().find(|(_, level)| !(1..=10).contains(*level)) {
        Some((name, level)) => Err(ScriptError::at(place, format!("skill `{name}` has level {level}, not 1 to 10"))),
        None => Ok(skills),
    }
}

type Queues = (Vec<Queue>, Vec<(QueueName, u32)>);

fn queues(place: &At<()>, parts: Option<Vec<At<QueuePart>>>, agents: &[AgentPlan]) -> Result<Queues, ScriptError> {
    let Some(parts) = parts else {
        let served = agents.iter().flat_map(|plan| plan.agent.queues.iter().cloned());
        let names: BTreeSet<QueueName> = QueueName::new("default").into_iter().chain(served).collect();
        return Ok((names.into_iter().map(|name| queue(name, None)).collect(), Vec::new()));
    };
    if parts.len() > MAX_ROWS {
        return Err(ScriptError::at(place, format!("at most {MAX_ROWS} queues")));
    }
    let (mut queues, mut waiting): Queues = Default::default();
    for part in &parts {
        if queues.iter().any(|queue: &Queue| queue.name == part.what.name) {
            return Err(ScriptError::at(part, format!("there is a queue `{}` already", part.what.name)));
        }
        let ahead = part.what.waiting.unwrap_or(0);
        if ahead > MAX_WAITING || part.what.room == Some(0) {
            let reason = format!("at most {MAX_WAITING} wait, and there is room for one at least");
            return Err(ScriptError::at(part, reason));
        }
        let mut queue = queue(part.what.name.clone(), Some(&part.what));
        let skills = skills(part, part.what.skills.as_ref())?.into_iter();
        queue.skills = skills.map(|(name, min_level)| SkillRequirement { name, min_level }).collect();
        waiting.push((queue.name.clone(), ahead));
        queues.push(queue);
    }
    let unknown = |queue: &&QueueName| !queues.iter().any(|there| there.name == **queue);
    match agents.iter().flat_map(|plan| &plan.agent.queues).find(unknown) {
        Some(queue) => Err(ScriptError::at(place, format!("an agent serves `{queue}`, which is not among the queues"))),
        None => Ok((queues, waiting)),
    }
}

fn queue(name: QueueName, part: Option<&part::QueuePart>) -> Queue {
    let ms = |span: Option<Span>, default: u32| span.map_or(default, |span| u32::try_from(span.0).unwrap_or(u32::MAX));
    Queue {
        name,
        skills: Vec::new(),
        scorer: None,
        offer_timeout_ms: ms(part.and_then(|part| part.rings_for), 20_000),
        wrap_up_ms: ms(part.and_then(|part| part.wrap_up), 0),
        max_waiting: part.and_then(|part| part.room).unwrap_or(1_000),
        music: None,
        service_level_ms: 20_000,
    }
}

fn agents(parts: Vec<At<AgentPart>>) -> Result<Vec<AgentPlan>, ScriptError> {
    let mut agents: Vec<AgentPlan> = Vec::new();
    for part in parts {
        let place = At { line: part.line, column: part.column, what: () };
        let (skills, part) = (skills(&part, part.what.skills.as_ref())?, part.what);
        let wrong = |reason: String| Err(ScriptError::at(&place, reason));
        if agents.len() >= MAX_ROWS {
            return wrong(format!("at most {MAX_ROWS} agents"));
        }
        if agents.iter().any(|before| before.agent.id == part.id) {
            return wrong(format!("there is an agent `{}` already", part.id));
        }
        let manner = match (part.answers_after, part.rejects_after, part.ignores.unwrap_or(false)) {
            (answers, None, false) => {
                Manner::Answers { after_ms: answers.unwrap_or(Span(2_000)).0, talks_ms: part.talks.map(|span| span.0) }
            }
            (None, Some(after), false) => Manner::Rejects { after_ms: after.0 },
            (None, None, true) => Manner::Ignores,
            (..) => return wrong("an agent has one of `answers_after`, `rejects_after` and `ignores`".into()),
        };
        if part.queue.is_some() && part.queues.is_some() {
            return wrong("an agent has either `queue` or `queues`".into());
        }
        let queues = part.queues.unwrap_or_default().into_iter().chain(part.queue).collect();
        let agent = agent(part.id, skills, queues);
        agents.push(AgentPlan { agent, ready: part.ready.unwrap_or(true), manner });
    }
    Ok(agents)
}

fn agent(id: AgentId, skills: BTreeMap<String, u8>, queues: Vec<QueueName>) -> Agent {
    Agent { name: id.to_string(), id, skills, attributes: BTreeMap::new(), queues, auto_ready: false }
}
