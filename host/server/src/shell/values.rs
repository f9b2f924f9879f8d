//! Stored values: between the board and the store, off the board's task.

use super::perform::Parts;
use crate::grants::GrantBook;
use cordboard_core::board::Input;
use cordboard_core::event::{Event, What};
use cordboard_core::flow::ValueError;
use cordboard_core::ids::{ContactId, TenantId, ValueId, Version};
use cordboard_store::{Quota, StoreError, Stored, Values};

/// Where values are kept, and what may be.
pub(crate) struct ValueParts {
    /// Whose.
    pub tenant: TenantId,
    /// Where.
    pub values: Values,
    /// How much.
    pub grants: GrantBook,
}

/// Reads a value; the board hears of it as `Input::ValueLoaded`.
pub(super) fn load(parts: &Parts, contact: ContactId, ticket: ValueId, version: Version, key: String) {
    let granted = granted(parts, contact, version);
    let (values, tenant, board) = (parts.stored.values.clone(), parts.stored.tenant.clone(), parts.board.clone());
    tokio::spawn(async move {
        let result = match granted {
            Ok((plugin, _)) => values.load(&tenant, &plugin, &key).await.map_err(failed),
            Err(error) => Err(error),
        };
        // The board has stopped: nobody waits any more.
        let _ = board.tell(Input::ValueLoaded { contact, ticket, result }).await;
    });
}

/// Stores or removes a value; the board hears of it as `Input::ValueStored`.
pub(super) fn store(
    parts: &Parts,
    contact: ContactId,
    ticket: ValueId,
    version: Version,
    (key, value): (String, Option<String>),
) {
    let granted = granted(parts, contact, version);
    let (values, tenant, board) = (parts.stored.values.clone(), parts.stored.tenant.clone(), parts.board.clone());
    tokio::spawn(async move {
        let result = match granted {
            Ok((plugin, quota)) => match values.store(&tenant, &plugin, &key, value.as_deref(), quota).await {
                Ok(Stored::Kept) => Ok(()),
                Ok(Stored::OverQuota) => Err(ValueError::Quota),
                Err(error) => Err(failed(error)),
            },
            Err(error) => Err(error),
        };
        let _ = board.tell(Input::ValueStored { contact, ticket, result }).await;
    });
}

/// Both keys at this moment: the plugin's name and its quota.
fn granted(parts: &Parts, contact: ContactId, version: Version) -> Result<(String, Quota), ValueError> {
    let found = parts.stored.grants.of(version);
    let (name, grants) = found.ok_or_else(|| ValueError::Other("the version is not known".into()))?;
    if let Some(quota) = grants.stored_values {
        return Ok((name, Quota { keys: quota.keys, bytes: quota.bytes }));
    }
    if parts.stored.grants.may_tell(version) {
        let plugin = Some(name).filter(|name| !name.is_empty());
        let (capability, detail) = ("stored-values", "load or store".to_owned());
        let what = What::CapabilityRefused { plugin, version, capability, detail };
        parts.events.tell(Event { at: parts.stored.grants.now(), contact: Some(contact), what });
    }
    Err(ValueError::NotGranted)
}

fn failed(error: StoreError) -> ValueError {
    match error {
        StoreError::TooLarge { .. } | StoreError::Invalid { .. } => ValueError::Invalid(error.to_string()),
        other => ValueError::Unavailable(other.to_string()),
    }
}
