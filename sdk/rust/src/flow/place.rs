//! Waiting for an agent.

use super::line::Queued;
use super::{Contact, Error, Prompt, QueueRequest, Result, SkillRequirement, Treatment, WaitStatus};
use crate::units::whole_ms;
use std::cell::Cell;
use std::time::Duration;

/// What to wait for: a queue's name, or one with a priority and skills.
#[derive(Clone, Debug, PartialEq)]
pub struct Queue(pub(super) QueueRequest);

impl Queue {
    /// The queue of this name.
    pub fn named(name: impl Into<String>) -> Self {
        Self(QueueRequest { queue: name.into(), priority: 0, skills: Vec::new() })
    }

    /// Higher is served first: -1000 to 1000, 0 if nothing is said.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.0.priority = priority;
        self
    }

    /// A skill the agent must have, at a level of 1 to 10, beside those the queue asks for.
    #[must_use]
    pub fn skill(mut self, name: &str, min_level: u8) -> Self {
        self.0.skills.push(SkillRequirement { name: name.into(), min_level });
        self
    }
}

impl From<&str> for Queue {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

impl From<String> for Queue {
    fn from(name: String) -> Self {
        Self::named(name)
    }
}

/// How much of a prompt was heard by someone who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// All of it.
    Whole,
    /// An agent answered meanwhile: the next wait returns after the talk.
    Cut,
}

/// A place in a queue. Dropping it leaves the queue, unless the talk has been or the person is gone.
pub struct Place<'c> {
    contact: &'c Contact,
    queued: Box<dyn Queued>,
    treatment: Option<Treatment>,
    over: Cell<bool>,
}

impl<'c> Place<'c> {
    pub(super) fn new(contact: &'c Contact, queued: Box<dyn Queued>) -> Self {
        Self { contact, queued, treatment: None, over: Cell::new(false) }
    }

    fn treatment(&mut self) -> &mut Treatment {
        self.treatment.get_or_insert(Treatment { music: None, announce_position_every_ms: 0 })
    }

    /// The host says the position so often: 5 s to 10 minutes.
    #[must_use]
    pub fn announcing(mut self, every: Duration) -> Self {
        self.treatment().announce_position_every_ms = whole_ms(every);
        self
    }

    /// The host plays this recording meanwhile, instead of the queue's music.
    #[must_use]
    pub fn music(mut self, recording: &str) -> Self {
        self.treatment().music = Some(recording.into());
        self
    }

    /// Waits for an agent, 0.1 s to an hour. The time bounds the waiting, not the talk: when an agent answers, it returns
    /// after the talk. Wait again as long as it is still waiting.
    ///
    /// # Errors
    /// [`Error::Ended`] when the person is gone.
    pub fn wait(&self, duration: Duration) -> Result<WaitStatus> {
        let timeout_ms = whole_ms(duration);
        let waited = match &self.treatment {
            Some(treatment) => self.queued.wait_with(treatment, timeout_ms),
            None => self.queued.wait(timeout_ms),
        };
        self.note(waited.map_err(Error::from))
    }

    /// Says something to the person who waits.
    ///
    /// # Errors
    /// [`Error::Ended`] when the person is gone.
    pub fn say(&self, prompt: impl Into<Prompt>) -> Result<Heard> {
        match self.contact.say(prompt) {
            Ok(()) => Ok(Heard::Whole),
            Err(Error::Connected) => Ok(Heard::Cut),
            Err(error) => {
                self.over.set(self.over.get() || error.ends());
                Err(error)
            }
        }
    }

    /// Gives up the place. An agent who answers just now keeps it.
    pub fn leave(&self) {
        if !self.over.replace(true) {
            self.queued.leave();
        }
    }

    fn note(&self, waited: Result<WaitStatus>) -> Result<WaitStatus> {
        match &waited {
            Ok(WaitStatus::StillWaiting(_)) => {}
            Ok(_) => self.over.set(true),
            Err(error) => self.over.set(self.over.get() || error.ends()),
        }
        waited
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}
