//! The whole system at work, and eyes on all that it says and keeps.

use std::path::PathBuf;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};
use strongroom_entities::{EntityKind, FernetKeys, name_hash};
use strongroom_metastore::{Access, Metastore, Options};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{Random, SecretValue};
use strongroom_tests::api::{Answer, SERVICES};
use strongroom_tests::canary::{self, Canary, Finding};
use strongroom_tests::fixtures::services;
use strongroom_tests::metadata::{ADMIN_PASSWORD, CONFIG, configuration, write_configuration};
use strongroom_tests::{Finished, MetadataServer, Program, VaultServer, scratch};
use tempfile::TempDir;

use super::{CLIENT_ID, LOUD, MEANT, secret};

/// The secrets that are sent through everything, by what they are.
pub(super) struct Canaries {
    pub(super) created: String,
    pub(super) put: String,
    pub(super) patched: String,
    pub(super) refused: String,
    pub(super) wrong_login: String,
    pub(super) client_secret: String,
    pub(super) wrong_client_secret: String,
    pub(super) in_vault: String,
    pub(super) in_row: String,
    pub(super) doubtful_row: String,
    pub(super) fernet_key: String,
}

pub(super) struct Scene {
    pub(super) folder: TempDir,
    pub(super) vault: VaultServer,
    pub(super) server: MetadataServer,
    pub(super) keys: FernetKeys,
    pub(super) secrets: Canaries,
    pub(super) configuration: Value,
    pub(super) all: Vec<Canary>,
    pub(super) findings: Vec<Finding>,
    pub(super) admin: String,
    pub(super) bot: String,
}

impl Scene {
    pub(super) async fn set_up() -> Self {
        let folder = scratch();
        let key = FernetKeys::generate(&SystemRandom);
        let keys = FernetKeys::parse(&key).unwrap();
        let secrets = Canaries {
            created: secret("Aq7Zk"),
            put: secret("Bw8Yl"),
            patched: secret("Ce9Xm"),
            refused: secret("Dr1Wn"),
            wrong_login: secret("Et2Vo"),
            client_secret: secret("Fy3Up"),
            wrong_client_secret: secret("Gu4Tq"),
            in_vault: secret("Hi5Sr"),
            in_row: secret("Jo6Rs"),
            doubtful_row: secret("Kp7Qt"),
            fernet_key: key.expose().to_owned(),
        };
        let vault =
            VaultServer::start_in(folder.path(), |file| add_principal(file, &secrets.client_secret), &LOUD)
                .await;
        let mut configuration = configuration(&vault, key.expose());
        let parameters = &mut configuration["secretsManagerConfiguration"]["parameters"];
        parameters["clientId"] = json!(CLIENT_ID);
        parameters["clientSecret"] = json!(secrets.client_secret);
        write_configuration(folder.path(), &configuration);
        let server = MetadataServer::start(folder.path(), &LOUD).await;
        let all = vec![
            Canary::new("the password of a new service", &secrets.created),
            Canary::new("the password of a PUT", &secrets.put),
            Canary::new("the password of a PATCH", &secrets.patched),
            Canary::new("a refused password", &secrets.refused),
            Canary::new("a wrong login password", &secrets.wrong_login),
            Canary::new("the client secret", &secrets.client_secret),
            Canary::new("a wrong client secret", &secrets.wrong_client_secret),
            Canary::new("a value in the vault", &secrets.in_vault),
            Canary::new("the password of a row", &secrets.in_row),
            Canary::new("the doubtful password of a row", &secrets.doubtful_row),
            Canary::new("the Fernet key", &secrets.fernet_key),
            Canary::new("the administrator's password", ADMIN_PASSWORD),
        ];
        let (admin, bot) = (String::new(), String::new());
        let findings = Vec::new();
        Self { folder, vault, server, keys, secrets, configuration, all, findings, admin, bot }
    }

    /// Looks at what somebody was told, which holds no secret but those that are `meant`.
    pub(super) fn look(&mut self, place: &str, text: &str, meant: &[&str]) {
        let unmeant: Vec<Canary> =
            self.all.iter().filter(|canary| !meant.contains(&canary.value.as_str())).cloned().collect();
        self.findings.extend(canary::look_into(place, text.as_bytes(), &unmeant));
    }

    pub(super) fn look_at_answer(&mut self, place: &str, answer: &Answer, meant: &[&str]) {
        self.look(place, &format!("{}\n{}", answer.headers, answer.text), meant);
    }

    pub(super) fn look_at_output(&mut self, place: &str, finished: &Finished) {
        self.look(place, &format!("{}\n{}", finished.stdout, finished.stderr), &[]);
    }

    /// Searches all files, journals and logs among them, with the servers running or not.
    pub(super) fn look_at_files(&mut self) {
        for expected in ["data/metastore.db", "vault/vault.db", "serve.stderr", "vault.stderr"] {
            assert!(self.folder.path().join(expected).exists(), "{expected} is searched");
        }
        let findings = canary::look_below(self.folder.path(), MEANT, &self.all);
        self.findings.extend(findings);
    }

    /// Sends a request of the API, which is answered with `status` and tells no secret.
    pub(super) async fn send(
        &mut self,
        status: u16,
        method: Method,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Answer {
        let answer = self.server.send(method.clone(), path, token, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        self.look_at_answer(&format!("the answer {status} to {method} {path}"), &answer, &[]);
        answer
    }

    /// Like [`Scene::send`], as the administrator.
    pub(super) async fn as_admin(
        &mut self,
        status: u16,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        let token = self.admin.clone();
        self.send(status, method, path, &token, body).await
    }

    /// Sends a body that no client of ours would.
    pub(super) async fn send_raw(&mut self, status: u16, media: &str, body: String) {
        let request = self.server.request(Method::POST, SERVICES);
        let request =
            request.header(AUTHORIZATION, format!("Bearer {}", self.admin)).header(CONTENT_TYPE, media);
        let answer = Answer::to(request.body(body)).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        self.look_at_answer(&format!("the answer {status} to a body of {media}"), &answer, &[]);
    }

    pub(super) fn program(&self, arguments: &[&str]) -> Program {
        Program::new(self.folder.path()).args(arguments).envs(LOUD)
    }

    /// Runs a command to its end, and looks at what it prints.
    pub(super) async fn run(&mut self, code: i32, program: Program) -> Finished {
        let finished = program.run().await.ended_with(code);
        self.look_at_output(&format!("the output of a command that ended with {code}"), &finished);
        finished
    }

    pub(super) async fn migrate(&mut self, code: i32, arguments: &[&str]) -> Finished {
        let command = ["migrate-secrets", "-c", CONFIG, "--data-dir", "data"];
        let program = self.program(&command).args(arguments);
        self.run(code, program).await
    }

    pub(super) fn database(&self) -> PathBuf {
        self.server.data_dir().join("metastore.db")
    }

    /// Stores a service as an earlier server would have, its password encrypted.
    pub(super) async fn plant(&self, name: &str, password: &str) {
        let options = Options::new(self.database(), Access::ReadWrite);
        let store = Metastore::open(&options).await.unwrap();
        let random: &dyn Random = &SystemRandom;
        let document =
            services::postgres(random.uuid(), name, &self.keys.encrypt(&SecretValue::new(password)));
        let mut transaction = store.begin().await.unwrap();
        transaction.insert(EntityKind::DatabaseService, &name_hash(name), &document).await.unwrap();
        transaction.commit().await.unwrap();
        store.close().await;
    }
}

fn add_principal(file: &mut Value, client_secret: &str) {
    let principal = json!({
        "name": "canary",
        "clientId": CLIENT_ID,
        "clientSecret": client_secret,
        "roles": [{"vault": "v1", "role": "Key Vault Secrets Officer"}],
    });
    file["principals"].as_array_mut().unwrap().push(principal);
}
