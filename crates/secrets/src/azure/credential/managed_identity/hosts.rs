//! The hosts that the SDK cannot ask: Azure Arc, Azure Machine Learning, Cloud Shell and Service Fabric.

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, Secret as AzureSecret, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error as AzureError, ErrorKind as AzureErrorKind};
use azure_core::http::headers::{AUTHORIZATION, CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE};
use azure_core::http::{
    ClientOptions, Context, Method, Pipeline, PipelineSendOptions, RawResponse, Request, StatusCode, Url,
};
use azure_core::time::OffsetDateTime;
use serde::Deserialize;

use super::{IdentityHost, ManagedIdentity, arc};
use crate::azure::credential::refusal::NoToken;
use crate::{Error, ErrorKind, Result};

const METADATA: HeaderName = HeaderName::from_static("metadata");
const SECRET: HeaderName = HeaderName::from_static("secret");

/// A host, asked in its own way.
pub(super) struct HostCredential {
    host: IdentityHost,
    client_id: Option<String>,
    url: Url,
    pipeline: Pipeline,
    /// Where Azure Arc's keys lie.
    keys: PathBuf,
}

impl HostCredential {
    pub(super) fn new(identity: &ManagedIdentity, options: ClientOptions) -> Result<Self> {
        let host = identity.host.clone();
        let only_its_own = match host {
            IdentityHost::AzureArc { .. } => Some("Azure Arc"),
            IdentityHost::CloudShell { .. } => Some("Cloud Shell"),
            IdentityHost::ServiceFabric { .. } => Some("Service Fabric"),
            _ => None,
        };
        if let (Some(name), Some(_)) = (only_its_own, &identity.client_id) {
            let message = format!("{name} has one managed identity and takes no client id");
            return Err(Error::new(ErrorKind::Configuration, message).with_hint("unset AZURE_CLIENT_ID"));
        }
        let pipeline = Pipeline::new(None, None, options, Vec::new(), Vec::new(), None);
        Ok(Self {
            host,
            client_id: identity.client_id.clone(),
            url: identity.url()?,
            pipeline,
            keys: arc::KEYS.into(),
        })
    }

    /// The request for a token for `resource`.
    fn request(&self, resource: &str) -> Request {
        let with = |parameters: &[(&str, &str)]| {
            let mut url = self.url.clone();
            url.query_pairs_mut().extend_pairs(parameters);
            Request::new(url, Method::Get)
        };
        match &self.host {
            IdentityHost::MachineLearning { secret, default_client_id, .. } => {
                let mut parameters = vec![("api-version", "2017-09-01"), ("resource", resource)];
                if let Some(id) = self.client_id.as_ref().or(default_client_id.as_ref()) {
                    parameters.push(("clientid", id));
                }
                let mut request = with(&parameters);
                request.insert_header(SECRET, secret.expose().to_owned());
                request
            }
            IdentityHost::CloudShell { .. } => {
                let mut request = Request::new(self.url.clone(), Method::Post);
                request.insert_header(METADATA, "true");
                request.insert_header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                let mut form = Url::clone(&self.url);
                form.query_pairs_mut().clear().append_pair("resource", resource);
                request.set_body(form.query().unwrap_or_default().to_owned());
                request
            }
            IdentityHost::ServiceFabric { header, .. } => {
                let mut request = with(&[("api-version", "2019-07-01-preview"), ("resource", resource)]);
                request.insert_header(SECRET, header.expose().to_owned());
                request
            }
            // The other two are asked through the SDK.
            IdentityHost::AzureArc { .. }
            | IdentityHost::VirtualMachine
            | IdentityHost::AppService { .. } => {
                let mut request = with(&[("api-version", "2020-06-01"), ("resource", resource)]);
                request.insert_header(METADATA, "true");
                request
            }
        }
    }

    async fn send(&self, mut request: Request) -> azure_core::Result<RawResponse> {
        let options = PipelineSendOptions { skip_checks: true, ..PipelineSendOptions::default() };
        self.pipeline.send(&Context::new(), &mut request, Some(options)).await
    }
}

#[async_trait]
impl TokenCredential for HostCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let scope = scopes.first().copied().unwrap_or_default();
        let resource = scope.strip_suffix("/.default").unwrap_or(scope);
        let mut answer = self.send(self.request(resource)).await?;
        let is_arc = matches!(self.host, IdentityHost::AzureArc { .. });
        if is_arc && answer.status() == StatusCode::Unauthorized {
            let challenge = answer.headers().get_optional_str(&WWW_AUTHENTICATE).unwrap_or_default();
            let key = arc::key(challenge, &self.keys).map_err(NoToken::into_azure)?;
            let mut request = self.request(resource);
            request.insert_header(AUTHORIZATION, format!("Basic {}", key.expose()));
            answer = self.send(request).await?;
        }
        token_in(answer)
    }
}

fn token_in(answer: RawResponse) -> azure_core::Result<AccessToken> {
    #[derive(Deserialize)]
    struct Token {
        access_token: AzureSecret,
        expires_on: Seconds,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Seconds {
        Number(i64),
        Text(String),
    }

    let status = answer.status();
    if !status.is_success() {
        let kind =
            AzureErrorKind::HttpResponse { status, error_code: None, raw_response: Some(Box::new(answer)) };
        return Err(kind.into());
    }
    let not_understood =
        || AzureError::with_message(AzureErrorKind::DataConversion, "no token in the answer");
    let token: Token = serde_json::from_slice(answer.body().as_ref()).map_err(|_| not_understood())?;
    let end = match token.expires_on {
        Seconds::Number(seconds) => Some(seconds),
        Seconds::Text(text) => text.parse().ok(),
    };
    let end = end.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    Ok(AccessToken::new(token.access_token, end.ok_or_else(not_understood)?))
}

impl fmt::Debug for HostCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostCredential").field("url", &self.url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use azure_core::http::{RetryOptions, Transport};

    use super::*;
    use crate::azure::channel::{Channel, Peer};
    use crate::transport::{self, Trust};

    const TOKEN: &str =
        r#"{"access_token": "the-token", "expires_on": "4000000000", "token_type": "Bearer"}"#;

    /// A host that answers each request with the next of `answers` (headers and a body), and what it was asked.
    fn host(answers: Vec<(u16, String, &'static str)>) -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for (status, headers, body) in answers {
                let mut reader = BufReader::new(listener.accept().unwrap().0);
                let mut text = String::new();
                while !text.ends_with("\r\n\r\n") {
                    reader.read_line(&mut text).unwrap();
                }
                let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
                let mut content = vec![0; length.map_or(0, |length| length.parse().unwrap())];
                reader.read_exact(&mut content).unwrap();
                seen.lock().unwrap().push(text + &String::from_utf8(content).unwrap());
                let answer = format!(
                    "HTTP/1.1 {status} S\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
                    body.len()
                );
                reader.into_inner().write_all(answer.as_bytes()).unwrap();
            }
        });
        (format!("http://{address}/token"), asked)
    }

    fn credential(host: IdentityHost, client_id: Option<&str>) -> HostCredential {
        let identity = ManagedIdentity { client_id: client_id.map(str::to_owned), host };
        let client =
            transport::host_client(Trust::default().client_config().unwrap(), Duration::from_secs(5));
        let channel = Channel::new(Peer::ManagedIdentity, &identity.url().unwrap(), client.unwrap());
        let options = ClientOptions {
            transport: Some(Transport::new(Arc::new(channel))),
            retry: RetryOptions::none(),
            ..ClientOptions::default()
        };
        HostCredential::new(&identity, options).unwrap()
    }

    async fn ask(credential: &HostCredential) -> azure_core::Result<String> {
        let token = credential.get_token(&["https://vault.azure.net/.default"], None).await?;
        assert_eq!(token.expires_on.unix_timestamp(), 4_000_000_000);
        Ok(token.token.secret().to_owned())
    }

    #[tokio::test]
    async fn machine_learning_is_asked_with_its_secret_for_the_identity_that_is_named() {
        for (client_id, named) in [(None, "clientid=default"), (Some("mine"), "clientid=mine")] {
            let (endpoint, asked) = host(vec![(200, String::new(), TOKEN)]);
            let learning = IdentityHost::MachineLearning {
                endpoint,
                secret: "the-secret".into(),
                default_client_id: Some("default".into()),
            };
            assert_eq!(ask(&credential(learning, client_id)).await.unwrap(), "the-token");
            let request = asked.lock().unwrap()[0].clone();
            let query = "GET /token?api-version=2017-09-01&resource=https%3A%2F%2Fvault.azure.net&";
            assert!(request.starts_with(&format!("{query}{named} ")), "{request}");
            assert!(request.contains("secret: the-secret\r\n"), "{request}");
        }
    }

    #[tokio::test]
    async fn cloud_shell_is_asked_with_a_form() {
        let answer = r#"{"access_token": "the-token", "expires_on": 4000000000}"#;
        let (endpoint, asked) = host(vec![(200, String::new(), answer)]);
        assert_eq!(ask(&credential(IdentityHost::CloudShell { endpoint }, None)).await.unwrap(), "the-token");
        let request = asked.lock().unwrap()[0].clone();
        assert!(request.starts_with("POST /token ") && request.contains("metadata: true\r\n"), "{request}");
        assert!(request.ends_with("\r\nresource=https%3A%2F%2Fvault.azure.net"), "{request}");
    }

    #[tokio::test]
    async fn arc_is_answered_from_the_file_that_it_names_and_from_no_other() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.key"), "the-proof").unwrap();
        let challenge =
            |file: &str| format!("WWW-Authenticate: Basic realm={}/{file}\r\n", folder.path().display());
        let (endpoint, asked) = host(vec![(401, challenge("a.key"), ""), (200, String::new(), TOKEN)]);
        let arc = credential(IdentityHost::AzureArc { endpoint }, None);
        let arc = HostCredential { keys: folder.path().into(), ..arc };
        assert_eq!(ask(&arc).await.unwrap(), "the-token");
        let asked = asked.lock().unwrap().clone();
        assert!(asked.iter().all(|request| request.contains("metadata: true\r\n")), "{asked:?}");
        assert!(
            !asked[0].contains("authorization") && asked[1].contains("authorization: Basic the-proof\r\n")
        );

        std::fs::write(folder.path().join("a.txt"), "hunter2").unwrap();
        let (endpoint, asked) = host(vec![(401, challenge("a.txt"), "")]);
        let arc = credential(IdentityHost::AzureArc { endpoint }, None);
        let arc = HostCredential { keys: folder.path().into(), ..arc };
        let error = ask(&arc).await.unwrap_err();
        assert!(error.to_string().contains("Azure Arc's agent asks for a file that is no key"), "{error}");
        assert_eq!(asked.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn what_is_no_token_is_no_token_and_is_not_repeated() {
        for (status, answer) in [(200, "hunter2"), (200, r#"{"access_token": "hunter2"}"#), (500, "hunter2")]
        {
            let (endpoint, _) = host(vec![(status, String::new(), answer)]);
            let error = ask(&credential(IdentityHost::CloudShell { endpoint }, None)).await.unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_host_that_sends_elsewhere_is_not_followed() {
        for (status, to) in
            [(302, "/elsewhere"), (307, "http://169.254.169.254/"), (308, "https://evil.example/")]
        {
            let (endpoint, asked) = host(vec![(status, format!("Location: {to}\r\n"), "")]);
            let learning = IdentityHost::MachineLearning {
                endpoint,
                secret: "the-secret".into(),
                default_client_id: None,
            };
            let error = ask(&credential(learning, None)).await.unwrap_err();
            assert!(!error.to_string().contains("the-secret"), "{error}");
            assert_eq!(asked.lock().unwrap().len(), 1, "{to}");
        }
    }

    #[test]
    fn hosts_with_one_identity_take_no_client_id() {
        let host = IdentityHost::CloudShell { endpoint: "http://127.0.0.1:1/".into() };
        let identity = ManagedIdentity { client_id: Some("c".into()), host };
        let error = HostCredential::new(&identity, ClientOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("Cloud Shell"), "{error}");
    }
}
