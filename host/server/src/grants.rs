//! What plugins may use: the manifests of the versions in memory, and what is granted to their names. Both keys are
//! needed; a change holds for the next use of every version.

use crate::clock::Clock;
use crate::events::Events;
use cordboard_core::event::{Event, What};
use cordboard_core::ids::Version;
use cordboard_core::time::Timestamp;
use cordboard_plugin::{Granted, Grants, Manifest, MissingGrant, PluginHost, RefusedUse};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use tracing::error;

/// The book of grants. Copies are the same book.
#[derive(Clone)]
pub struct GrantBook {
    book: Arc<Mutex<Book>>,
    clock: Clock,
}

#[derive(Default)]
struct Book {
    granted: BTreeMap<String, Granted>,
    versions: BTreeMap<Version, Arc<Manifest>>,
    /// When a refused use of stored values was told last.
    told: BTreeMap<Version, Timestamp>,
}

/// A refused use of stored values is told so often, for each version.
const TOLD_EVERY_MS: u64 = 1000;

impl Book {
    fn usable(&self, manifest: &Manifest) -> Grants {
        self.granted.get(&manifest.name).map(|granted| manifest.usable(granted)).unwrap_or_default()
    }
}

impl GrantBook {
    /// A book with nothing in it.
    pub(crate) fn new(clock: Clock) -> Self {
        Self { book: Arc::default(), clock }
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether a refused use of stored values is to be told, or was just now.
    pub(crate) fn may_tell(&self, version: Version) -> bool {
        let (now, mut book) = (self.now(), self.book());
        let told = book.told.get(&version).is_some_and(|told| now.ms_since(*told) < TOLD_EVERY_MS);
        if !told && book.versions.contains_key(&version) {
            book.told.insert(version, now);
        }
        !told
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Whole after every step, poisoned or not.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A version was loaded: from now on it may use what its manifest wants and is granted.
    pub(crate) fn loaded(&self, plugins: &PluginHost, version: Version, manifest: Arc<Manifest>) {
        let loaded: BTreeSet<Version> = plugins.loaded().into_iter().map(|loaded| loaded.version).collect();
        let mut book = self.book();
        book.versions.retain(|known, _| loaded.contains(known));
        book.told.retain(|known, _| loaded.contains(known));
        let usable = book.usable(&manifest);
        book.versions.insert(version, manifest);
        // Under the lock: who grants something else meanwhile comes after.
        apply(plugins, version, usable);
    }

    /// Grants to a plugin's name, or takes everything back.
    pub(crate) fn grant(&self, plugins: &PluginHost, name: &str, granted: Option<Granted>) {
        let mut book = self.book();
        match granted {
            Some(granted) => book.granted.insert(name.to_owned(), granted),
            None => book.granted.remove(name),
        };
        for (version, manifest) in book.versions.iter().filter(|(_, manifest)| manifest.name == name) {
            apply(plugins, *version, book.usable(manifest));
        }
    }

    /// What a manifest wants and its name isn't granted.
    pub(crate) fn missing(&self, manifest: &Manifest) -> Vec<MissingGrant> {
        manifest.missing(self.book().granted.get(&manifest.name).unwrap_or(&Granted::default()))
    }

    /// The name of a version's plugin, if its manifest has one.
    pub(crate) fn name(&self, version: Version) -> Option<String> {
        self.book().versions.get(&version).map(|manifest| manifest.name.clone()).filter(|name| !name.is_empty())
    }

    /// The name of a version's plugin, and what it may use.
    pub(crate) fn of(&self, version: Version) -> Option<(String, Grants)> {
        let book = self.book();
        let manifest = book.versions.get(&version)?;
        Some((manifest.name.clone(), book.usable(manifest)))
    }
}

fn apply(plugins: &PluginHost, version: Version, grants: Grants) {
    // It was checked when it was granted.
    if let Err(cause) = plugins.grant(version, grants) {
        error!(version = %version.short(), %cause, "a grant can't be kept: the version has what it had");
    }
}

/// Tells refused uses on the live stream, for as long as there are plugins. They are few: the plugin room sees to that.
pub(crate) async fn tell_refusals(
    mut refusals: mpsc::Receiver<RefusedUse>,
    grants: GrantBook,
    events: Events,
    clock: Clock,
) {
    while let Some(refused) = refusals.recv().await {
        let plugin = grants.of(refused.version).map(|(name, _)| name).filter(|name| !name.is_empty());
        let RefusedUse { version, capability, detail } = refused;
        let what = What::CapabilityRefused { plugin, version, capability, detail };
        events.tell(Event { at: clock.now(), contact: None, what });
    }
}
