//! What must hold, whatever happens: checked after every input, from the inputs and effects alone, and now and then
//! against what the board shows of itself.

mod calls;
mod contacts;
mod inspect;
mod journals;
mod replays;
mod rollouts;
mod routing;

use cordboard_core::board::{Effect, Input};
use cordboard_core::config::{Deployment, Settings};
use cordboard_core::event::{Event, What};
use cordboard_core::flow::{Request, SkillRequirement};
use cordboard_core::ids::{
    AgentId, ContactId, DecisionId, DeploymentName, FetchId, LegId, LookupId, PlayId, QueueName, RunId, Version,
};
use cordboard_core::journal::Journal;
use cordboard_core::record::EndReason;
use cordboard_core::time::Timestamp;
use replays::Rehearsing;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What doesn't hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The rule.
    pub invariant: &'static str,
    /// What was seen.
    pub detail: String,
}

pub(crate) type Held = Result<(), Broken>;

/// The rule holds if this is so.
pub(crate) fn holds(so: bool, invariant: &'static str, detail: impl FnOnce() -> String) -> Held {
    if so { Ok(()) } else { Err(Broken { invariant, detail: detail() }) }
}

/// A host call that has not returned.
#[derive(Clone, Debug)]
struct Pending {
    entry: u64,
    frame: u64,
    since: Timestamp,
    request: Request,
    /// It was sent to a place outside.
    sent: bool,
}

/// A flow's run.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    id: RunId,
    /// It made a call that it has no reply to.
    calling: bool,
    /// Calls since the person is gone.
    tidied: u32,
}

/// A contact, as inputs and effects show it.
#[derive(Clone, Debug)]
struct Watched {
    leg: LegId,
    journal: Journal,
    frames: u64,
    /// Of the journal of the flow that runs.
    bytes: usize,
    /// Frames before this one are durable.
    durable: u64,
    /// The store failed since the pending call was written: nothing waits for it.
    released: bool,
    pending: Option<Pending>,
    /// Keys pressed since the pending question was asked.
    pressed: String,
    run: Option<Run>,
    /// The run has no instance, until its call returns.
    asleep: bool,
    version: Option<Version>,
    /// What it ran before it went over to that.
    predecessor: Option<Version>,
    rehearsal: Option<Rehearsing>,
    /// How far down the ladder: 0 its own flow, 1 the version before, 2 the safe flow, 3 the board.
    rung: u8,
    /// A segment was begun, and its run was not started yet.
    begun: bool,
    /// Who has to begin a segment before the next call.
    segment_due: Option<Version>,
    /// The flow goes on as another: its journal ends here.
    continuing: bool,
    /// The flow failed: the safe flow may begin a fresh journal here.
    stepped_down: bool,
    /// Since when the person is gone, or was sent away.
    gone: Option<Timestamp>,
    /// Waits in a queue; an offer doesn't change it.
    waits: Option<Waits>,
    /// The entry that made the latest place; none: the safe flow's.
    place: Option<u64>,
    /// The flow's place that was lost, or ended with a talk: the next `wait` for it says so.
    settled: Option<u64>,
    /// Whom the screen was popped for, not rung yet.
    popped: Option<AgentId>,
    /// The agent's call that belongs to it.
    agent_leg: Option<LegId>,
    /// Its record was kept, with this end.
    recorded: Option<EndReason>,
}

/// A place in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Waits {
    queue: QueueName,
    /// On top of the queue's.
    skills: Vec<SkillRequirement>,
    /// Smaller is served earlier.
    turn: Turn,
}

/// Priority, then who came first, then the contact.
type Turn = (Reverse<i32>, Timestamp, ContactId);

/// A call.
#[derive(Clone, Debug)]
struct Leg {
    contact: ContactId,
    /// None: the person's.
    agent: Option<AgentId>,
    answering: bool,
    up: bool,
    over: bool,
    bridged: Option<LegId>,
    playing: Option<PlayId>,
    /// Nothing has played and no key was pressed since.
    quiet_since: Timestamp,
}

/// Figures of a queue, counted here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    offered: u64,
    answered: u64,
    abandoned: u64,
    left: u64,
}

/// The one who watches.
#[derive(Debug, Default)]
pub struct Watch {
    now: Timestamp,
    contacts: BTreeMap<ContactId, Watched>,
    ended: BTreeSet<ContactId>,
    legs: BTreeMap<LegId, Leg>,
    /// Which call each agent has.
    busy: BTreeMap<AgentId, LegId>,
    /// The call that the input in hand offered.
    offered: Option<LegId>,
    /// The call that the input in hand must be the end of.
    ending: Option<LegId>,
    deployments: BTreeMap<DeploymentName, Deployment>,
    /// The latest canary of each that is over.
    tried: BTreeMap<DeploymentName, u64>,
    /// Contacts whose call returned with the input in hand.
    returned: BTreeSet<ContactId>,
    /// What the input in hand says of a rehearsal that is not expected to say anything.
    stale: Option<(ContactId, RunId)>,
    /// The input in hand is to make room.
    hibernating: bool,
    /// Every version that was ever deployed.
    known: BTreeSet<Version>,
    unloaded: BTreeSet<Version>,
    /// For whom, and who is asked.
    lookups: BTreeMap<LookupId, (ContactId, Version)>,
    /// Every request to a place outside, and by what a server knows a repetition.
    fetches: BTreeSet<FetchId>,
    idempotency_keys: BTreeSet<String>,
    scoring: BTreeMap<DecisionId, Version>,
    decided: BTreeSet<DecisionId>,
    queues: BTreeMap<QueueName, Counted>,
    /// Since when a pair that could be matched was seen not to be.
    idle_pairs: BTreeMap<(ContactId, AgentId), Timestamp>,
    settings: Settings,
    /// Agents and queues that are set up.
    agents_put: BTreeSet<AgentId>,
    queues_put: BTreeSet<QueueName>,
    unhealthy: bool,
    draining: bool,
    drained: bool,
}

impl Watch {
    /// One who has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An input, and all that the board wanted in return.
    ///
    /// # Errors
    /// What doesn't hold.
    pub fn step(&mut self, now: Timestamp, input: &Input, effects: &[Effect]) -> Result<(), Broken> {
        holds(now >= self.now, "time goes forwards", || format!("{now} after {}", self.now))?;
        self.now = now;
        self.stale = None;
        self.hibernating = matches!(input, Input::Hibernate { .. });
        self.input(input)?;
        effects.iter().try_for_each(|effect| self.effect(effect))?;
        if let Some(leg) = self.ending.take() {
            let over = self.legs.get(&leg).is_none_or(|leg| leg.over);
            holds(over, "a call without media, or ended by an operator, is over at once", || format!("leg {leg}"))?;
        }
        self.told_all()?;
        if let Some(leg) = self.offered.take() {
            holds(self.legs.contains_key(&leg), "an offered call is taken or refused", || format!("leg {leg}"))?;
        }
        Ok(())
    }

    // tidy: long-function: an arm an input.
    fn input(&mut self, input: &Input) -> Held {
        match input {
            Input::LegOffered(offer) => {
                let fresh = offer.leg.0 >> 63 == 0 && !self.legs.contains_key(&offer.leg);
                self.offered = fresh.then_some(offer.leg);
            }
            Input::LegAnswered(_)
            | Input::LegFailed(..)
            | Input::LegEnded { .. }
            | Input::Digit(..)
            | Input::PlayFinished { .. } => self.heard(input),
            Input::MediaLost(leg) => {
                self.ending = self.legs.get(leg).filter(|leg| leg.up && !leg.over).map(|_| *leg);
            }
            Input::EndContact(contact) => self.ending = self.contacts.get(contact).map(|contact| contact.leg),
            Input::FlowRequested { contact, run, .. } => {
                if let Some(run) = self.run(*contact, *run) {
                    let unanswered = std::mem::replace(&mut run.calling, true);
                    return holds(!unanswered, "a flow's call gets one reply", || {
                        format!("{contact}: none before the next")
                    });
                }
            }
            Input::FlowEnded { contact, run, .. } => {
                if self.run(*contact, *run).is_some()
                    && let Some(contact) = self.contacts.get_mut(contact).filter(|contact| !contact.asleep)
                {
                    contact.run = None;
                    // It never returns.
                    contact.pending = None;
                }
            }
            Input::Rehearsed { contact, run, result } => self.rehearsed(*contact, *run, result),
            Input::LookedUp { lookup, .. } => {
                self.lookups.remove(lookup);
            }
            Input::Scored { decision, .. } => {
                self.scoring.remove(decision);
            }
            Input::JournalDurable { .. } | Input::JournalLost { .. } | Input::StoreHealth { .. } => self.stored(input),
            Input::Drain | Input::Shutdown => self.draining = true,
            Input::PutDeployment(_)
            | Input::RemoveDeployment(_)
            | Input::PutQueue(_)
            | Input::RemoveQueue(_)
            | Input::PutAgent(_)
            | Input::RemoveAgent(_)
            | Input::PutSettings(_) => self.set_up(input),
            Input::Tick
            | Input::PhoneRegistered(_)
            | Input::PhoneGone(_)
            | Input::AgentWants(..)
            | Input::SetAttribute { .. }
            | Input::Migrate(_)
            | Input::Hibernate { .. }
            | Input::Fetched { .. }
            | Input::ValueLoaded { .. }
            | Input::ValueStored { .. }
            | Input::PutEntryPoint(_)
            | Input::RemoveEntryPoint(_) => {}
        }
        Ok(())
    }

    /// What the store tells.
    fn stored(&mut self, input: &Input) {
        match input {
            Input::JournalDurable { contact, frame } => {
                if let Some(contact) = self.contacts.get_mut(contact) {
                    contact.durable = contact.durable.max(frame.saturating_add(1));
                }
            }
            Input::JournalLost { contact, .. } => {
                if let Some(contact) = self.contacts.get_mut(contact) {
                    contact.released = true;
                }
            }
            Input::StoreHealth { healthy, .. } => {
                self.unhealthy = !healthy;
                if self.unhealthy {
                    self.contacts.values_mut().for_each(|contact| contact.released = true);
                }
            }
            _ => {}
        }
    }

    /// A document is put or removed.
    fn set_up(&mut self, input: &Input) {
        match input {
            Input::PutDeployment(deployment) => {
                self.deployed(deployment.clone());
            }
            Input::RemoveDeployment(name) => {
                let removed = self.deployments.remove(name);
                self.tried(name, removed.and_then(|removed| removed.rollout));
            }
            // A queue's decision goes with it, and nobody here knows whose that is.
            Input::RemoveQueue(name) => {
                self.scoring.clear();
                self.queues_put.remove(name);
            }
            Input::PutQueue(queue) => {
                self.queues_put.insert(queue.name.clone());
            }
            Input::PutAgent(agent) => {
                self.agents_put.insert(agent.id.clone());
            }
            Input::RemoveAgent(agent) => {
                self.agents_put.remove(agent);
            }
            Input::PutSettings(settings) => self.settings = settings.clone(),
            _ => {}
        }
    }

    fn effect(&mut self, effect: &Effect) -> Held {
        match effect {
            Effect::StartFlow { .. } | Effect::ReplyFlow { .. } | Effect::CancelFlow { .. } => self.flow(effect),
            Effect::Rehearse(wanted) => self.rehearse(wanted),
            Effect::RehearseOn { contact, run, past } => self.rehearse_on(*contact, *run, past),
            Effect::TakeOver { contact, run } => self.take_over(*contact, *run),
            Effect::RingLeg(_)
            | Effect::AnswerLeg(_)
            | Effect::RejectLeg { .. }
            | Effect::RedirectLeg { .. }
            | Effect::HangUpLeg(_)
            | Effect::Bridge(..)
            | Effect::Unbridge(..)
            | Effect::Play { .. }
            | Effect::StopPlay { .. } => self.call(effect),
            Effect::CallAgent { leg, agent, contact, .. } => self.ring_agent(*leg, agent, *contact),
            Effect::Lookup { lookup, contact, version, .. } => {
                self.usable(*version)?;
                let fresh = self.lookups.insert(*lookup, (*contact, *version)).is_none();
                holds(fresh, "a name is used once", || format!("look-up {lookup}"))
            }
            Effect::Fetch(wanted) => self.sent(wanted),
            Effect::LoadValue { version, .. } | Effect::StoreValue { version, .. } => self.usable(*version),
            Effect::Score(request) => self.ask_scorer(request),
            Effect::Journal { contact, frame, bytes, sync } => self.frame(*contact, *frame, bytes, *sync),
            Effect::KeepDecision(decision) => self.decision(decision),
            Effect::KeepRecord(record) => self.record(record),
            Effect::Tell(event) => self.told(event),
            Effect::UnloadVersion(version) => self.unload(*version),
            Effect::RolloutStepped(name, step) => self.rollout_stepped(name, step),
            Effect::Drained => {
                let once = self.draining && !std::mem::replace(&mut self.drained, true);
                holds(once && self.contacts.is_empty(), "drained once, when all have ended", || {
                    format!("{} contacts", self.contacts.len())
                })
            }
        }
    }

    fn told(&mut self, event: &Event) -> Held {
        holds(event.at == self.now, "events are told when they happen", || format!("{event:?} at {}", self.now))?;
        match (&event.what, event.contact) {
            (What::Offered { dialled, .. }, Some(id)) => self.begun(id, dialled),
            (What::Ended { reason, .. }, Some(id)) => self.over(id, reason),
            (What::Refused { .. }, None) => Ok(()),
            (
                What::Queued { .. }
                | What::LeftQueue { .. }
                | What::Connected { .. }
                | What::ScreenPop { .. }
                | What::OfferEnded { .. }
                | What::TalkEnded { .. },
                Some(id),
            ) => self.queued(id, &event.what),
            (
                What::Descended { .. } | What::SteppedDown { .. } | What::Migrated { .. } | What::FlowEnded { .. },
                Some(id),
            ) => self.descended(id, &event.what),
            (_, Some(id)) => self.live(id).map(|_| ()),
            (_, None) => Ok(()),
        }
    }

    /// A contact that has begun and not ended.
    fn live(&mut self, id: ContactId) -> Result<&mut Watched, Broken> {
        let ended = self.ended.contains(&id);
        self.contacts.get_mut(&id).ok_or_else(|| Broken {
            invariant: "nothing happens to a contact before it begins or after it ended",
            detail: format!("{id}, which {}", if ended { "ended" } else { "never began" }),
        })
    }

    fn run(&mut self, contact: ContactId, run: RunId) -> Option<&mut Run> {
        self.contacts.get_mut(&contact)?.run.as_mut().filter(|current| current.id == run)
    }

    fn usable(&self, version: Version) -> Held {
        holds(!self.unloaded.contains(&version), "an unloaded version is not used", || version.short())
    }
}
