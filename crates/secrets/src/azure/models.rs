//! The SDK's types turned into ours, and back.

use azure_core::http::{RequestContent, Url};
use azure_core::json::to_json;
use azure_core::time::OffsetDateTime;
use azure_security_keyvault_secrets::models::{
    DeletedSecret as AzureDeleted, DeletedSecretProperties as AzureDeletedProperties, Secret as AzureSecret,
    SecretAttributes, SecretProperties as AzureProperties, SetSecretParameters,
    UpdateSecretPropertiesParameters,
};
use zeroize::Zeroize;

use crate::{
    DeletedSecret, Error, ErrorKind, NewSecret, Result, Secret, SecretName, SecretProperties, SecretUpdate,
    SecretVersion,
};

/// The body of a write.
pub(super) fn set_parameters(new: &NewSecret) -> Result<RequestContent<SetSecretParameters>> {
    let mut parameters = SetSecretParameters {
        content_type: new.content_type.clone(),
        secret_attributes: attributes(new.enabled, new.not_before, new.expires)?,
        tags: Some(new.tags.clone().into_iter().collect()),
        value: Some(new.value.expose().to_owned()),
    };
    let body = to_json(&parameters);
    parameters.value.zeroize();
    // The serializer's own error could quote what it was given.
    let body =
        body.map_err(|_| Error::new(ErrorKind::InvalidInput, "the secret cannot be written as JSON"))?;
    Ok(body.into())
}

/// The body of an update. What is not in it stays as it is.
pub(super) fn update_parameters(
    update: SecretUpdate,
) -> Result<RequestContent<UpdateSecretPropertiesParameters>> {
    let SecretUpdate { tags, content_type, enabled, not_before, expires } = update;
    let parameters = UpdateSecretPropertiesParameters {
        content_type,
        secret_attributes: attributes(enabled, not_before, expires)?,
        tags: tags.map(|tags| tags.into_iter().collect()),
    };
    parameters
        .try_into()
        .map_err(|_| Error::new(ErrorKind::InvalidInput, "the update cannot be written as JSON"))
}

fn attributes(
    enabled: Option<bool>,
    not_before: Option<i64>,
    expires: Option<i64>,
) -> Result<Option<SecretAttributes>> {
    if (enabled, not_before, expires) == (None, None, None) {
        return Ok(None);
    }
    Ok(Some(SecretAttributes {
        enabled,
        not_before: not_before.map(moment).transpose()?,
        expires: expires.map(moment).transpose()?,
        ..SecretAttributes::default()
    }))
}

/// A bundle with its value.
pub(super) fn secret(mut bundle: AzureSecret) -> Result<Secret> {
    let value = bundle.value.take().unwrap_or_default().into();
    Ok(Secret { value, properties: properties_of_secret(bundle)? })
}

/// A bundle without its value.
pub(super) fn properties_of_secret(mut bundle: AzureSecret) -> Result<SecretProperties> {
    bundle.value.zeroize();
    properties(bundle.id.as_deref(), bundle.content_type, bundle.attributes, bundle.tags)
}

/// An item of a listing.
pub(super) fn properties_of_item(item: AzureProperties) -> Result<SecretProperties> {
    properties(item.id.as_deref(), item.content_type, item.attributes, item.tags)
}

/// An item of the listing of deleted secrets.
pub(super) fn properties_of_deleted_item(item: AzureDeletedProperties) -> Result<SecretProperties> {
    properties(item.id.as_deref(), item.content_type, item.attributes, item.tags)
}

/// A deleted bundle.
pub(super) fn deleted(mut bundle: AzureDeleted) -> Result<DeletedSecret> {
    bundle.value.zeroize();
    Ok(DeletedSecret {
        deleted: bundle.deleted_date.map(OffsetDateTime::unix_timestamp),
        scheduled_purge: bundle.scheduled_purge_date.map(OffsetDateTime::unix_timestamp),
        properties: properties(bundle.id.as_deref(), bundle.content_type, bundle.attributes, bundle.tags)?,
    })
}

fn properties(
    id: Option<&str>,
    content_type: Option<String>,
    attributes: Option<SecretAttributes>,
    tags: Option<impl IntoIterator<Item = (String, String)>>,
) -> Result<SecretProperties> {
    let (name, version) = id.and_then(name_and_version).ok_or_else(|| {
        Error::new(ErrorKind::Other, "the vault's answer names no secret").with_hint("is it a Key Vault?")
    })?;
    let attributes = attributes.unwrap_or_default();
    Ok(SecretProperties {
        name,
        version,
        content_type,
        tags: tags.into_iter().flatten().collect(),
        enabled: attributes.enabled.unwrap_or(true),
        not_before: attributes.not_before.map(OffsetDateTime::unix_timestamp),
        expires: attributes.expires.map(OffsetDateTime::unix_timestamp),
        created: attributes.created.map(OffsetDateTime::unix_timestamp),
        updated: attributes.updated.map(OffsetDateTime::unix_timestamp),
    })
}

/// Takes apart `https://<host>/secrets/<name>[/<version>]`.
fn name_and_version(id: &str) -> Option<(SecretName, Option<SecretVersion>)> {
    let url = Url::parse(id).ok()?;
    let mut segments = url.path_segments()?.filter(|segment| !segment.is_empty());
    segments.next().filter(|collection| *collection == "secrets")?;
    let name = SecretName::new(segments.next()?).ok()?;
    Some((name, segments.next().map(SecretVersion::new)))
}

fn moment(seconds: i64) -> Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| {
        Error::new(ErrorKind::InvalidInput, format!("{seconds} is no time that a calendar knows"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_names_the_secret_and_perhaps_the_version() {
        let (name, version) = name_and_version("https://v1.vault.azure.net/secrets/A-b/0123").unwrap();
        assert_eq!((name.as_str(), version), ("A-b", Some(SecretVersion::new("0123"))));
        let (_, version) = name_and_version("https://v1.vault.azure.net:8443/secrets/a").unwrap();
        assert_eq!(version, None);
        for wrong in ["", "a", "https://v1.vault.azure.net/keys/a", "https://v1.vault.azure.net/secrets/a_b"]
        {
            assert!(name_and_version(wrong).is_none(), "{wrong}");
        }
    }
}
