//! The rows that a real OpenMetadata server wrote: found by their hashes, walked, decrypted.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;

use serde_json::Value;
use strongroom_entities::reference::{FieldText, classify};
use strongroom_entities::{EntityKind, FernetKeys, fqn_hash, name_hash, quote_name, walk};
use strongroom_secrets::SecretValue;

fn recorded() -> Value {
    serde_json::from_str(include_str!("../../../tests/fixtures/openmetadata-rows.json")).unwrap()
}

fn keys(recorded: &Value) -> FernetKeys {
    FernetKeys::parse(&SecretValue::from(recorded["fernetKey"].as_str().unwrap())).unwrap()
}

/// The rows in the state that starts with `state`, with their kinds.
fn rows<'a>(recorded: &'a Value, state: &'a str) -> impl Iterator<Item = (EntityKind, &'a Value)> {
    recorded["rows"].as_array().unwrap().iter().filter_map(move |row| {
        let kind = EntityKind::ALL.iter().find(|kind| row["table"] == kind.table())?;
        row["state"].as_str().unwrap().starts_with(state).then_some((*kind, row))
    })
}

/// `name field` to what the field's token holds.
fn decrypted(recorded: &Value, state: &str) -> BTreeMap<String, String> {
    let keys = keys(recorded);
    let mut found = BTreeMap::new();
    for (kind, row) in rows(recorded, state) {
        let walk = walk(kind, &row["json"]);
        assert_eq!(walk.unknown_type, None);
        for field in walk.fields {
            let text = field.get(&row["json"]).unwrap().as_str().unwrap();
            assert!(matches!(classify(text), FieldText::Fernet(_)), "{field}");
            let name = row["json"]["name"].as_str().unwrap();
            found.insert(format!("{name} {field}"), keys.decrypt(text).unwrap().expose().to_owned());
        }
    }
    found
}

#[test]
fn every_row_has_the_hash_that_we_compute() {
    let recorded = recorded();
    for (kind, row) in rows(&recorded, "") {
        let fqn = row["json"]["fullyQualifiedName"].as_str().unwrap();
        if kind == EntityKind::IngestionPipeline {
            assert_eq!(row["fqnhash"], fqn_hash(fqn));
        } else {
            assert_eq!(row["namehash"], name_hash(fqn));
            assert_eq!(fqn, quote_name(row["json"]["name"].as_str().unwrap()));
        }
    }
}

#[test]
fn every_password_is_found_and_opened_with_the_default_key() {
    let recorded = recorded();
    assert!(keys(&recorded).is_default());
    let mut found = decrypted(&recorded, "before");
    let token = found.remove("loader-bot authenticationMechanism.config.JWTToken").unwrap();
    assert_eq!(token.split('.').count(), 3, "a JSON Web Token");
    let key = found.remove("bq connection.config.credentials.gcpConfig.privateKey").unwrap();
    assert!(key.contains('\n'), "a PEM text of several lines");
    let found: Vec<_> = found.iter().map(|(field, value)| (field.as_str(), value.as_str())).collect();
    assert_eq!(
        found,
        [
            ("empty_pw connection.config.authType.password", ""),
            ("gone_pg connection.config.authType.password", "dummy-gone"),
            ("pg.dotted name connection.config.authType.password", "dummy pg dotted ü €"),
            ("pg_iam connection.config.authType.awsConfig.awsSecretAccessKey", "dummy-aws-secret-1"),
            ("pg_shop connection.config.authType.password", "dummy-pg-shop-3"),
            (
                "pg_shop_dbt_cloud sourceConfig.config.dbtConfigSource.dbtCloudAuthToken",
                "dummy-dbt-cloud-token"
            ),
            ("ref_pg connection.config.authType.password", "secret:users-own-secret-name"),
            ("s3 connection.config.awsConfig.awsSecretAccessKey", "dummy-s3-secret"),
            ("superset_pg connection.config.connection.authType.password", "dummy-superset-pg"),
            ("test-connection-Postgres-wf1 request.connection.config.authType.password", "dummy-wf-1"),
        ]
    );
}

#[test]
fn after_a_migration_the_tokens_hold_references() {
    let found = decrypted(&recorded(), "after");
    assert_eq!(
        found["pg_shop connection.config.authType.password"],
        "secret:openmetadata-database-pgshop-authtype-password"
    );
    assert_eq!(
        found["loader-bot authenticationMechanism.config.JWTToken"],
        "secret:openmetadata-bot-loader-bot-config-jwttoken"
    );
}
