//! What one process left is settled by another as soon as its lease is over.

use std::collections::BTreeSet;

use reqwest::Method;
use strongroom_entities::EntityKind;
use strongroom_manager::crash::Step;
use strongroom_tests::api::postgres;
use strongroom_tests::fixtures::services;
use strongroom_tests::{VaultServer, scratch};

use super::installation::{Installation, label};

const SERVICES: u32 = 3;
/// Long enough for a call to the vault on a busy machine; together with the lease shorter than a write waits for another (5 s).
const SHORT_LEASES: &str = r#"{"intents": {"leaseSeconds": 2.5, "callTimeoutSeconds": 1}}"#;

#[tokio::test]
async fn a_server_settles_what_a_killed_migration_left_while_a_write_waits_for_it() {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let section = serde_json::from_str(SHORT_LEASES).unwrap();
    let installation = Installation::with_section(folder.path(), &vault, "ours", section).await;
    services::metastore_with_services(&installation.database(), SERVICES, installation.keys()).await;
    let before = installation.values().await;
    installation.die_while_migrating(Step::VersionVerified, SERVICES).await;

    // The server cannot know that the migration is dead, so it waits for the lease that a migration would renew.
    let server = installation.serve().await;
    let (service, password) = (services::name(1), "a dummy password from a later day");
    let answer = server.send_service(Method::PUT, &server.admin().await, &postgres(&service, password)).await;
    answer.expect(200);
    let mut expected = before;
    let field = "connection.config.authType.password";
    expected.insert(label(EntityKind::DatabaseService, &service, field), password.to_owned());
    let mut values = installation.values().await;
    values.retain(|label, _| expected.contains_key(label));
    assert_eq!(values, expected);
    // The other services' intents were as old, and are settled with it; their values are in the database still.
    assert_eq!(installation.open_intents().await, 0);
    drop(server);

    let report = installation.migrate().await;
    assert_eq!((&report["entities"]["changed"], &report["secrets"]["written"]), (&2.into(), &2.into()));
    let mut values = installation.values().await;
    values.retain(|label, _| expected.contains_key(label));
    assert_eq!(values, expected);
    installation.assert_settled(&BTreeSet::new()).await;
}
