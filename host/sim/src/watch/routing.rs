//! Decisions: made of what was asked, about who is there.

use super::{Held, Watch, holds};
use cordboard_core::decision::{Decision, ScoreRequest};
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
            let waits = self.live(contact)?.waits.as_ref().map(|(queue, _)| queue.clone());
            holds(waits.as_ref() == Some(&decision.queue), "who is assigned waits", || {
                format!("{contact}: {waits:?}")
            })?;
            let busy = self.busy.get(agent);
            holds(busy.is_none(), "an agent serves one contact", || format!("{agent}: {busy:?}"))?;
        }
        // Refused, not forgotten: their time begins anew.
        for pair in refused {
            self.idle_pairs.remove(&pair);
        }
        Ok(())
    }
}
