//! Whether requests can be served, and if not, why.

use std::time::Duration;

use crate::service::Service;

/// How long the store may take to answer a probe.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// All that keeps the vault from serving: one line each, none if it can.
pub(super) async fn problems(service: &Service) -> Vec<String> {
    let mut problems = Vec::new();
    if service.is_stopping() {
        problems.push("stopping: requests in hand are finished, no others are taken".to_owned());
    }
    problems.extend(service.audit.problem().map(|problem| format!("audit: {problem}")));
    let ends = service.metrics.certificate_end();
    if ends != 0 && ends <= service.clock().now_seconds() {
        problems.push("tls: the server's certificate has expired".to_owned());
    }
    problems.extend(store_problem(service).await.map(|problem| format!("store: {problem}")));
    problems
}

/// Asks the database what it holds, and compares that with what this process knows.
async fn store_problem(service: &Service) -> Option<String> {
    match tokio::time::timeout(STORE_TIMEOUT, service.store.probe()).await {
        Ok(Ok(found)) => {
            if let Some(version) = found.newer_schema {
                return Some(format!(
                    "a later program has brought the database to schema version {version}: update this one"
                ));
            }
            if found.data_keys.iter().all(|key| service.keyring.knows(*key)) {
                return None;
            }
            // Another process has changed them. What it says if they do not open names no key.
            service.store.refresh_keys().await.err().map(|error| error.to_string())
        }
        // The database's own words are for the log.
        Ok(Err(error)) => {
            tracing::warn!(%error, "the store failed a probe");
            Some("the database cannot be read; the log tells why".to_owned())
        }
        Err(_) => Some(format!("the database did not answer within {} s", STORE_TIMEOUT.as_secs())),
    }
}
