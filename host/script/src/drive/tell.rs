//! What the board tells and answers, as moments of the conversation.

use super::Drive;
use crate::moment::Happened;
use cordboard_core::event::{Event, What};
use cordboard_core::flow::{ContactError, LookupError, Reply, Request, ValueError};
use cordboard_core::record::OfferResult;

impl Drive<'_> {
    /// What a flow gets, where no event tells it.
    pub(super) fn replied(&mut self, reply: &Reply) {
        let Some(called) = self.called.take() else { return };
        let call = called.name().to_owned();
        let what = match (called, reply) {
            (Request::Choose { name, weights }, Reply::Chosen(index)) => {
                self.drew(&name, *index, &weights);
                Happened::Drew { name, index: *index }
            }
            (Request::Fetch { request, .. }, reply) => match self.fetched(request, reply) {
                Some(fetched) => fetched,
                None => return,
            },
            (Request::LoadValue(key), Reply::Value(value)) => Happened::Loaded { key, value: value.clone() },
            (Request::StoreValue(key, value), Reply::Done) => Happened::Stored { key, value },
            (_, Reply::ValueFailed(error)) => {
                let (error, text) = value_error(error);
                Happened::Refused { call, error: error.into(), text }
            }
            (_, Reply::Failed(error)) => match contact_error(error) {
                Some((error, text)) => Happened::Refused { call, error: error.into(), text },
                None => return,
            },
            (_, Reply::LookupFailed(LookupError::Invalid(text))) => {
                Happened::Refused { call, error: "invalid".into(), text: text.clone() }
            }
            _ => return,
        };
        self.happened(what);
    }

    fn drew(&mut self, name: &str, index: u32, weights: &[u32]) {
        self.drawn.insert(name.to_owned());
        let Some(wanted) = self.case.draws.get(name).filter(|wanted| wanted.what != index) else { return };
        let at = usize::try_from(wanted.what).unwrap_or(usize::MAX);
        let why = match weights.get(at) {
            Some(0) => "it has no weight, so that it is never drawn".to_owned(),
            None => format!("one of {} is drawn, counted from 0", weights.len()),
            Some(_) => {
                self.misdrawn = Some(name.to_owned());
                return;
            }
        };
        self.course.wrong_at((wanted.line, wanted.column), format!("draws {name} {}", wanted.what), why);
    }

    /// What the board tells of the caller's contact.
    // tidy: long-function: an arm for each event, and nothing else.
    pub(super) fn tell(&mut self, event: Event) {
        if let (What::Offered { .. }, true) = (&event.what, self.expects_caller) {
            self.caller = event.contact;
        }
        if event.contact != self.caller && !matches!(event.what, What::Refused { .. }) {
            return;
        }
        let what = match event.what {
            What::Refused { cause, .. } => {
                Happened::Ended { reason: "refused".into(), detail: Some(cause.into()), attributes: Some(Vec::new()) }
            }
            What::Answered => Happened::Answered,
            What::Said { text } if self.host_leads => Happened::HostSaid(text),
            What::Said { text } => Happened::Said(text),
            What::Asked { question, text } => Happened::Asked { question, text },
            What::Chose { question, answer } => Happened::Chose { question, answer },
            What::LookedUp { directory, outcome, took_ms } => {
                let (kind, value) = match &self.called {
                    Some(Request::Lookup { key, .. }) => (Some(key.kind.clone()), Some(key.value.clone())),
                    Some(_) | None => (None, None),
                };
                let directory = directory.map(|name| name.to_string());
                Happened::LookedUp { directory, kind, value, outcome: outcome.into(), took_ms }
            }
            // The deed was told already.
            What::AttributeSet { .. } if self.operator_sets => return,
            What::AttributeSet { name, value } => Happened::Set { name, value },
            What::Queued { queue, position } => {
                let priority = match &self.called {
                    Some(Request::Enqueue(request)) => Some(request.priority),
                    Some(_) | None => Some(0),
                };
                Happened::Queued { queue: queue.to_string(), position, priority }
            }
            What::LeftQueue { queue, outcome, .. } => {
                Happened::LeftQueue { queue: queue.to_string(), outcome: outcome.into() }
            }
            What::OfferedToAgent { agent, .. } => Happened::RingsAgent(agent.to_string()),
            What::OfferEnded { result: OfferResult::Answered, .. } => return,
            What::OfferEnded { agent, result, .. } => {
                Happened::MissedBy { agent: agent.to_string(), result: offer_result(result).into() }
            }
            What::Connected { agent, .. } => Happened::TalksWith(agent.to_string()),
            What::TalkEnded { agent, talked_ms, by, .. } => {
                self.talk = None;
                Happened::TalkEnded { agent: agent.to_string(), by: by.into(), talked_ms }
            }
            // Its own way to end once nobody is there: nothing steps down for it.
            What::FlowEnded { failure: Some(("guest-error", text)), .. } if self.gone => {
                Happened::Note(format!("the flow returns an error, which nobody hears: {text}"))
            }
            What::FlowEnded { failure: Some((kind, text)), .. } => Happened::Failed { kind: kind.into(), text },
            What::Descended { rung, .. } => Happened::SteppedDown { to: rung.into() },
            What::SteppedDown { .. } => {
                self.host_leads = true;
                Happened::SteppedDown { to: "host".into() }
            }
            What::Ended { reason, .. } => Happened::Ended {
                reason: reason.code().into(),
                detail: reason.detail().map(str::to_owned).filter(|detail| !detail.is_empty()),
                attributes: Some(std::mem::take(&mut self.attributes).into_iter().collect()),
            },
            // What the script itself did, and what concerns others.
            What::Offered { .. }
            | What::Pressed { .. }
            | What::Decided { .. }
            | What::ScreenPop { .. }
            | What::FlowEnded { failure: None, .. }
            | What::Migrated { .. }
            | What::NotMigrated { .. }
            | What::Erased
            | What::AgentChanged { .. }
            | What::Deployed { .. }
            | What::Stepped(_)
            | What::VersionIdle { .. }
            | What::StoreHealth { .. }
            | What::CapabilityRefused { .. }
            | What::Logged { .. } => return,
        };
        self.happened(what);
    }
}

const fn offer_result(result: OfferResult) -> &'static str {
    match result {
        OfferResult::Answered => "answered",
        OfferResult::TimedOut => "timed-out",
        OfferResult::Declined => "declined",
        OfferResult::Unreachable => "unreachable",
        OfferResult::Withdrawn => "withdrawn",
    }
}

/// As the contract names it; none for what is no refusal.
fn contact_error(error: &ContactError) -> Option<(&'static str, String)> {
    match error {
        ContactError::Ended | ContactError::TakenOver | ContactError::InterruptedConnected => None,
        ContactError::Invalid(text) => Some(("invalid", text.clone())),
        ContactError::NotNow(text) => Some(("not-now", text.clone())),
        ContactError::Limit(text) => Some(("limit", text.clone())),
        ContactError::Other(text) => Some(("other", text.clone())),
    }
}

fn value_error(error: &ValueError) -> (&'static str, String) {
    match error {
        ValueError::Quota => ("quota", String::new()),
        ValueError::NotGranted => ("not-granted", String::new()),
        ValueError::Unavailable(text) => ("unavailable", text.clone()),
        ValueError::Invalid(text) => ("invalid", text.clone()),
        ValueError::Other(text) => ("other", text.clone()),
    }
}
