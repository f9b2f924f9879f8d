//! Versions: who is pinned to which, and when one is no longer needed.

use super::{Board, Effect};
use crate::event::What;
use crate::ids::Version;

impl Board {
    /// How many contacts are pinned to a version.
    pub fn pinned(&self, version: Version) -> u32 {
        self.pins.get(&version).copied().unwrap_or(0)
    }

    pub(super) fn pin(&mut self, version: Version) {
        *self.pins.entry(version).or_insert(0) += 1;
    }

    pub(super) fn unpin(&mut self, version: Version) {
        let left = self.pins.get_mut(&version).map_or(0, |count| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == 0 {
            self.pins.remove(&version);
            self.idle(version);
        }
        self.retire(version);
    }

    /// Tells that no contact runs a version and no deployment serves it, if that is so. It may stay loaded, to step in.
    pub(super) fn idle(&mut self, version: Version) {
        let serves = self.deployments.values().any(|deployment| deployment.serves(version));
        if !serves && self.pinned(version) == 0 && self.loaded.contains(&version) {
            self.out.tell(None, What::VersionIdle { version });
        }
    }

    /// Keeps a version loaded that no contact is pinned to: a rehearsal's, or a contact's earlier one.
    pub(super) fn hold(&mut self, version: Version) {
        *self.holds.entry(version).or_insert(0) += 1;
    }

    pub(super) fn unhold(&mut self, version: Version) {
        if let Some(count) = self.holds.get_mut(&version) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.holds.remove(&version);
            }
        }
        self.retire(version);
    }

    /// Whether something needs a version: a contact, a deployment, a rehearsal, a look-up or decision under way.
    pub fn needs(&self, version: Version) -> bool {
        self.pins.contains_key(&version)
            || self.holds.contains_key(&version)
            || self.deployments.values().any(|deployment| deployment.needs(version))
            || self.lookups.values().any(|in_flight| in_flight.version == version)
            || self.queues.values().any(|line| line.asks(version))
    }

    /// Unloads a version that nothing needs.
    pub(super) fn retire(&mut self, version: Version) {
        if !self.needs(version) && self.loaded.remove(&version) {
            self.out.push(Effect::UnloadVersion(version));
        }
    }
}
