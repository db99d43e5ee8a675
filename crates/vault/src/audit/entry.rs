//! One call while it runs: what its line is going to say, and what has been said of it already.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::http::HeaderValue;
use uuid::Uuid;

use super::{Line, Outcome, Subject};

/// By which names a call goes: ours, and the client's if it gave one.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallId {
    pub(crate) request_id: Uuid,
    pub(crate) client_request_id: Option<HeaderValue>,
}

impl CallId {
    /// The entry of a call that came at `time`, in milliseconds since the Unix epoch.
    pub(crate) fn entry(&self, time: i64) -> Entry {
        let shown = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Entry {
            time,
            request_id: self.request_id,
            client_request_id: self.client_request_id.as_ref().map(shown),
            subject: Subject::default(),
            found: Arc::default(),
        }
    }
}

/// The line of one call, but for its outcome. Clones speak of the same call.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    time: i64,
    request_id: Uuid,
    client_request_id: Option<String>,
    pub(crate) subject: Subject,
    found: Arc<Found>,
}

/// What comes out while the call runs.
#[derive(Debug, Default)]
struct Found {
    /// The secret's name, if the path did not tell it.
    name: OnceLock<String>,
    /// What the last line that got out said.
    said: Mutex<Option<Outcome>>,
}

impl Entry {
    /// The line for an outcome about `version`, if it is known.
    pub(crate) fn line(&self, outcome: Outcome, version: Option<&str>) -> Line {
        let mut subject = self.subject.clone();
        if let Some(version) = version {
            subject.version = Some(version.to_owned());
        }
        if subject.name.is_none() {
            subject.name = self.found.name.get().cloned();
        }
        Line {
            time: self.time,
            request_id: self.request_id,
            client_request_id: self.client_request_id.clone(),
            subject,
            outcome,
        }
    }

    /// The body told which secret it is about.
    pub(crate) fn reveal(&self, name: &str) {
        self.found.name.get_or_init(|| name.to_owned());
    }

    /// A line with this outcome got out.
    pub(crate) fn has_said(&self, outcome: Outcome) {
        *self.found.said.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }

    /// Whether the last line that got out is true if `outcome` is what came of the call.
    pub(crate) fn is_true(&self, outcome: Outcome) -> bool {
        *self.found.said.lock().unwrap_or_else(PoisonError::into_inner) == Some(outcome)
    }
}
