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
