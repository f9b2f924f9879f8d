//! `cordboard:flow@0.1.0`: the host side of the conversation, each call one [`Request`].

#[allow(missing_docs, unreachable_pub, clippy::pedantic, clippy::unwrap_used, clippy::expect_used)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/flow/0.1.0",
        world: "cordboard:flow/flow",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "wasi:config": crate::bindings::wasi::config,
            "wasi:logging": crate::bindings::wasi::logging,
            "cordboard:flow/conversation.contact": crate::flow::ContactHandle,
            "cordboard:flow/conversation.waiting": crate::flow::WaitingHandle,
        },
    });
}

mod convert;

pub(crate) use generated::FlowPre;
pub(crate) use generated::cordboard::flow::{conversation, types};

use crate::flow::{ContactHandle, FlowPort, WaitingHandle};
use crate::guest::Guest;
use convert as c;
use cordboard_core::flow::{self as core, Request};
use types as t;
use wasmtime::Result;
use wasmtime::component::Resource;

type Contact = Resource<ContactHandle>;
type Waiting = Resource<WaitingHandle>;

/// Why a flow ended, in the core's form.
pub(crate) fn flow_end(reason: t::EndReason) -> core::FlowEnd {
    c::end_reason(reason)
}

impl Guest<FlowPort> {
    /// A call whose only answer is that it was done.
    async fn plain(&mut self, request: Request) -> Result<Result<(), t::ContactError>> {
        Ok(c::done(self.call(request).await?.reply))
    }

    async fn wait_for(
        &mut self,
        place: &Waiting,
        treatment: Option<core::Treatment>,
        timeout_ms: u32,
    ) -> Result<Result<t::WaitStatus, t::ContactError>> {
        let waiting = self.table.get(place)?.entry;
        Ok(c::waited(self.call(Request::Wait { waiting, treatment, timeout_ms }).await?.reply))
    }
}

impl t::Host for Guest<FlowPort> {}
impl conversation::Host for Guest<FlowPort> {}

impl conversation::HostContact for Guest<FlowPort> {
    async fn id(&mut self, _: Contact) -> Result<String> {
        Ok(self.role.contact().to_string())
    }

    async fn channel(&mut self, _: Contact) -> Result<t::Channel> {
        Ok(c::channel(self.role.channel()))
    }

    async fn origin(&mut self, _: Contact) -> Result<t::Address> {
        Ok(c::address(self.role.origin()))
    }

    async fn dialled(&mut self, _: Contact) -> Result<t::Address> {
        Ok(c::address(self.role.dialled()))
    }

    async fn attribute(&mut self, _: Contact, name: String) -> Result<Option<String>> {
        Ok(c::attribute(self.call(Request::Attribute(name)).await?.reply))
    }

    async fn set_attribute(&mut self, _: Contact, name: String, value: String) -> Result<Result<(), t::ContactError>> {
        self.plain(Request::SetAttribute(name, value)).await
    }

    async fn ring(&mut self, _: Contact) -> Result<Result<(), t::ContactError>> {
        self.plain(Request::Ring).await
    }

    async fn answer(&mut self, _: Contact) -> Result<Result<(), t::ContactError>> {
        self.plain(Request::Answer).await
    }

    async fn reject(&mut self, _: Contact, cause: t::RejectCause) -> Result<Result<(), t::ContactError>> {
        self.plain(Request::Reject(c::reject_cause(cause))).await
    }

    async fn redirect(&mut self, _: Contact, target: String) -> Result<Result<(), t::ContactError>> {
        self.plain(Request::Redirect(target)).await
    }

    async fn say(&mut self, _: Contact, prompt: t::Prompt) -> Result<Result<(), t::ContactError>> {
        self.plain(Request::Say(c::prompt(prompt))).await
    }

    async fn start_playing(
        &mut self,
        _: Contact,
        prompt: t::Prompt,
        repeat: bool,
    ) -> Result<Result<(), t::ContactError>> {
        self.plain(Request::StartPlaying { prompt: c::prompt(prompt), repeat }).await
    }

    async fn stop_playing(&mut self, _: Contact) -> Result<Result<(), t::ContactError>> {
        self.plain(Request::StopPlaying).await
    }

    async fn ask(&mut self, _: Contact, question: t::Question) -> Result<Result<t::Answer, t::ContactError>> {
        match c::question(question) {
            Ok(question) => Ok(c::answered(self.call(Request::Ask(question)).await?.reply)),
            Err(text) => Ok(Err(t::ContactError::Invalid(text))),
        }
    }

    async fn pause(&mut self, _: Contact, duration_ms: u32) -> Result<Result<(), t::ContactError>> {
        self.plain(Request::Pause { duration_ms }).await
    }

    async fn lookup(
        &mut self,
        _: Contact,
        key: t::LookupKey,
        timeout_ms: u32,
    ) -> Result<Result<Option<t::Profile>, t::LookupError>> {
        match c::lookup_key(key) {
            Ok(key) => Ok(c::looked_up(self.call(Request::Lookup { key, timeout_ms }).await?.reply)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn load(&mut self, _: Contact, key: String) -> Result<Result<Option<String>, t::ValueError>> {
        Ok(c::loaded(self.call(Request::LoadValue(key)).await?.reply))
    }

    async fn store(&mut self, _: Contact, key: String, value: Option<String>) -> Result<Result<(), t::ValueError>> {
        Ok(c::stored(self.call(Request::StoreValue(key, value)).await?.reply))
    }

    async fn choose(&mut self, _: Contact, name: String, weights: Vec<u32>) -> Result<Result<u32, t::ContactError>> {
        Ok(c::chosen(self.call(Request::Choose { name, weights }).await?.reply))
    }

    async fn enqueue(&mut self, _: Contact, request: t::QueueRequest) -> Result<Result<Waiting, t::ContactError>> {
        let answered = self.call(Request::Enqueue(c::queue_request(request))).await?;
        match c::enqueued(answered.reply) {
            Ok(()) => Ok(Ok(self.table.push(WaitingHandle { entry: answered.entry })?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn continue_as(
        &mut self,
        _: Contact,
        deployment: String,
        attributes: Vec<t::Attribute>,
    ) -> Result<Result<(), t::ContactError>> {
        self.plain(Request::ContinueAs { deployment, attributes: c::attributes(attributes) }).await
    }

    async fn end(&mut self, _: Contact, reason: t::EndReason) -> Result<()> {
        // `end` has no error to return: whatever the reply, the person's side is closed or already was.
        self.call(Request::End(c::end_reason(reason))).await.map(|_| ())
    }

    async fn drop(&mut self, contact: Contact) -> Result<()> {
        self.table.delete(contact)?;
        Ok(())
    }
}

impl conversation::HostWaiting for Guest<FlowPort> {
    async fn wait(&mut self, place: Waiting, timeout_ms: u32) -> Result<Result<t::WaitStatus, t::ContactError>> {
        self.wait_for(&place, None, timeout_ms).await
    }

    async fn wait_with(
        &mut self,
        place: Waiting,
        treatment: t::Treatment,
        timeout_ms: u32,
    ) -> Result<Result<t::WaitStatus, t::ContactError>> {
        self.wait_for(&place, Some(c::treatment(treatment)), timeout_ms).await
    }

    async fn leave(&mut self, place: Waiting) -> Result<()> {
        let waiting = self.table.get(&place)?.entry;
        self.call(Request::Leave { waiting }).await.map(|_| ())
    }

    async fn drop(&mut self, place: Waiting) -> Result<()> {
        // Dropping a handle never acts on the world; only `leave` does.
        self.table.delete(place)?;
        Ok(())
    }
}
