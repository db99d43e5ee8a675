//! The same for the vault alone: values, backups, tokens, client secrets and the master key, through every operation, well and
//! badly asked, through the commands, and through what the vault says of itself.

use std::fs;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use strongroom_tests::api::Answer;
use strongroom_tests::canary::{self, Canary, Finding, ProcessWatch};
use strongroom_tests::running::free_port;
use strongroom_tests::vault::{OFFICER, USER};
use strongroom_tests::{Program, VaultServer, scratch};
use tempfile::TempDir;

use super::{CLIENT_ID, LOUD, secret};

/// Files that are there to hold a secret.
const MEANT: &[&str] = &["vault.yaml", "vault/master.key"];

const ROUTES: [(Method, &str); 14] = [
    (Method::GET, "/secrets"),
    (Method::PUT, "/secrets/NAME"),
    (Method::GET, "/secrets/NAME"),
    (Method::PATCH, "/secrets/NAME"),
    (Method::DELETE, "/secrets/NAME"),
    (Method::GET, "/secrets/NAME/versions"),
    (Method::GET, "/secrets/NAME/0123456789abcdef0123456789abcdef"),
    (Method::PATCH, "/secrets/NAME/0123456789abcdef0123456789abcdef"),
    (Method::POST, "/secrets/NAME/backup"),
    (Method::POST, "/secrets/restore"),
    (Method::GET, "/deletedsecrets"),
    (Method::GET, "/deletedsecrets/NAME"),
    (Method::DELETE, "/deletedsecrets/NAME"),
    (Method::POST, "/deletedsecrets/NAME/recover"),
];

struct Scene {
    folder: TempDir,
    vault: VaultServer,
    admin: String,
    client: Client,
    canaries: Vec<Canary>,
    findings: Vec<Finding>,
}

impl Scene {
    async fn set_up(client_secret: &str) -> Self {
        let folder = scratch();
        let admin = format!("127.0.0.1:{}", free_port());
        let change = |file: &mut Value| {
            file["adminListen"] = json!(admin);
            file["principals"].as_array_mut().unwrap().push(json!({
                "name": "canary", "clientId": CLIENT_ID, "clientSecret": client_secret,
                "roles": [{"vault": "v1", "role": "Key Vault Secrets Officer"}],
            }));
        };
        let vault = VaultServer::start_in(folder.path(), change, &LOUD).await;
        let client = vault.client();
        let mut scene = Self { folder, vault, admin, client, canaries: vec![], findings: vec![] };
        scene.know("a client secret", client_secret);
        let key = fs::read_to_string(scene.vault.data_dir().join("master.key")).unwrap();
        scene.know("the master key", key.trim());
        scene
    }

    fn know(&mut self, what: &'static str, value: &str) {
        assert!(value.len() > 20, "{what} can be told from other texts");
        self.canaries.push(Canary::new(what, value));
    }

    fn look(&mut self, place: &str, text: &str, meant: &[&str]) {
        let unmeant: Vec<_> =
            self.canaries.iter().filter(|canary| !meant.contains(&canary.value.as_str())).cloned().collect();
        self.findings.extend(canary::look_into(place, text.as_bytes(), &unmeant));
    }

    fn look_at_files(&mut self) {
        for expected in ["vault/vault.db", "vault/audit.jsonl", "vault.stderr"] {
            assert!(self.folder.path().join(expected).exists(), "{expected} is searched");
        }
        self.findings.extend(canary::look_below(self.folder.path(), MEANT, &self.canaries));
    }

    /// Sends a request whose answer tells no secret but those that are `meant`.
    async fn send(&mut self, status: u16, place: &str, request: RequestBuilder, meant: &[&str]) -> Answer {
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, status, "{place}: {}", answer.text);
        self.look(place, &format!("{}\n{}", answer.headers, answer.text), meant);
        answer
    }

    fn request(&self, token: &str, method: &Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}?api-version=7.6", self.vault.url());
        self.client.request(method.clone(), url).bearer_auth(token)
    }

    /// One of the operations, well asked.
    async fn ask(
        &mut self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
        meant: &[&str],
    ) -> Answer {
        let request = self.request(token, &method, path);
        let request = body.iter().fold(request, RequestBuilder::json);
        let status = if method == Method::DELETE && path.starts_with("/deleted") { 204 } else { 200 };
        self.send(status, &format!("the answer to {method} {path}"), request, meant).await
    }

    /// Signs in at each endpoint.
    async fn sign_in(&mut self, client_secret: &str) -> String {
        let mut token = String::new();
        for (path, what) in [
            ("adfs/oauth2/v2.0/token", ("scope", "https://vault.azure.net/.default")),
            ("adfs/oauth2/token", ("resource", "https://vault.azure.net")),
        ] {
            let url = format!("{}/{path}", self.vault.authority());
            let form = [
                ("grant_type", "client_credentials"),
                ("client_id", CLIENT_ID),
                ("client_secret", client_secret),
                what,
            ];
            let answer =
                self.send(200, "the answer to a sign-in", self.client.post(url).form(&form), &[]).await;
            let answer: Value = serde_json::from_str(&answer.text).unwrap();
            token = answer["access_token"].as_str().unwrap().to_owned();
            // The token as a whole, and what of it nobody else could make.
            self.know("a token", &token);
            self.know("a token's signature", token.rsplit('.').next().unwrap());
        }
        token
    }

    async fn life_of_a_secret(&mut self, token: &str, value: &str) {
        let said = json!({"value": value, "contentType": "text/plain", "tags": {"team": "data"}});
        self.ask(token, Method::PUT, "/secrets/canary", Some(said), &[value]).await;
        self.ask(token, Method::GET, "/secrets/canary/", None, &[value]).await;
        self.ask(token, Method::PATCH, "/secrets/canary/", Some(json!({"tags": {}})), &[]).await;
        for path in ["/secrets", "/secrets/canary/versions", "/deletedsecrets"] {
            self.ask(token, Method::GET, path, None, &[]).await;
        }
        let backup = self.ask(token, Method::POST, "/secrets/canary/backup", None, &[]).await;
        let backup: Value = serde_json::from_str(&backup.text).unwrap();
        let blob = backup["value"].as_str().unwrap().to_owned();
        self.know("a backup", &blob);
        self.ask(token, Method::DELETE, "/secrets/canary", None, &[]).await;
        self.ask(token, Method::GET, "/deletedsecrets/canary", None, &[]).await;
        self.ask(token, Method::POST, "/deletedsecrets/canary/recover", None, &[]).await;
        self.ask(token, Method::DELETE, "/secrets/canary", None, &[]).await;
        self.ask(token, Method::DELETE, "/deletedsecrets/canary", None, &[]).await;
        let restored = json!({ "value": blob });
        self.ask(token, Method::POST, "/secrets/restore", Some(restored.clone()), &[]).await;
        self.ask(token, Method::GET, "/secrets/canary", None, &[value]).await;
        let again = self.request(token, &Method::POST, "/secrets/restore").json(&restored);
        self.send(409, "the refusal of a restore", again, &[]).await;
    }

    /// Every route, asked badly: with a secret where none belongs.
    async fn refusals(&mut self, token: &str, misplaced: &str) {
        let user = self.vault.token(&USER).await;
        self.know("a reader's token", &user);
        let percent: String = misplaced.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let body = json!({
            "value": [misplaced], "contentType": {"a": misplaced}, "attributes": {"enabled": misplaced, "exp": misplaced},
        });
        for (method, path) in ROUTES {
            let place = format!("the refusal of {method} {path}");
            let path = path.replace("NAME", &percent);
            let url = format!("{}{path}?api-version=7.6", self.vault.url());
            for request in [
                self.client.request(method.clone(), &url),
                self.client.request(method.clone(), format!("{url}&maxresults={percent}")).bearer_auth(token),
                self.client.request(method.clone(), format!("{url}&$skiptoken={percent}")).bearer_auth(token),
                self.client.request(method.clone(), url.replace("7.6", &percent)).bearer_auth(token),
                self.client.request(method.clone(), &url).bearer_auth(percent.clone()),
                self.client.request(method.clone(), &url).basic_auth(misplaced, Some(misplaced)),
                self.client.request(method.clone(), &url).bearer_auth(&user),
                self.client.request(Method::OPTIONS, &url).bearer_auth(token),
            ] {
                let answer = Answer::to(request.json(&body)).await;
                // Listings by a role that may list, and what does not look at a strange parameter.
                assert!(answer.status >= 400 || !path.contains(&percent), "{place}: {}", answer.text);
                self.look(&place, &format!("{}\n{}", answer.headers, answer.text), &[]);
            }
        }
        let broken =
            self.request(token, &Method::PUT, "/secrets/canary").body(format!("{{\"value\": {misplaced}"));
        self.send(400, "the refusal of a broken body", broken, &[]).await;
        let long = json!({"value": misplaced.repeat(2000)});
        let long = self.request(token, &Method::PUT, "/secrets/canary").json(&long);
        self.send(400, "the refusal of a long value", long, &[]).await;
        let fields = ["grant_type", "client_id", "client_secret", "scope", "client_assertion"];
        for field in fields {
            let mut form = vec![
                ("grant_type", "client_credentials"),
                ("client_id", CLIENT_ID),
                ("client_secret", "wrong"),
                ("scope", "https://vault.azure.net/.default"),
            ];
            form.retain(|(name, _)| *name != field);
            form.push((field, misplaced));
            form.push(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
            let url = format!("{}/adfs/oauth2/v2.0/token", self.vault.authority());
            let answer = Answer::to(self.client.post(url).form(&form)).await;
            assert!(answer.status >= 400, "{field}: {}", answer.text);
            self.look("the refusal of a sign-in", &format!("{}\n{}", answer.headers, answer.text), &[]);
        }
    }

    /// What the vault says of itself, to whoever asks.
    async fn health(&mut self) {
        for path in ["healthz", "readyz", "metrics"] {
            let request = self.client.get(format!("http://{}/{path}", self.admin));
            let answer = self.send(200, &format!("/{path}"), request, &[]).await;
            assert!(path != "metrics" || answer.text.contains("v1"), "{}", answer.text);
        }
    }

    /// Commands of the owner and of a user, while the vault runs.
    async fn commands(&mut self, value: &str) {
        let folder = self.folder.path().to_owned();
        let run = |arguments: &[&str]| Program::new(&folder).envs(LOUD).arg("vault").args(arguments);
        let add = run(&["principal", "add", "made", "--client-id", "made", "--json", "--data-dir", "vault"]);
        let made = add.run().await.ended_with(0);
        let drawn = made.json()["secret"]["value"].as_str().unwrap().to_owned();
        self.know("a client secret that was drawn", &drawn);
        self.look("the words beside a drawn secret", &made.stderr, &[]);
        let listed = run(&["principal", "list", "--json", "--data-dir", "vault"]).run().await.ended_with(0);
        self.look("the list of principals", &format!("{}{}", listed.stdout, listed.stderr), &[]);
        let environment = self.vault.environment(&OFFICER).await;
        let put = run(&["put", "by-command"]).envs(&environment).stdin(value);
        let put = put.run().await.ended_with(0);
        self.look("the output of put", &format!("{}{}", put.stdout, put.stderr), &[]);
        let got = run(&["get", "by-command"]).envs(&environment).run().await.ended_with(0);
        assert_eq!(got.stdout, value);
        self.look("the words beside a value", &got.stderr, &[]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_of_the_vault_is_found_but_in_the_answers_that_are_meant_to_carry_it() {
    let watch = ProcessWatch::start();
    let [client_secret, value, by_command, misplaced] = ["Lv1Ab", "Mw2Bc", "Nx3Cd", "Oy4De"].map(secret);
    let mut scene = Scene::set_up(&client_secret).await;
    scene.know("a value", &value);
    scene.know("a value by command", &by_command);
    scene.know("a misplaced secret", &misplaced);
    let token = scene.sign_in(&client_secret).await;
    scene.life_of_a_secret(&token, &value).await;
    scene.refusals(&token, &misplaced).await;
    scene.commands(&by_command).await;
    scene.health().await;
    assert!(
        scene.folder.path().join("vault/vault.db-wal").exists(),
        "the journal is searched while it is in use"
    );
    scene.look_at_files();
    assert!(scene.vault.running().stop().await.success());
    scene.look_at_files();
    for line in watch.end() {
        scene.look("the arguments of a process", &String::from_utf8_lossy(&line), &[]);
    }

    let log = scene.vault.running().stderr();
    assert!(log.contains("DEBUG") && log.contains("SetSecret"), "all is logged: {log}");
    let audit = fs::read_to_string(scene.folder.path().join("vault/audit.jsonl")).unwrap();
    assert!(audit.contains("setSecret") && audit.contains("canary"), "{audit}");
    assert_eq!(scene.findings, []);
    // The same search finds what is there.
    assert_ne!(canary::look_below(scene.folder.path(), &[], &scene.canaries), []);
}
