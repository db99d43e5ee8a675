//! What a driver's failure means, by the codes of each database.

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;

use crate::StoreError;

/// The meaning of a failure. Messages about values, which quote them, are left out.
pub(crate) fn meaning(error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(cause) if cause.is_unique_violation() => StoreError::AlreadyExists,
        sqlx::Error::Database(cause) => {
            let code = cause.code().unwrap_or_default();
            match cause.try_downcast_ref::<MySqlDatabaseError>() {
                Some(mysql) => of_mysql(mysql, &code),
                // SQLite numbers its failures, PostgreSQL has five characters.
                None => match code.parse() {
                    Ok(number) if code.len() < 5 => of_sqlite(number, &**cause),
                    _ => of_postgres(&code, &**cause),
                },
            }
        }
        sqlx::Error::PoolTimedOut => StoreError::Gone("it gave no connection in time".to_owned()),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolClosed => {
            StoreError::Gone(error.to_string())
        }
        _ => StoreError::Database(error.to_string()),
    }
}

fn of_postgres(code: &str, cause: &dyn DatabaseError) -> StoreError {
    let message = || format!("{}, error {code}", cause.message());
    match code {
        // Serialization, deadlock.
        "40001" | "40P01" => StoreError::Again(format!("error {code}")),
        "55P03" => StoreError::InUse(format!("error {code}")),
        "25006" => StoreError::ReadOnly(message()),
        "42501" => StoreError::Forbidden(message()),
        "53100" => StoreError::Full(message()),
        // It stops or starts, has ended the session, or a transaction that was idle for too long.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => StoreError::Gone(message()),
        _ if code.starts_with("08") => StoreError::Gone(message()),
        _ => not_taken(code, code.starts_with("22"), cause),
    }
}

fn of_mysql(cause: &MySqlDatabaseError, code: &str) -> StoreError {
    let number = cause.number();
    let message = || format!("{}, error {number}", cause.message());
    match number {
        1213 => StoreError::Again(format!("error {number}")),
        // Waited for in vain, or not to be waited for.
        1205 | 3572 => StoreError::InUse(format!("error {number}")),
        1290 if cause.message().contains("read") => StoreError::ReadOnly(message()),
        1792 | 1836 => StoreError::ReadOnly(message()),
        1044 | 1142 | 1143 | 1227 | 1370 => StoreError::Forbidden(message()),
        1021 | 1114 => StoreError::Full(message()),
        1026 | 1030 if cause.message().contains("No space left") => StoreError::Full(message()),
        // It stops, or has ended the session.
        1053 | 1927 | 3169 | 4031 => StoreError::Gone(message()),
        // MySQL's messages about values quote them.
        1292 | 1364 | 1366 | 1406 | 3140..=3159 => not_taken(&number.to_string(), true, cause),
        _ => not_taken(&format!("{number}, {code}"), code.starts_with("22"), cause),
    }
}

fn of_sqlite(code: u32, cause: &dyn DatabaseError) -> StoreError {
    let message = || format!("{}, code {code}", cause.message());
    // The lower eight bits tell what kind it is, the others which of that kind.
    match code & 0xff {
        // SQLITE_BUSY_SNAPSHOT: it has not waited.
        5 if code == 517 => StoreError::Again(message()),
        // SQLITE_BUSY, SQLITE_LOCKED
        5 | 6 => StoreError::InUse(message()),
        // SQLITE_READONLY
        8 => StoreError::ReadOnly(message()),
        // SQLITE_FULL
        13 => StoreError::Full(message()),
        // SQLITE_IOERR_SHMSIZE
        _ if code == 4874 => StoreError::Full(message()),
        _ => StoreError::Database(message()),
    }
}

/// A statement that the database does not take; the rest of them all.
fn not_taken(code: &str, quotes: bool, cause: &dyn DatabaseError) -> StoreError {
    match quotes {
        true => StoreError::Database(format!("it does not take a value (error {code})")),
        // Others' name constraints and columns; values travel as parameters and are never in them.
        false => StoreError::Database(format!("{} (error {code})", cause.message())),
    }
}
