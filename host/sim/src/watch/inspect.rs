//! The board as it shows itself, held against what was watched.

use super::{Held, Watch, holds};
use cordboard_core::agent::AgentState;
use cordboard_core::board::{AgentView, Board, ContactView, QueueView};
use cordboard_core::flow::{Request, SkillRequirement};
use cordboard_core::ids::{AgentId, ContactId};
use std::collections::{BTreeMap, BTreeSet};

/// How long somebody may wait for somebody who is ready, at most: a missed offer's pause, the time until a queue is
/// looked at again, and the scorer's time, twice.
const MATCHED_WITHIN_MS: u64 = 25_000;
/// How long a flow has once the person is gone.
const TIDY_MS: u64 = 5_000;
/// How long a prompt of the centre's flows may last, at most.
const SPOKEN_WITHIN_MS: u64 = 660_000;
/// How long the store may take before an act.
const VALUE_WITHIN_MS: u64 = 10_000;
const STORED_WITHIN_MS: u64 = 20_000;

impl Watch {
    /// Holds the whole board against the model.
    ///
    /// # Errors
    /// What doesn't hold.
    pub fn inspect(&mut self, board: &Board) -> Result<(), super::Broken> {
        let (contacts, agents, queues) = (board.contacts(), board.agents(), board.queues());
        self.same_contacts(&contacts)?;
        self.same_agents(&agents, &contacts)?;
        self.same_queues(&queues)?;
        self.same_pins(board)?;
        same_tallies(board, &contacts)?;
        self.nobody_stuck()?;
        self.nobody_kept_apart(&agents, &queues)
    }

    fn same_contacts(&self, views: &[ContactView]) -> Held {
        let shown: BTreeSet<ContactId> = views.iter().map(|view| view.id).collect();
        let watched: BTreeSet<ContactId> = self.contacts.keys().copied().collect();
        holds(shown == watched && views.len() == shown.len(), "the board shows the contacts there are", || {
            format!("{shown:?}, not {watched:?}")
        })?;
        let room = self.rehearsals() < super::replays::MAX_REHEARSALS;
        for view in views {
            let Some(watched) = self.contacts.get(&view.id) else { continue };
            let detail = || format!("{view:?}, not {watched:?}");
            let entries = watched.journal.total_entries();
            holds(view.journal_entries == entries, "the board counts the journal's entries", detail)?;
            holds(view.asleep == watched.asleep, "the board shows who sleeps", detail)?;
            let rehearsed = watched.rehearsal.as_ref().map(|rehearsal| rehearsal.version);
            let same = rehearsed.is_none() || view.migrating_to == rehearsed;
            holds(same, "the board shows who goes over to which version", detail)?;
            let idle = view.migrating_to.is_some() && watched.could_rehearse(room);
            holds(!idle, "who can go over is tried at once", detail)?;
            let place = view.place.as_ref();
            let waits = place.filter(|place| place.position.is_some() || watched.waits.is_some());
            let same = waits.map(|place| &place.queue) == watched.waits.as_ref().map(|waits| &waits.queue);
            holds(same, "the board shows who waits where", detail)?;
            let agent = watched.agent_leg.and_then(|leg| self.legs.get(&leg)?.agent.as_ref());
            let shown = place.and_then(|place| place.agent.as_ref());
            holds(agent == shown, "the board shows who talks with whom", detail)?;
        }
        Ok(())
    }

    fn same_agents(&self, agents: &[AgentView], contacts: &[ContactView]) -> Held {
        let place = |contact: &ContactView| contact.place.as_ref().and_then(|place| place.agent.clone());
        let serving: BTreeMap<ContactId, Option<AgentId>> =
            contacts.iter().map(|view| (view.id, place(view))).collect();
        let mut served = BTreeSet::new();
        // Who was removed in a talk is there until it is over.
        let shown: BTreeSet<&AgentId> = agents.iter().map(|view| &view.agent.id).collect();
        let missing = self.agents_put.iter().any(|agent| !shown.contains(agent));
        let gone = shown.iter().any(|agent| !self.agents_put.contains(*agent) && !self.busy.contains_key(*agent));
        holds(!missing && !gone, "the board shows the agents that are set up", || format!("{shown:?}"))?;
        for view in agents {
            let (id, busy) = (&view.agent.id, self.busy.get(&view.agent.id));
            let contact = match &view.state {
                AgentState::Reserved { contact } | AgentState::OnContact { contact } => Some(*contact),
                AgentState::SignedOut
                | AgentState::NotReady { .. }
                | AgentState::Ready { .. }
                | AgentState::WrapUp { .. } => None,
            };
            let leg = busy.and_then(|leg| self.legs.get(leg));
            let detail = || format!("{id} is {:?}, has {leg:?}", view.state);
            holds(contact == leg.map(|leg| leg.contact), "an agent is busy while there is a call", detail)?;
            let over = matches!(&view.state, AgentState::WrapUp { until, .. } if *until < self.now);
            holds(!over, "a wrap-up ends in its time", detail)?;
            let ready = matches!(view.state, AgentState::Ready { .. });
            holds(!ready || view.phone, "only an agent with a phone is ready", detail)?;
            if let Some(contact) = contact {
                let agent = serving.get(&contact).cloned().flatten();
                holds(agent.as_ref() == Some(id), "contact and agent agree", || format!("{contact}: {agent:?}, {id}"))?;
                holds(served.insert(contact), "a contact has one agent", || format!("{contact}, {id}"))?;
            }
        }
        Ok(())
    }

    fn same_queues(&self, queues: &[QueueView]) -> Held {
        let shown: BTreeSet<_> = queues.iter().map(|view| view.queue.name.clone()).collect();
        holds(shown == self.queues_put, "the board shows the queues that are set up", || format!("{shown:?}"))?;
        for view in queues {
            let name = &view.queue.name;
            let waits = |contact: &&super::Watched| contact.waits.as_ref().is_some_and(|waits| waits.queue == *name);
            let waiting = self.contacts.values().filter(waits).count() as u64;
            holds(u64::from(view.waiting) == waiting, "a queue counts who waits", || {
                format!("{name}: {}, not {waiting}", view.waiting)
            })?;
            let counted = self.queues.get(name).copied().unwrap_or_default();
            let figures = view.figures;
            let settled = figures.answered + figures.abandoned + figures.left;
            holds(figures.offered == settled + waiting, "a queue's figures add up", || format!("{name}: {figures:?}"))?;
            // A queue that was removed and put again counts from 0.
            let within = figures.offered <= counted.offered
                && figures.answered <= counted.answered
                && figures.abandoned <= counted.abandoned
                && figures.left <= counted.left
                && figures.answered_in_time <= figures.answered;
            holds(within, "a queue's figures are what happened", || format!("{name}: {figures:?}, not {counted:?}"))?;
        }
        Ok(())
    }

    fn same_pins(&self, board: &Board) -> Held {
        let canaries = self.deployments.values().filter_map(|deployment| Some(deployment.rollout.as_ref()?.version));
        let deployed = self.deployments.values().map(|deployment| deployment.version).chain(canaries);
        let running = self.contacts.values().filter_map(|contact| contact.version);
        let versions: BTreeSet<_> = deployed.chain(running).collect();
        for version in versions {
            let (shown, counted) = (board.pinned(version), self.pinned(version));
            holds(shown as usize == counted, "a version's pinned contacts are counted", || {
                format!("{}: {shown}, not {counted}", version.short())
            })?;
        }
        Ok(())
    }

    fn nobody_stuck(&self) -> Held {
        for (id, contact) in &self.contacts {
            let tidying_ms = contact.gone.map_or(0, |since| self.now.ms_since(since));
            holds(tidying_ms <= TIDY_MS, super::journals::TIDY, || format!("{id}: {tidying_ms} ms"))?;
            let Some(pending) = &contact.pending else { continue };
            let at_most = match &pending.request {
                // A talk has no limit.
                Request::Wait { .. } if contact.waits.is_none() && contact.agent_leg.is_some() => continue,
                // The place is gone: so is the wait.
                Request::Wait { .. } if contact.waits.is_none() => 0,
                Request::Wait { timeout_ms, .. } => u64::from(*timeout_ms) + 40_000,
                Request::Lookup { timeout_ms, .. } => u64::from(*timeout_ms),
                Request::Pause { duration_ms } => u64::from(*duration_ms),
                Request::Fetch { request, timeout_ms } => {
                    u64::from(*timeout_ms) + if request.method.acts() { STORED_WITHIN_MS } else { 0 }
                }
                Request::LoadValue(_) => VALUE_WITHIN_MS,
                Request::StoreValue(..) => STORED_WITHIN_MS + VALUE_WITHIN_MS,
                request if request.acts() => STORED_WITHIN_MS,
                request => {
                    let leg = self.legs.get(&contact.leg);
                    holds(
                        leg.is_some_and(|leg| {
                            goes_on(leg, request, self.now.ms_since(leg.quiet_since.max(pending.since)))
                        }),
                        "a flow's call returns in its time",
                        || format!("{id}: {}, {leg:?}", request.name()),
                    )?;
                    continue;
                }
            };
            let lasts = self.now.ms_since(pending.since);
            holds(lasts <= at_most, "a flow's call returns in its time", || {
                format!("{id}: {} since {lasts} ms, at most {at_most}", pending.request.name())
            })?;
        }
        Ok(())
    }

    /// Whoever waits is not kept from an agent who is ready and suits.
    fn nobody_kept_apart(&mut self, agents: &[AgentView], queues: &[QueueView]) -> Held {
        let ready: Vec<_> = agents.iter().filter(|view| matches!(view.state, AgentState::Ready { .. })).collect();
        let mut apart = BTreeSet::new();
        for (id, contact) in &self.contacts {
            let Some(waits) = &contact.waits else { continue };
            let Some(queue) = queues.iter().find(|view| view.queue.name == waits.queue) else { continue };
            if contact.agent_leg.is_none() {
                let suits = ready.iter().filter(|agent| suits(agent, queue, &waits.skills));
                apart.extend(suits.map(|agent| (*id, agent.agent.id.clone())));
            }
        }
        self.idle_pairs.retain(|pair, _| apart.contains(pair));
        for pair in apart {
            let since = *self.idle_pairs.entry(pair.clone()).or_insert(self.now);
            let waited = self.now.ms_since(since);
            holds(waited <= MATCHED_WITHIN_MS, "nobody waits for long while somebody suitable is ready", || {
                format!("{} and {}, for {waited} ms", pair.0, pair.1)
            })?;
        }
        Ok(())
    }
}

/// Whether there is something that this call may still wait for: the answer, what plays, or keys since nothing was
/// heard.
fn goes_on(leg: &super::Leg, request: &Request, quiet_ms: u64) -> bool {
    match request {
        Request::Answer | Request::Say(_) | Request::Ask(_) | Request::StartPlaying { .. } if !leg.up => leg.answering,
        Request::Say(_) => leg.playing.is_some() && quiet_ms <= SPOKEN_WITHIN_MS,
        Request::Ask(question) => {
            let keys = question.silence_timeout_ms.max(question.key_timeout_ms);
            quiet_ms <= if leg.playing.is_some() { SPOKEN_WITHIN_MS } else { u64::from(keys) }
        }
        _ => false,
    }
}

fn suits(agent: &AgentView, queue: &QueueView, skills: &[SkillRequirement]) -> bool {
    let has =
        |need: &SkillRequirement| agent.agent.skills.get(&need.name).is_some_and(|level| *level >= need.min_level);
    (agent.agent.queues.is_empty() || agent.agent.queues.contains(&queue.queue.name))
        && queue.queue.skills.iter().chain(skills).all(has)
}

/// Whoever was to go over to what is deployed is on the way, or is counted.
fn same_tallies(board: &Board, contacts: &[ContactView]) -> Held {
    for view in board.deployments() {
        let (deployment, tally) = (&view.deployment, view.migration);
        let to = Some(deployment.version);
        let under_way =
            contacts.iter().filter(|contact| contact.deployment == deployment.name && contact.migrating_to == to);
        let under_way = under_way.count() as u64;
        let counted = tally.migrated + tally.diverged + tally.moved_on + tally.failed + tally.refused;
        holds(tally.wanted == counted + under_way, "the figures of a migration add up", || {
            format!("{}: {tally:?}, {under_way} under way", deployment.name)
        })?;
    }
    Ok(())
}
