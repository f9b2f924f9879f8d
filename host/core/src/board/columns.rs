//! The numbers that scorers see (`wit/scorer`, `columns`).

use super::agents::Seat;
use super::contact::{Contact, Place};
use super::queueing::Line;
use crate::config::Agent;
use crate::decision::{AgentRow, Columns, ContactRow};
use crate::rescoring::WAITED;
use crate::time::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the contract allows of each.
pub(super) const MAX_COLUMNS: usize = 256;

const PRIORITY: &str = "priority";
const IDLE: &str = "idle-ms";
const HANDLED: &str = "handled";
const NEEDS: &str = "needs:";
const SKILL: &str = "skill:";

/// The names of all these agents' numbers, sorted.
pub(super) fn of_agents<'a>(agents: impl Iterator<Item = &'a Agent>) -> Arc<[String]> {
    let (mut skills, mut attributes) = (BTreeSet::new(), BTreeSet::new());
    for agent in agents {
        skills.extend(agent.skills.keys().map(|skill| format!("{SKILL}{skill}")));
        attributes.extend(agent.attributes.keys().cloned());
    }
    let fixed = [IDLE, HANDLED].map(String::from);
    sorted(fixed.into_iter().chain(skills).chain(attributes))
}

/// The first names, at most as many as there may be, sorted.
fn sorted(names: impl Iterator<Item = String>) -> Arc<[String]> {
    let mut kept = BTreeSet::new();
    for name in names {
        if kept.len() >= MAX_COLUMNS {
            break;
        }
        kept.insert(name);
    }
    kept.into_iter().collect()
}

impl Line {
    /// The columns of a decision on these contacts. They hold all names seen in this queue, as long as there is room,
    /// so that a scorer need not be configured anew for every decision; unchanged ones are shared.
    pub(super) fn columns_for(&mut self, contacts: &[&Contact], agents: &Arc<[String]>) -> Columns {
        let of_contacts: BTreeSet<String> = contacts.iter().flat_map(|contact| names_of(contact)).collect();
        if self.seen.union(&of_contacts).count() > MAX_COLUMNS / 2 {
            self.seen.clear();
        }
        self.seen.extend(of_contacts);
        let needs = self.queue.skills.iter().map(|need| format!("{NEEDS}{}", need.name));
        // `NAME=VALUE` is what somebody here asks for: an agent's number or skill, or a skill needed.
        let asked = agents
            .iter()
            .map(|name| name.strip_prefix(SKILL).unwrap_or(name))
            .chain(self.queue.skills.iter().map(|need| need.name.as_str()))
            .filter(|name| name.contains('='))
            .map(String::from);
        let fixed = [WAITED, PRIORITY].map(String::from);
        let names = sorted(fixed.into_iter().chain(needs).chain(asked).chain(self.seen.iter().cloned()));
        if names != self.columns.contact {
            self.columns.contact = names;
        }
        if *agents != self.columns.agent {
            self.columns.agent = Arc::clone(agents);
        }
        self.columns.clone()
    }

    /// A contact's numbers.
    pub(super) fn contact_row(
        &self,
        contact: &Contact,
        place: &Place,
        columns: &Columns,
        now: Timestamp,
    ) -> ContactRow {
        let need = |skill: &str| {
            let needs = self.queue.skills.iter().chain(&place.skills).filter(|need| need.name == skill);
            needs.map(|need| need.min_level).max().map(f32::from)
        };
        let value = |name: &String| match name.as_str() {
            WAITED => Some(now.ms_since(place.queued_at) as f32),
            PRIORITY => Some(place.priority as f32),
            other => {
                if let Some(skill) = other.strip_prefix(NEEDS) {
                    return need(skill);
                }
                if let Some(value) = contact.attributes.get(other) {
                    return number(value);
                }
                // Every place where it could be split: names may hold the sign as well.
                let is = |(at, _): (usize, &str)| {
                    let (name, value) = (other.get(..at), other.get(at + 1..));
                    name.and_then(|name| contact.attributes.get(name)).is_some_and(|set| Some(set.as_str()) == value)
                };
                other.match_indices('=').any(is).then_some(1.0)
            }
        };
        let values = columns.contact.iter().map(|name| value(name).unwrap_or(f32::NAN)).collect();
        ContactRow { contact: contact.id, values }
    }
}

impl Seat {
    /// An agent's numbers.
    pub(super) fn row(&self, columns: &Columns, now: Timestamp) -> AgentRow {
        let value = |name: &String| match name.as_str() {
            IDLE => Some(now.ms_since(self.idle_since) as f32),
            HANDLED => Some(self.handled_today(now) as f32),
            other => match other.strip_prefix(SKILL).and_then(|skill| self.agent.skills.get(skill)) {
                Some(level) => Some(f32::from(*level)),
                None => self.agent.attributes.get(other).map(|thousandths| *thousandths as f32 / 1000.0),
            },
        };
        let values = columns.agent.iter().map(|name| value(name).unwrap_or(f32::NAN)).collect();
        AgentRow { agent: self.agent.id.clone(), values }
    }
}

/// The names that a contact brings along: its numbers, and what it needs.
fn names_of(contact: &Contact) -> Vec<String> {
    let numbers = contact.attributes.iter().filter(|(_, value)| number(value).is_some());
    let skills = contact.place.iter().flat_map(|place| &place.skills);
    let needs = skills.map(|need| format!("{NEEDS}{}", need.name));
    numbers.map(|(name, _)| name.clone()).chain(needs).take(MAX_COLUMNS).collect()
}

/// An attribute that is a number.
fn number(value: &str) -> Option<f32> {
    let value = value.trim().parse::<f32>().ok()?;
    value.is_finite().then_some(value)
}
