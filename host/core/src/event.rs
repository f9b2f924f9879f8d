//! What happened: the live stream, metrics and logs are made of these.

use crate::agent::AgentState;
use crate::flow::{Address, FlowEnd};
use crate::history::Step;
use crate::ids::{AgentId, ContactId, DecisionId, DeploymentName, EntryPointName, QueueName, Version};
use crate::note::LogLevel;
use crate::record::{EndReason, OfferResult};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// Something that happened, to be told at once and in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// About which contact.
    pub contact: Option<ContactId>,
    /// What.
    pub what: What,
}

impl Event {
    /// The event without what it tells of the person (journal rule 20): numbers, names, attributes, answers, keys, and
    /// every text that a plugin wrote are empty. What happened when, where and with which agent stays.
    #[must_use]
    pub fn without_personal(&self) -> Self {
        Self { at: self.at, contact: self.contact, what: self.what.without_personal() }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A contact came in.
    Offered {
        /// Through which entry point.
        entry_point: EntryPointName,
        /// From whom.
        origin: Address,
        /// To what.
        dialled: Address,
        /// Pinned to this version of this deployment.
        deployment: DeploymentName,
        /// The version; all zeros if the deployment has nothing to run: the safe flow serves.
        version: Version,
    },
    /// A contact was refused before it began.
    Refused {
        /// From whom.
        origin: Address,
        /// To what.
        dialled: Address,
        /// Why: `not-found`, `emergency`, `busy`, `draining`, `store-failed`.
        cause: &'static str,
    },
    /// It was answered.
    Answered,
    /// The flow said something.
    Said {
        /// In words.
        text: String,
    },
    /// The flow asked something.
    Asked {
        /// The question's id.
        question: String,
        /// In words.
        text: String,
    },
    /// The person pressed a key, and a question took it that isn't secret.
    Pressed {
        /// Which.
        key: char,
    },
    /// The person answered a question. A secret answer is `***`.
    Chose {
        /// The question's id.
        question: String,
        /// The choice's id, the digits, `silence` or `no-match`.
        answer: String,
    },
    /// A directory was asked.
    LookedUp {
        /// Which; none: there is none.
        directory: Option<DeploymentName>,
        /// `found`, `unknown`, `timeout`, `busy`, `unavailable`, ….
        outcome: &'static str,
        /// How long it took.
        took_ms: u64,
    },
    /// An attribute was set.
    AttributeSet {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// A place in a queue was taken.
    Queued {
        /// Which queue.
        queue: QueueName,
        /// 1 is next.
        position: u32,
    },
    /// A place in a queue was given up or lost, or the person hung up while waiting.
    LeftQueue {
        /// Which queue.
        queue: QueueName,
        /// `abandoned`, `left`, `lost`.
        outcome: &'static str,
        /// How long it was held.
        waited_ms: u64,
    },
    /// Agents were chosen.
    Decided {
        /// The decision, to be looked up.
        decision: DecisionId,
        /// For which queue.
        queue: QueueName,
        /// Who got whom.
        assigned: Vec<(ContactId, AgentId)>,
        /// The scorer failed, and why.
        fallback: Option<String>,
        /// How long the scoring took.
        took_us: u64,
    },
    /// What the agent needs to see. Sent before the phone rings.
    ScreenPop {
        /// To whom.
        agent: AgentId,
        /// From which queue.
        queue: QueueName,
        /// Who is calling.
        origin: Address,
        /// The person, as the last successful look-up had it: id, name, fields.
        customer: Option<crate::flow::Profile>,
        /// What is known.
        attributes: BTreeMap<String, String>,
        /// What the person chose: question and answer.
        choices: Vec<(String, String)>,
        /// How long the person has waited.
        waited_ms: u64,
    },
    /// An agent's phone is being rung.
    OfferedToAgent {
        /// Whose.
        agent: AgentId,
        /// From which queue.
        queue: QueueName,
    },
    /// An offer was not answered, or withdrawn.
    OfferEnded {
        /// Whose.
        agent: AgentId,
        /// From which queue.
        queue: QueueName,
        /// How.
        result: OfferResult,
    },
    /// An agent answered: both hear each other.
    Connected {
        /// Who.
        agent: AgentId,
        /// From which queue.
        queue: QueueName,
        /// How long the person had waited.
        waited_ms: u64,
    },
    /// The talk is over.
    TalkEnded {
        /// With whom.
        agent: AgentId,
        /// From which queue.
        queue: QueueName,
        /// How long it was.
        talked_ms: u64,
        /// By whom it was ended: `person`, `agent`, `other`.
        by: &'static str,
    },
    /// The contact went over to another version of its flow (journal rule 13).
    Migrated {
        /// From this version.
        from: Version,
        /// To this one.
        to: Version,
        /// While it waited in this entry.
        entry: u64,
    },
    /// The contact stays with the version it has.
    NotMigrated {
        /// Which it was to get.
        to: Version,
        /// `diverged`, `moved-on`, `failed`, `refused`.
        outcome: &'static str,
        /// Why, for people.
        detail: String,
    },
    /// The flow failed, and something else goes on in its place (journal rule 16).
    Descended {
        /// `predecessor`, `safe-flow`.
        rung: &'static str,
        /// The version that goes on.
        version: Version,
        /// Why.
        reason: String,
    },
    /// A flow's run ended.
    FlowEnded {
        /// How it said it ended; none if it failed.
        end: Option<FlowEnd>,
        /// How it failed: `guest-error`, `trap`, `deadline`, `limit`, `not-started`, `no-room`,
        /// `diverged`, and `wake-diverged`, which is a fault of the host; and the text.
        failure: Option<(&'static str, String)>,
    },
    /// The flow failed; the safe flow took over.
    SteppedDown {
        /// Why.
        reason: String,
        /// To which queue it sends the person.
        queue: Option<QueueName>,
    },
    /// The contact ended. Its record follows it to the store.
    Ended {
        /// Why.
        reason: EndReason,
        /// From the first to the last moment.
        lasted_ms: u64,
    },
    /// What is kept of the person was erased, because an operator asked for it (journal rule 20).
    Erased,
    /// An agent's state changed.
    AgentChanged {
        /// Whose.
        agent: AgentId,
        /// To what.
        state: AgentState,
    },
    /// A deployment serves another version now.
    Deployed {
        /// Which.
        deployment: DeploymentName,
        /// The new one.
        version: Version,
        /// The one before.
        before: Option<Version>,
        /// Contacts that go on with the one before.
        still_running: u32,
    },
    /// Somebody did something with a deployment; it is kept.
    Stepped(Box<Step>),
    /// The last contact of a version that no deployment serves is gone. It may stay loaded, to step in for the one that
    /// serves.
    VersionIdle {
        /// Which.
        version: Version,
    },
    /// The journal can't be written: new contacts are refused. Or it can be again.
    StoreHealth {
        /// True: recovered.
        healthy: bool,
        /// Why.
        reason: String,
    },
    /// A plugin tried to use what it doesn't want in its manifest, or isn't granted. Not every time it is tried.
    CapabilityRefused {
        /// The plugin's name; none if it came without a manifest.
        plugin: Option<String>,
        /// Which version tried.
        version: Version,
        /// `egress`, `stored-values`.
        capability: &'static str,
        /// What it tried.
        detail: String,
    },
    /// A plugin wrote a line to its log. Told on a stream of its own, so that a chatty plugin pushes nothing else out.
    Logged {
        /// The plugin's name; none if it came without a manifest.
        plugin: Option<String>,
        /// Which version wrote it.
        version: Version,
        /// How serious it thinks it is.
        level: LogLevel,
        /// The line.
        text: String,
    },
}

impl What {
    // tidy: long-function: one arm a variant that has something to empty, and nothing else.
    fn without_personal(&self) -> Self {
        let mut what = self.clone();
        match &mut what {
            What::Offered { origin, dialled, .. } | What::Refused { origin, dialled, .. } => {
                *origin = Address::default();
                *dialled = Address::default();
            }
            What::Said { text } | What::Asked { text, .. } | What::Logged { text, .. } => text.clear(),
            What::Pressed { key } => *key = '*',
            What::Chose { answer, .. } => answer.clear(),
            What::AttributeSet { value, .. } => value.clear(),
            What::Decided { fallback, .. } => {
                if let Some(text) = fallback {
                    text.clear();
                }
            }
            What::ScreenPop { origin, customer, attributes, choices, .. } => {
                *origin = Address::default();
                *customer = None;
                attributes.clear();
                choices.clear();
            }
            // What a version did otherwise is told with its arguments.
            What::NotMigrated { detail, .. } => detail.clear(),
            What::Descended { reason, .. } | What::SteppedDown { reason, .. } => reason.clear(),
            What::FlowEnded { end, failure } => {
                match end {
                    Some(FlowEnd::Failed(text) | FlowEnd::Other(text)) => text.clear(),
                    Some(FlowEnd::Completed) | None => {}
                }
                if let Some((_, text)) = failure {
                    text.clear();
                }
            }
            What::Ended { reason, .. } => reason.forget_text(),
            // In an operator's words.
            What::Stepped(step) => step.why = None,
            What::Answered
            | What::LookedUp { .. }
            | What::Queued { .. }
            | What::LeftQueue { .. }
            | What::OfferedToAgent { .. }
            | What::OfferEnded { .. }
            | What::Connected { .. }
            | What::TalkEnded { .. }
            | What::Migrated { .. }
            | What::Erased
            | What::AgentChanged { .. }
            | What::Deployed { .. }
            | What::VersionIdle { .. }
            | What::StoreHealth { .. }
            | What::CapabilityRefused { .. } => {}
        }
        what
    }
}
