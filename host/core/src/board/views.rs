//! Snapshots for the API.

use super::Board;
use super::agents::Seat;
use super::contact::{Contact, Place, Stage};
use super::queueing::Line;
use super::view::{AgentView, ContactView, DeploymentView, PlaceView, QueueView};
use crate::ids::ContactId;
use std::collections::BTreeMap;

impl Board {
    /// All contacts in progress, oldest first.
    pub fn contacts(&self) -> Vec<ContactView> {
        self.contacts.values().map(|contact| self.contact_view(contact)).collect()
    }

    /// A contact in progress.
    pub fn contact(&self, id: ContactId) -> Option<ContactView> {
        self.contacts.get(&id).map(|contact| self.contact_view(contact))
    }

    /// How many contacts are in progress.
    pub fn contact_count(&self) -> usize {
        self.contacts.len()
    }

    /// All agents, by id.
    pub fn agents(&self) -> Vec<AgentView> {
        self.agents.values().map(|seat| self.agent_view(seat)).collect()
    }

    /// All queues, by name, at the time of the latest input.
    pub fn queues(&self) -> Vec<QueueView> {
        self.queues.values().map(|line| self.queue_view(line)).collect()
    }

    /// All deployments, by name.
    pub fn deployments(&self) -> Vec<DeploymentView> {
        let mut views: Vec<_> = self
            .deployments
            .values()
            .map(|deployment| DeploymentView {
                deployment: deployment.clone(),
                contacts: BTreeMap::new(),
                migration: self.moves.tally(&deployment.name, deployment.version),
                watched: self.watched(&deployment.name),
            })
            .collect();
        for contact in self.contacts.values() {
            let Some(version) = contact.version else { continue };
            if let Some(view) = views.iter_mut().find(|view| view.deployment.name == contact.deployment) {
                *view.contacts.entry(version).or_insert(0) += 1;
            }
        }
        views
    }

    fn contact_view(&self, contact: &Contact) -> ContactView {
        ContactView {
            id: contact.id,
            channel: crate::flow::Channel::Voice,
            state: contact.state(),
            entry_point: contact.entry_point.clone(),
            origin: contact.origin.clone(),
            dialled: contact.dialled.clone(),
            deployment: contact.deployment.clone(),
            version: contact.version,
            offered_at: contact.offered_at,
            answered_at: contact.answered_at,
            place: contact.place.as_ref().map(|place| self.place_view(contact.id, place)),
            visits: contact.visits.iter().cloned().collect(),
            choices: contact.choices.iter().cloned().collect(),
            attributes: contact.attributes.clone(),
            versions: contact.versions.clone(),
            migrating_to: contact.migration.as_ref().map(|migration| migration.version),
            asleep: contact.asleep(),
            stepped_down: contact.stepped_down.clone(),
            journal_entries: contact.ledger.total_entries(),
            journal_durable: contact.ledger.durable,
        }
    }

    fn place_view(&self, id: ContactId, place: &Place) -> PlaceView {
        let (position, agent) = match &place.stage {
            Stage::Waiting => {
                let line = self.queues.get(&place.queue);
                (line.map(|line| line.position(&place.turn(id))), None)
            }
            Stage::Offered { agent, .. } | Stage::Talking { agent, .. } => (None, Some(agent.clone())),
        };
        PlaceView { queue: place.queue.clone(), queued_at: place.queued_at, position, agent }
    }

    fn agent_view(&self, seat: &Seat) -> AgentView {
        AgentView {
            agent: seat.agent.clone(),
            state: seat.state.clone(),
            since: seat.since,
            phone: self.phones.contains(&seat.agent.id),
            handled: seat.handled,
        }
    }

    fn queue_view(&self, line: &Line) -> QueueView {
        let longest = line.turns.iter().map(|(_, queued_at, _)| *queued_at).min();
        let ready = |seat: &&Seat| seat.ready() && seat.serves(&line.queue, &[]).is_ok();
        let ready_agents = self.agents.values().filter(ready).count();
        QueueView {
            queue: line.queue.clone(),
            waiting: line.waiting(),
            longest_wait_ms: longest.map_or(0, |queued_at| self.out.now.ms_since(queued_at)),
            ready_agents: u32::try_from(ready_agents).unwrap_or(u32::MAX),
            figures: line.figures,
        }
    }

    /// The versions that the board believes to be loaded.
    #[cfg(test)]
    pub(super) fn loaded(&self) -> Vec<crate::ids::Version> {
        self.loaded.iter().copied().collect()
    }
}
