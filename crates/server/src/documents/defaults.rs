//! Defaults of the connection's schema, which the server writes out as the reference does.
//!
//! They are data: `data/connection-defaults.json` holds those that are known from a running server, by connection type. A type
//! without an entry gets none but its `type`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

static DEFAULTS: LazyLock<BTreeMap<String, Map<String, Value>>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../data/connection-defaults.json"))
        .expect("the defaults are part of the program and of the known form")
});

/// Adds what `config` leaves out. A default below a member counts only if that member is there: which of several ways to sign in
/// is meant is not the server's to say.
pub(crate) fn complete(service_type: &str, config: &mut Map<String, Value>) {
    if !config.contains_key("type") {
        config.insert("type".to_owned(), service_type.into());
    }
    if let Some(defaults) = DEFAULTS.get(service_type) {
        merge(config, defaults);
    }
}

fn merge(config: &mut Map<String, Value>, defaults: &Map<String, Value>) {
    for (key, default) in defaults {
        match (config.get_mut(key), default) {
            (Some(Value::Object(members)), Value::Object(defaults)) => merge(members, defaults),
            (None, Value::Object(_)) | (Some(_), _) => {}
            (None, default) => {
                config.insert(key.clone(), default.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use strongroom_entities::EntityKind;
    use strongroom_entities::catalogue::connection_types;

    use super::*;

    fn completed(service_type: &str, mut config: Value) -> Value {
        complete(service_type, config.as_object_mut().unwrap());
        config
    }

    #[test]
    fn what_was_sent_stays_and_what_was_not_is_added() {
        let config = completed("Postgres", json!({"sslMode": "require", "supportsProfiler": false}));
        assert_eq!(config["sslMode"], "require");
        assert_eq!(config["supportsProfiler"], false);
        assert_eq!(config["scheme"], "postgresql+psycopg2");
        assert_eq!(config["type"], "Postgres");
        assert_eq!(completed("Postgres", config.clone()), config);
    }

    #[test]
    fn a_default_below_a_member_needs_that_member() {
        assert_eq!(completed("Postgres", json!({})).get("authType"), None);
        let config = completed("Postgres", json!({"authType": {"awsConfig": {"awsRegion": "eu-west-1"}}}));
        assert_eq!(config["authType"]["awsConfig"]["assumeRoleSessionName"], "OpenMetadataSession");
        assert_eq!(completed("Postgres", json!({"authType": {}}))["authType"], json!({}));
    }

    #[test]
    fn a_type_without_known_defaults_only_gets_its_type() {
        assert_eq!(completed("Mysql", json!({"username": "u"})), json!({"username": "u", "type": "Mysql"}));
    }

    #[test]
    fn every_type_with_defaults_exists() {
        let types: Vec<_> = connection_types(EntityKind::DatabaseService).collect();
        for name in DEFAULTS.keys() {
            assert!(types.contains(&name.as_str()), "{name}");
        }
    }
}
