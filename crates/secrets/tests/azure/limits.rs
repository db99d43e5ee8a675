//! How much the provider asks of a vault at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use strongroom_secrets::Provider;
use strongroom_secrets::azure::AzureProvider;

use crate::{VALUE, found, name, vault};

/// The most requests that are on their way at once, as the documentation says.
const CONCURRENCY: usize = 32;

#[tokio::test(flavor = "multi_thread")]
async fn however_many_call_only_so_many_requests_are_under_way_at_once() {
    let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, seen) = (Arc::clone(&under_way), Arc::clone(&most));
    let vault = vault(move |_| {
        seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(20));
        now.fetch_sub(1, Ordering::SeqCst);
        found(Some(VALUE))
    });
    let mut config = vault.config();
    config.call_timeout = Duration::from_secs(30);
    let provider = AzureProvider::new(&config).unwrap();
    let name = name();
    futures::future::try_join_all((0..150).map(|_| provider.get(&name, None))).await.unwrap();
    let most = most.load(Ordering::SeqCst);
    assert!((2..=CONCURRENCY).contains(&most), "{most} at once");
}
