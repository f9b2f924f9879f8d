//! What events say, by type.

use crate::json::{Address, Assigned, Time};
use cordboard_core::event::What;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What an event says. The description of each form names the types that have it.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = EventData)]
pub(crate) enum Data {
    /// `contact.offered`: a contact came in.
    Offered {
        /// Through which entry point.
        entry_point: String,
        /// From whom.
        origin: Address,
        /// To what.
        dialled: Address,
        /// Pinned to this deployment's version.
        deployment: String,
        /// The version.
        version: String,
    },
    /// `contact.refused`: a contact was refused before it began.
    Refused {
        /// From whom.
        origin: Address,
        /// To what.
        dialled: Address,
        /// `not-found`, `emergency`, `busy`, `draining`, `store-failed`, ….
        cause: &'static str,
    },
    /// `contact.answered`: it was answered.
    Answered {},
    /// `contact.said`: the flow said something.
    Said {
        /// In words.
        text: String,
    },
    /// `contact.asked`: the flow asked something.
    Asked {
        /// The question's id.
        question: String,
        /// In words.
        text: String,
    },
    /// `contact.pressed`: the person pressed a key. Not told while a secret question is open.
    Pressed {
        /// Which.
        key: String,
    },
    /// `contact.chose`: the person answered a question.
    Chose {
        /// The question's id.
        question: String,
        /// The choice's id, the digits, `silence` or `no-match`; `***` if it is secret.
        answer: String,
    },
    /// `contact.looked-up`: a directory was asked.
    LookedUp {
        /// Which; null: there is none.
        directory: Option<String>,
        /// `found`, `unknown`, `timeout`, `busy`, `unavailable`, ….
        outcome: &'static str,
        /// How long it took.
        took_ms: u64,
    },
    /// `contact.attribute-set`: an attribute was set.
    AttributeSet {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// `contact.queued`: a place in a queue was taken.
    Queued {
        /// Which queue.
        queue: String,
        /// 1 is next.
        position: u32,
    },
    /// `contact.left-queue`: a place was given up or lost, or the person hung up while waiting.
    LeftQueue {
        /// Which queue.
        queue: String,
        /// `abandoned`, `left` or `lost`.
        outcome: &'static str,
        /// How long it was held.
        waited_ms: u64,
    },
    /// `queue.decided`: agents were chosen.
    Decided {
        /// The decision: see `/v1/contacts/{id}/decisions`.
        decision: u64,
        /// For which queue.
        queue: String,
        /// Who got whom.
        assigned: Vec<Assigned>,
        /// The scorer failed, and why.
        fallback: Option<String>,
        /// How long the scoring took.
        took_us: u64,
    },
    /// `contact.screen-pop`: what the agent needs to see. Sent before the phone rings.
    ScreenPop {
        /// To whom.
        agent: String,
        /// From which queue.
        queue: String,
        /// Who is calling.
        origin: Address,
        /// The person, as the last successful look-up had it.
        customer: Option<Customer>,
        /// What is known.
        attributes: BTreeMap<String, String>,
        /// What the person chose, in order.
        choices: Vec<Chosen>,
        /// How long the person has waited.
        waited_ms: u64,
    },
    /// `contact.offered-to-agent`: an agent's phone is being rung.
    OfferedToAgent {
        /// Whose.
        agent: String,
        /// From which queue.
        queue: String,
    },
    /// `contact.offer-ended`: an offer was not answered, or withdrawn.
    OfferEnded {
        /// Whose.
        agent: String,
        /// From which queue.
        queue: String,
        /// `answered`, `timed-out`, `declined`, `unreachable` or `withdrawn`.
        result: &'static str,
    },
    /// `contact.connected`: an agent answered, both hear each other.
    Connected {
        /// Who.
        agent: String,
        /// From which queue.
        queue: String,
        /// How long the person had waited.
        waited_ms: u64,
    },
    /// `contact.talk-ended`: the talk is over.
    TalkEnded {
        /// With whom.
        agent: String,
        /// From which queue.
        queue: String,
        /// How long it was.
        talked_ms: u64,
        /// By whom it was ended: `person`, `agent` or `other`.
        by: &'static str,
    },
    /// `contact.migrated`: the contact went over to another version of its flow, in the middle of a call.
    Migrated {
        /// From this version.
        from: String,
        /// To this one.
        to: String,
        /// While it waited in this entry of its journal.
        entry: u64,
    },
    /// `contact.not-migrated`: the contact stays with the version it has.
    NotMigrated {
        /// Which it was to get.
        to: String,
        /// `diverged`, `moved-on`, `failed` or `refused`.
        outcome: &'static str,
        /// Why.
        detail: String,
    },
    /// `contact.descended`: the flow failed, and something else goes on in its place.
    Descended {
        /// `predecessor` or `safe-flow`.
        rung: &'static str,
        /// The version that goes on.
        version: String,
        /// Why.
        reason: String,
    },
    /// `contact.flow-ended`: a flow's run ended.
    FlowEnded {
        /// How it said it ended; null if it failed.
        end: Option<SaidEnd>,
        /// How it failed.
        failure: Option<Failure>,
    },
    /// `contact.stepped-down`: the flow failed; the safe flow took over.
    SteppedDown {
        /// Why.
        reason: String,
        /// To which queue it sends the person.
        queue: Option<String>,
    },
    /// `contact.ended`: the contact ended. Its record follows it to the store.
    Ended {
        /// Stable: see `end` of a contact.
        reason: &'static str,
        /// In words, where there is more to say.
        detail: Option<String>,
        /// From the first to the last moment.
        lasted_ms: u64,
    },
    /// `contact.erased`: what was kept of the person is erased.
    Erased {},
    /// `agent.changed`: an agent's state changed.
    AgentChanged {
        /// Whose.
        agent: String,
        /// `signed-out`, `not-ready`, `ready`, `reserved`, `on-contact` or `wrap-up`.
        state: &'static str,
        /// Why not ready.
        reason: Option<String>,
        /// The contact offered, talked with or finished up after.
        contact: Option<String>,
        /// When the wrap-up ends.
        until: Option<Time>,
    },
    /// `deployment.changed`: a deployment serves another version now.
    Deployed {
        /// Which.
        deployment: String,
        /// The new version.
        version: String,
        /// The one before.
        before: Option<String>,
        /// Contacts that go on with the one before.
        still_running: u32,
    },
    /// `deployment.stepped`: somebody did something with a deployment, and it is kept: see
    /// `/v1/deployments/{name}/history`.
    Stepped {
        /// Which.
        deployment: String,
        /// The step's number.
        step: u64,
        /// `deployed`, `rolled-back`, `deleted`, `canary-begun`, ….
        kind: &'static str,
        /// By whom: as the client named itself; `cordboard` is the host itself.
        by: String,
        /// Why, in words.
        why: Option<String>,
        /// The version before.
        from: Option<String>,
        /// The version it is about.
        to: Option<String>,
        /// The document's revision since then; null: it is removed.
        revision: Option<u64>,
        /// What was counted at that moment; null: nothing.
        figures: serde_json::Value,
    },
    /// `deployment.version-idle`: the last contact of a version that no deployment serves is gone.
    VersionIdle {
        /// Which.
        version: String,
    },
    /// `store.health`: the journal can't be written, new contacts are refused; or it can be again.
    StoreHealth {
        /// True: recovered.
        healthy: bool,
        /// Why.
        reason: String,
    },
    /// `plugin.capability-refused`: a plugin tried to use what it doesn't want in its manifest, or isn't granted. Told at
    /// most once a second for each version.
    CapabilityRefused {
        /// The plugin's name; null if it came without a manifest.
        plugin: Option<String>,
        /// Which version tried.
        version: String,
        /// `egress`, `stored-values`.
        capability: &'static str,
        /// What it tried.
        detail: String,
    },
    /// `plugin.logged`: a plugin wrote a line to its log. On `/v1/logs`, and not on `/v1/events`.
    Logged {
        /// The plugin's name; null if it came without a manifest.
        plugin: Option<String>,
        /// Which version wrote it.
        version: String,
        /// `trace`, `debug`, `info`, `warn`, `error`.
        level: &'static str,
        /// The line, at most 4 KiB.
        text: String,
    },
    /// `stream.missed`: this reader was too slow, or came back too late. The event has no number.
    Missed {
        /// So many events are gone for it.
        count: u64,
    },
}

/// What a directory knows of a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct Customer {
    /// In the directory.
    pub(super) id: String,
    /// For people.
    pub(super) display_name: Option<String>,
    /// In the directory's order.
    pub(super) fields: Vec<Field>,
}

/// Something a directory knows.
#[derive(Serialize, ToSchema)]
pub(crate) struct Field {
    /// What.
    pub(super) name: String,
    /// Its value.
    pub(super) value: String,
}

/// An answer to a question.
#[derive(Serialize, ToSchema)]
pub(crate) struct Chosen {
    /// The question's id.
    pub(super) question: String,
    /// The answer.
    pub(super) answer: String,
}

/// How a flow said it ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct SaidEnd {
    /// `completed`, `failed` or `other`.
    pub(super) reason: &'static str,
    /// In words, where there is more to say.
    pub(super) detail: Option<String>,
}

/// How a flow failed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Failure {
    /// `guest-error`, `trap`, `deadline`, `limit`, `not-started`, `no-room`, `diverged` or `wake-diverged`.
    pub(super) kind: &'static str,
    /// In words.
    pub(super) detail: String,
}

/// The type of an event, without the prefix.
pub(super) const fn kind(what: &What) -> &'static str {
    match what {
        What::Offered { .. } => "contact.offered",
        What::Refused { .. } => "contact.refused",
        What::Answered => "contact.answered",
        What::Said { .. } => "contact.said",
        What::Asked { .. } => "contact.asked",
        What::Pressed { .. } => "contact.pressed",
        What::Chose { .. } => "contact.chose",
        What::LookedUp { .. } => "contact.looked-up",
        What::AttributeSet { .. } => "contact.attribute-set",
        What::Queued { .. } => "contact.queued",
        What::LeftQueue { .. } => "contact.left-queue",
        What::Decided { .. } => "queue.decided",
        What::ScreenPop { .. } => "contact.screen-pop",
        What::OfferedToAgent { .. } => "contact.offered-to-agent",
        What::OfferEnded { .. } => "contact.offer-ended",
        What::Connected { .. } => "contact.connected",
        What::TalkEnded { .. } => "contact.talk-ended",
        What::Migrated { .. } => "contact.migrated",
        What::NotMigrated { .. } => "contact.not-migrated",
        What::Descended { .. } => "contact.descended",
        What::FlowEnded { .. } => "contact.flow-ended",
        What::SteppedDown { .. } => "contact.stepped-down",
        What::Ended { .. } => "contact.ended",
        What::Erased => "contact.erased",
        What::AgentChanged { .. } => "agent.changed",
        What::Deployed { .. } => "deployment.changed",
        What::Stepped(_) => "deployment.stepped",
        What::VersionIdle { .. } => "deployment.version-idle",
        What::StoreHealth { .. } => "store.health",
        What::CapabilityRefused { .. } => "plugin.capability-refused",
        What::Logged { .. } => "plugin.logged",
    }
}
