//! @azure/keyvault-secrets and @azure/identity for JavaScript.

use strongroom_tests::vault::{OFFICER, Principal, USER};

async fn passes(principal: &Principal, script: &str) {
    super::passes(principal, async |client| client.javascript(script).await).await;
}

#[tokio::test]
async fn a_secret_is_set_read_listed_updated_deleted_recovered_and_purged() {
    passes(&OFFICER, "life_of_a_secret.mjs").await;
}

#[tokio::test]
async fn what_goes_wrong_reaches_the_caller_as_the_right_error() {
    passes(&OFFICER, "errors.mjs").await;
}

#[tokio::test]
async fn a_secrets_user_reads_and_lists_and_changes_nothing() {
    passes(&USER, "secrets_user.mjs").await;
}

#[tokio::test]
async fn a_certificate_and_a_workload_identity_sign_in() {
    super::passes_without_a_secret(&["certificate", "workload-identity"], async |client| {
        client.javascript("without_a_secret.mjs").await
    })
    .await;
}

#[tokio::test]
async fn a_managed_identity_signs_in() {
    super::passes_as_managed_identity(&["app-service", "imds"], async |client| {
        client.javascript("managed_identity.mjs").await
    })
    .await;
}

#[tokio::test]
async fn a_tenant_with_an_id_needs_no_more_than_instance_discovery_switched_off() {
    super::passes_in_a_tenant_with_an_id(async |client| client.javascript("own_tenant.mjs").await).await;
}

#[tokio::test]
async fn a_backup_brings_a_purged_secret_back() {
    passes(&OFFICER, "backup.mjs").await;
}

#[tokio::test]
async fn pollers_wait_for_what_takes_its_time() {
    super::passes_with_patience(async |client| client.javascript("pollers.mjs").await).await;
}
