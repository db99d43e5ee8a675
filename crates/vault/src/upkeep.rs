//! What the owner of a vault does with all of it while it serves: new keys, backup, restoration, verification.

use std::path::{Path, PathBuf};

use strongroom_secrets::SecretValue;
use tokio::fs::{self, File, OpenOptions};

use crate::error::{Error, ErrorKind, Result};
use crate::folder::file_error;
use crate::keys::MasterKey;
use crate::service::Service;
use crate::store::{BackedUp, Checked, Rekeyed, Restored};

impl Service {
    /// Gives the vault a new master key (`given`, 32 bytes in base64, or one that is drawn) and a new data key.
    ///
    /// # Errors
    /// [`MasterKey`](ErrorKind::MasterKey) if `given` is malformed, or missing where none can be kept. If the database fails, either the
    /// old keys hold or the new ones.
    pub(crate) async fn rekey(&self, given: Option<&SecretValue>) -> Result<Rekeyed> {
        let given = given.map(parse).transpose()?;
        self.store.rekey(given, self.clock.now_seconds(), &*self.random).await
    }

    /// Writes everything to a new file that only its owner can read. Under its name there is a whole backup or nothing.
    ///
    /// # Errors
    /// [`NotEmpty`](ErrorKind::NotEmpty) if there is such a file already; [`File`](ErrorKind::File); what the database says.
    pub(crate) async fn back_up(&self, path: &Path) -> Result<BackedUp> {
        if fs::try_exists(path).await.unwrap_or(false) {
            return Err(Error::new(ErrorKind::NotEmpty, format!("{} is there already", path.display()))
                .with_hint("name another file"));
        }
        let part = beside(path);
        let written = self.write_backup(&part, path).await;
        if written.is_err() {
            let _ = fs::remove_file(&part).await;
        }
        written
    }

    async fn write_backup(&self, part: &Path, path: &Path) -> Result<BackedUp> {
        let failed = |error| file_error("write", part, error);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(part).await.map_err(failed)?;
        let done = self.store.back_up(&mut file, &*self.random).await?;
        file.sync_all().await.map_err(failed)?;
        fs::rename(part, path).await.map_err(failed)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let folder = File::open(folder).await.map_err(failed)?;
            folder.sync_all().await.map_err(failed)?;
        }
        Ok(done)
    }

    /// Puts what a backup holds in the place of everything that is there; of nothing, unless `overwrite`. `master` is the master key
    /// that the backup was made with, in base64, if it is another one than now.
    ///
    /// # Errors
    /// [`Backup`](ErrorKind::Backup), [`NotEmpty`](ErrorKind::NotEmpty), [`File`](ErrorKind::File); what the database says. Everything
    /// is as it was then.
    pub(crate) async fn restore(
        &self,
        path: &Path,
        overwrite: bool,
        master: Option<&SecretValue>,
    ) -> Result<Restored> {
        let master = master.map(parse).transpose()?;
        let mut file = File::open(path).await.map_err(|error| file_error("read", path, error))?;
        self.store.restore(&mut file, overwrite, master, self.clock.now_seconds()).await
    }

    /// Verifies every row.
    ///
    /// # Errors
    /// If the database cannot be read at all.
    pub(crate) async fn check(&self) -> Result<Checked> {
        self.store.check().await
    }
}

fn parse(text: &SecretValue) -> Result<MasterKey> {
    MasterKey::parse(text.expose()).ok_or_else(|| {
        Error::new(ErrorKind::MasterKey, "the master key is not 32 bytes in base64")
            .with_hint("make one with: head -c 32 /dev/urandom | base64")
    })
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::vault::{Options, Vault};

    #[tokio::test]
    async fn a_backup_is_whole_private_and_takes_no_other_files_place() {
        let parent = tempfile::tempdir().unwrap();
        let vault = Vault::open(Options::new(parent.path().join("vault"))).await.unwrap();
        let service = vault.service();
        let file = parent.path().join("backup");
        service.back_up(&file).await.unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 2, "no part of one stays");
        let first = std::fs::read(&file).unwrap();
        assert_eq!(service.back_up(&file).await.unwrap_err().kind(), ErrorKind::NotEmpty);
        assert_eq!(std::fs::read(&file).unwrap(), first);
        let nowhere = parent.path().join("missing/backup");
        assert_eq!(service.back_up(&nowhere).await.unwrap_err().kind(), ErrorKind::File);

        service.restore(&file, false, None).await.unwrap();
        assert_eq!(service.restore(&nowhere, false, None).await.unwrap_err().kind(), ErrorKind::File);
        let wrong = SecretValue::new("hunter2");
        let error = service.restore(&file, false, Some(&wrong)).await.unwrap_err();
        assert!(error.kind() == ErrorKind::MasterKey && !error.to_string().contains("hunter2"));
        assert_eq!(service.rekey(Some(&wrong)).await.unwrap_err().kind(), ErrorKind::MasterKey);
        assert_eq!(service.check().await.unwrap().problems.count, 0);
        service.rekey(None).await.unwrap();
        let error = service.restore(&file, false, None).await.unwrap_err();
        assert!(error.to_string().contains("another master key"), "{error}");
    }
}
