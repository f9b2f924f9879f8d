//! What the board wants done.

use crate::decision::{Decision, ScoreRequest};
use crate::event::Event;
use crate::flow::{Address, Channel, FetchRequest, Prompt, RejectCause, Reply};
use crate::ids::{AgentId, ContactId, DeploymentName, FetchId, LegId, LookupId, PlayId, RunId, ValueId, Version};
use crate::record::ContactRecord;
use crate::replay::Entries;
use crate::rollout::RolloutStep;
use crate::time::Timestamp;

/// What the board wants done, in this order. The shell decides nothing.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Start a flow, which first goes through `past` without a word. `Input::FlowEnded` with `NotStarted`, `NoRoom` or
    /// `Diverged` if it can't be.
    StartFlow {
        /// For whom.
        contact: ContactId,
        /// The run's name.
        run: RunId,
        /// What runs.
        version: Version,
        /// How the person is connected.
        channel: Channel,
        /// Who the contact comes from.
        origin: Address,
        /// What was dialled.
        dialled: Address,
        /// Of its random numbers.
        seed: u64,
        /// What its clock shows first.
        at: Timestamp,
        /// What it did and was told before, from its beginning; nothing is pending.
        past: Entries,
    },
    /// Let an instance of another version go through what the contact's flow did, beside it, and stop where the contact
    /// waits (journal rule 10). `Rehearsed` follows.
    Rehearse(Box<Rehearse>),
    /// Let a rehearsal that agreed go on over what came since (rule 14). `Rehearsed` follows.
    RehearseOn {
        /// For whom.
        contact: ContactId,
        /// The rehearsal's run.
        run: RunId,
        /// The whole journal; its last call is pending.
        past: Entries,
    },
    /// A rehearsal that agreed is the contact's flow from now on, waiting in its pending call.
    TakeOver {
        /// For whom.
        contact: ContactId,
        /// Which run.
        run: RunId,
    },
    /// Answer a flow's host call.
    ReplyFlow {
        /// Whose.
        contact: ContactId,
        /// Which run.
        run: RunId,
        /// The journal's number for the call.
        entry: u64,
        /// What its clock shows now.
        at: Timestamp,
        /// What.
        reply: Reply,
    },
    /// Drop a flow's instance. Nothing more is told about the run.
    CancelFlow {
        /// Whose.
        contact: ContactId,
        /// Which run.
        run: RunId,
    },

    /// Tell the caller that it rings (180).
    RingLeg(LegId),
    /// Answer an incoming call (200). `LegAnswered` when done.
    AnswerLeg(LegId),
    /// Refuse an incoming call.
    RejectLeg {
        /// Which.
        leg: LegId,
        /// How.
        refusal: Refusal,
    },
    /// Send an incoming call elsewhere (302).
    RedirectLeg {
        /// Which.
        leg: LegId,
        /// Where.
        target: String,
    },
    /// End a call in whatever state it is (CANCEL, refusal or BYE). No `LegEnded` needs to follow.
    HangUpLeg(LegId),
    /// Ring an agent's phone. `LegAnswered` or `LegFailed` follows.
    CallAgent {
        /// The call's name; its highest bit is set.
        leg: LegId,
        /// Whose phone.
        agent: AgentId,
        /// For which contact.
        contact: ContactId,
        /// Shown as the caller.
        origin: Address,
        /// How long to ring.
        timeout_ms: u32,
    },
    /// Let two legs hear each other. What plays to either is stopped first by the board.
    Bridge(LegId, LegId),
    /// Part them again.
    Unbridge(LegId, LegId),
    /// Play to a leg, replacing what plays. `PlayFinished` follows, also if nothing can be played.
    Play {
        /// To whom.
        leg: LegId,
        /// The play's name.
        play: PlayId,
        /// What.
        prompt: Prompt,
        /// Again and again: it never finishes by itself.
        repeat: bool,
    },
    /// Stop what plays. `PlayFinished` may follow, and is ignored.
    StopPlay {
        /// Where.
        leg: LegId,
        /// What.
        play: PlayId,
    },

    /// Ask a directory. `LookedUp` follows within the time.
    Lookup {
        /// The question's name.
        lookup: LookupId,
        /// For whom.
        contact: ContactId,
        /// The deployment asked.
        directory: DeploymentName,
        /// Its version.
        version: Version,
        /// Kind of key.
        kind: String,
        /// The key.
        value: String,
        /// How long.
        timeout_ms: u32,
    },
    /// Read a value that the plugin of this version stored. `ValueLoaded` follows.
    LoadValue {
        /// The reading's name.
        ticket: ValueId,
        /// For whom.
        contact: ContactId,
        /// Whose values.
        version: Version,
        /// Which.
        key: String,
    },
    /// Store a value for the plugin of this version, or remove it. `ValueStored` follows.
    StoreValue {
        /// The writing's name.
        ticket: ValueId,
        /// For whom.
        contact: ContactId,
        /// Whose values.
        version: Version,
        /// Which.
        key: String,
        /// None: remove it.
        value: Option<String>,
    },
    /// Send a request to a place outside. `Fetched` follows within the time.
    Fetch(Box<Fetch>),
    /// Ask a scorer. `Scored` follows.
    Score(ScoreRequest),

    /// Append a frame to a contact's journal.
    Journal {
        /// Whose.
        contact: ContactId,
        /// The frame's number, counted from 0.
        frame: u64,
        /// As [`crate::journal::encode`] made it.
        bytes: Vec<u8>,
        /// `JournalDurable` must follow as soon as it is.
        sync: bool,
    },
    /// Keep a decision.
    KeepDecision(Box<Decision>),
    /// Keep the contact's record: exactly one for each contact that began.
    KeepRecord(Box<ContactRecord>),
    /// Tell the world. In order: an effect after it happens after it was told.
    Tell(Event),
    /// A canary went on or back by itself. It is so already; this is to be kept, so that it is so after a restart too.
    RolloutStepped(DeploymentName, Box<RolloutStep>),
    /// No contact and no deployment needs this version any more.
    UnloadVersion(Version),
    /// Everything ended after [`crate::board::Input::Drain`] or `Shutdown`.
    Drained,
}

/// A rehearsal: what [`Effect::StartFlow`] has, for another version.
#[derive(Clone, Debug)]
pub struct Rehearse {
    /// For whom.
    pub contact: ContactId,
    /// The run's name, should it take over.
    pub run: RunId,
    /// What is tried.
    pub version: Version,
    /// How the person is connected.
    pub channel: Channel,
    /// Who the contact comes from.
    pub origin: Address,
    /// What was dialled.
    pub dialled: Address,
    /// Of its random numbers.
    pub seed: u64,
    /// What its clock shows first.
    pub at: Timestamp,
    /// From the flow's beginning; the last call is pending.
    pub past: Entries,
    /// Whether the pending question may be another.
    pub ask_anew: bool,
}

/// A request to a place outside.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// The request's name.
    pub fetch: FetchId,
    /// For whom.
    pub contact: ContactId,
    /// Whose grants and configuration count.
    pub version: Version,
    /// What is sent where.
    pub request: FetchRequest,
    /// By what the server knows a repetition, unless the flow says so itself. None: the request only reads.
    pub idempotency_key: Option<String>,
    /// How long.
    pub timeout_ms: u32,
}

/// How a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// By the flow or for want of an entry point.
    Cause(RejectCause),
    /// For the moment (503).
    Overloaded {
        /// Retry-After.
        retry_after_s: u32,
    },
}
