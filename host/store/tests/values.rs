//! Stored values: apart by tenant and plugin, within their quota whoever writes at the same time, and durable.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::options;
use cordboard_core::ids::TenantId;
use cordboard_store::{Quota, SledStore, Store, StoreError, Stored, Values};

const QUOTA: Quota = Quota { keys: 10, bytes: 1000 };

fn open(folder: &std::path::Path) -> Store {
    Store::new(SledStore::open(options(folder)).unwrap())
}

#[tokio::test]
async fn values_are_apart_and_survive() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (TenantId::default_tenant(), TenantId::new("other").unwrap());
    let store = open(folder.path());
    let values = Values::new(store.clone());
    assert_eq!(values.load(&one, "a", "k").await.unwrap(), None);
    assert_eq!(values.store(&one, "a", "k", Some("1"), QUOTA).await.unwrap(), Stored::Kept);
    assert_eq!(values.store(&one, "a.b", "k", Some("2"), QUOTA).await.unwrap(), Stored::Kept);
    assert_eq!(values.store(&other, "a", "k", Some(""), QUOTA).await.unwrap(), Stored::Kept);
    store.close().await.unwrap();
    let values = Values::new(open(folder.path()));
    assert_eq!(values.load(&one, "a", "k").await.unwrap().as_deref(), Some("1"));
    assert_eq!(values.load(&one, "a.b", "k").await.unwrap().as_deref(), Some("2"));
    assert_eq!(values.load(&other, "a", "k").await.unwrap().as_deref(), Some(""));
    assert_eq!(values.store(&one, "a", "k", None, QUOTA).await.unwrap(), Stored::Kept);
    assert_eq!(values.load(&one, "a", "k").await.unwrap(), None);
    assert_eq!(values.load(&one, "a.b", "k").await.unwrap().as_deref(), Some("2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_the_same_time_share_one_quota() {
    let folder = tempfile::tempdir().unwrap();
    let (tenant, values) = (TenantId::default_tenant(), Values::new(open(folder.path())));
    let writers: Vec<_> = (0..20)
        .map(|number| {
            let (tenant, values) = (tenant.clone(), values.clone());
            tokio::spawn(async move { values.store(&tenant, "a", &format!("k{number}"), Some("v"), QUOTA).await })
        })
        .collect();
    let mut kept = 0;
    for writer in writers {
        kept += u32::from(writer.await.unwrap().unwrap() == Stored::Kept);
    }
    assert_eq!(kept, QUOTA.keys);
    // Bytes, too; a removed value makes room, and less is always taken.
    let small = Quota { keys: 10, bytes: 20 };
    for number in 0..20 {
        values.store(&tenant, "a", &format!("k{number}"), None, small).await.unwrap();
    }
    assert_eq!(values.store(&tenant, "a", "k", Some(&"x".repeat(19)), small).await.unwrap(), Stored::Kept);
    assert_eq!(values.store(&tenant, "a", "l", Some("x"), small).await.unwrap(), Stored::OverQuota);
    assert_eq!(values.store(&tenant, "a", "k", Some(&"x".repeat(20)), small).await.unwrap(), Stored::OverQuota);
    let smaller = Quota { keys: 0, bytes: 0 };
    assert_eq!(values.store(&tenant, "a", "k", Some("x"), smaller).await.unwrap(), Stored::Kept);
}

#[tokio::test]
async fn keys_and_values_out_of_bounds_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (tenant, values) = (TenantId::default_tenant(), Values::new(open(folder.path())));
    for (plugin, key) in [("", "k"), ("a", ""), ("a\0b", "k"), (&"p".repeat(65), "k"), ("a", &"k".repeat(129))] {
        let stored = values.store(&tenant, plugin, key, Some("v"), QUOTA).await;
        assert!(matches!(stored, Err(StoreError::Invalid { .. })), "{plugin} {key}");
        assert!(values.load(&tenant, plugin, key).await.is_err());
    }
    let long = "x".repeat(8193);
    assert!(matches!(values.store(&tenant, "a", "k", Some(&long), QUOTA).await, Err(StoreError::TooLarge { .. })));
}
