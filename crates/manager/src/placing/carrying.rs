//! The calls that change the vault.

use std::sync::Arc;

use strongroom_metastore::Before;
use strongroom_secrets::{
    Error, ErrorKind, NewSecret, Provider, SecretName, SecretProperties, SecretUpdate, SecretVersion,
};

use super::looking::Look;
use super::{Action, Custom, Placed, Prepared, Progress, id_of};
use crate::Manager;
use crate::crash::{Step, reach};
use crate::error::WriteError;
use crate::lease::Lease;
use crate::ownership::INTENT;

impl Manager {
    /// Does at the vault what was prepared for one value.
    pub(super) async fn place(
        &self,
        vault: &Arc<dyn Provider>,
        prepared: &mut Prepared,
        lease: &Lease,
        verify: bool,
    ) -> Result<Placed, WriteError> {
        let name = prepared.name.clone();
        let owner = prepared.wanted.owner.clone();
        let (version, written) = match prepared.action.clone() {
            Action::Keep(version) => (version, false),
            Action::Adopt(version, theirs) => {
                self.may_call(lease, &name).await?;
                let tags = owner.adopting_tags(self.installation, prepared.claim.id, &theirs);
                if let Err(error) = vault.update(&name, &version, SecretUpdate::tags(tags)).await {
                    if !error.is_without_effect() {
                        prepared.progress = Progress::Unknown;
                    }
                    return Err(error.into());
                }
                prepared.progress = Progress::Written;
                reach(Step::SecretAdopted);
                (version, false)
            }
            action => {
                if action == Action::RecoverAndWrite {
                    self.may_call(lease, &name).await?;
                    vault.recover(&name).await?;
                    prepared.progress = Progress::Written;
                    reach(Step::SecretRecovered);
                }
                match self.write_version(vault, prepared, lease).await {
                    Err(WriteError::Vault(error)) if error.kind() == ErrorKind::Deleted => {
                        self.recover_first(vault, prepared, lease).await?;
                        (self.write_version(vault, prepared, lease).await?, true)
                    }
                    written => (written?, true),
                }
            }
        };
        if verify {
            self.may_call(lease, &name).await?;
            let latest = vault.get(&name, None).await?;
            if latest.properties.version.as_ref() != Some(&version) || latest.value != prepared.wanted.value {
                return Err(WriteError::Unverified { name });
            }
            reach(Step::VersionVerified);
        }
        Ok(Placed { owner, name, version, written, vault: id_of(vault) })
    }

    /// Recovers a secret that was not found among the deleted ones when it was looked at: its deletion was still under way,
    /// or has begun since.
    async fn recover_first(
        &self,
        vault: &Arc<dyn Provider>,
        prepared: &mut Prepared,
        lease: &Lease,
    ) -> Result<(), WriteError> {
        self.may_call(lease, &prepared.name).await?;
        let looked =
            self.look_at_deleted(vault, &prepared.wanted, &prepared.name, &Custom::default()).await?;
        let kept = match looked {
            Look::Free { kept, .. } => kept,
            Look::NotOurs(refusal) => return Err(refusal),
        };
        let before = Before { claim: prepared.claim, version: None, deleted: true };
        if !self.store.record_before(&self.holder, &[before]).await? {
            return Err(WriteError::Changed);
        }
        (prepared.before, prepared.deleted_before, prepared.kept) = (None, true, kept);
        self.may_call(lease, &prepared.name).await?;
        vault.recover(&prepared.name).await?;
        prepared.progress = Progress::Written;
        reach(Step::SecretRecovered);
        Ok(())
    }

    async fn write_version(
        &self,
        vault: &Arc<dyn Provider>,
        prepared: &mut Prepared,
        lease: &Lease,
    ) -> Result<SecretVersion, WriteError> {
        self.may_call(lease, &prepared.name).await?;
        let new = NewSecret {
            value: prepared.wanted.value.clone(),
            tags: prepared.wanted.owner.tags(
                self.installation,
                prepared.claim.id,
                &self.tags,
                &prepared.kept.tags,
            ),
            content_type: prepared.kept.content_type.clone(),
            not_before: prepared.kept.not_before,
            expires: prepared.kept.expires,
            enabled: None,
            mark: Some(INTENT.to_owned()),
        };
        let progress = prepared.progress;
        prepared.progress = Progress::Unknown;
        match vault.set(&prepared.name, new).await {
            Ok(SecretProperties { version: Some(version), .. }) => {
                prepared.progress = Progress::Written;
                reach(Step::VersionWritten);
                Ok(version)
            }
            Ok(_) => Err(Error::new(
                ErrorKind::Other,
                format!("{vault} took the secret {} but named no version", prepared.name),
            )
            .into()),
            Err(error) => {
                if error.is_without_effect() {
                    prepared.progress = progress;
                }
                Err(error.into())
            }
        }
    }

    /// Refuses a call to the vault that could outlast the lease.
    pub(crate) async fn may_call(&self, lease: &Lease, name: &SecretName) -> Result<(), WriteError> {
        if lease.covers_a_call().await? { Ok(()) } else { Err(WriteError::Busy { name: name.clone() }) }
    }
}
