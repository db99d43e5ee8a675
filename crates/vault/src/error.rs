//! What can keep a vault from starting, by meaning.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The result of opening or starting a vault.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The meaning of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration cannot be read or makes no sense.
    Configuration,
    /// The master key is missing, malformed or not the one that the database was made with.
    MasterKey,
    /// Another process works on the same data folder.
    FolderInUse,
    /// The address to listen on is taken, or not ours to take.
    Address,
    /// The database was written by a later version.
    FutureDatabase,
    /// The database cannot be read or written.
    Database,
    /// A backup of the vault is none, was altered, or was made with another master key.
    Backup,
    /// Something is there that must not be overwritten.
    NotEmpty,
    /// A key or certificate cannot be made or read.
    Certificate,
    /// A file or folder cannot be read or written.
    File,
    /// Too much is asked for at once: it may work later.
    Busy,
}

/// A failure: what happened, to what, why, and what to do about it. Never a secret's value.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, message)
    }

    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What it means.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What happened, without what to do about it.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What the user can do about it, if there is something.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether the user's configuration or keys are to blame, so that the program ends with exit code 2.
    pub fn is_usage(&self) -> bool {
        matches!(self.kind, ErrorKind::Configuration | ErrorKind::MasterKey)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
