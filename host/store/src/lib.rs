//! The store: what Cordboard remembers.
//!
//! At the bottom is a key-value store behind one narrow interface ([`backend::Backend`]): batches with preconditions
//! go in, each written whole and numbered; pages of entries come out; [`Store::durable`] says when a number is on
//! disk. There are two engines, [`SledStore`] and [`MemoryStore`], held to the same behaviour by the same tests.
//!
//! On it stand the rooms, put together by [`Rooms`]:
//!
//! | room | keeps |
//! |---|---|
//! | [`Documents`] | what operators set up, by kind and name, with revisions |
//! | [`Journals`] | frames of contacts, written once |
//! | [`Records`] | what remains of each contact, exactly once, found over indexes |
//! | [`Decisions`] | who was given to whom and why, without repeating what decisions have in common |
//! | [`Histories`] | what was done with each deployment, and what it was then |
//! | [`Notes`] | what contacts' flows left behind for their authors |
//! | [`Blobs`] | files by digest: components, prompts, recordings |
//!
//! A running centre writes through [`Rooms::write`]: frames, decisions, notes and records in the order they came, many to one
//! sync, safe to repeat. After a crash [`Journals::unfinished`] names the contacts it interrupted.
//!
//! What is personal of a contact is sealed with a key of its own ([`seal`]), on its way into the store: frames, notes, part of
//! the record, its rows in decisions. [`Rooms::erase`] destroys the key.
//!
//! Every key carries its tenant. Everything read back is taken as hostile: keys, values and formats are checked, and a
//! damaged one is an error of that one and not of the server. What is on disk are types of this crate, each behind a
//! format number, so that no core type is frozen by it.
//!
//! When the disk is full or fails, writes are refused with a [`StoreError`] that says so ([`StoreError::is_temporary`]),
//! what was accepted is kept in memory, and the store comes back by itself; [`Store::health_changes`] tells.
pub mod backend;
pub mod batch;
pub mod blobs;
mod chunks;
pub mod decisions;
pub mod documents;
pub mod error;
pub mod handle;
pub mod health;
pub mod history;
pub mod interrupted;
pub mod journals;
pub mod key;
pub mod memory;
pub mod notes;
pub mod records;
pub mod rooms;
pub mod seal;
pub mod sled_store;
pub mod stream;
pub mod values;
pub mod watch;

pub use batch::{Batch, Entry, Expect, Page, Seq};
pub use blobs::Blobs;
pub use decisions::{DecisionPage, DecisionRef, Decisions};
pub use documents::{Document, DocumentKind, Documents, If, Revision};
pub use error::StoreError;
pub use handle::Store;
pub use health::{Faults, StoreHealth, StoreInfo};
pub use history::{Histories, HistoryPage};
pub use interrupted::Interrupted;
pub use journals::{JournalPage, Journals};
pub use key::{Direction, Key, Scan, Table};
pub use memory::MemoryStore;
pub use notes::Notes;
pub use records::{RecordFilter, RecordPage, Records};
pub use rooms::{Item, Rooms, Written};
pub use seal::{ContactKeys, Erasure};
pub use sled_store::{CompactReport, OnCorruption, SledOptions, SledStore, compact_offline};
pub use values::{Quota, Stored, Values};
pub use watch::{Change, Watch, Watched};
