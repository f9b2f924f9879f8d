//! What every engine has to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{engines, key, tenant};
use cordboard_store::{Batch, Change, Expect, Key, Scan, Seq, StoreError, StoreHealth, Table, Watched, stream};

fn put(name: &str, value: &str) -> Batch {
    let mut batch = Batch::new();
    batch.put(key(name), value.as_bytes().to_vec());
    batch
}

fn names(entries: &[cordboard_store::Entry]) -> Vec<String> {
    entries.iter().map(|entry| String::from_utf8(entry.key.name().to_vec()).unwrap()).collect()
}

#[tokio::test]
async fn what_is_committed_is_read_and_numbers_rise() {
    for engine in engines() {
        let store = engine.store;
        assert_eq!(store.get(&key("a")).await.unwrap(), None, "{}", engine.name);
        let first = store.commit(put("a", "1")).await.unwrap();
        let second = store.commit(put("b", "2")).await.unwrap();
        assert!(second > first);
        store.durable(second).await.unwrap();
        let entry = store.get(&key("a")).await.unwrap().unwrap();
        assert_eq!((entry.value.as_slice(), entry.version), (&b"1"[..], first.0));
        let third = store.commit(Batch::new().delete(key("a")).delete(key("never")).clone()).await.unwrap();
        assert!(third > second);
        assert_eq!(store.get(&key("a")).await.unwrap(), None);
        let info = store.info().await.unwrap();
        assert_eq!(info.applied, third);
    }
}

#[tokio::test]
async fn a_batch_is_written_whole_or_not_at_all() {
    for engine in engines() {
        let store = engine.store;
        let first = store.commit(put("a", "1")).await.unwrap();
        for (expect, holds) in [
            (Expect::Absent, false),
            (Expect::Present, true),
            (Expect::Version(first.0), true),
            (Expect::Version(first.0 + 1), false),
        ] {
            let mut batch = put("b", "2");
            batch.require(key("a"), expect);
            match store.commit(batch).await {
                Ok(_) => assert!(holds, "{} {expect:?}", engine.name),
                Err(StoreError::Conflict { key: which, found }) => {
                    assert!(!holds, "{} {expect:?}", engine.name);
                    assert_eq!((which, found), (key("a"), Some(first.0)));
                }
                Err(other) => panic!("{other}"),
            }
            assert_eq!(store.get(&key("b")).await.unwrap().is_some(), holds);
            store.commit(Batch::new().delete(key("b")).clone()).await.unwrap();
        }
        let mut batch = put("c", "3");
        batch.require(key("c"), Expect::Absent);
        store.commit(batch.clone()).await.unwrap();
        assert!(matches!(store.commit(batch).await, Err(StoreError::Conflict { .. })));
    }
}

#[tokio::test]
async fn scans_stay_in_their_table_and_go_both_ways() {
    for engine in engines() {
        let store = engine.store;
        let mut batch = Batch::new();
        for who in ["acme", "acme2", "b"] {
            for table in [Table::Config, Table::Journal] {
                for name in ["a", "a1", "a2", "a3", "b", "a\u{7f}"] {
                    batch.put(Key::new(&tenant(who), table, name.as_bytes()).unwrap(), name.into());
                }
            }
        }
        store.commit(batch).await.unwrap();
        let acme = tenant("acme");
        let scan = || Scan::prefix(&acme, Table::Config, b"a");
        let page = store.scan(scan()).await.unwrap();
        assert_eq!(names(&page.entries), ["a", "a1", "a2", "a3", "a\u{7f}"], "{}", engine.name);
        assert!(!page.more && page.entries.iter().all(|entry| entry.key.tenant() == "acme"));
        let page = store.scan(scan().backward().limit(2)).await.unwrap();
        assert_eq!((names(&page.entries), page.more), (vec!["a\u{7f}".into(), "a3".into()], true));
        let page = store.scan(scan().backward().limit(2).after(&page.entries[1].key)).await.unwrap();
        assert_eq!(names(&page.entries), ["a2", "a1"]);
        let page = store.scan(scan().limit(3).after(&key("a1"))).await.unwrap();
        assert_eq!((names(&page.entries), page.more), (vec!["a2".into(), "a3".into(), "a\u{7f}".into()], false));
        let page = store.scan(Scan::range(&acme, Table::Config, b"a1", b"a3")).await.unwrap();
        assert_eq!(names(&page.entries), ["a1", "a2"]);
        for (low, high) in [(b"b", b"a"), (b"a", b"a")] {
            assert!(store.scan(Scan::range(&acme, Table::Config, low, high)).await.unwrap().entries.is_empty());
        }
        assert!(store.scan(scan().limit(0)).await.unwrap().entries.is_empty());
    }
}

#[tokio::test]
async fn bounds_are_kept() {
    for engine in engines() {
        let store = engine.store;
        let mut batch = Batch::new();
        batch.put(key("a"), vec![0; cordboard_store::batch::MAX_VALUE_BYTES + 1]);
        assert!(matches!(store.commit(batch).await, Err(StoreError::TooLarge { what: "a value", .. })));
        let mut batch = Batch::new();
        (0..=cordboard_store::batch::MAX_BATCH_OPS).for_each(|n| {
            batch.delete(key(&n.to_string()));
        });
        assert!(matches!(store.commit(batch).await, Err(StoreError::TooLarge { .. })), "{}", engine.name);
        // The longest values, many to a page, read back.
        let value = vec![7; cordboard_store::batch::MAX_VALUE_BYTES];
        for n in 0..64 {
            let mut batch = Batch::new();
            batch.put(key(&format!("long-{n:03}")), value.clone());
            store.commit(batch).await.unwrap();
        }
        let page = store.scan(Scan::prefix(&tenant("acme"), Table::Config, b"long-")).await.unwrap();
        assert!(page.entries.len() == 64 && page.entries.iter().all(|entry| entry.value == value));
    }
}

#[tokio::test]
async fn a_watch_tells_changes_in_order_and_its_losses() {
    for engine in engines() {
        let store = engine.store;
        let acme = tenant("acme");
        let mut watch = store.watch(Scan::prefix(&acme, Table::Config, b"a"), 3);
        let first = store.commit(put("a1", "1")).await.unwrap();
        store.commit(put("b1", "not watched")).await.unwrap();
        let second = store.commit(Batch::new().delete(key("a1")).clone()).await.unwrap();
        let told = |name: &str, value: Option<&str>, seq: Seq| {
            let value = value.map(|value| value.as_bytes().into());
            Some(Watched::Change(Change { key: key(name), value, seq }))
        };
        assert_eq!(watch.next().await, told("a1", Some("1"), first), "{}", engine.name);
        assert_eq!(watch.next().await, told("a1", None, second));
        let mut seqs = Vec::new();
        for n in 0..10 {
            seqs.push(store.commit(put(&format!("a{n}"), "x")).await.unwrap());
        }
        for (n, seq) in seqs.iter().take(3).enumerate() {
            assert_eq!(watch.next().await, told(&format!("a{n}"), Some("x"), *seq));
        }
        assert_eq!(watch.next().await, Some(Watched::Lagged(7)));
        let last = store.commit(put("a", "y")).await.unwrap();
        assert_eq!(watch.next().await, told("a", Some("y"), last));
        store.close().await.unwrap();
        assert_eq!(watch.next().await, None);
    }
}

#[tokio::test]
async fn a_failing_store_says_so_and_comes_back() {
    for engine in engines() {
        let (store, faults) = (engine.store, engine.faults);
        faults.hold_durable(true);
        let held = store.commit(put("a", "1")).await.unwrap();
        faults.fail_writes(true);
        let mut health = store.health_changes();
        health.wait_for(|health| matches!(health, StoreHealth::Failed { .. })).await.unwrap();
        assert!(matches!(store.durable(held).await, Err(StoreError::Failed { .. })), "{}", engine.name);
        let refused = store.commit(put("b", "2")).await.unwrap_err();
        assert!(matches!(refused, StoreError::Failed { .. }) && refused.is_temporary());
        faults.hold_durable(false);
        faults.fail_writes(false);
        health.wait_for(StoreHealth::is_ok).await.unwrap();
        store.durable(held).await.unwrap();
        assert_eq!(store.get(&key("a")).await.unwrap().unwrap().version, held.0);
        let next = store.commit_durable(put("b", "2")).await.unwrap();
        assert!(next > held);
    }
}

#[tokio::test]
async fn space_runs_low_and_comes_back() {
    for engine in engines() {
        let (store, faults) = (engine.store, engine.faults);
        let mut health = store.health_changes();
        faults.low_space(true);
        health.wait_for(|health| matches!(health, StoreHealth::LowSpace { .. })).await.unwrap();
        store.commit_durable(put("a", "1")).await.unwrap();
        faults.no_space(true);
        health.wait_for(|health| matches!(health, StoreHealth::NoSpace { .. })).await.unwrap();
        assert!(matches!(store.commit(put("b", "2")).await, Err(StoreError::NoSpace { .. })), "{}", engine.name);
        assert!(store.get(&key("a")).await.unwrap().is_some());
        faults.no_space(false);
        faults.low_space(false);
        health.wait_for(StoreHealth::is_ok).await.unwrap();
        store.commit_durable(put("b", "2")).await.unwrap();
    }
}

#[tokio::test]
async fn submitting_keeps_order_without_waiting() {
    for engine in engines() {
        let store = engine.store;
        let submitted: Vec<_> = (0..500).map(|n| store.submit(put("a", &n.to_string())).unwrap()).collect();
        let mut last = Seq(0);
        for one in submitted {
            let seq = one.await.unwrap();
            assert!(seq > last);
            last = seq;
        }
        assert_eq!(store.get(&key("a")).await.unwrap().unwrap().value, b"499", "{}", engine.name);
        store.close().await.unwrap();
        assert!(matches!(store.commit(put("a", "late")).await, Err(StoreError::Closed)));
        assert!(matches!(store.get(&key("a")).await, Err(StoreError::Closed)));
        assert_eq!(store.health(), StoreHealth::Closed);
    }
}

#[test]
fn an_export_is_read_by_every_engine() {
    for (from, to) in engines().into_iter().zip(engines().into_iter().rev()) {
        for n in 0..300 {
            from.store.commit_blocking(put(&format!("k{n}"), &"v".repeat(n))).unwrap();
        }
        let mut bytes = Vec::new();
        let report = stream::export(&from.store, None, &mut bytes).unwrap();
        assert_eq!(report.entries, 300);
        for cut in [0, 5, 9, 100, bytes.len() - 1] {
            let target = common::engines().remove(0).store;
            assert!(stream::import(&target, None, &bytes[..cut]).is_err(), "{} cut at {cut}", from.name);
        }
        let mut altered = bytes.clone();
        altered[200] ^= 1;
        assert!(stream::import(&common::engines().remove(0).store, None, altered.as_slice()).is_err());
        assert_eq!(stream::import(&to.store, None, bytes.as_slice()).unwrap(), report);
        let all = |store: &cordboard_store::Store| {
            let page = store.scan_blocking(Scan::prefix(&tenant("acme"), Table::Config, b"")).unwrap();
            page.entries.into_iter().map(|entry| (entry.key, entry.value)).collect::<Vec<_>>()
        };
        assert_eq!(all(&from.store), all(&to.store));
        let again = stream::import(&to.store, None, bytes.as_slice());
        assert!(matches!(again, Err(StoreError::Invalid { .. })), "not into a store with content");
    }
}
