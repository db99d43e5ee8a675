//! The parameters of a folder of encrypted files.

use std::path::PathBuf;

use strongroom_secrets::SecretValue;

use crate::error::ConfigError;
use crate::found::Found;
use crate::section::Section;

/// A folder of encrypted files, and its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderSettings {
    /// The folder. None: `secrets` in the data folder, for who keeps secrets there at all.
    pub folder: Option<PathBuf>,
    /// The file that holds the key. None: beside the folder, unless [`Self::key`] is set.
    pub key_file: Option<PathBuf>,
    /// The key itself.
    pub key: Option<SecretValue>,
}

pub(super) fn read(parameters: &Section<'_>) -> Result<FolderSettings, ConfigError> {
    let path = |key: &str, variable: &str| -> Result<Option<PathBuf>, ConfigError> {
        Ok(parameters.text(key, &[variable])?.map(|found| found.into_text().into()))
    };
    let folder = path("folder", "OM_SM_FOLDER")?;
    let key_file = path("keyFile", "OM_SM_FOLDER_KEY_FILE")?;
    // Asked for only where no file is named: that of the variable's name is the key's, and its mode is to be checked.
    let key = match &key_file {
        None => parameters.secret("key", &["OM_SM_FOLDER_KEY"])?,
        Some(_) => match parameters.text("key", &["OM_SM_FOLDER_KEY"])? {
            None => None,
            Some(key) => {
                return Err(key
                    .fault("the key is given, and a file of it (keyFile, OM_SM_FOLDER_KEY_FILE) too")
                    .hint("keep one of the two"));
            }
        },
    };
    Ok(FolderSettings { folder, key_file, key: key.map(Found::into_secret) })
}
