//! azure-keyvault-secrets and azure-identity for Python.

use strongroom_tests::vault::{OFFICER, Principal, USER};

async fn passes(principal: &Principal, script: &str) {
    super::passes(principal, async |client| client.python(script).await).await;
}

#[tokio::test]
async fn a_secret_is_set_read_listed_updated_deleted_recovered_and_purged() {
    passes(&OFFICER, "life_of_a_secret.py").await;
}

#[tokio::test]
async fn what_goes_wrong_reaches_the_caller_as_the_right_exception() {
    passes(&OFFICER, "errors.py").await;
}

#[tokio::test]
async fn a_secrets_user_reads_and_lists_and_changes_nothing() {
    passes(&USER, "secrets_user.py").await;
}

#[tokio::test]
async fn every_way_to_hand_over_a_client_secret_signs_in() {
    passes(&OFFICER, "credentials.py").await;
}

#[tokio::test]
async fn a_certificate_and_a_workload_identity_sign_in() {
    super::passes_without_a_secret(&["certificate", "workload-identity"], async |client| {
        client.python("without_a_secret.py").await
    })
    .await;
}

#[tokio::test]
async fn a_managed_identity_signs_in() {
    super::passes_as_managed_identity(&["app-service", "imds"], async |client| {
        client.python("managed_identity.py").await
    })
    .await;
}

#[tokio::test]
async fn a_tenant_with_an_id_needs_no_more_than_instance_discovery_switched_off() {
    super::passes_in_a_tenant_with_an_id(async |client| client.python("own_tenant.py").await).await;
}

#[tokio::test]
async fn a_backup_brings_a_purged_secret_back() {
    passes(&OFFICER, "backup.py").await;
}

#[tokio::test]
async fn pollers_wait_for_what_takes_its_time() {
    super::passes_with_patience(async |client| client.python("pollers.py").await).await;
}

#[tokio::test]
async fn the_packages_own_tests_pass() {
    own_tests_pass(|file| !file.ends_with("_async.py")).await;
}

#[tokio::test]
async fn the_packages_own_asynchronous_tests_pass() {
    own_tests_pass(|file| file.ends_with("_async.py")).await;
}

async fn own_tests_pass(chosen: impl Fn(&str) -> bool) {
    super::passes(&OFFICER, async |client| client.pythons_own_tests(chosen).await).await;
}
