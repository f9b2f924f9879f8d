//! A contact record as it is on disk: format 2, a record without its personal part, and that sealed. Format 1 was the
//! record in plain. Fields are never changed; a new format is a new struct beside this one.

use crate::error::StoreError;
use crate::seal::{Access, Held, Part};
use cordboard_core::flow::{Address, Channel};
use cordboard_core::ids::{AgentId, ContactId, DecisionId, Digest, EntryPointName, IdError, QueueName, TenantId};
use cordboard_core::record::{
    ChoiceMade, ContactRecord, EndReason, Offer, OfferResult, Personal, QueueVisit, VisitOutcome,
};
use cordboard_core::time::Timestamp;
use serde::{Deserialize, Serialize};

const PLAIN: u8 = 1;
const FORMAT: u8 = 2;

#[derive(Serialize, Deserialize)]
struct AddressV1 {
    uri: String,
    number: Option<String>,
    display_name: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct OfferV1 {
    agent: String,
    at_us: u64,
    decision: u64,
    result: u8,
}

#[derive(Serialize, Deserialize)]
enum OutcomeV1 {
    Answered { agent: String, talked_ms: u64 },
    Abandoned,
    Left,
    Lost(String),
}

#[derive(Serialize, Deserialize)]
struct VisitV1 {
    queue: String,
    queued_us: u64,
    offers: Vec<OfferV1>,
    connected_us: Option<u64>,
    left_us: u64,
    outcome: OutcomeV1,
}

#[derive(Serialize, Deserialize)]
struct RecordV1 {
    id: u128,
    channel: u8,
    entry_point: Option<String>,
    origin: AddressV1,
    dialled: AddressV1,
    offered_us: u64,
    answered_us: Option<u64>,
    ended_us: u64,
    end: (String, Option<String>),
    visits: Vec<VisitV1>,
    choices: Vec<(u64, String, String)>,
    attributes: Vec<(String, String)>,
    versions: Vec<[u8; 32]>,
    stepped_down: Option<String>,
    journal_entries: u64,
    journal_durable: bool,
}

/// What is personal: sealed in a record of format 2.
#[derive(Serialize, Deserialize)]
struct PersonalV1 {
    origin: AddressV1,
    dialled: AddressV1,
    end: Option<String>,
    /// Of visits that were lost, in order.
    lost: Vec<String>,
    choices: Vec<(u64, String, String)>,
    attributes: Vec<(String, String)>,
    stepped_down: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct RecordV2 {
    /// Without its personal part.
    record: RecordV1,
    /// Empty once it is erased.
    sealed: Vec<u8>,
}

fn wrong(error: impl ToString) -> StoreError {
    StoreError::undecodable("a record", error)
}

/// The record's bytes: the format, then postcard.
pub(super) fn encode(held: &Held, record: &ContactRecord) -> Result<Vec<u8>, StoreError> {
    let personal = postcard::to_allocvec(&store_personal(record)).map_err(wrong)?;
    let sealed = held.key.seal(&record.tenant, record.id, Part::Record, &personal)?;
    with(record, sealed)
}

/// The bytes of a record of which nothing personal is kept any more.
pub(super) fn encode_erased(record: &ContactRecord) -> Result<Vec<u8>, StoreError> {
    with(record, Vec::new())
}

fn with(record: &ContactRecord, sealed: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let record = store(&record.clone().without_personal(Personal::Erased));
    postcard::to_extend(&RecordV2 { record, sealed }, vec![FORMAT]).map_err(wrong)
}

/// The record of these bytes. Where its personal part can't be read, the rest is there all the same.
pub(super) fn decode(tenant: &TenantId, bytes: &[u8], access: &Access) -> Result<ContactRecord, StoreError> {
    match bytes.split_first() {
        Some((&PLAIN, body)) => {
            let record = load(tenant, postcard::from_bytes(body).map_err(wrong)?).map_err(wrong)?;
            Ok(match access {
                Access::Erased => record.without_personal(Personal::Erased),
                Access::Plain | Access::Sealed { .. } | Access::Lost(_) => record,
            })
        }
        Some((&FORMAT, body)) => {
            let RecordV2 { record, sealed } = postcard::from_bytes(body).map_err(wrong)?;
            let record = load(tenant, record).map_err(wrong)?;
            if matches!(access, Access::Erased) {
                return Ok(record.without_personal(Personal::Erased));
            }
            match open(tenant, &record, &sealed, access) {
                Ok(personal) => Ok(load_personal(record, personal)),
                Err(cause) => {
                    tracing::error!(contact = %record.id, cause, "what its record says of the person can't be read");
                    Ok(record.without_personal(Personal::Unreadable))
                }
            }
        }
        Some((format, _)) => Err(wrong(format!("format {format} is not known"))),
        None => Err(wrong("empty")),
    }
}

fn open(tenant: &TenantId, record: &ContactRecord, sealed: &[u8], access: &Access) -> Result<PersonalV1, &'static str> {
    let key = match access {
        Access::Sealed { key, .. } => key,
        Access::Plain | Access::Erased => return Err("it has no key"),
        Access::Lost(cause) => return Err(cause),
    };
    let opened =
        key.open(tenant, record.id, Part::Record, sealed).map_err(|_| "it was changed, cut short, or moved")?;
    postcard::from_bytes(&opened).map_err(|_| "it is malformed")
}

fn store_personal(record: &ContactRecord) -> PersonalV1 {
    let lost = record.visits.iter().filter_map(|visit| match &visit.outcome {
        VisitOutcome::Lost(text) => Some(text.clone()),
        VisitOutcome::Answered { .. } | VisitOutcome::Abandoned | VisitOutcome::Left => None,
    });
    PersonalV1 {
        origin: store_address(&record.origin),
        dialled: store_address(&record.dialled),
        end: record.end.detail().map(Into::into),
        lost: lost.collect(),
        choices: store_choices(record),
        attributes: store_attributes(record),
        stepped_down: record.stepped_down.clone(),
    }
}

fn load_personal(mut record: ContactRecord, personal: PersonalV1) -> ContactRecord {
    let PersonalV1 { origin, dialled, end, lost, choices, attributes, stepped_down } = personal;
    record.origin = load_address(origin);
    record.dialled = load_address(dialled);
    // Its code is known: it was read a moment ago.
    record.end = load_end(record.end.code().into(), end.unwrap_or_default()).unwrap_or(record.end);
    let mut lost = lost.into_iter();
    for visit in &mut record.visits {
        if let VisitOutcome::Lost(text) = &mut visit.outcome {
            *text = lost.next().unwrap_or_default();
        }
    }
    record.choices = load_choices(choices);
    record.attributes = attributes.into_iter().collect();
    record.stepped_down = stepped_down;
    record.personal = Personal::Kept;
    record
}

fn store_choices(record: &ContactRecord) -> Vec<(u64, String, String)> {
    record.choices.iter().map(|made| (made.at.0, made.question.clone(), made.answer.clone())).collect()
}

fn load_choices(choices: Vec<(u64, String, String)>) -> Vec<ChoiceMade> {
    let load = |(at, question, answer)| ChoiceMade { at: Timestamp(at), question, answer };
    choices.into_iter().map(load).collect()
}

fn store_attributes(record: &ContactRecord) -> Vec<(String, String)> {
    record.attributes.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn store(record: &ContactRecord) -> RecordV1 {
    RecordV1 {
        id: record.id.0,
        channel: match record.channel {
            Channel::Voice => 0,
            Channel::Text => 1,
        },
        entry_point: record.entry_point.as_ref().map(ToString::to_string),
        origin: store_address(&record.origin),
        dialled: store_address(&record.dialled),
        offered_us: record.offered_at.0,
        answered_us: record.answered_at.map(|at| at.0),
        ended_us: record.ended_at.0,
        end: (record.end.code().into(), record.end.detail().map(Into::into)),
        visits: record.visits.iter().map(store_visit).collect(),
        choices: store_choices(record),
        attributes: store_attributes(record),
        versions: record.versions.iter().map(|version| version.0).collect(),
        stepped_down: record.stepped_down.clone(),
        journal_entries: record.journal_entries,
        journal_durable: record.journal_durable,
    }
}

fn store_address(address: &Address) -> AddressV1 {
    let Address { uri, number, display_name } = address.clone();
    AddressV1 { uri, number, display_name }
}

fn store_visit(visit: &QueueVisit) -> VisitV1 {
    let offer = |offer: &Offer| OfferV1 {
        agent: offer.agent.to_string(),
        at_us: offer.at.0,
        decision: offer.decision.0,
        result: match offer.result {
            OfferResult::Answered => 0,
            OfferResult::TimedOut => 1,
            OfferResult::Declined => 2,
            OfferResult::Unreachable => 3,
            OfferResult::Withdrawn => 4,
        },
    };
    VisitV1 {
        queue: visit.queue.to_string(),
        queued_us: visit.queued_at.0,
        offers: visit.offers.iter().map(offer).collect(),
        connected_us: visit.connected_at.map(|at| at.0),
        left_us: visit.left_at.0,
        outcome: match &visit.outcome {
            VisitOutcome::Answered { agent, talked_ms } => {
                OutcomeV1::Answered { agent: agent.to_string(), talked_ms: *talked_ms }
            }
            VisitOutcome::Abandoned => OutcomeV1::Abandoned,
            VisitOutcome::Left => OutcomeV1::Left,
            VisitOutcome::Lost(reason) => OutcomeV1::Lost(reason.clone()),
        },
    }
}

#[derive(Debug, thiserror::Error)]
enum Unknown {
    #[error(transparent)]
    Id(#[from] IdError),
    #[error("{0} `{1}` is not known")]
    Code(&'static str, String),
}

fn load(tenant: &TenantId, stored: RecordV1) -> Result<ContactRecord, Unknown> {
    Ok(ContactRecord {
        id: ContactId(stored.id),
        tenant: tenant.clone(),
        channel: match stored.channel {
            0 => Channel::Voice,
            1 => Channel::Text,
            other => return Err(Unknown::Code("channel", other.to_string())),
        },
        entry_point: stored.entry_point.map(EntryPointName::new).transpose()?,
        origin: load_address(stored.origin),
        dialled: load_address(stored.dialled),
        offered_at: Timestamp(stored.offered_us),
        answered_at: stored.answered_us.map(Timestamp),
        ended_at: Timestamp(stored.ended_us),
        end: load_end(stored.end.0, stored.end.1.unwrap_or_default())?,
        visits: stored.visits.into_iter().map(load_visit).collect::<Result<_, _>>()?,
        choices: load_choices(stored.choices),
        attributes: stored.attributes.into_iter().collect(),
        versions: stored.versions.into_iter().map(Digest).collect(),
        stepped_down: stored.stepped_down,
        journal_entries: stored.journal_entries,
        journal_durable: stored.journal_durable,
        personal: Personal::Kept,
    })
}

fn load_address(stored: AddressV1) -> Address {
    let AddressV1 { uri, number, display_name } = stored;
    Address { uri, number, display_name }
}

fn load_visit(stored: VisitV1) -> Result<QueueVisit, Unknown> {
    let offer = |offer: OfferV1| {
        Ok::<_, Unknown>(Offer {
            agent: AgentId::new(offer.agent)?,
            at: Timestamp(offer.at_us),
            decision: DecisionId(offer.decision),
            result: match offer.result {
                0 => OfferResult::Answered,
                1 => OfferResult::TimedOut,
                2 => OfferResult::Declined,
                3 => OfferResult::Unreachable,
                4 => OfferResult::Withdrawn,
                other => return Err(Unknown::Code("offer result", other.to_string())),
            },
        })
    };
    Ok(QueueVisit {
        queue: QueueName::new(stored.queue)?,
        queued_at: Timestamp(stored.queued_us),
        offers: stored.offers.into_iter().map(offer).collect::<Result<_, _>>()?,
        connected_at: stored.connected_us.map(Timestamp),
        left_at: Timestamp(stored.left_us),
        outcome: match stored.outcome {
            OutcomeV1::Answered { agent, talked_ms } => {
                VisitOutcome::Answered { agent: AgentId::new(agent)?, talked_ms }
            }
            OutcomeV1::Abandoned => VisitOutcome::Abandoned,
            OutcomeV1::Left => VisitOutcome::Left,
            OutcomeV1::Lost(reason) => VisitOutcome::Lost(reason),
        },
    })
}

fn load_end(code: String, text: String) -> Result<EndReason, Unknown> {
    Ok(match code.as_str() {
        "completed" => EndReason::Completed,
        "failed" => EndReason::Failed(text),
        "hung-up" => EndReason::HungUp,
        "cancelled" => EndReason::Cancelled,
        "agent-hung-up" => EndReason::AgentHungUp,
        "rejected" => EndReason::Rejected(text),
        "redirected" => EndReason::Redirected(text),
        "ended-by-operator" => EndReason::EndedByOperator,
        "media-lost" => EndReason::MediaLost,
        "signalling-failed" => EndReason::SignallingFailed(text),
        "shutdown" => EndReason::Shutdown,
        "interrupted" => EndReason::Interrupted,
        "other" => EndReason::Other(text),
        _unknown => return Err(Unknown::Code("end reason", code)),
    })
}
