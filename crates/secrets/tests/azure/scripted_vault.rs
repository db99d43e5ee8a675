//! A server that speaks just enough of Key Vault's protocol, and misbehaves as a test tells it to.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use strongroom_secrets::azure::{AzureConfig, AzureProvider, ClientSecret, Credential};
use strongroom_secrets::transport::{SystemRoots, Trust};
use tempfile::TempDir;

/// What every token request is answered with.
pub(crate) const TOKEN: &str = "the-token-that-must-not-leave";

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) host: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: String,
    /// How many requests with this method and path came before, with and without a token counted apart.
    pub(crate) earlier: usize,
}

impl Request {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path() == path
    }

    pub(crate) fn is_authorized(&self) -> bool {
        self.authorization.is_some()
    }

    pub(crate) fn is_token_request(&self) -> bool {
        self.path().ends_with("/oauth2/v2.0/token")
    }
}

/// How a request is answered.
pub(crate) enum Answer {
    /// A status, further headers (each line ending in CRLF) and a body.
    Http(u16, String, String),
    /// The connection is closed without a word.
    Nothing,
    /// The beginning of an answer, then the connection is closed.
    Half,
    /// The beginning of an answer, then a byte now and then, without end.
    Slow,
    /// The connection stays open and silent.
    Silence,
}

impl Answer {
    #[allow(clippy::needless_pass_by_value, reason = "callers build the body in place")]
    pub(crate) fn json(status: u16, body: impl std::fmt::Display) -> Self {
        Self::Http(status, "Content-Type: application/json\r\n".to_owned(), body.to_string())
    }

    /// An error as Key Vault writes it.
    pub(crate) fn error(status: u16, code: &str, inner: &str) -> Self {
        let error =
            serde_json::json!({"error": {"code": code, "message": "why", "innererror": {"code": inner}}});
        Self::json(status, error)
    }
}

/// What a vault's certificate says.
#[derive(Clone, Copy)]
pub(crate) struct Certificate {
    pub(crate) name: &'static str,
    /// From the beginning of the first to that of the second it is good.
    pub(crate) years: (i32, i32),
}

impl Default for Certificate {
    fn default() -> Self {
        Self { name: "*.vault.localhost", years: (2000, 2100) }
    }
}

type Script = dyn Fn(&Request) -> Option<Answer> + Send + Sync;

/// A vault on a free port. Its threads end with the process.
pub(crate) struct ScriptedVault {
    pub(crate) port: u16,
    folder: TempDir,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl ScriptedVault {
    /// Starts a vault that answers as `script` says. Where it says nothing, a token is given, a challenge sent to who has
    /// none, and no secret is found.
    pub(crate) fn start(script: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) -> Self {
        Self::start_as(Certificate::default(), script)
    }

    /// The same with a certificate of one's own.
    pub(crate) fn start_as(
        certificate: Certificate,
        script: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(vec![certificate.name.to_owned()]).unwrap();
        leaf.not_before = rcgen::date_time_ymd(certificate.years.0, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(certificate.years.1, 1, 1);
        let leaf = leaf.signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let (tls, script): (_, Arc<Script>) = (Arc::new(tls), Arc::new(script));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let (tls, script, seen) = (Arc::clone(&tls), Arc::clone(&script), Arc::clone(&seen));
                std::thread::spawn(move || {
                    let tls = StreamOwned::new(ServerConnection::new(tls).unwrap(), connection);
                    // A client that goes away in the middle is part of the game.
                    let _ = serve(tls, port, &*script, &seen);
                });
            }
        });
        Self { port, folder, requests }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A configuration that trusts this vault and waits for two seconds.
    pub(crate) fn config(&self) -> AzureConfig {
        let credential = ClientSecret {
            tenant: "tenant".into(),
            client_id: "client".into(),
            client_secret: "the-client-secret".into(),
        };
        let vault = format!("https://v1.vault.localhost:{}", self.port).parse().unwrap();
        let mut config = AzureConfig::new(vault, Credential::ClientSecret(credential));
        config.authority = format!("https://login.vault.localhost:{}", self.port).parse().unwrap();
        config.call_timeout = Duration::from_secs(2);
        let system = SystemRoots::Named { file: None, folders: Vec::new() };
        config.trust = Trust { system, ca_file: Some(self.ca_file()) };
        config
    }

    pub(crate) fn provider(&self) -> AzureProvider {
        AzureProvider::new(&self.config()).unwrap()
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// How many authorized requests there were with this method and path.
    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        self.requests().iter().filter(|request| request.is(method, path) && request.is_authorized()).count()
    }
}

/// A bundle as Key Vault answers with.
pub(crate) fn bundle(name: &str, value: Option<&str>) -> String {
    let version = "0".repeat(32);
    let id = format!("https://v1.vault.localhost/secrets/{name}/{version}");
    let mut bundle =
        serde_json::json!({"id": id, "attributes": {"enabled": true, "created": 1, "updated": 1}});
    if let Some(value) = value {
        bundle["value"] = value.into();
    }
    bundle.to_string()
}

type Tls = StreamOwned<ServerConnection, TcpStream>;

/// Reads one request, answers it and closes.
fn serve(tls: Tls, port: u16, script: &Script, seen: &Mutex<Vec<Request>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(tls);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut words = first.split_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(()) };
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;

    let mut request = Request {
        method,
        target,
        host: headers.remove("host").unwrap_or_default(),
        authorization: headers.remove("authorization"),
        body: String::from_utf8(body).unwrap(),
        earlier: 0,
    };
    {
        let mut seen = seen.lock().unwrap();
        let same = |other: &&Request| {
            other.is(&request.method, request.path()) && other.is_authorized() == request.is_authorized()
        };
        request.earlier = seen.iter().filter(same).count();
        seen.push(request.clone());
    }
    let answer = script(&request).unwrap_or_else(|| by_default(&request, port));
    let mut tls = reader.into_inner();
    match answer {
        Answer::Http(status, headers, body) => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} Status\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
            );
            tls.write_all(format!("{head}{body}").as_bytes())?;
        }
        Answer::Half => tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"value\":\"")?,
        Answer::Slow => {
            tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")?;
            // Until the client hangs up.
            loop {
                tls.write_all(b" ")?;
                tls.flush()?;
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Answer::Nothing => return Ok(()),
        Answer::Silence => {
            // Until the client hangs up.
            let _ = tls.read(&mut [0]);
            return Ok(());
        }
    }
    tls.conn.send_close_notify();
    tls.flush()
}

fn by_default(request: &Request, port: u16) -> Answer {
    if request.is_token_request() {
        let token = serde_json::json!({"token_type": "Bearer", "expires_in": 3600, "access_token": TOKEN});
        return Answer::json(200, token);
    }
    if !request.is_authorized() {
        return challenge(&format!("https://vault.localhost:{port}"));
    }
    Answer::error(404, "SecretNotFound", "")
}

/// A challenge that names `resource`.
pub(crate) fn challenge(resource: &str) -> Answer {
    let value =
        format!("Bearer authorization=\"https://login.evil.localhost/tenant\", resource=\"{resource}\"");
    Answer::Http(401, format!("WWW-Authenticate: {value}\r\n"), String::new())
}
