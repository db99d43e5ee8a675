//! azure_security_keyvault_secrets and azure_identity for Rust.

use std::path::Path;

use strongroom_tests::vault::{OFFICER, Principal, USER};
use strongroom_tests::{Client, Program};

async fn program(client: Client<'_>) -> Program {
    client.program(Path::new(env!("CARGO_BIN_EXE_rust-client")).as_os_str()).await
}

async fn passes(principal: &Principal, name: &str) {
    super::passes(principal, async |client| program(client).await.arg(name)).await;
}

#[tokio::test]
async fn a_secret_is_set_read_listed_updated_deleted_recovered_and_purged() {
    passes(&OFFICER, "life-of-a-secret").await;
}

#[tokio::test]
async fn a_backup_brings_a_purged_secret_back() {
    passes(&OFFICER, "backup").await;
}

#[tokio::test]
async fn what_goes_wrong_reaches_the_caller_as_the_right_error() {
    passes(&OFFICER, "errors").await;
}

#[tokio::test]
async fn a_secrets_user_reads_and_lists_and_changes_nothing() {
    passes(&USER, "secrets-user").await;
}

#[tokio::test]
async fn who_waits_for_what_takes_its_time_gets_there() {
    super::passes_with_patience(async |client| program(client).await.arg("patience")).await;
}

#[tokio::test]
async fn a_workload_identity_signs_in() {
    super::passes_without_a_secret(&["workload-identity"], program).await;
}

#[tokio::test]
async fn a_managed_identity_signs_in() {
    super::passes_as_managed_identity(&["app-service"], program).await;
}

#[tokio::test]
async fn a_tenant_with_an_id_needs_nothing_else() {
    super::passes_in_a_tenant_with_an_id(async |client| program(client).await.arg("own-tenant")).await;
}
