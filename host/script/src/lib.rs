//! Conversation scripts: who does what in a conversation with a flow, and what is expected of it.
//!
//! [`Script::read`] reads one, with the place of whatever is wrong. [`Course`] measures a conversation against it, however
//! it is played: [`play`] plays it in virtual time on the real core and the real plugin runtime, without signalling, media
//! or network; the `cordboard` program plays the same file as a real call. [`Report`] shows how it went.

mod course;
mod drive;
mod fit;
mod language;
mod moment;
mod report;
mod speech;

pub use course::{Course, Difference, Next, Sight};
pub use drive::{Played, Stage, play};
pub use language::{
    AgentPlan, Asked, At, BackendRow, Caller, Case, Chose, DAY_MS, DayTime, Drew, Ends, Fails, FetchFails, Fetched,
    Keys, LeftQueue, Loaded, LookedUp, LookupFails, MAX_CASES, MAX_SCRIPT_BYTES, MORNING, Manner, Pairs, Part, Person,
    Queued, Refused, Response, Row, Script, ScriptError, Span, Step, Value, ValuesFail, Words, schema,
};
pub use moment::{Happened, Moment, Who};
pub use report::{Report, timeline};
pub use speech::{Estimate, Speech, Spoken};
