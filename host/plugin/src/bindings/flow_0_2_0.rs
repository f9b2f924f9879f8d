//! `cordboard:flow@0.2.0`: the host side of the conversation, each call one [`Request`].

#[allow(missing_docs, unreachable_pub, clippy::pedantic, clippy::unwrap_used, clippy::expect_used)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/flow/0.2.0",
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

#[allow(clippy::duplicate_mod, reason = "each version converts its own types")]
#[path = "flow/convert.rs"]
mod convert;
mod fetch;

pub(crate) use generated::cordboard::flow::{conversation, types};
pub(crate) use generated::{Flow, FlowPre};

use super::flow::{calls_of_contact, calls_of_waiting};
use crate::flow::{ContactHandle, FlowPort, WaitingHandle};
use crate::guest::Guest;
use convert as c;
use cordboard_core::flow::{FlowEnd, Request};
use types as t;
use wasmtime::Result;
use wasmtime::component::Resource;

type Contact = Resource<ContactHandle>;
type Waiting = Resource<WaitingHandle>;

/// Why a flow ended, in the core's form.
pub(crate) fn flow_end(reason: t::EndReason) -> FlowEnd {
    c::end_reason(reason)
}

impl t::Host for Guest<FlowPort> {}
impl conversation::Host for Guest<FlowPort> {}

impl conversation::HostContact for Guest<FlowPort> {
    calls_of_contact!();

    async fn fetch(
        &mut self,
        _: Contact,
        request: t::FetchRequest,
        timeout_ms: u32,
    ) -> Result<Result<t::FetchResponse, t::FetchError>> {
        let request = fetch::request(request);
        Ok(fetch::fetched(self.reply_to(Request::Fetch { request, timeout_ms }).await?))
    }
}

impl conversation::HostWaiting for Guest<FlowPort> {
    calls_of_waiting!();
}
