//! Routing decisions: who is considered, what the scorer says of them, and who is offered whom.
//!
//! One decision at a time for each queue. What has changed while the scorer was thinking is looked at again before
//! anybody is assigned. Where nobody suited anybody, the queue is looked at again after a while, or when somebody
//! comes: never in a loop.

use super::agents::Seat;
use super::contact::{Contact, Place, Stage};
use super::rollouts::Part;
use super::timers::Timer;
use super::{Board, Effect, shortened};
use crate::config::World;
use crate::decision::{
    AgentRow, Columns, ContactRow, Decision, Grounds, LeftOut, MAX_AGENTS, MAX_CONTACTS, PairScore, ScoreAnswer,
    ScoreRequest, ScoredBy,
};
use crate::event::What;
use crate::flow::SkillRequirement;
use crate::ids::{AgentId, ContactId, DecisionId, DeploymentName, QueueName, Version};
use crate::matching::assign;
use crate::rollout::Figure;
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// Agents not considered that a decision names.
const MAX_LEFT_OUT: usize = 256;
/// What the scorer contract allows.
const MAX_PARTS: usize = 16;
/// A scorer has 50 ms for a contact; this is for a host that is slow.
const SCORE_TIMEOUT_MS: u64 = 2_000;
/// When those whom nobody suited are looked at again.
const REMATCH_MS: u64 = 5_000;
/// An agent who missed an offer isn't offered the same contact again within this time.
const MISSED_PAUSE_MS: u64 = 5_000;
const MAX_FALLBACK_BYTES: usize = 512;

/// Who is considered for whom.
#[derive(Debug)]
pub(super) struct Batch {
    columns: Columns,
    contacts: Vec<ContactRow>,
    agents: Vec<AgentRow>,
    left_out: Vec<(AgentId, LeftOut)>,
    /// Whose scorer is asked.
    scorer: Option<DeploymentName>,
}

/// A decision whose scores are awaited.
#[derive(Debug)]
pub(super) struct Deciding {
    id: DecisionId,
    pub(super) version: Version,
    asked_at: Timestamp,
    batch: Batch,
    /// Of the scorer's canary.
    part: Option<Part>,
}

impl Board {
    /// Decides for every queue where something changed: first where the first contact's turn is earliest.
    pub(super) fn match_touched(&mut self) {
        while !self.touched.is_empty() {
            let mut heads: Vec<_> = std::mem::take(&mut self.touched)
                .into_iter()
                .filter_map(|name| Some((*self.queues.get(&name)?.turns.first()?, name)))
                .collect();
            heads.sort();
            for (_, name) in heads {
                self.decide(&name);
            }
        }
    }

    fn decide(&mut self, name: &QueueName) {
        let Some(line) = self.queues.get_mut(name) else { return };
        if line.deciding.is_some() {
            line.again = true;
            return;
        }
        let Some(mut batch) = self.batch(name) else { return };
        let id = self.out.decision();
        let asked_at = self.out.now;
        let scorer = self.queues.get(name).and_then(|line| line.queue.scorer.clone());
        let scorer = scorer.map(|scorer| {
            let there = self.deployments.get(&scorer).is_some_and(|found| found.world == World::Scorer);
            let first = batch.contacts.first().filter(|_| there).map(|row| row.contact);
            let chosen = first.and_then(|first| self.choose_for(&scorer, first, Some(name)));
            let chosen = chosen.ok_or_else(|| format!("there is no scorer `{scorer}`"));
            batch.scorer = Some(scorer).filter(|_| chosen.is_ok());
            chosen
        });
        let Some(line) = self.queues.get_mut(name) else { return };
        match scorer {
            Some(Ok((version, part))) => {
                self.out.push(Effect::Score(ScoreRequest {
                    decision: id,
                    version,
                    columns: batch.columns.clone(),
                    contacts: batch.contacts.iter().map(|row| row.values.clone()).collect(),
                    agents: batch.agents.iter().map(|row| row.values.clone()).collect(),
                }));
                self.out.timers.set(Timer::Score(id), asked_at.plus_ms(SCORE_TIMEOUT_MS));
                line.again = false;
                line.deciding = Some(Deciding { id, version, asked_at, batch, part });
                self.decisions.insert(id, name.clone());
            }
            Some(Err(missing)) => self.conclude(name, id, asked_at, batch, ScoredBy::LongestIdle, None, Some(missing)),
            None => self.conclude(name, id, asked_at, batch, ScoredBy::LongestIdle, None, None),
        }
    }

    /// The scorer answered, or didn't.
    pub(super) fn scored(&mut self, decision: DecisionId, result: Result<ScoreAnswer, String>) {
        let Some(name) = self.decisions.remove(&decision) else { return };
        self.out.timers.cancel(&Timer::Score(decision));
        let awaited = |deciding: &mut Deciding| deciding.id == decision;
        let Some(line) = self.queues.get_mut(&name) else { return };
        let Some(deciding) = line.deciding.take_if(awaited) else { return };
        let again = std::mem::take(&mut line.again);
        let Deciding { id, version, asked_at, batch, mut part } = deciding;
        let (by, answer, fallback) = match result.and_then(|answer| checked(answer, &batch)) {
            Ok(answer) => (ScoredBy::Plugin(version), Some(answer), None),
            Err(reason) => {
                let reason = shortened(reason, MAX_FALLBACK_BYTES);
                (ScoredBy::Fallback { version, reason: reason.clone() }, None, Some(reason))
            }
        };
        let failed = fallback.as_ref().map(|_| Figure::Descents);
        self.served_by(&mut part, asked_at, failed);
        self.conclude(&name, id, asked_at, batch, by, answer, fallback);
        if again && let Some(line) = self.queues.get_mut(&name) {
            // What changed meanwhile concerns those as well whom nobody suited.
            line.beyond = None;
            self.touched.insert(name);
        }
        self.retire(version);
    }

    /// Assigns, keeps the decision, and offers.
    #[allow(clippy::too_many_arguments, reason = "one caller a way that scores are made")]
    fn conclude(
        &mut self,
        name: &QueueName,
        id: DecisionId,
        asked_at: Timestamp,
        batch: Batch,
        scored_by: ScoredBy,
        answer: Option<ScoreAnswer>,
        fallback: Option<String>,
    ) {
        let (ranks, unfit) = (self.ranks(&batch), self.unfit(name, &batch));
        let (parts, pairs) = match answer {
            Some(answer) => (answer.parts, answer.scores),
            None => (Vec::new(), self.longest_idle(&batch, &unfit)),
        };
        let assigned = pairs_assigned(&batch, &pairs, &ranks, &unfit);
        let narrow = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        let grounds = batch.scorer.map(|scorer| Grounds {
            scorer,
            ranks: ranks.iter().copied().map(narrow).collect(),
            unfit: unfit.iter().map(|(row, column)| (narrow(*row), narrow(*column))).collect(),
        });
        let last = batch.contacts.last().map(|row| row.contact);
        let decision = Decision {
            id,
            asked_at,
            decided_at: self.out.now,
            queue: name.clone(),
            scored_by,
            columns: batch.columns,
            contacts: batch.contacts,
            agents: batch.agents,
            parts,
            scores: pairs.into_iter().flatten().collect(),
            assigned: assigned.clone(),
            left_out: batch.left_out,
            grounds,
        };
        let took_us = self.out.now.0.saturating_sub(asked_at.0);
        self.out.push(Effect::KeepDecision(Box::new(decision)));
        self.out.tell(
            None,
            What::Decided { decision: id, queue: name.clone(), assigned: assigned.clone(), fallback, took_us },
        );
        if assigned.is_empty()
            && let Some(line) = self.queues.get_mut(name)
        {
            // Those behind may be luckier.
            let turn = last.and_then(|last| waiting(&self.contacts, last).map(|(_, place)| (place, last)));
            let turn = turn.filter(|(place, _)| place.queue == *name).map(|(place, last)| place.turn(last));
            line.beyond = turn.or(line.beyond);
            if turn.is_none() {
                self.out.timers.set(Timer::Rematch(name.clone()), self.out.now.plus_ms(REMATCH_MS));
                return;
            }
        }
        self.touched.insert(name.clone());
        for (contact, agent) in assigned {
            self.offer(contact, &agent, id);
        }
    }

    /// Who can be considered: contacts in their turn that a ready agent may serve. None if there are none.
    fn batch(&mut self, name: &QueueName) -> Option<Batch> {
        let line = self.queues.get(name)?;
        let mut ready: Vec<&Seat> =
            self.agents.values().filter(|seat| seat.ready() && seat.serves(&line.queue, &[]).is_ok()).collect();
        ready.sort_by(|a, b| (a.idle_since, &a.agent.id).cmp(&(b.idle_since, &b.agent.id)));
        if ready.is_empty() {
            return None;
        }
        let mut fit: BTreeMap<&[SkillRequirement], Vec<&AgentId>> = BTreeMap::new();
        let (mut contacts, mut chosen, mut paused) = (Vec::new(), BTreeSet::<&AgentId>::new(), false);
        let from = line.beyond.map_or(Bound::Unbounded, Bound::Excluded);
        for (.., id) in line.turns.range((from, Bound::Unbounded)) {
            let Some((contact, place)) = waiting(&self.contacts, *id) else { continue };
            let suits = fit.entry(&place.skills).or_insert_with(|| {
                let serves = |seat: &&&Seat| seat.serves(&line.queue, &place.skills).is_ok();
                ready.iter().filter(serves).map(|seat| &seat.agent.id).collect()
            });
            let missed = place.missed_just_now(self.out.now);
            let mut suited = suits.iter().filter(|agent| missed != Some(**agent)).take(MAX_AGENTS).peekable();
            paused |= missed.is_some();
            if suited.peek().is_some() {
                chosen.extend(suited.copied());
                contacts.push(contact);
            }
            if contacts.len() >= MAX_CONTACTS {
                break;
            }
        }
        let exhausted = contacts.is_empty();
        if exhausted {
            // Everybody was looked at: from the beginning again, when something changes or the time has come.
            let again = paused || line.beyond.is_some();
            let line = self.queues.get_mut(name)?;
            line.beyond = None;
            if again {
                self.out.timers.set(Timer::Rematch(name.clone()), self.out.now.plus_ms(REMATCH_MS));
            }
            return None;
        }
        // The longest idle of those who suit anybody.
        let seats: Vec<_> = ready.iter().filter(|seat| chosen.contains(&&seat.agent.id)).take(MAX_AGENTS).collect();
        let mut ids: Vec<AgentId> = seats.iter().map(|seat| seat.agent.id.clone()).collect();
        ids.sort();
        let now = self.out.now;
        let line = self.queues.get_mut(name)?;
        let columns = line.columns_for(&contacts, &self.agent_columns);
        let rows = contacts
            .iter()
            .filter_map(|contact| Some(line.contact_row(contact, contact.place.as_ref()?, &columns, now)))
            .collect();
        let agents = ids.iter().filter_map(|id| Some(self.agents.get(id)?.row(&columns, now))).collect();
        let left_out = self.left_out(name, &ids);
        Some(Batch { columns, contacts: rows, agents, left_out, scorer: None })
    }

    fn left_out(&self, name: &QueueName, considered: &[AgentId]) -> Vec<(AgentId, LeftOut)> {
        let Some(line) = self.queues.get(name) else { return Vec::new() };
        let others = self.agents.values().filter(|seat| considered.binary_search(&seat.agent.id).is_err());
        let why = |seat: &Seat| {
            if !seat.ready() {
                return LeftOut::State(seat.state.name());
            }
            // Every contact that could be considered needs more than the queue, or was just missed.
            let contacts = line.turns.iter().filter_map(|(.., id)| waiting(&self.contacts, *id)).take(MAX_CONTACTS);
            seat.serves(&line.queue, &[]).err().unwrap_or_else(|| {
                let mut lacking = contacts.filter_map(|(_, place)| seat.serves(&line.queue, &place.skills).err());
                lacking.next().unwrap_or(LeftOut::MissedOffer)
            })
        };
        others.take(MAX_LEFT_OUT).map(|seat| (seat.agent.id.clone(), why(seat))).collect()
    }

    /// Scores where no scorer makes them: how long the agent has been idle.
    fn longest_idle(&self, batch: &Batch, unfit: &BTreeSet<(usize, usize)>) -> Vec<Vec<PairScore>> {
        let now = self.out.now;
        let idle = |agent: &AgentId| {
            let idle_ms = now.ms_since(self.agents.get(agent)?.idle_since);
            // In thousandths of a second.
            Some(i64::try_from(idle_ms).unwrap_or(i64::MAX))
        };
        let scores: Vec<Option<i64>> = batch.agents.iter().map(|row| idle(&row.agent)).collect();
        let row = |row: usize| {
            let pair = |(column, score): (usize, &Option<i64>)| PairScore {
                score_milli: score.filter(|_| !unfit.contains(&(row, column))),
                parts: Vec::new(),
            };
            scores.iter().enumerate().map(pair).collect()
        };
        (0..batch.contacts.len()).map(row).collect()
    }

    /// Of each agent of the batch, its place among them: the longest idle first.
    fn ranks(&self, batch: &Batch) -> Vec<usize> {
        let mut order: Vec<(Timestamp, &AgentId, usize)> = Vec::new();
        for (at, row) in batch.agents.iter().enumerate() {
            let idle_since = self.agents.get(&row.agent).map_or(self.out.now, |seat| seat.idle_since);
            order.push((idle_since, &row.agent, at));
        }
        order.sort();
        let mut ranks: Vec<(usize, usize)> = order.iter().enumerate().map(|(rank, (.., at))| (*at, rank)).collect();
        ranks.sort_unstable();
        ranks.into_iter().map(|(_, rank)| rank).collect()
    }

    /// The pairs that must not be, over what is still so: contacts and agents may have changed since they were asked about.
    fn unfit(&self, name: &QueueName, batch: &Batch) -> BTreeSet<(usize, usize)> {
        let rows = batch.contacts.iter().enumerate();
        rows.flat_map(|(row, contact)| {
            let agents = batch.agents.iter().enumerate();
            let unfit = agents.filter(|(_, agent)| !self.suits(name, contact.contact, &agent.agent));
            unfit.map(move |(column, _)| (row, column))
        })
        .collect()
    }

    /// Whether this contact may be offered to this agent now.
    fn suits(&self, name: &QueueName, contact: ContactId, agent: &AgentId) -> bool {
        let (Some(line), Some(seat)) = (self.queues.get(name), self.agents.get(agent)) else { return false };
        waiting(&self.contacts, contact).is_some_and(|(_, place)| {
            place.queue == *name
                && seat.ready()
                && seat.serves(&line.queue, &place.skills).is_ok()
                && place.missed_just_now(self.out.now) != Some(agent)
        })
    }
}

fn pairs_assigned(
    batch: &Batch,
    pairs: &[Vec<PairScore>],
    ranks: &[usize],
    unfit: &BTreeSet<(usize, usize)>,
) -> Vec<(ContactId, AgentId)> {
    let scores: Vec<Vec<Option<i64>>> = pairs
        .iter()
        .enumerate()
        .map(|(row, pairs)| {
            let pairs = pairs.iter().enumerate();
            pairs.map(|(column, pair)| pair.score_milli.filter(|_| !unfit.contains(&(row, column)))).collect()
        })
        .collect();
    let pair = |(contact, agent): (&ContactRow, Option<usize>)| {
        Some((contact.contact, batch.agents.get(agent?)?.agent.clone()))
    };
    batch.contacts.iter().zip(assign(&scores, ranks)).filter_map(pair).collect()
}

impl Place {
    /// Who missed the offer of this contact just before.
    fn missed_just_now(&self, now: Timestamp) -> Option<&AgentId> {
        self.missed.as_ref().filter(|(_, at)| now.ms_since(*at) < MISSED_PAUSE_MS).map(|(agent, _)| agent)
    }
}

fn waiting(contacts: &BTreeMap<ContactId, Contact>, id: ContactId) -> Option<(&Contact, &Place)> {
    let contact = contacts.get(&id)?;
    let place = contact.place.as_ref()?;
    matches!(place.stage, Stage::Waiting).then_some((contact, place))
}

/// Scorers are as little trusted as flows.
fn checked(answer: ScoreAnswer, batch: &Batch) -> Result<ScoreAnswer, String> {
    let (contacts, agents, parts) = (batch.contacts.len(), batch.agents.len(), answer.parts.len());
    let wrong = |what: String| Err(format!("invalid answer: {what}"));
    if answer.scores.len() != contacts {
        return wrong(format!("{} rows for {contacts} contacts", answer.scores.len()));
    }
    if parts > MAX_PARTS {
        return wrong(format!("{parts} parts, over {MAX_PARTS}"));
    }
    for row in &answer.scores {
        if row.len() != agents {
            return wrong(format!("{} scores for {agents} agents", row.len()));
        }
        if let Some(pair) = row.iter().find(|pair| !pair.parts.is_empty() && pair.parts.len() != parts) {
            return wrong(format!("{} numbers for {parts} parts", pair.parts.len()));
        }
    }
    Ok(answer)
}
