//! That long batches leave no memory behind: see `free_replaced` in the engine. Alone in its process, since it looks at
//! the whole of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::options;
use cordboard_core::ids::TenantId;
use cordboard_store::{Batch, Key, SledStore, Store, Table};

/// Bytes of memory that the process has.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * rustix::param::page_size() as u64
}

#[test]
fn long_batches_leave_no_memory_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(SledStore::open(options(folder.path())).unwrap());
    let before = resident();
    for batch_number in 0..40u64 {
        let mut batch = Batch::new();
        for number in 0..2000u64 {
            // Here and there in the table, as indexes are.
            let place = (batch_number * 2000 + number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            batch.put(Key::new(&TenantId::default_tenant(), Table::Misc, &place.to_be_bytes()).unwrap(), vec![1; 30]);
        }
        store.commit_blocking(batch).unwrap();
    }
    let grown = resident().saturating_sub(before) >> 20;
    // 80,000 entries of 60 bytes and a cache of 16 MiB. Without freeing it were 220 MiB.
    assert!(grown < 110, "{grown} MiB");
}
