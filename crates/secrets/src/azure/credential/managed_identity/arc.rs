//! Azure Arc proves to be asked by an administrator of the machine: it names a file that only such a one can read, and wants
//! to hear what is in it (<https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication>).

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::azure::credential::refusal::NoToken;
use crate::{ErrorKind, SecretValue};

/// Where the agent keeps these files. Whatever else an answer names is not read: it would be sent to who answers.
pub(super) const KEYS: &str = "/var/opt/azcmagent/tokens";

/// The longest file that is read, in bytes; Microsoft's clients have the same bound.
const MAX_KEY: u64 = 4096;

/// What is in the file that a challenge (`WWW-Authenticate: Basic realm=<file>`) names in `folder`.
pub(super) fn key(challenge: &str, folder: &Path) -> Result<SecretValue, NoToken> {
    let refused = |why: String| NoToken::new(ErrorKind::Unauthenticated, format!("Azure Arc's agent {why}"));
    let file = challenge
        .trim()
        .strip_prefix("Basic realm=")
        .map(|file| PathBuf::from(file.trim_matches('"')))
        .ok_or_else(|| refused("asks for no file that it could be answered from".to_owned()))?;
    // `parent` and `extension` take the text as it is, so a path with `..` has another parent.
    let is_key = file.extension().is_some_and(|extension| extension == "key");
    if file.parent() != Some(folder) || !is_key {
        return Err(refused(format!("asks for a file that is no key in {}", folder.display())));
    }
    let unreadable = |why: String| {
        refused(format!("asks for {}, which cannot be read: {why}", file.display()))
            .with_hint("the user that Strongroom runs as must be in the group himds")
    };
    // As much as there can be, so that nothing is left behind in memory when it grows.
    let mut key = String::with_capacity(MAX_KEY as usize + 1);
    let read = File::open(&file).and_then(|file| file.take(MAX_KEY + 1).read_to_string(&mut key));
    let key = SecretValue::new(key);
    match read {
        Ok(_) if key.len() as u64 > MAX_KEY => Err(unreadable(format!("it has more than {MAX_KEY} bytes"))),
        Ok(_) => Ok(key),
        Err(error) => Err(unreadable(error.kind().to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_is_named_is_read_if_it_is_a_key_of_the_agents() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.key"), "proof").unwrap();
        std::fs::write(folder.path().join("a.txt"), "proof").unwrap();
        std::fs::write(folder.path().join("long.key"), "a".repeat(4097)).unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        let named =
            |file: &str| key(&format!("Basic realm={}/{file}", folder.path().display()), folder.path());
        assert_eq!(named("a.key").unwrap().expose(), "proof");
        for file in ["a.txt", "long.key", "missing.key", "in/../a.key", "../a.key", "in/a.key"] {
            assert!(named(file).is_err(), "{file}");
        }
        for challenge in ["", "Basic realm=/etc/passwd", "Basic realm=a.key", "Bearer realm=a.key"] {
            assert!(key(challenge, folder.path()).is_err(), "{challenge}");
        }
    }
}
