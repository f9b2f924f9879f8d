//! Ringing agents: one offer a place and one an agent at a time.

use super::agents::After;
use super::contact::{Contact, Line, MAX_KEPT, Place, Stage};
use super::legs::Leg;
use super::timers::Timer;
use super::{Board, Effect};
use crate::agent::AgentState;
use crate::event::What;
use crate::ids::{AgentId, ContactId, DecisionId};
use crate::record::{Offer, OfferResult};

/// Bounds of a queue's `offer_timeout_ms`.
const MIN_RING_MS: u32 = 1_000;
const MAX_RING_MS: u32 = 300_000;
/// How long a queue rests when a call could not be placed for want of room.
const STALLED_MS: u64 = 1_000;

impl Board {
    /// Offers a contact that waits to an agent who is ready. The screen pop is told before the phone rings.
    pub(super) fn offer(&mut self, id: ContactId, agent: &AgentId, decision: DecisionId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(place) = &mut contact.place else { return };
        let timeout_ms = self.queues.get(&place.queue).map_or(MAX_RING_MS, |line| line.queue.offer_timeout_ms);
        let timeout_ms = timeout_ms.clamp(MIN_RING_MS, MAX_RING_MS);
        let leg = self.out.leg();
        place.stage = Stage::Offered { agent: agent.clone(), leg, decision, since: self.out.now, picked_up: false };
        self.legs.insert(leg, Leg::Agent(id));
        self.out.timers.set(Timer::Offer(id), self.out.now.plus_ms(timeout_ms.into()));
        let queue = place.queue.clone();
        let pop = What::ScreenPop {
            agent: agent.clone(),
            queue: queue.clone(),
            origin: contact.origin.clone(),
            customer: contact.profile.clone(),
            attributes: contact.attributes.clone(),
            choices: contact.choices.iter().map(|made| (made.question.clone(), made.answer.clone())).collect(),
            waited_ms: self.out.now.ms_since(place.queued_at),
        };
        let origin = contact.origin.clone();
        self.set_state(agent, AgentState::Reserved { contact: id });
        self.out.tell(Some(id), pop);
        self.out.tell(Some(id), What::OfferedToAgent { agent: agent.clone(), queue });
        self.out.push(Effect::CallAgent { leg, agent: agent.clone(), contact: id, origin, timeout_ms });
    }

    /// The agent's phone was picked up. A person whose call nobody answered yet is answered now.
    pub(super) fn agent_answered(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(Place { stage: Stage::Offered { picked_up, .. }, .. }) = &mut contact.place else { return };
        if std::mem::replace(picked_up, true) {
            return;
        }
        self.out.timers.cancel(&Timer::Offer(id));
        match contact.line {
            Line::Up => self.connect(id),
            Line::Offered => contact.pick_up(&mut self.out),
            Line::Answering | Line::Gone => {}
        }
    }

    pub(super) fn offer_due(&mut self, id: ContactId) {
        self.offer_failed(id, OfferResult::TimedOut, true);
    }

    /// An offer came to nothing: the agent is not offered anything until ready again, the person has the same turn.
    pub(super) fn offer_failed(&mut self, id: ContactId, result: OfferResult, hang_up: bool) {
        let Some((agent, queue)) = self.end_offer(id, result, hang_up) else { return };
        let reason = match result {
            OfferResult::TimedOut => "missed-offer",
            OfferResult::Declined => "declined-offer",
            OfferResult::Unreachable => "unreachable",
            OfferResult::Answered | OfferResult::Withdrawn => "ready",
        };
        if let Some(place) = self.contacts.get_mut(&id).and_then(|contact| contact.place.as_mut()) {
            place.missed = Some((agent.clone(), self.out.now));
        }
        self.release(&agent, After::Missed(reason));
        self.touched.insert(queue);
    }

    /// The call to an agent never left us. That is nobody's fault but ours: the agent is as ready as before, and who
    /// waits is looked at again in a while, not at once: there is no room now.
    pub(super) fn offer_stalled(&mut self, id: ContactId) {
        let Some((agent, queue)) = self.end_offer(id, OfferResult::Unreachable, false) else { return };
        let before = std::mem::take(&mut self.touched);
        self.release(&agent, After::Withdrawn);
        // Nor in the other queues that the agent serves: each would stall in its turn, and touch this one.
        let mut resting = std::mem::replace(&mut self.touched, before);
        self.touched.remove(&queue);
        resting.insert(queue);
        for queue in resting {
            self.out.timers.set(Timer::Rematch(queue), self.out.now.plus_ms(STALLED_MS));
        }
    }

    /// The person is not there any more, or wants no agent: whoever is rung is let go.
    pub(super) fn withdraw(&mut self, id: ContactId) {
        if let Some((agent, _)) = self.end_offer(id, OfferResult::Withdrawn, true) {
            self.release(&agent, After::Withdrawn);
        }
    }

    fn end_offer(
        &mut self,
        id: ContactId,
        result: OfferResult,
        hang_up: bool,
    ) -> Option<(AgentId, crate::ids::QueueName)> {
        let contact = self.contacts.get_mut(&id)?;
        let (agent, leg) = contact.offer_over(result)?;
        let queue = contact.place.as_ref()?.queue.clone();
        contact.place.as_mut()?.stage = Stage::Waiting;
        if let Some(line) = self.queues.get_mut(&queue) {
            // Whoever was offered may stand before those that nobody suited.
            line.beyond = None;
        }
        self.legs.remove(&leg);
        self.out.timers.cancel(&Timer::Offer(id));
        if hang_up {
            self.out.push(Effect::HangUpLeg(leg));
        }
        self.out.tell(Some(id), What::OfferEnded { agent: agent.clone(), queue: queue.clone(), result });
        Some((agent, queue))
    }
}

impl Contact {
    /// Keeps what came of the offer that is open. Gives whose it was, and the call.
    pub(super) fn offer_over(&mut self, result: OfferResult) -> Option<(AgentId, crate::ids::LegId)> {
        let place = self.place.as_mut()?;
        let Stage::Offered { agent, leg, decision, since, .. } = &place.stage else { return None };
        let (agent, leg) = (agent.clone(), *leg);
        let offer = Offer { agent: agent.clone(), at: *since, decision: *decision, result };
        if place.offers.len() >= MAX_KEPT {
            place.offers.remove(0);
        }
        place.offers.push(offer);
        Some((agent, leg))
    }
}
