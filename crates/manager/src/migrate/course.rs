//! What becomes of a reference, by where it leads and what the user decided.

use std::sync::Arc;

use strongroom_entities::FieldPath;
use strongroom_secrets::{ErrorKind, Provider, SecretName};

use super::MigrateOptions;
use super::inventory::Entry;
use super::leads::{Found, KeptFor, Leads};
use super::options::OwnReferences;
use crate::error::WriteError;
use crate::naming::NamingScheme;
use crate::{Keeping, Manager};

/// What becomes of a reference.
#[derive(Debug)]
pub(super) enum Course {
    /// It stays as it is.
    Stays,
    /// Its value goes to where the configured provider keeps it: under the same name, or under the one that it would get now.
    Moves { found: Found, keeps_name: bool },
    /// It is a user's own, which nothing resolves under the new provider.
    LeftBehind,
    /// No vault holds what it leads to.
    Nowhere,
}

impl Manager {
    /// What becomes of the reference to `name` in a field.
    pub(super) async fn course(
        &self,
        entry: &Entry,
        field: &FieldPath,
        name: &SecretName,
        options: &MigrateOptions,
    ) -> Result<Course, WriteError> {
        let misnamed = options.rename && self.is_misnamed(entry, field, name).await?;
        let managed = match &self.keeping {
            Keeping::Managed(vault) => Some(vault),
            Keeping::InDatabase(_) => None,
        };
        if managed.is_some() && self.former.is_empty() && !misnamed {
            // There is one vault, so it can lead to no other.
            return Ok(Course::Stays);
        }
        Ok(match (self.leads(entry, field, name).await?, managed) {
            (Leads::Here, Some(vault)) if misnamed => self.from(vault, name, false).await?,
            (Leads::Here, _) => Course::Stays,
            (Leads::Away(found), _) => Course::Moves { found, keeps_name: !misnamed },
            (Leads::LeftBehind(holder), _) => match (options.own_references, holder) {
                (OwnReferences::Conflict, _) => Course::LeftBehind,
                (OwnReferences::Keep, _) => Course::Stays,
                (OwnReferences::Copy, Some(holder)) => self.from(&holder, name, false).await?,
                (OwnReferences::Copy, None) => Course::Nowhere,
            },
            (Leads::Nowhere, _) => Course::Nowhere,
        })
    }

    async fn from(
        &self,
        vault: &Arc<dyn Provider>,
        name: &SecretName,
        keeps_name: bool,
    ) -> Result<Course, WriteError> {
        match vault.get(name, None).await {
            Ok(secret) => {
                let (vault, name) = (Arc::clone(vault), name.clone());
                let found = Found { vault, name, version: secret.properties.version, value: secret.value };
                Ok(Course::Moves { found, keeps_name })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Course::Nowhere),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a secret is kept for a field under another name than it would get now.
    async fn is_misnamed(
        &self,
        entry: &Entry,
        field: &FieldPath,
        name: &SecretName,
    ) -> Result<bool, WriteError> {
        let kind = entry.row.kind;
        let plain = self.naming.name(kind, &entry.fqn, field);
        if plain.as_ref().is_ok_and(|plain| plain == name) {
            return Ok(false);
        }
        let with_id = self.naming.name_with_id(kind, &entry.fqn, field, entry.row.id);
        if self.naming.scheme() == NamingScheme::Guide && with_id.is_ok_and(|with_id| with_id == *name) {
            return Ok(false);
        }
        Ok(matches!(self.kept_for(entry, field, name).await?, KeptFor::ThisField(_)))
    }
}
