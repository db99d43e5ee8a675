//! A text that a setting was found to have.

use std::io::Read as _;

use strongroom_secrets::SecretValue;

use crate::error::{ConfigError, Place};

/// The longest file that a `…_FILE` setting may name, in bytes.
const MAX_SECRET_FILE: u64 = 64 << 10;

/// A text that was found, with where it stood, for the error that it may cause.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) value: SecretValue,
    pub(crate) key: String,
    pub(crate) place: Place,
}

impl Found {
    pub(crate) fn text(&self) -> &str {
        self.value.expose()
    }

    pub(crate) fn into_text(self) -> String {
        self.value.expose().to_owned()
    }

    pub(crate) fn into_secret(self) -> SecretValue {
        self.value
    }

    /// An error about this value. `what` must not quote it.
    pub(crate) fn fault(&self, what: impl Into<String>) -> ConfigError {
        ConfigError::new(what).at(self.place.clone()).key(self.key.clone())
    }

    /// The content of the file that this text names, without the line break at its end.
    pub(crate) fn read_file(self) -> Result<Self, ConfigError> {
        let unreadable = |reason: String| {
            self.fault(format!("the file that it names cannot be read: {reason}"))
                .hint("check the path, and that this user may read the file")
        };
        let mut text = String::new();
        std::fs::File::open(self.text())
            .and_then(|file| file.take(MAX_SECRET_FILE + 1).read_to_string(&mut text))
            .map_err(|error| unreadable(error.kind().to_string()))?;
        if text.len() as u64 > MAX_SECRET_FILE {
            return Err(self.fault(format!("the file that it names is larger than {MAX_SECRET_FILE} bytes")));
        }
        let text = SecretValue::new(text);
        let value = SecretValue::new(text.expose().trim_end_matches(['\r', '\n']));
        if value.is_empty() {
            return Err(self.fault("the file that it names is empty"));
        }
        Ok(Self { value, ..self })
    }
}
