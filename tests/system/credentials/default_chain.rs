//! The default chain of credentials: who is found, in which order, and who uses it.

use std::collections::BTreeMap;
use std::fs;

use reqwest::Method;
use serde_json::json;
use strongroom_entities::FernetKeys;
use strongroom_secrets::random::SystemRandom;
use strongroom_tests::api::{self, ADMIN};
use strongroom_tests::identities::{Identities, POD};
use strongroom_tests::managed::{self, MACHINE};
use strongroom_tests::metadata::{ADMIN_PASSWORD, CONFIG, configuration, write_configuration};
use strongroom_tests::vault::{OFFICER, Principal, TENANT, USER};
use strongroom_tests::{MetadataServer, Network, Program, VaultServer, scratch};

use super::tool;

/// The variables of a client of `server`, without what proves who it is.
async fn unproved(server: &VaultServer) -> BTreeMap<String, String> {
    let mut variables = server.environment(&OFFICER).await;
    for name in ["AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"] {
        variables.remove(name);
    }
    variables
}

fn az(token: &str) -> String {
    format!("echo '{{\"accessToken\": \"{token}\", \"expires_on\": 4000000000, \"tokenType\": \"Bearer\"}}'")
}

fn azd(token: &str) -> String {
    format!("echo '{{\"token\": \"{token}\", \"expiresOn\": \"2096-10-02T07:06:40Z\"}}'")
}

/// The principals that the vault's audit trail tells of, as often as each had a secret shown.
fn readers(server: &VaultServer) -> BTreeMap<String, usize> {
    let audit = fs::read_to_string(server.data_dir().join("audit.jsonl")).unwrap();
    let mut readers = BTreeMap::new();
    for line in audit.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        if line["operation"] == "GetSecret" && line["status"] == 200 {
            *readers.entry(line["principal"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    readers
}

#[tokio::test]
async fn the_first_that_is_there_is_taken_in_the_documented_order() {
    let folder = scratch();
    let identities = Identities::make(folder.path());
    let server = VaultServer::start_with(folder.path(), |config| {
        identities.add_to(config);
        managed::add_to(config);
    })
    .await;
    server.set("a", "x").await;
    let tools = folder.path().join("tools");
    fs::create_dir(&tools).unwrap();
    tool(&tools, "az", &az(&server.token(&USER).await));
    tool(&tools, "azd", &azd(&server.token(&OFFICER).await));
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let host = server.environment(&MACHINE).await;
    let get = |links: &[&str], selected: Option<&str>| {
        let mut program = Program::new(folder.path()).args(["vault", "get", "a"]).env("PATH", &path);
        for link in links {
            program = match *link {
                "secret" => program
                    .env("AZURE_CLIENT_ID", USER.client_id)
                    .env("AZURE_CLIENT_SECRET", USER.client_secret),
                "token file" => program
                    .env("AZURE_CLIENT_ID", POD.client_id)
                    .env("AZURE_FEDERATED_TOKEN_FILE", &identities.token),
                "host" => {
                    let own = ["IDENTITY_ENDPOINT", "IDENTITY_HEADER"];
                    program.envs(own.map(|name| (name, host[name].clone())))
                }
                other => panic!("{other}"),
            };
        }
        match selected {
            Some(selected) => program.env("AZURE_TOKEN_CREDENTIALS", selected),
            None => program,
        }
    };
    let mut before = readers(&server);
    for (links, selected, principal) in [
        (&["token file", "secret", "host"][..], None, USER),
        (&["token file", "host"], None, POD),
        (&["host"], None, MACHINE),
        (&["token file", "secret", "host"], Some("WorkloadIdentityCredential"), POD),
        (&["token file", "host"], Some("managedidentitycredential"), MACHINE),
        (&["host"], Some("DEV"), USER),
        (&["host"], Some("AzureDeveloperCliCredential"), OFFICER),
    ] {
        let principal: Principal = principal;
        // The id of a pod names no identity of the machine.
        let mut program = get(links, selected).envs(unproved(&server).await);
        if selected == Some("managedidentitycredential") || selected == Some("WorkloadIdentityCredential") {
            program = program.env("AZURE_CLIENT_ID", principal.client_id);
        }
        assert_eq!(program.run().await.ended_with(0).stdout, "x", "{links:?} {selected:?}");
        let after = readers(&server);
        let by = |counts: &BTreeMap<String, usize>| counts.get(principal.name).copied().unwrap_or_default();
        assert_eq!(by(&after), by(&before) + 1, "{links:?} {selected:?}: {after:?}");
        before = after;
    }
}

#[tokio::test]
async fn if_all_decline_each_is_told_with_its_reason_in_a_line_of_its_own() {
    let (folder, network) = (scratch(), Network::new());
    let tools = folder.path().join("tools");
    fs::create_dir(&tools).unwrap();
    tool(&tools, "az", "echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1");
    // There is no vault in this network, and it is asked first: it has to be one that asks for a token.
    let mut vault = network
        .strongroom(folder.path())
        .args(["vault", "--dev", "--data-dir", "vault", "--listen", "127.0.0.1:8443"])
        .start(folder.path(), "vault");
    vault.says("listening").await;
    let failed = network
        .strongroom(folder.path())
        .args(["vault", "get", "a", "--vault-url", "https://dev.vault.localhost:8443"])
        .env("OM_SM_CA_FILE", folder.path().join("vault/ca.pem"))
        .env("PATH", format!("{}:{}", tools.display(), std::env::var("PATH").unwrap()))
        .run()
        .await
        .ended_with(1);
    let listed: Vec<_> = failed.stderr.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let wanted = [
        "environment: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET are not set",
        "workload identity: AZURE_FEDERATED_TOKEN_FILE is not set",
        "managed identity: the managed identity endpoint http://169.254.169.254 cannot be reached",
        "Visual Studio Code: Strongroom cannot ask it",
        "Azure CLI: the Azure CLI gave no token (ERROR: Please run 'az login' to setup account.)",
        "Azure PowerShell: Strongroom cannot ask it",
        "Azure Developer CLI: azd is not on the PATH",
    ];
    assert_eq!(listed.len(), wanted.len(), "{}", failed.stderr);
    for (line, wanted) in listed.iter().zip(wanted) {
        assert!(line.starts_with(wanted), "{line:?} is not {wanted:?}");
    }
    assert!(failed.stderr.contains("\n(set AZURE_TENANT_ID"), "{}", failed.stderr);
}

#[tokio::test]
async fn a_selection_that_is_none_is_wrong_usage() {
    let folder = scratch();
    let refused = Program::new(folder.path())
        .args(["vault", "get", "a", "--vault-url", "https://v1.vault.localhost:1"])
        .env("AZURE_TOKEN_CREDENTIALS", "production")
        .run()
        .await
        .ended_with(2);
    assert!(refused.stderr.contains("prod, dev or one of EnvironmentCredential"), "{}", refused.stderr);
}

#[tokio::test]
async fn server_migration_and_resolution_use_it_where_the_configuration_has_no_client_secret() {
    let folder = scratch();
    let identities = Identities::make(folder.path());
    let vault = VaultServer::start_with(folder.path(), |config| {
        identities.add_to(config);
        managed::add_to(config);
    })
    .await;
    let mut config = configuration(&vault, FernetKeys::generate(&SystemRandom).expose());
    let parameters = config["secretsManagerConfiguration"]["parameters"].as_object_mut().unwrap();
    for key in ["tenantId", "clientId", "clientSecret"] {
        parameters.insert(key.to_owned(), json!(""));
    }
    write_configuration(folder.path(), &config);
    let pod = [
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", POD.client_id),
        ("AZURE_FEDERATED_TOKEN_FILE", identities.token.to_str().unwrap()),
    ];
    let mut server = MetadataServer::start(folder.path(), &pod).await;
    let answer = server.sign_in(ADMIN, ADMIN_PASSWORD).await.expect(200);
    let admin = answer["accessToken"].as_str().unwrap();
    server.send_service(Method::POST, admin, &api::postgres("shop", "dummy-shop")).await.expect(201);
    assert!(server.running().stop().await.success());
    let name = "openmetadata-database-shop-authtype-password";
    assert_eq!(vault.secret(name).await.as_deref(), Some("dummy-shop"));

    let machine = vault.environment(&MACHINE).await;
    let host = ["IDENTITY_ENDPOINT", "IDENTITY_HEADER"].map(|name| (name, machine[name].clone()));
    let migrated = Program::new(folder.path())
        .args(["migrate-secrets", "-c", CONFIG, "--data-dir", "data"])
        .envs(host)
        .run()
        .await;
    let _ = migrated.ended_with(0);

    let resolved = Program::new(folder.path())
        .args(["resolve", name])
        .envs(unproved(&vault).await)
        .envs(pod)
        .run()
        .await;
    assert_eq!(resolved.ended_with(0).stdout, "dummy-shop");
}
