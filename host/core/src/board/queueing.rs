//! Queues: who holds a place, in which order, and how places end.
//!
//! The order is: higher priority first, then who came first, then the contact's id. A place keeps its turn while an
//! agent is offered, and has it again if the offer fails.

use super::Board;
use super::contact::{Contact, Driver, MAX_KEPT, Parked, Place, SafeStage, Sound, Stage};
use super::decisions::Deciding;
use super::requests::{invalid, limit, not_now};
use super::timers::Timer;
use super::view::QueueFigures;
use crate::config::Queue;
use crate::decision::Columns;
use crate::event::What;
use crate::flow::{self, QueueRequest, Reply, SkillRequirement, WaitStatus};
use crate::ids::{ContactId, QueueName, Version};
use crate::record::{QueueVisit, VisitOutcome};
use crate::rollout::{Figure, Mark};
use crate::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeSet, VecDeque};

/// Answers that the estimate of a wait looks back on, and at least so many.
const MAX_SERVED: usize = 16;
const MIN_SERVED: usize = 3;
/// Answers longer ago say nothing about now.
const SERVED_WITHIN_MS: u64 = 3_600_000;

/// A place's turn: smaller is earlier.
pub(super) type Turn = (Reverse<i32>, Timestamp, ContactId);

/// A queue and those in it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) queue: Queue,
    /// Who waits or is being offered.
    pub(super) turns: BTreeSet<Turn>,
    /// The decision whose scores are awaited: one at a time.
    pub(super) deciding: Option<Deciding>,
    /// Something changed meanwhile.
    pub(super) again: bool,
    /// Nobody suited those up to here: the next decision begins behind it.
    pub(super) beyond: Option<Turn>,
    /// Names of contacts' numbers seen in this queue: kept, so that columns seldom change.
    pub(super) seen: BTreeSet<String>,
    pub(super) columns: Columns,
    pub(super) figures: QueueFigures,
    /// When the latest were answered.
    served: VecDeque<Timestamp>,
}

impl Line {
    pub(super) fn new(queue: Queue) -> Self {
        Self {
            queue,
            turns: BTreeSet::new(),
            deciding: None,
            again: false,
            beyond: None,
            seen: BTreeSet::new(),
            columns: Columns::default(),
            figures: QueueFigures::default(),
            served: VecDeque::new(),
        }
    }

    /// How many hold a place, those being offered included.
    pub(super) fn waiting(&self) -> u32 {
        u32::try_from(self.turns.len()).unwrap_or(u32::MAX)
    }

    /// 1 is next.
    pub(super) fn position(&self, turn: &Turn) -> u32 {
        u32::try_from(self.turns.range(..turn).count()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Whether this version's scores are awaited.
    pub(super) fn asks(&self, version: Version) -> bool {
        self.deciding.as_ref().is_some_and(|deciding| deciding.version == version)
    }

    pub(super) fn answered(&mut self, now: Timestamp, waited_ms: u64) {
        self.figures.answered += 1;
        if waited_ms <= u64::from(self.queue.service_level_ms) {
            self.figures.answered_in_time += 1;
        }
        if self.served.len() >= MAX_SERVED {
            self.served.pop_front();
        }
        self.served.push_back(now);
    }

    /// How long a place at this position may still take, by the pace of the latest answers. None if they are too few
    /// or too long ago.
    pub(super) fn estimate_ms(&self, now: Timestamp, position: u32) -> Option<u64> {
        let recent = || self.served.iter().filter(|at| now.ms_since(**at) <= SERVED_WITHIN_MS);
        let count = recent().count();
        if count < MIN_SERVED {
            return None;
        }
        let span = now.ms_since(*recent().next()?);
        Some(span / count as u64 * u64::from(position))
    }
}

impl Place {
    pub(super) const fn turn(&self, id: ContactId) -> Turn {
        (Reverse(self.priority), self.queued_at, id)
    }
}

impl Board {
    pub(super) fn enqueue(&mut self, id: ContactId, entry: u64, request: QueueRequest) {
        let found = QueueName::new(request.queue.as_str()).ok().and_then(|name| self.queues.get(&name));
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let queue = match found {
            _ if contact.place.is_some() => Err(not_now("another place is held")),
            None => Err(invalid(&format!("there is no queue `{}`", request.queue))),
            Some(line) if line.waiting() >= line.queue.max_waiting.max(1) => {
                Err(limit(&format!("queue `{}` is full", request.queue)))
            }
            Some(line) => Ok(line.queue.name.clone()),
        };
        match queue {
            Err(refusal) => contact.answer(&mut self.out, entry, refusal),
            Ok(queue) => {
                self.take_place(id, queue, Some(entry), request.priority, request.skills);
                self.answer_flow(id, entry, Reply::Enqueued);
            }
        }
    }

    /// Takes a place in a queue that exists. The contact holds none.
    pub(super) fn take_place(
        &mut self,
        id: ContactId,
        queue: QueueName,
        entry: Option<u64>,
        priority: i32,
        skills: Vec<SkillRequirement>,
    ) {
        let (Some(contact), Some(line)) = (self.contacts.get_mut(&id), self.queues.get_mut(&queue)) else {
            return;
        };
        let place = Place {
            entry,
            queue: queue.clone(),
            queued_at: self.out.now,
            priority,
            skills,
            stage: Stage::Waiting,
            offers: Vec::new(),
            missed: None,
        };
        let turn = place.turn(id);
        line.turns.insert(turn);
        line.figures.offered += 1;
        // Whoever comes is considered, whatever was decided about those before.
        line.beyond = None;
        contact.settled = None;
        contact.place = Some(place);
        contact.tell(&mut self.out, What::Queued { queue: queue.clone(), position: line.position(&turn) });
        self.touched.insert(queue);
        self.seen(id, Mark::Queued);
    }

    pub(super) fn leave(&mut self, id: ContactId, entry: u64, waiting: u64) {
        let place = self.contacts.get(&id).and_then(|contact| contact.place.as_ref());
        if place.is_some_and(|place| place.entry == Some(waiting)) {
            self.leave_queue(id, VisitOutcome::Left);
        }
        self.answer_flow(id, entry, Reply::Done);
    }

    /// Ends a place where nobody talks yet, withdrawing an offer. Nothing if there is none.
    pub(super) fn leave_queue(&mut self, id: ContactId, outcome: VisitOutcome) {
        self.withdraw(id);
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let waits = |place: &mut Place| matches!(place.stage, Stage::Waiting);
        let Some(place) = contact.place.take_if(waits) else { return };
        let waited_ms = self.out.now.ms_since(place.queued_at);
        let told = match outcome {
            VisitOutcome::Abandoned => "abandoned",
            VisitOutcome::Left | VisitOutcome::Answered { .. } => "left",
            VisitOutcome::Lost(_) => "lost",
        };
        if let Some(line) = self.queues.get_mut(&place.queue) {
            line.turns.remove(&place.turn(id));
            match outcome {
                VisitOutcome::Abandoned => {
                    line.figures.abandoned += 1;
                    self.rollouts.mark(&mut contact.part, Mark::Bad(Figure::Abandonment));
                }
                VisitOutcome::Left | VisitOutcome::Lost(_) | VisitOutcome::Answered { .. } => line.figures.left += 1,
            }
        }
        contact.tell(&mut self.out, What::LeftQueue { queue: place.queue.clone(), outcome: told, waited_ms });
        contact.keep_visit(QueueVisit {
            queue: place.queue,
            queued_at: place.queued_at,
            offers: place.offers,
            connected_at: None,
            left_at: self.out.now,
            outcome,
        });
    }

    /// The queue is gone: whoever waits is told.
    pub(super) fn lose_place(&mut self, id: ContactId, why: &str) {
        let entry = self.contacts.get(&id).and_then(|contact| contact.place.as_ref()?.entry);
        self.leave_queue(id, VisitOutcome::Lost(why.into()));
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        match (&contact.driver, entry) {
            (Driver::Flow(_), Some(entry)) => self.place_over(id, entry, WaitStatus::Lost(why.into())),
            (Driver::Safe(SafeStage::Waiting), _) => self.safe_enqueue(id),
            (Driver::Flow(_), None) | (Driver::Safe(_) | Driver::Over, _) => {}
        }
    }

    /// The flow's place came to its end: its `wait` returns, now or when it is called.
    pub(super) fn place_over(&mut self, id: ContactId, entry: u64, status: WaitStatus) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if matches!(contact.parked(), Some(Parked::Wait { .. })) {
            contact.end_wait(&mut self.out, status);
        } else {
            contact.settled = Some((entry, status));
        }
    }

    /// The place as the flow contract shows it.
    pub(super) fn place_of(&self, contact: &Contact) -> Option<flow::Place> {
        let place = contact.place.as_ref()?;
        let line = self.queues.get(&place.queue)?;
        let position = line.position(&place.turn(contact.id));
        Some(flow::Place {
            position,
            waiting: line.waiting(),
            estimate_ms: line.estimate_ms(self.out.now, position),
            waited_ms: self.out.now.ms_since(place.queued_at),
        })
    }
}

impl Contact {
    pub(super) fn keep_visit(&mut self, visit: QueueVisit) {
        if self.visits.len() >= MAX_KEPT {
            self.visits.pop_front();
        }
        self.visits.push_back(visit);
    }

    /// Returns from `wait`: what was heard meanwhile ends with it.
    pub(super) fn end_wait(&mut self, out: &mut super::out::Out, status: WaitStatus) {
        if matches!(self.sound, Some((_, Sound::Music | Sound::Announcement))) {
            self.hush(out);
        }
        out.timers.cancel(&Timer::Announce(self.id));
        self.reply(out, Reply::Waited(status));
    }
}
