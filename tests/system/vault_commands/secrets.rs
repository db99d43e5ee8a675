//! `put`, `get`, `list`, `delete` and `recover`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use strongroom_tests::vault::{OFFICER, USER};
use strongroom_tests::{Finished, Program, VaultServer, scratch};
use tempfile::TempDir;

use super::vault;

struct Scene {
    folder: TempDir,
    vault: VaultServer,
    officer: BTreeMap<String, String>,
}

impl Scene {
    async fn set_up() -> Self {
        let folder = scratch();
        let vault = VaultServer::start(folder.path()).await;
        let officer = vault.environment(&OFFICER).await;
        Self { folder, vault, officer }
    }

    fn program(&self, arguments: &[&str]) -> Program {
        vault(self.folder.path(), arguments).envs(&self.officer)
    }

    async fn run(&self, arguments: &[&str]) -> Finished {
        self.program(arguments).run().await
    }

    async fn put(&self, arguments: &[&str], value: &str) -> Finished {
        self.program(&["put"]).args(arguments).stdin(value).run().await
    }
}

#[tokio::test]
async fn a_value_goes_in_and_comes_out_byte_for_byte() {
    let scene = Scene::set_up().await;
    for value in ["pa$$ \"word\"", "line\n", "", "Grüße\r\n\0\t"] {
        let put = scene.put(&["a"], value).await.ended_with(0);
        let version = put.stdout.trim().strip_prefix("a ").unwrap();
        assert_eq!(version.len(), 32);
        assert_eq!(put.stderr.contains("ends in a line break"), value.ends_with('\n'), "{}", put.stderr);
        for arguments in [&["get", "a"][..], &["get", "A", "--version", version]] {
            let got = scene.run(arguments).await.ended_with(0);
            assert_eq!((got.stdout.as_str(), got.stderr.as_str()), (value, ""));
        }
    }
    let _ = scene.put(&["a", "--trim-newline"], "line\n").await.ended_with(0);
    assert_eq!(scene.vault.secret("a").await.as_deref(), Some("line"));
}

#[tokio::test]
async fn files_and_json_carry_what_standard_input_and_output_do() {
    let scene = Scene::set_up().await;
    fs::write(scene.folder.path().join("value"), "from a file").unwrap();
    let put = scene
        .run(&["put", "a", "--file", "value", "--content-type", "text/plain", "--tag", "team=data", "--json"])
        .await
        .ended_with(0);
    assert_eq!(put.json()["tags"]["team"], "data");
    assert!(!put.stdout.contains("from a file"));
    let got = scene.run(&["get", "a", "--json"]).await.ended_with(0).json();
    assert_eq!(
        (got["value"].as_str(), got["contentType"].as_str()),
        (Some("from a file"), Some("text/plain"))
    );
    assert_eq!(got["version"], put.json()["version"]);
    let saved = scene.run(&["get", "a", "--output", "copy"]).await.ended_with(0);
    assert_eq!(saved.stdout, "");
    let copy = scene.folder.path().join("copy");
    assert_eq!(fs::read_to_string(&copy).unwrap(), "from a file");
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn listings_go_over_all_pages_and_show_no_value() {
    let scene = Scene::set_up().await;
    let names: Vec<_> = (0..60).map(|number| format!("listed-{number:02}")).collect();
    for name in &names {
        scene.vault.set(name, "hunter2").await;
    }
    scene.vault.set("listed-00", "hunter3").await;
    let listed = scene.run(&["list"]).await.ended_with(0).stdout;
    assert_eq!(listed.lines().collect::<Vec<_>>(), names);
    let json = scene.run(&["list", "--json"]).await.ended_with(0);
    assert_eq!(json.json().as_array().unwrap().len(), 60);
    assert!(!json.stdout.contains("hunter"));
    let versions = scene.run(&["list", "--versions", "LISTED-00"]).await.ended_with(0).stdout;
    assert_eq!(versions.lines().count(), 2);

    let deleted = scene.run(&["delete", "listed-00"]).await.ended_with(0).stdout;
    assert!(deleted.starts_with("listed-00 is deleted"));
    assert_eq!(scene.run(&["list"]).await.ended_with(0).stdout.lines().count(), 59);
    assert_eq!(scene.run(&["list", "--deleted"]).await.ended_with(0).stdout, "listed-00\n");
    assert_eq!(scene.run(&["recover", "listed-00"]).await.ended_with(0).stdout, "listed-00 is back\n");
    assert_eq!(scene.run(&["get", "listed-00"]).await.ended_with(0).stdout, "hunter3");
}

#[tokio::test]
async fn putting_a_deleted_secret_brings_it_back_first() {
    let scene = Scene::set_up().await;
    scene.vault.set("one", "hunter2").await;
    let _ = scene.run(&["delete", "one"]).await.ended_with(0);
    let put = scene.put(&["one"], "hunter3").await.ended_with(0);
    assert!(put.stderr.contains("one was deleted: it is recovered"), "{}", put.stderr);
    assert_eq!(scene.run(&["get", "one"]).await.ended_with(0).stdout, "hunter3");
    let versions = scene.run(&["list", "--versions", "one"]).await.ended_with(0).stdout;
    assert_eq!(versions.lines().count(), 2, "with the versions it had");
}

#[tokio::test]
async fn what_goes_wrong_says_which_vault_and_what_to_do_and_repeats_no_value() {
    let scene = Scene::set_up().await;
    let absent = scene.run(&["get", "absent"]).await.ended_with(1);
    assert!(absent.stdout.is_empty() && absent.stderr.contains(&scene.vault.url()), "{}", absent.stderr);
    let misplaced = scene.put(&["hunter_2"], "x").await.ended_with(2);
    assert!(!misplaced.stderr.contains("hunter"), "{}", misplaced.stderr);
    let argument = scene.run(&["put", "a", "hunter2"]).await.ended_with(2);
    assert!(argument.stdout.is_empty(), "a value is no argument");
    let long = scene.put(&["a"], &"x".repeat(25_601)).await.ended_with(2);
    assert!(long.stderr.contains("25600") && !long.stderr.contains("xx"), "{}", long.stderr);
    let nowhere = vault(scene.folder.path(), &["get", "a"]).run().await.ended_with(2);
    assert!(nowhere.stderr.contains("--vault-url"), "{}", nowhere.stderr);
    let url = scene.vault.url();
    let nobody = ["get", "a", "--vault-url", &url, "--credential", "client-secret"];
    let nobody = vault(scene.folder.path(), &nobody).run().await.ended_with(1);
    assert!(nobody.stderr.contains("AZURE_CLIENT_SECRET"), "{}", nobody.stderr);
    let reader = scene.vault.environment(&USER).await;
    let refused = vault(scene.folder.path(), &["put", "a"]).envs(reader).stdin("x").run().await.ended_with(1);
    assert!(refused.stderr.contains("Key Vault Secrets Officer"), "{}", refused.stderr);
}
