//! The way out to one host: a request for any other host ends here, before a token could leave.

use std::error::Error as StdError;
use std::fmt;

use async_trait::async_trait;
use azure_core::Bytes;
use azure_core::error::{Error as AzureError, ErrorKind as AzureErrorKind};
use azure_core::http::headers::HeaderName;
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
    /// The server's certificate is not trusted; why.
    Untrusted(String),
    /// No connection came up, so nothing was sent; why.
    NotConnected(String),
    /// The connection was lost after the request may have been sent; why.
    Lost(String),
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
    client: reqwest::Client,
}

impl Channel {
    /// A channel to the origin of `url` over `client`.
    pub(super) fn new(peer: Peer, url: &Url, client: reqwest::Client) -> Self {
        Self { peer, origin: url.origin().ascii_serialization(), client }
    }

    fn fail(&self, cause: Cause) -> AzureError {
        Failure { peer: self.peer, cause }.into_azure()
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
            let target =
                target.map_or_else(|| "nowhere".to_owned(), |url| url.origin().ascii_serialization());
            return Err(self.fail(Cause::Redirect(target)));
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
    if let Some(rustls::Error::InvalidCertificate(reason)) = tls {
        return Cause::Untrusted(reason.to_string());
    }
    let reason = tls.map_or_else(|| root(error), |tls| format!("TLS: {tls}"));
    match find::<reqwest::Error>(error) {
        Some(error) if error.is_connect() => Cause::NotConnected(reason),
        _ => Cause::Lost(reason),
    }
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
