//! From the core's events to what is told of them.

use super::data::{Chosen, Customer, Data, Failure, Field, SaidEnd};
use crate::json::{Assigned, Time};
use crate::routes::agents;
use crate::routes::contacts::offer_result;
use crate::routes::history::figures;
use crate::routes::journal::flow_end;
use cordboard_core::agent::AgentState;
use cordboard_core::event::What;
use cordboard_core::flow::{FlowEnd, Profile};
use cordboard_core::ids::AgentId;

/// An optional name as text.
fn text(name: Option<&impl ToString>) -> Option<String> {
    name.map(ToString::to_string)
}

impl From<&What> for Data {
    // tidy: long-function: one arm a variant, each member by member, and nothing else.
    fn from(what: &What) -> Self {
        match what.clone() {
            What::Offered { entry_point, origin, dialled, deployment, version } => Self::Offered {
                entry_point: entry_point.into(),
                origin: (&origin).into(),
                dialled: (&dialled).into(),
                deployment: deployment.into(),
                version: version.to_string(),
            },
            What::Refused { origin, dialled, cause } => {
                Self::Refused { origin: (&origin).into(), dialled: (&dialled).into(), cause }
            }
            What::Answered => Self::Answered {},
            What::Said { text } => Self::Said { text },
            What::Asked { question, text } => Self::Asked { question, text },
            What::Pressed { key } => Self::Pressed { key: key.into() },
            What::Chose { question, answer } => Self::Chose { question, answer },
            What::LookedUp { directory, outcome, took_ms } => {
                Self::LookedUp { directory: text(directory.as_ref()), outcome, took_ms }
            }
            What::AttributeSet { name, value } => Self::AttributeSet { name, value },
            What::Queued { queue, position } => Self::Queued { queue: queue.into(), position },
            What::LeftQueue { queue, outcome, waited_ms } => {
                Self::LeftQueue { queue: queue.into(), outcome, waited_ms }
            }
            What::Decided { decision, queue, assigned, fallback, took_us } => Self::Decided {
                decision: decision.0,
                queue: queue.into(),
                assigned: assigned.iter().map(Assigned::from).collect(),
                fallback,
                took_us,
            },
            What::ScreenPop { agent, queue, origin, customer, attributes, choices, waited_ms } => Self::ScreenPop {
                agent: agent.into(),
                queue: queue.into(),
                origin: (&origin).into(),
                customer: customer.map(Customer::from),
                attributes,
                choices: choices.into_iter().map(|(question, answer)| Chosen { question, answer }).collect(),
                waited_ms,
            },
            What::OfferedToAgent { agent, queue } => Self::OfferedToAgent { agent: agent.into(), queue: queue.into() },
            What::OfferEnded { agent, queue, result } => {
                Self::OfferEnded { agent: agent.into(), queue: queue.into(), result: offer_result(result) }
            }
            What::Connected { agent, queue, waited_ms } => {
                Self::Connected { agent: agent.into(), queue: queue.into(), waited_ms }
            }
            What::TalkEnded { agent, queue, talked_ms, by } => {
                Self::TalkEnded { agent: agent.into(), queue: queue.into(), talked_ms, by }
            }
            What::Migrated { from, to, entry } => Self::Migrated { from: from.to_string(), to: to.to_string(), entry },
            What::NotMigrated { to, outcome, detail } => Self::NotMigrated { to: to.to_string(), outcome, detail },
            What::Descended { rung, version, reason } => Self::Descended { rung, version: version.to_string(), reason },
            What::FlowEnded { end, failure } => Self::FlowEnded {
                end: end.as_ref().map(SaidEnd::from),
                failure: failure.map(|(kind, detail)| Failure { kind, detail }),
            },
            What::SteppedDown { reason, queue } => Self::SteppedDown { reason, queue: text(queue.as_ref()) },
            What::Ended { reason, lasted_ms } => {
                Self::Ended { reason: reason.code(), detail: text(reason.detail().as_ref()), lasted_ms }
            }
            What::Erased => Self::Erased {},
            What::AgentChanged { agent, state } => changed(agent, &state),
            What::Deployed { deployment, version, before, still_running } => Self::Deployed {
                deployment: deployment.into(),
                version: version.to_string(),
                before: text(before.as_ref()),
                still_running,
            },
            What::Stepped(step) => Self::Stepped {
                deployment: step.deployment.into(),
                step: step.number,
                kind: step.kind.name(),
                by: step.by.to_string(),
                why: step.why,
                from: text(step.from.as_ref()),
                to: text(step.to.as_ref()),
                revision: step.revision,
                figures: figures(step.figures.as_deref()),
            },
            What::VersionIdle { version } => Self::VersionIdle { version: version.to_string() },
            What::StoreHealth { healthy, reason } => Self::StoreHealth { healthy, reason },
            What::CapabilityRefused { plugin, version, capability, detail } => {
                Self::CapabilityRefused { plugin, version: version.to_string(), capability, detail }
            }
            What::Logged { plugin, version, level, text } => {
                Self::Logged { plugin, version: version.to_string(), level: level.name(), text }
            }
        }
    }
}

fn changed(agent: AgentId, state: &AgentState) -> Data {
    let (reason, contact, until) = agents::parts(state);
    Data::AgentChanged {
        agent: agent.into(),
        state: state.name(),
        reason: reason.map(str::to_owned),
        contact: text(contact.as_ref()),
        until: until.map(Time),
    }
}

impl From<&FlowEnd> for SaidEnd {
    fn from(end: &FlowEnd) -> Self {
        let (reason, detail) = flow_end(end);
        Self { reason, detail: detail.map(str::to_owned) }
    }
}

impl From<Profile> for Customer {
    fn from(profile: Profile) -> Self {
        let fields = profile.fields.into_iter().map(|(name, value)| Field { name, value });
        Self { id: profile.id, display_name: profile.display_name, fields: fields.collect() }
    }
}
