//! What is done while the vault runs, whether or not somebody asks: certificates are renewed, secrets whose time is up are
//! forgotten.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use strongroom_secrets::Clock;
use time::OffsetDateTime;
use tokio::task::JoinHandle;

use crate::error::Result;
use crate::pki::{Pki, Renewal};
use crate::service::Service;

/// How often the certificate's age is looked at.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// How often secrets whose time is up are forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The tasks; dropping this ends them.
#[derive(Debug)]
pub(crate) struct Chores(Vec<JoinHandle<()>>);

impl Chores {
    pub(crate) fn start(pki: Pki, tls: RustlsConfig, ca: PathBuf, service: &Arc<Service>) -> Self {
        Self(vec![
            tokio::spawn(renew(pki, tls, Arc::clone(service), ca)),
            tokio::spawn(sweep(Arc::clone(service))),
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

pub(crate) fn log_renewal(renewal: Renewal, ca: &Path) {
    match renewal {
        Renewal::Kept => {}
        Renewal::Leaf => tracing::info!("the server's certificate was renewed"),
        Renewal::Authority => {
            tracing::info!(ca = %ca.display(), "a certificate authority was made: clients have to trust this file");
        }
    }
}

/// Renews the certificate while the vault runs: when its time has come, and when there are vaults that it does not name.
async fn renew(mut pki: Pki, tls: RustlsConfig, service: Arc<Service>, ca: PathBuf) {
    let mut ticks = tokio::time::interval(RENEWAL_INTERVAL);
    ticks.tick().await; // The first one is due at once, and `open` has just looked.
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = service.directory.vaults_changed.notified() => {}
        }
        pki.serve(service.directory().vault_names());
        match renew_if_due(&pki, &tls, service.clock()) {
            Ok((renewal, ends)) => {
                log_renewal(renewal, &ca);
                service.metrics.set_certificate_end(ends);
                service.notes.clear("tls");
            }
            Err(error) => {
                tracing::error!(%error, "the server's certificate could not be renewed");
                service.notes.set("tls", format!("the server's certificate could not be renewed: {error}"));
            }
        }
    }
}

/// New connections get the new certificate; those that are open stay open. Answers when the certificate ends, too.
fn renew_if_due(pki: &Pki, tls: &RustlsConfig, clock: &dyn Clock) -> Result<(Renewal, i64)> {
    let (identity, renewal) = pki.ensure(now(clock))?;
    let ends = identity.ends().unwrap_or_default();
    if renewal != Renewal::Kept {
        tls.reload_from_config(identity.server_config()?);
    }
    Ok((renewal, ends))
}

/// Forgets secrets whose time is up, and finishes a change of the keys that was cut short.
async fn sweep(service: Arc<Service>) {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
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

#[cfg(test)]
mod tests {
    use strongroom_secrets::clock::ManualClock;

    use super::*;
    use crate::folder::Folder;
    use crate::pki::Names;

    #[test]
    fn a_due_renewal_reaches_new_connections_and_an_undue_one_touches_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::at(parent.path());
        folder.create().unwrap();
        let clock = ManualClock::at_millis(1_800_000_000_000);
        let pki = Pki::new(folder, Names { domain: "vault.localhost".into(), vaults: vec![] });
        let tls = RustlsConfig::from_config(pki.ensure(now(&clock)).unwrap().0.server_config().unwrap());
        let first = tls.get_inner();
        assert_eq!(renew_if_due(&pki, &tls, &clock).unwrap().0, Renewal::Kept);
        assert!(Arc::ptr_eq(&first, &tls.get_inner()));
        clock.advance_millis(300 * 24 * 60 * 60 * 1000);
        assert_eq!(renew_if_due(&pki, &tls, &clock).unwrap().0, Renewal::Leaf);
        assert!(!Arc::ptr_eq(&first, &tls.get_inner()));
    }
}
