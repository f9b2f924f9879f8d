//! A decision as it is on disk: format 3, which is format 2 with what the assignment was made on behind it. In format 2 the
//! contacts' rows are sealed; in format 1 they were not. Fields are never changed; a new format is a new struct beside this
//! one.
//!
//! Numbers are kept bit by bit (little-endian), so that a NaN comes back as the one it was.

use super::MAX_DECISION_NUMBERS;
use super::bases::{Bases, Place, SharedName, Who};
use super::grounds::GroundsV3;
use super::sealed::{SealedV2, Sealing, Shelf};
use crate::error::StoreError;
use crate::seal::Part;
use cordboard_core::decision::{AgentRow, ContactRow, Decision, LeftOut, PairScore, ScoredBy};
use cordboard_core::ids::{AgentId, ContactId, DecisionId, Digest, IdError, QueueName};
use cordboard_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const FORMAT: u8 = 1;
/// Of decisions, and of rows that contacts' decisions share: what is a contact's is sealed.
pub(super) const SEALED_FORMAT: u8 = 2;
/// Of decisions whose grounds are known.
const GROUNDED_FORMAT: u8 = 3;
/// Rows up to this many numbers stand in the decision itself.
const INLINE: usize = 8;
pub(super) const WHAT: &str = "a decision";

/// Shared: the names of the numbers.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct NamesV1 {
    pub(super) contact: Vec<String>,
    pub(super) agent: Vec<String>,
    pub(super) parts: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) enum WhoV1 {
    Contact(u128),
    Agent(String),
}

/// A row in full: shared, or in the decision.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RowV1 {
    who: WhoV1,
    values: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
pub(super) enum RowRefV1 {
    Inline(RowV1),
    Based { base: SharedName, changes: Vec<(u32, [u8; 4])> },
}

#[derive(Serialize, Deserialize)]
enum ScoredByV1 {
    Plugin([u8; 32]),
    LongestIdle,
    Fallback([u8; 32], String),
}

#[derive(Serialize, Deserialize)]
enum ReasonV1 {
    State(u8),
    Skill(String),
    Queue,
    MissedOffer,
}

/// An agent's id: how many bytes of the one before it begins with, and the rest.
type FrontCoded = (u8, String);

/// With [`RowRefV1`] for contacts it is format 1, with [`SealedV2`] format 2.
#[derive(Serialize, Deserialize)]
pub(super) struct DecisionOf<C> {
    id: u64,
    asked_us: u64,
    decided_us: u64,
    queue: String,
    scored_by: ScoredByV1,
    names: SharedName,
    contacts: Vec<C>,
    agents: Vec<RowRefV1>,
    scores: Vec<Option<i64>>,
    /// How many parts each score has; none: as many as there are names of parts.
    part_counts: Option<Vec<u32>>,
    part_values: Vec<u8>,
    assigned: Vec<(u128, String)>,
    left_out: Vec<(FrontCoded, ReasonV1)>,
}

/// The states an agent can be left out for; the place is on disk.
const STATES: [&str; 6] = ["signed-out", "not-ready", "ready", "reserved", "on-contact", "wrap-up"];
/// What a state is called that this version doesn't know.
const OTHER_STATE: (u8, &str) = (255, "other");

/// Puts shared bytes under their name.
pub(super) type PutShared<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), StoreError> + 'a;

fn serialize(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serialize_as(FORMAT, value)
}

fn serialize_as(format: u8, value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(value, vec![format]).map_err(|error| StoreError::undecodable(WHAT, error))
}

pub(super) fn deserialize<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((&FORMAT, body)) => postcard::from_bytes(body).map_err(|error| StoreError::undecodable(WHAT, error)),
        Some((format, _)) => Err(StoreError::undecodable(WHAT, format!("format {format} is not known"))),
        None => Err(StoreError::undecodable(WHAT, "empty")),
    }
}

pub(super) fn shared_name(bytes: &[u8]) -> SharedName {
    let mut name = SharedName::default();
    name.copy_from_slice(Digest::of(bytes).0.first_chunk::<16>().unwrap_or(&[0; 16]));
    name
}

fn to_bytes(values: impl IntoIterator<Item = u32>) -> Vec<u8> {
    values.into_iter().flat_map(u32::to_le_bytes).collect()
}

fn floats(bytes: &[u8]) -> Result<Vec<f32>, StoreError> {
    let (chunks, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(StoreError::undecodable(WHAT, "part of a number"));
    }
    Ok(chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// The decision's own bytes. What is neither in `bases` nor in `fresh` is given to `put` and added to `fresh`.
pub(super) fn encode(
    bases: &mut Bases,
    fresh: &mut Bases,
    sealing: &Sealing<'_>,
    decision: &Decision,
    put: &mut PutShared<'_>,
) -> Result<Vec<u8>, StoreError> {
    check_size(decision)?;
    let tenant = sealing.tenant;
    let names = serialize(&NamesV1 {
        contact: decision.columns.contact.to_vec(),
        agent: decision.columns.agent.to_vec(),
        parts: decision.parts.clone(),
    })?;
    let names_name = shared_name(&names);
    let names_place = (tenant.clone(), names_name);
    if !bases.has_names(&names_place) && !fresh.has_names(&names_place) {
        put(&names_name, &names)?;
        fresh.add_names(names_place);
    }
    let mut row = |who: Who, values: &[f32]| {
        let place = (tenant.clone(), names_name, who);
        store_row(bases, fresh, place, values.iter().map(|value| value.to_bits()).collect(), (sealing, put))
    };
    let mut contacts = Vec::with_capacity(decision.contacts.len());
    for found in &decision.contacts {
        let row = serialize(&row(Who::Contact(found.contact), &found.values)?)?;
        contacts.push(sealing.seal(found.contact, Part::Row(sealing.decision), &row)?);
    }
    let agents = decision.agents.iter().map(|found| row(Who::Agent(found.agent.clone()), &found.values));
    let agents = agents.collect::<Result<_, _>>()?;
    let all_parts = decision.scores.iter().all(|score| score.parts.len() == decision.parts.len());
    let stored = DecisionOf {
        id: decision.id.0,
        asked_us: decision.asked_at.0,
        decided_us: decision.decided_at.0,
        queue: decision.queue.to_string(),
        scored_by: match &decision.scored_by {
            ScoredBy::Plugin(version) => ScoredByV1::Plugin(version.0),
            ScoredBy::LongestIdle => ScoredByV1::LongestIdle,
            ScoredBy::Fallback { version, reason } => ScoredByV1::Fallback(version.0, reason.clone()),
        },
        names: names_name,
        contacts,
        agents,
        scores: decision.scores.iter().map(|score| score.score_milli).collect(),
        // Bounded by `MAX_DECISION_NUMBERS`.
        part_counts: (!all_parts).then(|| decision.scores.iter().map(|score| score.parts.len() as u32).collect()),
        part_values: to_bytes(decision.scores.iter().flat_map(|score| &score.parts).map(|part| part.to_bits())),
        assigned: decision.assigned.iter().map(|(contact, agent)| (contact.0, agent.to_string())).collect(),
        left_out: store_left_out(&decision.left_out),
    };
    match &decision.grounds {
        None => serialize_as(SEALED_FORMAT, &stored),
        Some(grounds) => serialize_as(GROUNDED_FORMAT, &(stored, GroundsV3::of(grounds))),
    }
}

fn check_size(decision: &Decision) -> Result<(), StoreError> {
    let contacts: usize = decision.contacts.iter().map(|row| row.values.len()).sum();
    let agents: usize = decision.agents.iter().map(|row| row.values.len()).sum();
    let parts: usize = decision.scores.iter().map(|score| score.parts.len()).sum();
    let got = contacts + agents + parts;
    if got <= MAX_DECISION_NUMBERS {
        return Ok(());
    }
    let (got, limit) = (got as u64, MAX_DECISION_NUMBERS as u64);
    Err(StoreError::TooLarge { what: "a decision's count of numbers", got, limit })
}

fn store_row(
    bases: &mut Bases,
    fresh: &mut Bases,
    place: Place,
    values: Vec<u32>,
    (sealing, put): (&Sealing<'_>, &mut PutShared<'_>),
) -> Result<RowRefV1, StoreError> {
    let inline = values.len() <= INLINE;
    let mut differences = || fresh.differences(&place, &values).or_else(|| bases.differences(&place, &values));
    if !inline && let Some((base, changes)) = differences() {
        let changes = changes.into_iter().map(|(column, bits)| (column, bits.to_le_bytes())).collect();
        return Ok(RowRefV1::Based { base, changes });
    }
    let who = match &place.2 {
        Who::Contact(contact) => WhoV1::Contact(contact.0),
        Who::Agent(agent) => WhoV1::Agent(agent.to_string()),
    };
    let row = RowV1 { who, values: to_bytes(values.iter().copied()) };
    if inline {
        return Ok(RowRefV1::Inline(row));
    }
    let mut bytes = serialize(&row)?;
    if let Who::Contact(contact) = &place.2 {
        bytes = serialize_as(SEALED_FORMAT, &sealing.seal(*contact, Part::SharedRow, &bytes)?)?;
    }
    let base = shared_name(&bytes);
    put(&base, &bytes)?;
    fresh.add_row(place, base, values);
    Ok(RowRefV1::Based { base, changes: Vec::new() })
}

fn store_left_out(left_out: &[(AgentId, LeftOut)]) -> Vec<(FrontCoded, ReasonV1)> {
    let mut before = "";
    let store = |(agent, reason): &'_ (AgentId, LeftOut)| {
        let reason = match reason {
            LeftOut::State(state) => {
                let place = STATES.iter().position(|known| known == state);
                ReasonV1::State(place.and_then(|place| u8::try_from(place).ok()).unwrap_or(OTHER_STATE.0))
            }
            LeftOut::Skill(skill) => ReasonV1::Skill(skill.clone()),
            LeftOut::Queue => ReasonV1::Queue,
            LeftOut::MissedOffer => ReasonV1::MissedOffer,
        };
        (agent.as_str().to_owned(), reason)
    };
    let mut stored = Vec::with_capacity(left_out.len());
    for entry in left_out {
        let (agent, reason) = store(entry);
        // Names are ASCII and at most 64 bytes long.
        let common = before.bytes().zip(agent.bytes()).take_while(|(old, new)| old == new).count();
        stored.push(((common as u8, agent.get(common..).unwrap_or_default().to_owned()), reason));
        before = entry.0.as_str();
    }
    stored
}

/// A decision's own bytes, decoded.
pub(super) enum Stored {
    Plain(DecisionOf<RowRefV1>),
    Sealed(DecisionOf<SealedV2>),
    Grounded(DecisionOf<SealedV2>, GroundsV3),
}

impl Stored {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        match bytes.split_first() {
            Some((&SEALED_FORMAT, body)) => {
                postcard::from_bytes(body).map(Self::Sealed).map_err(|error| StoreError::undecodable(WHAT, error))
            }
            Some((&GROUNDED_FORMAT, body)) => {
                let both = postcard::from_bytes(body).map_err(|error| StoreError::undecodable(WHAT, error));
                both.map(|(stored, grounds)| Self::Grounded(stored, grounds))
            }
            Some(_) | None => deserialize(bytes).map(Self::Plain),
        }
    }

    /// The decision of this name, with what it shares read from the shelf.
    pub(super) fn load(self, name: [u8; 16], shelf: &mut Shelf<'_>) -> Result<Decision, StoreError> {
        match self {
            Self::Plain(stored) => stored.load(shelf, |row, shelf, budget| {
                let contact = match &row {
                    RowRefV1::Inline(row) => row.who.clone(),
                    RowRefV1::Based { base, .. } => match shelf.row(base)? {
                        Some(base) => base.who.clone(),
                        None => return Err(StoreError::undecodable(WHAT, "a sealed row in a plain decision")),
                    },
                };
                match contact {
                    WhoV1::Contact(contact) => Ok((contact, shelf.contact_row(contact, row, budget)?)),
                    WhoV1::Agent(_) => Err(StoreError::undecodable(WHAT, "an agent among the contacts")),
                }
            }),
            Self::Sealed(stored) => stored.load_sealed(name, shelf),
            Self::Grounded(stored, grounds) => {
                let decision = stored.load_sealed(name, shelf)?;
                Ok(Decision { grounds: Some(grounds.load()?), ..decision })
            }
        }
    }
}

impl DecisionOf<SealedV2> {
    fn load_sealed(self, name: [u8; 16], shelf: &mut Shelf<'_>) -> Result<Decision, StoreError> {
        self.load(shelf, |sealed, shelf, budget| {
            let Some(opened) = shelf.open(&sealed, Part::Row(name))? else {
                return Ok((sealed.contact, Vec::new()));
            };
            Ok((sealed.contact, shelf.contact_row(sealed.contact, deserialize(&opened)?, budget)?))
        })
    }
}

impl<C> DecisionOf<C> {
    fn load(
        self,
        shelf: &mut Shelf<'_>,
        contact: impl Fn(C, &mut Shelf<'_>, &mut usize) -> Result<(u128, Vec<f32>), StoreError>,
    ) -> Result<Decision, StoreError> {
        let stored = self;
        // A few bytes can refer to long rows many times: what comes of them is counted.
        let mut budget = MAX_DECISION_NUMBERS;
        let (columns, parts) = shelf.names(&stored.names)?;
        let mut contacts = Vec::new();
        for row in stored.contacts {
            let (contact, values) = contact(row, shelf, &mut budget)?;
            contacts.push(ContactRow { contact: ContactId(contact), values });
        }
        let mut agents = Vec::new();
        for row in stored.agents {
            match load_row(row, shelf, &mut budget)? {
                Some((WhoV1::Agent(agent), values)) => {
                    agents.push(AgentRow { agent: id(AgentId::new(agent))?, values });
                }
                Some((WhoV1::Contact(_), _)) | None => {
                    return Err(StoreError::undecodable(WHAT, "a contact among the agents"));
                }
            }
        }
        let scores = load_scores(&stored.scores, stored.part_counts, &stored.part_values, parts.len())?;
        shelf.numbers += MAX_DECISION_NUMBERS - budget + stored.part_values.len() / 4 + scores.len();
        let assigned = stored.assigned.into_iter();
        Ok(Decision {
            id: DecisionId(stored.id),
            asked_at: Timestamp(stored.asked_us),
            decided_at: Timestamp(stored.decided_us),
            queue: id(QueueName::new(stored.queue))?,
            scored_by: match stored.scored_by {
                ScoredByV1::Plugin(version) => ScoredBy::Plugin(Digest(version)),
                ScoredByV1::LongestIdle => ScoredBy::LongestIdle,
                ScoredByV1::Fallback(version, reason) => ScoredBy::Fallback { version: Digest(version), reason },
            },
            columns,
            contacts,
            agents,
            parts,
            scores,
            assigned: assigned
                .map(|(contact, agent)| Ok((ContactId(contact), id(AgentId::new(agent))?)))
                .collect::<Result<_, StoreError>>()?,
            left_out: load_left_out(stored.left_out)?,
            grounds: None,
        })
    }
}

pub(super) fn id<T>(made: Result<T, IdError>) -> Result<T, StoreError> {
    made.map_err(|error| StoreError::undecodable(WHAT, error))
}

/// None if it is based on a row that doesn't open.
pub(super) fn load_row(
    row: RowRefV1,
    shelf: &mut Shelf<'_>,
    budget: &mut usize,
) -> Result<Option<(WhoV1, Vec<f32>)>, StoreError> {
    let (row, changes) = match row {
        RowRefV1::Inline(row) => (Arc::new(row), Vec::new()),
        RowRefV1::Based { base, changes } => match shelf.row(&base)? {
            Some(row) => (row, changes),
            None => return Ok(None),
        },
    };
    *budget = budget
        .checked_sub(row.values.len() / 4)
        .ok_or_else(|| StoreError::undecodable(WHAT, "more numbers than a decision may have"))?;
    let mut values = floats(&row.values)?;
    for (column, bytes) in changes {
        let value = usize::try_from(column).ok().and_then(|column| values.get_mut(column));
        *value.ok_or_else(|| StoreError::undecodable(WHAT, "a column that the row doesn't have"))? =
            f32::from_le_bytes(bytes);
    }
    Ok(Some((row.who.clone(), values)))
}

fn load_scores(
    scores: &[Option<i64>],
    counts: Option<Vec<u32>>,
    values: &[u8],
    parts: usize,
) -> Result<Vec<PairScore>, StoreError> {
    let wrong = || StoreError::undecodable(WHAT, "scores and parts of different number");
    let values = floats(values)?;
    let mut rest = values.as_slice();
    let mut counts = counts.map(Vec::into_iter);
    let mut loaded = Vec::with_capacity(scores.len());
    for score_milli in scores {
        let count = match &mut counts {
            Some(counts) => counts.next().and_then(|count| usize::try_from(count).ok()).ok_or_else(wrong)?,
            None => parts,
        };
        let (own, further) = rest.split_at_checked(count).ok_or_else(wrong)?;
        rest = further;
        loaded.push(PairScore { score_milli: *score_milli, parts: own.to_vec() });
    }
    if rest.is_empty() && counts.is_none_or(|counts| counts.len() == 0) { Ok(loaded) } else { Err(wrong()) }
}

fn load_left_out(stored: Vec<(FrontCoded, ReasonV1)>) -> Result<Vec<(AgentId, LeftOut)>, StoreError> {
    let mut before = String::new();
    let mut left_out = Vec::with_capacity(stored.len());
    for ((common, rest), reason) in stored {
        let common = before.get(..usize::from(common));
        before = common.ok_or_else(|| StoreError::undecodable(WHAT, "an agent's name"))?.to_owned() + &rest;
        let reason = match reason {
            ReasonV1::State(state) => LeftOut::State(STATES.get(usize::from(state)).copied().unwrap_or(OTHER_STATE.1)),
            ReasonV1::Skill(skill) => LeftOut::Skill(skill),
            ReasonV1::Queue => LeftOut::Queue,
            ReasonV1::MissedOffer => LeftOut::MissedOffer,
        };
        left_out.push((id(AgentId::new(before.as_str()))?, reason));
    }
    Ok(left_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_core::agent::AgentState;

    #[test]
    fn every_state_of_an_agent_has_its_place() {
        let (since, until, contact) = (Timestamp(0), Timestamp(0), ContactId(0));
        let states = [
            AgentState::SignedOut,
            AgentState::NotReady { reason: String::new() },
            AgentState::Ready { since },
            AgentState::Reserved { contact },
            AgentState::OnContact { contact },
            AgentState::WrapUp { contact, until },
        ];
        for (state, place) in states.iter().zip(STATES) {
            assert_eq!(state.name(), place);
        }
    }

    #[test]
    fn common_beginnings_are_kept_once() {
        let names = ["agent-001", "agent-002", "agent-002", "b", "agent-1"];
        let left_out: Vec<_> = names.iter().map(|name| (AgentId::new(*name).unwrap(), LeftOut::Queue)).collect();
        let stored = store_left_out(&left_out);
        let rests: Vec<_> = stored.iter().map(|((common, rest), _)| (*common, rest.as_str())).collect();
        assert_eq!(rests, [(0, "agent-001"), (8, "2"), (9, ""), (0, "b"), (0, "agent-1")]);
        assert_eq!(load_left_out(stored).unwrap(), left_out);
        let bad = vec![((3, "x".to_owned()), ReasonV1::Queue)];
        assert!(load_left_out(bad).is_err(), "nothing before it");
    }
}
