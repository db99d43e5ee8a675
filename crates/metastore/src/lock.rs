//! One migration at a time on one database. The lock dies with the process that holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::PathBuf;

use crate::{Metastore, StoreError};

/// The right to migrate this database, given back when dropped or when the process ends, however it ends.
#[derive(Debug)]
pub struct MigrationLock {
    _file: File,
}

impl Metastore {
    /// Takes the migration lock: a file beside the database, locked by the operating system.
    ///
    /// # Errors
    /// [`StoreError::Locked`] says who holds it.
    pub fn lock_migration(&self, holder: &str) -> Result<MigrationLock, StoreError> {
        let path = self.lock_path();
        let failed = |source| StoreError::File { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut other = String::new();
                (&file).take(200).read_to_string(&mut other).map_err(failed)?;
                return Err(StoreError::Locked(other.trim().to_owned()));
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        file.write_all(holder.as_bytes()).map_err(failed)?;
        Ok(MigrationLock { _file: file })
    }

    /// Whether a migration is running on this database now. Nothing is written, and nobody is kept from anything.
    ///
    /// # Errors
    /// If that cannot be found out.
    pub fn migration_is_running(&self) -> Result<bool, StoreError> {
        let path = self.lock_path();
        let failed = |source| StoreError::File { path: path.clone(), source };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(failed(source)),
        };
        // A shared lock is refused while the lock is held, and gone again when the file is closed.
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    fn lock_path(&self) -> PathBuf {
        let mut name = self.path().file_name().unwrap_or_default().to_owned();
        name.push(".migration-lock");
        self.path().with_file_name(name)
    }
}
