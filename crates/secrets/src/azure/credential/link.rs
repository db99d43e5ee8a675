//! One credential, ready to be asked for tokens.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::AccessToken;
use azure_core::http::{Context, Method, Request, StatusCode, Transport, Url};

use super::refusal::{Asking, NoToken};
use super::tokens::Source;
use super::{Credential, MakeOptions, Surroundings};
use crate::{ErrorKind, Result};

/// How long a virtual machine's endpoint may take to show that it is there: elsewhere its address leads nowhere, and
/// nobody says so.
const PROBE: Duration = Duration::from_secs(1);

/// How long to wait before an endpoint that has too much to do is looked at again.
const BUSY: Duration = Duration::from_millis(200);

/// A credential with its own way to who gives the tokens.
///
/// The SDK's credential is made anew for each token: it reads files again that were replaced, and keeps no token that the
/// vault no longer takes. Its connections stay.
pub(super) struct Link {
    credential: Credential,
    surroundings: Surroundings,
    asking: Asking,
    /// What is asked first, if this may be a machine that has no such endpoint.
    probe: Option<(Transport, Url)>,
}

impl Link {
    /// A link for `credential`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the credential cannot be right.
    pub(super) fn new(
        credential: &Credential,
        surroundings: &Surroundings,
        make_options: MakeOptions<'_>,
    ) -> Result<Self> {
        let asking = credential.asking(&surroundings.authority);
        let surroundings =
            Surroundings { options: credential.options(surroundings, make_options)?, ..surroundings.clone() };
        // Whatever cannot be right is found now.
        credential.build(&surroundings)?;
        Ok(Self { credential: credential.clone(), surroundings, asking, probe: None })
    }

    /// The same, which first looks whether there is a virtual machine's endpoint, if that is who would be asked.
    pub(super) fn probing(self) -> Self {
        let probe = match &self.credential {
            Credential::ManagedIdentity(known) => known.probe(),
            _ => None,
        };
        let probe = probe.and_then(|url| Some((self.surroundings.options.transport.clone()?, url)));
        let asking = Asking { may_be_foreign: probe.is_some(), ..self.asking };
        Self { probe, asking, ..self }
    }

    /// Looks whether it is Azure's endpoint that answers at its address. There may be another cloud's, or who shows a page to
    /// whatever is asked for. Azure's refuses a request without the header that asks for a token, with 400: so Microsoft's
    /// clients tell it too (<https://github.com/Azure/azure-sdk-for-net/pull/45084>).
    async fn probe(&self) -> Result<(), NoToken> {
        let Some((transport, url)) = &self.probe else { return Ok(()) };
        let shown = &self.asking.shown;
        let mut busy = None;
        let answer = tokio::time::timeout(PROBE, async {
            loop {
                let mut request = Request::new(url.clone(), Method::Get);
                let answer = transport.send(&Context::new(), &mut request).await?;
                match u16::from(answer.status()) {
                    status @ (429 | 500..) => busy = Some(status),
                    _ => return Ok(answer.status()),
                }
                tokio::time::sleep(BUSY).await;
            }
        });
        let why = match (answer.await, busy) {
            (Ok(Ok(StatusCode::BadRequest)), _) => return Ok(()),
            (Ok(Ok(other)), _) => {
                let status = u16::from(other);
                format!(
                    "what answers as {shown} is not Azure's ({status} to a request that Azure's refuses with 400)"
                )
            }
            (Ok(Err(error)), _) => return Err(self.asking.explain(&error, self.now()).declined()),
            (Err(_), Some(status)) => format!("{shown} has answered {status} for {} s", PROBE.as_secs()),
            (Err(_), None) => format!("{shown} does not answer within {} s", PROBE.as_secs()),
        };
        Err(NoToken::new(ErrorKind::Unauthenticated, why).declined())
    }

    fn now(&self) -> i64 {
        self.surroundings.clock.now_seconds()
    }
}

#[async_trait]
impl Source for Link {
    async fn token(&self, scope: &str) -> Result<AccessToken, NoToken> {
        self.probe().await?;
        let credential = self.credential.build(&self.surroundings)?;
        credential.get_token(&[scope], None).await.map_err(|error| self.asking.explain(&error, self.now()))
    }

    fn shown(&self) -> &str {
        &self.asking.shown
    }

    fn credential(&self) -> &'static str {
        self.credential.name()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Link").field(&self.credential.name()).finish()
    }
}
