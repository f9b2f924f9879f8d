//! A flow's host calls: checked, journaled, performed.

use super::contact::{Contact, Driver, Life, Line, MAX_ATTRIBUTES, Parked, Pending, Resume, Sound};
use super::ending::{Close, Gone};
use super::generator::draw;
use super::speech::Speech;
use super::{Board, Effect};
use crate::config::World;
use crate::event::What;
use crate::flow::{ContactError, FetchError, LookupError, Reply, Request, check, check_attribute};
use crate::ids::{ContactId, DeploymentName, RunId, Version};
use crate::journal::External;
use crate::record::EndReason;
use crate::rollout::Mark;

/// What the flow contract grants after the end: five seconds and 32 calls.
pub(super) const TIDY_MS: u64 = 5_000;
pub(super) const MAX_TIDY_CALLS: u32 = 32;
/// So many calls are refused once the journal is full, then the flow is stopped.
const MAX_REFUSED_CALLS: u32 = 32;

impl Board {
    pub(super) fn flow_requested(&mut self, id: ContactId, run: RunId, request: Request) {
        let current = self.contacts.get(&id).and_then(Contact::run);
        if current.is_none_or(|current| current.id != run || current.pending.is_some()) {
            return;
        }
        self.stepped(id);
        if let Request::Ask(question) = &request {
            self.seen(id, Mark::Asked(&question.id));
        }
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(current) = contact.run_mut() else { return };
        let tidying = current.tidied.is_some();
        let resumed = std::mem::replace(&mut current.life, Life::Awake);
        if let Some(made) = &mut current.tidied {
            *made += 1;
            if *made > MAX_TIDY_CALLS {
                self.finish(id);
                return;
            }
        }
        if resumed == Life::Resuming(Resume::Predecessor) {
            contact.stepped_in(&mut self.out);
        }
        if !tidying && contact.ledger.full() && !is_last(&request) {
            self.refuse_for_good(id, &request);
            return;
        }
        let checked = check(&request);
        let durable_first = checked.is_ok() && !tidying && request.acts();
        let (entry, frame) = match contact.ledger.call(&mut self.out, &request, durable_first) {
            Ok(written) => written,
            Err(cause) => {
                let (entry, at) = contact.ledger.latest();
                let reply = Reply::Failed(ContactError::Invalid(cause.to_string()));
                // It would fail in the same way again: the past stays good.
                self.out.push(Effect::ReplyFlow { contact: id, run, entry, at, reply });
                return;
            }
        };
        let refusal = match checked {
            Err(text) => Some(ContactError::Invalid(text)),
            // Journal rule 7: a warning result first.
            Ok(()) if !tidying && contact.ledger.nearly_full() && !contact.ledger.warned && may_warn(&request) => {
                contact.ledger.warned = true;
                Some(ContactError::Limit("the journal is nearly full: continue as another flow, or end".into()))
            }
            Ok(()) => None,
        };
        if let Some(error) = refusal {
            contact.answer(&mut self.out, entry, Reply::Failed(error));
        } else if tidying {
            self.perform_tidying(id, entry, request);
        } else if durable_first && self.out.healthy {
            // Rule 8: the intent is durable before the act.
            contact.park(&mut self.out, entry, Parked::Durable { request, frame }, None);
        } else {
            self.perform(id, entry, request);
        }
    }

    /// Rule 7: the journal is full. A flow that doesn't take the hint is stopped. What has no such error is told what
    /// is so (an attribute follows from the entries that there are), or an error of its own.
    fn refuse_for_good(&mut self, id: ContactId, request: &Request) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.ledger.refused += 1;
        contact.ledger.forget_past();
        if contact.ledger.refused > MAX_REFUSED_CALLS {
            contact.cancel_run(&mut self.out);
            self.descend(id, "limit", "the journal is full".into());
            return;
        }
        let (entry, at) = contact.ledger.latest();
        let full = "the journal is full: only end, leave or continue-as";
        let reply = match request {
            Request::Attribute(name) => Reply::Attribute(contact.attributes.get(name).cloned()),
            Request::Lookup { .. } => Reply::LookupFailed(LookupError::Other(full.into())),
            Request::Fetch { .. } => Reply::FetchFailed(FetchError::Other(full.into())),
            _ => Reply::Failed(ContactError::Limit(full.into())),
        };
        if let Some(run) = contact.run() {
            self.out.push(Effect::ReplyFlow { contact: id, run: run.id, entry, at, reply });
        }
    }

    pub(super) fn journal_durable(&mut self, id: ContactId, frame: u64) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if matches!(contact.parked(), Some(Parked::Durable { frame: awaited, .. }) if *awaited <= frame) {
            self.go_on(id);
        }
    }

    /// Rule 9: a frame that will never be durable holds nothing up.
    pub(super) fn journal_lost(&mut self, id: ContactId, frame: u64) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.ledger.durable = false;
        if matches!(contact.parked(), Some(Parked::Durable { frame: awaited, .. }) if *awaited == frame) {
            self.go_on(id);
        }
    }

    /// Rule 9: while the store fails, nothing waits for it.
    pub(super) fn store_health(&mut self, healthy: bool, reason: String) {
        if self.out.healthy == healthy {
            return;
        }
        self.out.healthy = healthy;
        self.out.tell(None, What::StoreHealth { healthy, reason: super::shortened(reason, 512) });
        if !healthy {
            let waiting = |contact: &&Contact| matches!(contact.parked(), Some(Parked::Durable { .. }));
            let waiting: Vec<_> = self.contacts.values().filter(waiting).map(|contact| contact.id).collect();
            for id in waiting {
                if let Some(contact) = self.contacts.get_mut(&id) {
                    contact.ledger.durable = false;
                }
                self.go_on(id);
            }
        }
    }

    /// Performs what waited for its intent to be durable.
    fn go_on(&mut self, id: ContactId) {
        let pending = self.contacts.get_mut(&id).and_then(|contact| contact.run_mut()?.pending.take());
        if let Some(Pending { entry, call: Parked::Durable { request, .. }, .. }) = pending {
            self.perform(id, entry, request);
        }
    }

    fn perform(&mut self, id: ContactId, entry: u64, request: Request) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let out = &mut self.out;
        match request {
            Request::Attribute(name) => {
                let value = contact.attributes.get(&name).cloned();
                contact.answer(out, entry, Reply::Attribute(value));
            }
            Request::SetAttribute(name, value) => {
                let set = set_attribute(contact, out, name, value);
                contact.answer(out, entry, done(set));
            }
            Request::Ring => match contact.line {
                Line::Offered => {
                    out.push(Effect::RingLeg(contact.leg));
                    contact.answer(out, entry, Reply::Done);
                }
                Line::Answering | Line::Up | Line::Gone => contact.answer(out, entry, not_now("already answered")),
            },
            Request::Answer => match contact.line {
                Line::Offered | Line::Answering => {
                    contact.park(out, entry, Parked::Answer, None);
                    contact.pick_up(out);
                }
                Line::Up | Line::Gone => contact.answer(out, entry, Reply::Done),
            },
            Request::Say(prompt) => self.speak(id, entry, Speech::Say(prompt)),
            Request::StartPlaying { prompt, repeat } => self.speak(id, entry, Speech::Play { prompt, repeat }),
            Request::Ask(question) => self.speak(id, entry, Speech::Ask(Box::new(question))),
            Request::StopPlaying => {
                if matches!(contact.sound, Some((_, Sound::Background))) {
                    contact.hush(out);
                }
                contact.answer(out, entry, Reply::Done);
            }
            Request::Pause { duration_ms } => contact.park(out, entry, Parked::Pause, Some(duration_ms.into())),
            Request::Lookup { key, timeout_ms } => self.look_up(id, entry, key, timeout_ms),
            Request::Choose { weights, .. } => {
                let drawn = draw(contact.seed, entry, &weights).map(Reply::Chosen);
                contact.answer(out, entry, drawn.unwrap_or_else(|| invalid("all weights are 0")));
            }
            Request::Fetch { request, timeout_ms } => self.fetch(id, entry, request, timeout_ms),
            Request::LoadValue(key) => self.load_value(id, entry, key),
            Request::StoreValue(key, value) => self.store_value(id, entry, key, value),
            Request::Wait { waiting, treatment, timeout_ms } => self.wait(id, entry, waiting, treatment, timeout_ms),
            Request::Reject(cause) => self.refuse_person(id, entry, Close::Reject(cause)),
            Request::Redirect(target) => self.refuse_person(id, entry, Close::Redirect(target)),
            Request::Enqueue(request) => self.enqueue(id, entry, request),
            Request::Leave { waiting } => self.leave(id, entry, waiting),
            Request::ContinueAs { deployment, attributes } => self.continue_as(id, entry, &deployment, attributes),
            Request::End(end) => {
                self.close(id, Gone::Flow(end.into()), Close::HangUp);
                self.answer_flow(id, entry, Reply::Done);
            }
        }
    }

    /// Rule 24: a call of a flow whose person is gone.
    fn perform_tidying(&mut self, id: ContactId, entry: u64, request: Request) {
        match request {
            Request::Attribute(_) | Request::SetAttribute(..) | Request::Choose { .. } => {
                self.perform(id, entry, request);
            }
            Request::Leave { .. } | Request::End(_) | Request::StopPlaying => self.answer_flow(id, entry, Reply::Done),
            Request::Ring
            | Request::Answer
            | Request::Reject(_)
            | Request::Redirect(_)
            | Request::Say(_)
            | Request::StartPlaying { .. }
            | Request::Ask(_)
            | Request::Pause { .. }
            | Request::Lookup { .. }
            | Request::Fetch { .. }
            | Request::LoadValue(_)
            | Request::StoreValue(..)
            | Request::Enqueue(_)
            | Request::Wait { .. }
            | Request::ContinueAs { .. } => self.answer_flow(id, entry, Reply::Failed(ContactError::Ended)),
        }
    }

    /// Returns from a call that isn't parked.
    pub(super) fn answer_flow(&mut self, id: ContactId, entry: u64, reply: Reply) {
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.answer(&mut self.out, entry, reply);
        }
    }

    /// Rule 22: who begins to speak just after an agent answered is told what it would have been told just before.
    fn speak(&mut self, id: ContactId, entry: u64, speech: Speech) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if contact.talking() {
            contact.answer(&mut self.out, entry, Reply::Failed(ContactError::InterruptedConnected));
        } else {
            contact.speak(&mut self.out, entry, speech);
        }
    }

    /// Rule 21: `reject` and `redirect` exist for a call that nothing answered.
    fn refuse_person(&mut self, id: ContactId, entry: u64, close: Close) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if contact.line != Line::Offered {
            contact.answer(&mut self.out, entry, not_now("already answered"));
            return;
        }
        let reason = match &close {
            Close::Reject(cause) => EndReason::Rejected(super::ending::cause_code(*cause).into()),
            Close::Redirect(target) => EndReason::Redirected(target.clone()),
            Close::Already | Close::HangUp => EndReason::Completed,
        };
        self.close(id, Gone::Flow(reason), close);
        self.answer_flow(id, entry, Reply::Done);
    }

    /// Rule 7: the flow goes on as another. The old run is dropped inside its call: it has nothing left to do.
    fn continue_as(&mut self, id: ContactId, entry: u64, deployment: &str, attributes: Vec<(String, String)>) {
        let found = DeploymentName::new(deployment).ok().and_then(|name| self.deployments.get(&name));
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let known = |(name, _): &&(String, String)| contact.attributes.contains_key(name);
        let fresh = attributes.len() - attributes.iter().filter(known).count();
        let refusal = match found {
            None => Some(invalid(&format!("there is no deployment `{deployment}`"))),
            Some(found) if found.world != World::Flow => Some(invalid(&format!("`{deployment}` is no flow"))),
            Some(_) if contact.talking() => Some(not_now("the person talks with an agent")),
            Some(_) if !contact.ledger.may_continue() => Some(limit("continued too often")),
            Some(_) if contact.attributes.len() + fresh > MAX_ATTRIBUTES => Some(limit("too many attributes")),
            Some(_) => None,
        };
        if let Some(reply) = refusal {
            contact.answer(&mut self.out, entry, reply);
            return;
        }
        let Some(name) = found.map(|found| found.name.clone()) else { return };
        self.leave_queue(id, crate::record::VisitOutcome::Left);
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let out = &mut self.out;
        contact.hush(out);
        contact.ledger.outcome(out, entry, Reply::Done, Reply::Done, None);
        contact.cancel_run(out);
        contact.ledger.continued(out);
        for (name, value) in attributes {
            // Counted above.
            let _ = set_attribute(contact, out, name, value);
        }
        self.continue_in(id, name);
    }

    /// The flow that goes on is chosen as for a contact that comes in.
    fn continue_in(&mut self, id: ContactId, name: DeploymentName) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        Self::part_over(&mut self.rollouts, contact);
        let (origin, dialled, attributes) =
            (contact.origin.clone(), contact.dialled.clone(), contact.attributes.clone());
        let Some((version, part)) = self.choose_flow(&name, id, &origin, &dialled, &attributes) else { return };
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.part = part;
        }
        self.start_afresh(id, name, version);
    }

    /// Another flow, in a fresh journal, with the attributes there are.
    pub(super) fn start_afresh(&mut self, id: ContactId, deployment: DeploymentName, version: Version) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.settled = None;
        contact.seed = self.out.seed();
        contact.deployment = deployment;
        let (before, predecessor) = (contact.version, contact.predecessor.take());
        contact.start_flow(&mut self.out, version);
        self.pin(version);
        before.into_iter().for_each(|before| self.unpin(before));
        predecessor.into_iter().for_each(|predecessor| self.unhold(predecessor));
    }

    /// Rule 5: an operator sets an attribute.
    pub(super) fn set_attribute_outside(&mut self, id: ContactId, name: String, value: String) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if check_attribute(&name, &value).is_ok()
            && set_attribute(contact, &mut self.out, name.clone(), value.clone()).is_ok()
        {
            contact.ledger.external(&mut self.out, External::AttributeSet(name, value));
        }
    }

    /// Time for the call that the flow waits in.
    pub(super) fn call_due(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        match &contact.driver {
            Driver::Flow(_) => {}
            Driver::Safe(stage) => {
                let stage = *stage;
                self.safe_spoken(id, stage);
                return;
            }
            Driver::Over => return,
        }
        match contact.parked() {
            Some(Parked::Pause) => contact.reply(&mut self.out, Reply::Done),
            Some(Parked::Say) => contact.prompt_lost(&mut self.out),
            Some(Parked::Ask(ask)) if ask.prompted() => contact.prompt_lost(&mut self.out),
            Some(Parked::Ask(ask)) => {
                let answer = ask.timed_out();
                contact.answered(&mut self.out, answer);
            }
            Some(Parked::Lookup { lookup, .. }) => {
                let lookup = *lookup;
                self.looked_up(lookup, None, Err(LookupError::Timeout));
            }
            Some(Parked::Fetch { fetch }) => {
                let fetch = *fetch;
                self.fetched(fetch, Err(FetchError::Timeout));
            }
            Some(Parked::Value { .. }) => contact.reply(&mut self.out, super::values::late()),
            Some(Parked::Wait { .. }) => self.wait_due(id),
            Some(Parked::Durable { .. } | Parked::Answer | Parked::Speech(_)) | None => {}
        }
    }
}

/// Whose result can carry the warning that the journal is nearly full: an attribute, a look-up or a request to a place
/// outside has no such error.
const fn may_warn(request: &Request) -> bool {
    !is_last(request)
        && !matches!(
            request,
            Request::Attribute(_)
                | Request::Lookup { .. }
                | Request::Fetch { .. }
                | Request::LoadValue(_)
                | Request::StoreValue(..)
        )
}

/// What a flow may still do when its journal is full.
const fn is_last(request: &Request) -> bool {
    matches!(request, Request::End(_) | Request::Leave { .. } | Request::ContinueAs { .. })
}

fn set_attribute(
    contact: &mut Contact,
    out: &mut super::out::Out,
    name: String,
    value: String,
) -> Result<(), ContactError> {
    if contact.attributes.len() >= MAX_ATTRIBUTES && !contact.attributes.contains_key(&name) {
        return Err(ContactError::Limit(format!("{MAX_ATTRIBUTES} attributes")));
    }
    contact.tell(out, What::AttributeSet { name: name.clone(), value: value.clone() });
    contact.attributes.insert(name, value);
    Ok(())
}

fn done(result: Result<(), ContactError>) -> Reply {
    result.map_or_else(Reply::Failed, |()| Reply::Done)
}

pub(super) fn not_now(why: &str) -> Reply {
    Reply::Failed(ContactError::NotNow(why.into()))
}

pub(super) fn invalid(why: &str) -> Reply {
    Reply::Failed(ContactError::Invalid(why.into()))
}

pub(super) fn limit(which: &str) -> Reply {
    Reply::Failed(ContactError::Limit(which.into()))
}
