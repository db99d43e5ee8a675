//! Canaries: known secrets are sent through every endpoint and command, successful and failing, with all that can be logged
//! logged. Afterwards they are found nowhere but in the answers that are meant to carry them.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};
use strongroom_entities::{EntityKind, FernetKeys, name_hash};
use strongroom_metastore::{Access, Metastore, Options};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{Random, SecretValue};
use strongroom_tests::api::{self, ADMIN, Answer, NOBODY, SERVICES};
use strongroom_tests::canary::{self, Canary, Finding, ProcessWatch};
use strongroom_tests::fixtures::services;
use strongroom_tests::metadata::{ADMIN_PASSWORD, CONFIG, configuration, write_configuration};
use strongroom_tests::vault::{API_VERSION, OFFICER, USER};
use strongroom_tests::{Finished, MetadataServer, Program, VaultServer, scratch};
use tempfile::TempDir;

/// Everything that can be logged, is.
const LOUD: [(&str, &str); 4] =
    [("STRONGROOM_LOG", "trace"), ("RUST_LOG", "trace"), ("LOG_LEVEL", "TRACE"), ("RUST_BACKTRACE", "full")];

/// Files that are there to hold a secret: the configurations that the test itself wrote.
const MEANT: &[&str] = &["openmetadata.yaml", "vault.yaml", "broken.yaml", "broken-vault.yaml"];

/// The client id of the principal whose client secret is a canary.
const CLIENT_ID: &str = "33333333-3333-3333-3333-333333333333";

/// The secret of the service `shop`.
const SHOP: &str = "openmetadata-database-shop-authtype-password";

/// A secret that looks different in every form, and like no other.
fn secret(seed: &str) -> String {
    format!("{seed}~?>\"\\/ é+k&=%9x")
}

/// The secrets that are sent through everything, by what they are.
struct Canaries {
    created: String,
    put: String,
    patched: String,
    refused: String,
    wrong_login: String,
    client_secret: String,
    wrong_client_secret: String,
    in_vault: String,
    in_row: String,
    doubtful_row: String,
    fernet_key: String,
}

struct Scene {
    folder: TempDir,
    vault: VaultServer,
    server: MetadataServer,
    keys: FernetKeys,
    secrets: Canaries,
    configuration: Value,
    all: Vec<Canary>,
    findings: Vec<Finding>,
    admin: String,
    bot: String,
}

impl Scene {
    async fn set_up() -> Self {
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
    fn look(&mut self, place: &str, text: &str, meant: &[&str]) {
        let unmeant: Vec<Canary> =
            self.all.iter().filter(|canary| !meant.contains(&canary.value.as_str())).cloned().collect();
        self.findings.extend(canary::look_into(place, text.as_bytes(), &unmeant));
    }

    fn look_at_answer(&mut self, place: &str, answer: &Answer, meant: &[&str]) {
        self.look(place, &format!("{}\n{}", answer.headers, answer.text), meant);
    }

    fn look_at_output(&mut self, place: &str, finished: &Finished) {
        self.look(place, &format!("{}\n{}", finished.stdout, finished.stderr), &[]);
    }

    /// Searches all files, journals and logs among them, with the servers running or not.
    fn look_at_files(&mut self) {
        for expected in ["data/metastore.db", "vault/vault.db", "serve.stderr", "vault.stderr"] {
            assert!(self.folder.path().join(expected).exists(), "{expected} is searched");
        }
        let findings = canary::look_below(self.folder.path(), MEANT, &self.all);
        self.findings.extend(findings);
    }

    /// Sends a request of the API, which is answered with `status` and tells no secret.
    async fn send(
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
    async fn as_admin(&mut self, status: u16, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let token = self.admin.clone();
        self.send(status, method, path, &token, body).await
    }

    /// Sends a body that no client of ours would.
    async fn send_raw(&mut self, status: u16, media: &str, body: String) {
        let request = self.server.request(Method::POST, SERVICES);
        let request =
            request.header(AUTHORIZATION, format!("Bearer {}", self.admin)).header(CONTENT_TYPE, media);
        let answer = Answer::to(request.body(body)).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        self.look_at_answer(&format!("the answer {status} to a body of {media}"), &answer, &[]);
    }

    fn program(&self, arguments: &[&str]) -> Program {
        Program::new(self.folder.path()).args(arguments).envs(LOUD)
    }

    /// Runs a command to its end, and looks at what it prints.
    async fn run(&mut self, code: i32, program: Program) -> Finished {
        let finished = program.run().await.ended_with(code);
        self.look_at_output(&format!("the output of a command that ended with {code}"), &finished);
        finished
    }

    async fn migrate(&mut self, code: i32, arguments: &[&str]) -> Finished {
        let command = ["migrate-secrets", "-c", CONFIG, "--data-dir", "data"];
        let program = self.program(&command).args(arguments);
        self.run(code, program).await
    }

    fn database(&self) -> PathBuf {
        self.server.data_dir().join("metastore.db")
    }

    /// Stores a service as an earlier server would have, its password encrypted.
    async fn plant(&self, name: &str, password: &str) {
        let options = Options { path: self.database(), access: Access::ReadWrite };
        let store = Metastore::open(&options).await.unwrap();
        let random: &dyn Random = &SystemRandom;
        let document =
            services::postgres(random.uuid(), name, &self.keys.encrypt(&SecretValue::new(password)));
        let mut transaction = store.begin().await.unwrap();
        transaction.insert(EntityKind::DatabaseService, &name_hash(name), &document).await.unwrap();
        transaction.commit().await.unwrap();
        store.close().await;
    }

    /// Signing in: the answers carry tokens, and become canaries themselves.
    async fn sign_in(&mut self) {
        let answer = self.server.sign_in(ADMIN, ADMIN_PASSWORD).await;
        self.look_at_answer("the answer to a login", &answer, &[]);
        let tokens = answer.expect(200);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.admin = text(&tokens["accessToken"]);
        self.all.push(Canary::new("the administrator's token", &self.admin));
        self.all.push(Canary::new("the refresh token", text(&tokens["refreshToken"])));
        let refresh = json!({"refreshToken": tokens["refreshToken"]});
        let answer = self.server.send(Method::POST, "/api/v1/users/refresh", NOBODY, Some(&refresh)).await;
        let again = answer.expect(200);
        let renewed = [text(&again["accessToken"]), text(&again["refreshToken"])];
        self.look_at_answer("the answer to a refresh", &answer, &[&self.admin.clone()]);
        self.all.push(Canary::new("the second refresh token", &renewed[1]));
        self.send(401, Method::POST, "/api/v1/users/refresh", NOBODY, Some(&refresh)).await;

        let bot = self.as_admin(200, Method::GET, "/api/v1/bots/name/ingestion-bot", None).await.expect(200);
        let path = format!("/api/v1/users/token/{}", bot["botUser"]["id"].as_str().unwrap());
        let answer = self.as_admin(200, Method::GET, &path, None).await.expect(200);
        self.bot = text(&answer["JWTToken"]);
        self.all.push(Canary::new("the bot's token", &self.bot));
        let bot = self.bot.clone();
        self.send(403, Method::GET, &path, &bot, None).await;

        let wrong = self.secrets.wrong_login.clone();
        for address in [ADMIN, "nobody@open-metadata.org"] {
            let answer = self.server.sign_in(address, &wrong).await;
            answer.refusal(401);
            self.look_at_answer("the answer to a wrong password", &answer, &[]);
        }
        for body in [
            json!({"email": ADMIN, "password": wrong}),
            json!({"email": ADMIN, "password": {"password": wrong}}),
            json!({"email": {"password": wrong}}),
            json!([wrong]),
            json!({"refreshToken": {"password": wrong}}),
        ] {
            for path in ["/api/v1/users/login", "/api/v1/users/refresh"] {
                let answer = self.server.send(Method::POST, path, NOBODY, Some(&body)).await;
                assert!((400..=401).contains(&answer.status), "{}", answer.text);
                self.look_at_answer("the answer to a malformed login", &answer, &[]);
            }
        }
        for header in
            [STANDARD.encode(&wrong), format!("{}.{}.x", STANDARD.encode("{}"), STANDARD.encode(&wrong))]
        {
            self.send(401, Method::GET, SERVICES, &header, None).await;
        }
    }

    /// All that works at the database services: what is sent is in the vault afterwards, and in no answer.
    async fn services_succeed(&mut self) {
        let Canaries { created, put, patched, .. } = &self.secrets;
        let (created, put, patched) = (created.clone(), put.clone(), patched.clone());
        let body = api::postgres("shop", &created);
        let made = self.as_admin(201, Method::POST, SERVICES, Some(&body)).await.expect(201);
        assert_eq!(self.vault.secret(SHOP).await.as_deref(), Some(created.as_str()));
        let body = api::postgres("shop", &put);
        self.as_admin(200, Method::PUT, SERVICES, Some(&body)).await;
        assert_eq!(self.vault.secret(SHOP).await.as_deref(), Some(put.as_str()));
        self.as_admin(200, Method::PUT, SERVICES, Some(&body)).await;
        let path = format!("{SERVICES}/{}", made["id"].as_str().unwrap());
        self.as_admin(200, Method::PATCH, &path, Some(&replace_password(&json!(patched)))).await;
        assert_eq!(self.vault.secret(SHOP).await.as_deref(), Some(patched.as_str()));

        let bot = self.bot.clone();
        for path in [
            path.as_str(),
            &format!("{SERVICES}/name/shop"),
            SERVICES,
            &format!("{SERVICES}?fields=*&include=all&limit=1"),
        ] {
            self.as_admin(200, Method::GET, path, None).await;
            self.send(200, Method::GET, path, &bot, None).await;
        }
        for path in ["system/version", "system/health", "system/config/jwks"] {
            self.send(200, Method::GET, &format!("/api/v1/{path}"), NOBODY, None).await;
        }
        let result = json!({"status": "Successful", "steps": [], "lastUpdatedAt": 1_795_450_000_000_i64});
        let answer =
            self.server.send(Method::PUT, &format!("{path}/testConnectionResult"), &bot, Some(&result)).await;
        self.look_at_answer("the answer to a test's result", &answer, &[]);

        let body = api::postgres("short-lived", &created);
        let made = self.as_admin(201, Method::POST, SERVICES, Some(&body)).await.expect(201);
        let id = made["id"].as_str().unwrap();
        self.as_admin(200, Method::DELETE, &format!("{SERVICES}/{id}"), None).await;
        self.as_admin(200, Method::PUT, &format!("{SERVICES}/restore"), Some(&json!({"id": id}))).await;
        self.as_admin(200, Method::DELETE, &format!("{SERVICES}/{id}?hardDelete=true"), None).await;
    }

    /// All the ways to be refused by the API.
    async fn services_fail(&mut self) {
        let refused = self.secrets.refused.clone();
        let shop = self.as_admin(200, Method::GET, &format!("{SERVICES}/name/shop"), None).await.expect(200);
        let shop = format!("{SERVICES}/{}", shop["id"].as_str().unwrap());
        let absent = format!("{SERVICES}/00000000-0000-0000-0000-000000000001");
        let wanted = api::postgres("new", &refused);
        let huge = format!("{refused}{}", "x".repeat(26_000));

        // 400: what cannot be a password, and bodies that are none.
        let objects = json!({"password": refused});
        for password in [
            json!(huge),
            json!(format!("secret:{refused}")),
            json!(format!("fernet:{refused}")),
            json!({"password": refused}),
            json!([refused]),
        ] {
            let mut body = wanted.clone();
            body["connection"]["config"]["authType"]["password"] = password.clone();
            self.as_admin(400, Method::POST, SERVICES, Some(&body)).await;
            self.as_admin(400, Method::PUT, SERVICES, Some(&body)).await;
            self.as_admin(400, Method::PATCH, &shop, Some(&replace_password(&password))).await;
        }
        for place in ["name", "serviceType", "connection", "owners", "tags", "displayName", "description"] {
            let mut body = wanted.clone();
            body[place] = objects.clone();
            self.as_admin(400, Method::POST, SERVICES, Some(&body)).await;
        }
        for patch in [
            json!([{"op": "test", "path": "/connection/config/authType/password", "value": refused}]),
            json!([{"op": refused, "path": "/connection/config/authType/password", "value": refused}]),
            json!([{"op": "replace", "path": {"password": refused}, "value": refused}]),
            json!({"password": refused}),
            json!([refused]),
        ] {
            self.as_admin(400, Method::PATCH, &shop, Some(&patch)).await;
        }
        self.as_admin(400, Method::PUT, &format!("{SERVICES}/restore"), Some(&objects)).await;
        self.as_admin(
            400,
            Method::PUT,
            &format!("{shop}/testConnectionResult"),
            Some(&json!({"status": objects})),
        )
        .await;
        let quoted = serde_json::Value::from(refused.as_str()).to_string();
        self.send_raw(400, "application/json", format!("{{\"password\": {quoted} oops}}")).await;
        self.send_raw(400, "application/json", format!("{{\"password\": {refused}}}")).await;
        self.send_raw(400, "application/json", format!("{{\"{quoted}\": {quoted}")).await;
        self.send_raw(413, "application/json", wanted.to_string() + &" ".repeat(2 << 20)).await;
        self.send_raw(415, "text/plain", wanted.to_string()).await;

        // 401, 403, 404, 405, 409.
        let bot = self.bot.clone();
        for (token, status) in [(NOBODY, 401), ("x.y.z", 401)] {
            self.send(status, Method::POST, SERVICES, token, Some(&wanted)).await;
            self.send(status, Method::PUT, SERVICES, token, Some(&wanted)).await;
            self.send(status, Method::PATCH, &shop, token, Some(&replace_password(&json!(refused)))).await;
        }
        self.send(403, Method::PUT, &format!("{SERVICES}/restore"), &bot, Some(&objects)).await;
        self.as_admin(404, Method::PATCH, &absent, Some(&replace_password(&json!(refused)))).await;
        self.as_admin(404, Method::POST, "/api/v1/services/nonsense", Some(&wanted)).await;
        self.as_admin(405, Method::POST, "/api/v1/system/version", Some(&wanted)).await;
        self.as_admin(409, Method::POST, SERVICES, Some(&api::postgres("shop", &refused))).await;
        let in_vault = self.secrets.in_vault.clone();
        self.vault.set("openmetadata-database-foreign-authtype-password", &in_vault).await;
        self.as_admin(409, Method::POST, SERVICES, Some(&api::postgres("foreign", &refused))).await;

        // What the caller names himself may come back to him, but is not logged.
        let encoded: String = refused.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in [
            format!("{SERVICES}?fields={encoded}"),
            format!("{SERVICES}/name/{encoded}"),
            format!("{SERVICES}/{encoded}"),
        ] {
            let answer = self.server.send(Method::GET, &path, &self.admin, None).await;
            assert!((400..=404).contains(&answer.status), "{}", answer.text);
        }
    }

    /// The vault's own endpoints.
    async fn vault_answers(&mut self) {
        let (value, refused) = (self.secrets.in_vault.clone(), self.secrets.refused.clone());
        let wrong = self.secrets.wrong_client_secret.clone();
        self.vault.set("canary", &value).await;
        assert_eq!(self.vault.secret("canary").await.as_deref(), Some(value.as_str()));
        let huge = format!("{refused}{}", "x".repeat(26_000));
        let good = json!({"value": refused});
        for (status, who, method, path, body) in [
            (400, &OFFICER, Method::PUT, "/secrets/under_score", good.clone()),
            (400, &OFFICER, Method::PUT, "/secrets/huge", json!({"value": huge})),
            (400, &OFFICER, Method::PUT, "/secrets/odd", json!({"value": {"value": refused}})),
            (
                400,
                &OFFICER,
                Method::PUT,
                "/secrets/odd",
                json!({"value": "x", "attributes": {"enabled": refused}}),
            ),
            (400, &OFFICER, Method::PATCH, "/secrets/canary/x/y/z", good.clone()),
            (403, &USER, Method::PUT, "/secrets/canary", good.clone()),
            (403, &USER, Method::DELETE, "/secrets/canary", good.clone()),
        ] {
            let request = self.vault.request(who, method.clone(), path).await;
            let answer = Answer::to(request.json(&body)).await;
            assert!(
                answer.status == status || answer.status == 404,
                "{method} {path}: {} {}",
                answer.status,
                answer.text
            );
            self.look_at_answer(&format!("the vault's answer to {method} {path}"), &answer, &[]);
        }
        let broken = self.vault.request(&OFFICER, Method::PUT, "/secrets/broken").await;
        let answer = Answer::to(
            broken.header(CONTENT_TYPE, "application/json").body(format!("{{\"value\": {refused}}}")),
        )
        .await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        self.look_at_answer("the vault's answer to a broken body", &answer, &[]);
        let url = format!("{}/secrets/canary?api-version={API_VERSION}", self.vault.url());
        let answer = Answer::to(self.vault.client().put(url).bearer_auth(&refused).json(&good)).await;
        assert_eq!(answer.status, 401, "{}", answer.text);
        self.look_at_answer("the vault's answer to a wrong token", &answer, &[]);
        let bundles = ["/secrets", "/secrets/canary/versions", "/deletedsecrets"];
        for path in bundles {
            let answer = Answer::to(self.vault.request(&USER, Method::GET, path).await).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            self.look_at_answer(&format!("the vault's answer to GET {path}"), &answer, &[]);
        }
        self.vault.set("short-lived", &value).await;
        for (method, path) in [
            (Method::PATCH, "/secrets/short-lived"),
            (Method::DELETE, "/secrets/short-lived"),
            (Method::GET, "/deletedsecrets/short-lived"),
            (Method::POST, "/deletedsecrets/short-lived/recover"),
            (Method::DELETE, "/secrets/short-lived"),
            (Method::DELETE, "/deletedsecrets/short-lived"),
        ] {
            let request = self.vault.request(&OFFICER, method.clone(), path).await;
            let answer = Answer::to(request.json(&json!({"tags": {"team": "data"}}))).await;
            assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text);
            self.look_at_answer(&format!("the vault's answer to {method} {path}"), &answer, &[]);
        }
        let token = format!("{}/adfs/oauth2/v2.0/token", self.vault.authority());
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT_ID),
            ("client_secret", wrong.as_str()),
            ("scope", "https://vault.azure.net/.default"),
        ];
        let client = self.vault.client();
        for request in [
            client.post(&token).form(&form),
            client.post(&token).form(&form[..3]),
            client.post(&token).form(&[("client_secret", wrong.as_str()), ("grant_type", wrong.as_str())]),
            client.post(&token).basic_auth(CLIENT_ID, Some(&wrong)).form(&[form[0], form[3]]),
            client.post(&token).json(&json!({"client_secret": wrong})),
        ] {
            let answer = Answer::to(request).await;
            assert!((400..=415).contains(&answer.status), "{} {}", answer.status, answer.text);
            self.look_at_answer("the answer of the token endpoint", &answer, &[]);
        }
    }

    /// `migrate-secrets` in all its ways.
    async fn migrations(&mut self) {
        let in_row = self.secrets.in_row.clone();
        self.plant("warehouse", &in_row).await;
        let doubtful = format!("secret:{}", self.secrets.doubtful_row);
        self.plant("doubtful", &doubtful).await;
        self.migrate(3, &["--plan"]).await;
        self.migrate(3, &["--plan", "--json"]).await;
        self.migrate(3, &[]).await;
        self.migrate(3, &["--json"]).await;

        // A key that opens nothing, an identity that may not write, a secret that is not known, no vault at all.
        let other = FernetKeys::generate(&SystemRandom);
        self.configure(|file| file["fernetConfiguration"]["fernetKey"] = json!(other.expose()));
        self.migrate(3, &["--json"]).await;
        let wrong = self.secrets.wrong_client_secret.clone();
        self.configure(|file| {
            file["secretsManagerConfiguration"]["parameters"]["clientSecret"] = json!(wrong);
        });
        self.migrate(1, &["--skip-conflicts"]).await;
        self.configure(|file| {
            let parameters = &mut file["secretsManagerConfiguration"]["parameters"];
            parameters["clientId"] = json!(USER.client_id);
            parameters["clientSecret"] = json!(USER.client_secret);
        });
        self.migrate(1, &["--skip-conflicts", "--json"]).await;
        self.configure(|file| {
            file["secretsManagerConfiguration"]["parameters"]["vaultUrl"] =
                json!("https://v1.vault.localhost:1");
        });
        self.migrate(1, &["--skip-conflicts"]).await;
        self.configure(|_| ());

        self.migrate(1, &["--skip-conflicts"]).await;
        self.migrate(0, &["--literal", "--json"]).await;
        self.migrate(0, &[]).await;
        let moved = self.vault.secret("openmetadata-database-warehouse-authtype-password").await;
        assert_eq!(moved, Some(in_row));
        let moved = self.vault.secret("openmetadata-database-doubtful-authtype-password").await;
        assert_eq!(moved, Some(doubtful));
    }

    fn configure(&self, change: impl FnOnce(&mut Value)) {
        let mut configuration = self.configuration.clone();
        change(&mut configuration);
        write_configuration(self.folder.path(), &configuration);
    }

    /// `resolve`, whose standard output is meant to carry values, and nothing else of it.
    async fn resolves(&mut self) {
        let environment = self.vault.environment(&USER).await;
        let in_vault = self.secrets.in_vault.clone();
        let program = self.program(&["resolve", "secret:canary"]).envs(&environment);
        let finished = program.run().await.ended_with(0);
        assert_eq!(finished.stdout, in_vault);
        self.look("the log of resolve", &finished.stderr, &[]);

        let absent =
            self.program(&["resolve", "--json", "secret:canary", "secret:absent"]).envs(&environment);
        self.run(1, absent).await;
        let wrong = [("AZURE_CLIENT_SECRET", self.secrets.wrong_client_secret.clone())];
        let wrong = self.program(&["resolve", "secret:canary"]).envs(&environment).envs(wrong);
        self.run(1, wrong).await;
    }

    /// Files that cannot be read, with a secret in the line that is to blame.
    async fn configurations_are_refused(&mut self) {
        let refused = self.secrets.refused.clone();
        for broken in [
            format!("secretsManagerConfiguration: {{parameters: {{clientSecret: {refused}: x\n"),
            format!("secretsManagerConfiguration: {{secretsManager: '{refused}'}}\n"),
            format!(
                "fernetConfiguration: {{fernetKey: '{refused}'}}\nsecretsManagerConfiguration: {{secretsManager: db}}\n"
            ),
            format!("fernetConfiguration: ['{refused}']\n"),
        ] {
            std::fs::write(self.folder.path().join("broken.yaml"), broken).unwrap();
            let command = ["migrate-secrets", "-c", "broken.yaml", "--data-dir", "data"];
            let program = self.program(&command);
            self.run(2, program).await;
        }
        for broken in [
            format!("principals: [{{name: x, clientSecret: {refused}: x\n"),
            format!("principals: [{{name: x, clientSecret: ['{refused}']}}]\n"),
            format!(
                "principals: [{{name: x, clientId: '{refused}', clientSecret: '{refused}', secret: '{refused}'}}]\n"
            ),
        ] {
            std::fs::write(self.folder.path().join("broken-vault.yaml"), broken).unwrap();
            let program = self.program(&["vault", "--config", "broken-vault.yaml", "--data-dir", "other"]);
            self.run(2, program).await;
        }
    }

    /// The vault is gone, and comes back.
    async fn vault_is_down(&mut self) {
        self.vault.running().kill();
        let refused = api::postgres("unlucky", &self.secrets.refused);
        self.as_admin(503, Method::POST, SERVICES, Some(&refused)).await;
        self.migrate(1, &["--json"]).await;
        self.vault.restart().await;
    }

    /// The server signs in as nobody, and then as somebody who may not write.
    async fn vault_refuses(&mut self) {
        assert!(self.server.running().stop().await.success());
        let wrong = self.secrets.wrong_client_secret.clone();
        self.configure(|file| {
            file["secretsManagerConfiguration"]["parameters"]["clientSecret"] = json!(wrong);
        });
        let anew =
            [("SERVER_PORT", "0"), ("SERVER_ADMIN_PORT", "0"), ("STRONGROOM_ADMIN_PASSWORD", ADMIN_PASSWORD)];
        let program = self.program(&["serve", "-c", CONFIG, "--data-dir", "anew"]).envs(anew);
        self.run(1, program).await;
        self.configure(|file| {
            let parameters = &mut file["secretsManagerConfiguration"]["parameters"];
            parameters["clientId"] = json!(USER.client_id);
            parameters["clientSecret"] = json!(USER.client_secret);
        });
        self.server = MetadataServer::start(self.folder.path(), &LOUD).await;
        let refused = self.secrets.refused.clone();
        let body = api::postgres("refused", &refused);
        self.as_admin(502, Method::POST, SERVICES, Some(&body)).await;
        let body = api::postgres("shop", &refused);
        self.as_admin(502, Method::PUT, SERVICES, Some(&body)).await;
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

fn replace_password(value: &Value) -> Value {
    json!([{"op": "replace", "path": "/connection/config/authType/password", "value": value}])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_found_but_in_the_answers_that_are_meant_to_carry_it() {
    let watch = ProcessWatch::start();
    let mut scene = Scene::set_up().await;
    scene.sign_in().await;
    scene.services_succeed().await;
    scene.services_fail().await;
    scene.vault_answers().await;
    scene.migrations().await;
    scene.resolves().await;
    scene.configurations_are_refused().await;
    for journal in ["data/metastore.db-wal", "vault/vault.db-wal"] {
        assert!(scene.folder.path().join(journal).exists(), "{journal} is searched while it is in use");
    }
    scene.look_at_files();
    scene.vault_is_down().await;
    scene.vault_refuses().await;
    scene.look_at_files();
    assert!(scene.server.running().stop().await.success());
    assert!(scene.vault.running().stop().await.success());
    scene.look_at_files();

    let arguments = watch.end();
    assert!(
        arguments.iter().any(|line| line.windows(5).any(|word| word == b"serve")),
        "our processes were seen"
    );
    for line in arguments {
        scene.look("the arguments of a process", &String::from_utf8_lossy(&line), &[]);
    }
    let log = scene.server.running().stderr();
    assert!(
        log.contains("answered") && scene.vault.running().stderr().contains("DEBUG"),
        "all is logged: {log}"
    );
    // No token of anybody: each begins with the same JSON, {"typ" or {"alg".
    for token in ["eyJ0eXAi", "eyJhbGci"] {
        assert!(!log.contains(token) && !scene.vault.running().stderr().contains(token), "a token is logged");
    }
    assert_eq!(scene.findings, []);
    // The same search finds what is there: the configurations hold secrets.
    assert_ne!(canary::look_below(scene.folder.path(), &[], &scene.all), []);
}

#[tokio::test]
async fn without_a_vault_only_bots_are_told_and_the_database_holds_ciphertext() {
    let folder = scratch();
    let key = FernetKeys::generate(&SystemRandom);
    let file = json!({
        "fernetConfiguration": {"fernetKey": key.expose()},
        "secretsManagerConfiguration": {"secretsManager": "db"},
    });
    write_configuration(folder.path(), &file);
    let mut server = MetadataServer::start(folder.path(), &LOUD).await;
    let (admin, password) = (server.admin().await, secret("Lm8Pu"));
    let bot = server.bot(&admin).await;
    let made = server.send_service(Method::POST, &admin, &api::postgres("shop", &password)).await;
    let read = |token: String| {
        let server = &server;
        async move { server.send(Method::GET, &format!("{SERVICES}/name/shop"), &token, None).await }
    };
    let (person, told) = (read(admin.clone()).await, read(bot.clone()).await);
    assert_eq!(api::password(&told.expect(200)), password.as_str());
    let canaries = [
        Canary::new("the password", password),
        Canary::new("the bot's token", bot),
        Canary::new("the administrator's password", ADMIN_PASSWORD),
        Canary::new("the Fernet key", key.expose()),
    ];
    for answer in [made, person] {
        assert_eq!(canary::look_into("an answer", answer.text.as_bytes(), &canaries), []);
    }
    assert_eq!(canary::look_below(folder.path(), &[CONFIG], &canaries), []);
    assert!(server.running().stop().await.success());
    assert_eq!(canary::look_below(folder.path(), &[CONFIG], &canaries), []);
}

#[tokio::test]
async fn quickstart_shows_what_it_says_and_leaves_nothing_readable_behind() {
    let folder = scratch();
    let quickstart = ["quickstart", "--data-dir", "D", "--exit"];
    let finished = Program::new(folder.path()).args(quickstart).envs(LOUD).run().await.ended_with(0);
    let dummies =
        ["dummy-pg-shop", "dummy-superset", "dummy-aws-secret", "dummy-orders", "KEY-----\ndummy\n"];
    let mut canaries = dummies.map(|dummy| Canary::new("a dummy password", dummy)).to_vec();
    let password = std::fs::read_to_string(folder.path().join("D/quickstart-password")).unwrap();
    assert!(finished.stdout.contains("dummy-pg-shop") && finished.stdout.contains(&password));
    assert_eq!(canary::look_into("the output", finished.stdout.as_bytes(), &canaries[1..]), []);
    canaries.push(Canary::new("the administrator's password", password));
    assert!(finished.stderr.contains("DEBUG"), "all is logged: {}", finished.stderr);
    assert_eq!(canary::look_into("the log", finished.stderr.as_bytes(), &canaries), []);
    assert_eq!(canary::look_below(folder.path(), &["D/quickstart-password"], &canaries), []);
}
