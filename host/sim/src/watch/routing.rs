//! Decisions: made of what was asked, about who is there.

use super::{Held, Watch, holds};
use cordboard_core::decision::{ContactRow, Decision, ScoreRequest, ScoredBy};
use std::collections::BTreeSet;

impl Watch {
    pub(super) fn ask_scorer(&mut self, request: &ScoreRequest) -> Held {
        self.usable(request.version)?;
        let fresh = self.scoring.insert(request.decision, request.version).is_none();
        holds(fresh, "a name is used once", || format!("decision {}", request.decision))?;
        let wide = |rows: &[Vec<f32>], columns: usize| rows.iter().all(|row| row.len() == columns);
        let so = wide(&request.contacts, request.columns.contact.len())
            && wide(&request.agents, request.columns.agent.len())
            && !request.contacts.is_empty()
            && !request.agents.is_empty();
        holds(so, "a scorer is asked with whole rows", || format!("{request:?}"))
    }

    pub(super) fn decision(&mut self, decision: &Decision) -> Held {
        // A decision that a scorer's silence ended is kept without an answer.
        self.scoring.remove(&decision.id);
        let first = self.decided.insert(decision.id);
        holds(first && decision.decided_at == self.now, "a decision is kept once", || format!("{}", decision.id))?;
        let (rows, columns) = (decision.contacts.len(), decision.agents.len());
        holds(decision.scores.len() == rows * columns, "a decision has a score for each pair", || {
            format!("{} scores for {rows} × {columns}", decision.scores.len())
        })?;
        let contacts: BTreeSet<_> = decision.assigned.iter().map(|(contact, _)| contact).collect();
        let agents: BTreeSet<_> = decision.assigned.iter().map(|(_, agent)| agent).collect();
        let once = contacts.len() == decision.assigned.len() && agents.len() == decision.assigned.len();
        holds(once, "nobody is assigned twice", || format!("{:?}", decision.assigned))?;
        self.in_turn(decision)?;
        let mut refused = Vec::new();
        for (row, contact) in decision.contacts.iter().enumerate() {
            for (column, agent) in decision.agents.iter().enumerate() {
                let score = decision.scores.get(row * columns + column).and_then(|score| score.score_milli);
                if score.is_none() {
                    refused.push((contact.contact, agent.agent.clone()));
                }
            }
        }
        for pair in &decision.assigned {
            let (contact, agent) = (pair.0, &pair.1);
            holds(!refused.contains(pair), "nobody is assigned whom the scorer refused", || format!("{pair:?}"))?;
            let waits = self.live(contact)?.waits.as_ref().map(|waits| waits.queue.clone());
            holds(waits.as_ref() == Some(&decision.queue), "who is assigned waits", || {
                format!("{contact}: {waits:?}")
            })?;
            let busy = self.busy.get(agent);
            holds(busy.is_none(), "an agent serves one contact", || format!("{agent}: {busy:?}"))?;
        }
        if decision.scored_by == ScoredBy::LongestIdle {
            Self::nobody_passed_over(decision)?;
        }
        // Refused, not forgotten: their time begins anew.
        for pair in refused {
            self.idle_pairs.remove(&pair);
        }
        Ok(())
    }

    /// Contacts are considered in their turn: higher priority, then who came first.
    fn in_turn(&self, decision: &Decision) -> Held {
        let turn = |row: &ContactRow| Some(self.contacts.get(&row.contact)?.waits.as_ref()?.turn);
        // Who has left meanwhile has no turn, or another.
        let turns = decision.contacts.iter().filter_map(turn).filter(|(_, since, _)| *since <= decision.asked_at);
        let turns: Vec<_> = turns.collect();
        holds(turns.is_sorted(), "contacts are considered in their turn", || format!("{turns:?}"))
    }

    /// Without a scorer nothing has changed since the scores were made: each contact is served that can be, together with those before.
    fn nobody_passed_over(decision: &Decision) -> Held {
        let columns = decision.agents.len().max(1);
        let pairs: Vec<Vec<bool>> = decision
            .scores
            .chunks(columns)
            .map(|row| row.iter().map(|pair| pair.score_milli.is_some()).collect())
            .collect();
        let mut holders = vec![None; columns];
        let can: Vec<bool> =
            (0..pairs.len()).map(|row| augment(&pairs, row, &mut holders, &mut vec![false; columns])).collect();
        let is = |row: &ContactRow| decision.assigned.iter().any(|(contact, _)| *contact == row.contact);
        let served: Vec<bool> = decision.contacts.iter().map(is).collect();
        holds(served == can, "each contact is served that can be with those before", || {
            format!("decision {}: {served:?}, not {can:?}", decision.id)
        })
    }
}

/// Kuhn's way: finds an agent for this contact, moving others to other agents if need be.
fn augment(pairs: &[Vec<bool>], row: usize, holders: &mut [Option<usize>], seen: &mut [bool]) -> bool {
    for column in 0..holders.len() {
        let fits = pairs.get(row).and_then(|row| row.get(column)).copied().unwrap_or(false);
        if !fits || seen.get_mut(column).is_none_or(|seen| std::mem::replace(seen, true)) {
            continue;
        }
        let holder = holders.get(column).copied().flatten();
        if holder.is_none_or(|other| augment(pairs, other, holders, seen)) {
            if let Some(holder) = holders.get_mut(column) {
                *holder = Some(row);
            }
            return true;
        }
    }
    false
}
