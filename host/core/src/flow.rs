//! What a flow can ask of its contact, and what it gets: the host side of the flow contract.
//!
//! The newest `cordboard:flow` package speaks in these types; older ones are converted to them. They are also what
//! the journal keeps (see [`crate::journal`]), so their serialised form is frozen by its format byte: a change here
//! is a new journal format.

mod check;
mod fetch;
mod lookup;
mod value;

pub use check::{attribute as check_attribute, check, profile as check_profile, response as check_response};
pub use fetch::{FetchError, FetchRequest, FetchResponse, HeaderValue, Method};
pub use lookup::{LookupError, LookupKey, Profile};
pub use value::ValueError;

use crate::ids::AgentId;
use crate::replay::Divergence;
use serde::{Deserialize, Serialize};

/// Where a contact comes from or was sent to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// As the channel writes it.
    pub uri: String,
    /// The telephone number or user part.
    pub number: Option<String>,
    /// What the other side calls itself.
    pub display_name: Option<String>,
}

/// How the person is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Channel {
    /// A telephone call.
    Voice,
    /// Chat or messages.
    Text,
}

/// A piece of what is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PromptPart {
    /// Plain text.
    Text(String),
    /// A recording, by name.
    Recording(String),
    /// Said as a number.
    Number(i64),
    /// Said one by one.
    Digits(String),
    /// An amount in minor units, and its ISO 4217 currency.
    Money {
        /// Minor units.
        minor: i64,
        /// Three capital letters.
        currency: String,
    },
    /// A calendar date.
    Date {
        /// Of the common era.
        year: u16,
        /// 1 to 12.
        month: u8,
        /// 1 to 31.
        day: u8,
    },
    /// Silence.
    PauseMs(u32),
}

/// What is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt(pub Vec<PromptPart>);

/// One thing the person can choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Stable across versions.
    pub id: String,
    /// The key that chooses it.
    pub key: Option<char>,
    /// The words that choose it.
    pub words: Vec<String>,
}

/// Free digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigitsRule {
    /// Fewer are no match.
    pub min: u8,
    /// This many are complete.
    pub max: u8,
    /// Ends the input early.
    pub terminator: Option<char>,
}

/// What becomes of keys pressed before the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TypeAhead {
    /// They begin the answer.
    Keep,
    /// They are thrown away.
    Flush,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Names it in records and journals.
    pub id: String,
    /// What is said.
    pub prompt: Prompt,
    /// What can be chosen.
    pub choices: Vec<Choice>,
    /// What can be typed.
    pub digits: Option<DigitsRule>,
    /// From the end of the prompt.
    pub silence_timeout_ms: u32,
    /// Between keys.
    pub key_timeout_ms: u32,
    /// Keys pressed before.
    pub type_ahead: TypeAhead,
    /// Kept out of the journal.
    pub secret: bool,
}

/// What the person answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// A choice, by its id.
    Choice(String),
    /// Typed digits.
    Digits(String),
    /// Digits of a secret question: the journal keeps how many. Never reaches a live flow.
    SecretDigits(u8),
    /// Written or spoken text that fits no choice.
    Text(String),
    /// Keys that fit nothing.
    NoMatch(String),
    /// Nothing in time.
    Silence,
}

/// Why a call could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContactError {
    /// The person is gone.
    Ended,
    /// A supervisor has the contact.
    TakenOver,
    /// Cut because an agent answered.
    InterruptedConnected,
    /// An argument is out of bounds.
    Invalid(String),
    /// The state doesn't allow it.
    NotNow(String),
    /// A limit is reached.
    Limit(String),
    /// Anything else.
    Other(String),
}

/// A skill an agent must have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SkillRequirement {
    /// Its name.
    pub name: String,
    /// 1 to 10.
    pub min_level: u8,
}

/// What the person waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRequest {
    /// As the flow wrote it: it may be no queue's name.
    pub queue: String,
    /// Higher first.
    pub priority: i32,
    /// In addition to the queue's.
    pub skills: Vec<SkillRequirement>,
}

/// What is heard while waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Treatment {
    /// A recording; the queue's if none.
    pub music: Option<String>,
    /// 0: never.
    pub announce_position_every_ms: u32,
}

/// A place in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// 1 is next.
    pub position: u32,
    /// This contact included.
    pub waiting: u32,
    /// How long it may still take.
    pub estimate_ms: Option<u64>,
    /// How long it took so far.
    pub waited_ms: u64,
}

/// Who ended a talk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TalkEnd {
    /// The caller.
    Person,
    /// The agent.
    Agent,
    /// A fault or an operator.
    Other(String),
}

/// How a talk went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talk {
    /// With whom.
    pub agent: AgentId,
    /// From connection to end.
    pub talked_ms: u64,
    /// By whom it was ended.
    pub ended_by: TalkEnd,
}

/// How a wait ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WaitStatus {
    /// The time has passed.
    StillWaiting(Place),
    /// The talk is over.
    Talked(Talk),
    /// The place is gone.
    Lost(String),
}

/// Why a flow ends its contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlowEnd {
    /// Done.
    Completed,
    /// The person could not be helped.
    Failed(String),
    /// Anything else.
    Other(String),
}

/// Why a contact is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RejectCause {
    /// SIP 486.
    Busy,
    /// SIP 404.
    NotFound,
    /// SIP 403.
    Forbidden,
    /// SIP 480.
    Unavailable,
}

/// One host call: an entry of the journal. A handle is the number of the entry that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// `contact.attribute`
    Attribute(String),
    /// `contact.set-attribute`
    SetAttribute(String, String),
    /// `contact.ring`
    Ring,
    /// `contact.answer`
    Answer,
    /// `contact.reject`
    Reject(RejectCause),
    /// `contact.redirect`
    Redirect(String),
    /// `contact.say`
    Say(Prompt),
    /// `contact.start-playing`
    StartPlaying {
        /// What plays.
        prompt: Prompt,
        /// Again and again.
        repeat: bool,
    },
    /// `contact.stop-playing`
    StopPlaying,
    /// `contact.ask`
    Ask(Question),
    /// `contact.pause`
    Pause {
        /// How long.
        duration_ms: u32,
    },
    /// `contact.lookup`
    Lookup {
        /// Whom.
        key: LookupKey,
        /// How long at most.
        timeout_ms: u32,
    },
    /// `contact.choose`
    Choose {
        /// What is drawn.
        name: String,
        /// With which weights.
        weights: Vec<u32>,
    },
    /// `contact.enqueue`
    Enqueue(QueueRequest),
    /// `waiting.wait` and `waiting.wait-with`
    Wait {
        /// The entry that made the place.
        waiting: u64,
        /// None: silence.
        treatment: Option<Treatment>,
        /// How long at most, the talk not counted.
        timeout_ms: u32,
    },
    /// `waiting.leave`
    Leave {
        /// The entry that made the place.
        waiting: u64,
    },
    /// `contact.continue-as`
    ContinueAs {
        /// As the flow wrote it.
        deployment: String,
        /// Set before it starts.
        attributes: Vec<(String, String)>,
    },
    /// `contact.end`
    End(FlowEnd),
    /// `contact.load`: by key.
    LoadValue(String),
    /// `contact.store`: key, and the value; none: it is removed.
    StoreValue(String, Option<String>),
    /// `contact.fetch`
    Fetch {
        /// What is sent where.
        request: FetchRequest,
        /// How long at most.
        timeout_ms: u32,
    },
}

/// What a host call returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Done, with nothing to tell.
    Done,
    /// Not done.
    Failed(ContactError),
    /// Of `attribute`.
    Attribute(Option<String>),
    /// Of `ask`.
    Answer(Answer),
    /// Of `lookup`.
    Profile(Option<Profile>),
    /// Of `lookup`.
    LookupFailed(LookupError),
    /// Of `choose`: the index drawn.
    Chosen(u32),
    /// Of `enqueue`: the place's handle is the entry's own number.
    Enqueued,
    /// Of `wait`.
    Waited(WaitStatus),
    /// Of `load`.
    Value(Option<String>),
    /// Of `load` and `store`.
    ValueFailed(ValueError),
    /// Of `fetch`.
    Fetched(FetchResponse),
    /// Of `fetch`.
    FetchFailed(FetchError),
}

/// How a flow's run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunEnd {
    /// `run` returned.
    Returned(FlowEnd),
    /// `run` returned an error.
    GuestError(String),
    /// It trapped: the text is for people.
    Trap(String),
    /// It used more CPU in one step than it may.
    Deadline,
    /// It asked for more memory, tables or handles than it may.
    Limit(String),
    /// It could not be started: a broken component, an unknown version.
    NotStarted(String),
    /// There was no room for an instance: a rung that needs one has none either.
    NoRoom(String),
    /// It was to go through its journal again, and did something else.
    Diverged(Divergence),
}

impl RunEnd {
    /// How it failed, as events and records have it, and in words; none if it returned.
    pub fn failure(&self) -> Option<(&'static str, String)> {
        Some(match self {
            Self::Returned(_) => return None,
            Self::GuestError(text) => ("guest-error", text.clone()),
            Self::Trap(text) => ("trap", text.clone()),
            Self::Deadline => ("deadline", "too much CPU time in one step".into()),
            Self::Limit(text) => ("limit", text.clone()),
            Self::NotStarted(text) => ("not-started", text.clone()),
            Self::NoRoom(text) => ("no-room", text.clone()),
            Self::Diverged(what) => ("diverged", what.to_string()),
        })
    }
}

impl Question {
    /// An answer to it as records, events and screen pops have it: the choice's id, the digits, `silence`, `no-match`;
    /// `***` if the question is secret (journal rule 20).
    pub fn for_people(&self, answer: &Answer) -> String {
        if self.secret {
            return "***".into();
        }
        match answer {
            Answer::Choice(id) => id.clone(),
            Answer::Digits(digits) => digits.clone(),
            Answer::SecretDigits(_) => "***".into(),
            Answer::Text(text) => text.clone(),
            Answer::NoMatch(_) => "no-match".into(),
            Answer::Silence => "silence".into(),
        }
    }
}

impl Request {
    /// Whether it acts on the world, so that its intent must be durable before the act (journal rule 8).
    pub const fn acts(&self) -> bool {
        match self {
            Request::Reject(_)
            | Request::Redirect(_)
            | Request::Enqueue(_)
            | Request::Leave { .. }
            | Request::ContinueAs { .. }
            | Request::End(_)
            | Request::StoreValue(..) => true,
            Request::Fetch { request, .. } => request.method.acts(),
            Request::Attribute(_)
            | Request::SetAttribute(..)
            | Request::Ring
            | Request::Answer
            | Request::Say(_)
            | Request::StartPlaying { .. }
            | Request::StopPlaying
            | Request::Ask(_)
            | Request::Pause { .. }
            | Request::Lookup { .. }
            | Request::Choose { .. }
            | Request::Wait { .. }
            | Request::LoadValue(_) => false,
        }
    }

    /// Its name in the contract, for logs and journals shown to people.
    pub const fn name(&self) -> &'static str {
        match self {
            Request::Attribute(_) => "attribute",
            Request::SetAttribute(..) => "set-attribute",
            Request::Ring => "ring",
            Request::Answer => "answer",
            Request::Reject(_) => "reject",
            Request::Redirect(_) => "redirect",
            Request::Say(_) => "say",
            Request::StartPlaying { .. } => "start-playing",
            Request::StopPlaying => "stop-playing",
            Request::Ask(_) => "ask",
            Request::Pause { .. } => "pause",
            Request::Lookup { .. } => "lookup",
            Request::Choose { .. } => "choose",
            Request::Enqueue(_) => "enqueue",
            Request::Wait { .. } => "wait",
            Request::Leave { .. } => "leave",
            Request::ContinueAs { .. } => "continue-as",
            Request::End(_) => "end",
            Request::LoadValue(_) => "load",
            Request::StoreValue(..) => "store",
            Request::Fetch { .. } => "fetch",
        }
    }
}
