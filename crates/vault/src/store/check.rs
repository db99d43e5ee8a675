//! Verifying every row, while the vault serves.

use futures::TryStreamExt;
use serde::Serialize;

use super::database::Kind;
use super::snapshot::{Findings, Snapshot, StoredVersion};
use super::{Store, apply, database_error};
use crate::error::Result;
use crate::keys::{Binding, Keyring};

/// The longest value that a client can have set, in bytes of UTF-8.
const LONGEST_VALUE: usize = 25_600;

/// What was looked at, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// How many vaults.
    pub vaults: u64,
    /// How many secrets, deleted ones too.
    pub secrets: u64,
    /// How many versions.
    pub versions: u64,
    /// How many vaults, principals and roles that were made at run time.
    pub entries: u64,
    /// How many keys that sign tokens.
    pub signing_keys: u64,
    /// How many data keys, retired ones too.
    pub data_keys: u64,
    /// What is wrong.
    pub problems: Findings,
}

/// Rows that belong to nothing, and secrets that make no sense; each statement answers places.
const RULES: [(&str, &str); 6] = [
    (
        "SELECT 'row ' || v.id || ' of version' FROM version v LEFT JOIN secret s ON s.id = v.secret WHERE s.id IS NULL",
        "it belongs to no secret",
    ),
    (
        "SELECT 'row ' || v.id || ' of version' FROM version v LEFT JOIN data_key k ON k.id = v.data_key WHERE k.id IS NULL",
        "its data key is not there",
    ),
    (
        "SELECT 'row ' || s.id || ' of secret' FROM secret s LEFT JOIN vault t ON t.id = s.vault WHERE t.id IS NULL",
        "it belongs to no vault",
    ),
    (
        "SELECT t.name || '/' || s.name FROM secret s JOIN vault t ON t.id = s.vault
         WHERE NOT EXISTS (SELECT 1 FROM version v WHERE v.secret = s.id)",
        "it has no version",
    ),
    (
        "SELECT t.name || '/' || s.name FROM secret s JOIN vault t ON t.id = s.vault WHERE s.name_key <> lower(s.name)",
        "it is filed under another name than its own",
    ),
    (
        "SELECT t.name || '/' || s.name FROM secret s JOIN vault t ON t.id = s.vault
         WHERE (s.deleted_at IS NULL) <> (s.purge_at IS NULL)",
        "it is deleted and not deleted at once",
    ),
];

impl Store {
    /// Opens every value and looks whether the rows fit together, in flat memory. Nothing is changed.
    ///
    /// # Errors
    /// If the database cannot be read at all.
    pub(crate) async fn check(&self) -> Result<Checked> {
        let (mut snapshot, keyring) = self.snapshot().await?;
        let checked = check(&mut snapshot, &keyring, self.database.kind)
            .await
            .map_err(|error| database_error("read the whole database", error));
        snapshot.end().await;
        checked
    }
}

async fn check(snapshot: &mut Snapshot, keyring: &Keyring, kind: Kind) -> sqlx::Result<Checked> {
    let mut done = Checked { data_keys: snapshot.keys.len() as u64, ..Checked::default() };
    if kind == Kind::Sqlite {
        let answers: Vec<String> =
            sqlx::query_scalar("PRAGMA integrity_check(100)").fetch_all(snapshot.connection()).await?;
        for answer in answers.into_iter().filter(|answer| answer != "ok") {
            done.problems.add("vault.db", answer);
        }
    }
    done.vaults = snapshot.vaults().await?.len() as u64;
    let secrets: i64 =
        sqlx::query_scalar("SELECT count(*) FROM secret").fetch_one(snapshot.connection()).await?;
    done.secrets = secrets.unsigned_abs();
    for (statement, problem) in RULES {
        let mut places = sqlx::query_scalar::<_, String>(statement).fetch(snapshot.connection());
        while let Some(place) = places.try_next().await? {
            done.problems.add(place, problem);
        }
    }
    let mut after = 0;
    loop {
        let page = snapshot.versions(after).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        for (id, version) in page {
            done.versions += 1;
            match version {
                Ok(version) => {
                    for problem in problems(&version, keyring) {
                        done.problems.add(version.place(), problem);
                    }
                }
                Err(_) => done.problems.add(format!("row {id} of version"), "the row cannot be read"),
            }
        }
    }
    for entry in snapshot.entries().await? {
        done.entries += 1;
        let opened = keyring.unseal(
            &Binding::directory_entry(&entry.kind, &entry.key),
            entry.sealed.key,
            &entry.sealed.bytes,
        );
        let problem = match opened {
            Err(_) => "the entry does not open",
            Ok(text) if serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_err() => {
                "the entry is not JSON"
            }
            Ok(_) => continue,
        };
        done.problems.add(format!("{} {}", entry.kind, entry.key), problem);
    }
    for key in snapshot.signing_keys().await? {
        done.signing_keys += 1;
        if keyring.unseal(&Binding::signing_key(&key.kid), key.sealed.key, &key.sealed.bytes).is_err() {
            done.problems.add(format!("signing key {}", key.kid), "the key does not open");
        }
    }
    tracing::info!(done.versions, problems = done.problems.count, "the vault was checked");
    Ok(done)
}

fn problems(version: &StoredVersion, keyring: &Keyring) -> Vec<&'static str> {
    let mut problems = Vec::new();
    match version.open(keyring) {
        Err(_) => problems.push("the value does not open"),
        Ok(value) if std::str::from_utf8(&value).is_err() => problems.push("the value is not UTF-8"),
        Ok(value) if value.len() > LONGEST_VALUE => problems.push("the value is too long"),
        Ok(_) => {}
    }
    let digits = version.version.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if version.version.len() != 32 || !digits {
        problems.push("the version is not 32 hexadecimal digits");
    }
    if version.tags.as_ref().is_some_and(|tags| serde_json::from_str::<super::Tags>(tags).is_err()) {
        problems.push("the tags are not a JSON object of texts");
    }
    if !matches!(version.enabled, 0 | 1) {
        problems.push("it is neither enabled nor disabled");
    }
    if version.name_key != apply::key(&version.name) {
        problems.push("its secret is filed under another name than its own");
    }
    problems
}
