//! Documents of the store, with the API's words for what goes wrong.

use crate::documents::{DocumentError, decode, encode};
use cordboard_admin::{Expected, Refusal, Revised};
use cordboard_core::ids::TenantId;
use cordboard_store::{DocumentKind, Documents, If, StoreError};
use serde::{Serialize, de::DeserializeOwned};

/// The documents of a tenant.
#[derive(Clone)]
pub(super) struct Keeping {
    tenant: TenantId,
    documents: Documents,
}

impl Keeping {
    /// The documents of this tenant.
    pub(super) fn new(tenant: TenantId, documents: Documents) -> Self {
        Self { tenant, documents }
    }

    /// One document.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        kind: DocumentKind,
        name: &str,
    ) -> Result<Option<Revised<T>>, Refusal> {
        let found = self.documents.get(&self.tenant, kind, name).await.map_err(|error| refused(kind, name, error))?;
        found.map(|found| revised(&found.body, found.revision.0)).transpose()
    }

    /// All documents of a kind, by name.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        kind: DocumentKind,
    ) -> Result<Vec<(String, Revised<T>)>, Refusal> {
        let found = self.documents.list(&self.tenant, kind).await.map_err(|error| refused(kind, "", error))?;
        found.into_iter().map(|found| Ok((found.name, revised(&found.body, found.revision.0)?))).collect()
    }

    /// Keeps a document, durably; its revision.
    pub(super) async fn put<T: Serialize>(
        &self,
        kind: DocumentKind,
        name: &str,
        document: &T,
        expected: Expected,
    ) -> Result<u64, Refusal> {
        let body = encoded(document)?;
        let put = self.documents.put(&self.tenant, kind, name, &body, condition(expected)).await;
        put.map(|revision| revision.0).map_err(|error| refused(kind, name, error))
    }

    /// Removes a document, durably.
    pub(super) async fn delete(&self, kind: DocumentKind, name: &str, expected: Expected) -> Result<(), Refusal> {
        let deleted = self.documents.delete(&self.tenant, kind, name, condition(expected)).await;
        if deleted.map_err(|error| refused(kind, name, error))? { Ok(()) } else { Err(not_found(kind.code(), name)) }
    }
}

/// A document's bytes.
pub(super) fn encoded<T: Serialize>(document: &T) -> Result<Vec<u8>, Refusal> {
    encode(document).map_err(|error| Refusal::Internal(error.to_string()))
}

pub(super) fn condition(expected: Expected) -> If {
    match expected {
        Expected::Any => If::Always,
        Expected::Absent => If::Absent,
        Expected::Revision(revision) => If::Revision(cordboard_store::Revision(revision)),
    }
}

fn revised<T: DeserializeOwned>(body: &[u8], revision: u64) -> Result<Revised<T>, Refusal> {
    let value = decode(body).map_err(|error: DocumentError| Refusal::Internal(format!("{error:?}")))?;
    Ok(Revised { value, revision })
}

/// There is nothing of this name.
pub(super) fn not_found(what: &'static str, name: impl ToString) -> Refusal {
    Refusal::NotFound { what, name: name.to_string() }
}

/// A fault of the store, about this document.
fn refused(kind: DocumentKind, name: &str, error: StoreError) -> Refusal {
    match error {
        StoreError::Conflict { found, .. } => {
            let (found, meanwhile) = (found.filter(|found| *found > 0), String::new());
            Refusal::Conflict { what: kind.code(), name: name.into(), found, meanwhile }
        }
        other => store(other),
    }
}

/// A fault of the store.
pub(super) fn store(error: StoreError) -> Refusal {
    match error {
        StoreError::TooLarge { what, got, limit } => Refusal::TooLarge { what, got, limit },
        StoreError::Failed { .. } | StoreError::NoSpace { .. } | StoreError::Busy | StoreError::Closed => {
            Refusal::Unavailable(error.to_string())
        }
        StoreError::Erased { .. } => Refusal::Erased(error.to_string()),
        StoreError::KeyLost { .. } => Refusal::Unreadable { code: "lost-key", detail: error.to_string() },
        StoreError::Invalid { what, cause } => {
            Refusal::Invalid { code: "invalid-argument", detail: format!("{what} is not valid: {cause}") }
        }
        other => Refusal::Internal(format!("{other:?}")),
    }
}
