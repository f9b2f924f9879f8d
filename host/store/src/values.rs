//! Values that plugins store: by tenant, plugin and key, within a quota that holds whoever writes at the same time.
//!
//! Beside a plugin's values stands what they take together. Every change of a value rewrites that and requires it to be
//! unchanged, so that two writers can't both use the last room.

use crate::batch::{Batch, Expect};
use crate::error::StoreError;
use crate::handle::Store;
use crate::key::{Key, Table};
use cordboard_core::ids::TenantId;

/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 128;
/// The longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 8 << 10;
/// The longest name of a plugin, in bytes.
const MAX_PLUGIN_BYTES: usize = 64;
/// The form of what is on disk: the first byte of every value.
const FORMAT: u8 = 1;
/// How often a change is composed anew because somebody else wrote in between.
const TRIES: usize = 64;

/// How much a plugin may store for a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Values.
    pub keys: u32,
    /// Of keys and values together.
    pub bytes: u64,
}

/// What came of storing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is durable.
    Kept,
    /// It would be over the quota: nothing changed.
    OverQuota,
}

/// The values of a store.
#[derive(Clone, Debug)]
pub struct Values(Store);

/// What a plugin's values take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    keys: u32,
    bytes: u64,
}

impl Usage {
    fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        let wrong = || StoreError::undecodable("what a plugin stores", "not of 13 bytes in form 1");
        let (form, rest) = bytes.split_first().ok_or_else(wrong)?;
        let (keys, bytes) = rest.split_first_chunk::<4>().ok_or_else(wrong)?;
        let bytes: [u8; 8] = bytes.try_into().map_err(|_| wrong())?;
        if *form != FORMAT {
            return Err(wrong());
        }
        Ok(Self { keys: u32::from_be_bytes(*keys), bytes: u64::from_be_bytes(bytes) })
    }

    fn written(self) -> Vec<u8> {
        [&[FORMAT][..], &self.keys.to_be_bytes(), &self.bytes.to_be_bytes()].concat()
    }

    /// Without one value, and with another.
    fn changed(self, old: Option<u64>, new: Option<u64>) -> Self {
        let keys = self.keys.saturating_sub(u32::from(old.is_some())).saturating_add(u32::from(new.is_some()));
        let bytes = self.bytes.saturating_sub(old.unwrap_or(0)).saturating_add(new.unwrap_or(0));
        Self { keys, bytes }
    }

    /// Whether it may become so: within the quota, or less than before.
    fn may_become(self, next: Self, quota: Quota) -> bool {
        let keys = next.keys <= quota.keys || next.keys <= self.keys;
        let bytes = next.bytes <= quota.bytes || next.bytes <= self.bytes;
        keys && bytes
    }
}

/// The key of a value; of what a plugin's values take if `name` is empty.
fn full(tenant: &TenantId, plugin: &str, name: &str) -> Result<Key, StoreError> {
    let plain = !plugin.is_empty() && plugin.len() <= MAX_PLUGIN_BYTES && !plugin.contains('\0');
    if !plain || name.len() > MAX_KEY_BYTES {
        let cause = format!("a plugin's name has 1 to {MAX_PLUGIN_BYTES} bytes, a key 1 to {MAX_KEY_BYTES}");
        return Err(StoreError::Invalid { what: "a stored value's key", cause });
    }
    Key::new(tenant, Table::Value, &[plugin.as_bytes(), b"\0", name.as_bytes()].concat())
}

fn text(bytes: Vec<u8>) -> Result<String, StoreError> {
    let wrong = || StoreError::undecodable("a stored value", "not text in form 1");
    let text = bytes.strip_prefix(&[FORMAT]).ok_or_else(wrong)?;
    String::from_utf8(text.to_vec()).map_err(|_| wrong())
}

impl Values {
    /// Over this store.
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    /// The value of this key.
    pub async fn load(&self, tenant: &TenantId, plugin: &str, key: &str) -> Result<Option<String>, StoreError> {
        not_empty(key)?;
        self.0.get(&full(tenant, plugin, key)?).await?.map(|entry| text(entry.value)).transpose()
    }

    /// Stores a value durably, or removes it. What makes less of it is done over quota as well.
    pub async fn store(
        &self,
        tenant: &TenantId,
        plugin: &str,
        key: &str,
        value: Option<&str>,
        quota: Quota,
    ) -> Result<Stored, StoreError> {
        not_empty(key)?;
        if let Some(got) = value.map(str::len).filter(|bytes| *bytes > MAX_VALUE_BYTES) {
            let limit = MAX_VALUE_BYTES as u64;
            return Err(StoreError::TooLarge { what: "a stored value", got: got as u64, limit });
        }
        let (all, one) = (full(tenant, plugin, "")?, full(tenant, plugin, key)?);
        let takes = |value: usize| (key.len() + value) as u64;
        for _ in 0..TRIES {
            let before = self.0.get(&all).await?;
            // Whoever changes it changes what all take as well: it is as it is read now, or the batch fails.
            let old = self.0.get(&one).await?.map(|entry| takes(entry.value.len().saturating_sub(1)));
            let usage = before.as_ref().map(|entry| Usage::read(&entry.value)).transpose()?.unwrap_or_default();
            let next = usage.changed(old, value.map(|value| takes(value.len())));
            if !usage.may_become(next, quota) {
                return Ok(Stored::OverQuota);
            }
            let mut batch = Batch::new();
            batch.require(all.clone(), before.map_or(Expect::Absent, |entry| Expect::Version(entry.version)));
            match value {
                Some(value) => batch.put(one.clone(), [&[FORMAT], value.as_bytes()].concat()),
                None => batch.delete(one.clone()),
            };
            batch.put(all.clone(), next.written());
            match self.0.commit_durable(batch).await {
                Ok(_) => return Ok(Stored::Kept),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Busy)
    }
}

fn not_empty(key: &str) -> Result<(), StoreError> {
    if key.is_empty() {
        return Err(StoreError::Invalid { what: "a stored value's key", cause: "it is empty".into() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_counted_and_bounded() {
        let usage = |keys, bytes| Usage { keys, bytes };
        let quota = Quota { keys: 2, bytes: 10 };
        let none = usage(0, 0);
        assert_eq!(none.changed(None, Some(4)), usage(1, 4));
        assert_eq!(usage(1, 4).changed(Some(4), Some(6)), usage(1, 6));
        assert_eq!(usage(1, 4).changed(Some(4), None), none);
        assert!(none.may_become(usage(2, 10), quota));
        assert!(!none.may_become(usage(3, 3), quota) && !none.may_become(usage(1, 11), quota));
        assert!(usage(5, 50).may_become(usage(5, 49), quota), "less than before");
        assert!(!usage(5, 50).may_become(usage(5, 51), quota));
        assert_eq!(Usage::read(&usage(7, 9).written()).unwrap(), usage(7, 9));
        assert!(Usage::read(b"").is_err() && Usage::read(&[2; 13]).is_err() && Usage::read(&[1; 12]).is_err());
    }
}
