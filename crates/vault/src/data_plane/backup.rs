//! Backup and restore of one secret, with all its versions.
//!
//! A backup is a sealed document that says everything about the secret, values too: in base64url, the number of the data key
//! and the ciphertext. It is bound to the service's keys. So it opens in every vault of this service and in no other, as
//! Azure's opens only in the vaults of one subscription and geography.

use std::io;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use serde::{Deserialize, Serialize, Serializer};
use strongroom_secrets::SecretValue;
use zeroize::Zeroizing;

use super::answer::Answer;
use super::bundle::{Bundle, Id};
use super::fault::Fault;
use super::secrets::{binding, failed, open_value, write};
use super::{Context, body};
use crate::access::{Action, Scope};
use crate::keys::{Binding, Keyring};
use crate::store::{Attributes, Change, Restoration, RestoredVersion, SealedRecord, Tags};

/// The most versions that a backup holds. Azure has the same limit
/// (<https://learn.microsoft.com/azure/key-vault/general/backup>).
const MAX_VERSIONS: usize = 500;

/// The longest document: 500 of the longest values, and what is usually said about them.
const MAX_DOCUMENT: usize = 16 * 1024 * 1024;

/// The longest body of a restore: the longest document, sealed and encoded.
pub(super) const RESTORE_LIMIT: usize = MAX_DOCUMENT / 3 * 4 + 4096;

/// Without padding, as the real service's; a client may have added it.
pub(super) const BASE64: GeneralPurpose =
    GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// What a backup says. A further field needs a default: backups live long.
#[derive(Serialize, Deserialize)]
pub(super) struct Document {
    name: String,
    /// Oldest first.
    versions: Vec<Version>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    version: String,
    #[serde(serialize_with = "exposed")]
    value: SecretValue,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    created: i64,
    updated: i64,
}

/// The document is sealed as soon as it is written.
fn exposed<S: Serializer>(value: &SecretValue, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.expose())
}

#[derive(Serialize)]
struct Answered {
    value: String,
}

/// Answers with the backup of a live secret.
pub(super) async fn backup(context: &Context<'_>, name: &str) -> Result<Answer, Fault> {
    // One more than fit tells whether there are too many.
    let limit = u32::try_from(MAX_VERSIONS + 1).unwrap_or(u32::MAX);
    let versions = context
        .service
        .store
        .all_versions(context.vault.id, name, limit, context.now)
        .await
        .map_err(|error| failed(&error))?
        .ok_or_else(|| Fault::secret_not_found(name))?;
    if versions.len() > MAX_VERSIONS {
        return Err(Fault::bad_parameter(format!(
            "The secret has more than {MAX_VERSIONS} versions; a backup cannot hold them."
        )));
    }
    let name = versions.first().map_or(name, |first| first.record.name.as_str()).to_owned();
    let versions =
        versions.into_iter().map(|version| Version::read(context, version)).collect::<Result<Vec<_>, _>>()?;
    let text = written(&Document { name, versions })?;
    Answer::json(&Answered { value: seal(&context.service.keyring, &text) })
}

/// Brings a secret back from its backup, into this vault or another of the service.
pub(super) async fn restore(context: &Context<'_>, bytes: &[u8]) -> Result<Answer, Fault> {
    let blob = body::parse_restore(bytes)?;
    let Document { name, versions } =
        open(&context.service.keyring, blob.expose()).ok_or_else(Fault::foreign_backup)?;
    // The path did not tell which secret it is about.
    context.entry.reveal(&name);
    context.caller.authorize(context.vault, Action::Restore, Scope::Secret(&name))?;
    let versions = versions.into_iter().map(|version| version.sealed(context, &name)).collect();
    let change = Change::Restore(Restoration {
        vault: context.vault.id,
        name: name.clone(),
        versions,
        now: context.now,
    });
    let record = write(context, change, &name).await?;
    Ok(Answer::json(&Bundle::new(context, &record, Id::Version))?.about(&record.version))
}

impl Version {
    fn read(context: &Context<'_>, stored: SealedRecord) -> Result<Self, Fault> {
        let value = open_value(context, &stored)?;
        let record = stored.record;
        let Attributes { content_type, tags, not_before, expires } = record.attributes;
        Ok(Self {
            version: record.version,
            value,
            content_type,
            tags,
            enabled: record.enabled,
            nbf: not_before,
            exp: expires,
            created: record.created,
            updated: record.updated,
        })
    }

    /// Sealed anew, for its new place.
    fn sealed(self, context: &Context<'_>, name: &str) -> RestoredVersion {
        let binding = binding(context, name, &self.version);
        RestoredVersion {
            sealed: context.service.keyring.seal(&binding, self.value.expose().as_bytes()),
            version: self.version,
            attributes: Attributes {
                content_type: self.content_type,
                tags: self.tags,
                not_before: self.nbf,
                expires: self.exp,
            },
            enabled: self.enabled,
            created: self.created,
            updated: self.updated,
        }
    }
}

/// Counts what is written, so that memory is taken once: a text that grows leaves copies behind.
#[derive(Default)]
struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn written(document: &Document) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let mut length = Counter::default();
    // Texts and numbers are all it holds: they can be written.
    serde_json::to_writer(&mut length, document).map_err(|_| Fault::internal())?;
    if length.0 > MAX_DOCUMENT {
        return Err(Fault::bad_parameter(format!(
            "The secret's versions take {} bytes together; a backup holds {MAX_DOCUMENT} at most.",
            length.0
        )));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *text, document).map_err(|_| Fault::internal())?;
    Ok(text)
}

pub(super) fn seal(keyring: &Keyring, text: &[u8]) -> String {
    let sealed = keyring.seal(&Binding::new("backup", &[]), text);
    let mut bytes = Vec::with_capacity(8 + sealed.bytes.len());
    bytes.extend_from_slice(&sealed.key.to_be_bytes());
    bytes.extend_from_slice(&sealed.bytes);
    BASE64.encode(bytes)
}

/// `None` for what is no backup of this service.
pub(super) fn open(keyring: &Keyring, blob: &str) -> Option<Document> {
    let bytes = BASE64.decode(blob).ok()?;
    let (key, sealed) = bytes.split_first_chunk::<8>()?;
    let text = keyring.unseal_foreign(&Binding::new("backup", &[]), i64::from_be_bytes(*key), sealed).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use strongroom_secrets::random::SystemRandom;

    use super::*;

    fn keyring() -> Keyring {
        Keyring::alone(&SystemRandom)
    }

    fn document(value: &str) -> Document {
        let version = Version {
            version: "0".repeat(32),
            value: value.into(),
            content_type: None,
            tags: Some(Tags::from([("a".into(), "b".into())])),
            enabled: false,
            nbf: Some(-1),
            exp: None,
            created: 1,
            updated: 2,
        };
        Document { name: "Name".into(), versions: vec![version] }
    }

    #[test]
    fn a_backup_opens_with_the_same_keys_only_and_whole_only() {
        let (ours, theirs) = (keyring(), keyring());
        let blob = seal(&ours, &written(&document("hunter2")).unwrap());
        let opened = open(&ours, &blob).unwrap();
        assert_eq!(opened.name, "Name");
        assert_eq!(opened.versions[0].value.expose(), "hunter2");
        assert_eq!(opened.versions[0].tags, document("").versions[0].tags);
        assert_eq!((opened.versions[0].nbf, opened.versions[0].exp), (Some(-1), None));
        assert!(open(&theirs, &blob).is_none());
        for index in (0..blob.len()).step_by(7) {
            let mut altered = blob.clone().into_bytes();
            altered[index] = if altered[index] == b'A' { b'B' } else { b'A' };
            assert!(open(&ours, std::str::from_utf8(&altered).unwrap()).is_none(), "{index}");
            assert!(open(&ours, &blob[..index]).is_none(), "{index}");
        }
    }

    #[test]
    fn padding_does_not_matter() {
        let keyring = keyring();
        for value in ["", "a", "ab"] {
            let blob = seal(&keyring, &written(&document(value)).unwrap());
            assert!(!blob.contains('='));
            let padded = format!("{blob}{}", "=".repeat((4 - blob.len() % 4) % 4));
            assert!(open(&keyring, &padded).is_some());
        }
    }

    #[test]
    fn a_document_that_is_too_long_is_refused() {
        assert!(written(&document(&"x".repeat(MAX_DOCUMENT - 300))).is_ok());
        assert!(written(&document(&"x".repeat(MAX_DOCUMENT))).is_err());
        let blob = seal(&keyring(), &vec![0; MAX_DOCUMENT]);
        assert!(blob.len() + "{\"value\": \"\"}".len() <= RESTORE_LIMIT);
    }
}
