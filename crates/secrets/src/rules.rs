//! The rules of Key Vault, for the vaults that have nobody else to keep them.

use crate::provider::{MAX_TAG_LENGTH, MAX_TAGS};
use crate::{
    Error, ErrorKind, NewSecret, Result, Secret, SecretName, SecretProperties, SecretUpdate, SecretValue,
    SecretVersion, Tags,
};

/// The longest content type, in characters.
const MAX_CONTENT_TYPE: usize = 255;

/// Refuses what a Key Vault would refuse to store.
pub(crate) fn check(name: &SecretName, new: &NewSecret) -> Result<()> {
    if new.value.len() > SecretValue::MAX_BYTES {
        return invalid(name, &format!("the value has more than {} bytes", SecretValue::MAX_BYTES));
    }
    check_content_type(name, new.content_type.as_deref())?;
    check_tags(name, &new.tags)
}

/// Refuses an update that a Key Vault would refuse.
pub(crate) fn check_update(name: &SecretName, update: &SecretUpdate) -> Result<()> {
    check_content_type(name, update.content_type.as_deref())?;
    update.tags.as_ref().map_or(Ok(()), |tags| check_tags(name, tags))
}

/// A new version of a secret called `name`, made at `now` (Unix seconds).
pub(crate) fn version(name: SecretName, version: SecretVersion, new: NewSecret, now: i64) -> Secret {
    let properties = SecretProperties {
        name,
        version: Some(version),
        content_type: new.content_type,
        tags: new.tags,
        enabled: new.enabled.unwrap_or(true),
        not_before: new.not_before,
        expires: new.expires,
        created: Some(now),
        updated: Some(now),
    };
    Secret { value: new.value, properties }
}

/// Changes what an update names, at `now` (Unix seconds), and nothing else.
pub(crate) fn apply(update: SecretUpdate, properties: &mut SecretProperties, now: i64) {
    let SecretUpdate { tags, content_type, enabled, not_before, expires } = update;
    properties.tags = tags.unwrap_or_else(|| std::mem::take(&mut properties.tags));
    properties.content_type = content_type.or_else(|| properties.content_type.take());
    properties.enabled = enabled.unwrap_or(properties.enabled);
    properties.not_before = not_before.or(properties.not_before);
    properties.expires = expires.or(properties.expires);
    properties.updated = Some(now);
}

fn check_content_type(name: &SecretName, content_type: Option<&str>) -> Result<()> {
    if content_type.is_some_and(|text| text.chars().count() > MAX_CONTENT_TYPE) {
        return invalid(name, &format!("the content type has more than {MAX_CONTENT_TYPE} characters"));
    }
    Ok(())
}

fn check_tags(name: &SecretName, tags: &Tags) -> Result<()> {
    if tags.len() > MAX_TAGS {
        return invalid(name, &format!("{} tags, at most {MAX_TAGS} are kept", tags.len()));
    }
    let too_long = |text: &str| text.chars().count() > MAX_TAG_LENGTH;
    match tags.iter().find(|(key, value)| too_long(key) || too_long(value)) {
        Some(_) => invalid(name, &format!("a tag is longer than {MAX_TAG_LENGTH} characters")),
        None => Ok(()),
    }
}

fn invalid(name: &SecretName, what: &str) -> Result<()> {
    Err(Error::new(ErrorKind::InvalidInput, format!("secret {name}: {what}")))
}
