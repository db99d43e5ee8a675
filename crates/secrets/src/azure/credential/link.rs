//! One credential, ready to be asked for tokens.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::AccessToken;
use azure_core::http::{Context, Method, Request, Transport, Url};

use super::refusal::{Asking, NoToken};
use super::tokens::Source;
use super::{Credential, MakeOptions, Surroundings};
use crate::{ErrorKind, Result};

/// How long a virtual machine's endpoint may take to show that it is there: elsewhere its address leads nowhere, and
/// nobody says so.
const PROBE: Duration = Duration::from_secs(1);

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
        Self { probe, ..self }
    }

    async fn probe(&self) -> Result<(), NoToken> {
        let Some((transport, url)) = &self.probe else { return Ok(()) };
        // Without the header that asks for a token: any answer shows that somebody is there.
        let mut request = Request::new(url.clone(), Method::Get);
        let answer = tokio::time::timeout(PROBE, transport.send(&Context::new(), &mut request)).await;
        match answer {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.asking.explain(&error, self.now()).declined()),
            Err(_) => {
                let why = format!("{} does not answer within {} s", self.asking.shown, PROBE.as_secs());
                Err(NoToken::new(ErrorKind::Unauthenticated, why).declined())
            }
        }
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
