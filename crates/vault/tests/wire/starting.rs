//! What keeps a vault from starting, and that nothing is harmed by trying.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use strongroom_vault::{ConfigSource, ErrorKind, Options, Vault, VaultConfig};

use crate::durability::connect;
use crate::harness::{TestVault, config};

fn options(folder: &Path) -> Options {
    let mut options = Options::new(folder);
    options.config = ConfigSource::Given(Box::new(config()));
    options
}

/// Every file of a folder with its content.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(content(&path));
        } else if !path.to_string_lossy().ends_with("-shm") {
            files.insert(path.to_string_lossy().into_owned(), std::fs::read(&path).unwrap());
        }
    }
    files
}

/// A folder with one secret in it, closed in order.
async fn used() -> tempfile::TempDir {
    let vault = TestVault::start().await;
    vault.officer().await.set("a", "one").await;
    let TestVault { folder, running, client, .. } = vault;
    drop(client);
    running.stop().await.unwrap();
    folder
}

#[tokio::test]
async fn a_wrong_missing_or_broken_master_key_is_refused_and_harms_nothing() {
    let parent = used().await;
    let folder = parent.path().join("vault");
    let key = folder.join("master.key");
    let right = std::fs::read(&key).unwrap();
    let database = std::fs::read(folder.join("vault.db")).unwrap();
    for (wrong, part) in [
        (Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), "is not the one"),
        (Some("hunter2"), "does not hold 32 bytes"),
        (None, "is missing"),
    ] {
        match wrong {
            Some(text) => std::fs::write(&key, text).unwrap(),
            None => std::fs::remove_file(&key).unwrap(),
        }
        let error = Vault::open(options(&folder)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MasterKey);
        assert!(error.is_usage());
        let message = error.to_string();
        assert!(
            message.contains(part) && message.contains("master.key") && !message.contains("hunter2"),
            "{message}"
        );
        assert_eq!(std::fs::read(folder.join("vault.db")).unwrap(), database);
        assert_eq!(key.exists(), wrong.is_some(), "no new key is made");
    }
    let elsewhere = parent.path().join("elsewhere.key");
    std::fs::write(&elsewhere, right).unwrap();
    let mut options = options(&folder);
    options.master_key_file = Some(elsewhere);
    Vault::open(options).await.unwrap();
}

#[tokio::test]
async fn a_master_key_from_the_environment_leaves_no_file_and_has_to_be_the_right_one() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("vault");
    let with = |key: &str, file: Option<&str>| {
        let mut options = options(&folder);
        options.master_key = Some(strongroom_secrets::SecretValue::new(key));
        options.master_key_file = file.map(Into::into);
        options
    };
    let (right, wrong) =
        ("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    drop(Vault::open(with(right, None)).await.unwrap());
    assert!(!folder.join("master.key").exists());
    for (options, part) in [
        (with(wrong, None), "is not the one"),
        (with("hunter2", None), "does not hold 32 bytes"),
        (with(right, Some("elsewhere.key")), "is named too"),
        (options(&folder), "master.key is missing"),
    ] {
        let error = Vault::open(options).await.unwrap_err();
        let message = error.to_string();
        assert!(error.kind() == ErrorKind::MasterKey && error.is_usage(), "{message}");
        assert!(
            message.contains(part) && !message.contains("hunter2") && !message.contains(wrong),
            "{message}"
        );
    }
    Vault::open(with(right, None)).await.unwrap();
}

#[tokio::test]
async fn a_database_from_the_future_is_refused_and_left_alone() {
    let parent = used().await;
    let folder = parent.path().join("vault");
    let mut connection = connect(&folder.join("vault.db")).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', TRUE, x'00', 0)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    sqlx::Connection::close(connection).await.unwrap();
    let before = content(&folder);
    let error = Vault::open(options(&folder)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FutureDatabase);
    assert!(!error.is_usage());
    let message = error.to_string();
    assert!(message.contains("schema version 9999") && message.contains("vault.db"), "{message}");
    let after = content(&folder);
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    for (path, bytes) in before {
        assert!(after[&path] == bytes, "{path} was changed");
    }
}

#[tokio::test]
async fn two_processes_cannot_share_a_folder() {
    let vault = TestVault::start().await;
    let error = Vault::open(options(&vault.folder.path().join("vault"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FolderInUse);
    vault.officer().await.set("a", "x").await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = options(parent.path());
    options.listen = Some(taken.local_addr().unwrap());
    let error = Vault::open(options).await.unwrap().start(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Address);
    let message = error.to_string();
    assert!(
        message.contains(&taken.local_addr().unwrap().to_string()) && message.contains("--listen"),
        "{message}"
    );
}

#[tokio::test]
async fn a_wrong_configuration_leaves_no_trace() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("given.yaml");
    std::fs::write(&file, "vaults:\n  - name: v1\n    retention: 7\n").unwrap();
    let folder = parent.path().join("vault");
    for source in [
        ConfigSource::File(file),
        ConfigSource::File(parent.path().join("missing.yaml")),
        ConfigSource::Given(Box::new(VaultConfig { domain: "a..b".into(), ..config() })),
    ] {
        let mut options = options(&folder);
        options.config = source;
        let error = Vault::open(options).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Configuration && error.is_usage(), "{error}");
        assert!(!folder.exists());
    }
}

#[tokio::test]
async fn a_first_start_without_a_file_makes_one_that_the_second_reads() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("vault");
    let first = Vault::open(Options::new(&folder)).await.unwrap();
    let names: Vec<_> = first.config().principals.iter().map(|principal| principal.name.clone()).collect();
    assert_eq!(first.config().vaults[0].name, "dev");
    assert_eq!(names, ["server", "ingestion"]);
    let id = first.config().principals[0].client_id.clone();
    drop(first);
    let second = Vault::open(Options::new(&folder)).await.unwrap();
    assert_eq!(second.config().principals[0].client_id, id);

    let mode = |path: &str| folder.join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    for private in ["vault.yaml", "vault.db", "master.key", "pki/ca.key", "pki/server.key"] {
        assert_eq!(mode(private), 0o600, "{private}");
    }
}

#[tokio::test]
async fn a_client_secret_can_lie_in_a_file_of_its_own() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("vault.yaml");
    let text = "listen: 127.0.0.1:0\nvaults: [{name: v1}]\nprincipals:\n  - name: server\n    clientId: abc\n    \
                clientSecretFile: secret.txt\n    roles: [{vault: v1, role: Key Vault Secrets Officer}]\n";
    std::fs::write(&file, text).unwrap();
    let missing = VaultConfig::read(&file).unwrap_err();
    assert!(missing.is_usage() && missing.to_string().contains("secret.txt"), "{missing}");
    std::fs::write(parent.path().join("secret.txt"), "hunter2\n").unwrap();
    let mut options = Options::new(parent.path().join("vault"));
    options.config = ConfigSource::File(file);
    let running = Vault::open(options).await.unwrap().start(None).await.unwrap();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "abc"),
        ("client_secret", "hunter2"),
        ("resource", "https://vault.azure.net"),
    ];
    let url = format!("{}/adfs/oauth2/token", running.authority());
    let answer = crate::harness::client(&running).post(url).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    running.stop().await.unwrap();
}
