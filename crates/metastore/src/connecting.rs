//! What each connection is told first, and what it means when none can be made.

use std::time::Duration;

use sqlx::mysql::MySqlDatabaseError;

use crate::dialect::Dialect;
use crate::location::Location;
use crate::{Access, Server, StoreError, TlsMode, tls};

/// How long a caller waits for a connection to be made or to become free.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// The statements that a connection begins with. A statement waits 10 s for a lock and takes 30 s at most; a transaction that is
/// idle for longer than a minute belongs to a process that is gone.
pub(crate) fn session(dialect: Dialect, access: Access) -> String {
    let read_only = access == Access::ReadOnly;
    match dialect {
        // A plan must not touch the file: it neither changes the journal mode nor may any statement write.
        Dialect::Sqlite => format!(
            "PRAGMA busy_timeout = 10000; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; {}",
            if read_only { "PRAGMA query_only = ON" } else { "PRAGMA journal_mode = WAL" }
        ),
        Dialect::Postgres => format!(
            "SET statement_timeout = '30s'; SET lock_timeout = '10s'; \
             SET idle_in_transaction_session_timeout = '60s'; \
             SET default_transaction_isolation = 'read committed'; SET client_min_messages = warning{}",
            if read_only { "; SET default_transaction_read_only = on" } else { "" }
        ),
        // Strict, since a value that is cut to fit would be another one. Read committed, since each statement of a transaction
        // has to see what was committed before it.
        Dialect::Mysql => format!(
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; SET SESSION innodb_lock_wait_timeout = 10; \
             SET SESSION lock_wait_timeout = 30; SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'){}",
            if read_only { "; SET SESSION TRANSACTION READ ONLY" } else { "" }
        ),
    }
}

/// Why no connection could be made, and what to do about it.
pub(crate) fn connect_error(location: &Location, error: &sqlx::Error) -> StoreError {
    let database = location.to_string();
    let Location::Server(server) = location else {
        return StoreError::Open { database, reason: error.to_string() };
    };
    let reason = match error {
        sqlx::Error::Database(refusal) => {
            let number = refusal.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number);
            match (refusal.code().as_deref(), number) {
                (Some("28P01" | "28000"), None) | (_, Some(1045 | 1698)) => format!(
                    "the server refuses the user {} or the password: check database.user and database.password (DB_USER, \
                     DB_USER_PASSWORD), and from where this user may connect{}",
                    server.user,
                    refused_for_tls(server)
                ),
                (_, Some(3159)) => {
                    "the server takes nobody without TLS: write sslMode=REQUIRED or a stricter one into database.url (DB_PARAMS)"
                        .to_owned()
                }
                (Some("3D000"), None) | (_, Some(1049)) => format!(
                    "the server has no database {0}: check database.url (OM_DATABASE), or create it with CREATE DATABASE {0}",
                    server.database
                ),
                (Some("42501"), None) | (_, Some(1044)) => format!(
                    "the user {} may not use the database {}: grant it the rights on that database",
                    server.user, server.database
                ),
                (Some("53300"), None) | (_, Some(1040 | 1203)) => {
                    "the server has no connection left: lower database.maxSize here or elsewhere, or raise the server's limit"
                        .to_owned()
                }
                _ => refusal.message().to_owned(),
            }
        }
        sqlx::Error::Io(cause) => match tls::handshake_failure(cause) {
            Some(failure) => tls::reason(failure, &server.host),
            None => format!("{cause}: check database.url (DB_HOST, DB_PORT), and whether the server runs"),
        },
        // The driver asks for TLS where the mode demands it, and finds that the server has none.
        sqlx::Error::Tls(cause) if cause.to_string().contains("not support") => {
            "the server offers no TLS, and database.url (DB_PARAMS) demands it: switch it on there; or, if the way there is safe, write \
             sslmode=prefer"
                .to_owned()
        }
        sqlx::Error::Tls(cause) => {
            format!("TLS failed ({cause}): check the TLS parameters of database.url (DB_PARAMS)")
        }
        sqlx::Error::PoolTimedOut => format!(
            "the server gave no answer within {} s: check database.url (DB_HOST, DB_PORT), firewalls, and whether the server runs",
            CONNECT_TIMEOUT.as_secs()
        ),
        other => other.to_string(),
    };
    StoreError::Open { database, reason }
}

/// What the TLS parameters may have to do with it that a server refuses a user.
fn refused_for_tls(server: &Server) -> &'static str {
    match (server.tls.mode, &server.tls.client) {
        (TlsMode::Off, _) => ", and whether only with TLS, which database.url (DB_PARAMS) switches off",
        (_, None) => ", and whether only with a certificate (sslcert and sslkey in DB_PARAMS)",
        (_, Some(_)) => ", and whether the certificate that sslcert names is this user's",
    }
}
