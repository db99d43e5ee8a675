//! The tables: OpenMetadata's, in its own layout for each database, and ours, by versioned scripts.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::dialect::Dialect;
use crate::{Access, Metastore, StoreError};

/// The table that tells which of our scripts were run.
pub(crate) const MIGRATIONS: &str = "strongroom_migration";

/// The first table of OpenMetadata's: a database that lacks it has nothing of OpenMetadata.
const FIRST_TABLE: &str = "dbservice_entity";

const OLDEST_POSTGRES: u32 = 12;
const OLDEST_MYSQL: u32 = 8;
const OLDEST_MARIADB: (u32, u32) = (10, 6);

/// Refuses a server that lacks what we need of it, such as generated columns.
pub(crate) async fn check_version(store: &Metastore) -> Result<(), StoreError> {
    let too_old = |found: String, needed: String| {
        Err(StoreError::TooOld { database: store.location.to_string(), found, needed })
    };
    match store.dialect {
        Dialect::Sqlite => Ok(()),
        Dialect::Postgres => {
            let version = server_version(store, "SELECT current_setting('server_version')").await?;
            match numbers(&version) {
                (major, _) if major < OLDEST_POSTGRES => {
                    too_old(format!("PostgreSQL {version}"), format!("PostgreSQL {OLDEST_POSTGRES}"))
                }
                _ => Ok(()),
            }
        }
        Dialect::Mysql => {
            let version = server_version(store, "SELECT version()").await?;
            let (major, minor) = OLDEST_MARIADB;
            match (is_mariadb(&version), numbers(&version)) {
                (true, found) if found < OLDEST_MARIADB => {
                    too_old(version, format!("MariaDB {major}.{minor}, or MySQL {OLDEST_MYSQL}"))
                }
                (false, (found, _)) if found < OLDEST_MYSQL => {
                    too_old(format!("MySQL {version}"), format!("MySQL {OLDEST_MYSQL}"))
                }
                _ => Ok(()),
            }
        }
    }
}

/// Refuses a database that has nothing of OpenMetadata.
pub(crate) async fn refuse_none(store: &Metastore) -> Result<(), StoreError> {
    if store.has_table(FIRST_TABLE).await? {
        return Ok(());
    }
    Err(StoreError::NoTables(store.location.to_string()))
}

/// Makes the tables that are missing.
pub(crate) async fn prepare(store: &Metastore, access: Access) -> Result<(), StoreError> {
    // A database of OpenMetadata's own server gets its tables from there, whatever its version has.
    let make = access == Access::Create && !store.made_by_reference().await?;
    if !make {
        refuse_none(store).await?;
    }
    let mut connection = store.writer.acquire().await?;
    let lock = StartLock::take(store.dialect, &mut connection).await?;
    let prepared = prepare_locked(store, make, &mut connection).await;
    lock.release(&mut connection).await?;
    prepared
}

async fn prepare_locked(
    store: &Metastore,
    make: bool,
    connection: &mut AnyConnection,
) -> Result<(), StoreError> {
    if make {
        let layout = match store.dialect {
            Dialect::Sqlite => include_str!("../schema/openmetadata.sqlite.sql"),
            Dialect::Postgres => include_str!("../schema/openmetadata.postgres.sql"),
            Dialect::Mysql if is_mariadb(&server_version(store, "SELECT version()").await?) => {
                include_str!("../schema/openmetadata.mariadb.sql")
            }
            Dialect::Mysql => include_str!("../schema/openmetadata.mysql.sql"),
        };
        sqlx::raw_sql(layout).execute(&mut *connection).await?;
    }
    if store.dialect == Dialect::Mysql && store.has_table(MIGRATIONS).await? {
        // MySQL cannot undo the making of tables: a script that was cut off is run again, and leaves what is there.
        let cut_off = format!("DELETE FROM {MIGRATIONS} WHERE success = 0");
        sqlx::query(AssertSqlSafe(cut_off)).execute(&mut *connection).await?;
    }
    let migrations = own_migrations(store.dialect);
    migrations.run_direct(None, connection, false).await.map_err(|error| migrate_error(store, error))
}

/// Refuses a database that a newer Strongroom has been at.
pub(crate) async fn refuse_the_future(store: &Metastore) -> Result<(), StoreError> {
    let query = format!("SELECT coalesce(max(version), 0) FROM {MIGRATIONS}");
    let version: i64 = store.sql(&query).value(&store.readers).await?.unwrap_or_default();
    let known = newest_migration(store.dialect);
    if version > known {
        return Err(StoreError::FromTheFuture { database: store.location.to_string(), version, known });
    }
    Ok(())
}

fn migrate_error(store: &Metastore, error: MigrateError) -> StoreError {
    let database = store.location.to_string();
    match error {
        MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) => {
            StoreError::FromTheFuture { database, version, known: newest_migration(store.dialect) }
        }
        MigrateError::VersionMismatch(version) | MigrateError::Dirty(version) => {
            StoreError::Altered { database, version }
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            match StoreError::from(error) {
                StoreError::Database(reason) => {
                    StoreError::Open { database, reason: format!("our tables cannot be made: {reason}") }
                }
                other => other,
            }
        }
        other => StoreError::Open { database, reason: format!("our tables cannot be made: {other}") },
    }
}

fn own_migrations(dialect: Dialect) -> Migrator {
    let mut migrator = match dialect {
        Dialect::Sqlite => sqlx::migrate!("./migrations/sqlite"),
        Dialect::Postgres => sqlx::migrate!("./migrations/postgres"),
        Dialect::Mysql => sqlx::migrate!("./migrations/mysql"),
    };
    migrator.dangerous_set_table_name(MIGRATIONS);
    // We hold a lock of our own already.
    migrator.set_locking(false);
    migrator
}

pub(crate) fn newest_migration(dialect: Dialect) -> i64 {
    own_migrations(dialect).iter().map(|migration| migration.version).max().unwrap_or_default()
}

async fn server_version(store: &Metastore, query: &str) -> Result<String, StoreError> {
    Ok(store.sql(query).value(&store.writer).await?.unwrap_or_default())
}

fn is_mariadb(version: &str) -> bool {
    version.to_ascii_lowercase().contains("mariadb")
}

/// The first two numbers of a version such as `8.4.3` or `5.5.5-10.11.6-MariaDB`.
fn numbers(version: &str) -> (u32, u32) {
    let version = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut numbers =
        version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or_default());
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
}

/// Of several processes that start on one database, one makes the tables and the others wait.
struct StartLock(Dialect);

impl StartLock {
    const POSTGRES_KEY: &str = "x'53726f6f6d03'::bigint";

    async fn take(dialect: Dialect, connection: &mut AnyConnection) -> Result<Self, StoreError> {
        let query = match dialect {
            Dialect::Sqlite => return Ok(Self(dialect)),
            Dialect::Postgres => format!("SELECT pg_advisory_lock({})", Self::POSTGRES_KEY),
            // The name is the server's, not the database's.
            Dialect::Mysql => {
                "SELECT get_lock(concat('strongroom.start.', left(sha2(database(), 256), 40)), 30)".to_owned()
            }
        };
        let row = sqlx::query(AssertSqlSafe(query)).fetch_one(&mut *connection).await?;
        if dialect == Dialect::Mysql && sqlx::Row::try_get::<Option<i64>, _>(&row, 0)? != Some(1) {
            return Err(StoreError::Database(
                "another process has been making its tables for 30 s".to_owned(),
            ));
        }
        Ok(Self(dialect))
    }

    async fn release(self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let query = match self.0 {
            Dialect::Sqlite => return Ok(()),
            Dialect::Postgres => format!("SELECT pg_advisory_unlock({})", Self::POSTGRES_KEY),
            Dialect::Mysql => {
                "SELECT release_lock(concat('strongroom.start.', left(sha2(database(), 256), 40)))".to_owned()
            }
        };
        sqlx::query(AssertSqlSafe(query)).fetch_one(connection).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_servers_write_them() {
        assert_eq!(numbers("17.6 (Debian 17.6-0+deb13u1)"), (17, 6));
        assert_eq!(numbers("8.4.7-0ubuntu1"), (8, 4));
        assert_eq!(numbers("5.5.5-10.11.6-MariaDB-1"), (10, 11));
        assert!(is_mariadb("11.8.3-MariaDB-0+deb13u1 from Debian") && !is_mariadb("8.4.7"));
    }

    #[test]
    fn every_database_has_the_same_migrations() {
        let versions = |dialect| -> Vec<(i64, String)> {
            own_migrations(dialect).iter().map(|one| (one.version, one.description.to_string())).collect()
        };
        assert_eq!(versions(Dialect::Sqlite), versions(Dialect::Postgres));
        assert_eq!(versions(Dialect::Sqlite), versions(Dialect::Mysql));
    }
}
