//! Indexes over contact records: for each thing a record can be found by, its value and the contact's identifier.
//!
//! A contact's identifier begins with the time it came, so every index is sorted by time within a value, and a range
//! of times is a range of identifiers. A caller's number is not there itself, but a hash that needs the key file.

use crate::backend::Reader;
use crate::batch::Batch;
use crate::error::StoreError;
use crate::key::{Key, MAX_NAME_BYTES, Scan, Table, name_of};
use crate::seal::ContactKeys;
use cordboard_core::ids::{AgentId, ContactId, EntryPointName, QueueName, TenantId, Version};
use cordboard_core::record::{ContactRecord, Personal, VisitOutcome};
use std::ops::ControlFlow;

/// What records are found by. All that is given has to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// Came at this time or later, in milliseconds since the epoch.
    pub from_ms: Option<u64>,
    /// Came before this time.
    pub until_ms: Option<u64>,
    /// Held a place in this queue.
    pub queue: Option<QueueName>,
    /// Talked with this agent.
    pub agent: Option<AgentId>,
    /// Came through this entry point.
    pub entry_point: Option<EntryPointName>,
    /// Ended for this reason, see `EndReason::code`.
    pub end: Option<String>,
    /// Came from this number.
    pub caller: Option<String>,
    /// A flow of this version ran.
    pub version: Option<Version>,
    /// True: an agent answered. False: none did.
    pub answered: Option<bool>,
}

const QUEUE: u8 = 1;
const AGENT: u8 = 2;
const ENTRY_POINT: u8 = 3;
const END: u8 = 4;
const CALLER: u8 = 5;
const VERSION: u8 = 6;
const ANSWERED: u8 = 7;
/// By a keyed hash of the caller's number; `CALLER`, with the number itself, is what earlier versions wrote.
const CALLER_HASH: u8 = 8;

/// Field, value, 0: what an index entry begins with, before the identifier. No value contains 0 in front of another
/// one's end: names can't, digests have a fixed length, and other text is cleaned.
fn prefix(field: u8, value: &[u8]) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(value.len() + 18);
    prefix.push(field);
    prefix.extend_from_slice(value);
    prefix.push(0);
    prefix
}

/// Text as it is indexed: without 0 bytes, and so short that it fits a key.
fn clean(text: &str) -> Vec<u8> {
    text.bytes().filter(|byte| *byte != 0).take(MAX_NAME_BYTES - 64).collect()
}

impl RecordFilter {
    /// The index prefixes that have to contain a record.
    pub(super) fn prefixes(&self, keys: &ContactKeys, tenant: &TenantId) -> Vec<Vec<u8>> {
        let by = |field, value: Option<&[u8]>| value.map(|value| prefix(field, value));
        let caller = self.caller.as_deref().map(|number| keys.caller_index(tenant, &clean(number)));
        let end = self.end.as_deref().map(clean);
        let answered = self.answered.map(|answered| [u8::from(answered) + b'0']);
        let prefixes = [
            by(CALLER_HASH, caller.as_ref().map(|hash| &hash[..])),
            by(AGENT, self.agent.as_ref().map(|agent| agent.as_str().as_bytes())),
            by(END, end.as_deref()),
            by(QUEUE, self.queue.as_ref().map(|queue| queue.as_str().as_bytes())),
            by(VERSION, self.version.as_ref().map(|version| &version.0[..])),
            by(ENTRY_POINT, self.entry_point.as_ref().map(|name| name.as_str().as_bytes())),
            by(ANSWERED, answered.as_ref().map(|answered| &answered[..])),
        ];
        prefixes.into_iter().flatten().collect()
    }

    /// The first identifier of the range and the first behind it.
    pub(super) fn ids(&self) -> (u128, Option<u128>) {
        // Times behind what 48 bits hold lie behind every identifier.
        let first = |ms: u64| if ms < 1 << 48 { Some(u128::from(ms) << 80) } else { None };
        let low = self.from_ms.map_or(0, |ms| first(ms).unwrap_or(u128::MAX));
        (low, self.until_ms.and_then(first))
    }
}

/// The index entries of a record.
pub(super) fn keys(
    tenant: &TenantId,
    contact_keys: &ContactKeys,
    record: &ContactRecord,
) -> Result<Vec<Key>, StoreError> {
    let mut prefixes = Vec::new();
    let mut answered = false;
    for visit in &record.visits {
        prefixes.push(prefix(QUEUE, visit.queue.as_str().as_bytes()));
        if let VisitOutcome::Answered { agent, .. } = &visit.outcome {
            prefixes.push(prefix(AGENT, agent.as_str().as_bytes()));
            answered = true;
        }
    }
    prefixes.push(prefix(ANSWERED, &[u8::from(answered) + b'0']));
    prefixes.extend(record.entry_point.as_ref().map(|name| prefix(ENTRY_POINT, name.as_str().as_bytes())));
    prefixes.push(prefix(END, record.end.code().as_bytes()));
    if let Some(number) = &record.origin.number {
        prefixes.push(prefix(CALLER_HASH, &contact_keys.caller_index(tenant, &clean(number))));
    }
    prefixes.extend(record.versions.iter().map(|version| prefix(VERSION, &version.0)));
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes.iter().map(|prefix| key(tenant, prefix, record.id)).collect()
}

/// The entries that find a record by its caller.
pub(super) fn caller_keys(
    reader: &dyn Reader,
    tenant: &TenantId,
    contact_keys: &ContactKeys,
    record: &ContactRecord,
) -> Result<Vec<Key>, StoreError> {
    if record.personal == Personal::Unreadable {
        return searched(reader, tenant, record.id);
    }
    let Some(number) = &record.origin.number else { return Ok(Vec::new()) };
    let number = clean(number);
    let hidden = prefix(CALLER_HASH, &contact_keys.caller_index(tenant, &number));
    [hidden, prefix(CALLER, &number)].iter().map(|prefix| key(tenant, prefix, record.id)).collect()
}

/// The same where nobody knows the number any more: all callers are gone through.
pub(super) fn searched(reader: &dyn Reader, tenant: &TenantId, contact: ContactId) -> Result<Vec<Key>, StoreError> {
    let mut found = Vec::new();
    for field in [CALLER_HASH, CALLER] {
        reader.visit(&Scan::prefix(tenant, Table::RecordIndex, &[field]), &mut |key, _version, _value| {
            if name_of(key).ends_with(&contact.0.to_be_bytes()) {
                found.push(Key::trusted(key));
            }
            ControlFlow::Continue(())
        })?;
    }
    Ok(found)
}

/// Adds to a batch that some of the numbers that earlier versions indexed openly are hidden; false if there are none.
pub(super) fn hide_callers(
    reader: &dyn Reader,
    batch: &mut Batch,
    tenant: &TenantId,
    contact_keys: &ContactKeys,
) -> Result<bool, StoreError> {
    let found = reader.scan(&Scan::prefix(tenant, Table::RecordIndex, &[CALLER]).limit(1000))?.entries;
    for entry in &found {
        let name = entry.key.name();
        // Field, number, 0, identifier.
        if let Some((start, id)) = name.split_last_chunk::<16>()
            && let Some((_, number)) = start.split_first()
            && let Some((_, number)) = number.split_last()
        {
            let hidden = prefix(CALLER_HASH, &contact_keys.caller_index(tenant, number));
            batch.put(key(tenant, &hidden, ContactId(u128::from_be_bytes(*id)))?, Vec::new());
        }
        batch.delete(entry.key.clone());
    }
    Ok(!found.is_empty())
}

fn key(tenant: &TenantId, prefix: &[u8], contact: ContactId) -> Result<Key, StoreError> {
    Key::new(tenant, Table::RecordIndex, &[prefix, &contact.0.to_be_bytes()].concat())
}
