//! Values that flows store for their tenant: read and kept elsewhere, under the contact's version.

use super::contact::Parked;
use super::{Board, Effect};
use crate::flow::{Reply, ValueError};
use crate::ids::{ContactId, ValueId};

/// What the flow contract grants: the store may take so long.
pub(super) const WITHIN_MS: u64 = 10_000;

impl Board {
    pub(super) fn load_value(&mut self, id: ContactId, entry: u64, key: String) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(version) = contact.version else {
            contact.answer(&mut self.out, entry, no_version());
            return;
        };
        let ticket = self.out.value();
        contact.park(&mut self.out, entry, Parked::Value { ticket }, Some(WITHIN_MS));
        self.out.push(Effect::LoadValue { ticket, contact: id, version, key });
    }

    /// Rule 8: its intent is durable by now.
    pub(super) fn store_value(&mut self, id: ContactId, entry: u64, key: String, value: Option<String>) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(version) = contact.version else {
            contact.answer(&mut self.out, entry, no_version());
            return;
        };
        let ticket = self.out.value();
        contact.park(&mut self.out, entry, Parked::Value { ticket }, Some(WITHIN_MS));
        self.out.push(Effect::StoreValue { ticket, contact: id, version, key, value });
    }

    /// Of an answer that comes too late nothing is left.
    pub(super) fn value_done(&mut self, id: ContactId, ticket: ValueId, reply: Reply) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if matches!(contact.parked(), Some(Parked::Value { ticket: awaited }) if *awaited == ticket) {
            contact.reply(&mut self.out, reply);
        }
    }
}

fn no_version() -> Reply {
    Reply::ValueFailed(ValueError::Other("the contact has no version".into()))
}

/// What is told when the store takes too long.
pub(super) fn late() -> Reply {
    Reply::ValueFailed(ValueError::Unavailable("the store took too long".into()))
}
