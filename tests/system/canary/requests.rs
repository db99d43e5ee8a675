//! What is sent to the two servers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use strongroom_tests::api::{self, ADMIN, Answer, NOBODY, SERVICES};
use strongroom_tests::canary::Canary;
use strongroom_tests::metadata::ADMIN_PASSWORD;
use strongroom_tests::vault::{API_VERSION, OFFICER, USER};

use super::scene::{Canaries, Scene};
use super::{CLIENT_ID, SHOP};

impl Scene {
    /// Signing in: the answers carry tokens, and become canaries themselves.
    pub(super) async fn sign_in(&mut self) {
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
    pub(super) async fn services_succeed(&mut self) {
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
    pub(super) async fn services_fail(&mut self) {
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
    pub(super) async fn vault_answers(&mut self) {
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
}

fn replace_password(value: &Value) -> Value {
    json!([{"op": "replace", "path": "/connection/config/authType/password", "value": value}])
}
