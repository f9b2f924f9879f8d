//! The world of a conversation: who calls, which queues and agents there are, what directories know.

use super::case::Caller;
use super::part::{AgentPart, CallerPart, QueuePart, Row};
use super::step::At;
use super::time::Span;
use super::{ScriptError, part};
use cordboard_core::config::{Agent, Queue};
use cordboard_core::flow::{Address, SkillRequirement};
use cordboard_core::ids::{AgentId, QueueName};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of directories and of back-ends, queues, agents, values of each.
pub(super) const MAX_ROWS: usize = 500;
/// Those who wait in a queue before the caller does.
const MAX_WAITING: u32 = 100;

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

pub(super) fn caller(part: Option<At<CallerPart>>) -> Result<Caller, ScriptError> {
    let part = part.unwrap_or(At { line: 1, column: 1, what: CallerPart::default() });
    let (place, part) = (&At { line: part.line, column: part.column, what: () }, part.what);
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

/// The first of those that are too many.
pub(super) fn not_more<T>(all: &[At<T>], what: &str) -> Result<(), ScriptError> {
    all.get(MAX_ROWS).map_or(Ok(()), |one| Err(ScriptError::at(one, format!("at most {MAX_ROWS} {what}"))))
}

pub(super) fn rows_of(rows: Vec<At<Row>>) -> Result<Vec<Row>, ScriptError> {
    not_more(&rows, "rows of directories")?;
    for row in &rows {
        if row.what.answers.is_some() && row.what.fails.is_some() {
            return Err(ScriptError::at(row, "a directory either `answers` or `fails`"));
        }
        if let Some(name) = row.what.directory.as_ref().filter(|name| is_taken(name.as_str())) {
            return Err(ScriptError::at(
                row,
                format!("the name `{name}` is taken: by the flow under test, or the host"),
            ));
        }
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

/// Queues, and how many wait in each already.
type Queues = (Vec<Queue>, Vec<(QueueName, u32)>);

pub(super) fn queues(parts: Option<Vec<At<QueuePart>>>, agents: &[At<AgentPlan>]) -> Result<Queues, ScriptError> {
    let Some(parts) = parts else {
        let served = agents.iter().flat_map(|plan| plan.what.agent.queues.iter().cloned());
        let names: BTreeSet<QueueName> = QueueName::new("default").into_iter().chain(served).collect();
        return Ok((names.into_iter().map(|name| queue(name, None)).collect(), Vec::new()));
    };
    not_more(&parts, "queues")?;
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
        if part.what.room.is_some_and(|room| ahead > room) {
            return Err(ScriptError::at(part, format!("{ahead} wait, and there is room for fewer")));
        }
        let mut queue = queue(part.what.name.clone(), Some(&part.what));
        let skills = skills(part, part.what.skills.as_ref())?.into_iter();
        queue.skills = skills.map(|(name, min_level)| SkillRequirement { name, min_level }).collect();
        waiting.push((queue.name.clone(), ahead));
        queues.push(queue);
    }
    for plan in agents {
        if let Some(queue) = plan.what.agent.queues.iter().find(|name| !queues.iter().any(|there| there.name == **name))
        {
            return Err(ScriptError::at(plan, format!("an agent serves `{queue}`, which is not among the queues")));
        }
    }
    Ok((queues, waiting))
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

pub(super) fn agents(parts: Vec<At<AgentPart>>) -> Result<Vec<At<AgentPlan>>, ScriptError> {
    not_more(&parts, "agents")?;
    let mut agents: Vec<At<AgentPlan>> = Vec::new();
    for part in parts {
        let place = At { line: part.line, column: part.column, what: () };
        let (skills, part) = (skills(&part, part.what.skills.as_ref())?, part.what);
        let wrong = |reason: String| Err(ScriptError::at(&place, reason));
        if agents.iter().any(|before| before.what.agent.id == part.id) {
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
        if part.talks.is_some() && !matches!(manner, Manner::Answers { .. }) {
            return wrong("`talks` is for agents who answer".into());
        }
        if part.queue.is_some() && part.queues.is_some() {
            return wrong("an agent has either `queue` or `queues`".into());
        }
        let queues = part.queues.unwrap_or_default().into_iter().chain(part.queue).collect();
        let agent = agent(part.id, skills, queues);
        let what = AgentPlan { agent, ready: part.ready.unwrap_or(true), manner };
        agents.push(At { line: place.line, column: place.column, what });
    }
    Ok(agents)
}

fn agent(id: AgentId, skills: BTreeMap<String, u8>, queues: Vec<QueueName>) -> Agent {
    Agent { name: id.to_string(), id, skills, attributes: BTreeMap::new(), queues, auto_ready: false }
}

/// Deployments that there are in every script: the flow under test's, and one of nobody's.
pub(crate) const FLOW: &str = "flow";
pub(crate) const NOBODY: &str = "nobody";

/// Whether a deployment of this name is there in every script.
pub(super) fn is_taken(name: &str) -> bool {
    matches!(name, FLOW | NOBODY)
}
