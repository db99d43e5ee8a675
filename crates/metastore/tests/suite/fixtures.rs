//! Documents and names that the tests share.

use serde_json::{Value, json};
use strongroom_entities::{EntityKind, fqn_hash};
use strongroom_metastore::{IntentKind, Metastore, NewIntent};
use strongroom_secrets::SecretName;
use uuid::Uuid;

/// An id that is the same in each run.
pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x1000_0000_0000_4000_8000_0000_0000_0000 + number)
}

/// A database service.
pub(crate) fn service(number: u128, name: &str) -> Value {
    json!({
        "id": id(number),
        "name": name,
        "fullyQualifiedName": name,
        "serviceType": "Postgres",
        "connection": {"config": {"type": "Postgres", "authType": {"password": "fernet:x"}}},
        "version": 0.1,
        "updatedAt": 1_700_000_000_000_u64 + number as u64,
        "updatedBy": "admin",
        "deleted": false,
    })
}

/// Stores a database service.
pub(crate) async fn put(store: &Metastore, number: u128, name: &str) -> Value {
    let document = service(number, name);
    let mut transaction = store.begin().await.unwrap();
    transaction.insert(EntityKind::DatabaseService, &fqn_hash(name), &document).await.unwrap();
    transaction.commit().await.unwrap();
    document
}

/// The name of a secret.
pub(crate) fn name(text: &str) -> SecretName {
    SecretName::new(text).unwrap()
}

/// An intent to write a secret.
pub(crate) fn intent(number: u128, secret: &str) -> NewIntent {
    NewIntent {
        id: id(1000 + number),
        kind: IntentKind::Write,
        name: name(secret),
        entity_kind: EntityKind::DatabaseService,
        entity: id(number),
        field: "/connection/config/authType/password".to_owned(),
        vault: Some("a vault".to_owned()),
    }
}
