//! Versions that are about to serve. The board wants a version unloaded as soon as nothing needs it; one that is just
//! being deployed again is needed by something the board doesn't know of yet.

use cordboard_core::ids::Version;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts who is about to use which version.
#[derive(Clone, Default)]
pub struct Holds(Arc<Mutex<BTreeMap<Version, u32>>>);

/// Keeps a version loaded while it lives.
pub struct Hold {
    holds: Holds,
    version: Version,
}

impl Holds {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Version, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a version loaded.
    pub fn hold(&self, version: Version) -> Hold {
        *self.lock().entry(version).or_default() += 1;
        Hold { holds: self.clone(), version }
    }

    /// Does something unless somebody is about to use the version, who then looks after it when done. Nobody begins to
    /// meanwhile.
    pub fn unless_held(&self, version: Version, act: impl FnOnce()) {
        let held = self.lock();
        if !held.contains_key(&version) {
            act();
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut holds = self.holds.lock();
        if let Some(count) = holds.get_mut(&self.version) {
            *count -= 1;
            if *count == 0 {
                holds.remove(&self.version);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_core::ids::Digest;

    #[test]
    fn a_version_is_held_until_the_last_hold_goes() {
        let (holds, version) = (Holds::default(), Digest::of(b"v"));
        let held = |version| {
            let mut acted = false;
            holds.unless_held(version, || acted = true);
            !acted
        };
        let first = holds.hold(version);
        let second = holds.hold(version);
        drop(first);
        assert!(held(version));
        drop(second);
        assert!(!held(version) && !held(Digest::of(b"w")));
    }
}
