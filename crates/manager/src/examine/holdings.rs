//! What a vault holds, as a listing tells it: of each name eight bytes, whether it can be read, and whose it is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use strongroom_secrets::{Error, ErrorKind, ListScope, Provider, SecretName};
use tokio::time::Instant;
use uuid::Uuid;

use super::Keys;
use crate::ownership::TaggedOwner;

/// What a vault holds.
#[derive(Debug)]
pub struct Holdings(Known);

#[derive(Debug)]
enum Known {
    /// Everything, by name.
    Listed { keys: Keys, secrets: HashMap<u64, Held> },
    /// Nothing yet: the vault is asked for each name, since it cannot be listed.
    Asked(Arc<dyn Provider>),
}

/// A secret in the vault.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) standing: Standing,
    /// The field that its tags name, if it is one of this installation.
    pub(super) owner: Option<(Uuid, Box<str>)>,
}

/// Whether a secret can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It can.
    Live,
    /// It is disabled.
    Disabled,
    /// It is soft-deleted.
    Deleted,
}

impl Holdings {
    /// Lists a vault within `patience`. `installation` is the one whose tags count.
    ///
    /// # Errors
    /// What the vault fails with; [`TimedOut`](ErrorKind::TimedOut) if it holds too much to be listed in that time.
    pub async fn list(
        vault: &dyn Provider,
        installation: Option<Uuid>,
        patience: Duration,
    ) -> Result<Self, Error> {
        let (keys, mut secrets) = (Keys::default(), HashMap::new());
        let deadline = Instant::now() + patience;
        let scopes: &[ListScope<'_>] = match vault.capabilities().soft_delete {
            // A name that is deleted and there again is there.
            true => &[ListScope::Deleted, ListScope::Secrets],
            false => &[ListScope::Secrets],
        };
        for scope in scopes.iter().copied() {
            let mut listed = vault.list(scope);
            let too_long = || {
                let message = format!("the {vault} could not be listed within {} s", patience.as_secs());
                Error::new(ErrorKind::TimedOut, message).with_hint("give it more time with --timeout")
            };
            while let Some(secret) =
                tokio::time::timeout_at(deadline, listed.next()).await.map_err(|_| too_long())?
            {
                let secret = secret?;
                let standing = match (scope, secret.enabled) {
                    (ListScope::Deleted, _) => Standing::Deleted,
                    (_, false) => Standing::Disabled,
                    (_, true) => Standing::Live,
                };
                let owner = installation.and_then(|id| match TaggedOwner::read(&secret.tags, id) {
                    TaggedOwner::Ours { entity, field } => Some((entity, field.into_boxed_str())),
                    TaggedOwner::Nobody | TaggedOwner::Other => None,
                });
                secrets.insert(keys.of(&secret.name), Held { standing, owner });
            }
        }
        Ok(Self(Known::Listed { keys, secrets }))
    }

    /// A vault that may not be listed, but read: it is asked for each name.
    pub fn asking(vault: Arc<dyn Provider>) -> Self {
        Self(Known::Asked(vault))
    }

    /// What is held under a name.
    pub(super) async fn look(&self, name: &SecretName) -> Result<Option<Held>, Error> {
        let vault = match &self.0 {
            Known::Listed { keys, secrets } => return Ok(secrets.get(&keys.of(name)).cloned()),
            Known::Asked(vault) => vault,
        };
        let standing = match vault.get(name, None).await {
            Ok(_) => Standing::Live,
            Err(error) if error.kind() == ErrorKind::Disabled => Standing::Disabled,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(Held { standing, owner: None }))
    }
}
