//! All rooms of one store, and the one way in which a running centre writes them: what happened, in its order, durable.

use crate::backend::Reader;
use crate::batch::{Batch, Expect, MAX_BATCH_BYTES, MAX_BATCH_OPS, Seq};
use crate::blobs::Blobs;
use crate::chunks;
use crate::decisions::{Decisions, Fresh};
use crate::documents::Documents;
use crate::error::StoreError;
use crate::handle::Store;
use crate::journals::{self, Journals};
use crate::key::{Key, Table};
use crate::records::{self, Records};
use crate::values::Values;
use cordboard_core::decision::Decision;
use cordboard_core::ids::{ContactId, TenantId};
use cordboard_core::record::ContactRecord;
use std::collections::BTreeMap;

/// How often a batch is composed anew because somebody else wrote in between.
const TRIES: usize = 8;

/// The rooms of one store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rooms {
    /// What operators set up.
    pub documents: Documents,
    /// What flows were told and did.
    pub journals: Journals,
    /// What remains of contacts.
    pub records: Records,
    /// Who was given to whom, and why.
    pub decisions: Decisions,
    /// Components, prompts, recordings.
    pub blobs: Blobs,
    /// What plugins store.
    pub values: Values,
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
    /// A contact's record; its journal is finished by it.
    Record(&'a ContactRecord),
}

/// What came of a write.
#[derive(Debug, Default)]
pub struct Written {
    /// What can't be kept whenever it is tried, by its place among the items, and why: too large, of another tenant, or a
    /// frame or record that is already there with other content (`Conflict`). The rest is written.
    pub refused: Vec<(usize, StoreError)>,
}

/// A part of an item that is written whole.
struct Piece {
    item: usize,
    batch: Batch,
    /// Set for what is written once and never changed.
    once: Option<Once>,
}

/// A value that has to be this one, should its key exist already.
struct Once {
    table: Table,
    name: Vec<u8>,
    content: Vec<u8>,
}

impl Rooms {
    /// The rooms of this store and this folder of blobs.
    pub fn new(store: Store, blobs: Blobs) -> Self {
        Self {
            documents: Documents::new(store.clone()),
            journals: Journals::new(store.clone()),
            records: Records::new(store.clone()),
            decisions: Decisions::new(store.clone()),
            values: Values::new(store.clone()),
            blobs,
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
        let pieces = self.all_pieces(tenant, items, &mut fresh, &mut written);
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
        Ok(written)
    }

    /// What the items consist of, each piece within the bounds of a batch; the impossible ones are refused here.
    fn all_pieces(
        &self,
        tenant: &TenantId,
        items: &[Item<'_>],
        fresh: &mut Fresh,
        written: &mut Written,
    ) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::with_capacity(items.len());
        let mut seen = BTreeMap::new();
        for (place, item) in items.iter().enumerate() {
            let made = self.pieces(tenant, place, item, fresh);
            let made = made.and_then(|made| made.iter().try_for_each(|piece| piece.batch.check()).map(|()| made));
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
                if let Some(once) = &piece.once
                    && let Some(earlier) = seen.insert((once.table, once.name.clone()), once.content.clone())
                {
                    if earlier != once.content {
                        let error = Key::new(tenant, once.table, &once.name)
                            .map_or_else(|error| error, |key| StoreError::Conflict { key, found: None });
                        written.refused.push((place, error));
                        seen.insert((once.table, once.name.clone()), earlier);
                    }
                    continue;
                }
                pieces.push(piece);
            }
        }
        pieces
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
        let tenant = tenant.clone();
        let job = move |reader: &dyn Reader| {
            let (mut left, mut refused) = (Vec::with_capacity(group.len()), Vec::new());
            for piece in group {
                let Some(Once { table, name, content }) = &piece.once else {
                    left.push(piece);
                    continue;
                };
                match chunks::get(reader, &tenant, *table, name) {
                    Ok(None) => left.push(piece),
                    Ok(Some((found, _))) if found == *content => {}
                    Ok(Some((_, version))) => {
                        let key = Key::new(&tenant, *table, name)?;
                        refused.push((piece.item, StoreError::Conflict { key, found: Some(version) }));
                    }
                    Err(error @ StoreError::Undecodable { .. }) => refused.push((piece.item, error)),
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
        fresh: &mut Fresh,
    ) -> Result<Vec<Piece>, StoreError> {
        match *what {
            Item::Frame { contact, number, bytes } => {
                let mut batch = Batch::new();
                journals::frame_in(&mut batch, tenant, contact, number, bytes)?;
                let name = journals::frame_name(contact, number).to_vec();
                batch.require(Key::new(tenant, Table::Journal, &name)?, Expect::Absent);
                let once = Some(Once { table: Table::Journal, name, content: bytes.to_vec() });
                Ok(vec![Piece { item, batch, once }])
            }
            Item::Decision(decision) => {
                let pieces = self.decisions.pieces(tenant, decision, fresh)?;
                let batches = pieces.shared.into_iter().chain([pieces.own]);
                Ok(batches.map(|batch| Piece { item, batch, once: None }).collect())
            }
            Item::Record(record) if record.tenant != *tenant => Err(StoreError::Invalid {
                what: "a record",
                cause: format!("it is of tenant {} and not of {tenant}", record.tenant),
            }),
            Item::Record(record) => {
                let (batch, content) = records::record_parts(record)?;
                let name = record.id.0.to_be_bytes().to_vec();
                Ok(vec![Piece { item, batch, once: Some(Once { table: Table::Record, name, content }) }])
            }
        }
    }
}
