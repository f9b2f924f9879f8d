//! What was found, and what was not, for a while. Pure.

use super::Key;
use crate::config::CacheConfig;
use cordboard_core::flow::Profile;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What an entry takes beside its text, and each field beside its own, in bytes: roughly, and rather too much.
const ENTRY_BYTES: usize = 512;
const FIELD_BYTES: usize = 64;

#[derive(Debug)]
pub(super) struct Cache {
    settings: CacheConfig,
    entries: BTreeMap<Key, Entry>,
    /// Each entry's key, by when its time is over.
    order: BTreeMap<Place, Key>,
    bytes: usize,
    put: u64,
}

/// When an entry's time is over, and a number that tells those of one instant apart.
type Place = (Instant, u64);

#[derive(Debug)]
struct Entry {
    found: Option<Profile>,
    place: Place,
    bytes: usize,
}

fn bytes_of(key: &Key, found: Option<&Profile>) -> usize {
    let profile = found.map_or(0, |found| {
        let fields = found.fields.iter().map(|(name, value)| FIELD_BYTES + name.len() + value.len()).sum::<usize>();
        found.id.len() + found.display_name.as_ref().map_or(0, String::len) + fields
    });
    // The key is there twice.
    ENTRY_BYTES + 2 * (key.0.len() + key.1.len()) + profile
}

impl Cache {
    pub(super) fn new(settings: CacheConfig) -> Self {
        Self { settings, entries: BTreeMap::new(), order: BTreeMap::new(), bytes: 0, put: 0 }
    }

    pub(super) fn get(&mut self, key: &Key, now: Instant) -> Option<Option<Profile>> {
        self.expire(now);
        self.entries.get(key).map(|entry| entry.found.clone())
    }

    /// Keeps an answer. What is out of time goes now; beyond the bounds goes what would go next.
    pub(super) fn put(&mut self, key: Key, found: Option<Profile>, now: Instant) {
        self.expire(now);
        self.remove(&key);
        let ttl_ms = if found.is_some() { self.settings.found_ttl_ms } else { self.settings.unknown_ttl_ms };
        let bytes = bytes_of(&key, found.as_ref());
        if self.settings.max_entries == 0 || ttl_ms == 0 || bytes > self.settings.max_bytes {
            return;
        }
        while self.entries.len() >= self.settings.max_entries || self.bytes + bytes > self.settings.max_bytes {
            let Some((_, next)) = self.order.pop_first() else { break };
            self.remove(&next);
        }
        self.put += 1;
        let place = (now + Duration::from_millis(ttl_ms), self.put);
        self.bytes += bytes;
        self.order.insert(place, key.clone());
        self.entries.insert(key, Entry { found, place, bytes });
    }

    /// Drops what is out of time.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(first) = self.order.first_entry().filter(|first| first.key().0 <= now) {
            let key = first.remove();
            self.remove(&key);
        }
    }

    /// When the next entry is out of time.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.order.first_key_value().map(|((until, _), _)| *until)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.settings);
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.place);
            self.bytes = self.bytes.saturating_sub(entry.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: u32) -> Key {
        ("phone".into(), value.to_string())
    }

    fn person(id: u32) -> Option<Profile> {
        Some(Profile { id: id.to_string(), ..Profile::default() })
    }

    fn cache(max_entries: usize, found_ttl_ms: u64, unknown_ttl_ms: u64) -> Cache {
        Cache::new(CacheConfig { max_entries, max_bytes: 1 << 20, found_ttl_ms, unknown_ttl_ms })
    }

    #[test]
    fn what_is_found_stays_longer_than_what_is_not() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut cache = cache(10, 100, 10);
        cache.put(key(1), person(1), start);
        cache.put(key(2), None, start);
        assert_eq!(cache.get(&key(2), at(9)), Some(None));
        assert_eq!(cache.get(&key(2), at(10)), None);
        assert_eq!(cache.get(&key(1), at(99)), Some(person(1)));
        assert_eq!(cache.get(&key(1), at(100)), None);
        assert_eq!(cache.get(&key(3), start), None);
    }

    #[test]
    fn it_is_bounded_and_the_oldest_goes_first() {
        let start = Instant::now();
        let mut cache = cache(3, 1000, 1000);
        for number in 0..100 {
            cache.put(key(number), person(number), start + Duration::from_millis(u64::from(number)));
            cache.put(key(0), person(0), start + Duration::from_millis(u64::from(number)));
        }
        assert_eq!((cache.entries.len(), cache.order.len()), (3, 3));
        assert!(cache.get(&key(99), start).is_some() && cache.get(&key(0), start).is_some());
        assert!(cache.get(&key(50), start).is_none());
    }

    #[test]
    fn its_bytes_are_bounded() {
        let start = Instant::now();
        let large = |bytes: usize| Some(Profile { display_name: Some("x".repeat(bytes)), ..Profile::default() });
        let mut cache = cache(1000, 1000, 1000);
        for number in 0..100 {
            cache.put(key(number), large(100_000), start);
        }
        assert_eq!((cache.entries.len(), cache.order.len()), (10, 10), "of 100 KB each in 1 MiB");
        assert!(cache.bytes <= 1 << 20, "{}", cache.bytes);
        assert!(cache.get(&key(99), start).is_some() && cache.get(&key(89), start).is_none());
        cache.put(key(99), large(1 << 20), start);
        assert!(cache.get(&key(99), start).is_none(), "one that doesn't fit isn't kept, nor what was there before");
        assert_eq!(cache.entries.len(), 9, "and puts nobody else out");
        cache.clear();
        assert_eq!((cache.entries.len(), cache.order.len(), cache.bytes), (0, 0, 0));
    }

    #[test]
    fn what_is_out_of_time_goes_whoever_is_asked_for() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut cache = cache(10, 100, 10);
        cache.put(key(1), person(1), start);
        cache.put(key(2), None, start);
        cache.put(key(3), None, at(50));
        assert_eq!(cache.entries.keys().collect::<Vec<_>>(), [&key(1), &key(3)]);
        assert_eq!(cache.next_expiry(), Some(at(60)));
        cache.put(key(4), person(4), at(100));
        assert_eq!(cache.entries.keys().collect::<Vec<_>>(), [&key(4)]);
        assert_eq!(cache.get(&key(5), at(200)), None);
        assert_eq!((cache.entries.len(), cache.order.len(), cache.bytes), (0, 0, 0));
    }
}
