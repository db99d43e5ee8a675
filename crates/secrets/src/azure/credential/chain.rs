//! The default chain: credentials that are tried one after the other, in the order that all of Azure's clients document
//! (<https://learn.microsoft.com/azure/developer/python/sdk/authentication/credential-chains>).

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use azure_core::credentials::AccessToken;

use super::link::Link;
use super::refusal::NoToken;
use super::tokens::Source;
use super::{Credential, MakeOptions, Surroundings};
use crate::{Error, ErrorKind, Result};

/// The links of a default chain, in the order in which they are tried.
///
/// A credential that is not there *declines*, and the next one is tried. One that is there and refused ends the search: the
/// next one would be somebody else. The tools of developers are the exception, since who has them is often signed in to
/// one of them only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultCredential {
    /// How each is called, for people, and the credential or why there is none.
    pub(super) links: Vec<(&'static str, Result<Credential, String>)>,
}

impl DefaultCredential {
    pub(super) fn build(&self, surroundings: &Surroundings, make_options: MakeOptions<'_>) -> Result<Chain> {
        // Whoever names one link wants that one, and has the time for it.
        let is_search = self.links.len() > 1;
        let links = self.links.iter().map(|(name, credential)| {
            let ready = match credential {
                Ok(credential) => match Link::new(credential, surroundings, make_options) {
                    Ok(ready) if is_search => Ok(ready.probing()),
                    Ok(ready) => Ok(ready),
                    // Nobody asked for these: they are looked for everywhere.
                    Err(error) if is_search && is_everywhere(credential) => Err(error.to_string()),
                    Err(error) => return Err(error),
                },
                Err(why) => Err(why.clone()),
            };
            let goes_on =
                matches!(credential, Ok(Credential::AzureCli(_) | Credential::AzureDeveloperCli(_)));
            Ok(ChainLink { name, ready, goes_on })
        });
        Ok(Chain { links: links.collect::<Result<_>>()?, chosen: AtomicUsize::new(NONE) })
    }
}

/// Whether this credential has no variable that says that it is meant.
fn is_everywhere(credential: &Credential) -> bool {
    matches!(
        credential,
        Credential::ManagedIdentity(_) | Credential::AzureCli(_) | Credential::AzureDeveloperCli(_)
    )
}

/// No link has given a token yet.
const NONE: usize = usize::MAX;

/// A default chain at work.
#[derive(Debug)]
pub(super) struct Chain {
    links: Vec<ChainLink>,
    /// The link that gave the first token: from then on it alone is asked, so that the identity stays the same.
    chosen: AtomicUsize,
}

#[derive(Debug)]
struct ChainLink {
    name: &'static str,
    /// The credential, or why there is none.
    ready: Result<Link, String>,
    /// Whether the next one is tried even if this one is refused.
    goes_on: bool,
}

impl ChainLink {
    async fn token(&self, scope: &str) -> Result<AccessToken, NoToken> {
        match &self.ready {
            Ok(link) => link.token(scope).await,
            Err(why) => Err(NoToken::new(ErrorKind::Unauthenticated, why).declined()),
        }
    }
}

#[async_trait]
impl Source for Chain {
    async fn token(&self, scope: &str) -> Result<AccessToken, NoToken> {
        if let Some(link) = self.links.get(self.chosen.load(Ordering::Relaxed)) {
            return link.token(scope).await;
        }
        let mut declined = Vec::new();
        for (index, link) in self.links.iter().enumerate() {
            match link.token(scope).await {
                Ok(token) => {
                    self.chosen.store(index, Ordering::Relaxed);
                    tracing::debug!(credential = link.name, "signed in to Azure");
                    return Ok(token);
                }
                Err(no_token) if no_token.declined || link.goes_on => declined.push((link.name, no_token)),
                Err(no_token) => return Err(no_token),
            }
        }
        match &declined[..] {
            // The only link that was wanted knows best what to do.
            [(_, only)] => Err(only.clone()),
            _ => {
                let reasons: Vec<_> =
                    declined.iter().map(|(name, no_token)| (*name, no_token.to_string())).collect();
                Err(all_declined(&reasons).into())
            }
        }
    }

    fn shown(&self) -> &str {
        "the default chain of credentials"
    }

    fn credential(&self) -> &'static str {
        let chosen = self.links.get(self.chosen.load(Ordering::Relaxed));
        match chosen.map(|link| &link.ready) {
            Some(Ok(link)) => link.credential(),
            _ => "default chain",
        }
    }
}

/// Each link and its reason in a line of its own.
pub(super) fn all_declined(reasons: &[(&'static str, String)]) -> Error {
    let lines: String = reasons.iter().map(|(name, why)| format!("\n  {name}: {why}")).collect();
    Error::new(ErrorKind::Unauthenticated, format!("no credential for Azure gave a token:{lines}")).with_hint(
        "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, give the host an identity, or sign in with `az login`",
    )
}
