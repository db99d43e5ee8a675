//! Opening a SQLite file: whether it can be written, and how it is read where it cannot.

use std::path::Path;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::connecting::{connect_error, session};
use crate::dialect::Dialect;
use crate::location::{self, Location};
use crate::{Access, StoreError};

/// How to connect to the file. A connection is tried: one of a pool would be tried again and again, and say nothing in the end.
pub(crate) async fn sqlite(path: &Path, access: Access) -> Result<AnyConnectOptions, StoreError> {
    let location = Location::Sqlite(path.to_owned());
    let options = location.connect_options(access)?;
    let mut connection = options.connect().await.map_err(|error| connect_error(&location, &error))?;
    let tried = try_out(&mut connection, access).await;
    // What was not written needs no end in order.
    let _ = connection.close().await;
    match tried {
        Ok(()) => Ok(options),
        // A file in WAL mode is not read without its log, which cannot be made here. Without one nobody is writing it.
        Err(error) if access == Access::ReadOnly && is_unwritable(&error) && !log_of(path).exists() => {
            location::immutable_sqlite(path)
        }
        Err(error) => Err(match StoreError::from(error) {
            StoreError::Database(reason) => StoreError::Open { database: location.to_string(), reason },
            other => other,
        }),
    }
}

async fn try_out(connection: &mut AnyConnection, access: Access) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(session(Dialect::Sqlite, access))).execute(&mut *connection).await?;
    sqlx::query("SELECT count(*) FROM sqlite_master").fetch_one(&mut *connection).await?;
    Ok(())
}

/// Whether a connection failed since nothing can be written where the file lies.
fn is_unwritable(error: &sqlx::Error) -> bool {
    const CANNOT_OPEN: u32 = 14;
    const READ_ONLY: u32 = 8;
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, CANNOT_OPEN | READ_ONLY))
}

/// The write-ahead log beside the file.
fn log_of(path: &Path) -> std::path::PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push("-wal");
    path.with_file_name(name)
}
