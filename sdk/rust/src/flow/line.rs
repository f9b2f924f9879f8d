//! What a contact stands on: the host's, or a test's script.

use super::bindings::cordboard::flow::conversation as host;
use super::{
    Address, Answer, Attribute, Channel, ContactError, EndReason, FetchError, FetchRequest, FetchResponse, LookupError,
    LookupKey, Profile, PromptPart, QueueRequest, RawQuestion, RejectCause, Treatment, ValueError, WaitStatus,
};

/// The contract's calls, one to one.
pub(super) trait Line {
    fn id(&self) -> String;
    fn channel(&self) -> Channel;
    fn origin(&self) -> Address;
    fn dialled(&self) -> Address;
    fn attribute(&self, name: &str) -> Option<String>;
    fn set_attribute(&self, name: &str, value: &str) -> Result<(), ContactError>;
    fn ring(&self) -> Result<(), ContactError>;
    fn answer(&self) -> Result<(), ContactError>;
    fn reject(&self, cause: RejectCause) -> Result<(), ContactError>;
    fn redirect(&self, target: &str) -> Result<(), ContactError>;
    fn say(&self, prompt: &[PromptPart]) -> Result<(), ContactError>;
    fn start_playing(&self, prompt: &[PromptPart], repeat: bool) -> Result<(), ContactError>;
    fn stop_playing(&self) -> Result<(), ContactError>;
    fn ask(&self, question: &RawQuestion) -> Result<Answer, ContactError>;
    fn pause(&self, duration_ms: u32) -> Result<(), ContactError>;
    fn lookup(&self, key: &LookupKey, timeout_ms: u32) -> Result<Option<Profile>, LookupError>;
    fn fetch(&self, request: &FetchRequest, timeout_ms: u32) -> Result<FetchResponse, FetchError>;
    fn load(&self, key: &str) -> Result<Option<String>, ValueError>;
    fn store(&self, key: &str, value: Option<&str>) -> Result<(), ValueError>;
    fn choose(&self, name: &str, weights: &[u32]) -> Result<u32, ContactError>;
    fn enqueue(&self, request: &QueueRequest) -> Result<Box<dyn Queued>, ContactError>;
    fn continue_as(&self, deployment: &str, attributes: &[Attribute]) -> Result<(), ContactError>;
    fn end(&self, reason: &EndReason);
}

/// A place in a queue.
pub(super) trait Queued {
    fn wait(&self, timeout_ms: u32) -> Result<WaitStatus, ContactError>;
    fn wait_with(&self, treatment: &Treatment, timeout_ms: u32) -> Result<WaitStatus, ContactError>;
    fn leave(&self);
}

impl Line for host::Contact {
    fn id(&self) -> String {
        self.id()
    }
    fn channel(&self) -> Channel {
        self.channel()
    }
    fn origin(&self) -> Address {
        self.origin()
    }
    fn dialled(&self) -> Address {
        self.dialled()
    }
    fn attribute(&self, name: &str) -> Option<String> {
        self.attribute(name)
    }
    fn set_attribute(&self, name: &str, value: &str) -> Result<(), ContactError> {
        self.set_attribute(name, value)
    }
    fn ring(&self) -> Result<(), ContactError> {
        self.ring()
    }
    fn answer(&self) -> Result<(), ContactError> {
        self.answer()
    }
    fn reject(&self, cause: RejectCause) -> Result<(), ContactError> {
        self.reject(cause)
    }
    fn redirect(&self, target: &str) -> Result<(), ContactError> {
        self.redirect(target)
    }
    fn say(&self, prompt: &[PromptPart]) -> Result<(), ContactError> {
        self.say(prompt)
    }
    fn start_playing(&self, prompt: &[PromptPart], repeat: bool) -> Result<(), ContactError> {
        self.start_playing(prompt, repeat)
    }
    fn stop_playing(&self) -> Result<(), ContactError> {
        self.stop_playing()
    }
    fn ask(&self, question: &RawQuestion) -> Result<Answer, ContactError> {
        self.ask(question)
    }
    fn pause(&self, duration_ms: u32) -> Result<(), ContactError> {
        self.pause(duration_ms)
    }
    fn lookup(&self, key: &LookupKey, timeout_ms: u32) -> Result<Option<Profile>, LookupError> {
        self.lookup(key, timeout_ms)
    }
    fn fetch(&self, request: &FetchRequest, timeout_ms: u32) -> Result<FetchResponse, FetchError> {
        self.fetch(request, timeout_ms)
    }
    fn load(&self, key: &str) -> Result<Option<String>, ValueError> {
        self.load(key)
    }
    fn store(&self, key: &str, value: Option<&str>) -> Result<(), ValueError> {
        self.store(key, value)
    }
    fn choose(&self, name: &str, weights: &[u32]) -> Result<u32, ContactError> {
        self.choose(name, weights)
    }
    fn enqueue(&self, request: &QueueRequest) -> Result<Box<dyn Queued>, ContactError> {
        self.enqueue(request).map(|waiting| Box::new(waiting) as Box<dyn Queued>)
    }
    fn continue_as(&self, deployment: &str, attributes: &[Attribute]) -> Result<(), ContactError> {
        self.continue_as(deployment, attributes)
    }
    fn end(&self, reason: &EndReason) {
        self.end(reason);
    }
}

impl Queued for host::Waiting {
    fn wait(&self, timeout_ms: u32) -> Result<WaitStatus, ContactError> {
        self.wait(timeout_ms)
    }
    fn wait_with(&self, treatment: &Treatment, timeout_ms: u32) -> Result<WaitStatus, ContactError> {
        self.wait_with(treatment, timeout_ms)
    }
    fn leave(&self) {
        self.leave();
    }
}
