//! `vault.json`: what the last start said about itself, for `strongroom vault env` and scripts.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::folder::{self, Folder, Readers};

/// Where the vault listens, and which configuration it reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunFile {
    pub(crate) address: SocketAddr,
    /// Absent if there is no such listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) managed_identity: Option<SocketAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) admin: Option<SocketAddr>,
    /// Whether Azure's own names are answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) as_azure: bool,
    /// Absent if the configuration came from no file.
    pub(crate) config: Option<PathBuf>,
}

impl RunFile {
    pub(crate) fn write(&self, folder: &Folder) -> Result<()> {
        let text = serde_json::to_string(self).map_err(|error| {
            Error::new(ErrorKind::File, "the run file cannot be written").with_source(error)
        })?;
        folder::write(&folder.run_file(), format!("{text}\n").as_bytes(), Readers::Owner)
    }

    /// What the last start wrote, or nothing if there was none.
    pub(crate) fn read(folder: &Folder) -> Result<Option<Self>> {
        Ok(folder::read_if_present(&folder.run_file())?.and_then(|text| serde_json::from_str(&text).ok()))
    }
}
