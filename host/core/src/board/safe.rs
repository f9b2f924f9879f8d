//! The safe flow (journal rule 16, the last rung): what happens to the person when a flow fails. An apology, the
//! fallback queue, an agent; nothing here needs a plugin. A place or a talk that there is stays as it is. One
//! descent for each contact: from here on no flow runs for it.

use super::Board;
use super::contact::{Contact, Driver, Line, SafeStage, Sound};
use super::ending::{Close, Gone};
use super::speech::words;
use super::timers::Timer;
use crate::event::What;
use crate::flow::{Prompt, PromptPart};
use crate::ids::{ContactId, QueueName};
use crate::journal::External;
use crate::record::EndReason;

/// How long the safe flow's words may last: a third of it would do. Whose end was lost goes on all the same.
const SPOKEN_MS: u64 = 30_000;

impl Board {
    /// The flow failed, and its run is over: the safe flow takes over.
    pub(super) fn step_down(&mut self, id: ContactId, reason: String) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let queue = match &contact.place {
            Some(place) => Some(place.queue.clone()),
            None => self.fallback(contact),
        };
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.ledger.external(&mut self.out, External::SteppedDown(reason.clone()));
        contact.stepped_down = Some(reason.clone());
        contact.settled = None;
        contact.keys.clear();
        contact.tell(&mut self.out, What::SteppedDown { reason, queue });
        if contact.talking() {
            contact.driver = Driver::Safe(SafeStage::Talking);
            return;
        }
        contact.driver = Driver::Safe(SafeStage::Answering);
        match contact.line {
            Line::Offered => contact.pick_up(&mut self.out),
            Line::Answering => {}
            Line::Up => self.apologise(id),
            Line::Gone => self.finish(id),
        }
    }

    /// The person is connected.
    pub(super) fn apologise(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let goes_on = contact.place.is_some() || self.fallback(contact).is_some();
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.driver = Driver::Safe(SafeStage::Apology);
        let mut apology = vec!["We are sorry, something went wrong."];
        if goes_on {
            apology.push("We are connecting you to an agent.");
        }
        contact.say_safely(&mut self.out, &apology);
    }

    /// What the safe flow said was heard, or should have been long ago.
    pub(super) fn safe_spoken(&mut self, id: ContactId, stage: SafeStage) {
        self.out.timers.cancel(&Timer::Call(id));
        if let (SafeStage::Apology, Some(contact)) = (stage, self.contacts.get_mut(&id)) {
            contact.hush(&mut self.out);
        }
        match stage {
            SafeStage::Apology => self.safe_enqueue(id),
            SafeStage::Goodbye => {
                let reason = self.contacts.get(&id).and_then(|contact| contact.stepped_down.clone());
                let reason = EndReason::Failed(reason.unwrap_or_default());
                self.close(id, Gone::Flow(reason), Close::HangUp);
            }
            SafeStage::Answering | SafeStage::Waiting | SafeStage::Talking => {}
        }
    }

    /// Waits for an agent, without limit: in the place that there is, else in the fallback queue, even if it is full
    /// (`max_contacts` bounds it). Without a queue, the person is told goodbye.
    pub(super) fn safe_enqueue(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let queue = if contact.place.is_some() { None } else { self.fallback(contact) };
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if contact.place.is_none() && queue.is_none() {
            contact.driver = Driver::Safe(SafeStage::Goodbye);
            contact.hush(&mut self.out);
            contact.say_safely(&mut self.out, &["Thank you for calling.", "Goodbye."]);
            return;
        }
        contact.driver = Driver::Safe(SafeStage::Waiting);
        if let Some(queue) = queue {
            self.take_place(id, queue, None, 0, Vec::new());
        }
        self.treat(id);
    }

    /// The entry point's queue, else the tenant's.
    fn fallback(&self, contact: &Contact) -> Option<QueueName> {
        let queues = [contact.fallback_queue.as_ref(), self.settings.default_queue.as_ref()];
        queues.into_iter().flatten().find(|name| self.queues.contains_key(*name)).cloned()
    }
}

impl Contact {
    fn say_safely(&mut self, out: &mut super::out::Out, sentences: &[&str]) {
        let prompt = Prompt(sentences.iter().map(|text| PromptPart::Text((*text).into())).collect());
        self.tell(out, What::Said { text: words(&prompt) });
        self.play(out, Sound::Speech, prompt, false);
        out.timers.set(Timer::Call(self.id), out.now.plus_ms(SPOKEN_MS));
    }
}
