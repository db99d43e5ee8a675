//! The public keys of a foreign issuer, such as a Kubernetes cluster: a JSON Web Key Set (RFC 7517) in a file or at an
//! address. Both come from the configuration, never from a token.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::Uri;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use strongroom_secrets::transport::{self, Trust};
use tokio::sync::Mutex;

/// The largest key set that is read, in bytes.
const MAX_SIZE: usize = 1024 * 1024;

/// How long fetched keys are used without asking again, in seconds.
const FRESH: i64 = 60 * 60;

/// How long to wait before asking again, be it for a key that the set does not hold or after a failure, in seconds.
const PATIENCE: i64 = 10;

/// How long the issuer may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    File(PathBuf),
    Url(Uri),
}

/// The keys cannot be had; the log says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unavailable;

/// One public key.
pub(crate) struct IssuerKey {
    kid: Option<String>,
    /// What the set says that it is for, if it does.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

impl IssuerKey {
    /// Whether it made a signature.
    pub(crate) fn verifies(&self, message: &str, signature: &str, algorithm: Algorithm) -> bool {
        self.algorithm.is_none_or(|own| own == algorithm)
            && jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, algorithm)
                .unwrap_or(false)
    }
}

impl std::fmt::Debug for IssuerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuerKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// An issuer's keys, remembered.
#[derive(Debug, Clone)]
pub(crate) struct IssuerKeys {
    source: KeySource,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug, Default)]
struct Memory {
    keys: Vec<Arc<IssuerKey>>,
    /// A file's time and length when it was read.
    stamp: Option<(SystemTime, u64)>,
    /// When the address last answered, in Unix seconds.
    fetched: Option<i64>,
    /// When it was last asked.
    asked: Option<i64>,
}

impl IssuerKeys {
    pub(crate) fn new(source: KeySource) -> Self {
        Self { source, memory: Arc::default() }
    }

    /// The key with an id; without one, the only key of the set.
    pub(crate) async fn find(
        &self,
        kid: Option<&str>,
        now: i64,
    ) -> Result<Option<Arc<IssuerKey>>, Unavailable> {
        // Held while the keys are fetched: whoever comes meanwhile waits for the same answer instead of asking again.
        let mut memory = self.memory.lock().await;
        match &self.source {
            KeySource::File(path) => memory.read(path).await?,
            KeySource::Url(url) => memory.fetch_if_due(url, kid, now).await?,
        }
        Ok(memory.find(kid))
    }
}

impl Memory {
    fn find(&self, kid: Option<&str>) -> Option<Arc<IssuerKey>> {
        match (kid, self.keys.as_slice()) {
            (Some(_), keys) => keys.iter().find(|key| key.kid.as_deref() == kid).cloned(),
            (None, [only]) => Some(Arc::clone(only)),
            (None, _) => None,
        }
    }

    /// Reads the file if it is not the one that was read before.
    async fn read(&mut self, path: &std::path::Path) -> Result<(), Unavailable> {
        let failed = |error: &dyn std::fmt::Display| {
            tracing::warn!(path = %path.display(), %error, "the keys of an issuer cannot be read");
            Unavailable
        };
        let about = tokio::fs::metadata(path).await.map_err(|error| failed(&error))?;
        let stamp = (about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len());
        if self.stamp == Some(stamp) {
            return Ok(());
        }
        if about.len() > MAX_SIZE as u64 {
            return Err(failed(&"it is too large for a key set"));
        }
        let text = tokio::fs::read(path).await.map_err(|error| failed(&error))?;
        self.keys = parse(&text).ok_or_else(|| failed(&"it is not a JSON Web Key Set"))?;
        self.stamp = Some(stamp);
        Ok(())
    }

    /// Asks the issuer if its answer is old or lacks a key, but not without end.
    async fn fetch_if_due(&mut self, url: &Uri, kid: Option<&str>, now: i64) -> Result<(), Unavailable> {
        // A clock that was set back must not keep it from ever asking again.
        let within = |since: Option<i64>, span| since.is_some_and(|then| (0..span).contains(&(now - then)));
        let fresh = within(self.fetched, FRESH);
        if (fresh && self.find(kid).is_some()) || within(self.asked, PATIENCE) {
            return if fresh { Ok(()) } else { Err(Unavailable) };
        }
        self.asked = Some(now);
        match fetch(url).await {
            Ok(keys) => {
                self.keys = keys;
                self.fetched = Some(now);
                Ok(())
            }
            Err(reason) => {
                tracing::warn!(%url, reason, "the keys of an issuer cannot be fetched");
                if fresh { Ok(()) } else { Err(Unavailable) }
            }
        }
    }
}

/// Fetches a key set. Redirects are not followed: the address is the one that was configured.
async fn fetch(url: &Uri) -> Result<Vec<Arc<IssuerKey>>, String> {
    let host = url.host().ok_or("the address has no host")?;
    let tls = Trust::from_environment(&|name| std::env::var(name).ok())
        .client_config()
        .map_err(|error| error.to_string())?;
    let client = transport::client(tls, host, TIMEOUT).map_err(|error| error.to_string())?;
    let mut response = client.get(url.to_string()).send().await.map_err(|error| causes(&error))?;
    if response.status() != 200 {
        return Err(format!("it answered with status {}", response.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| causes(&error))? {
        if body.len() + chunk.len() > MAX_SIZE {
            return Err("its answer is too large for a key set".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    parse(&body).ok_or_else(|| "its answer is not a JSON Web Key Set".to_owned())
}

/// An error with what caused it: the outermost alone says nothing.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The usable keys of a set: public ones that are for signatures. Others are passed over, as RFC 7517 (section 5) wants it.
fn parse(text: &[u8]) -> Option<Vec<Arc<IssuerKey>>> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let set: Set = serde_json::from_slice(text).ok()?;
    Some(
        set.keys
            .into_iter()
            .filter_map(|key| usable(serde_json::from_value(key).ok()?))
            .map(Arc::new)
            .collect(),
    )
}

#[allow(clippy::needless_pass_by_value, reason = "the key is taken apart")]
fn usable(jwk: Jwk) -> Option<IssuerKey> {
    use jsonwebtoken::jwk::PublicKeyUse;
    // A symmetric key in a public set would let everybody sign.
    let public = !matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_));
    let signs = !matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption));
    let algorithm = jwk.common.key_algorithm.map(|algorithm| algorithm.to_string().parse::<Algorithm>());
    if !public || !signs || matches!(algorithm, Some(Err(_))) {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some(IssuerKey { kid: jwk.common.key_id, algorithm: algorithm.and_then(Result::ok), key })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::response::{IntoResponse, Redirect};
    use axum::routing::get;
    use jsonwebtoken::EncodingKey;
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn set(kids: &[&str]) -> String {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let key = EncodingKey::from_ec_pem(key.serialize_pem().as_bytes()).unwrap();
        let keys = kids.iter().map(|kid| {
            let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
            jwk.common.key_id = Some((*kid).to_owned());
            serde_json::to_value(jwk).unwrap()
        });
        json!({"keys": keys.collect::<Vec<_>>()}).to_string()
    }

    async fn has(keys: &IssuerKeys, kid: &str, now: i64) -> Result<bool, Unavailable> {
        keys.find(Some(kid), now).await.map(|found| found.is_some())
    }

    #[tokio::test]
    async fn a_file_is_read_again_when_it_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        let keys = IssuerKeys::new(KeySource::File(path.clone()));
        assert_eq!(has(&keys, "one", NOW).await, Err(Unavailable));
        std::fs::write(&path, set(&["one"])).unwrap();
        assert_eq!(has(&keys, "one", NOW).await, Ok(true));
        assert!(keys.find(None, NOW).await.unwrap().is_some(), "the only key needs no id");
        std::fs::write(&path, set(&["one", "two"])).unwrap();
        assert_eq!(has(&keys, "two", NOW).await, Ok(true));
        assert!(keys.find(None, NOW).await.unwrap().is_none());
        std::fs::write(&path, "{}").unwrap();
        assert_eq!(has(&keys, "two", NOW).await, Err(Unavailable));
        std::fs::write(&path, " ".repeat(MAX_SIZE + 1)).unwrap();
        assert_eq!(has(&keys, "two", NOW).await, Err(Unavailable));
    }

    #[test]
    fn keys_that_are_secret_foreign_or_for_something_else_are_passed_over() {
        let public: serde_json::Value = serde_json::from_str(&set(&["good"])).unwrap();
        let public = &public["keys"][0];
        let with = |name: &str, value: &str| {
            let mut key = public.clone();
            key[name] = json!(value);
            key
        };
        let text = json!({"keys": [
            {"kty": "oct", "kid": "secret", "k": "c2VjcmV0", "alg": "HS256"},
            {"kty": "future", "kid": "future"},
            "not a key",
            with("use", "enc"),
            with("alg", "RSA-OAEP"),
            public,
        ], "extra": 1});
        let keys = parse(text.to_string().as_bytes()).unwrap();
        assert_eq!(keys.iter().map(|key| key.kid.as_deref()).collect::<Vec<_>>(), [Some("good")]);
        assert!(parse(b"[]").is_none() && parse(b"{\"keys\": 1}").is_none() && parse(b"\xff").is_none());
    }

    /// An issuer over plain HTTP, which [`fetch`] allows to loopback; the configuration does not.
    async fn issuer(routes: Router) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, routes).into_future());
        base
    }

    #[tokio::test]
    async fn an_unknown_key_is_asked_for_but_not_without_end() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let answers = [set(&["one"]), set(&["two"])];
        let routes = Router::new().route(
            "/keys",
            get(move || {
                let number = count.fetch_add(1, Ordering::SeqCst);
                std::future::ready(answers.get(number.min(1)).cloned().unwrap())
            }),
        );
        let url = format!("{}/keys", issuer(routes).await).parse().unwrap();
        let keys = IssuerKeys::new(KeySource::Url(url));
        let asked = || asked.load(Ordering::SeqCst);
        assert_eq!(has(&keys, "one", NOW).await, Ok(true));
        assert_eq!(has(&keys, "one", NOW + 5).await, Ok(true));
        assert_eq!(has(&keys, "two", NOW + 5).await, Ok(false));
        assert_eq!(asked(), 1, "within ten seconds it does not ask again");
        assert_eq!(has(&keys, "two", NOW + 10).await, Ok(true));
        assert_eq!(asked(), 2);
        assert_eq!(has(&keys, "two", NOW + 10 + FRESH - 1).await, Ok(true));
        assert_eq!(asked(), 2);
        assert_eq!(has(&keys, "two", NOW + 10 + FRESH).await, Ok(true));
        assert_eq!(asked(), 3, "an old answer is not trusted for ever");
    }

    #[tokio::test]
    async fn what_is_no_key_set_is_not_believed_and_redirects_lead_nowhere() {
        let elsewhere = format!("{}/keys", issuer(Router::new().route("/keys", get(set(&["one"])))).await);
        let large = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(MAX_SIZE));
        let base = issuer(
            Router::new()
                .route("/moved", get(move || std::future::ready(Redirect::temporary(&elsewhere))))
                .route("/large", get(large))
                .route("/text", get("hello"))
                .route("/error", get(|| async { axum::http::StatusCode::BAD_GATEWAY.into_response() })),
        )
        .await;
        for (path, reason) in [
            ("moved", "status 307"),
            ("large", "too large"),
            ("text", "not a JSON"),
            ("error", "502"),
            ("none", "404"),
        ] {
            let url: Uri = format!("{base}/{path}").parse().unwrap();
            let error = fetch(&url).await.unwrap_err();
            assert!(error.contains(reason), "{error}");
            let keys = IssuerKeys::new(KeySource::Url(url));
            assert_eq!(has(&keys, "one", NOW).await, Err(Unavailable));
        }
    }

    #[tokio::test]
    async fn known_keys_outlive_a_short_failure() {
        let asked = Arc::new(AtomicUsize::new(0));
        let answer = set(&["one"]);
        let routes = Router::new().route(
            "/keys",
            get(move || {
                let first = asked.fetch_add(1, Ordering::SeqCst) == 0;
                let answer = answer.clone();
                async move {
                    if first {
                        answer.into_response()
                    } else {
                        axum::http::StatusCode::BAD_GATEWAY.into_response()
                    }
                }
            }),
        );
        let url = format!("{}/keys", issuer(routes).await).parse().unwrap();
        let keys = IssuerKeys::new(KeySource::Url(url));
        assert_eq!(has(&keys, "one", NOW).await, Ok(true));
        assert_eq!(has(&keys, "two", NOW + 60).await, Ok(false), "asked in vain");
        assert_eq!(has(&keys, "one", NOW + 61).await, Ok(true));
        assert_eq!(has(&keys, "one", NOW + FRESH).await, Err(Unavailable));
    }
}
