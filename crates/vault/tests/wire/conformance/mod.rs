//! The sheet of Key Vault's wire facts, row by row: what is done before, what is asked by whom, and what must come back.
//!
//! [`row`] holds the words; each of the other modules is a part of the table. The same rows run over HTTPS on each database.

mod bundles;
mod challenge;
mod deletion;
mod limits;
mod listings;
mod paths;
mod row;
mod run;

use row::Row;

/// The whole table, for a service with the usual settings.
fn table() -> Vec<Row> {
    [challenge::rows(), paths::rows(), bundles::rows(), limits::rows(), listings::rows(), deletion::rows()]
        .into_iter()
        .flatten()
        .collect()
}

#[tokio::test]
async fn every_row_of_the_sheet_holds_on_sqlite() {
    run::all(table(), |_| {}).await;
}
