//! Judging: what it means for a field that the vault holds what it holds.

use strongroom_entities::FieldPath;
use strongroom_metastore::Owner;
use strongroom_secrets::{SecretName, SecretVersion};

use super::latest::{self, Latest, Seen, Whose};
use super::{Place, Position, State};
use crate::error::WriteError;
use crate::migrate::inventory::Entry;
use crate::{Keeping, Manager};

/// A field that refers to a secret.
#[derive(Debug)]
pub(super) struct Referring<'a> {
    pub(super) entry: &'a Entry,
    pub(super) field: &'a FieldPath,
    pub(super) name: &'a SecretName,
    /// Whose the secret is known to be, if an entity of this page has it.
    pub(super) kept: Option<&'a Owner>,
    /// Where it is.
    pub(super) position: Position,
}

/// For whom the secret of a name is kept, by what the database says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeptBy {
    /// For the field, with the version that was committed, if it is known.
    ThisField(Option<SecretVersion>),
    /// For another field, which is described.
    Another(String),
    /// For nobody: it is the user's own.
    Nobody,
}

impl Manager {
    /// For whom the secret that a field refers to is kept.
    pub(super) async fn kept_by(&self, referring: &Referring<'_>) -> Result<KeptBy, WriteError> {
        let Referring { entry, field, name, kept, .. } = *referring;
        let owner = match kept {
            Some(owner) => Some(owner.clone()),
            None => self.store.owner(name).await?,
        };
        Ok(match owner {
            Some(owner) if owner.entity == entry.row.id && owner.field == field.to_string() => {
                KeptBy::ThisField(Some(owner.version))
            }
            Some(owner) => KeptBy::Another(format!("{} of the {} {}", owner.field, owner.kind, owner.entity)),
            // OpenMetadata's own server wrote it, or we did in a database that forgot.
            None if matches!(self.keeping, Keeping::Managed(_))
                && self.would_be_named(entry, field, name) =>
            {
                KeptBy::ThisField(None)
            }
            None => KeptBy::Nobody,
        })
    }

    /// What the latest version of a secret means for a field that refers to it.
    pub(super) async fn judge(
        &self,
        referring: &Referring<'_>,
        kept_by: &KeptBy,
        latest: Latest,
    ) -> Result<Position, WriteError> {
        let position = referring.position(kept_by);
        let seen = match latest {
            Latest::There(seen) => seen,
            Latest::Gone { soft_deleted } => return self.gone(referring, kept_by, soft_deleted).await,
            Latest::Failed(error) => return Ok(position.told(State::Unreadable, error.to_string())),
        };
        let position = position.dated(&seen);
        if !seen.enabled {
            return Ok(position.told(State::Disabled, "is disabled in the vault: enable it there"));
        }
        if seen.whose == Whose::OtherInstallation {
            return Ok(position.told(
                State::Anothers,
                "another installation of Strongroom keeps it: type the password itself, or another reference",
            ));
        }
        match kept_by {
            KeptBy::Another(owner) => {
                let remark = format!("is kept for {owner}: type the password itself, or another reference");
                Ok(position.told(State::Anothers, remark))
            }
            KeptBy::Nobody => Ok(position),
            KeptBy::ThisField(Some(committed)) if seen.version.as_ref() == Some(committed) => Ok(position),
            // From the list no version is known: then its tags are what counts.
            KeptBy::ThisField(Some(_)) if seen.version.is_none() && seen.whose == Whose::ThisField => {
                Ok(position)
            }
            KeptBy::ThisField(Some(committed)) => self.drifted(referring, position, committed, &seen).await,
            KeptBy::ThisField(None) => Ok(position),
        }
    }

    /// A secret that the vault does not hold: unless it is being written just now.
    async fn gone(
        &self,
        referring: &Referring<'_>,
        kept_by: &KeptBy,
        soft_deleted: bool,
    ) -> Result<Position, WriteError> {
        let position = referring.position(kept_by);
        if self.store.is_in_hand(referring.name).await? {
            return Ok(under_way(position));
        }
        let name = referring.name;
        let remark = match (soft_deleted, kept_by) {
            (true, _) => format!(
                "is deleted in the vault, and can be recovered there (strongroom vault recover {name}, or az keyvault secret \
                 recover)"
            ),
            (false, KeptBy::Nobody) => {
                "is a reference that a user typed, and points nowhere: put the secret into the vault, or type the password"
                    .to_owned()
            }
            (false, _) => "is not in the vault: type the password again".to_owned(),
        };
        Ok(position.told(State::Missing, remark))
    }

    /// A latest version that is not the committed one: unless somebody is writing, or has just written.
    async fn drifted(
        &self,
        referring: &Referring<'_>,
        position: Position,
        committed: &SecretVersion,
        seen: &Seen,
    ) -> Result<Position, WriteError> {
        let name = referring.name;
        if self.store.is_in_hand(name).await? {
            return Ok(under_way(position));
        }
        // The intent is gone or never was: what it committed, if it did, is in the database now.
        let now = self.store.owner(name).await?.map(|owner| owner.version);
        if now.as_ref() != Some(committed) && (now == seen.version || seen.version.is_none()) {
            return Ok(Position { version: now.map(|version| version.to_string()), ..position });
        }
        let whose = match seen.whose {
            Whose::ThisField => {
                "by a write of Strongroom's that was not committed, or by somebody who copied its tags"
            }
            _ => "by somebody else",
        };
        let kept = match self.still_has(name, committed).await {
            Some(true) => "; the committed version is still in the vault",
            Some(false) => "; the committed version is no longer in the vault",
            None => "",
        };
        let remark = format!(
            "has a newer version than the committed one, written {whose}{kept}: if the newer one is right, say so with verify --accept; \
             else put the committed one's value into the vault again, and then say so"
        );
        Ok(position.told(State::Drifted, remark))
    }

    /// Whether the vault still has a version; `None` if it does not say.
    async fn still_has(&self, name: &SecretName, version: &SecretVersion) -> Option<bool> {
        let vault = self.vault()?;
        match vault.get(name, Some(version)).await.map(drop) {
            Ok(()) => Some(true),
            Err(error) => match error.kind() {
                strongroom_secrets::ErrorKind::Disabled => Some(true),
                strongroom_secrets::ErrorKind::NotFound => Some(false),
                _ => None,
            },
        }
    }
}

impl Referring<'_> {
    fn position(&self, kept_by: &KeptBy) -> Position {
        let (state, version) = match kept_by {
            KeptBy::ThisField(version) => (State::InVault, version.as_ref().map(SecretVersion::to_string)),
            KeptBy::Another(_) | KeptBy::Nobody => (State::Own, None),
        };
        let name = Some(self.name.to_string());
        Position { state, place: Place::Vault, name, version, ..self.position.clone() }
    }

    /// The position, if the vault's list is enough to say that all is well.
    pub(super) fn well_by_list(
        &self,
        kept_by: &KeptBy,
        seen: &latest::Seen,
        has_tags: bool,
    ) -> Option<Position> {
        let well = seen.enabled
            && match kept_by {
                KeptBy::ThisField(Some(_)) => seen.whose == Whose::ThisField || !has_tags,
                KeptBy::ThisField(None) => matches!(seen.whose, Whose::ThisField | Whose::Nobody),
                KeptBy::Nobody => seen.whose == Whose::Nobody,
                KeptBy::Another(_) => false,
            };
        well.then(|| self.position(kept_by).dated(seen))
    }
}

fn under_way(position: Position) -> Position {
    position.told(State::InVault, "is being written just now")
}
