//! Which calls are taken, and what they begin as.

use super::contact::{Contact, Driver, Line, Rung};
use super::effect::Refusal;
use super::ledger::Ledger;
use super::legs::Leg;
use super::{Board, Effect, Intake, LegOffer, shortened};
use crate::config::EntryPoint;
use crate::event::What;
use crate::flow::{Address, Channel, RejectCause};
use crate::ids::{ContactId, LegId, Version};
use crate::journal::Opened;
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

/// What the flow contract allows of an address.
const MAX_URI_BYTES: usize = 512;
const MAX_DISPLAY_BYTES: usize = 256;
/// When to try again: soon where a place may become free at any moment.
const RETRY_BUSY_S: u32 = 5;
const RETRY_DOWN_S: u32 = 30;

/// Told of a contact whose deployment has nothing to run.
const NO_VERSION: Version = crate::ids::Digest([0; 32]);

impl Board {
    pub(super) fn leg_offered(&mut self, offer: LegOffer) {
        // A name that is taken, or one of ours: the shell's mistake. It must not harm the call that has it.
        if offer.leg.0 >> 63 == 1 || self.legs.contains_key(&offer.leg) {
            return;
        }
        let (origin, dialled) = (bounded(offer.origin), bounded(offer.dialled));
        match self.admit(&dialled) {
            Ok(entry_point) => self.begin(offer.leg, origin, dialled, entry_point),
            Err((cause, refusal)) => {
                self.out.tell(None, What::Refused { origin, dialled, cause });
                self.out.push(Effect::RejectLeg { leg: offer.leg, refusal });
            }
        }
    }

    /// The entry point that takes the call, or why none does.
    fn admit(&self, dialled: &Address) -> Result<EntryPoint, (&'static str, Refusal)> {
        let overloaded = |retry_after_s| Refusal::Overloaded { retry_after_s };
        let number = number_of(dialled);
        if self.settings.emergency_numbers.iter().any(|emergency| emergency == number) {
            return Err(("emergency", Refusal::Cause(RejectCause::Forbidden)));
        }
        match self.intake {
            Intake::Open => {}
            Intake::Draining | Intake::Drained => return Err(("draining", overloaded(RETRY_DOWN_S))),
        }
        if !self.out.healthy {
            // Journal rule 9: new calls are refused early.
            return Err(("store-failed", overloaded(RETRY_DOWN_S)));
        }
        let Some(entry_point) = self.entry_point_of(number) else {
            return Err(("not-found", Refusal::Cause(RejectCause::NotFound)));
        };
        if self.contacts.len() >= self.settings.max_contacts as usize {
            return Err(("busy", overloaded(RETRY_BUSY_S)));
        }
        Ok(entry_point.clone())
    }

    /// A number matches better than a pattern, and a longer pattern better than a shorter one; between equals the
    /// first name.
    fn entry_point_of(&self, number: &str) -> Option<&EntryPoint> {
        self.entry_points
            .values()
            .filter_map(|entry_point| {
                let best = entry_point.numbers.iter().filter_map(|pattern| fit(pattern, number)).max()?;
                Some((Reverse(best), &entry_point.name, entry_point))
            })
            .min_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)))
            .map(|(.., entry_point)| entry_point)
    }

    fn begin(&mut self, leg: LegId, origin: Address, dialled: Address, entry_point: EntryPoint) {
        let id = self.fresh_contact();
        let chosen = self.choose_flow(&entry_point.deployment, id, &origin, &dialled, &BTreeMap::new());
        let (version, part) = chosen.unzip();
        let mut contact = Contact {
            id,
            seed: self.out.seed(),
            origin,
            dialled,
            entry_point: entry_point.name,
            safe_flow: entry_point.safe_flow,
            fallback_queue: entry_point.fallback_queue,
            deployment: entry_point.deployment,
            version,
            predecessor: None,
            rung: Rung::Own,
            migration: None,
            offered_at: self.out.now,
            flow_at: self.out.now,
            answered_at: None,
            leg,
            line: Line::Offered,
            driver: Driver::Over,
            ledger: Ledger::new(id, self.out.now),
            place: None,
            settled: None,
            sound: None,
            keys: VecDeque::new(),
            attributes: BTreeMap::new(),
            profile: None,
            choices: VecDeque::new(),
            visits: VecDeque::new(),
            versions: Vec::new(),
            stepped_down: None,
            end: None,
            part: part.flatten(),
        };
        let offered = What::Offered {
            entry_point: contact.entry_point.clone(),
            origin: contact.origin.clone(),
            dialled: contact.dialled.clone(),
            deployment: contact.deployment.clone(),
            version: version.unwrap_or(NO_VERSION),
        };
        contact.tell(&mut self.out, offered);
        contact.ledger.opened(
            &mut self.out,
            Opened {
                at: contact.offered_at,
                tenant: self.tenant.clone(),
                contact: id,
                channel: Channel::Voice,
                entry_point: contact.entry_point.clone(),
                origin: contact.origin.clone(),
                dialled: contact.dialled.clone(),
            },
        );
        self.legs.insert(leg, Leg::Person(id));
        if let Some(version) = version {
            self.pin(version);
            contact.start_flow(&mut self.out, version);
            self.contacts.insert(id, contact);
        } else {
            let reason = format!("the deployment `{}` has no flow", contact.deployment);
            self.contacts.insert(id, contact);
            self.descend(id, "not-started", reason);
        }
    }

    fn fresh_contact(&mut self) -> ContactId {
        loop {
            let id = self.out.contact();
            if !self.contacts.contains_key(&id) {
                return id;
            }
        }
    }
}

/// How well a pattern fits: whether it is the whole number, and how much of it it names.
fn fit(pattern: &str, number: &str) -> Option<(bool, usize)> {
    if pattern == number {
        return Some((true, number.len()));
    }
    let prefix = pattern.strip_suffix('*')?;
    number.starts_with(prefix).then_some((false, prefix.len()))
}

/// The number, else the user part of the URI.
pub(super) fn number_of(address: &Address) -> &str {
    address.number.as_deref().unwrap_or_else(|| {
        let rest = address.uri.split_once(':').map_or(address.uri.as_str(), |(_, rest)| rest);
        rest.split(['@', ';', '?']).next().unwrap_or_default()
    })
}

fn bounded(address: Address) -> Address {
    Address {
        uri: shortened(address.uri, MAX_URI_BYTES),
        number: address.number.map(|number| shortened(number, MAX_URI_BYTES)),
        display_name: address.display_name.map(|name| shortened(name, MAX_DISPLAY_BYTES)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_the_table_says() {
        for (pattern, number, expected) in [
            ("100", "100", Some((true, 3))),
            ("10*", "100", Some((false, 2))),
            ("*", "100", Some((false, 0))),
            ("100*", "100", Some((false, 3))),
            ("*", "", Some((false, 0))),
            ("10", "100", None),
            ("1000*", "100", None),
            ("", "100", None),
        ] {
            assert_eq!(fit(pattern, number), expected, "{pattern} {number}");
        }
    }

    #[test]
    fn the_user_part_stands_in_for_a_number() {
        for (uri, expected) in [("sip:112@host", "112"), ("tel:112;phone-context=x", "112"), ("112", "112"), ("", "")] {
            let address = Address { uri: uri.into(), ..Address::default() };
            assert_eq!(number_of(&address), expected, "{uri}");
        }
    }
}
