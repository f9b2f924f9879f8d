//! Values longer than one entry may be: the first part stands under the name itself, with the number of further parts
//! before it; those stand in [`Table::Misc`] under table, name and part number.

use crate::backend::Reader;
use crate::batch::{Batch, Entry, MAX_VALUE_BYTES};
use crate::error::StoreError;
use crate::key::{Key, Table};
use cordboard_core::ids::TenantId;

/// The longest value, in bytes: so that one always fits a batch.
pub(crate) const MAX_CHUNKED_BYTES: usize = 2 << 20;
const PART: usize = MAX_VALUE_BYTES - 2;

fn part_key(tenant: &TenantId, table: Table, name: &[u8], part: u16) -> Result<Key, StoreError> {
    let mut full = vec![table as u8];
    full.extend_from_slice(name);
    full.extend_from_slice(&part.to_be_bytes());
    Key::new(tenant, Table::Misc, &full)
}

/// Puts `value` under `name`, in as many parts as it needs. `old` is what the head held before, if anything: parts that
/// are no longer needed are deleted.
pub(crate) fn put(
    batch: &mut Batch,
    tenant: &TenantId,
    table: Table,
    name: &[u8],
    value: &[u8],
    old: Option<&[u8]>,
) -> Result<(), StoreError> {
    if value.len() > MAX_CHUNKED_BYTES {
        return Err(StoreError::TooLarge {
            what: "a stored value",
            got: value.len() as u64,
            limit: MAX_CHUNKED_BYTES as u64,
        });
    }
    let (first, rest) = value.split_at(value.len().min(PART));
    let parts = rest.chunks(PART);
    // At most 129.
    let count = parts.len() as u16;
    batch.put(Key::new(tenant, table, name)?, [&count.to_be_bytes(), first].concat());
    for (number, part) in (0u16..).zip(parts) {
        batch.put(part_key(tenant, table, name, number)?, part.to_vec());
    }
    for number in count..old.map_or(0, further_parts) {
        batch.delete(part_key(tenant, table, name, number)?);
    }
    Ok(())
}

/// Deletes a value of which the head is `old`.
pub(crate) fn delete(
    batch: &mut Batch,
    tenant: &TenantId,
    table: Table,
    name: &[u8],
    old: &[u8],
) -> Result<(), StoreError> {
    batch.delete(Key::new(tenant, table, name)?);
    for number in 0..further_parts(old) {
        batch.delete(part_key(tenant, table, name, number)?);
    }
    Ok(())
}

fn further_parts(head: &[u8]) -> u16 {
    head.first_chunk().map_or(0, |count| u16::from_be_bytes(*count))
}

/// The whole value of which `head` was found under `name`. Fails if it was replaced meanwhile.
pub(crate) fn whole(
    reader: &dyn Reader,
    tenant: &TenantId,
    table: Table,
    name: &[u8],
    head: &Entry,
) -> Result<Vec<u8>, StoreError> {
    let torn = || StoreError::undecodable("a stored value", "a part is missing");
    let mut value = head.value.get(2..).ok_or_else(torn)?.to_vec();
    for number in 0..further_parts(&head.value) {
        let part = reader.get(&part_key(tenant, table, name, number)?)?.ok_or_else(torn)?;
        if part.version != head.version {
            return Err(torn());
        }
        value.extend_from_slice(&part.value);
    }
    Ok(value)
}

/// The whole value under `name`, with its version.
pub(crate) fn get(
    reader: &dyn Reader,
    tenant: &TenantId,
    table: Table,
    name: &[u8],
) -> Result<Option<(Vec<u8>, u64)>, StoreError> {
    let key = Key::new(tenant, table, name)?;
    let mut tries = 0;
    loop {
        let Some(head) = reader.get(&key)? else { return Ok(None) };
        match whole(reader, tenant, table, name, &head) {
            Ok(value) => return Ok(Some((value, head.version))),
            // Replaced between two reads: the next reads the new one, unless it is replaced all the time.
            Err(StoreError::Undecodable { .. }) if tries < 3 => tries += 1,
            Err(error) => return Err(error),
        }
    }
}
