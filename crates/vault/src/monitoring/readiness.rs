//! Whether requests can be served, and if not, why.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::service::Service;

/// How long the store may take to answer a probe.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// What went wrong without keeping anybody from being served, by the part that has to say it: a file that was changed and
/// cannot be used, so that what it said before still holds.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<BTreeMap<&'static str, String>>);

impl Notes {
    /// Says what is wrong with a part, in the place of what was said before. The text is shown to whoever asks.
    pub(crate) fn set(&self, part: &'static str, text: impl Into<String>) {
        self.lock().insert(part, text.into());
    }

    /// Says that a part is as it should be.
    pub(crate) fn clear(&self, part: &'static str) {
        self.lock().remove(part);
    }

    /// One line for each part that has a note.
    pub(super) fn lines(&self) -> String {
        self.lock().iter().map(|(part, text)| format!("note: {part}: {text}\n")).collect()
    }

    /// A poisoned lock only says that another thread panicked; the map behind it is whole.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_one_note_at_a_time_until_it_is_right_again() {
        let notes = Notes::default();
        notes.set("vault.yaml", "line 3 is odd");
        notes.set("vault.yaml", "line 4 is odd");
        notes.set("tls", "the key is another certificate's");
        assert_eq!(
            notes.lines(),
            "note: tls: the key is another certificate's\nnote: vault.yaml: line 4 is odd\n"
        );
        notes.clear("tls");
        notes.clear("vault.yaml");
        notes.clear("vault.yaml");
        assert_eq!(notes.lines(), "");
    }
}
