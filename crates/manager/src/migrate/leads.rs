//! Where a reference leads, when the vault that is migrated to is not the only one that there is or was.

use std::sync::Arc;

use strongroom_entities::FieldPath;
use strongroom_secrets::{ErrorKind, Provider, SecretName, SecretValue, SecretVersion};

use super::inventory::Entry;
use crate::error::WriteError;
use crate::{Keeping, Manager};

/// Where a reference of a row leads.
#[derive(Debug)]
pub(super) enum Leads {
    /// To where it shall lead: to a secret in the vault that is migrated to, or to a user's own where the new provider
    /// resolves it.
    Here,
    /// To a secret of this field in a vault that is left.
    Away(Found),
    /// To a user's own secret, which nothing resolves under the new provider, in this vault, if one holds it.
    LeftBehind(Option<Arc<dyn Provider>>),
    /// To a secret of this field that none of the vaults holds.
    Nowhere,
}

/// Whom a secret is kept for, seen from a field that refers to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeptFor {
    /// That field, with the version that was committed, if it is known.
    ThisField(Option<SecretVersion>),
    /// Another field, or nobody here.
    Other,
}

/// A secret in a vault that is left.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) vault: Arc<dyn Provider>,
    pub(super) name: SecretName,
    pub(super) version: Option<SecretVersion>,
    pub(super) value: SecretValue,
}

impl Found {
    /// Whether it is still the latest version.
    pub(super) async fn is_current(&self) -> Result<bool, WriteError> {
        match self.vault.get(&self.name, None).await {
            Ok(secret) => Ok(secret.properties.version == self.version),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Manager {
    /// The vaults whose secrets a migration brings to where the configured provider keeps them.
    pub(super) fn left_vaults(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        // Under `azure-kv` the users' own secrets stay in that vault, but ours leave it.
        let own = match &self.keeping {
            Keeping::Managed(_) => None,
            Keeping::InDatabase(vault) => vault.as_ref(),
        };
        own.into_iter().chain(&self.former)
    }

    /// Where the reference to `name` in a field leads.
    pub(super) async fn leads(
        &self,
        entry: &Entry,
        field: &FieldPath,
        name: &SecretName,
    ) -> Result<Leads, WriteError> {
        let committed = match self.kept_for(entry, field, name).await? {
            KeptFor::ThisField(committed) => committed,
            KeptFor::Other => return self.leads_to_own(name).await,
        };
        let target = match &self.keeping {
            Keeping::Managed(vault) => Some(vault),
            Keeping::InDatabase(_) => None,
        };
        // Several vaults can hold the name, since a migration leaves the old place as it was. The one with the committed
        // version counts; if that is gone everywhere, the first that holds the name at all.
        let mut second_best = None;
        let vaults = target.map(|vault| (vault, true)).into_iter();
        for (vault, is_target) in vaults.chain(self.left_vaults().map(|vault| (vault, false))) {
            let secret = match vault.get(name, None).await {
                Ok(secret) => secret,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            let version = secret.properties.version;
            let counts = match &committed {
                None => true,
                Some(committed) => {
                    version.as_ref() == Some(committed) || has_version(vault, name, committed).await?
                }
            };
            let leads = match is_target {
                true => Leads::Here,
                false => Leads::Away(Found {
                    vault: Arc::clone(vault),
                    name: name.clone(),
                    version,
                    value: secret.value,
                }),
            };
            if counts {
                return Ok(leads);
            }
            second_best.get_or_insert(leads);
        }
        Ok(second_best.unwrap_or(Leads::Nowhere))
    }

    /// Whether a secret is kept for the field that refers to it.
    pub(super) async fn kept_for(
        &self,
        entry: &Entry,
        field: &FieldPath,
        name: &SecretName,
    ) -> Result<KeptFor, WriteError> {
        Ok(match self.store.owner(name).await? {
            Some(owner) if owner.entity == entry.row.id && owner.field == field.to_string() => {
                KeptFor::ThisField(Some(owner.version))
            }
            Some(_) => KeptFor::Other,
            // It may be the user's own under such a name, and is resolved as it is.
            None if matches!(self.keeping, Keeping::InDatabase(Some(_))) => KeptFor::Other,
            // OpenMetadata's own server wrote it, or we did in a database that forgot.
            None if self.would_be_named(entry, field, name) => KeptFor::ThisField(None),
            None => KeptFor::Other,
        })
    }

    /// Where a user's own reference leads.
    async fn leads_to_own(&self, name: &SecretName) -> Result<Leads, WriteError> {
        let resolving = self.vault();
        if let Some(vault) = resolving
            && (self.former.is_empty() || holds(vault, name).await?)
        {
            return Ok(Leads::Here);
        }
        for vault in &self.former {
            if holds(vault, name).await? {
                return Ok(Leads::LeftBehind(Some(Arc::clone(vault))));
            }
        }
        match resolving {
            // It points nowhere, as it did before.
            Some(_) => Ok(Leads::Here),
            None => Ok(Leads::LeftBehind(None)),
        }
    }

    /// Whether a field's secret would have this name, by any of the rules for names.
    pub(crate) fn would_be_named(&self, entry: &Entry, field: &FieldPath, name: &SecretName) -> bool {
        let kind = entry.row.kind;
        self.former_namings.iter().chain([&self.naming]).any(|naming| {
            let computed = [
                naming.openmetadata_name(kind, &entry.fqn, field),
                naming.name(kind, &entry.fqn, field),
                naming.name_with_id(kind, &entry.fqn, field, entry.row.id),
            ];
            computed.iter().flatten().any(|computed| computed == name)
        })
    }
}

async fn holds(vault: &Arc<dyn Provider>, name: &SecretName) -> Result<bool, WriteError> {
    is_there(vault.get(name, None).await.map(drop))
}

async fn has_version(
    vault: &Arc<dyn Provider>,
    name: &SecretName,
    version: &SecretVersion,
) -> Result<bool, WriteError> {
    is_there(vault.get(name, Some(version)).await.map(drop))
}

fn is_there(read: strongroom_secrets::Result<()>) -> Result<bool, WriteError> {
    match read {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::Disabled => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}
