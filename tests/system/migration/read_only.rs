//! A database that takes no writes, or not from this user: it can be planned for, and is refused before anything is in the vault.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;
use strongroom_metastore::testing::Kind;
use strongroom_tests::Program;
use strongroom_tests::metadata::CONFIG;
use strongroom_tests::program::binary;

use super::{Scene, tells};

on_each! {
    [on_postgresql, on_mysql]
    a_user_who_may_only_read_can_plan_and_is_told_which_rights_are_missing,
    a_user_who_may_not_change_the_services_is_refused_before_a_secret_is_written,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_no_writes_can_be_planned_for_on_postgresql() {
    let scene = Scene::on(Kind::Postgres, 2, &[]).await;
    let database = &scene.database.server().database;
    // As a replica is.
    scene.database.run(&format!("ALTER DATABASE {database} SET default_transaction_read_only = on")).await;
    is_refused(&scene, &["takes no writes", "replica", "database.url"]).await;
    scene
        .database
        .run(&format!(
            "BEGIN READ WRITE; ALTER DATABASE {database} RESET default_transaction_read_only; COMMIT"
        ))
        .await;
    scene.goes_on_to_the_end(2).await;
}

/// Plans, and is refused with these words; nothing is in the vault.
async fn is_refused(scene: &Scene, telling: &[&str]) {
    let plan = scene.program(&["--plan", "--json"]).run().await.ended_with(0).json();
    assert_eq!(plan["fields"].as_array().unwrap().len(), 2, "{plan}");
    let _ = scene.migrate(&["--status"]).await.ended_with(0);
    let refused = scene.migrate(&[]).await.ended_with(1);
    tells(&refused.stderr, telling);
    assert!(scene.vault.names().await.is_empty());
    scene.has_lost_nothing(2).await;
}

/// Makes a user with these statements, which have the user's name in the place of `USER`.
async fn sign_in_as(scene: &Scene, kind: Kind, name: &str, rights: &[&str]) {
    let user = if kind == Kind::Postgres { name.to_owned() } else { format!("{name}@'%'") };
    let make = match kind {
        Kind::Postgres => format!("CREATE ROLE {name} LOGIN PASSWORD 'dummy'"),
        _ => format!("CREATE USER {user} IDENTIFIED BY 'dummy'"),
    };
    let rights: Vec<String> = rights.iter().map(|right| right.replace("USER", &user)).collect();
    scene.database.run(&format!("{make}; {}", rights.join("; "))).await;
    scene.configure(|file| {
        file["database"]["user"] = json!(name);
        file["database"]["password"] = json!("dummy");
    });
}

/// A name that no other test gives.
fn user_of(scene: &Scene, what: &str) -> String {
    // MySQL takes 32 characters.
    let database = &scene.database.server().database;
    let unique: String = database.chars().rev().take(20).filter(|c| *c != '_').collect();
    format!("{what}{unique}")
}

async fn a_user_who_may_only_read_can_plan_and_is_told_which_rights_are_missing(kind: Kind) {
    let scene = Scene::on(kind, 2, &[]).await;
    let database = &scene.database.server().database;
    let rights = match kind {
        Kind::Postgres => "GRANT SELECT ON ALL TABLES IN SCHEMA public TO USER".to_owned(),
        _ => format!("GRANT SELECT ON {database}.* TO USER"),
    };
    sign_in_as(&scene, kind, &user_of(&scene, "reader"), &[&rights]).await;
    is_refused(
        &scene,
        &["does not let its user do that", "grant SELECT, INSERT, UPDATE, DELETE and CREATE", "denied"],
    )
    .await;
    scene.configure(|_| ());
    scene.goes_on_to_the_end(2).await;
}

async fn a_user_who_may_not_change_the_services_is_refused_before_a_secret_is_written(kind: Kind) {
    let scene = Scene::on(kind, 2, &[]).await;
    let database = &scene.database.server().database;
    let (all, but) = match kind {
        Kind::Postgres => (
            vec![
                "GRANT ALL ON SCHEMA public TO USER".to_owned(),
                "GRANT ALL ON ALL TABLES IN SCHEMA public TO USER".to_owned(),
            ],
            "REVOKE UPDATE ON dbservice_entity FROM USER".to_owned(),
        ),
        _ => {
            let tables = scene
                .database
                .texts("SELECT CAST(table_name AS char) FROM information_schema.tables WHERE table_schema = database()")
                .await;
            let tables = tables.iter().filter(|table| *table != "dbservice_entity");
            let mut grants: Vec<String> =
                tables.map(|table| format!("GRANT ALL ON {database}.{table} TO USER")).collect();
            grants.push(format!("GRANT CREATE, SELECT ON {database}.* TO USER"));
            (grants, format!("GRANT SELECT ON {database}.dbservice_entity TO USER"))
        }
    };
    let rights: Vec<&str> = all.iter().chain([&but]).map(String::as_str).collect();
    sign_in_as(&scene, kind, &user_of(&scene, "writer"), &rights).await;
    is_refused(&scene, &["does not let its user do that", "dbservice_entity"]).await;
    scene.configure(|_| ());
    scene.goes_on_to_the_end(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_written_can_be_planned_for() {
    let scene = Scene::with(2).await;
    let data = scene.path().join("data");
    let permit =
        |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    permit(&data.join("metastore.db"), 0o444);
    permit(&data, 0o555);
    let plan = unprivileged(&scene, &["--plan", "--json"]).run().await.ended_with(0).json();
    assert_eq!(plan["fields"].as_array().unwrap().len(), 2, "{plan}");
    let _ = unprivileged(&scene, &["--status"]).run().await.ended_with(0);
    let refused = unprivileged(&scene, &[]).run().await.ended_with(1);
    tells(&refused.stderr, &["takes no writes", "make it writable"]);
    assert!(scene.vault.names().await.is_empty());

    permit(&data, 0o755);
    permit(&data.join("metastore.db"), 0o644);
    scene.goes_on_to_the_end(2).await;
}

/// The program as somebody whom permissions bind, which root has to give up first.
fn unprivileged(scene: &Scene, arguments: &[&str]) -> Program {
    let program = match rustix::process::getuid().is_root() {
        true => Program::with_binary(Path::new("setpriv"), scene.path())
            .args(["--bounding-set=-all", "--inh-caps=-all"])
            .arg(binary()),
        false => Program::new(scene.path()),
    };
    program.args(["migrate-secrets", "-c", CONFIG, "--data-dir", "data"]).args(arguments)
}
