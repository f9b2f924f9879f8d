//! All rooms of one store, and the one way in which a running centre writes them: what happened, in its order, durable.

use crate::backend::Reader;
use crate::batch::{Batch, Expect, MAX_BATCH_BYTES, MAX_BATCH_OPS, Seq};
use crate::blobs::Blobs;
use crate::chunks;
use crate::decisions::{Decisions, Fresh};
use crate::documents::Documents;
use crate::error::StoreError;
use crate::handle::Store;
use crate::history::Histories;
use crate::journals::{self, Journals};
use crate::key::{Key, Table};
use crate::notes::{self, Notes};
use crate::records::{self, Records};
use crate::seal::{ContactKeys, Prepared};
use crate::values::Values;
use cordboard_core::decision::Decision;
use cordboard_core::ids::{ContactId, TenantId};
use cordboard_core::note::Note;
use cordboard_core::record::{ContactRecord, Personal};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// How often a batch is composed anew because somebody else wrote in between.
const TRIES: usize = 8;

/// The rooms of one store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rooms {
    /// What operators set up.
    pub documents: Documents,
    /// What was done with deployments.
    pub histories: Histories,
    /// What flows were told and did.
    pub journals: Journals,
    /// What remains of contacts.
    pub records: Records,
    /// What flows left behind for their authors.
    pub notes: Notes,
    /// Who was given to whom, and why.
    pub decisions: Decisions,
    /// Components, prompts, recordings.
    pub blobs: Blobs,
    /// What plugins store.
    pub values: Values,
    /// What is personal is sealed with.
    pub keys: ContactKeys,
    /// What the others are built on, with health and sizes.
    pub store: Store,
}

/// Something to be kept.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A journal frame.
    Frame {
        /// Whose.
        contact: ContactId,
        /// Its number, counted from 0.
        number: u64,
        /// Up to [`journals::MAX_FRAME_BYTES`].
        bytes: &'a [u8],
    },
    /// A routing decision.
    Decision(&'a Decision),
    /// Something noted of a contact, also when it has ended.
    Note {
        /// Whose.
        contact: ContactId,
        /// Its number, counted from 0: what has it already is replaced.
        number: u32,
        /// Up to [`notes::MAX_NOTE_BYTES`].
        note: &'a Note,
    },
    /// A contact's record; its journal is finished by it.
    Record(&'a ContactRecord),
}

/// What came of a write.
#[derive(Debug, Default)]
pub struct Written {
    /// What can't be kept whenever it is tried, by its place among the items, and why: too large, of another tenant, of a
    /// contact that is erased or whose key is lost, or a frame or record that is already there with other content
    /// (`Conflict`). The rest is written.
    pub refused: Vec<(usize, StoreError)>,
}

/// A part of an item that is written whole.
struct Piece {
    item: usize,
    batch: Batch,
    /// Set for what is written once and never changed.
    once: Option<Once>,
}

/// A value that has to be this one, should its key exist already. Sealed values are never alike: what is in them is
/// compared.
struct Once {
    contact: ContactId,
    content: Content,
}

#[derive(PartialEq)]
enum Content {
    Frame(u64, Vec<u8>),
    Record(Box<ContactRecord>),
}

impl Once {
    fn place(&self) -> (Table, Vec<u8>) {
        match &self.content {
            Content::Frame(number, _) => (Table::Journal, journals::frame_name(self.contact, *number).to_vec()),
            Content::Record(_) => (Table::Record, self.contact.0.to_be_bytes().to_vec()),
        }
    }

    /// True if these bytes are the same. What was erased meanwhile isn't written again.
    fn is(
        &self,
        keys: &ContactKeys,
        reader: &dyn Reader,
        tenant: &TenantId,
        stored: Vec<u8>,
    ) -> Result<bool, StoreError> {
        match &self.content {
            Content::Frame(number, frame) => {
                let access = keys.access(reader, tenant, self.contact)?;
                let found = journals::opened(&access, tenant, self.contact, *number, stored)?;
                Ok(found.is_some_and(|found| found == *frame))
            }
            Content::Record(record) => {
                let found = records::decode(keys, reader, tenant, self.contact, &stored)?;
                Ok(found.personal == Personal::Erased || found == **record)
            }
        }
    }
}

impl Rooms {
    /// The rooms of this store, with its keys, and this folder of blobs.
    pub fn new(store: Store, keys: ContactKeys, blobs: Blobs) -> Self {
        Self {
            documents: Documents::new(store.clone()),
            histories: Histories::new(store.clone()),
            journals: Journals::new(store.clone(), keys.clone()),
            records: Records::new(store.clone(), keys.clone()),
            notes: Notes::new(store.clone(), keys.clone()),
            decisions: Decisions::new(store.clone(), keys.clone()),
            values: Values::new(store.clone()),
            blobs,
            keys,
            store,
        }
    }

    /// Writes items in their order; all of them are on disk when it returns. As many as fit (4 MiB) are written at once,
    /// so give it all there is. What is there already with the same content is no error: after a failure the same items
    /// can be given again.
    ///
    /// Fails only with what concerns the store and not an item: `Failed`, `NoSpace`, `Busy`, `Closed`. Then any number of
    /// the items, from the first on, may be written.
    pub async fn write(&self, tenant: &TenantId, items: &[Item<'_>]) -> Result<Written, StoreError> {
        let mut written = Written::default();
        let mut fresh = Fresh::default();
        let contacts: BTreeSet<ContactId> = items.iter().flat_map(Item::contacts).collect();
        let prepared = self.keys.prepare(tenant, contacts).await?;
        let (pieces, new_keys) = self.all_pieces(tenant, items, &prepared, &mut fresh, &mut written);
        let mut last = Seq(0);
        let mut rest = pieces.into_iter().peekable();
        while rest.peek().is_some() {
            let mut group = Vec::new();
            let (mut bytes, mut ops) = (0, 0);
            while let Some(piece) = rest.next_if(|piece| {
                bytes + piece.batch.bytes() <= MAX_BATCH_BYTES && ops + piece.batch.len() <= MAX_BATCH_OPS
            }) {
                bytes += piece.batch.bytes();
                ops += piece.batch.len();
                group.push(piece);
            }
            last = self.write_group(tenant, group, &mut written).await?;
        }
        self.store.durable(last).await?;
        self.decisions.confirm(fresh);
        self.keys.confirm(tenant, &new_keys);
        for item in items {
            if let Item::Record(record) = item {
                self.keys.forget(tenant, record.id);
            }
        }
        Ok(written)
    }

    /// What the items consist of, each piece within the bounds of a batch; the impossible ones are refused here. And whose
    /// keys are new.
    fn all_pieces(
        &self,
        tenant: &TenantId,
        items: &[Item<'_>],
        prepared: &Prepared,
        fresh: &mut Fresh,
        written: &mut Written,
    ) -> (Vec<Piece>, BTreeSet<ContactId>) {
        let mut pieces: Vec<Piece> = Vec::with_capacity(items.len());
        let (mut seen, mut rows) = (BTreeMap::new(), BTreeSet::new());
        for (place, item) in items.iter().enumerate() {
            let made = self.pieces(tenant, place, item, prepared, fresh);
            let made = made.and_then(|made| made.iter().try_for_each(|piece| piece.batch.check()).map(|()| made));
            // Where a key lies stands before the first that is sealed with it: in the same batch, or in an earlier one.
            let made = made.and_then(|made| {
                let mut new = item.contacts().filter(|contact| !rows.contains(contact)).collect::<BTreeSet<_>>();
                new.retain(|contact| prepared.held(*contact).is_ok_and(|held| !held.kept));
                let mut batch = Batch::new();
                for contact in &new {
                    prepared.held(*contact)?.row_in(&mut batch, tenant, *contact)?;
                }
                if !new.is_empty() {
                    pieces.push(Piece { item: place, batch, once: None });
                }
                rows.append(&mut new);
                Ok(made)
            });
            let made = match made {
                Ok(made) => made,
                Err(error) => {
                    written.refused.push((place, error));
                    // What a refused decision would have shared isn't there for later ones.
                    *fresh = Fresh::default();
                    continue;
                }
            };
            for piece in made {
                // A precondition looks at what is stored, not at what stands before it in the same batch.
                if let Some(once) = &piece.once {
                    let (table, name) = once.place();
                    match seen.entry((table, name)) {
                        Entry::Vacant(vacant) => drop(vacant.insert(pieces.len())),
                        Entry::Occupied(earlier) => {
                            let same = pieces.get(*earlier.get()).and_then(|earlier| earlier.once.as_ref());
                            if same.is_none_or(|earlier| earlier.content != once.content) {
                                let key = Key::new(tenant, table, &earlier.key().1);
                                let error =
                                    key.map_or_else(|error| error, |key| StoreError::Conflict { key, found: None });
                                written.refused.push((place, error));
                            }
                            continue;
                        }
                    }
                }
                pieces.push(piece);
            }
        }
        (pieces, rows)
    }

    /// Writes one batch's worth and answers the commit after which all of it is there.
    async fn write_group(
        &self,
        tenant: &TenantId,
        mut group: Vec<Piece>,
        written: &mut Written,
    ) -> Result<Seq, StoreError> {
        let mut tries = 0;
        loop {
            let mut batch = Batch::new();
            for piece in &group {
                batch.append(piece.batch.clone());
            }
            match self.store.commit(batch).await {
                // If it was left out since it is there: that was an earlier commit, so it is durable no later.
                Ok(seq) => return Ok(seq),
                Err(StoreError::Conflict { .. }) if tries < TRIES => {
                    tries += 1;
                    group = self.drop_known(tenant, group, written).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Leaves out what is there already, refuses what is there with other content.
    async fn drop_known(
        &self,
        tenant: &TenantId,
        group: Vec<Piece>,
        written: &mut Written,
    ) -> Result<Vec<Piece>, StoreError> {
        let (keys, tenant) = (self.keys.clone(), tenant.clone());
        let job = move |reader: &dyn Reader| {
            let (mut left, mut refused) = (Vec::with_capacity(group.len()), Vec::new());
            for piece in group {
                let Some(once) = &piece.once else {
                    left.push(piece);
                    continue;
                };
                let (table, name) = once.place();
                let found = match chunks::get(reader, &tenant, table, &name) {
                    Ok(None) => {
                        left.push(piece);
                        continue;
                    }
                    Ok(Some((stored, version))) => {
                        once.is(&keys, reader, &tenant, stored).map(|same| (!same).then_some(version))
                    }
                    Err(error) => Err(error),
                };
                match found {
                    Ok(None) => {}
                    Ok(Some(version)) => {
                        let key = Key::new(&tenant, table, &name)?;
                        refused.push((piece.item, StoreError::Conflict { key, found: Some(version) }));
                    }
                    Err(
                        error @ (StoreError::Undecodable { .. }
                        | StoreError::Erased { .. }
                        | StoreError::KeyLost { .. }),
                    ) => refused.push((piece.item, error)),
                    Err(error) => return Err(error),
                }
            }
            Ok((left, refused))
        };
        let (left, refused) = self.store.read(job).await?;
        written.refused.extend(refused);
        Ok(left)
    }

    fn pieces(
        &self,
        tenant: &TenantId,
        item: usize,
        what: &Item<'_>,
        prepared: &Prepared,
        fresh: &mut Fresh,
    ) -> Result<Vec<Piece>, StoreError> {
        match *what {
            Item::Frame { contact, number, bytes } => {
                let mut batch = Batch::new();
                journals::frame_in(&mut batch, prepared.held(contact)?, tenant, contact, number, bytes)?;
                let once = Once { contact, content: Content::Frame(number, bytes.to_vec()) };
                let (table, name) = once.place();
                batch.require(Key::new(tenant, table, &name)?, Expect::Absent);
                Ok(vec![Piece { item, batch, once: Some(once) }])
            }
            Item::Note { contact, number, note } => {
                let mut batch = Batch::new();
                notes::note_in(&mut batch, prepared.held(contact)?, tenant, contact, number, note)?;
                Ok(vec![Piece { item, batch, once: None }])
            }
            Item::Decision(decision) => {
                let pieces = self.decisions.pieces(tenant, decision, prepared, fresh)?;
                let batches = pieces.shared.into_iter().chain([pieces.own]);
                Ok(batches.map(|batch| Piece { item, batch, once: None }).collect())
            }
            Item::Record(record) if record.tenant != *tenant => Err(StoreError::Invalid {
                what: "a record",
                cause: format!("it is of tenant {} and not of {tenant}", record.tenant),
            }),
            Item::Record(record) => {
                let batch = records::record_batch(&self.keys, prepared.held(record.id)?, record)?;
                let once = Once { contact: record.id, content: Content::Record(Box::new(record.clone())) };
                Ok(vec![Piece { item, batch, once: Some(once) }])
            }
        }
    }
}

impl Item<'_> {
    /// Whose personal data are in it.
    fn contacts(&self) -> impl Iterator<Item = ContactId> {
        let (one, rows) = match *self {
            Item::Frame { contact, .. } | Item::Note { contact, .. } => (Some(contact), [].as_slice()),
            Item::Record(record) => (Some(record.id), [].as_slice()),
            Item::Decision(decision) => (None, decision.contacts.as_slice()),
        };
        one.into_iter().chain(rows.iter().map(|row| row.contact))
    }
}
