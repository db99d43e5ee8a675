//! What `openmetadata.yaml` and the environment come to, rule by rule.

#![allow(clippy::unwrap_used, reason = "the functions here serve tests only")]

mod bad_input;
mod database;
mod guide;
mod keys;
mod misspelt;
mod places;
mod reference;
mod strongroom;
mod variables;

use std::path::{Path, PathBuf};

use strongroom_config::{ConfigError, Environment, Settings};
use tempfile::TempDir;

/// Settings from the text of a file.
fn load(text: &str, variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "openmetadata.yaml", text);
    Settings::load(Some(&path), &variables.iter().copied().collect(), Some(Path::new("data")))
}

/// Settings from the environment alone.
fn without_file(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let environment: Environment = variables.iter().copied().collect();
    Settings::load(None, &environment, None)
}

fn write(folder: &TempDir, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Asserts where an error lies, and what its text says; `says` must all be in it.
#[track_caller]
fn assert_error(
    result: Result<Settings, ConfigError>,
    line: Option<usize>,
    key: Option<&str>,
    says: &[&str],
) {
    let error = result.expect_err("the settings should be refused");
    let text = error.to_string();
    assert_eq!(error.key_path(), key, "{text}");
    if let Some(line) = line {
        assert!(text.contains(&format!("openmetadata.yaml, line {line}")), "line {line}: {text}");
    }
    for part in says {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}
