//! The section `audit`: where the lines of the audit trail go.

use std::path::PathBuf;

use serde::Deserialize;

use crate::audit::Destination;
use crate::error::{Error, Result};
use crate::folder::Folder;

/// The audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AuditSettings {
    /// What kind of place the lines go to.
    pub to: AuditPlace,
    /// The file; a relative path starts at the data folder.
    pub file: PathBuf,
    /// A file that would grow beyond this many mebibytes is put aside, and a new one begun.
    pub max_size_megabytes: u64,
    /// How many files that were put aside are kept.
    pub keep: u32,
}

/// What kind of place the lines go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AuditPlace {
    /// A file with rotation.
    File,
    /// Standard output.
    Stdout,
    /// Nowhere: nothing is recorded.
    Off,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { to: AuditPlace::File, file: "audit.jsonl".into(), max_size_megabytes: 100, keep: 10 }
    }
}

impl AuditSettings {
    /// Checks the rules.
    pub(super) fn check(&self) -> Result<()> {
        if !(1..=1024 * 1024).contains(&self.max_size_megabytes) {
            return Err(Error::configuration("audit: maxSizeMegabytes must be from 1 to 1048576"));
        }
        if self.keep > 1000 {
            return Err(Error::configuration("audit: keep must be at most 1000"));
        }
        Ok(())
    }

    /// The place itself, seen from a data folder.
    pub(crate) fn destination(&self, folder: &Folder) -> Destination {
        match self.to {
            AuditPlace::Off => Destination::Off,
            AuditPlace::Stdout => Destination::Stdout,
            AuditPlace::File => Destination::File {
                path: folder.join(&self.file),
                max_bytes: self.max_size_megabytes * 1024 * 1024,
                keep: self.keep,
            },
        }
    }
}
