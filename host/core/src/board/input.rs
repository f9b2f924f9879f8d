//! What the board is told.

use crate::agent::WantedState;
use crate::config::{Agent, Deployment, EntryPoint, Queue, Settings};
use crate::decision::ScoreAnswer;
use crate::flow::{Address, FetchError, FetchResponse, LookupError, Profile, Request, RunEnd, ValueError};
use crate::ids::{
    AgentId, ContactId, DecisionId, DeploymentName, EntryPointName, FetchId, LegId, LookupId, PlayId, QueueName, RunId,
    ValueId, Version,
};
use crate::replay::Divergence;

/// What the board is told. Every input is total: one that names something unknown (a leg that is gone, a run that
/// was cancelled) is stale and does nothing.
#[derive(Clone, Debug)]
pub enum Input {
    /// Nothing but that time has passed: something in `poll_timeout` may be due.
    Tick,

    /// A call came in.
    LegOffered(LegOffer),
    /// Our answer to an incoming call arrived (ACK), or a call that we placed was answered: media can flow.
    LegAnswered(LegId),
    /// A call that we placed did not come about.
    LegFailed(LegId, LegFailure),
    /// The other side ended a call, or it broke.
    LegEnded {
        /// Which.
        leg: LegId,
        /// What broke; none if the other side hung up as it should.
        fault: Option<String>,
    },
    /// No media came for too long where it should.
    MediaLost(LegId),
    /// A key was pressed: `0`–`9`, `*`, `#`, `A`–`D`.
    Digit(LegId, char),
    /// What played has ended or was stopped.
    PlayFinished {
        /// Where.
        leg: LegId,
        /// What.
        play: PlayId,
    },

    /// A flow made a host call, and waits.
    FlowRequested {
        /// For whom.
        contact: ContactId,
        /// Which run.
        run: RunId,
        /// What.
        request: Request,
    },
    /// A flow's run is over.
    FlowEnded {
        /// For whom.
        contact: ContactId,
        /// Which run.
        run: RunId,
        /// How.
        end: RunEnd,
    },
    /// A rehearsal came to where its contact waits, or will never come there.
    Rehearsed {
        /// For whom.
        contact: ContactId,
        /// The rehearsal's run.
        run: RunId,
        /// How it went.
        result: Rehearsal,
    },
    /// A directory answered.
    LookedUp {
        /// Which question.
        lookup: LookupId,
        /// The version that answered.
        version: Option<Version>,
        /// What.
        result: Result<Option<Profile>, LookupError>,
    },
    /// A stored value was read; none: there is none.
    ValueLoaded {
        /// For whom.
        contact: ContactId,
        /// Which reading.
        ticket: ValueId,
        /// What.
        result: Result<Option<String>, ValueError>,
    },
    /// A value is durable, or was not kept.
    ValueStored {
        /// For whom.
        contact: ContactId,
        /// Which writing.
        ticket: ValueId,
        /// What came of it.
        result: Result<(), ValueError>,
    },
    /// A place outside answered, or didn't.
    Fetched {
        /// Which request.
        fetch: FetchId,
        /// What.
        result: Result<FetchResponse, FetchError>,
    },
    /// A scorer answered, or failed for this reason.
    Scored {
        /// Which decision.
        decision: DecisionId,
        /// What.
        result: Result<ScoreAnswer, String>,
    },

    /// Journal frames of a contact are durable up to and including this frame number.
    JournalDurable {
        /// Whose.
        contact: ContactId,
        /// Counted from 0.
        frame: u64,
    },
    /// The store refused a journal frame for good. What waits for it goes on (journal rule 9), and the record says that
    /// the journal has a hole.
    JournalLost {
        /// Whose.
        contact: ContactId,
        /// Counted from 0.
        frame: u64,
    },
    /// The store can't write (`healthy: false`), or can again.
    StoreHealth {
        /// Whether it can.
        healthy: bool,
        /// Why.
        reason: String,
    },

    /// An agent's phone registered.
    PhoneRegistered(AgentId),
    /// An agent's phone is gone.
    PhoneGone(AgentId),
    /// An agent or a supervisor asks for a state.
    AgentWants(AgentId, WantedState),

    /// Room is wanted: the instances of contacts that have waited for so long are dropped, those that waited longest
    /// first (journal rule 17).
    Hibernate {
        /// How long they have waited at least.
        idle_ms: u64,
        /// How many at most.
        at_most: u32,
    },
    /// An operator wants a contact to go over to the version that its deployment serves.
    Migrate(ContactId),
    /// An operator ends a contact.
    EndContact(ContactId),
    /// An operator sets an attribute.
    SetAttribute {
        /// Whose.
        contact: ContactId,
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },

    /// A document is new or replaced.
    PutEntryPoint(EntryPoint),
    /// A document is gone.
    RemoveEntryPoint(EntryPointName),
    /// A document is new or replaced.
    PutQueue(Queue),
    /// A document is gone: those who wait get `lost`.
    RemoveQueue(QueueName),
    /// A document is new or replaced.
    PutAgent(Agent),
    /// A document is gone. A talk goes on.
    RemoveAgent(AgentId),
    /// A document is new or replaced: new contacts get this version.
    PutDeployment(Deployment),
    /// A document is gone.
    RemoveDeployment(DeploymentName),
    /// A document is replaced.
    PutSettings(Settings),

    /// Takes no new contacts (503); those that run go on.
    Drain,
    /// Ends everything now.
    Shutdown,
}

/// How a rehearsal went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rehearsal {
    /// It did what the journal says, and would now wait in this entry.
    Agreed {
        /// The entry.
        entry: u64,
        /// What it calls there.
        request: Request,
    },
    /// It did something else.
    Diverged(Divergence),
    /// It failed on the way.
    Failed(RunEnd),
}

/// A call that came in.
#[derive(Clone, Debug)]
pub struct LegOffer {
    /// The shell's name for it; its highest bit is clear.
    pub leg: LegId,
    /// From whom.
    pub origin: Address,
    /// To what.
    pub dialled: Address,
    /// Through what.
    pub source: LegSource,
}

/// Through what a call came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegSource {
    /// A trunk, by name.
    Trunk(String),
    /// A registered phone.
    Phone(AgentId),
}

/// Why a call that we placed did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegFailure {
    /// It rang in vain.
    NoAnswer,
    /// The other side refused (SIP 4xx other than below, 6xx).
    Declined,
    /// It could not be reached (no registration, 404, 408, 5xx, transport).
    Unreachable,
    /// It never left us: no ports, too many calls. No fault of the agent's.
    Local,
}
