//! How contacts end: the person's side, the flow's run, and then, exactly once, the record.

use super::contact::{Contact, Driver, Life, Line, Place, Resume, Run, Stage};
use super::requests::TIDY_MS;
use super::timers::Timer;
use super::{Board, Effect, Intake, shortened};
use crate::event::What;
use crate::flow::{Channel, ContactError, FlowEnd, RejectCause, Reply, Request, RunEnd, TalkEnd};
use crate::ids::{ContactId, RunId};
use crate::journal::External;
use crate::record::{ContactRecord, EndReason, Personal, VisitOutcome};
use crate::rollout::Mark;

/// Who or what ends the person's side, with the reason for the record.
#[derive(Clone, Debug)]
pub(super) enum Gone {
    /// The person, or the line broke.
    HungUp(EndReason),
    /// An operator.
    Operator,
    /// The flow, or what stands in for it.
    Flow(EndReason),
    /// The host stops.
    Shutdown,
}

/// What is to be done about the person's call.
#[derive(Clone, Debug)]
pub(super) enum Close {
    /// It is over already.
    Already,
    /// It is ended in whatever state it is.
    HangUp,
    /// It is refused.
    Reject(RejectCause),
    /// It is sent elsewhere.
    Redirect(String),
}

/// Text of the end that a flow gives.
const MAX_END_BYTES: usize = 1024;

impl From<FlowEnd> for EndReason {
    fn from(end: FlowEnd) -> Self {
        match end {
            FlowEnd::Completed => EndReason::Completed,
            FlowEnd::Failed(text) => EndReason::Failed(shortened(text, MAX_END_BYTES)),
            FlowEnd::Other(text) => EndReason::Other(shortened(text, MAX_END_BYTES)),
        }
    }
}

impl Board {
    /// Ends the person's side. A flow gets its time to tidy up; without one the contact ends.
    pub(super) fn close(&mut self, id: ContactId, gone: Gone, close: Close) {
        let Some(contact) = self.contacts.get_mut(&id).filter(|contact| contact.line != Line::Gone) else {
            return;
        };
        // Rule 5: an act from outside is an entry.
        let (reason, act, outcome, by) = match gone {
            Gone::HungUp(reason) => {
                let person = matches!(reason, EndReason::HungUp | EndReason::Cancelled);
                let by = if person { TalkEnd::Person } else { TalkEnd::Other(reason.code().into()) };
                (reason, Some(External::HungUp), VisitOutcome::Abandoned, by)
            }
            Gone::Operator => {
                let by = TalkEnd::Other("operator".into());
                (EndReason::EndedByOperator, Some(External::EndedByOperator), VisitOutcome::Left, by)
            }
            Gone::Flow(reason) => (reason, None, VisitOutcome::Left, TalkEnd::Other("flow".into())),
            Gone::Shutdown => (EndReason::Shutdown, None, VisitOutcome::Left, TalkEnd::Other("shutdown".into())),
        };
        if let Some(act) = act {
            contact.ledger.external(&mut self.out, act);
        }
        if matches!((&reason, contact.speaking()), (EndReason::HungUp, Some(_))) {
            let question = contact.speaking().flatten().map(ToOwned::to_owned);
            self.rollouts.mark(&mut contact.part, Mark::HungUp(question.as_deref()));
        }
        let talking = contact.talking();
        let leg = contact.leg;
        if talking {
            self.end_talk(id, by, true);
        } else {
            self.leave_queue(id, outcome);
        }
        self.legs.remove(&leg);
        match close {
            Close::Already => {}
            Close::HangUp => self.out.push(Effect::HangUpLeg(leg)),
            Close::Reject(cause) => {
                self.out.push(Effect::RejectLeg { leg, refusal: super::Refusal::Cause(cause) });
            }
            Close::Redirect(target) => self.out.push(Effect::RedirectLeg { leg, target }),
        }
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.line = Line::Gone;
        contact.sound = None;
        contact.settled = None;
        contact.end = Some(reason);
        self.out.timers.cancel(&Timer::Answering(id));
        self.tidy_or_finish(id);
    }

    /// Rule 24: after the end a flow has a bounded time.
    fn tidy_or_finish(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.leave_migration(&mut self.out);
        let Driver::Flow(Run { tidied, pending, .. }) = &mut contact.driver else {
            self.finish(id);
            return;
        };
        *tidied = Some(0);
        let reply = match pending.as_ref().map(|pending| &pending.call) {
            Some(super::contact::Parked::Durable { request: Request::Leave { .. } | Request::End(_), .. }) => {
                Reply::Done
            }
            Some(_) | None => Reply::Failed(ContactError::Ended),
        };
        contact.reply(&mut self.out, reply);
        self.out.timers.set(Timer::Tidy(id), self.out.now.plus_ms(TIDY_MS));
    }

    pub(super) fn flow_ended(&mut self, id: ContactId, run: RunId, end: RunEnd) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        // Who sleeps has no instance: that was told already, and is no failure.
        if contact.run().is_none_or(|current| current.id != run || current.life == Life::Asleep) {
            return;
        }
        self.stepped(id);
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let woken = contact.run().is_some_and(|run| run.life == Life::Resuming(Resume::Woken));
        let proven = matches!(end, RunEnd::Returned(_) | RunEnd::GuestError(_));
        if proven && contact.run().is_some_and(|run| run.life == Life::Resuming(Resume::Predecessor)) {
            contact.stepped_in(&mut self.out);
        }
        let failure = match (&end, end.failure()) {
            // Rule 17: the same version, on what it did itself.
            (RunEnd::Diverged(_), Some((_, text))) if woken => Some(("wake-diverged", text)),
            (_, failure) => failure,
        };
        let returned = match end {
            RunEnd::Returned(end) => Some(end),
            _ => None,
        };
        contact.tell(&mut self.out, What::FlowEnded { end: returned.clone(), failure: failure.clone() });
        contact.run_over(&mut self.out);
        let gone = contact.line == Line::Gone;
        if let Some((kind, _)) = failure {
            self.failed(id, kind);
        }
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if gone {
            self.finish(id);
        } else if let Some((kind, text)) = failure {
            self.descend(id, kind, text);
        } else if let Some(end) = returned
            && !contact.talking()
        {
            // A talk in progress goes on until someone hangs up; a place is given up.
            self.close(id, Gone::Flow(end.into()), Close::HangUp);
        }
    }

    pub(super) fn end_contact(&mut self, id: ContactId) {
        match self.contacts.get(&id).map(|contact| contact.line) {
            Some(Line::Gone) => self.finish(id),
            Some(Line::Offered | Line::Answering | Line::Up) => self.close(id, Gone::Operator, Close::HangUp),
            None => {}
        }
    }

    /// The contact is over: its journal is closed, its record kept, its end told. The person's side has ended.
    pub(super) fn finish(&mut self, id: ContactId) {
        let Some(mut contact) = self.contacts.remove(&id) else { return };
        contact.cancel_run(&mut self.out);
        self.out.timers.cancel(&Timer::Answering(id));
        self.out.timers.cancel(&Timer::Offer(id));
        self.legs.remove(&contact.leg);
        let reason = contact.end.take().unwrap_or(EndReason::Completed);
        contact.ledger.close(&mut self.out, reason.code());
        Self::part_over(&mut self.rollouts, &mut contact);
        let (version, predecessor) = (contact.version, contact.predecessor);
        let lasted_ms = self.out.now.ms_since(contact.offered_at);
        let record = self.record(contact, reason.clone());
        self.out.push(Effect::KeepRecord(Box::new(record)));
        self.out.tell(Some(id), What::Ended { reason, lasted_ms });
        version.into_iter().for_each(|version| self.unpin(version));
        predecessor.into_iter().for_each(|predecessor| self.unhold(predecessor));
    }

    fn record(&self, contact: Contact, end: EndReason) -> ContactRecord {
        ContactRecord {
            id: contact.id,
            tenant: self.tenant.clone(),
            channel: Channel::Voice,
            entry_point: Some(contact.entry_point),
            origin: contact.origin,
            dialled: contact.dialled,
            offered_at: contact.offered_at,
            answered_at: contact.answered_at,
            ended_at: self.out.now,
            end,
            visits: contact.visits.into(),
            choices: contact.choices.into(),
            attributes: contact.attributes,
            versions: contact.versions,
            stepped_down: contact.stepped_down,
            journal_entries: contact.ledger.total_entries(),
            journal_durable: contact.ledger.durable,
            personal: Personal::Kept,
        }
    }

    pub(super) fn drain(&mut self) {
        match self.intake {
            Intake::Open => self.intake = Intake::Draining,
            Intake::Draining | Intake::Drained => {}
        }
    }

    pub(super) fn shut_down(&mut self) {
        self.drain();
        let all: Vec<_> = self.contacts.keys().copied().collect();
        for id in all {
            // Nobody waits for flows now.
            if let Some(contact) = self.contacts.get_mut(&id) {
                contact.cancel_run(&mut self.out);
            }
            self.close(id, Gone::Shutdown, Close::HangUp);
            self.finish(id);
        }
    }

    pub(super) fn check_drained(&mut self) {
        if self.intake == Intake::Draining && self.contacts.is_empty() {
            self.intake = Intake::Drained;
            self.out.push(Effect::Drained);
        }
    }

    /// Whether no new contacts are taken.
    pub fn draining(&self) -> bool {
        self.intake != Intake::Open
    }

    /// Whether what happens can be kept, as far as it was told ([`Input::StoreHealth`]). If not, new calls are refused.
    pub fn keeps(&self) -> bool {
        self.out.healthy
    }

    /// Parts agent and person, if they talk.
    pub(super) fn unbridge(&mut self, id: ContactId) {
        if let Some(contact) = self.contacts.get(&id)
            && let Some(Place { stage: Stage::Talking { leg, .. }, .. }) = &contact.place
        {
            self.out.push(Effect::Unbridge(contact.leg, *leg));
        }
    }
}

/// How a refusal is called in records.
pub(super) const fn cause_code(cause: RejectCause) -> &'static str {
    match cause {
        RejectCause::Busy => "busy",
        RejectCause::NotFound => "not-found",
        RejectCause::Forbidden => "forbidden",
        RejectCause::Unavailable => "unavailable",
    }
}
