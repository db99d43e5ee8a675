//! Principals: who signs in, and the roles they hold in each vault.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use strongroom_secrets::SecretValue;
use uuid::Uuid;

use super::{Action, Credentials, Role};

/// An application that can sign in.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    pub(crate) name: String,
    pub(crate) client_id: String,
    /// The object id. Azure draws one; here it follows from the client id, so that it is the same after each start.
    pub(crate) object_id: Uuid,
    pub(crate) credentials: Credentials,
    /// By vault, in lower case.
    roles: HashMap<String, Vec<Role>>,
}

impl Principal {
    pub(crate) fn new(name: &str, client_id: &str, credentials: Credentials) -> Self {
        let id =
            digest(&SHA256, format!("strongroom object id of {}", client_id.to_ascii_lowercase()).as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&id.as_ref()[..16]);
        Self {
            name: name.to_owned(),
            client_id: client_id.to_owned(),
            object_id: uuid::Builder::from_custom_bytes(bytes).into_uuid(),
            credentials,
            roles: HashMap::new(),
        }
    }

    pub(crate) fn assign(&mut self, vault: String, role: Role) {
        self.roles.entry(vault).or_default().push(role);
    }

    /// The vaults in which it has a role, by their names in lower case, in order.
    pub(crate) fn vaults(&self) -> Vec<String> {
        let mut vaults: Vec<_> = self.roles.keys().cloned().collect();
        vaults.sort_unstable();
        vaults
    }

    /// Whether the principal may do `action` in a vault (by its name in lower case). The default is no.
    pub(crate) fn may(&self, vault: &str, action: Action) -> bool {
        self.roles.get(vault).is_some_and(|roles| roles.iter().any(|role| role.grants(action)))
    }
}

/// All principals, by client id without case.
#[derive(Debug, Default)]
pub(crate) struct Principals(HashMap<String, Principal>);

/// What came of an attempt to sign in.
#[derive(Debug)]
pub(crate) enum SignIn<'a> {
    Welcome(&'a Principal),
    UnknownClient,
    WrongSecret,
}

impl Principals {
    pub(crate) fn new(principals: Vec<Principal>) -> Self {
        Self(
            principals
                .into_iter()
                .map(|principal| (principal.client_id.to_ascii_lowercase(), principal))
                .collect(),
        )
    }

    pub(crate) fn get(&self, client_id: &str) -> Option<&Principal> {
        self.0.get(&client_id.to_ascii_lowercase())
    }

    /// Checks a client secret. An unknown client costs the same work as a known one with a secret in the configuration.
    pub(crate) async fn sign_in(&self, client_id: &str, secret: &SecretValue) -> SignIn<'_> {
        let principal = self.get(client_id);
        let nobody = Credentials::default();
        let credentials = principal.map_or(&nobody, |principal| &principal.credentials);
        let right = credentials.accept_secret(secret).await;
        match principal {
            Some(principal) if right => SignIn::Welcome(principal),
            Some(_) => SignIn::WrongSecret,
            None => SignIn::UnknownClient,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principals() -> Principals {
        let mut principal =
            Principal::new("server", "ABC-1", Credentials::of_secret(&SecretValue::new("s3rver")));
        principal.assign("v1".into(), Role::SecretsUser);
        Principals::new(vec![principal])
    }

    #[tokio::test]
    async fn a_client_id_compares_without_case_and_a_secret_exactly() {
        let principals = principals();
        assert!(matches!(principals.sign_in("abc-1", &"s3rver".into()).await, SignIn::Welcome(_)));
        assert!(matches!(principals.sign_in("abc-1", &"S3rver".into()).await, SignIn::WrongSecret));
        assert!(matches!(principals.sign_in("abc-1", &"".into()).await, SignIn::WrongSecret));
        assert!(matches!(principals.sign_in("abc-2", &"s3rver".into()).await, SignIn::UnknownClient));
    }

    #[test]
    fn nothing_is_allowed_but_what_a_role_in_that_vault_grants() {
        let principals = principals();
        let principal = principals.get("abc-1").unwrap();
        assert!(principal.may("v1", Action::Get));
        assert!(principal.may("v1", Action::ReadMetadata));
        assert!(!principal.may("v1", Action::Set));
        assert!(!principal.may("v2", Action::Get));
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(!format!("{:?}", principals()).contains("s3rver"));
    }
}
