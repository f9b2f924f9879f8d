//! Calls: who talks with whom, and that all of them end.

use super::{Held, Leg, Watch, holds};
use cordboard_core::board::{Effect, Input};
use cordboard_core::ids::{AgentId, ContactId, LegId};
use cordboard_core::time::Timestamp;

impl Leg {
    pub(super) const fn new(contact: ContactId, agent: Option<AgentId>, now: Timestamp) -> Self {
        let (answering, up, over) = (false, false, false);
        Self { contact, agent, answering, up, over, bridged: None, playing: None, quiet_since: now }
    }
}

impl Watch {
    /// What the network tells of a call.
    pub(super) fn heard(&mut self, input: &Input) {
        let now = self.now;
        match input {
            Input::LegAnswered(leg) => {
                let answers = |leg: &&mut Leg| !leg.over && (leg.answering || leg.agent.is_some());
                if let Some(leg) = self.legs.get_mut(leg).filter(answers) {
                    leg.up = true;
                    leg.quiet_since = now;
                }
            }
            Input::LegFailed(leg, _) | Input::LegEnded { leg, .. } => self.leg_over(*leg),
            Input::Digit(leg, key) => {
                if let Some(leg) = self.legs.get_mut(leg) {
                    leg.quiet_since = now;
                    let person = leg.agent.is_none() && leg.up && !leg.over;
                    let known = matches!(key, '0'..='9' | '*' | '#' | 'A'..='D');
                    if let Some(contact) = self.contacts.get_mut(&leg.contact).filter(|_| person && known) {
                        contact.pressed.push(*key);
                    }
                }
            }
            Input::PlayFinished { leg, play } => {
                if let Some(leg) = self.legs.get_mut(leg)
                    && leg.playing.take_if(|playing| playing == play).is_some()
                {
                    leg.quiet_since = now;
                }
            }
            _ => {}
        }
    }

    pub(super) fn call(&mut self, effect: &Effect) -> Held {
        match effect {
            Effect::RingLeg(leg) => {
                let leg = self.open(*leg)?;
                holds(!leg.up && !leg.answering, "a call rings before it is answered", || format!("{leg:?}"))
            }
            Effect::AnswerLeg(leg) => {
                let leg = self.open(*leg)?;
                let first = !leg.up && !std::mem::replace(&mut leg.answering, true);
                holds(first && leg.agent.is_none(), "a call is answered once", || format!("{leg:?}"))
            }
            Effect::RejectLeg { leg, .. } if self.offered == Some(*leg) => {
                self.offered = None;
                Ok(())
            }
            Effect::RejectLeg { leg, .. } | Effect::RedirectLeg { leg, .. } => {
                let open = self.open(*leg)?;
                holds(!open.up && !open.answering, "an answered call is not refused", || format!("{open:?}"))?;
                self.leg_over(*leg);
                Ok(())
            }
            Effect::HangUpLeg(leg) => {
                self.open(*leg)?;
                self.leg_over(*leg);
                Ok(())
            }
            Effect::Bridge(person, agent) => self.bridge(*person, *agent),
            Effect::Unbridge(person, agent) => self.part(*person, *agent),
            Effect::Play { leg, play, .. } => {
                let leg = self.open(*leg)?;
                leg.playing = Some(*play);
                holds(leg.up && leg.bridged.is_none(), "one plays to a call that is up and talks to nobody", || {
                    format!("{leg:?}")
                })
            }
            Effect::StopPlay { leg, play } => {
                let now = self.now;
                let leg = self.open(*leg)?;
                leg.quiet_since = now;
                let stopped = leg.playing.take();
                holds(stopped == Some(*play), "one stops what plays", || format!("{play} of {stopped:?}"))
            }
            _ => Ok(()),
        }
    }

    /// A call that is not over.
    fn open(&mut self, id: LegId) -> Result<&mut Leg, super::Broken> {
        match self.legs.get_mut(&id) {
            Some(leg) if !leg.over => Ok(leg),
            Some(leg) => Err(super::Broken { invariant: "a call ends once", detail: format!("leg {id}: {leg:?}") }),
            None => Err(super::Broken { invariant: "nothing is done to an unknown call", detail: format!("leg {id}") }),
        }
    }

    fn bridge(&mut self, person: LegId, agent: LegId) -> Held {
        let (a, b) = (self.open(person)?.clone(), self.open(agent)?.clone());
        let fit = a.agent.is_none() && b.agent.is_some() && a.contact == b.contact;
        holds(fit, "a bridge is between a contact's person and agent", || format!("{a:?}, {b:?}"))?;
        holds(a.up && b.up, "a bridge is between calls that are up", || format!("{a:?}, {b:?}"))?;
        holds(a.bridged.is_none() && b.bridged.is_none(), "a call is bridged to one other", || {
            format!("{a:?}, {b:?}")
        })?;
        let silent = a.playing.is_none() && b.playing.is_none();
        holds(silent, "what plays is stopped before a bridge", || format!("{a:?}, {b:?}"))?;
        self.open(person)?.bridged = Some(agent);
        self.open(agent)?.bridged = Some(person);
        Ok(())
    }

    /// One side may be over already: the other is told to part all the same.
    fn part(&mut self, person: LegId, agent: LegId) -> Held {
        let bridged = |id| self.legs.get(&id).and_then(|leg| leg.bridged);
        let were = (bridged(person), bridged(agent));
        holds(were == (Some(agent), Some(person)), "only who is bridged is parted", || format!("{were:?}"))?;
        for leg in [person, agent] {
            if let Some(leg) = self.legs.get_mut(&leg) {
                leg.bridged = None;
            }
        }
        Ok(())
    }

    pub(super) fn ring_agent(&mut self, leg: LegId, agent: &AgentId, id: ContactId) -> Held {
        holds(leg.0 >> 63 == 1 && !self.legs.contains_key(&leg), "a name is used once", || format!("leg {leg}"))?;
        let popped = self.live(id)?.popped.take();
        holds(popped.as_ref() == Some(agent), "the screen pops before the phone rings", || {
            format!("{id} rings {agent}, popped for {popped:?}")
        })?;
        let other = self.busy.get(agent).copied();
        holds(other.is_none(), "an agent serves one contact", || format!("{agent} has leg {other:?}, gets {leg}"))?;
        let before = self.live(id)?.agent_leg.replace(leg);
        holds(before.is_none(), "a contact is offered to one agent", || format!("{id} has leg {before:?}"))?;
        self.busy.insert(agent.clone(), leg);
        // Whether or not anybody looks meanwhile, their time begins anew.
        self.idle_pairs.retain(|(contact, other), _| *contact != id && other != agent);
        self.legs.insert(leg, Leg::new(id, Some(agent.clone()), self.now));
        Ok(())
    }

    /// A call is over, whoever ended it.
    pub(super) fn leg_over(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| !leg.over) else { return };
        leg.over = true;
        leg.playing = None;
        let contact = self.contacts.get_mut(&leg.contact);
        match &leg.agent {
            Some(agent) => {
                self.busy.remove(agent);
                if let Some(contact) = contact {
                    contact.agent_leg.take_if(|current| *current == id);
                }
            }
            None => {
                if let Some(contact) = contact {
                    contact.gone.get_or_insert(self.now);
                }
            }
        }
    }
}
