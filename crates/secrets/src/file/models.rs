//! What the file of a version holds: a head in JSON, and the value behind it. The value never passes a serializer.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Secret, SecretName, SecretProperties, SecretValue, SecretVersion, Tags};

/// Everything of a version but its value.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    /// In the case of the secret's first use.
    name: String,
    version: String,
    content_type: Option<String>,
    tags: Tags,
    enabled: bool,
    not_before: Option<i64>,
    expires: Option<i64>,
    created: Option<i64>,
    updated: Option<i64>,
}

/// The bytes of a version: the length of its head in four bytes, the head, the value.
pub(super) fn encode(secret: &Secret) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let properties = &secret.properties;
    let head = serde_json::to_vec(&Head {
        name: properties.name.as_str().to_owned(),
        version: properties.version.as_ref().map(|version| version.as_str().to_owned()).unwrap_or_default(),
        content_type: properties.content_type.clone(),
        tags: properties.tags.clone(),
        enabled: properties.enabled,
        not_before: properties.not_before,
        expires: properties.expires,
        created: properties.created,
        updated: properties.updated,
    })?;
    let value = secret.value.expose().as_bytes();
    // Room for the tag too: a buffer that grew would leave a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(4 + head.len() + value.len() + 16));
    bytes.extend_from_slice(&u32::try_from(head.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(value);
    Ok(bytes)
}

/// The version that `bytes` hold; `None` if they hold none.
pub(super) fn decode(bytes: &[u8]) -> Option<Secret> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (head, value) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let head: Head = serde_json::from_slice(head).ok()?;
    let value = SecretValue::new(std::str::from_utf8(value).ok()?);
    let properties = SecretProperties {
        name: SecretName::new(head.name).ok()?,
        version: Some(SecretVersion::new(head.version)),
        content_type: head.content_type,
        tags: head.tags,
        enabled: head.enabled,
        not_before: head.not_before,
        expires: head.expires,
        created: head.created,
        updated: head.updated,
    };
    Some(Secret { value, properties })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NewSecret, rules};

    #[test]
    fn a_version_comes_back_whole_and_a_cut_one_not_at_all() {
        let new = NewSecret {
            value: "hunter2\u{0}😀".into(),
            content_type: Some("text/plain".to_owned()),
            tags: [("a".to_owned(), "ü".to_owned())].into(),
            expires: Some(5),
            ..NewSecret::default()
        };
        let secret = rules::version(SecretName::new("Mixed").unwrap(), SecretVersion::new("1"), new, 7);
        let bytes = encode(&secret).unwrap();
        assert_eq!(decode(&bytes).unwrap(), secret);
        assert_eq!(decode(&bytes).unwrap().properties.name.as_str(), "Mixed");
        let head = bytes.len() - secret.value.len();
        for cut in 0..head {
            assert!(decode(&bytes[..cut]).is_none());
        }
    }
}
