//! The database: whether it can be read, and who made it.

use std::fs::File;
use std::io::Read as _;
use std::time::Duration;

use strongroom_config::{NamingChoice, Settings};
use strongroom_metastore::{Access, Layout, Location, Metastore, Options, StoreError};
use strongroom_secrets::Clock;

use super::finding::Finding;
use super::network;
use crate::wiring;

/// The releases of OpenMetadata whose tables are known, as major and minor number.
const OLDEST_KNOWN: (u32, u32) = (1, 5);
const NEWEST_KNOWN: (u32, u32) = (2, 0);

/// A database that can be read, and what it is.
pub(super) struct Opened {
    pub(super) store: Metastore,
    pub(super) layout: Layout,
}

/// Opens the database, to read only.
pub(super) async fn open(settings: &Settings, patience: Duration) -> (Vec<Finding>, Option<Opened>) {
    let location = wiring::database(&settings.database);
    let options = Options::new(location.clone(), Access::ReadOnly);
    if let Some(error) = no_sqlite(&location) {
        return (unopened(&error, settings), None);
    }
    let opened = tokio::time::timeout(patience, async {
        let store = Metastore::open(&options).await?;
        store.ping().await?;
        let layout = store.layout().await?;
        Ok::<_, StoreError>(Opened { store, layout })
    });
    match opened.await {
        Ok(Ok(opened)) => {
            let what = format!("{location} can be read");
            let findings = vec![Finding::passed("database.open", what), version(&opened.layout, settings)];
            (findings, Some(opened))
        }
        Ok(Err(error)) => (unopened(&error, settings), None),
        Err(_) => {
            let what = format!("the database did not answer within {} s", patience.as_secs());
            let fix = "is it running, and can it be reached from here?";
            let findings = vec![
                Finding::failed("database.open", what, fix).and_fix(&place(settings)),
                Finding::not_tried("database.version", "the database cannot be read"),
            ];
            (findings, None)
        }
    }
}

/// What is wrong with a file that is there and no database: the connection would be tried again and again.
fn no_sqlite(location: &Location) -> Option<StoreError> {
    const BEGINNING: &[u8] = b"SQLite format 3\0";
    let Location::Sqlite(path) = location else { return None };
    let mut begins = Vec::new();
    let limit = BEGINNING.len() as u64;
    File::open(path).ok()?.take(limit).read_to_end(&mut begins).ok()?;
    (!begins.is_empty() && begins != BEGINNING).then(|| StoreError::Open {
        database: location.to_string(),
        reason: "the file is not a database of SQLite".to_owned(),
    })
}

fn place(settings: &Settings) -> String {
    settings
        .origins
        .place("database.url")
        .map_or_else(String::new, |place| format!("database.url stands in {place}"))
}

fn unopened(error: &StoreError, settings: &Settings) -> Vec<Finding> {
    let text = error.to_string();
    match error {
        StoreError::FromTheFuture { .. } => vec![
            Finding::passed("database.open", format!("{} can be read", wiring::database(&settings.database))),
            Finding::failed(
                "database.version",
                text,
                "use the newer program; an older one must not write to this database",
            ),
        ],
        _ => vec![
            Finding::failed(
                "database.open",
                text,
                "check database.url, that the database is there, and that this user may read it",
            )
            .and_fix(&place(settings)),
            Finding::not_tried("database.version", "the database cannot be read"),
        ],
    }
}

fn version(layout: &Layout, settings: &Settings) -> Finding {
    const ID: &str = "database.version";
    let own = match layout.own {
        Some(own) if own < layout.newest => format!(
            "Strongroom's own tables have version {own}, and will be brought to {} by the next start",
            layout.newest
        ),
        Some(own) => format!("Strongroom's own tables have version {own}, the newest"),
        None => "Strongroom has no tables there yet: its first write makes them".to_owned(),
    };
    let Some(reference) = &layout.reference else {
        return Finding::passed(ID, format!("made by Strongroom; {own}"));
    };
    let made = format!("made by OpenMetadata, whose newest change is of release {reference}; {own}");
    if settings.strongroom.naming == Some(NamingChoice::Guide) {
        let fix = "do not start OpenMetadata's own server on it again, or leave strongroom.naming out";
        return Finding::warning(ID, format!("{made}; {}", wiring::GUIDE_ON_THEIRS), fix);
    }
    match release(reference) {
        Some(release) if (OLDEST_KNOWN..=NEWEST_KNOWN).contains(&release) => Finding::passed(ID, made),
        _ => {
            let ((a, b), (c, d)) = (OLDEST_KNOWN, NEWEST_KNOWN);
            Finding::warning(
                ID,
                made,
                format!(
                    "the layout is known for {a}.{b} to {c}.{d}: try a copy first, with migrate-secrets --plan"
                ),
            )
        }
    }
}

/// Major and minor number of a release.
fn release(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
        _ => None,
    }
}

/// The check of the database's clock.
pub(super) async fn clock(store: &Metastore, clock: &dyn Clock, patience: Duration) -> Finding {
    const ID: &str = "clock.database";
    let before = clock.now_millis();
    let theirs = tokio::time::timeout(patience, store.now_millis()).await;
    let ours = before + (clock.now_millis() - before) / 2;
    match theirs {
        Ok(Ok(theirs)) => network::skew(ID, (ours - theirs) / 1000, "the database"),
        Ok(Err(error)) => Finding::not_tried(ID, error.to_string()),
        Err(_) => {
            Finding::not_tried(ID, format!("the database did not answer within {} s", patience.as_secs()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;
    use strongroom_config::Environment;

    fn told(reference: Option<&str>, variables: &[(&str, &str)]) -> Finding {
        let environment: Environment = variables.iter().copied().collect();
        let settings = Settings::load(None, &environment, None).unwrap();
        let layout = Layout { reference: reference.map(str::to_owned), own: Some(2), newest: 2 };
        version(&layout, &settings)
    }

    #[test]
    fn releases_that_are_known_pass_and_others_are_worth_a_word() {
        assert_eq!(told(None, &[]).state, State::Passed);
        assert_eq!(told(Some("1.6.0"), &[]).state, State::Passed);
        assert_eq!(told(Some("1.13.4"), &[]).state, State::Passed);
        for unknown in ["1.4.1", "2.1.0", "", "x"] {
            assert_eq!(told(Some(unknown), &[]).state, State::Warning, "{unknown}");
        }
    }

    #[test]
    fn names_by_the_guide_on_openmetadatas_own_database_are_worth_a_word() {
        let finding = told(Some("1.6.0"), &[("STRONGROOM_NAMING", "guide")]);
        assert_eq!(finding.state, State::Warning);
        assert!(finding.what.contains("will not find them"), "{}", finding.what);
    }
}
