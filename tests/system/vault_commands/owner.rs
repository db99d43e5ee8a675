//! Vaults, principals and roles, made with and without a running vault.

use std::fs;
use std::path::Path;

use serde_json::json;
use strongroom_tests::vault::{OFFICER, USER, environment};
use strongroom_tests::{Finished, VaultServer, scratch};

use super::vault;

async fn run(folder: &Path, arguments: &[&str]) -> Finished {
    vault(folder, arguments).args(["--data-dir", "vault"]).run().await
}

async fn done(folder: &Path, arguments: &[&str]) -> String {
    let finished = run(folder, arguments).await.ended_with(0);
    assert_eq!(finished.stderr, "", "nothing is wrong, so nothing is said");
    finished.stdout
}

#[tokio::test]
async fn what_is_made_is_the_same_with_and_without_a_running_vault() {
    let folder = scratch();
    let mut server = VaultServer::start(folder.path()).await;
    for state in ["running", "resting"] {
        if state == "resting" {
            assert!(server.running().stop().await.success());
        }
        let (new, app) = (format!("new-{state}"), format!("app-{state}"));
        let made =
            done(folder.path(), &["create", &new, "--retention-days", "7", "--purge-protection"]).await;
        assert_eq!(made, format!("vault {new} is there\n"));
        let listed = done(folder.path(), &["vaults"]).await;
        assert!(listed.contains(&format!("{new}  7 days     yes               command\n")), "{listed}");
        let made = run(folder.path(), &["principal", "add", &app, "--client-id", &app, "--json"]).await;
        let made = made.ended_with(0).json();
        let secret = made["secret"]["value"].as_str().unwrap().to_owned();
        assert_eq!((made["clientId"].as_str(), secret.len()), (Some(app.as_str()), 43));
        let role = ["Key Vault Secrets Officer", "--vault", &new];
        done(folder.path(), &["role", "assign", &app, role[0], role[1], role[2]]).await;
        let shown = done(folder.path(), &["principal", "show", &app]).await;
        assert!(
            shown.contains(&format!("Key Vault Secrets Officer at {new}")) && !shown.contains(&secret),
            "{shown}"
        );
        let listed = run(folder.path(), &["principal", "list", "--json"]).await.ended_with(0).json();
        let names: Vec<_> = listed.as_array().unwrap().iter().map(|known| known["name"].clone()).collect();
        assert!(names.contains(&json!(app)) && names.contains(&json!("server")), "{names:?}");
    }
}

#[tokio::test]
async fn a_chosen_secret_comes_from_standard_input_or_a_file_and_is_shown_nowhere() {
    let folder = scratch();
    let server = VaultServer::start(folder.path()).await;
    fs::write(folder.path().join("secret"), "chosen by a person\r\n").unwrap();
    let by_file =
        run(folder.path(), &["principal", "add", "by-file", "--client-id", "f", "--secret-file", "secret"])
            .await;
    let by_stdin =
        vault(folder.path(), &["principal", "add", "by-stdin", "--client-id", "i", "--secret-stdin"])
            .args(["--data-dir", "vault", "--json"])
            .stdin("chosen by another\n")
            .run()
            .await;
    for finished in [by_file, by_stdin] {
        let finished = finished.ended_with(0);
        assert!(
            !format!("{}{}", finished.stdout, finished.stderr).contains("chosen by"),
            "{}",
            finished.stdout
        );
    }
    for (client_id, client_secret) in [("f", "chosen by a person"), ("i", "chosen by another")] {
        let principal = strongroom_tests::vault::Principal { name: "", client_id, client_secret };
        server.token(&principal).await;
    }
    let short = vault(folder.path(), &["principal", "add", "x", "--secret-stdin", "--data-dir", "vault"]);
    let refused = short.stdin("hunter2").run().await.ended_with(2);
    assert!(refused.stderr.contains("8 to 256 characters") && !refused.stderr.contains("hunter2"));
}

#[tokio::test]
async fn mistakes_are_named_with_what_to_do_and_change_nothing() {
    let folder = scratch();
    let nothing = run(folder.path(), &["principal", "list"]).await.ended_with(2);
    assert!(nothing.stderr.contains("there is no vault in vault"), "{}", nothing.stderr);
    assert!(!folder.path().join("vault").exists());

    let _server = VaultServer::start(folder.path()).await;
    done(folder.path(), &["principal", "add", "app"]).await;
    let before = done(folder.path(), &["principal", "list"]).await;
    for (arguments, part) in [
        (&["create", "1st"][..], "does not start with a letter"),
        (&["create", "a--b"], "hyphens"),
        (&["create", "V1"], "there is a vault \"v1\" already"),
        (&["principal", "add", "APP"], "there is a principal \"app\" already"),
        (&["principal", "show", "ap"], "did you mean \"app\"?"),
        (&["principal", "remove", "server"], "stands in vault.yaml"),
        (
            &["role", "assign", "app", "Key Vault Secret User", "--vault", "v1"],
            "did you mean \"Key Vault Secrets User\"?",
        ),
        (&["role", "assign", "app", "Key Vault Reader", "--vault", "v2"], "did you mean \"v1\"?"),
        (&["role", "remove", "Key Vault Reader"], "Azure's roles cannot be removed"),
        (&["role", "define", "own", "--action", "nonsense"], "nonsense"),
    ] {
        let refused = run(folder.path(), arguments).await.ended_with(2);
        assert!(
            refused.stdout.is_empty() && refused.stderr.contains(part),
            "{arguments:?}: {}",
            refused.stderr
        );
    }
    assert_eq!(done(folder.path(), &["principal", "list"]).await, before);
}

#[tokio::test]
async fn roles_hold_from_the_next_call_on() {
    let folder = scratch();
    let server = VaultServer::start(folder.path()).await;
    server.set("one", "1").await;
    server.set("two", "2").await;
    let added = run(folder.path(), &["principal", "add", "app", "--json"]).await.ended_with(0).json();
    let mut variables = environment(folder.path(), "vault", USER.name, "v1").await;
    variables.insert("AZURE_CLIENT_ID".into(), added["clientId"].as_str().unwrap().into());
    variables.insert("AZURE_CLIENT_SECRET".into(), added["secret"]["value"].as_str().unwrap().into());
    let get = |name: &'static str| vault(folder.path(), &["get", name]).envs(&variables).run();
    let refused = get("one").await.ended_with(1);
    assert!(refused.stderr.contains("Key Vault Secrets User"), "the role that it lacks: {}", refused.stderr);
    done(
        folder.path(),
        &["role", "define", "Own", "--action", "Microsoft.KeyVault/vaults/secrets/getSecret/action"],
    )
    .await;
    done(folder.path(), &["role", "assign", "app", "own", "--vault", "v1", "--secret", "ONE"]).await;
    assert_eq!(get("one").await.ended_with(0).stdout, "1");
    let _ = get("two").await.ended_with(1);
    let held = run(folder.path(), &["role", "remove", "own"]).await.ended_with(2);
    assert!(held.stderr.contains("\"app\" has the role"), "{}", held.stderr);
    done(folder.path(), &["role", "unassign", "app", "own", "--vault", "v1", "--secret", "one"]).await;
    let _ = get("one").await.ended_with(1);
    done(folder.path(), &["role", "remove", "own"]).await;
    done(folder.path(), &["principal", "remove", "app"]).await;
    let gone = get("one").await.ended_with(1);
    assert!(gone.stderr.contains("700016"), "{}", gone.stderr);
}

#[tokio::test]
async fn the_configuration_is_read_again_and_a_bad_one_changes_nothing() {
    let folder = scratch();
    let mut server = VaultServer::start(folder.path()).await;
    let file = folder.path().join("vault.yaml");
    let good = fs::read_to_string(&file).unwrap();
    let mut changed: serde_json::Value = serde_json::from_str(&good).unwrap();
    changed["vaults"].as_array_mut().unwrap().push(json!({"name": "v2"}));
    changed["tenants"] = json!(["contoso.example"]);
    fs::write(&file, changed.to_string()).unwrap();
    let told = done(folder.path(), &["reload"]).await;
    assert!(told.contains("the change of tenants takes effect at the next start only"), "{told}");
    assert!(done(folder.path(), &["vaults"]).await.contains("v2 "));

    fs::write(&file, "vaults: [{name: v1}]\nprincipal: []\n").unwrap();
    let refused = run(folder.path(), &["reload"]).await.ended_with(2);
    assert!(
        refused.stderr.contains("line 2") && refused.stderr.contains("\"principal\""),
        "{}",
        refused.stderr
    );
    server.running().hang_up();
    server.running().says("the configuration was not reloaded").await;
    server.set("a", "x").await;
    assert!(done(folder.path(), &["vaults"]).await.contains("v2 "));

    fs::write(&file, good).unwrap();
    server.running().hang_up();
    server.running().says("the configuration was reloaded vaults=1").await;
    assert_eq!(server.secret("a").await.as_deref(), Some("x"));
    assert!(server.running().stop().await.success());
    let idle = run(folder.path(), &["reload"]).await.ended_with(2);
    assert!(idle.stderr.contains("no vault runs on"), "{}", idle.stderr);
}

#[tokio::test]
async fn a_client_secret_is_changed_without_a_gap() {
    let folder = scratch();
    let server = VaultServer::start(folder.path()).await;
    let added = run(folder.path(), &["principal", "add", "app", "--json"]).await.ended_with(0).json();
    let (client_id, old) = (added["clientId"].as_str().unwrap(), added["secret"]["id"].as_str().unwrap());
    let next =
        run(folder.path(), &["principal", "add-secret", "app", "--expires-in-days", "30", "--json"]).await;
    let next = next.ended_with(0).json();
    let secret = |of: &serde_json::Value| -> &'static str {
        of["secret"]["value"].as_str().unwrap().to_owned().leak()
    };
    let sign_in = |client_secret| strongroom_tests::vault::Principal {
        name: "app",
        client_id: client_id.to_owned().leak(),
        client_secret,
    };
    for secret in [secret(&added), secret(&next)] {
        server.token(&sign_in(secret)).await;
    }
    let left = done(folder.path(), &["principal", "remove-secret", "app", old]).await;
    assert!(left.contains("drawn, until 20") && !left.contains(old), "{left}");
    server.token(&sign_in(secret(&next))).await;
    assert_eq!(server.token(&OFFICER).await.split('.').count(), 3);
}

#[tokio::test]
async fn variables_are_printed_for_what_was_made_at_run_time_too() {
    let folder = scratch();
    let mut server = VaultServer::start(folder.path()).await;
    done(folder.path(), &["create", "made"]).await;
    let added = run(folder.path(), &["principal", "add", "app", "--json"]).await.ended_with(0).json();
    done(folder.path(), &["role", "assign", "app", "Key Vault Secrets Officer", "--vault", "made"]).await;
    let by_file =
        run(folder.path(), &["env", "--principal", "server", "--vault", "made"]).await.ended_with(0);
    assert!(
        by_file.stdout.contains("export AZURE_KEY_VAULT_NAME='made'\n") && by_file.stdout.contains("s3rver")
    );
    for state in ["running", "resting"] {
        if state == "resting" {
            assert!(server.running().stop().await.success());
        }
        let printed = run(folder.path(), &["env", "--principal", "app"]).await.ended_with(0);
        let id = added["clientId"].as_str().unwrap();
        assert!(printed.stdout.contains(&format!("export AZURE_CLIENT_ID='{id}'\n")), "{}", printed.stdout);
        assert!(printed.stdout.contains("AZURE_KEY_VAULT_NAME='made'"), "{}", printed.stdout);
        assert!(printed.stderr.contains("set AZURE_CLIENT_SECRET"), "{}", printed.stderr);
    }
    let typo = run(folder.path(), &["env", "--principal", "ap"]).await.ended_with(2);
    assert!(typo.stderr.contains("did you mean \"app\"?"), "{}", typo.stderr);
}
