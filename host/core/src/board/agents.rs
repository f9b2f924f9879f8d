//! Agents: what they do, what they want to do, and whether they may serve a queue.

use super::Board;
use super::timers::Timer;
use crate::agent::{AgentState, WantedState};
use crate::config::{Agent, Queue};
use crate::decision::LeftOut;
use crate::event::What;
use crate::flow::SkillRequirement;
use crate::ids::{AgentId, ContactId};
use crate::time::Timestamp;

/// Phones of agents who are not set up (yet) and are remembered.
const MAX_PHONES: usize = 100_000;
const MAX_REASON_BYTES: usize = 64;
const DAY_MS: u64 = 86_400_000;
/// Not ready since the phone could not be reached: registering again ends it.
const UNREACHABLE: &str = "unreachable";

/// An agent and what the agent is doing.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) agent: Agent,
    pub(super) state: AgentState,
    pub(super) since: Timestamp,
    /// Since when ready, or when last ready: an offer that was withdrawn costs nobody their turn.
    pub(super) idle_since: Timestamp,
    /// What the agent wants once the contact is over or the phone is there.
    wish: Option<WantedState>,
    /// Went home: a phone that registers doesn't change it.
    away: bool,
    /// The document is gone: so is the agent, once the contact is over.
    removed: bool,
    pub(super) handled: u64,
    /// UTC day, and contacts on it.
    today: (u64, u32),
}

/// What follows a contact.
#[derive(Clone, Copy, Debug)]
pub(super) enum After {
    /// The offer was not taken, for this reason.
    Missed(&'static str),
    /// The offer was withdrawn.
    Withdrawn,
    /// A talk.
    Talked {
        /// With whom.
        contact: ContactId,
        /// How long the agent has afterwards.
        wrap_up_ms: u32,
    },
}

impl Seat {
    pub(super) fn handled_today(&self, now: Timestamp) -> u32 {
        if self.today.0 == now.as_ms() / DAY_MS { self.today.1 } else { 0 }
    }

    /// Whether the agent may serve this queue at all, and these skills on top.
    pub(super) fn serves(&self, queue: &Queue, skills: &[SkillRequirement]) -> Result<(), LeftOut> {
        if !self.agent.queues.is_empty() && !self.agent.queues.contains(&queue.name) {
            return Err(LeftOut::Queue);
        }
        let has =
            |need: &&SkillRequirement| self.agent.skills.get(&need.name).is_some_and(|level| *level >= need.min_level);
        match queue.skills.iter().chain(skills).find(|need| !has(need)) {
            Some(lacking) => Err(LeftOut::Skill(lacking.name.clone())),
            None => Ok(()),
        }
    }

    pub(super) const fn ready(&self) -> bool {
        matches!(self.state, AgentState::Ready { .. })
    }

    const fn busy(&self) -> bool {
        matches!(self.state, AgentState::Reserved { .. } | AgentState::OnContact { .. })
    }
}

impl Board {
    /// Changes an agent's state, and tells it.
    pub(super) fn set_state(&mut self, agent: &AgentId, state: AgentState) {
        let Some(seat) = self.agents.get_mut(agent) else { return };
        if seat.state == state {
            return;
        }
        seat.since = self.out.now;
        seat.state = state.clone();
        self.out.timers.cancel(&Timer::WrapUp(agent.clone()));
        match &state {
            AgentState::WrapUp { until, .. } => self.out.timers.set(Timer::WrapUp(agent.clone()), *until),
            AgentState::Ready { since } => {
                seat.idle_since = *since;
                let seat = &*seat;
                for line in self.queues.values_mut() {
                    if !line.turns.is_empty() && seat.serves(&line.queue, &[]).is_ok() {
                        line.beyond = None;
                        self.touched.insert(line.queue.name.clone());
                    }
                }
            }
            AgentState::SignedOut
            | AgentState::NotReady { .. }
            | AgentState::Reserved { .. }
            | AgentState::OnContact { .. } => {}
        }
        self.out.tell(None, What::AgentChanged { agent: agent.clone(), state });
    }

    fn ready_now(&self) -> AgentState {
        AgentState::Ready { since: self.out.now }
    }

    /// A talk began.
    pub(super) fn handling(&mut self, agent: &AgentId) {
        let now = self.out.now;
        if let Some(seat) = self.agents.get_mut(agent) {
            seat.handled += 1;
            seat.today = (now.as_ms() / DAY_MS, seat.handled_today(now).saturating_add(1));
        }
    }

    /// The contact is over for an agent: what was wished meanwhile, else what follows.
    pub(super) fn release(&mut self, agent: &AgentId, after: After) {
        let phone = self.phones.contains(agent);
        let now = self.out.now;
        let Some(seat) = self.agents.get_mut(agent) else { return };
        if seat.removed {
            self.set_state(agent, AgentState::SignedOut);
            self.forget_agent(agent);
            return;
        }
        let state = if seat.away || !phone {
            AgentState::SignedOut
        } else {
            match (after, seat.wish.take()) {
                (_, Some(WantedState::NotReady { reason })) => AgentState::NotReady { reason },
                // Asked to go on while it rang.
                (After::Missed(_), Some(WantedState::Ready)) => AgentState::Ready { since: now },
                (After::Missed(reason), _) => AgentState::NotReady { reason: reason.into() },
                (After::Withdrawn, _) => AgentState::Ready { since: seat.idle_since },
                (After::Talked { wrap_up_ms: 0, .. }, _) => AgentState::Ready { since: now },
                (After::Talked { contact, wrap_up_ms }, _) => {
                    AgentState::WrapUp { contact, until: now.plus_ms(wrap_up_ms.into()) }
                }
            }
        };
        self.set_state(agent, state);
    }

    pub(super) fn wrap_up_due(&mut self, agent: &AgentId) {
        if self.agents.get(agent).is_some_and(|seat| matches!(seat.state, AgentState::WrapUp { .. })) {
            self.set_state(agent, self.ready_now());
        }
    }

    pub(super) fn phone_registered(&mut self, agent: AgentId) {
        let known = self.agents.contains_key(&agent);
        if known || self.phones.len() < MAX_PHONES {
            self.phones.insert(agent.clone());
            self.sign_in(&agent);
        }
    }

    /// A phone is there: the agent is what was wished, else what the document says.
    fn sign_in(&mut self, agent: &AgentId) {
        let now = self.out.now;
        let Some(seat) = self.agents.get_mut(agent).filter(|seat| !seat.away) else { return };
        let unreachable = matches!(&seat.state, AgentState::NotReady { reason } if reason == UNREACHABLE);
        if !unreachable && seat.state != AgentState::SignedOut {
            return;
        }
        let state = match seat.wish.take() {
            Some(WantedState::Ready) => AgentState::Ready { since: now },
            Some(WantedState::NotReady { reason }) => AgentState::NotReady { reason },
            Some(WantedState::SignedOut) | None if seat.agent.auto_ready => AgentState::Ready { since: now },
            Some(WantedState::SignedOut) | None => AgentState::NotReady { reason: "signed-in".into() },
        };
        self.set_state(agent, state);
    }

    pub(super) fn phone_gone(&mut self, agent: &AgentId) {
        self.phones.remove(agent);
        let Some(seat) = self.agents.get_mut(agent) else { return };
        match &seat.state {
            // A talk and a ringing phone go on; afterwards the agent is signed out.
            AgentState::Reserved { .. } | AgentState::OnContact { .. } | AgentState::SignedOut => return,
            // Whoever took a break is still on a break when the phone is back.
            AgentState::NotReady { reason } if reason != UNREACHABLE => {
                seat.wish = Some(WantedState::NotReady { reason: reason.clone() });
            }
            AgentState::NotReady { .. } | AgentState::Ready { .. } | AgentState::WrapUp { .. } => {}
        }
        self.set_state(agent, AgentState::SignedOut);
    }

    pub(super) fn agent_wants(&mut self, agent: &AgentId, wanted: WantedState) {
        let phone = self.phones.contains(agent);
        let now = self.out.now;
        let Some(seat) = self.agents.get_mut(agent).filter(|seat| !seat.removed) else { return };
        let wanted = match wanted {
            WantedState::NotReady { reason } => {
                WantedState::NotReady { reason: super::shortened(reason, MAX_REASON_BYTES) }
            }
            WantedState::Ready | WantedState::SignedOut => wanted,
        };
        seat.away = wanted == WantedState::SignedOut;
        if seat.busy() || (!phone && !seat.away) {
            seat.wish = Some(wanted);
            return;
        }
        seat.wish = None;
        let state = match wanted {
            WantedState::SignedOut => AgentState::SignedOut,
            WantedState::NotReady { reason } => AgentState::NotReady { reason },
            WantedState::Ready if seat.ready() => return,
            WantedState::Ready => AgentState::Ready { since: now },
        };
        self.set_state(agent, state);
    }

    pub(super) fn put_agent(&mut self, agent: Agent) {
        let id = agent.id.clone();
        if let Some(seat) = self.agents.get_mut(&id) {
            seat.agent = agent;
            seat.removed = false;
            let ready = seat.ready();
            self.agent_columns = super::columns::of_agents(self.agents.values().map(|seat| &seat.agent));
            if ready {
                self.touch_all();
            }
            return;
        }
        let seat = Seat {
            agent,
            state: AgentState::SignedOut,
            since: self.out.now,
            idle_since: self.out.now,
            wish: None,
            away: false,
            removed: false,
            handled: 0,
            today: (0, 0),
        };
        self.agents.insert(id.clone(), seat);
        self.agent_columns = super::columns::of_agents(self.agents.values().map(|seat| &seat.agent));
        if self.phones.contains(&id) {
            self.sign_in(&id);
        }
    }

    /// A talk goes on; nothing more is offered.
    pub(super) fn remove_agent(&mut self, agent: &AgentId) {
        let Some(seat) = self.agents.get_mut(agent) else { return };
        if seat.busy() {
            seat.removed = true;
        } else {
            self.set_state(agent, AgentState::SignedOut);
            self.forget_agent(agent);
        }
    }

    fn forget_agent(&mut self, agent: &AgentId) {
        self.agents.remove(agent);
        self.agent_columns = super::columns::of_agents(self.agents.values().map(|seat| &seat.agent));
    }

    /// Looks at every queue again.
    pub(super) fn touch_all(&mut self) {
        for (name, line) in &mut self.queues {
            if !line.turns.is_empty() {
                line.beyond = None;
                self.touched.insert(name.clone());
            }
        }
    }
}
