//! Who reads sees what was acknowledged before, whoever else reads and writes meanwhile.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::*;

/// How often the secret is written.
const WRITES: i64 = 200;

async fn a_read_finds_what_was_acknowledged_before_it_and_never_goes_back(scene: &Scene) {
    let (store, vault) = scene.store().await;
    let (store, acknowledged, done) =
        (Arc::new(store), Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, acknowledged, done) =
                (Arc::clone(&store), Arc::clone(&acknowledged), Arc::clone(&done));
            tokio::spawn(async move {
                let mut last = 0;
                while !done.load(Ordering::Acquire) {
                    let at_least = acknowledged.load(Ordering::Acquire).max(last);
                    let found = store.get(vault, "a", None, WRITES).await.unwrap();
                    last = found.map_or(0, |found| found.record.created);
                    assert!(last >= at_least, "{last} was read after {at_least}");
                    tokio::task::yield_now().await;
                }
                last
            })
        })
        .collect();
    for now in 1..=WRITES {
        store.write(set(vault, "a", 1, now)).await.unwrap();
        acknowledged.store(now, Ordering::Release);
    }
    done.store(true, Ordering::Release);
    for reader in readers {
        assert!(reader.await.unwrap() > 0, "each has read something");
    }
    let deletion =
        Change::Delete { vault, name: "A".into(), now: WRITES, purge_at: 1000, settles_at: WRITES };
    store.write(deletion).await.unwrap();
    assert!(store.get(vault, "a", None, WRITES).await.unwrap().is_none());
}

on_both_databases!(a_read_finds_what_was_acknowledged_before_it_and_never_goes_back);
