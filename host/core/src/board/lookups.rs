//! Asking directories who the person is.

use super::contact::Parked;
use super::rollouts::Part;
use super::{Board, Effect};
use crate::config::World;
use crate::event::What;
use crate::flow::{ContactError, LookupError, LookupKey, Profile, Reply, check_profile};
use crate::ids::{ContactId, DeploymentName, LookupId, Version};
use crate::rollout::Figure;
use crate::time::Timestamp;

/// Look-ups under way at once; more are `busy`.
const MAX_IN_FLIGHT: usize = 10_000;

/// A look-up under way.
#[derive(Clone, Debug)]
pub(super) struct InFlight {
    contact: ContactId,
    /// Who is asked: not unloaded meanwhile.
    pub(super) version: Version,
    /// Of the directory's canary.
    part: Option<Part>,
    asked_at: Timestamp,
}

impl Board {
    pub(super) fn look_up(&mut self, id: ContactId, entry: u64, key: LookupKey, timeout_ms: u32) {
        let directory = key.directory.or_else(|| self.settings.default_directory.clone());
        let found = directory.as_ref().and_then(|name| self.deployments.get(name));
        let found = found.filter(|deployment| deployment.world == World::Crm).map(|found| found.name.clone());
        let chosen = match found {
            Some(name) if self.lookups.len() < MAX_IN_FLIGHT => Ok(self.choose_for(&name, id, None)),
            Some(_) => Err(LookupError::Busy),
            None => Err(LookupError::Unsupported(match &directory {
                Some(name) => format!("there is no directory `{name}`"),
                None => "no directory is named, and there is no default".into(),
            })),
        };
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        match (chosen, directory) {
            (Ok(Some((version, part))), Some(directory)) => {
                let lookup = self.out.lookup();
                let asked_at = self.out.now;
                self.lookups.insert(lookup, InFlight { contact: id, version, part, asked_at });
                let parked = Parked::Lookup { lookup, directory: directory.clone(), asked_at };
                contact.park(&mut self.out, entry, parked, Some(timeout_ms.into()));
                let (kind, value) = (key.kind, key.value);
                self.out.push(Effect::Lookup { lookup, contact: id, directory, version, kind, value, timeout_ms });
            }
            (Ok(_), _) => {}
            (Err(error), directory) => {
                contact.tell(&mut self.out, What::LookedUp { directory, outcome: outcome(&error), took_ms: 0 });
                contact.answer(&mut self.out, entry, Reply::LookupFailed(error));
            }
        }
    }

    pub(super) fn looked_up(
        &mut self,
        lookup: LookupId,
        answered_by: Option<Version>,
        result: Result<Option<Profile>, LookupError>,
    ) {
        let Some(mut in_flight) = self.lookups.remove(&lookup) else { return };
        let failed = match &result {
            Err(LookupError::Timeout) => Some(Figure::Deadlines),
            Err(LookupError::Unavailable(_) | LookupError::Other(_)) => Some(Figure::Descents),
            Ok(_) | Err(_) => None,
        };
        self.served_by(&mut in_flight.part, in_flight.asked_at, failed);
        if let Some(contact) = self.contacts.get_mut(&in_flight.contact)
            && let Some((directory, asked_at)) = asked(contact.parked(), lookup)
        {
            let result = result.and_then(|profile| profile.map(within_bounds).transpose());
            let told = match &result {
                Ok(Some(_)) => "found",
                Ok(None) => "unknown",
                Err(error) => outcome(error),
            };
            let took_ms = self.out.now.ms_since(asked_at);
            contact.tell(&mut self.out, What::LookedUp { directory: Some(directory), outcome: told, took_ms });
            if let Ok(Some(profile)) = &result {
                contact.profile = Some(profile.clone());
            }
            let reply = match result {
                Ok(profile) => Reply::Profile(profile),
                Err(LookupError::Ended) => Reply::Failed(ContactError::Ended),
                Err(error) => Reply::LookupFailed(error),
            };
            // Journal rule 6: the callee's version is recorded.
            contact.reply_kept(&mut self.out, reply.clone(), reply, answered_by.or(Some(in_flight.version)));
        }
        self.retire(in_flight.version);
    }
}

fn asked(parked: Option<&Parked>, lookup: LookupId) -> Option<(DeploymentName, Timestamp)> {
    match parked {
        Some(Parked::Lookup { lookup: awaited, directory, asked_at, .. }) if *awaited == lookup => {
            Some((directory.clone(), *asked_at))
        }
        Some(
            Parked::Lookup { .. }
            | Parked::Durable { .. }
            | Parked::Answer
            | Parked::Speech(_)
            | Parked::Say
            | Parked::Ask(_)
            | Parked::Pause
            | Parked::Value { .. }
            | Parked::Fetch { .. }
            | Parked::Wait { .. },
        )
        | None => None,
    }
}

/// Directories are as little trusted as flows.
fn within_bounds(profile: Profile) -> Result<Profile, LookupError> {
    check_profile(&profile).map_err(LookupError::Unavailable)?;
    Ok(profile)
}

const fn outcome(error: &LookupError) -> &'static str {
    match error {
        LookupError::Timeout => "timeout",
        LookupError::Busy => "busy",
        LookupError::Unavailable(_) => "unavailable",
        LookupError::Unsupported(_) => "unsupported",
        LookupError::Ended => "ended",
        LookupError::Invalid(_) => "invalid",
        LookupError::Other(_) => "other",
    }
}
