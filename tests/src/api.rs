//! What callers ask of the metadata server, and its answers taken apart.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::MetadataServer;
use crate::metadata::ADMIN_PASSWORD;

/// The database services.
pub const SERVICES: &str = "/api/v1/services/databaseServices";

/// The first administrator's address.
pub const ADMIN: &str = "admin@open-metadata.org";

/// A caller who presents no token.
pub const NOBODY: &str = "";

/// An answer of the server.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// All headers, one a line.
    pub headers: String,
    /// The body.
    pub text: String,
}

impl Answer {
    /// Sends a request and reads its answer to the end.
    ///
    /// # Panics
    /// If there is no answer.
    pub async fn to(request: RequestBuilder) -> Self {
        let answer = request.send().await.expect("an answer of the server");
        let status = answer.status().as_u16();
        let line = |(name, value): (_, &reqwest::header::HeaderValue)| {
            format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()))
        };
        let headers = answer.headers().iter().map(line).collect();
        let text = answer.text().await.expect("a whole answer");
        Self { status, headers, text }
    }

    /// The body, after a look at the status.
    ///
    /// # Panics
    /// If the status is another one, or the body no JSON.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The message of an error, after a look at its status.
    ///
    /// # Panics
    /// If the status is another one, or the body no error of the API.
    #[track_caller]
    pub fn refusal(&self, status: u16) -> String {
        let body = self.expect(status);
        assert_eq!(body["code"], status, "{body}");
        body["message"].as_str().expect("an error with a message").to_owned()
    }
}

impl MetadataServer {
    /// Asks to be signed in.
    pub async fn sign_in(&self, email: &str, password: &str) -> Answer {
        let body = json!({"email": email, "password": STANDARD.encode(password)});
        self.send(Method::POST, "/api/v1/users/login", NOBODY, Some(&body)).await
    }

    /// A token of the first administrator, whose password is [`ADMIN_PASSWORD`].
    ///
    /// # Panics
    /// If he is not signed in.
    pub async fn admin(&self) -> String {
        let answer = self.sign_in(ADMIN, ADMIN_PASSWORD).await.expect(200);
        answer["accessToken"].as_str().expect("a token").to_owned()
    }

    /// The token of the ingestion's bot, as an administrator finds it.
    ///
    /// # Panics
    /// If the administrator is not told.
    pub async fn bot(&self, admin: &str) -> String {
        let bot = self.send(Method::GET, "/api/v1/bots/name/ingestion-bot", admin, None).await.expect(200);
        let path = format!("/api/v1/users/token/{}", bot["botUser"]["id"].as_str().expect("the bot's user"));
        let answer = self.send(Method::GET, &path, admin, None).await.expect(200);
        answer["JWTToken"].as_str().expect("a token").to_owned()
    }

    /// Sends a request with a caller's token and a JSON body, if there is one.
    pub async fn send(&self, method: Method, path: &str, token: &str, body: Option<&Value>) -> Answer {
        let patches = method == Method::PATCH;
        let mut request = self.request(method, path);
        if !token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(body) = body {
            let media = if patches { "application/json-patch+json" } else { "application/json" };
            request = request.header(CONTENT_TYPE, media).body(body.to_string());
        }
        Answer::to(request).await
    }

    /// Asks for a new database service, or for what one should become (POST or PUT).
    pub async fn send_service(&self, method: Method, token: &str, service: &Value) -> Answer {
        self.send(method, SERVICES, token, Some(service)).await
    }
}

/// What somebody sends who wants a PostgreSQL service.
pub fn postgres(name: &str, password: &str) -> Value {
    json!({
        "name": name,
        "serviceType": "Postgres",
        "connection": {"config": {
            "type": "Postgres",
            "username": "om",
            "authType": {"password": password},
            "hostPort": "localhost:5432",
            "database": "shop",
        }},
    })
}

/// The password field of a PostgreSQL service.
pub fn password(service: &Value) -> &Value {
    &service["connection"]["config"]["authType"]["password"]
}
