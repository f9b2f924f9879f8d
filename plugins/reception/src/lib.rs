//! Reception: the flow that answers a bank's telephone. It greets the caller by name, reads out balance and payment,
//! and hands over to an agent on request.
//!
//! Read [`dialogue`] first: it is the whole conversation, written as straight-line code against the trait
//! [`dialogue::Conversation`]. Here is only what joins it to the flow contract (`wit/flow`).

mod dialogue;
mod settings;
#[cfg(test)]
mod tests;

mod bindings {
    #![allow(unsafe_code, reason = "generated: the component model's calling convention")]
    #![allow(clippy::all, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "generated")]
    wit_bindgen::generate!({
        path: "../../wit/flow/0.2.0",
        world: "flow",
        generate_all,
        additional_derives: [Clone, PartialEq],
    });
    // A native linker doesn't take the names of the exports.
    #[cfg(target_arch = "wasm32")]
    export!(Reception with_types_in self);
    #[cfg(target_arch = "wasm32")]
    use super::Reception;
}

use bindings::cordboard::flow::conversation::{Contact, Waiting};
use bindings::cordboard::flow::types::{
    Answer, ContactError, EndReason, LookupError, LookupKey, Profile, PromptPart, Question, QueueRequest, Treatment,
    WaitStatus,
};
use bindings::exports::cordboard::flow::guest::Guest;
use bindings::wasi::config::store;

/// What the component exports.
#[derive(Debug)]
pub struct Reception;

impl Guest for Reception {
    fn run(contact: Contact) -> Result<EndReason, String> {
        let pairs = store::get_all().map_err(|error| format!("configuration: {error}"))?;
        dialogue::run(&contact, &settings::Settings::read(&pairs)?)
    }
}

impl dialogue::Conversation for Contact {
    type Place = Waiting;

    fn caller_number(&self) -> Option<String> {
        self.origin().number
    }
    fn set_attribute(&self, name: &str, value: &str) -> Result<(), ContactError> {
        self.set_attribute(name, value)
    }
    fn ring(&self) -> Result<(), ContactError> {
        self.ring()
    }
    fn say(&self, prompt: &[PromptPart]) -> Result<(), ContactError> {
        self.say(prompt)
    }
    fn ask(&self, question: &Question) -> Result<Answer, ContactError> {
        self.ask(question)
    }
    fn lookup(&self, key: &LookupKey, timeout_ms: u32) -> Result<Option<Profile>, LookupError> {
        self.lookup(key, timeout_ms)
    }
    fn enqueue(&self, request: &QueueRequest) -> Result<Waiting, ContactError> {
        self.enqueue(request)
    }
    fn wait(&self, place: &Waiting, treatment: &Treatment, timeout_ms: u32) -> Result<WaitStatus, ContactError> {
        place.wait_with(treatment, timeout_ms)
    }
    fn leave(&self, place: &Waiting) {
        place.leave();
    }
}
