//! The store: what Cordboard remembers.
pub mod backend;
pub mod batch;
pub mod blobs;
pub mod error;
pub mod handle;
pub mod health;
pub mod key;
pub mod memory;
pub mod sled_store;
pub mod stream;
pub mod watch;

pub use batch::{Batch, Entry, Expect, Page, Seq};
pub use blobs::Blobs;
pub use error::StoreError;
pub use handle::Store;
pub use health::{Faults, StoreHealth, StoreInfo};
pub use key::{Direction, Key, Scan, Table};
pub use memory::MemoryStore;
pub use sled_store::{CompactReport, OnCorruption, SledOptions, SledStore, compact_offline};
pub use watch::{Change, Watch, Watched};
