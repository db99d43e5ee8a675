//! Principals: who signs in, and the roles they hold in each vault.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use strongroom_secrets::SecretValue;
use uuid::Uuid;

use super::credential::Judgement;
use super::{Action, Actions, Busy, Credentials, SlowChecks};

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope<'a> {
    /// The vault as a whole: a listing shows all names.
    Vault,
    /// The secret of that name, with its versions, its deleted form and its backup.
    Secret(&'a str),
    /// A secret whose name is not known yet: a role for any one secret will do, until it is.
    SomeSecret,
}

/// What a principal may do in one vault.
#[derive(Debug, Clone, Default)]
struct Grants {
    vault: Actions,
    /// By the secret's name in lower case.
    secrets: HashMap<String, Actions>,
}

impl Grants {
    fn allow(&self, action: Action, scope: Scope<'_>) -> bool {
        self.vault.contain(action)
            || match scope {
                Scope::Vault => false,
                // Most principals have no roles for single secrets: no name is made lower-case for them.
                Scope::Secret(_) if self.secrets.is_empty() => false,
                Scope::Secret(name) => self
                    .secrets
                    .get(&name.to_ascii_lowercase())
                    .is_some_and(|actions| actions.contain(action)),
                Scope::SomeSecret => self.secrets.values().any(|actions| actions.contain(action)),
            }
    }
}

/// An application that can sign in.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    pub(crate) name: String,
    pub(crate) client_id: String,
    /// The object id. Azure draws one; here it follows from the client id, so that it is the same after each start.
    pub(crate) object_id: Uuid,
    pub(crate) credentials: Credentials,
    /// By vault, in lower case.
    grants: HashMap<String, Grants>,
}

impl Principal {
    pub(crate) fn new(name: &str, client_id: &str, credentials: Credentials) -> Self {
        Self {
            name: name.to_owned(),
            client_id: client_id.to_owned(),
            object_id: Self::object_id_of(client_id),
            credentials,
            grants: HashMap::new(),
        }
    }

    /// The object id of a client id.
    pub(crate) fn object_id_of(client_id: &str) -> Uuid {
        let id =
            digest(&SHA256, format!("strongroom object id of {}", client_id.to_ascii_lowercase()).as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&id.as_ref()[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// Grants actions in a vault (by its name in lower case), on all its secrets or on one.
    pub(crate) fn grant(&mut self, vault: &str, secret: Option<&str>, actions: Actions) {
        let grants = self.grants.entry(vault.to_owned()).or_default();
        let granted = match secret {
            Some(name) => grants.secrets.entry(name.to_ascii_lowercase()).or_default(),
            None => &mut grants.vault,
        };
        *granted = granted.and(actions);
    }

    /// The vaults in which it has a role, by their names in lower case, in order.
    pub(crate) fn vaults(&self) -> Vec<String> {
        let mut vaults: Vec<_> = self.grants.keys().cloned().collect();
        vaults.sort_unstable();
        vaults
    }

    /// Whether the principal may do `action` in a vault (by its name in lower case). The default is no.
    pub(crate) fn may(&self, vault: &str, action: Action, scope: Scope<'_>) -> bool {
        self.grants.get(vault).is_some_and(|grants| grants.allow(action, scope))
    }
}

/// All principals, by client id without case.
#[derive(Debug, Default)]
pub(crate) struct Principals {
    by_client_id: HashMap<String, Principal>,
    /// Whether somebody has a secret whose check is slow.
    slow: bool,
}

/// What came of an attempt to sign in.
#[derive(Debug)]
pub(crate) enum SignIn<'a> {
    Welcome(&'a Principal),
    UnknownClient,
    WrongSecret,
    ExpiredSecret,
}

impl Principals {
    pub(crate) fn new(principals: Vec<Principal>) -> Self {
        Self {
            slow: principals.iter().any(|principal| principal.credentials.is_slow()),
            by_client_id: principals
                .into_iter()
                .map(|principal| (principal.client_id.to_ascii_lowercase(), principal))
                .collect(),
        }
    }

    pub(crate) fn get(&self, client_id: &str) -> Option<&Principal> {
        self.by_client_id.get(&client_id.to_ascii_lowercase())
    }

    /// Checks a client secret. An unknown client costs as much work as the slowest known one.
    ///
    /// # Errors
    /// [`Busy`] if too many want their secrets checked.
    pub(crate) async fn sign_in(
        &self,
        client_id: &str,
        secret: &SecretValue,
        now: i64,
        checks: &SlowChecks,
    ) -> Result<SignIn<'_>, Busy> {
        let principal = self.get(client_id);
        let nobody = Credentials::default();
        let credentials = principal.map_or(&nobody, |principal| &principal.credentials);
        let judgement = credentials.judge(secret, now, checks).await?;
        if principal.is_none() && self.slow {
            checks.check(None, secret).await?;
        }
        Ok(match (principal, judgement) {
            (Some(principal), Judgement::Right) => SignIn::Welcome(principal),
            (Some(_), Judgement::Expired) => SignIn::ExpiredSecret,
            (Some(_), Judgement::Wrong) => SignIn::WrongSecret,
            (None, _) => SignIn::UnknownClient,
        })
    }
}

#[cfg(test)]
mod tests {
    use strongroom_secrets::random::SystemRandom;

    use super::super::{BuiltIn, SecretDigest};
    use super::*;

    fn principals() -> Principals {
        let mut principal =
            Principal::new("server", "ABC-1", Credentials::of_secret(&SecretValue::new("s3rver")));
        principal.grant("v1", None, BuiltIn::SecretsUser.actions());
        principal.grant("v2", Some("Mine"), BuiltIn::SecretsOfficer.actions());
        Principals::new(vec![principal])
    }

    async fn sign_in<'a>(principals: &'a Principals, client: &str, secret: &str, now: i64) -> SignIn<'a> {
        principals.sign_in(client, &secret.into(), now, &SlowChecks::default()).await.unwrap()
    }

    #[tokio::test]
    async fn a_client_id_compares_without_case_and_a_secret_exactly() {
        let principals = principals();
        assert!(matches!(sign_in(&principals, "abc-1", "s3rver", 0).await, SignIn::Welcome(_)));
        assert!(matches!(sign_in(&principals, "abc-1", "S3rver", 0).await, SignIn::WrongSecret));
        assert!(matches!(sign_in(&principals, "abc-1", "", 0).await, SignIn::WrongSecret));
        assert!(matches!(sign_in(&principals, "abc-2", "s3rver", 0).await, SignIn::UnknownClient));
    }

    #[tokio::test]
    async fn any_secret_that_is_not_over_will_do() {
        let mut credentials = Credentials::default();
        let made = SecretDigest::of(&"made".into()).to_text();
        credentials.add_digest(&made, Some(100)).unwrap();
        let chosen = SlowChecks::default().hash("chosen".into(), &SystemRandom).await.unwrap();
        credentials.add_slow_hash(chosen, Some(200));
        let principals = Principals::new(vec![Principal::new("p", "id", credentials)]);
        for (secret, now, welcome) in
            [("made", 99, true), ("chosen", 99, true), ("made", 100, false), ("chosen", 199, true)]
        {
            let answer = sign_in(&principals, "id", secret, now).await;
            assert_eq!(matches!(answer, SignIn::Welcome(_)), welcome, "{secret} at {now}");
        }
        for over in ["made", "chosen"] {
            assert!(matches!(sign_in(&principals, "id", over, 200).await, SignIn::ExpiredSecret), "{over}");
        }
        assert!(matches!(sign_in(&principals, "id", "other", 200).await, SignIn::WrongSecret));
        assert!(matches!(sign_in(&principals, "nobody", "made", 0).await, SignIn::UnknownClient));
    }

    #[test]
    fn nothing_is_allowed_but_what_a_role_in_that_vault_grants() {
        let principals = principals();
        let principal = principals.get("abc-1").unwrap();
        for scope in [Scope::Vault, Scope::Secret("any"), Scope::SomeSecret] {
            assert!(principal.may("v1", Action::Get, scope));
            assert!(principal.may("v1", Action::ReadMetadata, scope));
            assert!(!principal.may("v1", Action::Set, scope));
            assert!(!principal.may("v3", Action::Get, scope));
        }
    }

    #[test]
    fn a_role_for_one_secret_counts_for_that_secret_alone() {
        let principals = principals();
        let principal = principals.get("abc-1").unwrap();
        for action in Action::ALL {
            assert!(principal.may("v2", *action, Scope::Secret("mINE")));
            assert!(principal.may("v2", *action, Scope::SomeSecret));
            assert!(!principal.may("v2", *action, Scope::Secret("mine2")));
            assert!(!principal.may("v2", *action, Scope::Vault));
            assert!(
                !principal.may("v1", *action, Scope::Secret("mine"))
                    || BuiltIn::SecretsUser.actions().contain(*action)
            );
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(!format!("{:?}", principals()).contains("s3rver"));
    }
}
