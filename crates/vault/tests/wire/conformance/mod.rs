//! The sheet of Key Vault's wire facts, row by row: what is done before, what is asked by whom, and what must come back.
//!
//! [`row`] holds the words; each of the other modules is a part of the table. The same rows run over HTTPS on each database.

mod backups;
mod bundles;
mod challenge;
mod delays;
mod deletion;
mod limits;
mod listings;
mod paths;
mod row;
mod run;

use row::Row;
use strongroom_vault::{StoreLocation, VaultConfig};

use crate::postgres::new_database;

/// The whole table, for a service with the usual settings.
fn table() -> Vec<Row> {
    [
        challenge::rows(),
        paths::rows(),
        bundles::rows(),
        limits::rows(),
        listings::rows(),
        deletion::rows(),
        backups::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[tokio::test]
async fn every_row_of_the_sheet_holds_on_sqlite() {
    run::all(table(), StoreLocation::Folder, |_| {}).await;
}

#[tokio::test]
async fn every_row_of_the_sheet_holds_on_postgresql() {
    run::all(table(), new_database().await, |_| {}).await;
}

#[tokio::test]
async fn deletions_and_recoveries_that_take_time_are_seen_later_on_sqlite() {
    run::all(delays::rows(), StoreLocation::Folder, slow).await;
}

#[tokio::test]
async fn deletions_and_recoveries_that_take_time_are_seen_later_on_postgresql() {
    run::all(delays::rows(), new_database().await, slow).await;
}

/// With delays.
fn slow(config: &mut VaultConfig) {
    config.delete_delay_seconds = delays::DELETE;
    config.recover_delay_seconds = delays::RECOVER;
}
