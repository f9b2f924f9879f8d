//! What the versions of `cordboard:flow` have in common: the calls that are the same in each, their conversions
//! (`convert.rs`, which each version includes for its own types), and a flow of whichever version.

use super::{flow_0_1_0, flow_0_2_0};
use crate::flow::{ContactHandle, FlowPort, WaitingHandle};
use crate::guest::Guest;
use cordboard_core::flow::{FlowEnd, Reply, Request, Treatment};
use wasmtime::component::{InstancePre, Resource};
use wasmtime::{Result, Store};

type Role = Guest<FlowPort>;

/// The calls of `contact` that are the same in every version, as part of its `HostContact`. Whoever uses it has the
/// version's types as `t`, their conversions as `c`, and the names `Contact` and `Waiting`.
macro_rules! calls_of_contact {
    () => {
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
            Ok(c::attribute(self.reply_to(Request::Attribute(name)).await?))
        }

        async fn set_attribute(
            &mut self,
            _: Contact,
            name: String,
            value: String,
        ) -> Result<Result<(), t::ContactError>> {
            Ok(c::done(self.reply_to(Request::SetAttribute(name, value)).await?))
        }

        async fn ring(&mut self, _: Contact) -> Result<Result<(), t::ContactError>> {
            Ok(c::done(self.reply_to(Request::Ring).await?))
        }

        async fn answer(&mut self, _: Contact) -> Result<Result<(), t::ContactError>> {
            Ok(c::done(self.reply_to(Request::Answer).await?))
        }

        async fn reject(&mut self, _: Contact, cause: t::RejectCause) -> Result<Result<(), t::ContactError>> {
            Ok(c::done(self.reply_to(Request::Reject(c::reject_cause(cause))).await?))
        }

        async fn redirect(&mut self, _: Contact, target: String) -> Result<Result<(), t::ContactError>> {
            Ok(c::done(self.reply_to(Request::Redirect(target)).await?))
        }

        async fn say(&mut self, _: Contact, prompt: t::Prompt) -> Result<Result<(), t::ContactError>> {
            Ok(c::done(self.reply_to(Request::Say(c::prompt(prompt))).await?))
        }

        async fn start_playing(
            &mut self,
            _: Contact,
            prompt: t::Prompt,
            repeat: bool,
        ) -> Result<Result<(), t::ContactError>> {
            Ok(c::done(self.reply_to(Request::StartPlaying { prompt: c::prompt(prompt), repeat }).await?))
        }

        async fn stop_playing(&mut self, _: Contact) -> Result<Result<(), t::ContactError>> {
            Ok(c::done(self.reply_to(Request::StopPlaying).await?))
        }

        async fn ask(&mut self, _: Contact, question: t::Question) -> Result<Result<t::Answer, t::ContactError>> {
            match c::question(question) {
                Ok(question) => Ok(c::answered(self.reply_to(Request::Ask(question)).await?)),
                Err(text) => Ok(Err(t::ContactError::Invalid(text))),
            }
        }

        async fn pause(&mut self, _: Contact, duration_ms: u32) -> Result<Result<(), t::ContactError>> {
            Ok(c::done(self.reply_to(Request::Pause { duration_ms }).await?))
        }

        async fn lookup(
            &mut self,
            _: Contact,
            key: t::LookupKey,
            timeout_ms: u32,
        ) -> Result<Result<Option<t::Profile>, t::LookupError>> {
            match c::lookup_key(key) {
                Ok(key) => Ok(c::looked_up(self.reply_to(Request::Lookup { key, timeout_ms }).await?)),
                Err(error) => Ok(Err(error)),
            }
        }

        async fn load(&mut self, _: Contact, key: String) -> Result<Result<Option<String>, t::ValueError>> {
            Ok(c::loaded(self.reply_to(Request::LoadValue(key)).await?))
        }

        async fn store(&mut self, _: Contact, key: String, value: Option<String>) -> Result<Result<(), t::ValueError>> {
            Ok(c::stored(self.reply_to(Request::StoreValue(key, value)).await?))
        }

        async fn choose(
            &mut self,
            _: Contact,
            name: String,
            weights: Vec<u32>,
        ) -> Result<Result<u32, t::ContactError>> {
            Ok(c::chosen(self.reply_to(Request::Choose { name, weights }).await?))
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
            Ok(c::done(self.reply_to(Request::ContinueAs { deployment, attributes: c::attributes(attributes) }).await?))
        }

        async fn end(&mut self, _: Contact, reason: t::EndReason) -> Result<()> {
            // `end` has no error to return: whatever the reply, the person's side is closed or already was.
            self.call(Request::End(c::end_reason(reason))).await.map(|_| ())
        }

        async fn drop(&mut self, contact: Contact) -> Result<()> {
            self.table.delete(contact)?;
            Ok(())
        }
    };
}

/// Those of `waiting`, likewise.
macro_rules! calls_of_waiting {
    () => {
        async fn wait(&mut self, place: Waiting, timeout_ms: u32) -> Result<Result<t::WaitStatus, t::ContactError>> {
            Ok(c::waited(self.reply_to_wait(&place, None, timeout_ms).await?))
        }

        async fn wait_with(
            &mut self,
            place: Waiting,
            treatment: t::Treatment,
            timeout_ms: u32,
        ) -> Result<Result<t::WaitStatus, t::ContactError>> {
            Ok(c::waited(self.reply_to_wait(&place, Some(c::treatment(treatment)), timeout_ms).await?))
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
    };
}

pub(crate) use {calls_of_contact, calls_of_waiting};

impl Role {
    pub(super) async fn reply_to(&mut self, request: Request) -> Result<Reply> {
        Ok(self.call(request).await?.reply)
    }

    pub(super) async fn reply_to_wait(
        &mut self,
        place: &Resource<WaitingHandle>,
        treatment: Option<Treatment>,
        timeout_ms: u32,
    ) -> Result<Reply> {
        let waiting = self.table.get(place)?.entry;
        self.reply_to(Request::Wait { waiting, treatment, timeout_ms }).await
    }
}

/// A flow of whichever version, ready to be instantiated.
pub(crate) enum FlowPre {
    V0_1_0(flow_0_1_0::FlowPre<Role>),
    V0_2_0(flow_0_2_0::FlowPre<Role>),
}

/// An instance of it.
pub(crate) enum Flow {
    V0_1_0(flow_0_1_0::Flow),
    V0_2_0(flow_0_2_0::Flow),
}

impl FlowPre {
    /// Of the contract that the component was built for.
    pub(crate) fn new(pre: InstancePre<Role>, contract: &str) -> Result<Self> {
        match contract {
            "cordboard:flow@0.1.0" => flow_0_1_0::FlowPre::new(pre).map(Self::V0_1_0),
            _ => flow_0_2_0::FlowPre::new(pre).map(Self::V0_2_0),
        }
    }

    pub(crate) fn instance_pre(&self) -> &InstancePre<Role> {
        match self {
            Self::V0_1_0(pre) => pre.instance_pre(),
            Self::V0_2_0(pre) => pre.instance_pre(),
        }
    }

    pub(crate) async fn instantiate(&self, store: &mut Store<Role>) -> Result<Flow> {
        match self {
            Self::V0_1_0(pre) => pre.instantiate_async(store).await.map(Flow::V0_1_0),
            Self::V0_2_0(pre) => pre.instantiate_async(store).await.map(Flow::V0_2_0),
        }
    }
}

impl Flow {
    /// The whole conversation: how it ended, or the guest's own error.
    pub(crate) async fn run(
        &self,
        store: &mut Store<Role>,
        contact: Resource<ContactHandle>,
    ) -> Result<Result<FlowEnd, String>> {
        match self {
            Self::V0_1_0(flow) => {
                let returned = flow.cordboard_flow_guest().call_run(store, contact).await?;
                Ok(returned.map(flow_0_1_0::flow_end))
            }
            Self::V0_2_0(flow) => {
                let returned = flow.cordboard_flow_guest().call_run(store, contact).await?;
                Ok(returned.map(flow_0_2_0::flow_end))
            }
        }
    }
}
