//! The file's text.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::error::{ConfigError, Place};

/// The longest file that is read, in bytes: thirty times the reference's own.
const MAX_BYTES: u64 = 1 << 20;

/// Reads the whole file.
pub(crate) fn read(path: &Path) -> Result<String, ConfigError> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(|error| {
        ConfigError::unreadable(path, &error)
            .hint("name the configuration file with -c, as in -c openmetadata.yaml")
    })?;
    let fault = |what| ConfigError::new(what).at(Place::Path(path.to_owned()));
    if bytes.len() as u64 > MAX_BYTES {
        return Err(fault("the file is larger than a configuration can be (1 MiB)"));
    }
    String::from_utf8(bytes).map_err(|_| fault("the file is not UTF-8 text"))
}
