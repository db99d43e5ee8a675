//! What is done while the vault runs, whether or not somebody asks: certificates are renewed, secrets whose time is up are
//! forgotten.

use std::sync::Arc;
use std::time::Duration;

use strongroom_secrets::Clock;
use time::OffsetDateTime;
use tokio::task::JoinHandle;

use crate::pki::Certificates;
use crate::service::Service;

/// How often the certificate's age is looked at.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// How often given certificates are looked at: a change has to be served soon.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);

/// The part of a note about them.
const TLS: &str = "tls";

/// How often the keys that sign tokens are looked at.
const KEY_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// The tasks; dropping this ends them.
#[derive(Debug)]
pub(crate) struct Chores(Vec<JoinHandle<()>>);

impl Chores {
    pub(crate) fn start(
        certificates: Certificates,
        service: &Arc<Service>,
        purge_interval: Duration,
    ) -> Self {
        Self(vec![
            tokio::spawn(care_for(certificates, Arc::clone(service))),
            tokio::spawn(care_for_signing_keys(Arc::clone(service))),
            tokio::spawn(sweep(Arc::clone(service), purge_interval)),
        ])
    }
}

impl Drop for Chores {
    fn drop(&mut self) {
        for chore in &self.0 {
            chore.abort();
        }
    }
}

/// The time as certificates have it.
pub(crate) fn now(clock: &dyn Clock) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(clock.now_seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Keeps the certificates fresh while the vault runs: renews them when their time has come and when there are vaults that they
/// do not name, and reads given ones again when their files change.
async fn care_for(mut certificates: Certificates, service: Arc<Service>) {
    let mut renewals = tokio::time::interval(RENEWAL_INTERVAL);
    let mut looks = tokio::time::interval(WATCH_INTERVAL);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    renewals.tick().await; // The first one is due at once, and `open` has just looked.
    loop {
        let changed = tokio::select! {
            _ = renewals.tick() => None,
            () = service.directory.vaults_changed.notified() => None,
            _ = looks.tick(), if certificates.are_given() => Some(certificates.reload(now(service.clock()))),
        };
        let outcome = changed.unwrap_or_else(|| {
            certificates.renew(service.directory().vault_names(), now(service.clock())).map(|()| false)
        });
        service.metrics.set_certificate_end(certificates.ends());
        match outcome {
            Ok(true) => {
                tracing::info!("the server's certificate was read again");
                service.notes.clear(TLS);
            }
            Ok(false) if !certificates.are_given() => service.notes.clear(TLS),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%error, "the server's new certificate cannot be used; the one before is served on");
                service.notes.set(TLS, format!("the one before is served on, since {error}"));
            }
        }
    }
}

/// Replaces the keys that sign tokens when their time has come, and notices those that other processes have made.
async fn care_for_signing_keys(service: Arc<Service>) {
    let mut ticks = tokio::time::interval(KEY_INTERVAL);
    loop {
        ticks.tick().await;
        if let Err(error) = service.care_for_signing_keys().await {
            tracing::error!(%error, "the keys that sign tokens could not be cared for");
        }
    }
}

/// Forgets secrets whose time is up, and finishes a change of the keys that was cut short.
async fn sweep(service: Arc<Service>, interval: Duration) {
    let mut ticks = tokio::time::interval(interval);
    loop {
        ticks.tick().await;
        match service.store.sweep(service.clock().now_seconds()).await {
            Ok(0) => {}
            Ok(count) => {
                service.metrics.count_purged(count);
                tracing::info!(count, "deleted secrets were purged, as scheduled");
            }
            Err(_) => tracing::error!("the scheduled purge failed"),
        }
        if let Err(error) = service.store.finish_rekey(service.clock().now_seconds()).await {
            tracing::error!(%error, "a change of the keys could not be finished");
        }
    }
}
