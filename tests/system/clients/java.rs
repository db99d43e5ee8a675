//! azure-security-keyvault-secrets and azure-identity for Java.

use strongroom_tests::vault::{OFFICER, Principal, USER};

async fn passes(principal: &Principal, part: &str) {
    super::passes(principal, async |client| client.java().await.arg(part)).await;
}

#[tokio::test]
#[ignore = "needs Java and Maven: cargo xtask test --all"]
async fn a_secret_is_set_read_listed_updated_deleted_recovered_and_purged() {
    passes(&OFFICER, "life-of-a-secret").await;
}

#[tokio::test]
#[ignore = "needs Java and Maven: cargo xtask test --all"]
async fn what_goes_wrong_reaches_the_caller_as_the_right_exception() {
    passes(&OFFICER, "errors").await;
}

#[tokio::test]
#[ignore = "needs Java and Maven: cargo xtask test --all"]
async fn a_secrets_user_reads_and_lists_and_changes_nothing() {
    passes(&USER, "secrets-user").await;
}

#[tokio::test]
#[ignore = "needs Java and Maven: cargo xtask test --all"]
async fn a_backup_brings_a_purged_secret_back() {
    passes(&OFFICER, "backup").await;
}

#[tokio::test]
#[ignore = "needs Java and Maven: cargo xtask test --all"]
async fn pollers_wait_for_what_takes_its_time() {
    super::passes_with_patience(async |client| client.java().await.arg("pollers")).await;
}

#[tokio::test]
#[ignore = "needs Java and Maven: cargo xtask test --all"]
async fn a_certificate_and_a_workload_identity_sign_in() {
    super::passes_without_a_secret(&["certificate", "workload-identity"], async |client| client.java().await)
        .await;
}

#[tokio::test]
#[ignore = "needs Java and Maven: cargo xtask test --all"]
async fn a_managed_identity_signs_in() {
    super::passes_as_managed_identity(&["app-service", "imds"], async |client| client.java().await).await;
}

#[tokio::test]
#[ignore = "needs Java and Maven: cargo xtask test --all"]
async fn a_tenant_with_an_id_needs_no_more_than_instance_discovery_switched_off() {
    super::passes_in_a_tenant_with_an_id(async |client| client.java().await.arg("own-tenant")).await;
}
