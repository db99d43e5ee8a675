//! Which folder, under which key, for how long.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::SecretValue;

/// How long a call may take, the wait for another process that writes included.
pub(super) const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// All that a [`FileProvider`](super::FileProvider) needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileConfig {
    /// The folder; it is made by the first write.
    pub folder: PathBuf,
    /// Where its key is.
    pub key: KeySource,
    /// How long a call may take, the wait for another process that writes included.
    pub call_timeout: Duration,
}

/// Where the key of a folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// The key itself: 32 bytes in base64.
    Given(SecretValue),
    /// In a file that only its owner can read. It is drawn and written when the folder is made, unless it is there.
    File(PathBuf),
}

impl FileConfig {
    /// The variable that names the folder.
    pub const FOLDER_VARIABLE: &str = "OM_SM_FOLDER";
    /// The variable that holds the key.
    pub const KEY_VARIABLE: &str = "OM_SM_FOLDER_KEY";
    /// The variable that names the file of the key.
    pub const KEY_FILE_VARIABLE: &str = "OM_SM_FOLDER_KEY_FILE";

    /// The folder at `folder`, with its key in the file beside it ([`Self::usual_key_file`]).
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        let key = KeySource::File(Self::usual_key_file(&folder));
        Self { folder, key, call_timeout: DEFAULT_CALL_TIMEOUT }
    }

    /// Where the key of a folder lies unless somebody says otherwise: beside it, so that a copy of the folder alone opens
    /// nothing. `secrets` has `secrets.key`.
    pub fn usual_key_file(folder: &Path) -> PathBuf {
        let mut name = folder.file_name().unwrap_or_default().to_os_string();
        name.push(".key");
        folder.with_file_name(name)
    }

    /// The folder that an environment describes; `None` if it names none. An empty variable counts as unset. The key in a
    /// variable wins over a file of it.
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let set = |name: &str| variable(name).filter(|text| !text.is_empty());
        let config = Self::new(set(Self::FOLDER_VARIABLE)?);
        let key = match (set(Self::KEY_VARIABLE), set(Self::KEY_FILE_VARIABLE)) {
            (Some(key), _) => KeySource::Given(SecretValue::new(key)),
            (None, Some(file)) => KeySource::File(file.into()),
            (None, None) => return Some(config),
        };
        Some(Self { key, ..config })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_names_a_folder_and_its_key_or_nothing() {
        let read = |set: &'static [(&str, &str)]| {
            FileConfig::from_environment(&|asked| {
                set.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("OM_SM_FOLDER", ""), ("OM_SM_FOLDER_KEY", "k")]), None);
        let usual = read(&[("OM_SM_FOLDER", "/data/secrets")]).unwrap();
        assert_eq!(usual.key, KeySource::File("/data/secrets.key".into()));
        let file = read(&[("OM_SM_FOLDER", "s"), ("OM_SM_FOLDER_KEY_FILE", "k"), ("OM_SM_FOLDER_KEY", "")]);
        assert_eq!(file.unwrap().key, KeySource::File("k".into()));
        let given = read(&[("OM_SM_FOLDER", "s"), ("OM_SM_FOLDER_KEY_FILE", "k"), ("OM_SM_FOLDER_KEY", "x")]);
        assert_eq!(given.unwrap().key, KeySource::Given("x".into()));
    }

    #[test]
    fn debug_shows_no_key() {
        let config = FileConfig { key: KeySource::Given("hunter2".into()), ..FileConfig::new("s") };
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
