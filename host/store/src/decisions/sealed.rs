//! What is a contact's in decisions, sealed; and what decisions share, read back.

use super::bases::SharedName;
use super::stored::{NamesV1, RowRefV1, RowV1, SEALED_FORMAT, WHAT, WhoV1, deserialize, load_row, shared_name};
use crate::backend::Reader;
use crate::chunks;
use crate::error::StoreError;
use crate::key::Table;
use crate::seal::{Access, ContactKeys, Part, Prepared};
use cordboard_core::decision::Columns;
use cordboard_core::ids::{ContactId, TenantId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// A contact and what is sealed of it: a [`RowRefV1`] in a decision, a [`RowV1`] that is shared. Empty, or not to be
/// opened: no numbers are known.
#[derive(Serialize, Deserialize)]
pub(super) struct SealedV2 {
    pub(super) contact: u128,
    pub(super) sealed: Vec<u8>,
}

/// What the contacts' rows of a decision are sealed with.
pub(super) struct Sealing<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) prepared: &'a Prepared,
    pub(super) decision: [u8; 16],
}

impl Sealing<'_> {
    /// Of a contact without a key nothing is kept.
    pub(super) fn seal(&self, contact: ContactId, part: Part, value: &[u8]) -> Result<SealedV2, StoreError> {
        let sealed = match self.prepared.held(contact) {
            Ok(held) => held.key.seal(self.tenant, contact, part, value)?,
            Err(_) => Vec::new(),
        };
        Ok(SealedV2 { contact: contact.0, sealed })
    }
}

/// Shared rows and names that were read for a page, and how many numbers its decisions have.
pub(super) struct Shelf<'a> {
    reader: &'a dyn Reader,
    tenant: &'a TenantId,
    keys: &'a ContactKeys,
    access: BTreeMap<u128, Access>,
    rows: BTreeMap<SharedName, Arc<RowV1>>,
    names: BTreeMap<SharedName, (Columns, Vec<String>)>,
    pub(super) numbers: usize,
}

impl<'a> Shelf<'a> {
    pub(super) fn new(reader: &'a dyn Reader, tenant: &'a TenantId, keys: &'a ContactKeys) -> Self {
        let (access, rows, names) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { reader, tenant, keys, access, rows, names, numbers: 0 }
    }

    fn access(&mut self, contact: u128) -> Result<&Access, StoreError> {
        Ok(match self.access.entry(contact) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(self.keys.access(self.reader, self.tenant, ContactId(contact))?),
        })
    }

    /// What is sealed of a contact; none if it is erased, or doesn't open.
    pub(super) fn open(&mut self, sealed: &SealedV2, part: Part) -> Result<Option<Vec<u8>>, StoreError> {
        let (tenant, contact) = (self.tenant, ContactId(sealed.contact));
        Ok(match self.access(sealed.contact)? {
            Access::Sealed { key, .. } => key.open(tenant, contact, part, &sealed.sealed).ok(),
            Access::Plain | Access::Erased | Access::Lost(_) => None,
        })
    }

    /// A contact's row. One that was written in plain, before its contact was erased, is not told either.
    pub(super) fn contact_row(
        &mut self,
        contact: u128,
        row: RowRefV1,
        budget: &mut usize,
    ) -> Result<Vec<f32>, StoreError> {
        if matches!(self.access(contact)?, Access::Erased) {
            return Ok(Vec::new());
        }
        match load_row(row, self, budget)? {
            Some((WhoV1::Contact(found), values)) if found == contact => Ok(values),
            Some(_) => Err(StoreError::undecodable(WHAT, "another's row among the contacts'")),
            None => Ok(Vec::new()),
        }
    }

    fn read(&self, name: &SharedName) -> Result<Vec<u8>, StoreError> {
        match chunks::get(self.reader, self.tenant, Table::Shared, name)? {
            Some((bytes, _)) if shared_name(&bytes) == *name => Ok(bytes),
            Some(_) => Err(StoreError::undecodable(WHAT, "what it shares doesn't have its digest any more")),
            None => Err(StoreError::undecodable(WHAT, "what it shares is missing")),
        }
    }

    /// None if it is sealed and doesn't open.
    pub(super) fn row(&mut self, name: &SharedName) -> Result<Option<Arc<RowV1>>, StoreError> {
        if let Some(row) = self.rows.get(name) {
            return Ok(Some(Arc::clone(row)));
        }
        let mut bytes = self.read(name)?;
        if let Some((&SEALED_FORMAT, body)) = bytes.split_first() {
            let sealed: SealedV2 = postcard::from_bytes(body).map_err(|error| StoreError::undecodable(WHAT, error))?;
            match self.open(&sealed, Part::SharedRow)? {
                Some(opened) => bytes = opened,
                None => return Ok(None),
            }
        }
        let row = Arc::new(deserialize::<RowV1>(&bytes)?);
        self.rows.insert(*name, Arc::clone(&row));
        Ok(Some(row))
    }

    pub(super) fn names(&mut self, name: &SharedName) -> Result<(Columns, Vec<String>), StoreError> {
        if let Some(names) = self.names.get(name) {
            return Ok(names.clone());
        }
        let NamesV1 { contact, agent, parts } = deserialize(&self.read(name)?)?;
        let names = (Columns { contact: contact.into(), agent: agent.into() }, parts);
        self.names.insert(*name, names.clone());
        Ok(names)
    }
}
