//! Storing what a request wants, whoever else writes at the same time.
//!
//! A change is computed from the row as it was read. If somebody else changed the row meanwhile, it is read again and the change
//! computed anew, [`TRIES`] times at most. A write that has begun runs to its end even if the caller hangs up.

use std::sync::Arc;

use serde_json::{Value, json};
use strongroom_entities::EntityKind;
use strongroom_manager::{Change, Draft, Stored, WriteError, WriteOutcome};
use strongroom_metastore::Row;
use tracing::Instrument;

use crate::app::App;
use crate::auth::Caller;
use crate::documents::change::{Changes, tells_of_connection};
use crate::documents::{is_deleted, text, version};
use crate::errors::ApiError;

/// How often a change is computed before the caller is told to try again.
pub(crate) const TRIES: usize = 5;
/// Within this time, patches of one user make one version, in milliseconds.
const SESSION_MILLIS: i64 = 600_000;

/// How a change is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    /// It makes a new version.
    NewVersion,
    /// It makes a new version, unless the same user made the current one lately: then it is merged with that.
    Merged,
}

/// Runs a write to its end, whether or not somebody still waits for it.
pub(crate) async fn to_the_end<T: Send + 'static>(
    app: &Arc<App>,
    write: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    let permit = app.writes.clone().acquire_owned().await.map_err(ApiError::unexpected)?;
    let write = async move {
        let _permit = permit;
        write.await
    };
    // The error of a task repeats the text of its panic, which may hold a value.
    tokio::spawn(write.in_current_span()).await.map_err(|_| ApiError::unexpected("a write panicked"))?
}

/// Stores a new document.
pub(crate) async fn create(app: &App, kind: EntityKind, document: Value) -> Result<Value, WriteError> {
    let id = id_of(&document)?;
    let store =
        |draft: Draft| Some(Stored { document: draft.document, history: None, relationships: Vec::new() });
    Ok(app.manager.write(Change { kind, id, before: None, after: document }, store).await?.document)
}

/// Makes a stored document the `wanted` one, in which masks stand for secrets that stay. Nothing is written if nothing changes.
pub(crate) async fn update(
    app: &App,
    caller: &Caller,
    row: &Row,
    wanted: Value,
    counting: Counting,
) -> Result<WriteOutcome, WriteError> {
    let now = app.clock.now_millis();
    let before = &row.json;
    let merged_with = match counting {
        Counting::Merged if is_session(before, &caller.name, now) => version_before(app, row).await?,
        _ => None,
    };
    let finish = |draft: Draft| {
        let secret_changed = !draft.changed_fields.is_empty();
        if Changes::between(before, &draft.document, secret_changed).is_empty() {
            return None;
        }
        let mut document = draft.document;
        let (description, version) = match &merged_with {
            Some(base) => {
                let changed = secret_changed || tells_of_connection(before);
                let changes = Changes::between(base, &document, changed);
                (changes.description(base["version"].clone()), before["version"].clone())
            }
            None => {
                let changes = Changes::between(before, &document, secret_changed);
                (changes.description(before["version"].clone()), version::next(before))
            }
        };
        document["version"] = version;
        document["updatedAt"] = now.into();
        document["updatedBy"] = caller.name.clone().into();
        document["changeDescription"] = description;
        // The version that is merged with is in the history already.
        let history = merged_with.is_none().then(|| history_of(before));
        Some(Stored { document, history, relationships: Vec::new() })
    };
    app.manager
        .write(Change { kind: row.kind, id: row.id, before: Some(before), after: wanted }, finish)
        .await
}

/// Stores a document as it is wanted, without a version or a history: for what is about the entity, not of it.
pub(crate) async fn annotate(app: &App, row: &Row, wanted: Value) -> Result<WriteOutcome, WriteError> {
    let store =
        |draft: Draft| Some(Stored { document: draft.document, history: None, relationships: Vec::new() });
    app.manager
        .write(Change { kind: row.kind, id: row.id, before: Some(&row.json), after: wanted }, store)
        .await
}

/// What to answer when a change had to be computed [`TRIES`] times.
pub(crate) fn given_up() -> ApiError {
    WriteError::Changed.into()
}

fn id_of(document: &Value) -> Result<uuid::Uuid, WriteError> {
    text(document, "id").and_then(|id| id.parse().ok()).ok_or(WriteError::NotFound)
}

/// Whether a patch continues what its user did a moment ago.
fn is_session(before: &Value, user: &str, now: i64) -> bool {
    let since = now - before.get("updatedAt").and_then(Value::as_i64).unwrap_or_default();
    version::tenths(before) > 1
        && before.get("changeDescription").is_some_and(Value::is_object)
        && text(before, "updatedBy") == Some(user)
        && !is_deleted(before)
        && (0..=SESSION_MILLIS).contains(&since)
}

/// The document of the version before the current one, from the history.
async fn version_before(app: &App, row: &Row) -> Result<Option<Value>, WriteError> {
    let previous = json!({"version": row.json["changeDescription"]["previousVersion"]});
    let history = app.store.history(row.kind, row.id).await?;
    let wanted = version::tenths(&previous);
    Ok(history.into_iter().find(|document| version::tenths(document) == wanted))
}

/// A document as the history keeps it, with the empty lists that the reference fills in.
fn history_of(document: &Value) -> Value {
    let mut history = document.clone();
    for list in ["tags", "owners", "dataProducts"] {
        if history.get(list).is_none() {
            history[list] = json!([]);
        }
    }
    history
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_recent_change_of_the_same_user_is_continued() {
        let before = json!({"version": 0.2, "updatedBy": "a", "updatedAt": 1_000, "changeDescription": {}});
        assert!(is_session(&before, "a", 1_000 + SESSION_MILLIS));
        assert!(!is_session(&before, "a", 1_001 + SESSION_MILLIS));
        assert!(!is_session(&before, "b", 1_000));
        assert!(!is_session(&json!({"version": 0.1, "updatedBy": "a", "updatedAt": 1_000}), "a", 1_000));
    }
}
