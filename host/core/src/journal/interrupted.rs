//! The record of a contact that a crash interrupted, from what its journal kept.

use super::{Entry, External, Journal};
use crate::flow::{Reply, Request, WaitStatus};
use crate::ids::{QueueName, Version};
use crate::record::{ChoiceMade, ContactRecord, EndReason, Personal, QueueVisit, VisitOutcome};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// What is known of a contact whose host died: all that its journal says, up to the last moment that was written. None
/// if the journal has no opening, so that nobody knows who it was.
///
/// Offers to agents are not in the journal; a talk is, from the agent's answer on.
pub fn interrupted(journal: &Journal) -> Option<ContactRecord> {
    let opened = journal.opened.as_ref()?;
    let mut found = Found { latest: opened.at, ..Found::default() };
    let journals = || journal.earlier.iter().chain([journal]);
    for part in journals() {
        part.segments.iter().for_each(|segment| found.version(segment.version, segment.at));
        part.entries.iter().for_each(|entry| found.entry(entry));
    }
    if let Some(visit) = found.open.take() {
        found.leave(visit, VisitOutcome::Lost("interrupted".into()));
    }
    let (ended_at, end) = match &journal.closed {
        Some((at, reason)) => (*at, EndReason::from_code(reason)),
        None => (found.latest, EndReason::Interrupted),
    };
    Some(ContactRecord {
        id: opened.contact,
        tenant: opened.tenant.clone(),
        channel: opened.channel,
        entry_point: Some(opened.entry_point.clone()),
        origin: opened.origin.clone(),
        dialled: opened.dialled.clone(),
        offered_at: opened.at,
        answered_at: found.answered_at,
        ended_at,
        end,
        visits: found.visits,
        choices: found.choices,
        attributes: found.attributes,
        versions: found.versions,
        stepped_down: found.stepped_down,
        journal_entries: journal.total_entries(),
        journal_durable: true,
        personal: Personal::Kept,
    })
}

#[derive(Default)]
struct Found {
    latest: Timestamp,
    answered_at: Option<Timestamp>,
    visits: Vec<QueueVisit>,
    open: Option<QueueVisit>,
    choices: Vec<ChoiceMade>,
    attributes: BTreeMap<String, String>,
    versions: Vec<Version>,
    stepped_down: Option<String>,
}

impl Found {
    fn version(&mut self, version: Version, at: Timestamp) {
        self.latest = self.latest.max(at);
        if self.versions.last() != Some(&version) {
            self.versions.push(version);
        }
    }

    fn entry(&mut self, entry: &Entry) {
        match entry {
            Entry::External { at, act } => self.external(*at, act),
            Entry::Call { at, request, outcome } => {
                self.latest = self.latest.max(*at);
                if let Some((at, reply, _)) = outcome {
                    self.latest = self.latest.max(*at);
                    self.returned(*at, request, reply);
                }
            }
        }
    }

    fn external(&mut self, at: Timestamp, act: &External) {
        self.latest = self.latest.max(at);
        match act {
            External::AgentAnswered(_) => {
                if let Some(visit) = &mut self.open {
                    visit.connected_at = Some(at);
                }
            }
            External::TalkEnded(agent) => {
                if let Some(visit) = self.open.take() {
                    let talked_ms = visit.connected_at.map_or(0, |since| at.ms_since(since));
                    self.leave(visit, VisitOutcome::Answered { agent: agent.clone(), talked_ms });
                }
            }
            External::AttributeSet(name, value) => {
                self.attributes.insert(name.clone(), value.clone());
            }
            External::SteppedDown(reason) => self.stepped_down = Some(reason.clone()),
            External::HungUp | External::EndedByOperator | External::TakenOver => {}
        }
    }

    fn returned(&mut self, at: Timestamp, request: &Request, reply: &Reply) {
        match (request, reply) {
            (Request::Answer | Request::Say(_) | Request::StartPlaying { .. }, Reply::Done) => {
                self.answered_at.get_or_insert(at);
            }
            (Request::Ask(question), Reply::Answer(answer)) => {
                self.answered_at.get_or_insert(at);
                let answer = question.for_people(answer);
                self.choices.push(ChoiceMade { at, question: question.id.clone(), answer });
            }
            (Request::SetAttribute(name, value), Reply::Done) => {
                self.attributes.insert(name.clone(), value.clone());
            }
            (Request::Enqueue(request), Reply::Enqueued) => {
                self.left();
                // A name that was taken is a name.
                if let Ok(queue) = QueueName::new(request.queue.clone()) {
                    self.open = Some(QueueVisit {
                        queue,
                        queued_at: at,
                        offers: Vec::new(),
                        connected_at: None,
                        left_at: at,
                        outcome: VisitOutcome::Left,
                    });
                }
            }
            (Request::Leave { .. }, _) | (Request::Wait { .. }, Reply::Waited(WaitStatus::Lost(_))) => {
                self.left();
            }
            (Request::ContinueAs { attributes, .. }, Reply::Done) => {
                self.left();
                self.attributes.extend(attributes.iter().cloned());
            }
            _ => {}
        }
    }

    /// The place that is held, if one is, was given up.
    fn left(&mut self) {
        if let Some(visit) = self.open.take() {
            self.leave(visit, VisitOutcome::Left);
        }
    }

    fn leave(&mut self, mut visit: QueueVisit, outcome: VisitOutcome) {
        visit.left_at = self.latest;
        visit.outcome = outcome;
        self.visits.push(visit);
    }
}
