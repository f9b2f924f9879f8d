//! The board: every contact, queue and agent of a tenant, as one deterministic machine.
//!
//! | file | what it is |
//! |---|---|
//! | `input`, `effect`, `view` | the vocabulary between the board and the world |
//! | `contact`, `ledger`, `ask`, `timers`, `out` | what a contact is made of, and where consequences go |
//! | `legs`, `admission` | calls that come and go, and which are taken |
//! | `requests`, `speech`, `lookups`, `fetches`, `values` | what a flow asks of its contact |
//! | `queueing`, `waiting` | places in queues, and what is heard there |
//! | `decisions`, `columns` | who gets whom |
//! | `offering`, `talks`, `agents` | ringing agents, talking, agents' states |
//! | `migrating`, `sleeping` | going over to another version, and doing without an instance |
//! | `rollouts` | a version tried beside another: who gets it, and how it does |
//! | `ladder`, `safe` | what happens to the person when a flow fails |
//! | `ending`, `versions` | how contacts, and then versions, end |
//! | `documents`, `views` | what operators set up and see |

mod admission;
mod agents;
mod ask;
mod columns;
mod contact;
mod decisions;
mod documents;
mod effect;
mod ending;
mod fetches;
mod generator;
mod input;
mod ladder;
mod ledger;
mod legs;
mod lookups;
mod migrating;
mod offering;
mod out;
mod queueing;
mod requests;
mod rollouts;
mod safe;
mod sleeping;
mod speech;
mod talks;
#[cfg(test)]
mod tests;
mod timers;
mod values;
mod versions;
mod view;
mod views;
mod waiting;

pub(crate) use ask::keys_answer;
pub use effect::{Effect, Fetch, Refusal, Rehearse};
pub use input::{Input, LegFailure, LegOffer, LegSource, Rehearsal};
pub use migrating::Tally;
pub use view::{AgentView, ContactView, DeploymentView, PlaceView, QueueFigures, QueueView};

use crate::config::{Deployment, EntryPoint, Settings};
use crate::flow::Reply;
use crate::ids::{
    AgentId, ContactId, DecisionId, DeploymentName, EntryPointName, FetchId, LegId, LookupId, QueueName, TenantId,
    Version,
};
use crate::time::Timestamp;
use agents::Seat;
use contact::Contact;
use fetches::UnderWay;
use legs::Leg;
use lookups::InFlight;
use migrating::Moves;
use out::Out;
use queueing::Line as QueueLine;
use rollouts::Rollouts;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use timers::Timer;

/// RFC 3261 §13.3.1.4: a 2xx that is not acknowledged within 64 × T1 ends the dialog.
const ANSWER_TIMEOUT_MS: u64 = 32_000;

/// Everything of one tenant. See the module.
#[derive(Debug)]
pub struct Board {
    tenant: TenantId,
    out: Out,
    settings: Settings,
    entry_points: BTreeMap<EntryPointName, EntryPoint>,
    deployments: BTreeMap<DeploymentName, Deployment>,
    queues: BTreeMap<QueueName, QueueLine>,
    agents: BTreeMap<AgentId, Seat>,
    /// Agents with a registered phone, also those not set up (yet).
    phones: BTreeSet<AgentId>,
    contacts: BTreeMap<ContactId, Contact>,
    legs: BTreeMap<LegId, Leg>,
    lookups: BTreeMap<LookupId, InFlight>,
    fetches: BTreeMap<FetchId, UnderWay>,
    /// Decisions whose scores are awaited.
    decisions: BTreeMap<DecisionId, QueueName>,
    /// How many contacts are pinned to a version.
    pins: BTreeMap<Version, u32>,
    /// What else keeps a version loaded: rehearsals, and what contacts ran before.
    holds: BTreeMap<Version, u32>,
    moves: Moves,
    rollouts: Rollouts,
    /// Versions that the shell has loaded, as far as the board was told.
    loaded: BTreeSet<Version>,
    /// Queues to look at before the input in hand is done.
    touched: BTreeSet<QueueName>,
    /// The names of agents' numbers: of all agents, so that they change only when an agent is set up anew.
    agent_columns: Arc<[String]>,
    intake: Intake,
}

/// Whether new contacts are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intake {
    Open,
    /// No more. Not all that run have ended.
    Draining,
    /// None left.
    Drained,
}

impl Board {
    /// An empty board. Whatever it draws (identifiers, seeds of flows) comes from `seed`.
    pub fn new(tenant: TenantId, seed: u64) -> Self {
        Self {
            tenant,
            out: Out::new(seed),
            settings: Settings::default(),
            entry_points: BTreeMap::new(),
            deployments: BTreeMap::new(),
            queues: BTreeMap::new(),
            agents: BTreeMap::new(),
            phones: BTreeSet::new(),
            contacts: BTreeMap::new(),
            legs: BTreeMap::new(),
            lookups: BTreeMap::new(),
            fetches: BTreeMap::new(),
            decisions: BTreeMap::new(),
            pins: BTreeMap::new(),
            holds: BTreeMap::new(),
            moves: Moves::default(),
            rollouts: Rollouts::default(),
            loaded: BTreeSet::new(),
            touched: BTreeSet::new(),
            agent_columns: columns::of_agents([].into_iter()),
            intake: Intake::Open,
        }
    }

    /// Takes an input. What was due before `now` happens first. A `now` before the latest counts as the latest.
    ///
    /// Total: an input about something that is gone does nothing. All effects must have been polled before (asserted
    /// in debug builds).
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        debug_assert!(self.out.effects.is_empty(), "effects are polled before the next input");
        self.out.now = self.out.now.max(now);
        while let Some(timer) = self.out.timers.pop_due(self.out.now) {
            self.due(timer);
        }
        self.take(input);
        self.move_on();
        self.match_touched();
        while self.follow_rollouts() {
            self.move_on();
            self.match_touched();
        }
        self.check_drained();
    }

    /// The next thing to be done; none when all was polled.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.out.effects.pop_front()
    }

    /// When the board wants to be called again, with [`Input::Tick`] if nothing else happens. May lie in the past.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.out.timers.next()
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Tick => {}
            Input::LegOffered(offer) => self.leg_offered(offer),
            Input::LegAnswered(leg) => self.leg_answered(leg),
            Input::LegFailed(leg, failure) => self.leg_failed(leg, failure),
            Input::LegEnded { leg, fault } => self.leg_ended(leg, fault),
            Input::MediaLost(leg) => self.media_lost(leg),
            Input::Digit(leg, key) => self.digit(leg, key),
            Input::PlayFinished { leg, play } => self.play_finished(leg, play),
            Input::FlowRequested { contact, run, request } => self.flow_requested(contact, run, request),
            Input::FlowEnded { contact, run, end } => self.flow_ended(contact, run, end),
            Input::Rehearsed { contact, run, result } => self.rehearsed(contact, run, result),
            Input::Hibernate { idle_ms, at_most } => self.hibernate(idle_ms, at_most),
            Input::Migrate(contact) => self.migrate(contact),
            Input::LookedUp { lookup, version, result } => self.looked_up(lookup, version, result),
            Input::Fetched { fetch, result } => self.fetched(fetch, result),
            Input::Scored { decision, result } => self.scored(decision, result),
            Input::ValueLoaded { contact, ticket, result } => {
                let reply = result.map_or_else(Reply::ValueFailed, Reply::Value);
                self.value_done(contact, ticket, reply);
            }
            Input::ValueStored { contact, ticket, result } => {
                let reply = result.map_or_else(Reply::ValueFailed, |()| Reply::Done);
                self.value_done(contact, ticket, reply);
            }
            Input::JournalDurable { contact, frame } => self.journal_durable(contact, frame),
            Input::JournalLost { contact, frame } => self.journal_lost(contact, frame),
            Input::StoreHealth { healthy, reason } => self.store_health(healthy, reason),
            Input::PhoneRegistered(agent) => self.phone_registered(agent),
            Input::PhoneGone(agent) => self.phone_gone(&agent),
            Input::AgentWants(agent, wanted) => self.agent_wants(&agent, wanted),
            Input::EndContact(contact) => self.end_contact(contact),
            Input::SetAttribute { contact, name, value } => self.set_attribute_outside(contact, name, value),
            Input::PutEntryPoint(entry_point) => {
                self.entry_points.insert(entry_point.name.clone(), entry_point);
            }
            Input::RemoveEntryPoint(name) => {
                self.entry_points.remove(&name);
            }
            Input::PutQueue(queue) => self.put_queue(queue),
            Input::RemoveQueue(name) => self.remove_queue(&name),
            Input::PutAgent(agent) => self.put_agent(agent),
            Input::RemoveAgent(agent) => self.remove_agent(&agent),
            Input::PutDeployment(deployment) => self.put_deployment(deployment),
            Input::RemoveDeployment(name) => self.remove_deployment(&name),
            Input::PutSettings(settings) => self.settings = settings,
            Input::Drain => self.drain(),
            Input::Shutdown => self.shut_down(),
        }
    }

    fn due(&mut self, timer: Timer) {
        match timer {
            Timer::Call(contact) => self.call_due(contact),
            Timer::Announce(contact) => self.announce(contact),
            Timer::Tidy(contact) => self.finish(contact),
            Timer::Offer(contact) => self.offer_due(contact),
            Timer::Answering(contact) => self.answering_due(contact),
            Timer::WrapUp(agent) => self.wrap_up_due(&agent),
            Timer::Score(decision) => self.scored(decision, Err("it did not answer in time".into())),
            Timer::Stage(deployment) => self.stage_due(deployment),
            Timer::Steps(deployment) => self.steps_due(&deployment),
            Timer::Rematch(queue) => {
                self.touched.insert(queue);
            }
        }
    }
}

/// At most so many bytes of a text from outside, cut between characters.
fn shortened(mut text: String, max: usize) -> String {
    if text.len() > max {
        let end = (0..=max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
    text
}
