//! What the errors of the file system mean.

use std::io;
use std::path::Path;

use crate::{Error, ErrorKind};

/// A failure to do something to a file or folder: `doing` is a verb with its object, such as `read the secret a at`.
pub(super) fn at(doing: &str, path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        _ => ErrorKind::Unavailable,
    };
    let message = format!("cannot {doing} {}: {error}", path.display());
    let failure = Error::new(kind, message).with_source(error);
    match kind {
        ErrorKind::PermissionDenied => failure.with_hint("give this user the right to it"),
        _ => failure,
    }
}

/// Something about the folder or its key that has to be set right before anything can work.
pub(super) fn configuration(message: String, hint: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, message).with_hint(hint)
}

/// A file that is not what was written.
pub(super) fn damaged(path: &Path) -> Error {
    Error::new(
        ErrorKind::Other,
        format!("the file {} is damaged: it does not open with the folder's key", path.display()),
    )
    .with_hint("it was altered, or moved here from elsewhere: restore it from a backup, or delete the secret")
}
