//! `strongroom quickstart --exit`, as somebody tries it who has just cloned the repository.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use strongroom_tests::{Finished, Program, scratch};

/// What the steps are about, in their order.
const STEPS: [&str; 8] = [
    "1. A Key Vault",
    "2. A metadata server",
    "3. 4 services",
    "4. The plan",
    "5. The migration",
    "6. A new password",
    "7. The ingestion",
    "8. That is all",
];

async fn quickstart(folder: &Path) -> Finished {
    Program::new(folder).args(["quickstart", "--data-dir", "D", "--exit"]).run().await.ended_with(0)
}

fn tells_each_step(finished: &Finished) {
    assert_eq!(finished.stderr, "", "no warnings");
    let mut rest = finished.stdout.as_str();
    for step in STEPS {
        let found = rest.find(step).unwrap_or_else(|| panic!("{step:?} is missing in: {}", finished.stdout));
        rest = &rest[found..];
    }
}

#[tokio::test]
async fn the_whole_way_of_a_password_is_shown_and_a_second_run_shows_it_again() {
    let folder = scratch();
    let first = quickstart(folder.path()).await;
    tells_each_step(&first);
    for shown in [
        "\"connection.config.authType.password\": \"fernet:",
        "  shop\n    connection.config.authType.password  moves to openmetadata-database-shop-authtype-password\n",
        "4 secrets written, 4 verified",
        "\"connection.config.authType.password\": \"secret:openmetadata-database-shop-authtype-password\"",
        "\"password\": \"*********\"",
        "secret:openmetadata-database-shop-authtype-password → dummy-pg-shop",
    ] {
        assert!(first.stdout.contains(shown), "{shown:?} is missing in: {}", first.stdout);
    }
    for (made, mode) in [("metastore.db", None), ("vault/ca.pem", None), ("fernet.key", Some(0o600))] {
        let metadata =
            fs::metadata(folder.path().join("D").join(made)).unwrap_or_else(|_| panic!("no {made}"));
        assert!(metadata.len() > 0);
        assert!(mode.is_none_or(|mode| metadata.permissions().mode() & 0o777 == mode), "{made}");
    }

    let second = quickstart(folder.path()).await;
    tells_each_step(&second);
    assert!(second.stdout.contains("0 secrets written"), "{}", second.stdout);
    assert!(second.stdout.contains("→ dummy-pg-shop"), "{}", second.stdout);
}

#[tokio::test]
async fn what_the_environment_says_about_other_servers_is_left_alone() {
    let folder = scratch();
    let elsewhere = [
        ("SECRET_MANAGER", "managed-azure-kv"),
        ("OM_SM_VAULT_URL", "https://v1.vault.localhost:1"),
        ("OM_SM_CLIENT_SECRET", "not-for-a-demonstration"),
        ("SERVER_PORT", "1"),
    ];
    let program =
        Program::new(folder.path()).args(["quickstart", "--data-dir", "D", "--exit"]).envs(elsewhere);
    tells_each_step(&program.run().await.ended_with(0));
}
