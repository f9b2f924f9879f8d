//! The conversation.

use super::line::Line;
use super::{
    Address, Answer, Attribute, Channel, EndReason, Error, Fetch, FetchResponse, Lookup, Place, Profile, Prompt,
    Question, Queue, RejectCause, Result, TypeAhead, ValueError,
};
use crate::units::whole_ms;
use std::time::Duration;

/// The conversation with one person, on whatever channel it runs.
pub struct Contact(Box<dyn Line>);

impl Contact {
    pub(super) fn new(line: impl Line + 'static) -> Self {
        Self(Box::new(line))
    }

    /// The contact's identifier: the same in records, events and logs.
    pub fn id(&self) -> String {
        self.0.id()
    }

    /// How the person is connected.
    pub fn channel(&self) -> Channel {
        self.0.channel()
    }

    /// Who the contact comes from.
    pub fn origin(&self) -> Address {
        self.0.origin()
    }

    /// What the person dialled or wrote to.
    pub fn dialled(&self) -> Address {
        self.0.dialled()
    }

    /// A named value kept with the contact. It may have been set from outside.
    pub fn attribute(&self, name: &str) -> Option<String> {
        self.0.attribute(name)
    }

    /// Keeps a named value with the contact: scorers, agents and records see it.
    ///
    /// # Errors
    /// [`Error::Limit`] beyond 256 of them.
    pub fn set(&self, name: &str, value: impl AsRef<str>) -> Result<()> {
        Ok(self.0.set_attribute(name, value.as_ref())?)
    }

    /// Tells the caller's side that it rings.
    ///
    /// # Errors
    /// [`Error::NotNow`] once answered.
    pub fn ring(&self) -> Result<()> {
        Ok(self.0.ring()?)
    }

    /// Answers, and waits until the person is connected. Answering again does nothing.
    ///
    /// # Errors
    /// [`Error::Ended`] when the person is gone.
    pub fn answer(&self) -> Result<()> {
        Ok(self.0.answer()?)
    }

    /// Refuses the contact unanswered, and ends it.
    ///
    /// # Errors
    /// [`Error::NotNow`] once answered.
    pub fn reject(&self, cause: RejectCause) -> Result<()> {
        Ok(self.0.reject(cause)?)
    }

    /// Sends the caller elsewhere unanswered, to a `sip:`, `sips:` or `tel:` URI, and ends the contact.
    ///
    /// # Errors
    /// [`Error::NotNow`] once answered.
    pub fn redirect(&self, target: &str) -> Result<()> {
        Ok(self.0.redirect(target)?)
    }

    /// Says something, and waits until it was said. Answers first if nothing did.
    ///
    /// # Errors
    /// [`Error::Ended`] when the person is gone.
    pub fn say(&self, prompt: impl Into<Prompt>) -> Result<()> {
        Ok(self.0.say(&prompt.into().0)?)
    }

    /// Begins to say something and returns. Whatever is said next cuts it.
    ///
    /// # Errors
    /// [`Error::Ended`] when the person is gone.
    pub fn start_playing(&self, prompt: impl Into<Prompt>) -> Result<()> {
        Ok(self.0.start_playing(&prompt.into().0, false)?)
    }

    /// Begins to say something over and over and returns, e.g. music under a look-up. Whatever is said next cuts it.
    ///
    /// # Errors
    /// [`Error::Ended`] when the person is gone.
    pub fn start_repeating(&self, prompt: impl Into<Prompt>) -> Result<()> {
        Ok(self.0.start_playing(&prompt.into().0, true)?)
    }

    /// Ends what was begun.
    ///
    /// # Errors
    /// [`Error::Ended`] when the person is gone.
    pub fn stop_playing(&self) -> Result<()> {
        Ok(self.0.stop_playing()?)
    }

    /// Asks once and waits for an answer. Silence and what fits nothing are answers, too.
    ///
    /// # Errors
    /// [`Error::Ended`] when the person is gone.
    pub fn ask(&self, question: Question) -> Result<Answer> {
        Ok(self.0.ask(&question.raw)?)
    }

    /// Asks up to `times` until the answer is a choice (its id) or digits, and says in between what the question has for
    /// silence and for answers that fit nothing. None: there was no such answer.
    ///
    /// # Errors
    /// [`Error::Ended`] when the person is gone.
    pub fn insist(&self, mut question: Question, times: u32) -> Result<Option<String>> {
        let wording = Prompt(question.raw.prompt.clone());
        for _ in 0..times {
            let before = match self.0.ask(&question.raw)? {
                Answer::Choice(answer) | Answer::Digits(answer) => return Ok(Some(answer)),
                Answer::Silence => &question.if_silent,
                Answer::NoMatch(_) | Answer::Text(_) => {
                    // Whoever is lost starts afresh: what else was typed meant something else.
                    question.raw.type_ahead = TypeAhead::Flush;
                    &question.if_unclear
                }
            };
            question.raw.prompt = before.clone().then(wording.clone()).0;
        }
        Ok(None)
    }

    /// Does nothing for a while, at most an hour.
    ///
    /// # Errors
    /// [`Error::Ended`] when the person is gone.
    pub fn pause(&self, duration: Duration) -> Result<()> {
        Ok(self.0.pause(whole_ms(duration))?)
    }

    /// Asks a directory who the person is: `contact.lookup(("phone", number))`. A person who is unknown is an answer.
    ///
    /// # Errors
    /// [`Error::Lookup`] when the directory gave no answer, [`Error::Ended`] when the person is gone.
    pub fn lookup(&self, whom: impl Into<Lookup>) -> Result<Option<Profile>> {
        let Lookup { key, timeout_ms } = whom.into();
        Ok(self.0.lookup(&key, timeout_ms)?)
    }

    /// Sends a request to a back-end: `contact.fetch(Fetch::get("https://shop.example/hours"))`. A response of any status is a
    /// response.
    ///
    /// # Errors
    /// [`Error::Fetch`] when there is no response, [`Error::Invalid`] for what can't be sent, [`Error::Ended`] when the person is
    /// gone.
    pub fn fetch(&self, request: Fetch) -> Result<FetchResponse> {
        Ok(self.0.fetch(&request.request, request.timeout_ms)?)
    }

    /// Reads a value that this plugin stored for the tenant, in this or any other contact.
    ///
    /// # Errors
    /// Why it could not be read.
    pub fn load(&self, key: &str) -> Result<Option<String>, ValueError> {
        self.0.load(key)
    }

    /// Stores a value for the tenant: it is durable when this returns.
    ///
    /// # Errors
    /// Why it could not be kept.
    pub fn store(&self, key: &str, value: impl AsRef<str>) -> Result<(), ValueError> {
        self.0.store(key, Some(value.as_ref()))
    }

    /// Removes a stored value.
    ///
    /// # Errors
    /// Why it could not be removed.
    pub fn forget(&self, key: &str) -> Result<(), ValueError> {
        self.0.store(key, None)
    }

    /// Draws one of these by weight, the same one whenever the contact is replayed.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is nothing to draw.
    pub fn choose<'o>(&self, name: &str, options: &[(&'o str, u32)]) -> Result<&'o str> {
        let weights: Vec<u32> = options.iter().map(|(_, weight)| *weight).collect();
        let drawn = self.0.choose(name, &weights)? as usize;
        options.get(drawn).map(|(option, _)| *option).ok_or_else(|| Error::Invalid("weights".into()))
    }

    /// Takes a place in a queue. It doesn't answer by itself.
    ///
    /// # Errors
    /// [`Error::NotNow`] while another place is held, [`Error::Ended`] when the person is gone.
    pub fn enqueue(&self, queue: impl Into<Queue>) -> Result<Place<'_>> {
        Ok(Place::new(self, self.0.enqueue(&queue.into().0)?))
    }

    /// Ends this flow, and starts the flow of another deployment with these attributes set. It returns only if it fails.
    ///
    /// # Errors
    /// Why it failed.
    pub fn continue_as(&self, deployment: &str, attributes: &[(&str, &str)]) -> Result<()> {
        let attribute = |(name, value): &(&str, &str)| Attribute { name: (*name).into(), value: (*value).into() };
        Ok(self.0.continue_as(deployment, &attributes.iter().map(attribute).collect::<Vec<_>>())?)
    }

    /// Closes the person's side; what follows has five seconds to tidy up.
    pub fn end(&self, reason: EndReason) {
        self.0.end(&reason);
    }
}
