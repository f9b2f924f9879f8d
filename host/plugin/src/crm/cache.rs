//! What was found, and what was not, for a while. Pure.

use super::Key;
use crate::config::CacheConfig;
use cordboard_core::flow::Profile;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Cache {
    settings: CacheConfig,
    entries: BTreeMap<Key, Entry>,
    /// Keys in the order they were put, with the time they were put: one put again has two places, the older is void.
    order: VecDeque<(Key, Instant)>,
}

#[derive(Debug)]
struct Entry {
    found: Option<Profile>,
    put: Instant,
    until: Instant,
}

impl Cache {
    pub(super) fn new(settings: CacheConfig) -> Self {
        Self { settings, entries: BTreeMap::new(), order: VecDeque::new() }
    }

    pub(super) fn get(&mut self, key: &Key, now: Instant) -> Option<Option<Profile>> {
        let entry = self.entries.get(key)?;
        if now < entry.until {
            return Some(entry.found.clone());
        }
        self.entries.remove(key);
        None
    }

    pub(super) fn put(&mut self, key: Key, found: Option<Profile>, now: Instant) {
        let ttl_ms = if found.is_some() { self.settings.found_ttl_ms } else { self.settings.unknown_ttl_ms };
        if self.settings.max_entries == 0 || ttl_ms == 0 {
            return;
        }
        let entry = Entry { found, put: now, until: now + Duration::from_millis(ttl_ms) };
        self.entries.insert(key.clone(), entry);
        self.order.push_back((key, now));
        while self.entries.len() > self.settings.max_entries || self.order.len() > 2 * self.settings.max_entries {
            let Some((oldest, put)) = self.order.pop_front() else { return };
            if self.entries.get(&oldest).is_some_and(|entry| entry.put == put) {
                self.entries.remove(&oldest);
            }
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

    #[test]
    fn what_is_found_stays_longer_than_what_is_not() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut cache = Cache::new(CacheConfig { max_entries: 10, found_ttl_ms: 100, unknown_ttl_ms: 10 });
        cache.put(key(1), person(1), start);
        cache.put(key(2), None, start);
        assert_eq!(cache.get(&key(1), at(99)), Some(person(1)));
        assert_eq!(cache.get(&key(2), at(9)), Some(None));
        assert_eq!(cache.get(&key(2), at(10)), None);
        assert_eq!(cache.get(&key(1), at(100)), None);
        assert_eq!(cache.get(&key(3), start), None);
    }

    #[test]
    fn it_is_bounded_and_the_oldest_goes_first() {
        let start = Instant::now();
        let mut cache = Cache::new(CacheConfig { max_entries: 3, found_ttl_ms: 1000, unknown_ttl_ms: 1000 });
        for number in 0..100 {
            cache.put(key(number), person(number), start + Duration::from_millis(u64::from(number)));
            cache.put(key(0), person(0), start + Duration::from_millis(u64::from(number)));
        }
        assert!(cache.entries.len() <= 3 && cache.order.len() <= 6, "{} {}", cache.entries.len(), cache.order.len());
        assert!(cache.get(&key(99), start).is_some());
        assert!(cache.get(&key(50), start).is_none());
    }
}
