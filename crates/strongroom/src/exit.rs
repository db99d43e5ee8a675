//! How a command ends: 0 done · 1 something failed · 2 wrong usage or configuration · 3 conflicts found, nothing written.

use std::process::ExitCode;

use strongroom_config::ConfigError;
use strongroom_metastore::StoreError;
use strongroom_secrets::ErrorKind;

/// Something failed; the report or the message says what.
pub(crate) const FAILED: u8 = 1;
/// Wrong usage or configuration.
pub(crate) const USAGE: u8 = 2;
/// Conflicts were found, and nothing was written.
pub(crate) const CONFLICTS: u8 = 3;

/// Something that the user asked for in a way that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// The exit code that an error deserves.
pub(crate) fn code_of(error: &anyhow::Error) -> ExitCode {
    let wrong_usage = error.chain().any(|cause| {
        cause.is::<Usage>()
            || cause.is::<ConfigError>()
            || cause.downcast_ref::<strongroom_vault::Error>().is_some_and(strongroom_vault::Error::is_usage)
            || cause
                .downcast_ref::<strongroom_secrets::Error>()
                .is_some_and(|e| e.kind() == ErrorKind::Configuration)
            || matches!(
                cause.downcast_ref::<StoreError>(),
                Some(StoreError::Missing(_) | StoreError::NoTables(_) | StoreError::TooOld { .. })
            )
    });
    ExitCode::from(if wrong_usage { USAGE } else { FAILED })
}
