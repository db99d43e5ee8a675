//! `jwtTokenConfiguration`: the key pair and the names that tokens are signed with.

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use aws_lc_rs::digest;

use crate::error::ConfigError;
use crate::found::Found;
use crate::section::{Keys, Section};

/// Where the reference looks for its key pair unless told otherwise, from the folder that it was started in.
const DEFAULT_PUBLIC_KEY: &str = "./conf/public_key.der";
const DEFAULT_PRIVATE_KEY: &str = "./conf/private_key.der";

/// SHA-256 of the public key of the pair that the reference ships (`conf/public_key.der` of open-metadata/OpenMetadata:
/// 294 bytes of DER, RSA 2048, exponent 65537). Its private key is public, so anybody can sign with it.
pub const PUBLIC_DEFAULT_SHA256: &str = "5ef1fe95ce866280ed426e40f6aca6bb30324fff024d4d5402b5bb1bc970a0d8";

/// The largest key file that is looked at, in bytes.
const MAX_KEY_FILE: u64 = 64 << 10;

/// How tokens are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtSettings {
    /// The key pair's files; none: a pair is made on the first start.
    pub key_pair: Option<KeyPairFiles>,
    /// Whether the configured public key is that of the pair which the reference ships.
    pub is_public_default: bool,
    /// The issuer (`iss`) of our tokens.
    pub issuer: String,
    /// The name of the key (`kid`); none: it is derived from a key that we made.
    pub key_id: Option<String>,
}

/// The files of an RSA key pair, both in DER. Both existed when the configuration was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPairFiles {
    /// The public key (SubjectPublicKeyInfo).
    pub public: PathBuf,
    /// The private key (PKCS#8).
    pub private: PathBuf,
}

const JWT: Keys = Keys {
    ours: &["rsapublicKeyFilePath", "rsaprivateKeyFilePath", "jwtissuer", "keyId"],
    others: &["tokenValidationAlgorithm"],
    open: false,
};

pub(crate) fn read(root: &Section<'_>) -> Result<JwtSettings, ConfigError> {
    let section = root.section("jwtTokenConfiguration", &JWT)?;
    let public = key_file(&section, "rsapublicKeyFilePath", "RSA_PUBLIC_KEY_FILE_PATH", DEFAULT_PUBLIC_KEY)?;
    let private =
        key_file(&section, "rsaprivateKeyFilePath", "RSA_PRIVATE_KEY_FILE_PATH", DEFAULT_PRIVATE_KEY)?;
    let (key_pair, is_public_default) = match (public, private) {
        (None, None) => (None, false),
        (Some(public), Some(private)) => {
            let is_default = is_public_default(&public)?;
            (
                Some(KeyPairFiles { public: public.into_text().into(), private: private.into_text().into() }),
                is_default,
            )
        }
        (Some(only), None) => return Err(half(&only, "private", "rsaprivateKeyFilePath")),
        (None, Some(only)) => return Err(half(&only, "public", "rsapublicKeyFilePath")),
    };
    let issuer = section.text("jwtissuer", &["JWT_ISSUER"])?;
    let key_id = section.text("keyId", &["JWT_KEY_ID"])?;
    Ok(JwtSettings {
        key_pair,
        is_public_default,
        issuer: issuer.map_or_else(|| "open-metadata.org".to_owned(), Found::into_text),
        key_id: key_id.map(Found::into_text),
    })
}

/// The path of a key, if it is set: the reference's default path counts as not set while it holds no file.
fn key_file(
    section: &Section<'_>,
    key: &str,
    variable: &str,
    default: &str,
) -> Result<Option<Found>, ConfigError> {
    let Some(found) = section.text(key, &[variable])? else { return Ok(None) };
    let path = Path::new(found.text());
    if path.is_file() {
        return Ok(Some(found));
    }
    if clean(path) == clean(Path::new(default)) && !path.exists() {
        return Ok(None);
    }
    Err(found
        .fault("the file that it names does not exist, or is no file")
        .hint("check the path, or leave the key out: a key pair is then made on the first start"))
}

/// Without `./`: `conf/public_key.der` is the same default.
fn clean(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

fn half(only: &Found, other: &str, key: &str) -> ConfigError {
    only.fault(format!("the {other} key of the pair is not set, or its file is not there"))
        .hint(format!("set {key} too, or leave both out: a key pair is then made on the first start"))
}

fn is_public_default(public: &Found) -> Result<bool, ConfigError> {
    has_sha256(Path::new(public.text()), PUBLIC_DEFAULT_SHA256)
        .map_err(|error| public.fault(format!("the file that it names cannot be read: {}", error.kind())))
}

/// Whether SHA-256 of a file (of its first 64 KiB: a key has 294 bytes) is this, in hexadecimal.
fn has_sha256(path: &Path, wanted: &str) -> std::io::Result<bool> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_KEY_FILE).read_to_end(&mut bytes)?;
    let hash = digest::digest(&digest::SHA256, &bytes);
    Ok(hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>() == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_by_its_sha256() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        // The example of FIPS 180-2, B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(has_sha256(file.path(), abc).unwrap());
        assert!(!has_sha256(file.path(), PUBLIC_DEFAULT_SHA256).unwrap());
        assert_eq!(PUBLIC_DEFAULT_SHA256.len(), abc.len());
    }
}
