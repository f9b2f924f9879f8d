//! Waiting for an agent, and what is heard meanwhile (journal rule 7: an hour's wait is one entry).

use super::Board;
use super::contact::{Contact, Driver, Line, Parked, Place, SafeStage, Sound, Stage};
use super::requests::not_now;
use super::timers::Timer;
use crate::flow::{Prompt, PromptPart, Reply, Treatment, WaitStatus};
use crate::ids::ContactId;

/// When a wait's time has passed while an agent's answer waits for the person's line: the talk is about to begin.
const CONNECTING_MS: u64 = 1_000;

impl Board {
    pub(super) fn wait(
        &mut self,
        id: ContactId,
        entry: u64,
        waiting: u64,
        treatment: Option<Treatment>,
        timeout_ms: u32,
    ) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let out = &mut self.out;
        if let Some((_, status)) = contact.settled.take_if(|(settled, _)| *settled == waiting) {
            contact.answer(out, entry, Reply::Waited(status));
            return;
        }
        if contact.place.as_ref().is_none_or(|place| place.entry != Some(waiting)) {
            contact.answer(out, entry, not_now("this place is not held any more"));
            return;
        }
        if contact.talking() {
            // Rule 22: the time-out bounds waiting, not talking.
            contact.park(out, entry, Parked::Wait { treatment }, None);
            return;
        }
        let every_ms = treatment.as_ref().map_or(0, |treatment| treatment.announce_position_every_ms);
        contact.park(out, entry, Parked::Wait { treatment }, Some(timeout_ms.into()));
        if every_ms > 0 {
            out.timers.set(Timer::Announce(id), out.now.plus_ms(every_ms.into()));
        }
        self.treat(id);
    }

    /// The time of the wait that the flow is parked in has passed.
    pub(super) fn wait_due(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let Some(place) = &contact.place else { return };
        match place.stage {
            Stage::Talking { .. } => {}
            Stage::Offered { picked_up: true, .. } => {
                self.out.timers.set(Timer::Call(id), self.out.now.plus_ms(CONNECTING_MS));
            }
            Stage::Waiting | Stage::Offered { picked_up: false, .. } => {
                let status = self.place_of(contact).map(WaitStatus::StillWaiting);
                if let (Some(status), Some(contact)) = (status, self.contacts.get_mut(&id)) {
                    contact.end_wait(&mut self.out, status);
                }
            }
        }
    }

    /// Plays the music of who waits, if there is any.
    pub(super) fn treat(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id).filter(|contact| contact.line == Line::Up) else { return };
        let Some(name) = music(contact, &self.queues) else { return };
        contact.play(&mut self.out, Sound::Music, Prompt(vec![PromptPart::Recording(name)]), true);
    }

    /// Tells the position, and again after a while.
    pub(super) fn announce(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let Some(Parked::Wait { treatment: Some(treatment) }) = contact.parked() else { return };
        let every_ms = treatment.announce_position_every_ms;
        let Some(place) = self.place_of(contact).filter(|_| every_ms > 0 && !contact.talking()) else { return };
        self.out.timers.set(Timer::Announce(id), self.out.now.plus_ms(every_ms.into()));
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let prompt = Prompt(vec![
            PromptPart::Text("You are number".into()),
            PromptPart::Number(place.position.into()),
            PromptPart::Text("in the queue.".into()),
        ]);
        contact.play(&mut self.out, Sound::Announcement, prompt, false);
    }
}

/// The recording that the person is to hear now, if any.
fn music(
    contact: &Contact,
    queues: &std::collections::BTreeMap<crate::ids::QueueName, super::QueueLine>,
) -> Option<String> {
    let place: &Place = contact.place.as_ref()?;
    if contact.talking() {
        return None;
    }
    let of_queue = || queues.get(&place.queue)?.queue.music.clone();
    match &contact.driver {
        Driver::Flow(_) => match contact.parked()? {
            Parked::Wait { treatment: Some(treatment) } => treatment.music.clone().or_else(of_queue),
            Parked::Wait { treatment: None }
            | Parked::Durable { .. }
            | Parked::Answer
            | Parked::Speech(_)
            | Parked::Say
            | Parked::Ask(_)
            | Parked::Pause
            | Parked::Lookup { .. }
            | Parked::Value { .. }
            | Parked::Fetch { .. } => None,
        },
        Driver::Safe(SafeStage::Waiting) => of_queue(),
        Driver::Safe(SafeStage::Answering | SafeStage::Apology | SafeStage::Talking | SafeStage::Goodbye)
        | Driver::Over => None,
    }
}
