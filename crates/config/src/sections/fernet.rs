//! `fernetConfiguration`: the key that encrypts secrets in the database when no vault holds them.

use strongroom_secrets::SecretValue;

use crate::error::ConfigError;
use crate::section::{Keys, Section};

/// The key that the reference's own configuration file carries. It is public, so it protects nothing.
pub const PUBLIC_DEFAULT_KEY: &str = "jJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=";

/// What the file says to switch encryption off.
const NO_ENCRYPTION: &str = "no_encryption_at_rest";

/// What is known of the Fernet key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FernetSettings {
    /// The key, or why there is none.
    pub key: FernetKey,
    /// Whether the reference's public default key is among the keys.
    pub is_public_default: bool,
}

/// The configured key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FernetKey {
    /// Nothing is configured: a key is made on the first start.
    NotSet,
    /// `no_encryption_at_rest`: values stand in the database as they are.
    NoEncryption,
    /// One key, or several with commas between them, the newest first. Not parsed here.
    Keys(SecretValue),
}

const FERNET: Keys = Keys { ours: &["fernetKey"], others: &[], open: false };

pub(crate) fn read(root: &Section<'_>) -> Result<FernetSettings, ConfigError> {
    let section = root.section("fernetConfiguration", &FERNET)?;
    let Some(found) = section.secret("fernetKey", &["FERNET_KEY"])? else {
        return Ok(FernetSettings { key: FernetKey::NotSet, is_public_default: false });
    };
    if found.text().trim() == NO_ENCRYPTION {
        return Ok(FernetSettings { key: FernetKey::NoEncryption, is_public_default: false });
    }
    let is_public_default = found.text().split(',').any(is_default);
    Ok(FernetSettings { key: FernetKey::Keys(found.into_secret()), is_public_default })
}

/// Compares without padding and without regard to the flavour of base64, as all of them name the same key.
fn is_default(key: &str) -> bool {
    let plain = |key: &str| -> String {
        key.trim()
            .trim_end_matches('=')
            .chars()
            .map(|c| match c {
                '-' => '+',
                '_' => '/',
                c => c,
            })
            .collect()
    };
    plain(key) == plain(PUBLIC_DEFAULT_KEY)
}
