//! Reading journals for comparisons: bounded, and what is wrong with one told as why it is skipped.

use cordboard_core::backtest::Skip;
use cordboard_core::ids::{ContactId, TenantId};
use cordboard_core::journal::{Journal, JournalError};
use cordboard_store::{Rooms, StoreError};

/// A journal with more bytes is not gone through: a flow's has 4 MiB at most, and a contact may have a hundred of them.
const MAX_JOURNAL_BYTES: usize = 8 << 20;
/// Frames read at once.
const PAGE_FRAMES: usize = 1_000;

/// A contact's journal, or why it is skipped.
///
/// # Errors
/// The store can't be read.
pub(super) async fn journal(
    rooms: &Rooms,
    tenant: &TenantId,
    contact: ContactId,
) -> Result<Result<Journal, Skip>, StoreError> {
    let mut frames: Vec<Vec<u8>> = Vec::new();
    let (mut next, mut bytes) = (Some(0), 0);
    while let Some(from) = next {
        let page = match rooms.journals.read(tenant, contact, from, PAGE_FRAMES).await {
            Ok(page) => page,
            Err(StoreError::Erased { .. }) => return Ok(Err(Skip::Erased)),
            Err(StoreError::KeyLost { .. }) => return Ok(Err(Skip::LostKey)),
            Err(StoreError::Undecodable { .. }) => return Ok(Err(Skip::Damaged)),
            Err(error) => return Err(error),
        };
        if page.broken.is_some() {
            return Ok(Err(Skip::Damaged));
        }
        bytes += page.frames.iter().map(|(_, frame)| frame.len()).sum::<usize>();
        if bytes > MAX_JOURNAL_BYTES {
            return Ok(Err(Skip::TooLong));
        }
        frames.extend(page.frames.into_iter().map(|(_, frame)| frame));
        next = page.next;
    }
    if frames.is_empty() {
        return Ok(Err(Skip::Incomplete));
    }
    Ok(Journal::from_frames(frames.iter().map(Vec::as_slice)).map_err(|error| why(&error)))
}

fn why(error: &JournalError) -> Skip {
    match error {
        JournalError::AtFrame { cause, .. } => why(cause),
        JournalError::NewerFormat(_) => Skip::NewerFormat,
        JournalError::Malformed(_) | JournalError::TooLarge(_) | JournalError::Inconsistent(_) => Skip::Damaged,
    }
}
