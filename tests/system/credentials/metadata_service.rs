//! A virtual machine's identity, asked for where Azure has it: at 169.254.169.254.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use strongroom_tests::clients::PYTHON;
use strongroom_tests::managed::{self, WORKER};
use strongroom_tests::network::METADATA_ADDRESS;
use strongroom_tests::program::provided;
use strongroom_tests::vault::{TENANT, configuration};
use strongroom_tests::{Finished, Network, Program, Running, scratch};
use tempfile::TempDir;
use tokio::time::Instant;

const PORT: u16 = 8443;

/// A vault in a network of its own. Whether it gives out identities at the address of virtual machines is up to the test.
struct Machine {
    network: Network,
    folder: TempDir,
    _vault: Running,
}

impl Machine {
    async fn with_identities(has_endpoint: bool) -> Self {
        let (network, folder) = (Network::new(), scratch());
        let mut configuration = configuration(PORT);
        managed::add_to(&mut configuration);
        if has_endpoint {
            configuration["managedIdentity"]["listen"] = json!(format!("{METADATA_ADDRESS}:80"));
            configuration["managedIdentity"]["allowRemote"] = json!(true);
        }
        std::fs::write(folder.path().join("vault.yaml"), configuration.to_string()).unwrap();
        let mut vault = network
            .strongroom(folder.path())
            .args(["vault", "--config", "vault.yaml", "--data-dir", "vault"])
            .start(folder.path(), "vault");
        vault.says("listening").await;
        Self { network, folder, _vault: vault }
    }

    /// `strongroom vault` with arguments, and nothing in its environment that says who it is.
    fn vault(&self, arguments: &[&str]) -> Program {
        self.network
            .strongroom(self.folder.path())
            .arg("vault")
            .args(arguments)
            .args(["--vault-url", &format!("https://v1.vault.localhost:{PORT}")])
            .env("AZURE_AUTHORITY_HOST", format!("https://login.vault.localhost:{PORT}"))
            .env("OM_SM_CA_FILE", self.folder.path().join("vault/ca.pem"))
            // The tools of developers are not looked for on this machine.
            .env("AZURE_TOKEN_CREDENTIALS", "prod")
    }

    async fn put(&self) {
        let _ = self.vault(&["put", "a"]).stdin("x").run().await.ended_with(0);
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn took_at_most(seconds: u64, begin: Instant) {
    assert!(begin.elapsed() < Duration::from_secs(seconds), "{:?}", begin.elapsed());
}

fn says(finished: &Finished, parts: &[&str]) {
    for part in parts {
        assert!(finished.stderr.contains(part), "{part:?} is not in: {}", finished.stderr);
    }
}

#[tokio::test]
async fn the_machine_is_who_it_is_and_whom_it_is_asked_to_be() {
    let machine = Machine::with_identities(true).await;
    machine.put().await;
    for asked_for in [&[][..], &["--credential", "managed-identity"], &["--credential", "default"]] {
        for client_id in [None, Some(WORKER.client_id)] {
            let mut get = machine.vault(&["get", "a"]).args(asked_for);
            if let Some(id) = client_id {
                get = get.env("AZURE_CLIENT_ID", id);
            }
            assert_eq!(get.run().await.ended_with(0).stdout, "x", "{asked_for:?} {client_id:?}");
        }
    }
    let audit = std::fs::read_to_string(machine.folder().join("vault/audit.jsonl")).unwrap();
    assert!(audit.contains(WORKER.client_id), "{audit}");
}

#[tokio::test]
async fn an_identity_that_the_machine_does_not_have_declines() {
    let machine = Machine::with_identities(true).await;
    let stranger = "99999999-9999-9999-9999-999999999999";
    let unknown = machine.vault(&["get", "a"]).env("AZURE_CLIENT_ID", stranger).run().await.ended_with(1);
    says(
        &unknown,
        &[
            "no credential for Azure gave a token:",
            "\n  environment: AZURE_TENANT_ID, AZURE_CLIENT_SECRET are not set",
            "\n  workload identity: AZURE_FEDERATED_TOKEN_FILE is not set",
            "\n  managed identity: no token was given (invalid_request from the managed identity endpoint http://169.254.169.254): Identity not found",
        ],
    );
}

#[tokio::test]
async fn a_machine_without_an_endpoint_is_told_so_at_once() {
    let machine = Machine::with_identities(false).await;
    for (selected, lines) in [("prod", "\n  managed identity: "), ("ManagedIdentityCredential", "")] {
        let begin = Instant::now();
        let absent =
            machine.vault(&["get", "a"]).env("AZURE_TOKEN_CREDENTIALS", selected).run().await.ended_with(1);
        took_at_most(5, begin);
        let why = format!("{lines}the managed identity endpoint http://169.254.169.254 cannot be reached");
        says(&absent, &[&why]);
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_given_one_second() {
    let machine = Machine::with_identities(false).await;
    let silent = format!(
        "import socket, time\ns = socket.socket()\ns.bind(('{METADATA_ADDRESS}', 80))\ns.listen()\nprint('listens', flush=True)\ntime.sleep(600)"
    );
    let python = PathBuf::from(provided(PYTHON));
    let mut endpoint = machine
        .network
        .program(&python, machine.folder())
        .args(["-c", &silent])
        .start(machine.folder(), "silent");
    while !endpoint.stdout().contains("listens") {
        assert!(endpoint.ended().is_none(), "{}", endpoint.stderr());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let begin = Instant::now();
    let slow = machine.vault(&["get", "a"]).run().await.ended_with(1);
    took_at_most(4, begin);
    says(
        &slow,
        &[
            "managed identity: the managed identity endpoint http://169.254.169.254 does not answer within 1 s",
        ],
    );
}

#[tokio::test]
async fn who_is_refused_is_not_taken_for_somebody_else() {
    let machine = Machine::with_identities(true).await;
    machine.put().await;
    // The machine's identity would do, but a client secret was meant, and is wrong.
    let refused = machine
        .vault(&["get", "a"])
        .env("AZURE_TENANT_ID", TENANT)
        .env("AZURE_CLIENT_ID", WORKER.client_id)
        .env("AZURE_CLIENT_SECRET", "hunter2")
        .run()
        .await
        .ended_with(1);
    assert!(refused.stderr.contains("AADSTS") && !refused.stderr.contains("hunter2"), "{}", refused.stderr);
}
