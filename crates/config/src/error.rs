//! What is wrong with a configuration, where, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a setting was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file, at a line and column (both counted from 1) of the text as the user wrote it.
    File {
        /// The file as it was named to us.
        file: PathBuf,
        /// The line.
        line: usize,
        /// The column, where it is known: a line into which a variable was put has none.
        column: Option<usize>,
    },
    /// In an environment variable.
    Variable(String),
    /// In a file that cannot be read, or in one that a setting names.
    Path(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column: Some(column) } => {
                write!(f, "{}, line {line}, column {column}", file.display())
            }
            Self::File { file, line, column: None } => write!(f, "{}, line {line}", file.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A configuration that cannot be used.
///
/// The text names the file, the line, the key and the cure, and never the value of a setting: it may be a password. What
/// the YAML parser says is left out for the same reason; only its line and column are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(Box<Problem>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Problem {
    place: Option<Place>,
    key: Option<String>,
    what: String,
    hint: Option<String>,
}

impl ConfigError {
    /// An error about the configuration as a whole.
    pub fn new(what: impl Into<String>) -> Self {
        Self(Box::new(Problem { place: None, key: None, what: what.into(), hint: None }))
    }

    /// Says where the fault lies.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.0.place = Some(place);
        self
    }

    /// Names the key, with its whole path: `secretsManagerConfiguration.tags`.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.0.key = Some(key.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// A file that could not be read. Only the kind of the failure is kept.
    pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "there is none".to_owned(),
            std::io::ErrorKind::PermissionDenied => "this user may not".to_owned(),
            kind => kind.to_string(),
        };
        Self::new(format!("the file cannot be read: {why}")).at(Place::Path(path.to_owned()))
    }

    /// Where the fault lies, if it lies in one place.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// The path of the key that is at fault.
    pub fn key_path(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// What is wrong, without place, key and hint.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// What to do about it.
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for ConfigError {
    /// One line with place, key and fault, and a second one with the hint, if there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.0.place {
            write!(f, "{place}: ")?;
        }
        if let Some(key) = &self.0.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.0.what)?;
        if let Some(hint) = &self.0.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
