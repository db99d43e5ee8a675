//! The life of a secret, from its first version to its purge, as a Key Vault Secrets Officer sees it.

use std::time::Duration;

use azure_core::time::OffsetDateTime;
use azure_security_keyvault_secrets::models::{
    DeletedSecret, Secret, SecretAttributes, SecretClientListSecretPropertiesOptions,
    SecretClientUpdateSecretPropertiesOptions, SetSecretParameters, UpdateSecretPropertiesParameters,
};
use azure_security_keyvault_secrets::{ResourceExt as _, SecretClient};
use futures::TryStreamExt as _;

use crate::checks::{deleted_names, fails, get, names, purge, set, tags, variable, version, versions};

const NAME: &str = "db-password";
const RETENTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

pub(crate) async fn run(client: &SecretClient) {
    set_and_get(client).await;
    update(client).await;
    list(client).await;
    delete_and_recover(client).await;
}

async fn set_and_get(client: &SecretClient) {
    let parameters = SetSecretParameters {
        value: Some("first".to_owned()),
        content_type: Some("text/plain".to_owned()),
        tags: Some(tags([("team", "data")])),
        ..Default::default()
    };
    let first = client.set_secret(NAME, parameters.try_into().expect("JSON"), None).await.expect("a set");
    let first: Secret = first.into_model().expect("a bundle");
    let url = variable("AZURE_KEY_VAULT_URL");
    assert_eq!(first.id, Some(format!("{url}/secrets/{NAME}/{}", version(&first))));
    assert_eq!(first.value.as_deref(), Some("first"));
    assert_eq!(first.content_type.as_deref(), Some("text/plain"));
    assert_eq!(first.tags, Some(tags([("team", "data")])));
    let attributes = first.attributes.as_ref().expect("attributes");
    assert_eq!((attributes.enabled, attributes.recoverable_days), (Some(true), Some(90)));
    assert_eq!(attributes.created, attributes.updated);

    let second = set(client, NAME, "second ü €").await;
    assert_ne!(version(&second), version(&first));
    assert_eq!(second.tags, None, "a new version starts with its own tags");
    let read = async |name, version: Option<&str>| get(client, name, version).await.expect("a get").value;
    assert_eq!(read(NAME, None).await.as_deref(), Some("second ü €"));
    assert_eq!(read("DB-Password", Some(&version(&first))).await.as_deref(), Some("first"));
    set(client, "empty", "").await;
    assert_eq!(read("empty", None).await.as_deref(), Some(""));
}

async fn change(
    client: &SecretClient,
    version: Option<&str>,
    changes: UpdateSecretPropertiesParameters,
) -> Secret {
    let options = SecretClientUpdateSecretPropertiesOptions {
        secret_version: version.map(str::to_owned),
        ..Default::default()
    };
    let changes = changes.try_into().expect("JSON");
    let answer = client.update_secret_properties(NAME, changes, Some(options)).await.expect("an update");
    answer.into_model().expect("a bundle")
}

async fn update(client: &SecretClient) {
    let latest = version(&get(client, NAME, None).await.expect("a get"));
    let older =
        versions(client, NAME).await.into_iter().find(|version| *version != latest).expect("two versions");
    let expires = OffsetDateTime::from_unix_timestamp(2_114_380_800).expect("a date");
    let changed = change(
        client,
        None,
        UpdateSecretPropertiesParameters {
            secret_attributes: Some(SecretAttributes { expires: Some(expires), ..Default::default() }),
            tags: Some(tags([("owner", "me")])),
            ..Default::default()
        },
    );
    let changed = changed.await;
    assert_eq!((version(&changed), changed.value), (latest, None));
    assert_eq!(changed.tags, Some(tags([("owner", "me")])));
    assert_eq!(changed.attributes.expect("attributes").expires, Some(expires));
    let content_type = Some("old".to_owned());
    let changes = UpdateSecretPropertiesParameters { content_type, ..Default::default() };
    let changed = change(client, Some(&older), changes).await;
    assert_eq!(changed.content_type.as_deref(), Some("old"));
    assert_eq!(changed.tags, Some(tags([("team", "data")])), "what is not given stays");

    let enable = async |enabled| {
        let attributes = SecretAttributes { enabled: Some(enabled), ..Default::default() };
        let changes =
            UpdateSecretPropertiesParameters { secret_attributes: Some(attributes), ..Default::default() };
        change(client, None, changes).await
    };
    enable(false).await;
    fails(get(client, NAME, None).await, 403, "Forbidden", "SecretDisabled");
    enable(true).await;
    assert_eq!(get(client, NAME, None).await.expect("a get").value.as_deref(), Some("second ü €"));
}

async fn list(client: &SecretClient) {
    let mut expected = vec![NAME.to_owned(), "empty".to_owned()];
    for number in 0..60 {
        let name = format!("page-{number}");
        set(client, &name, "x").await;
        expected.push(name);
    }
    expected.sort();
    assert_eq!(names(client).await, expected);
    let options = SecretClientListSecretPropertiesOptions { maxresults: Some(10), ..Default::default() };
    let pages: Vec<_> = client
        .list_secret_properties(Some(options))
        .expect("a pager")
        .into_pages()
        .try_collect()
        .await
        .expect("all pages");
    assert!(pages.len() >= 7, "{} pages of at most 10", pages.len());

    for _ in 0..30 {
        set(client, "page-0", "again").await;
    }
    let mut found = versions(client, "page-0").await;
    found.dedup();
    assert_eq!(found.len(), 31, "31 versions, none of them twice");
    assert!(versions(client, "no-such-secret").await.is_empty());
}

async fn delete_and_recover(client: &SecretClient) {
    let before = versions(client, NAME).await;
    let deleted: DeletedSecret =
        client.delete_secret(NAME, None).await.expect("a deletion").into_model().expect("a deleted bundle");
    assert_eq!(deleted.resource_id().expect("an id").name, NAME);
    assert_eq!(deleted.value, None);
    let scheduled = deleted.scheduled_purge_date.expect("a date") - deleted.deleted_date.expect("a date");
    assert_eq!(scheduled, RETENTION);
    let prefix = format!("{}/deletedsecrets/", variable("AZURE_KEY_VAULT_URL"));
    assert!(deleted.recovery_id.expect("a recovery id").starts_with(&prefix));
    fails(get(client, NAME, None).await, 404, "SecretNotFound", "");
    assert_eq!(deleted_names(client).await, [NAME]);
    let kept = client.get_deleted_secret(NAME, None).await.expect("a deleted secret");
    assert_eq!(kept.into_model().expect("a bundle").tags, Some(tags([("owner", "me")])));
    let again = client.set_secret(NAME, crate::checks::value("x"), None).await;
    fails(again, 409, "Conflict", "ObjectIsDeletedButRecoverable");

    let recovered = client.recover_deleted_secret(NAME, None).await.expect("a recovery");
    assert_eq!(recovered.into_model().expect("a bundle").resource_id().expect("an id").name, NAME);
    assert_eq!(get(client, NAME, None).await.expect("a get").value.as_deref(), Some("second ü €"));
    assert_eq!(versions(client, NAME).await, before);

    purge(client, NAME).await;
    assert!(deleted_names(client).await.is_empty());
    fails(client.get_deleted_secret(NAME, None).await, 404, "SecretNotFound", "");
    set(client, NAME, "anew").await;
    assert_eq!(versions(client, NAME).await.len(), 1);
}
