//! What happens in a conversation, moment by moment, as scripts see it.

use std::fmt;

/// Of a request's body in a timeline.
const SHOWN_CHARS: usize = 200;

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Since the call came in.
    pub at_ms: u64,
    /// What.
    pub what: Happened,
}

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The caller.
    Caller,
    /// The flow.
    Flow,
    /// The host.
    Host,
    /// An agent.
    Agent,
    /// An operator.
    Operator,
    /// The flow's log.
    Log,
}

/// What happened. What not every way of playing a script can see is optional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// Somebody did what the script says.
    Deed(Who, String),
    /// Something worth knowing.
    Note(String),
    /// The caller hears it ringing.
    Rings,
    /// The call was answered.
    Answered,
    /// Something is said.
    Said(String),
    /// The host itself says something, in the place of a flow that failed.
    HostSaid(String),
    /// Something is asked.
    Asked {
        /// The question's id.
        question: String,
        /// In words.
        text: String,
    },
    /// A question was answered.
    Chose {
        /// The question's id.
        question: String,
        /// The choice's id, the digits, `silence`, `no-match`, or `***`.
        answer: String,
    },
    /// A directory answered.
    LookedUp {
        /// Which; none: there is none.
        directory: Option<String>,
        /// Kind of key.
        kind: Option<String>,
        /// The key.
        value: Option<String>,
        /// `found`, `unknown`, `timeout`, ….
        outcome: String,
        /// How long it took.
        took_ms: u64,
    },
    /// A request was sent, and its response came, or none.
    Fetched {
        /// `GET`, ….
        method: String,
        /// The whole URL.
        url: String,
        /// What was sent; none: nothing.
        body: Option<String>,
        /// The status, or why there is none.
        outcome: String,
        /// How long it took.
        took_ms: u64,
    },
    /// An attribute was set.
    Set {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// A value was stored, or removed.
    Stored {
        /// Its key.
        key: String,
        /// None: it was removed.
        value: Option<String>,
    },
    /// A stored value was read.
    Loaded {
        /// Its key.
        key: String,
        /// None: there is none.
        value: Option<String>,
    },
    /// A lot was drawn.
    Drew {
        /// What.
        name: String,
        /// Which.
        index: u32,
    },
    /// A place in a queue was taken.
    Queued {
        /// The queue.
        queue: String,
        /// 1 is next.
        position: u32,
        /// As the flow wanted it.
        priority: Option<i32>,
    },
    /// A place in a queue is gone.
    LeftQueue {
        /// The queue.
        queue: String,
        /// `abandoned`, `left`, `lost`.
        outcome: String,
    },
    /// An agent's phone rings.
    RingsAgent(String),
    /// An agent's phone rings no more, and nobody answered.
    MissedBy {
        /// Whose.
        agent: String,
        /// `timed-out`, `declined`, `unreachable`, `withdrawn`.
        result: String,
    },
    /// An agent answered.
    TalksWith(String),
    /// The talk is over.
    TalkEnded {
        /// With whom.
        agent: String,
        /// `person`, `agent`, `other`.
        by: String,
        /// How long it was.
        talked_ms: u64,
    },
    /// The flow goes on as another.
    ContinuesAs(String),
    /// The flow logged something.
    Logged {
        /// `info`, `warn`, ….
        level: String,
        /// The line.
        text: String,
    },
    /// The host refused a call of the flow.
    Refused {
        /// Which, as the contract names it.
        call: String,
        /// How, as the contract names it.
        error: String,
        /// What is said of it.
        text: String,
    },
    /// The flow failed.
    Failed {
        /// `trap`, `deadline`, ….
        kind: String,
        /// What is said of it.
        text: String,
    },
    /// Something goes on in the place of a flow that failed.
    SteppedDown {
        /// `predecessor`, `safe-flow`, `host`.
        to: String,
    },
    /// The contact ended.
    Ended {
        /// Why.
        reason: String,
        /// What more is said of it.
        detail: Option<String>,
        /// The attributes at the end; none: they can't be seen.
        attributes: Option<Vec<(String, String)>>,
    },
}

impl Happened {
    /// Who did it.
    pub const fn who(&self) -> Who {
        match self {
            Self::Deed(who, _) => *who,
            Self::Rings
            | Self::Said(_)
            | Self::Asked { .. }
            | Self::Chose { .. }
            | Self::LookedUp { .. }
            | Self::Fetched { .. }
            | Self::Set { .. }
            | Self::Stored { .. }
            | Self::Loaded { .. }
            | Self::Drew { .. }
            | Self::ContinuesAs(_)
            | Self::Failed { .. } => Who::Flow,
            Self::Logged { .. } => Who::Log,
            Self::Note(_)
            | Self::HostSaid(_)
            | Self::Answered
            | Self::Queued { .. }
            | Self::LeftQueue { .. }
            | Self::RingsAgent(_)
            | Self::MissedBy { .. }
            | Self::TalksWith(_)
            | Self::TalkEnded { .. }
            | Self::Refused { .. }
            | Self::SteppedDown { .. }
            | Self::Ended { .. } => Who::Host,
        }
    }

    /// Whether a strict script has to mention it.
    pub(crate) const fn counts(&self) -> bool {
        match self {
            Self::Said(_)
            | Self::HostSaid(_)
            | Self::Asked { .. }
            | Self::LookedUp { .. }
            | Self::Fetched { .. }
            | Self::Set { .. }
            | Self::Stored { .. }
            | Self::Queued { .. }
            | Self::ContinuesAs(_)
            | Self::Refused { .. } => true,
            Self::Deed(..)
            | Self::Note(_)
            | Self::Rings
            | Self::Answered
            | Self::Chose { .. }
            | Self::Loaded { .. }
            | Self::Drew { .. }
            | Self::LeftQueue { .. }
            | Self::RingsAgent(_)
            | Self::MissedBy { .. }
            | Self::TalksWith(_)
            | Self::TalkEnded { .. }
            | Self::Logged { .. }
            | Self::Failed { .. }
            | Self::SteppedDown { .. }
            | Self::Ended { .. } => false,
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Caller => "caller",
            Self::Flow => "flow",
            Self::Host => "host",
            Self::Agent => "agent",
            Self::Operator => "operator",
            Self::Log => "log",
        })
    }
}

impl fmt::Display for Happened {
    // tidy: long-function: one line for each variant, and nothing else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".into());
        match self {
            Self::Deed(_, text) | Self::Note(text) => f.write_str(text),
            Self::Rings => f.write_str("lets it ring"),
            Self::Answered => f.write_str("answers the call"),
            Self::Said(text) | Self::HostSaid(text) => write!(f, "says \"{text}\""),
            Self::Asked { question, text } => write!(f, "asks {question}: \"{text}\""),
            Self::Chose { question, answer } => write!(f, "takes `{answer}` as the answer to {question}"),
            Self::LookedUp { directory: None, kind, value, outcome, .. } => {
                write!(f, "looks up {} {}: {outcome}", some(kind), some(value))
            }
            Self::LookedUp { directory: Some(directory), kind, value, outcome, took_ms } => {
                write!(f, "looks up {} {} in `{directory}`: {outcome} after {took_ms} ms", some(kind), some(value))
            }
            Self::Fetched { method, url, body, outcome, took_ms } => {
                write!(f, "fetches {method} {url}")?;
                if let Some(body) = body.as_ref().filter(|body| !body.is_empty()) {
                    let shown: String = body.chars().take(SHOWN_CHARS).collect();
                    write!(f, " with {shown}{}", if shown.len() < body.len() { "…" } else { "" })?;
                }
                write!(f, ": {outcome} after {took_ms} ms")
            }
            Self::Set { name, value } => write!(f, "sets {name} = {value}"),
            Self::Stored { key, value: Some(value) } => write!(f, "stores {key} = {value}"),
            Self::Stored { key, value: None } => write!(f, "removes the stored {key}"),
            Self::Loaded { key, value: Some(value) } => write!(f, "loads {key}: {value}"),
            Self::Loaded { key, value: None } => write!(f, "loads {key}: there is none"),
            Self::Drew { name, index } => write!(f, "draws {index} for {name}"),
            Self::Queued { queue, position, priority } => {
                write!(f, "queue `{queue}`: place {position}")?;
                priority.map_or(Ok(()), |priority| write!(f, ", priority {priority}"))
            }
            Self::LeftQueue { queue, outcome } => write!(f, "queue `{queue}`: the place is {outcome}"),
            Self::RingsAgent(agent) => write!(f, "rings agent {agent}"),
            Self::MissedBy { agent, result } => write!(f, "agent {agent} doesn't take it: {result}"),
            Self::TalksWith(agent) => write!(f, "connects agent {agent}"),
            Self::TalkEnded { agent, by, talked_ms } => {
                write!(f, "the talk with agent {agent} is over after {talked_ms} ms, ended by: {by}")
            }
            Self::ContinuesAs(deployment) => write!(f, "goes on as `{deployment}`"),
            Self::Logged { level, text } => write!(f, "{level}: {text}"),
            Self::Refused { call, error, text } if text.is_empty() => write!(f, "refuses `{call}`: {error}"),
            Self::Refused { call, error, text } => write!(f, "refuses `{call}`: {error} ({text})"),
            Self::Failed { kind, text } => write!(f, "FAILS, {kind}: {text}"),
            Self::SteppedDown { to } => write!(f, "goes on with: {to}"),
            Self::Ended { reason, detail, .. } => {
                write!(f, "the contact ends: {reason}")?;
                detail.as_ref().map_or(Ok(()), |detail| write!(f, " ({detail})"))
            }
        }
    }
}
