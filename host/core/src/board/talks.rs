//! Agent and person: connected, and parted.

use super::agents::After;
use super::contact::{Driver, Parked, Place, SafeStage, Stage};
use super::ending::{Close, Gone};
use super::timers::Timer;
use super::{Board, Effect};
use crate::agent::AgentState;
use crate::event::What;
use crate::flow::{ContactError, Talk, TalkEnd, WaitStatus};
use crate::ids::ContactId;
use crate::journal::External;
use crate::record::{EndReason, OfferResult, QueueVisit, VisitOutcome};

impl Board {
    /// Both are there: they hear each other.
    pub(super) fn connect(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some((agent, leg)) = contact.offer_over(OfferResult::Answered) else { return };
        let Some(place) = &mut contact.place else { return };
        let now = self.out.now;
        place.stage = Stage::Talking { agent: agent.clone(), leg, since: now };
        let (queue, turn, waited_ms) = (place.queue.clone(), place.turn(id), now.ms_since(place.queued_at));
        if let Some(line) = self.queues.get_mut(&queue) {
            line.turns.remove(&turn);
            line.answered(now, waited_ms);
        }
        let out = &mut self.out;
        contact.hush(out);
        // What was pressed before the talk is no answer to what is asked after it.
        contact.keys.clear();
        contact.ledger.external(out, External::AgentAnswered(agent.clone()));
        match &mut contact.driver {
            Driver::Flow(_) => match contact.parked() {
                // Rule 22: what is being said or asked is cut.
                Some(Parked::Speech(_) | Parked::Say | Parked::Ask(_)) => {
                    contact.fail(out, ContactError::InterruptedConnected);
                }
                Some(Parked::Wait { .. }) => {
                    out.timers.cancel(&Timer::Call(id));
                    out.timers.cancel(&Timer::Announce(id));
                }
                Some(
                    Parked::Durable { .. }
                    | Parked::Answer
                    | Parked::Pause
                    | Parked::Lookup { .. }
                    | Parked::Value { .. }
                    | Parked::Fetch { .. },
                )
                | None => {}
            },
            Driver::Safe(stage) => {
                out.timers.cancel(&Timer::Call(id));
                *stage = SafeStage::Talking;
            }
            Driver::Over => {}
        }
        out.push(Effect::Bridge(contact.leg, leg));
        contact.tell(out, What::Connected { agent: agent.clone(), queue, waited_ms });
        self.handling(&agent);
        self.set_state(&agent, AgentState::OnContact { contact: id });
    }

    /// The agent's side of a talk is over. A flow goes on; without one, the contact ends.
    pub(super) fn agent_hung_up(&mut self, id: ContactId, by: TalkEnd, hang_up: bool) {
        let Some((entry, talk)) = self.end_talk(id, by, hang_up) else { return };
        let Some(contact) = self.contacts.get(&id) else { return };
        match (&contact.driver, entry) {
            (Driver::Flow(_), Some(entry)) => self.place_over(id, entry, WaitStatus::Talked(talk)),
            // A flow's place has an entry.
            (Driver::Flow(_), None) => {}
            (Driver::Safe(_) | Driver::Over, _) => {
                self.close(id, Gone::Flow(EndReason::AgentHungUp), Close::HangUp);
            }
        }
    }

    /// Parts both. Gives the place's entry and how the talk went.
    pub(super) fn end_talk(&mut self, id: ContactId, by: TalkEnd, hang_up: bool) -> Option<(Option<u64>, Talk)> {
        self.unbridge(id);
        let contact = self.contacts.get_mut(&id)?;
        let talks = |place: &mut Place| matches!(place.stage, Stage::Talking { .. });
        let place = contact.place.take_if(talks)?;
        let Stage::Talking { agent, leg, since } = place.stage else { return None };
        let talked_ms = self.out.now.ms_since(since);
        self.legs.remove(&leg);
        if hang_up {
            self.out.push(Effect::HangUpLeg(leg));
        }
        let told = match by {
            TalkEnd::Person => "person",
            TalkEnd::Agent => "agent",
            TalkEnd::Other(_) => "other",
        };
        let wrap_up_ms = self.queues.get(&place.queue).map_or(0, |line| line.queue.wrap_up_ms);
        contact.ledger.external(&mut self.out, External::TalkEnded(agent.clone()));
        let queue = place.queue.clone();
        contact.tell(&mut self.out, What::TalkEnded { agent: agent.clone(), queue, talked_ms, by: told });
        contact.keep_visit(QueueVisit {
            queue: place.queue,
            queued_at: place.queued_at,
            offers: place.offers,
            connected_at: Some(since),
            left_at: self.out.now,
            outcome: VisitOutcome::Answered { agent: agent.clone(), talked_ms },
        });
        self.release(&agent, After::Talked { contact: id, wrap_up_ms });
        Some((place.entry, Talk { agent, talked_ms, ended_by: by }))
    }
}
