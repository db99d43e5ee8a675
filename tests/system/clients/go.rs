//! azsecrets and azidentity for Go.

use strongroom_tests::vault::{OFFICER, Principal, USER};

async fn passes(principal: &Principal, part: &str) {
    super::passes(principal, async |client| client.go(part).await).await;
}

#[tokio::test]
async fn a_secret_is_set_read_listed_updated_deleted_recovered_and_purged() {
    passes(&OFFICER, "life-of-a-secret").await;
}

#[tokio::test]
async fn what_goes_wrong_reaches_the_caller_as_the_right_error() {
    passes(&OFFICER, "errors").await;
}

#[tokio::test]
async fn a_secrets_user_reads_and_lists_and_changes_nothing() {
    passes(&USER, "secrets-user").await;
}
