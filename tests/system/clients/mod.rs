//! Azure's own packages from the registries, unmodified, against `strongroom vault`: a file for each language.

mod az;
mod go;
mod java;
mod javascript;
mod python;
mod rust;

use strongroom_tests::identities::{APP, POD};
use strongroom_tests::managed::{self, MACHINE, WORKER, WORKER_RESOURCE_ID};
use strongroom_tests::vault::{OFFICER, Principal};
use strongroom_tests::{Client, Identities, Program, VaultServer, clients, scratch};

/// Starts a vault and insists that the client that `program` makes for `principal` passes there.
async fn passes(principal: &Principal, program: impl AsyncFnOnce(Client<'_>) -> Program) {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let client = Client { vault: &vault, principal, folder: folder.path() };
    clients::passes(program(client).await).await;
}

/// Starts a vault that knows principals without a client secret, and insists that they pass the script that `program`
/// makes with each of the `ways` to sign in.
async fn passes_without_a_secret(ways: &[&str], program: impl AsyncFn(Client<'_>) -> Program) {
    let folder = scratch();
    let identities = Identities::make(folder.path());
    let vault = VaultServer::start_with(folder.path(), |config| identities.add_to(config)).await;
    for way in ways {
        let (principal, variable, file) = match *way {
            "certificate" => (&APP, "AZURE_CLIENT_CERTIFICATE_PATH", &identities.certificate),
            "workload-identity" => (&POD, "AZURE_FEDERATED_TOKEN_FILE", &identities.token),
            other => panic!("there is no way {other}"),
        };
        let client = Client { vault: &vault, principal, folder: folder.path() };
        clients::passes(program(client).await.arg(way).env(variable, file)).await;
    }
}

/// Starts a vault with managed identities, and insists that the machine passes the script that `program` makes with each of
/// the `services` that give tokens.
async fn passes_as_managed_identity(services: &[&str], program: impl AsyncFn(Client<'_>) -> Program) {
    let folder = scratch();
    let vault = VaultServer::start_with(folder.path(), managed::add_to).await;
    let client = Client { vault: &vault, principal: &MACHINE, folder: folder.path() };
    for service in services {
        let others: &[&str] = match *service {
            "app-service" => &["AZURE_POD_IDENTITY_AUTHORITY_HOST"],
            "imds" => &["IDENTITY_ENDPOINT", "IDENTITY_HEADER"],
            other => panic!("there is no service {other}"),
        };
        let program = others.iter().fold(program(client).await, Program::without);
        let program = program.arg(service).envs([
            ("MACHINE", MACHINE.client_id),
            ("WORKER", WORKER.client_id),
            ("WORKER_RESOURCE_ID", WORKER_RESOURCE_ID),
        ]);
        clients::passes(program).await;
    }
}

/// Starts a vault whose tenant has an id, and insists that the officer passes there.
async fn passes_in_a_tenant_with_an_id(program: impl AsyncFnOnce(Client<'_>) -> Program) {
    let folder = scratch();
    let vault = VaultServer::start_with(folder.path(), |config| {
        config["tenant"] = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0".into();
    })
    .await;
    let client = Client { vault: &vault, principal: &OFFICER, folder: folder.path() };
    clients::passes(program(client).await).await;
}

/// Starts a vault whose deletions and recoveries take two to three seconds (it counts whole ones), and insists that the
/// officer's pollers pass there.
async fn passes_with_patience(program: impl AsyncFnOnce(Client<'_>) -> Program) {
    let folder = scratch();
    let vault = VaultServer::start_with(folder.path(), |config| {
        config["deleteDelaySeconds"] = 3.into();
        config["recoverDelaySeconds"] = 3.into();
    })
    .await;
    let client = Client { vault: &vault, principal: &OFFICER, folder: folder.path() };
    clients::passes(program(client).await).await;
}
