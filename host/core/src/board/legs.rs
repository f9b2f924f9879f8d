//! Calls: answered, failed, ended, and what is heard of them.

use super::contact::{Driver, Line, Parked, Place, SafeStage, Stage};
use super::ending::{Close, Gone};
use super::timers::Timer;
use super::{Board, LegFailure, shortened};
use crate::event::What;
use crate::flow::{Reply, TalkEnd};
use crate::ids::{ContactId, LegId, PlayId};
use crate::record::{EndReason, OfferResult};

/// Whose a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leg {
    /// The person's, of this contact.
    Person(ContactId),
    /// An agent's, rung for this contact.
    Agent(ContactId),
}

/// Text of a fault that is kept.
const MAX_FAULT_BYTES: usize = 512;

impl Board {
    pub(super) fn leg_answered(&mut self, leg: LegId) {
        match self.legs.get(&leg) {
            Some(Leg::Person(id)) => self.person_answered(*id),
            Some(Leg::Agent(id)) => self.agent_answered(*id),
            None => {}
        }
    }

    /// Media can flow to the person: what waited for it goes on.
    fn person_answered(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id).filter(|contact| contact.line == Line::Answering) else {
            return;
        };
        contact.line = Line::Up;
        contact.answered_at = Some(self.out.now);
        self.out.timers.cancel(&Timer::Answering(id));
        contact.tell(&mut self.out, What::Answered);
        if matches!(contact.parked(), Some(Parked::Answer)) {
            contact.reply(&mut self.out, Reply::Done);
        }
        if matches!(&contact.place, Some(Place { stage: Stage::Offered { picked_up: true, .. }, .. })) {
            self.connect(id);
            return;
        }
        contact.speak_on(&mut self.out);
        match &contact.driver {
            Driver::Flow(_) => self.treat(id),
            Driver::Safe(SafeStage::Answering) => self.apologise(id),
            Driver::Safe(SafeStage::Apology | SafeStage::Waiting | SafeStage::Talking | SafeStage::Goodbye)
            | Driver::Over => {}
        }
    }

    pub(super) fn leg_failed(&mut self, leg: LegId, failure: LegFailure) {
        match self.legs.get(&leg) {
            // Not a call that we placed: it is over all the same.
            Some(Leg::Person(_)) => self.leg_ended(leg, Some("failed".into())),
            Some(Leg::Agent(id)) => {
                let result = match failure {
                    LegFailure::Local => {
                        let id = *id;
                        self.offer_stalled(id);
                        return;
                    }
                    LegFailure::NoAnswer => OfferResult::TimedOut,
                    LegFailure::Declined => OfferResult::Declined,
                    LegFailure::Unreachable => OfferResult::Unreachable,
                };
                self.agent_left(*id, result, TalkEnd::Other("failed".into()), false);
            }
            None => {}
        }
    }

    pub(super) fn leg_ended(&mut self, leg: LegId, fault: Option<String>) {
        let fault = fault.map(|fault| shortened(fault, MAX_FAULT_BYTES));
        match self.legs.get(&leg) {
            Some(Leg::Person(id)) => {
                let id = *id;
                let answered = self.contacts.get(&id).is_some_and(|contact| contact.line == Line::Up);
                let reason = match fault {
                    Some(fault) => EndReason::SignallingFailed(fault),
                    None if answered => EndReason::HungUp,
                    None => EndReason::Cancelled,
                };
                self.close(id, Gone::HungUp(reason), Close::Already);
            }
            Some(Leg::Agent(id)) => {
                self.agent_left(*id, OfferResult::Declined, fault.map_or(TalkEnd::Agent, TalkEnd::Other), false);
            }
            None => {}
        }
    }

    pub(super) fn media_lost(&mut self, leg: LegId) {
        match self.legs.get(&leg) {
            Some(Leg::Person(id)) => {
                let id = *id;
                if self.contacts.get(&id).is_some_and(|contact| contact.line == Line::Up) {
                    self.close(id, Gone::HungUp(EndReason::MediaLost), Close::HangUp);
                }
            }
            Some(Leg::Agent(id)) => {
                let id = *id;
                let ringing = |place: &Place| matches!(place.stage, Stage::Offered { picked_up: false, .. });
                let place = self.contacts.get(&id).and_then(|contact| contact.place.as_ref());
                if place.is_some_and(|place| !ringing(place)) {
                    self.agent_left(id, OfferResult::Unreachable, TalkEnd::Other("media-lost".into()), true);
                }
            }
            None => {}
        }
    }

    /// An agent's call is over: the offer failed, or the talk ended.
    fn agent_left(&mut self, id: ContactId, offer: OfferResult, talk: TalkEnd, hang_up: bool) {
        let Some(place) = self.contacts.get(&id).and_then(|contact| contact.place.as_ref()) else {
            return;
        };
        match place.stage {
            Stage::Waiting => {}
            Stage::Offered { .. } => self.offer_failed(id, offer, hang_up),
            Stage::Talking { .. } => self.agent_hung_up(id, talk, hang_up),
        }
    }

    pub(super) fn answering_due(&mut self, id: ContactId) {
        let reason = EndReason::SignallingFailed("the answer was never acknowledged".into());
        self.close(id, Gone::HungUp(reason), Close::HangUp);
    }

    pub(super) fn digit(&mut self, leg: LegId, key: char) {
        // What agents press is between them and the person.
        let Some(Leg::Person(id)) = self.legs.get(&leg) else { return };
        if matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')
            && let Some(contact) = self.contacts.get_mut(id)
        {
            contact.pressed(&mut self.out, key);
        }
    }

    pub(super) fn play_finished(&mut self, leg: LegId, play: PlayId) {
        let Some(Leg::Person(id)) = self.legs.get(&leg) else { return };
        let id = *id;
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some((_, sound)) = contact.sound.take_if(|(playing, _)| *playing == play) else { return };
        self.sound_ended(id, sound);
    }
}
