//! Every way to sign in that `put`, `get` and the others know.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use strongroom_tests::identities::{APP, POD};
use strongroom_tests::managed::{self, MACHINE};
use strongroom_tests::vault::{OFFICER, Principal};
use strongroom_tests::{Identities, VaultServer, scratch};

use super::vault;

/// The variables of a client, but for those that prove who it is.
async fn unproved(server: &VaultServer, client_id: Option<&str>) -> BTreeMap<String, String> {
    let mut variables = server.environment(&OFFICER).await;
    variables.remove("AZURE_CLIENT_SECRET");
    match client_id {
        Some(id) => variables.insert("AZURE_CLIENT_ID".into(), id.into()),
        None => variables.remove("AZURE_CLIENT_ID"),
    };
    variables
}

#[tokio::test]
async fn a_certificate_and_a_service_account_serve_as_found_or_as_asked_for() {
    let folder = scratch();
    let identities = Identities::make(folder.path());
    let server = VaultServer::start_with(folder.path(), |config| identities.add_to(config)).await;
    server.set("a", "x").await;
    for (principal, kind, variable, file) in [
        (&APP, "client-certificate", "AZURE_CLIENT_CERTIFICATE_PATH", &identities.certificate),
        (&POD, "workload-identity", "AZURE_FEDERATED_TOKEN_FILE", &identities.token),
    ] {
        let variables = unproved(&server, Some(principal.client_id)).await;
        for asked_for in [&[][..], &["--credential", kind]] {
            let program =
                vault(folder.path(), &["get", "a"]).args(asked_for).envs(&variables).env(variable, file);
            assert_eq!(program.run().await.ended_with(0).stdout, "x", "{kind}");
        }
        let missing =
            vault(folder.path(), &["get", "a"]).envs(&variables).env(variable, "/nowhere/file").run().await;
        assert!(missing.ended_with(2).stderr.contains("/nowhere/file"));
        let other = unproved(&server, Some(OFFICER.client_id)).await;
        let refused =
            vault(folder.path(), &["get", "a"]).envs(other).env(variable, file).run().await.ended_with(1);
        assert!(
            refused.stderr.contains("AADSTS") && refused.stderr.contains(&server.authority()),
            "{}",
            refused.stderr
        );
    }
}

#[tokio::test]
async fn a_managed_identity_of_the_host_serves() {
    let folder = scratch();
    let server = VaultServer::start_with(folder.path(), managed::add_to).await;
    server.set("a", "x").await;
    let with_identity = |principal: &'static Principal| server.environment(principal);
    let variables = with_identity(&MACHINE).await;
    assert!(variables.contains_key("IDENTITY_ENDPOINT"));
    for asked_for in [&[][..], &["--credential", "managed-identity"]] {
        let got = vault(folder.path(), &["get", "a"]).args(asked_for).envs(&variables).run().await;
        assert_eq!(got.ended_with(0).stdout, "x");
    }
    let stranger = vault(folder.path(), &["get", "a"])
        .envs(&variables)
        .env("AZURE_CLIENT_ID", "99999999-9999-9999-9999-999999999999")
        .run()
        .await
        .ended_with(1);
    assert!(stranger.stderr.contains("managed identity endpoint"), "{}", stranger.stderr);
    let absent = vault(folder.path(), &["get", "a"])
        .envs(&variables)
        .env("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi/token")
        .run()
        .await
        .ended_with(1);
    assert!(absent.stderr.contains("no managed identity"), "{}", absent.stderr);
}

#[tokio::test]
async fn who_is_signed_in_to_the_azure_cli_serves_if_asked_for() {
    let folder = scratch();
    let server = VaultServer::start(folder.path()).await;
    server.set("a", "x").await;
    let token = server.token(&OFFICER).await;
    let az = |script: &str| {
        let path = folder.path().join("az");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let variables = unproved(&server, None).await;
    let get = || {
        vault(folder.path(), &["get", "a", "--credential", "azure-cli"])
            .envs(&variables)
            .env("PATH", &path)
            .run()
    };
    az(&format!(
        "test \"$1 $2\" = 'account get-access-token' && echo '{{\"accessToken\": \"{token}\", \"expires_on\": 4000000000, \"tokenType\": \"Bearer\"}}'"
    ));
    assert_eq!(get().await.ended_with(0).stdout, "x");
    az("echo \"Please run 'az login' to setup account.\" >&2; exit 1");
    let refused = get().await.ended_with(1);
    assert!(
        refused.stderr.contains("the Azure CLI gave no token (Please run 'az login'"),
        "{}",
        refused.stderr
    );
    let hanging = tokio::time::Instant::now();
    az("sleep 1000");
    let given_up = get().await.ended_with(1);
    assert!(given_up.stderr.contains("the Azure CLI gave no token within 10 s"), "{}", given_up.stderr);
    assert!(hanging.elapsed().as_secs() < 20, "{:?}", hanging.elapsed());
}

#[tokio::test]
async fn a_half_configured_credential_names_what_is_missing() {
    let folder = scratch();
    let program = vault(folder.path(), &["get", "a", "--vault-url", "https://v1.vault.localhost:1"])
        .env("AZURE_TENANT_ID", "adfs")
        .env("AZURE_CLIENT_SECRET", "hunter2");
    let refused = program.run().await.ended_with(1);
    assert!(refused.stderr.contains("AZURE_CLIENT_ID is not set") && !refused.stderr.contains("hunter2"));
    let typo = vault(folder.path(), &["get", "a", "--credential", "azure-cly"]).run().await.ended_with(2);
    assert!(typo.stderr.contains("azure-cli"), "{}", typo.stderr);
}
