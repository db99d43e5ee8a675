//! The way out to one host: a request for any other host ends here, before a token could leave.

use std::error::Error as StdError;
use std::fmt;

use async_trait::async_trait;
use azure_core::Bytes;
use azure_core::error::{Error as AzureError, ErrorKind as AzureErrorKind};
use azure_core::http::headers::{HeaderName, WWW_AUTHENTICATE};
use azure_core::http::{AsyncRawResponse, HttpClient, Request, Url};
use futures::StreamExt;

use crate::transport::UnknownHost;

/// The largest answer that is read. A page of 25 secrets with 15 tags of full length each stays below half a megabyte.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// With whom a channel speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// The vault.
    Vault,
    /// The token endpoint.
    Authority,
    /// What a host gives tokens by to what runs on it.
    ManagedIdentity,
}

/// Why no answer came back that could be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// The request was for another origin than the channel's, as a link in an answer can ask for.
    ForeignOrigin(String),
    /// No address is known for the host.
    UnknownHost,
    /// The server's certificate is of nobody whom we trust; why.
    Untrusted(String),
    /// The server's certificate is out of its time; when that was.
    OutOfTime(String),
    /// The server's certificate is for other names; which.
    OtherName(String),
    /// The server speaks no TLS that is safe, or none at all; what it did.
    OldTls(String),
    /// No connection came up, so nothing was sent; why.
    NotConnected(String),
    /// The connection was lost after the request may have been sent; why.
    Lost(String),
    /// No answer came in time, though the request may have been sent.
    Silent,
    /// The request was not sent: its turn did not come in time.
    NoTurn,
    /// The vault asked for a token for something else than its own domain; for what.
    ForeignResource(String),
    /// The answer was longer than [`MAX_ANSWER_BYTES`].
    TooLong,
    /// A redirect, which is never followed; where to, without path and query.
    Redirect(String),
    /// The bounded retries met nothing but this status.
    Refused(u16),
}

/// A request that was never answered usably. It travels inside the SDK's error and is found there again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) peer: Peer,
    pub(super) cause: Cause,
}

impl Failure {
    pub(super) fn into_azure(self) -> AzureError {
        let kind = match self.cause {
            // The SDK would try for more than a minute: a machine without an identity is not that slow to say so.
            _ if self.peer == Peer::ManagedIdentity => AzureErrorKind::Other,
            Cause::NotConnected(_) | Cause::UnknownHost => AzureErrorKind::Connection,
            Cause::Lost(_) => AzureErrorKind::Io,
            _ => AzureErrorKind::Other,
        };
        AzureError::new(kind, self)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}", self.peer, self.cause)
    }
}

impl StdError for Failure {}

/// An HTTP client that speaks to one origin only.
#[derive(Debug)]
pub(super) struct Channel {
    peer: Peer,
    origin: String,
    /// What stands behind the first label of the host: what tokens for a vault are made out to.
    domain: String,
    client: reqwest::Client,
}

impl Channel {
    /// A channel to the origin of `url` over `client`.
    pub(super) fn new(peer: Peer, url: &Url, client: reqwest::Client) -> Self {
        let domain = url.host_str().and_then(|host| host.split_once('.')).map_or("", |(_, domain)| domain);
        Self { peer, origin: url.origin().ascii_serialization(), domain: domain.to_owned(), client }
    }

    fn fail(&self, cause: Cause) -> AzureError {
        Failure { peer: self.peer, cause }.into_azure()
    }
}

/// What a vault's challenge wants a token for, if that is not `domain`, the vault's own. The SDK would ask for one for any
/// domain above the vault's host, by whatever scheme.
fn foreign_resource(domain: &str, challenge: &str) -> Option<String> {
    let named = |(index, _): (usize, &str)| {
        let name: &str = &challenge[..index];
        let value = challenge[index + 2..].split('"').next().unwrap_or_default();
        let asks = ["resource", "scope"].iter().any(|known| name.ends_with(known));
        asks.then_some(value)
    };
    let foreign = challenge.match_indices("=\"").filter_map(named).find(|value| !is_domain(domain, value))?;
    Some(shown_origin(Url::parse(foreign).ok().as_ref()))
}

fn is_domain(domain: &str, resource: &str) -> bool {
    Url::parse(resource).is_ok_and(|url| {
        url.scheme() == "https"
            && url.host_str() == Some(domain)
            && url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/" | "/.default")
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

/// As much of a server's URL as may be shown: no user, no path, no query.
fn shown_origin(url: Option<&Url>) -> String {
    match url.map(|url| url.origin().ascii_serialization()) {
        Some(origin) if origin != "null" => origin,
        _ => "nowhere".to_owned(),
    }
}

#[async_trait]
impl HttpClient for Channel {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let origin = request.url().origin().ascii_serialization();
        if origin != self.origin {
            return Err(self.fail(Cause::ForeignOrigin(origin)));
        }
        let answer =
            self.client.execute_request(request).await.map_err(|error| self.fail(cause_of(&error)))?;
        let (status, headers, mut body) = answer.deconstruct();
        if (300..400).contains(&u16::from(status)) {
            let target = headers
                .get_optional_str(&HeaderName::from_static("location"))
                .and_then(|target| request.url().join(target).ok());
            return Err(self.fail(Cause::Redirect(shown_origin(target.as_ref()))));
        }
        if self.peer == Peer::Vault
            && let Some(challenge) = headers.get_optional_str(&WWW_AUTHENTICATE)
            && let Some(resource) = foreign_resource(&self.domain, challenge)
        {
            return Err(self.fail(Cause::ForeignResource(resource)));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| self.fail(cause_of(&error)))?;
            if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(self.fail(Cause::TooLong));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(AsyncRawResponse::from_bytes(status, headers, Bytes::from(bytes)))
    }
}

/// What a failed exchange means, read from the chain of its causes.
fn cause_of(error: &AzureError) -> Cause {
    if find::<UnknownHost>(error).is_some() {
        return Cause::UnknownHost;
    }
    let tls = find::<rustls::Error>(error);
    if let Some(cause) = tls.and_then(cause_of_tls) {
        return cause;
    }
    let reason = tls.map_or_else(|| root(error), |tls| format!("TLS: {tls}"));
    match find::<reqwest::Error>(error) {
        Some(error) if error.is_connect() && error.is_timeout() => {
            Cause::NotConnected("no connection in time".to_owned())
        }
        Some(error) if error.is_connect() => Cause::NotConnected(reason),
        Some(error) if error.is_timeout() => Cause::Silent,
        _ => Cause::Lost(reason),
    }
}

/// What a failed handshake means, if it would fail again.
fn cause_of_tls(error: &rustls::Error) -> Option<Cause> {
    use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error};
    Some(match error {
        Error::InvalidCertificate(reason) => match reason {
            Certificate::Expired
            | Certificate::ExpiredContext { .. }
            | Certificate::NotValidYet
            | Certificate::NotValidYetContext { .. } => Cause::OutOfTime(reason.to_string()),
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                Cause::OtherName(reason.to_string())
            }
            _ => Cause::Untrusted(reason.to_string()),
        },
        Error::PeerIncompatible(_)
        | Error::InvalidMessage(_)
        | Error::AlertReceived(
            Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::InsufficientSecurity,
        ) => Cause::OldTls(error.to_string()),
        _ => return None,
    })
}

/// The first `T` in the chain of `error`'s causes. An `io::Error` names the cause of what it wraps as its own, so what it
/// wraps is looked at separately.
pub(super) fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        if let Some(wrapped) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref)
            && let Some(found) = find(wrapped)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The text of the innermost cause: `Connection refused (os error 111)`. None of them repeats what was sent.
fn root(error: &(dyn StdError + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_may_name_the_vaults_own_domain_and_nothing_else() {
        let named = |name: &str, value: &str| {
            let challenge = format!("Bearer authorization=\"https://login.x/t\", {name}=\"{value}\"");
            foreign_resource("vault.azure.net", &challenge)
        };
        for own in ["https://vault.azure.net", "https://vault.azure.net/", "https://VAULT.azure.net"] {
            assert_eq!(named("resource", own), None, "{own}");
        }
        assert_eq!(named("scope", "https://vault.azure.net/.default"), None);
        for foreign in [
            "https://azure.net",
            "https://net",
            "https://v1.vault.azure.net",
            "https://management.azure.com",
            "http://vault.azure.net",
            "https://me:pw@vault.azure.net",
            "https://vault.azure.net@evil.example",
            "https://vault.azure.net/elsewhere",
            "https://vault.azure.net.",
            "https://[::1]",
            "https://2130706433",
            "vault.azure.net",
            "",
        ] {
            for name in ["resource", "scope"] {
                let shown = named(name, foreign);
                assert!(shown.is_some_and(|shown| !shown.contains("pw")), "{name} {foreign}");
            }
        }
        let both = "Bearer resource=\"https://vault.azure.net\", scope=\"https://evil.example/.default\"";
        assert_eq!(foreign_resource("vault.azure.net", both).as_deref(), Some("https://evil.example"));
    }
}
