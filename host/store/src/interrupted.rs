//! Contacts that a crash interrupted: their journals, read to the last frame that was durable, and closed.

use crate::batch::Batch;
use crate::error::StoreError;
use crate::journals::{self, Journals};
use crate::rooms::{Item, Rooms, Written};
use cordboard_core::ids::{ContactId, TenantId};
use cordboard_core::journal::{Frame, Journal, JournalError, decode, encode};
use cordboard_core::record::ContactRecord;

/// What is left of a contact without a record.
#[derive(Debug)]
pub struct Interrupted {
    /// Which.
    pub contact: ContactId,
    /// Its journal, up to the first frame that is missing or makes no sense.
    pub journal: Journal,
    /// The number of the first frame that isn't in it.
    pub next_frame: u64,
    /// What is wrong with that frame; none if there is no further one.
    pub damage: Option<JournalError>,
}

impl Journals {
    /// What can be read of an interrupted contact's journal. For those that [`Journals::unfinished`] names when the
    /// server starts; of a contact in progress it is a picture of the moment. Fails as [`Journals::read`] does.
    pub async fn interrupted(&self, tenant: &TenantId, contact: ContactId) -> Result<Interrupted, StoreError> {
        let mut found = Interrupted { contact, journal: Journal::default(), next_frame: 0, damage: None };
        let mut next = Some(0);
        while let Some(from) = next {
            let page = self.read(tenant, contact, from, 1000).await?;
            for (number, bytes) in page.frames {
                let read = if number == found.next_frame {
                    decode(&bytes).and_then(|frame| found.journal.apply(frame))
                } else {
                    Err(JournalError::Inconsistent(format!("the next frame has number {number}")))
                };
                if let Err(damage) = read {
                    found.damage = Some(damage);
                    return Ok(found);
                }
                found.next_frame += 1;
            }
            if let Some(number) = page.broken {
                let broken = StoreError::BrokenFrame { number };
                found.damage = Some(JournalError::Malformed(broken.to_string()));
                return Ok(found);
            }
            next = page.next;
        }
        Ok(found)
    }

    /// Takes a journal off the unfinished ones where no record can be made of it: one that lost its beginning. Its
    /// frames stay. Durable when it returns.
    pub async fn give_up(&self, tenant: &TenantId, contact: ContactId) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        journals::finish_in(&mut batch, tenant, contact)?;
        self.store().commit_durable(batch).await?;
        self.keys().forget(tenant, contact);
        Ok(())
    }
}

impl Rooms {
    /// Closes an interrupted contact: the closing frame with the record's end (unless there is one, or the journal is
    /// damaged), the record and the end of the journal, in one batch, durable when it returns. Can be repeated after a
    /// failure. What is refused and why is as with [`Rooms::write`]; the journal stays unfinished then.
    ///
    /// Fails with `Invalid` if it isn't this contact's record.
    pub async fn close_interrupted(
        &self,
        tenant: &TenantId,
        interrupted: &Interrupted,
        record: &ContactRecord,
    ) -> Result<Written, StoreError> {
        let (contact, number) = (interrupted.contact, interrupted.next_frame);
        if record.id != contact {
            let cause = format!("it is of contact {} and not of {contact}", record.id);
            return Err(StoreError::Invalid { what: "a record", cause });
        }
        let closing = if interrupted.damage.is_none() && interrupted.journal.closed.is_none() {
            let entries = interrupted.journal.entries.len() as u64;
            let frame = Frame::Closed { at: record.ended_at, entries, reason: record.end.code().into() };
            Some(encode(&frame).map_err(|error| StoreError::undecodable("a closing frame", error))?)
        } else {
            None
        };
        let frame = closing.as_ref().map(|bytes| Item::Frame { contact, number, bytes });
        let items: Vec<_> = frame.into_iter().chain([Item::Record(record)]).collect();
        self.write(tenant, &items).await
    }
}
