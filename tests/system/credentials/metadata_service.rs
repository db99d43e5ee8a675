//! A virtual machine's identity, asked for where Azure has it: at 169.254.169.254.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use strongroom_tests::clients::PYTHON;
use strongroom_tests::managed::{self, WORKER};
use strongroom_tests::network::METADATA_ADDRESS;
use strongroom_tests::program::provided;
use strongroom_tests::running::free_port;
use strongroom_tests::vault::{TENANT, USER, configuration};
use strongroom_tests::{Finished, Network, Program, Running, scratch};
use tempfile::TempDir;
use tokio::time::Instant;

use super::tool;

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

/// A server at the address of virtual machines, as others put there what they want: it answers the first argument, or the
/// second to who asks for a token. Without arguments it takes connections and never says anything.
const FOREIGN: &str = r#"
import socket, sys
answers = [text.encode().decode('unicode_escape').encode() for text in sys.argv[1:]]
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('169.254.169.254', 80))
s.listen()
print('listens', flush=True)
held = []
while True:
    c, _ = s.accept()
    held.append(c)
    if answers:
        head = b''
        while not head.endswith(b'\r\n\r\n'):
            head += c.recv(1) or b'\r\n\r\n'
        c.sendall(answers['metadata: true' in head.decode().lower()])
        c.close()
"#;

/// Who is signed in to the Azure CLI, for a stub of it: the token of a principal, asked for where the vault is.
const SIGNED_IN: &str = r#"
import json, ssl, sys, urllib.parse, urllib.request
port, tenant, client_id, client_secret = sys.argv[1:5]
form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": client_id,
    "client_secret": client_secret, "scope": "https://vault.azure.net/.default"}).encode()
request = urllib.request.Request(f"https://127.0.0.1:{port}/{tenant}/oauth2/v2.0/token", form,
    {"Host": f"login.vault.localhost:{port}"})
token = json.load(urllib.request.urlopen(request, context=ssl._create_unverified_context()))["access_token"]
print(json.dumps({"accessToken": token, "expires_on": 4000000000, "tokenType": "Bearer"}))
"#;

impl Machine {
    /// Puts somebody else at the address of virtual machines.
    async fn with_foreign(&self, answers: &[&str]) -> Running {
        let mut foreign = self
            .network
            .program(Path::new(&provided(PYTHON)), self.folder())
            .args(["-c", FOREIGN])
            .args(answers)
            .start(self.folder(), &format!("foreign-{}", free_port()));
        while !foreign.stdout().contains("listens") {
            assert!(foreign.ended().is_none(), "{}", foreign.stderr());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        foreign
    }

    /// `strongroom vault` as somebody who is signed in to the Azure CLI calls it.
    fn signed_in(&self, arguments: &[&str]) -> Program {
        let tools = self.folder().join("tools");
        std::fs::create_dir_all(&tools).unwrap();
        std::fs::write(tools.join("signed_in.py"), SIGNED_IN).unwrap();
        let (python, script) = (PathBuf::from(provided(PYTHON)), tools.join("signed_in.py"));
        let (python, script) = (python.display(), script.display());
        let (id, secret) = (USER.client_id, USER.client_secret);
        tool(&tools, "az", &format!("exec {python} {script} {PORT} {TENANT} {id} {secret}"));
        self.vault(arguments)
            .without("AZURE_TOKEN_CREDENTIALS")
            .env("PATH", format!("{}:{}", tools.display(), std::env::var("PATH").unwrap()))
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_given_one_second() {
    let machine = Machine::with_identities(false).await;
    let _silent = machine.with_foreign(&[]).await;
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
async fn somebody_else_at_that_address_declines_within_a_second_and_the_next_link_is_tried() {
    let machine = Machine::with_identities(false).await;
    let _ = machine.signed_in(&["get", "a"]).run().await.ended_with(1);
    let page = "HTTP/1.1 200 OK\\r\\nContent-Length: 14\\r\\n\\r\\n<html>Welcome!";
    let of_status = |status: u16| format!("HTTP/1.1 {status} S\\r\\nContent-Length: 0\\r\\n\\r\\n");
    let redirect =
        "HTTP/1.1 302 Found\\r\\nLocation: http://portal.example/\\r\\nContent-Length: 0\\r\\n\\r\\n";
    let is_not = "is not Azure's";
    for (name, answers, says_why) in [
        ("another cloud's", vec![of_status(404); 2], is_not),
        ("another cloud's that asks for a token of its own", vec![of_status(401); 2], is_not),
        ("a network that cannot be reached", vec![of_status(403); 2], is_not),
        ("a page", vec![page.to_owned(); 2], is_not),
        (
            "a page for who asks for a token",
            vec![of_status(400), page.to_owned()],
            "no reason that can be understood",
        ),
        ("a portal", vec![redirect.to_owned(); 2], "http://portal.example"),
        ("one who has too much to do", vec![of_status(503); 2], "has answered 503 for 1 s"),
        ("no HTTP", vec!["hello\\r\\n".to_owned(); 2], ""),
        ("nothing", vec![], "does not answer within 1 s"),
    ] {
        let answers: Vec<_> = answers.iter().map(String::as_str).collect();
        let _foreign = machine.with_foreign(&answers).await;
        let begin = Instant::now();
        // The CLI's user is no officer, so what is refused is the role: he is who signed in.
        let refused = machine.signed_in(&["put", "b"]).stdin("x").run().await.ended_with(1);
        took_at_most(4, begin);
        assert!(refused.stderr.contains("Key Vault Secrets Officer"), "{name}: {}", refused.stderr);

        let alone = machine.vault(&["get", "a"]).run().await.ended_with(1);
        let line = alone.stderr.lines().find(|line| line.contains("managed identity: ")).unwrap_or_default();
        assert!(line.contains(says_why), "{name}: {}", alone.stderr);
    }
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
