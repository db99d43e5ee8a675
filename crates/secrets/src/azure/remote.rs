//! What there is to tell of the way to a Key Vault, and who may do what there.

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::http::headers::HeaderName;
use azure_core::http::{HttpClient, Method, Request, Url};
use azure_core::time::{OffsetDateTime, parse_rfc7231};

use super::action::POLICIES;
use super::channel::{Channel, Failure, Peer, find};
use super::client::request_timeout;
use super::credential::{NoToken, SignedIn};
use super::meaning::{Asked, Meaning};
use super::{AzureProvider, VaultUrl};
use crate::probe::DataAction;
use crate::remote::{Advice, Endpoint, Part, Reached, Remote, Role};
use crate::{Error, ErrorKind, Result, transport};

/// What a vault is asked for without a token: it refuses, and by that shows that it is one.
const VAULT_PATH: &str = "/secrets?api-version=7.4&maxresults=1";

/// What everybody may ask a token endpoint for.
const AUTHORITY_PATH: &str = "/common/v2.0/.well-known/openid-configuration";

/// Azure's built-in roles for secrets
/// (<https://learn.microsoft.com/azure/key-vault/general/rbac-guide#azure-built-in-roles-for-key-vault-data-plane-operations>).
static ROLES: [Role; 3] = [
    Role {
        name: "Key Vault Reader",
        id: "21090545-7ca7-4776-b22c-e363652d74d2",
        grants: &[DataAction::List],
    },
    Role {
        name: "Key Vault Secrets User",
        id: "4633458b-17de-408a-b874-0445c86b69e6",
        grants: &[DataAction::Get, DataAction::List],
    },
    Role {
        name: "Key Vault Secrets Officer",
        id: "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        grants: &DataAction::ALL,
    },
];

impl AzureProvider {
    /// What tokens for the vault are asked for: the domain of its host.
    fn scope(&self) -> String {
        let url = self.vault().url();
        let domain = self.vault().host().split_once('.').map_or("", |(_, domain)| domain);
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        format!("https://{domain}{port}/.default")
    }

    fn endpoint(&self, part: Part) -> (Peer, &Url, &'static str) {
        match part {
            Part::Vault => (Peer::Vault, self.vault().url(), VAULT_PATH),
            Part::TokenEndpoint => (Peer::Authority, self.authority().url(), AUTHORITY_PATH),
        }
    }
}

#[async_trait]
impl Remote for AzureProvider {
    fn endpoints(&self) -> Vec<Endpoint> {
        let parts: &[Part] = match self.asks_authority() {
            true => &[Part::Vault, Part::TokenEndpoint],
            false => &[Part::Vault],
        };
        let endpoint = |part: &Part| {
            let (_, url, _) = self.endpoint(*part);
            let host = url.host_str().unwrap_or_default().to_owned();
            Endpoint { part: *part, url: url.origin().ascii_serialization(), host }
        };
        parts.iter().map(endpoint).collect()
    }

    async fn reach(&self, endpoint: &Endpoint) -> Result<Reached> {
        let (peer, url, path) = self.endpoint(endpoint.part);
        let timeout = request_timeout(self.call_timeout);
        let client = transport::client(self.tls(), &endpoint.host, timeout)?;
        let target = url.join(path).map_err(|_| {
            Error::new(ErrorKind::Configuration, format!("{} cannot be used as an address", endpoint.url))
        })?;
        let before = self.clock().now_millis();
        let answer =
            Channel::new(peer, url, client).execute_request(&Request::new(target, Method::Get)).await;
        let after = self.clock().now_millis();
        let answer = answer.map_err(|error| match find::<Failure>(&error) {
            Some(failure) => {
                let asked = Asked { peer, host: &endpoint.host, url: &endpoint.url };
                meaning(asked.unanswered(&failure.cause), "")
            }
            None => Error::new(ErrorKind::Other, format!("{} cannot be understood", endpoint.url)),
        })?;
        let date = answer.headers().get_optional_str(&HeaderName::from_static("date"));
        let theirs = date.and_then(|date| parse_rfc7231(date).ok()).map(OffsetDateTime::unix_timestamp);
        // The header was written some time between the question and its answer.
        let ours = (before + (after - before) / 2).div_euclid(1000);
        Ok(Reached { ahead: theirs.map(|theirs| ours - theirs) })
    }

    async fn sign_in(&self) -> Result<SignedIn> {
        let scope = self.scope();
        let before = format!("cannot sign in for {self}: ");
        self.tokens().get_token(&[&scope], None).await.map_err(|error| match find::<NoToken>(&error) {
            Some(no_token) => meaning(no_token.meaning.clone(), &before),
            None => Error::new(ErrorKind::Unauthenticated, before.clone() + "there is no token"),
        })?;
        let nobody = || Error::new(ErrorKind::Unauthenticated, before + "the token is over already");
        self.signed_in().ok_or_else(nobody)
    }

    fn roles(&self) -> &'static [Role] {
        &ROLES
    }

    fn how_to_grant(&self, role: &Role, to: Option<&SignedIn>, refusal: Option<&Error>) -> Advice {
        let who = Who::of(to);
        let name = vault_name(self.vault());
        let by_policy = refusal.and_then(Error::hint).is_some_and(|hint| hint.contains(POLICIES));
        if by_policy {
            let permissions: Vec<_> = role.grants.iter().map(|action| permission(*action)).collect();
            let permissions = unrepeated(&permissions).join(" ");
            return Advice {
                text: format!(
                    "the vault goes by access policies: give {who} the secret permissions {permissions}"
                ),
                command: Some(format!(
                    "az keyvault set-policy --name {name} --object-id {} --secret-permissions {permissions}",
                    who.id
                )),
            };
        }
        let mut text = format!("assign the role {} on {} to {who}", role.name, self.vault());
        text.push_str(match self.vault().cloud() {
            Some(_) => "; it takes some minutes",
            None => "; NAME is what the vault calls it (strongroom vault principal list)",
        });
        let command = match self.vault().cloud() {
            Some(_) => format!(
                "az role assignment create --role \"{}\" --assignee-object-id {} --assignee-principal-type {} --scope \
                 \"$(az keyvault show --name {name} --query id --output tsv)\"",
                role.name, who.id, who.kind
            ),
            None => format!("strongroom vault role assign NAME \"{}\" --vault {name}", role.name),
        };
        Advice { text, command: Some(command) }
    }

    fn how_to_narrow(&self, role: &Role, of: Option<&SignedIn>) -> Advice {
        let (who, vault) = (Who::of(of), self.vault());
        let text = format!("give {who} the role {} on {vault}, and take away what it has besides", role.name);
        let name = vault_name(vault);
        let command = match vault.cloud() {
            Some(_) => format!(
                "az role assignment list --assignee {} --include-inherited --scope \"$(az keyvault show --name {name} --query \
                 id --output tsv)\" --output table",
                who.id
            ),
            None => "strongroom vault role list".to_owned(),
        };
        Advice { text, command: Some(command) }
    }
}

/// An identity, as commands and sentences name it.
struct Who<'a> {
    id: &'a str,
    client_id: Option<&'a str>,
    kind: &'static str,
}

impl<'a> Who<'a> {
    fn of(signed_in: Option<&'a SignedIn>) -> Self {
        let id = signed_in.and_then(|known| known.object_id.as_deref());
        let is_person = signed_in.is_some_and(|known| known.user.is_some());
        Self {
            id: id.unwrap_or("OBJECT-ID"),
            client_id: signed_in.and_then(|known| known.client_id.as_deref()),
            kind: if is_person { "User" } else { "ServicePrincipal" },
        }
    }
}

impl std::fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the identity with the object id {}", self.id)?;
        self.client_id.map_or(Ok(()), |client_id| write!(f, " (client id {client_id})"))
    }
}

fn vault_name(vault: &VaultUrl) -> &str {
    vault.host().split('.').next().unwrap_or_default()
}

fn permission(action: DataAction) -> &'static str {
    match action {
        DataAction::Get => "get",
        DataAction::List => "list",
        DataAction::Set | DataAction::Update => "set",
        DataAction::Delete => "delete",
        DataAction::Recover => "recover",
        DataAction::Purge => "purge",
    }
}

/// Without what stands there twice in a row.
fn unrepeated(words: &[&'static str]) -> Vec<&'static str> {
    let mut words = words.to_vec();
    words.dedup();
    words
}

fn meaning(meaning: Meaning, before: &str) -> Error {
    let error = Error::new(meaning.kind, format!("{before}{}", meaning.why));
    match meaning.hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}
