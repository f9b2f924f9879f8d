//! A contact in JSON: the same members whether it is in progress or ended.

use crate::centre;
use crate::json::{Address, Time};
use cordboard_core::board::{ContactView, PlaceView};
use cordboard_core::flow::Channel;
use cordboard_core::record::{ChoiceMade, ContactRecord, EndReason, OfferResult, Personal, QueueVisit, VisitOutcome};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A contact, in progress or ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct Contact {
    /// Which: 26 characters that sort by the time it came.
    id: String,
    /// `ringing`, `flow`, `queued`, `offered`, `talking`, `safe-flow`, `ending`, or `ended`.
    #[schema(example = "talking")]
    state: &'static str,
    /// `voice` or `text`.
    channel: &'static str,
    /// Through which entry point; null if no number matched.
    entry_point: Option<String>,
    /// From whom.
    origin: Address,
    /// To what.
    dialled: Address,
    /// Whose version it is pinned to, while in progress.
    deployment: Option<String>,
    /// The version it is pinned to, or ran last.
    version: Option<String>,
    /// When it came.
    offered_at: Time,
    /// When it was answered.
    answered_at: Option<Time>,
    /// When it ended.
    ended_at: Option<Time>,
    /// Why it ended.
    end: Option<End>,
    /// Where it waits, is offered or came from to the agent.
    place: Option<Place>,
    /// Places held before, in order.
    visits: Vec<Visit>,
    /// What the person chose, in order.
    choices: Vec<Choice>,
    /// The attributes now, or at the end.
    attributes: BTreeMap<String, String>,
    /// The flow versions that ran, in order.
    versions: Vec<String>,
    /// The version it is to go over to, while that is tried.
    migrating_to: Option<String>,
    /// It waits without an instance, which will be made anew from the journal.
    asleep: bool,
    /// The flow failed and the safe flow took over, because of this.
    stepped_down: Option<String>,
    /// How many entries the journal has.
    journal_entries: u64,
    /// False if part of the journal could not be written.
    journal_durable: bool,
    /// What was kept of the person is erased: `origin`, `dialled`, `choices`, `attributes` and every text are empty.
    erased: bool,
    /// What is kept of the person can't be read, and is empty here: its key is lost, or it is damaged.
    unreadable: bool,
}

/// Why a contact ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct End {
    /// Stable: `completed`, `failed`, `hung-up`, `cancelled`, `agent-hung-up`, `rejected`, `redirected`,
    /// `ended-by-operator`, `media-lost`, `signalling-failed`, `shutdown`, `interrupted` or `other`.
    reason: &'static str,
    /// In words, where there is more to say.
    detail: Option<String>,
}

/// A place in a queue, now.
#[derive(Serialize, ToSchema)]
struct Place {
    /// Which queue.
    queue: String,
    /// When it was taken.
    queued_at: Time,
    /// 1 is next; null once an agent is offered or talks.
    position: Option<u32>,
    /// Who is rung, or talks.
    agent: Option<String>,
}

/// A place in a queue, from beginning to end.
#[derive(Serialize, ToSchema)]
struct Visit {
    /// Which queue.
    queue: String,
    /// When the place was taken.
    queued_at: Time,
    /// Every offer to an agent.
    offers: Vec<Offer>,
    /// When an agent answered.
    connected_at: Option<Time>,
    /// When the place was given up, or the talk ended.
    left_at: Time,
    /// `answered`, `abandoned`, `left` or `lost`.
    outcome: &'static str,
    /// Who talked.
    agent: Option<String>,
    /// For how long.
    talked_ms: Option<u64>,
    /// Why the place was lost.
    detail: Option<String>,
}

/// An offer to an agent.
#[derive(Serialize, ToSchema)]
struct Offer {
    /// To whom.
    agent: String,
    /// When.
    at: Time,
    /// By which decision.
    decision: u64,
    /// `answered`, `timed-out`, `declined`, `unreachable` or `withdrawn`.
    result: &'static str,
}

/// An answer to a question.
#[derive(Serialize, ToSchema)]
struct Choice {
    /// When.
    at: Time,
    /// The question's id.
    question: String,
    /// The choice's id, the digits, `silence` or `no-match`; `***` if it is secret.
    answer: String,
}

pub(crate) fn channel(channel: Channel) -> &'static str {
    match channel {
        Channel::Voice => "voice",
        Channel::Text => "text",
    }
}

pub(crate) fn offer_result(result: OfferResult) -> &'static str {
    match result {
        OfferResult::Answered => "answered",
        OfferResult::TimedOut => "timed-out",
        OfferResult::Declined => "declined",
        OfferResult::Unreachable => "unreachable",
        OfferResult::Withdrawn => "withdrawn",
    }
}

impl From<centre::Contact> for Contact {
    fn from(contact: centre::Contact) -> Self {
        match contact {
            centre::Contact::Live(view) => (*view).into(),
            centre::Contact::Ended(record) => (*record).into(),
        }
    }
}

impl From<ContactView> for Contact {
    fn from(view: ContactView) -> Self {
        Self {
            id: view.id.to_string(),
            state: view.state,
            channel: channel(view.channel),
            entry_point: Some(view.entry_point.into()),
            origin: (&view.origin).into(),
            dialled: (&view.dialled).into(),
            deployment: Some(view.deployment.into()),
            version: view.version.map(|version| version.to_string()),
            offered_at: Time(view.offered_at),
            answered_at: view.answered_at.map(Time),
            ended_at: None,
            end: None,
            place: view.place.map(Place::from),
            visits: view.visits.into_iter().map(Visit::from).collect(),
            choices: view.choices.into_iter().map(Choice::from).collect(),
            attributes: view.attributes,
            versions: view.versions.iter().map(ToString::to_string).collect(),
            migrating_to: view.migrating_to.map(|version| version.to_string()),
            asleep: view.asleep,
            stepped_down: view.stepped_down,
            journal_entries: view.journal_entries,
            journal_durable: view.journal_durable,
            erased: false,
            unreadable: false,
        }
    }
}

impl From<ContactRecord> for Contact {
    fn from(record: ContactRecord) -> Self {
        Self {
            id: record.id.to_string(),
            state: "ended",
            channel: channel(record.channel),
            entry_point: record.entry_point.map(String::from),
            origin: (&record.origin).into(),
            dialled: (&record.dialled).into(),
            deployment: None,
            version: record.versions.last().map(ToString::to_string),
            offered_at: Time(record.offered_at),
            answered_at: record.answered_at.map(Time),
            ended_at: Some(Time(record.ended_at)),
            end: Some((&record.end).into()),
            place: None,
            visits: record.visits.into_iter().map(Visit::from).collect(),
            choices: record.choices.into_iter().map(Choice::from).collect(),
            attributes: record.attributes,
            versions: record.versions.iter().map(ToString::to_string).collect(),
            migrating_to: None,
            asleep: false,
            stepped_down: record.stepped_down,
            journal_entries: record.journal_entries,
            journal_durable: record.journal_durable,
            erased: record.personal == Personal::Erased,
            unreadable: record.personal == Personal::Unreadable,
        }
    }
}

impl From<&EndReason> for End {
    fn from(end: &EndReason) -> Self {
        Self { reason: end.code(), detail: end.detail().map(str::to_owned) }
    }
}

impl From<PlaceView> for Place {
    fn from(place: PlaceView) -> Self {
        Self {
            queue: place.queue.into(),
            queued_at: Time(place.queued_at),
            position: place.position,
            agent: place.agent.map(String::from),
        }
    }
}

impl From<QueueVisit> for Visit {
    fn from(visit: QueueVisit) -> Self {
        let (outcome, agent, talked_ms, detail) = match visit.outcome {
            VisitOutcome::Answered { agent, talked_ms } => ("answered", Some(agent.into()), Some(talked_ms), None),
            VisitOutcome::Abandoned => ("abandoned", None, None, None),
            VisitOutcome::Left => ("left", None, None, None),
            VisitOutcome::Lost(why) => ("lost", None, None, Some(why)),
        };
        let offers = visit.offers.into_iter().map(|offer| Offer {
            agent: offer.agent.into(),
            at: Time(offer.at),
            decision: offer.decision.0,
            result: offer_result(offer.result),
        });
        Self {
            queue: visit.queue.into(),
            queued_at: Time(visit.queued_at),
            offers: offers.collect(),
            connected_at: visit.connected_at.map(Time),
            left_at: Time(visit.left_at),
            outcome,
            agent,
            talked_ms,
            detail,
        }
    }
}

impl From<ChoiceMade> for Choice {
    fn from(choice: ChoiceMade) -> Self {
        Self { at: Time(choice.at), question: choice.question, answer: choice.answer }
    }
}
