//! Contacts: what they do, what is kept of them.

use super::HostCentre;
use super::keeping::{not_found, store};
use cordboard_admin::{Contact, Refusal};
use cordboard_core::board::Input;
use cordboard_core::decision::Decision;
use cordboard_core::event::{Event, What};
use cordboard_core::ids::ContactId;
use cordboard_core::journal::{Journal, JournalError};
use cordboard_store::{Erasure, StoreError};
use tracing::error;

/// Decisions shown of one contact.
const MAX_DECISIONS: usize = 100;

impl HostCentre {
    pub(super) async fn one_contact(&self, id: ContactId) -> Result<Contact, Refusal> {
        if let Some(view) = self.parts.board.ask(move |board| board.contact(id)).await? {
            return Ok(Contact::Live(Box::new(view)));
        }
        let record = self.parts.rooms.records.get(&self.parts.tenant, id).await.map_err(store)?;
        record.map(|record| Contact::Ended(Box::new(record))).ok_or_else(|| not_found("contact", id))
    }

    /// As far as it is written: the last entries of a contact in progress may still be on their way.
    pub(super) async fn journal_of(&self, id: ContactId) -> Result<Journal, Refusal> {
        let frames = match self.parts.rooms.journals.read_all(&self.parts.tenant, id).await {
            Err(StoreError::BrokenFrame { number }) => return Err(broken(id, number)),
            frames => frames.map_err(store)?,
        };
        if frames.is_empty() {
            return Err(not_found("contact", id));
        }
        Journal::from_frames(frames.iter().map(Vec::as_slice)).map_err(|error| unreadable(id, error))
    }

    /// Destroys the contact's key, and tells; what the stream still holds of the person is gone with it.
    pub(super) async fn erase(&self, id: ContactId) -> Result<(), Refusal> {
        let _turn = self.turn().await;
        let live = self.parts.board.ask(move |board| board.contact(id)).await?.is_some();
        let erasure = if live {
            Erasure::Unfinished
        } else {
            self.parts.rooms.erase(&self.parts.tenant, id).await.map_err(store)?
        };
        match erasure {
            Erasure::Unknown => return Err(not_found("contact", id)),
            Erasure::Unfinished if live => {
                return Err(Refusal::NotNow(format!("the contact {id} is in progress: end it first")));
            }
            Erasure::Unfinished => {
                return Err(Refusal::NotNow(format!("the record of the contact {id} is not written yet")));
            }
            // Once more costs nothing, and an earlier attempt may have been cut off in between.
            Erasure::Done | Erasure::Before => {
                self.parts.events.forget(id);
                self.parts.logs.forget(id);
            }
        }
        if erasure == Erasure::Done {
            self.parts.events.tell(Event { at: self.parts.clock.now(), contact: Some(id), what: What::Erased });
        }
        Ok(())
    }

    pub(super) async fn decisions_about(&self, id: ContactId) -> Result<Vec<Decision>, Refusal> {
        self.one_contact(id).await?;
        let page = self.parts.rooms.decisions.by_contact(&self.parts.tenant, id, None, MAX_DECISIONS).await;
        Ok(page.map_err(store)?.decisions)
    }

    /// Does something to a contact in progress.
    pub(super) async fn act_on(&self, id: ContactId, act: Input) -> Result<(), Refusal> {
        match self.one_contact(id).await? {
            Contact::Live(_) => Ok(self.parts.board.tell(act).await?),
            Contact::Ended(_) => Err(Refusal::NotNow(format!("the contact {id} has ended"))),
        }
    }
}

fn broken(id: ContactId, number: u64) -> Refusal {
    error!(contact = %id, frame = number, "its journal was changed, cut short, or moved");
    let detail =
        format!("the journal of contact {id} can't be read at frame {number}: it was changed, cut short, or moved");
    Refusal::Unreadable { code: "damaged-journal", detail }
}

/// The contact's record tells all the same; it doesn't need the journal.
fn unreadable(id: ContactId, error: JournalError) -> Refusal {
    let (place, cause) = match error {
        JournalError::AtFrame { number, cause } => (format!(" at frame {number}"), *cause),
        other => (String::new(), other),
    };
    error!(contact = %id, "its journal can't be read{place}: {cause}");
    let code = match cause {
        JournalError::NewerFormat(_) => "newer-journal",
        JournalError::Malformed(_)
        | JournalError::TooLarge(_)
        | JournalError::Inconsistent(_)
        | JournalError::AtFrame { .. } => "damaged-journal",
    };
    Refusal::Unreadable { code, detail: format!("the journal of contact {id} can't be read{place}: {cause}") }
}
