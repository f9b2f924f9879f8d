//! Requests to places outside: sent elsewhere, under the contact's version.

use super::contact::Parked;
use super::effect::Fetch;
use super::{Board, Effect, shortened};
use crate::flow::{ContactError, FetchError, FetchRequest, FetchResponse, Reply, check_response};
use crate::ids::{ContactId, FetchId};
use crate::time::Timestamp;

/// Requests under way at once; more are `busy`. A contact has one at most: its flow waits for it.
const MAX_IN_FLIGHT: usize = 4096;
/// Text of an error.
const MAX_TEXT_BYTES: usize = 1024;

/// A request under way. It may outlive its contact's wait, but not its time.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnderWay {
    contact: ContactId,
    until: Timestamp,
}

#[cfg(test)]
impl UnderWay {
    pub(super) const fn for_test(contact: ContactId, until: Timestamp) -> Self {
        Self { contact, until }
    }
}

impl Board {
    /// Rule 8: of one that acts, the intent is durable by now.
    pub(super) fn fetch(&mut self, id: ContactId, entry: u64, request: FetchRequest, timeout_ms: u32) {
        let now = self.out.now;
        if self.fetches.len() >= MAX_IN_FLIGHT {
            // Those that nobody will hear of any more.
            self.fetches.retain(|_, under_way| under_way.until > now);
        }
        let busy = self.fetches.len() >= MAX_IN_FLIGHT;
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let version = match contact.version {
            Some(version) if !busy => version,
            Some(_) => return contact.answer(&mut self.out, entry, Reply::FetchFailed(FetchError::Busy)),
            None => {
                let error = FetchError::Other("the contact has no version".into());
                return contact.answer(&mut self.out, entry, Reply::FetchFailed(error));
            }
        };
        let fetch = self.out.fetch();
        let timeout = u64::from(timeout_ms);
        self.fetches.insert(fetch, UnderWay { contact: id, until: now.plus_ms(timeout) });
        contact.park(&mut self.out, entry, Parked::Fetch { fetch }, Some(timeout));
        // Rule 8: by contact and entry. Entries are counted anew when a flow continues as another; here they are not.
        let own = request.method.acts() && !request.has_idempotency_key();
        let idempotency_key = own.then(|| format!("{id}-{}", contact.ledger.number_of(entry)));
        let wanted = Fetch { fetch, contact: id, version, request, idempotency_key, timeout_ms };
        self.out.push(Effect::Fetch(Box::new(wanted)));
    }

    /// Of an answer that comes too late nothing is left.
    pub(super) fn fetched(&mut self, fetch: FetchId, result: Result<FetchResponse, FetchError>) {
        let Some(under_way) = self.fetches.remove(&fetch) else { return };
        let Some(contact) = self.contacts.get_mut(&under_way.contact) else { return };
        if !matches!(contact.parked(), Some(Parked::Fetch { fetch: awaited }) if *awaited == fetch) {
            return;
        }
        // A server is as little trusted as a flow.
        let within = |response: FetchResponse| match check_response(&response) {
            Ok(()) => Ok(response),
            Err(_) => Err(FetchError::TooLarge),
        };
        let reply = match result.and_then(within) {
            Ok(response) => Reply::Fetched(response),
            Err(FetchError::Ended) => Reply::Failed(ContactError::Ended),
            Err(error) => Reply::FetchFailed(bounded(error)),
        };
        contact.reply(&mut self.out, reply);
    }
}

fn bounded(error: FetchError) -> FetchError {
    match error {
        FetchError::Unavailable(text) => FetchError::Unavailable(shortened(text, MAX_TEXT_BYTES)),
        FetchError::Invalid(text) => FetchError::Invalid(shortened(text, MAX_TEXT_BYTES)),
        FetchError::Other(text) => FetchError::Other(shortened(text, MAX_TEXT_BYTES)),
        FetchError::Timeout
        | FetchError::Busy
        | FetchError::NotGranted
        | FetchError::TooLarge
        | FetchError::UnknownOutcome
        | FetchError::Ended => error,
    }
}
