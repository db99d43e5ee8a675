//! The `connection` of a service: its form, its type, and its defaults.

use serde_json::Value;
use strongroom_entities::EntityKind;
use strongroom_entities::catalogue::connection_types;

use crate::documents::{defaults, shown};
use crate::errors::ApiError;

/// Checks that there is such a type of service.
pub(crate) fn check_service_type(kind: EntityKind, service_type: &str) -> Result<(), ApiError> {
    if connection_types(kind).any(|known| known == service_type) {
        return Ok(());
    }
    let known: Vec<_> = connection_types(kind).collect();
    let known = known.join(", ");
    Err(ApiError::bad_request(format!("[serviceType must be a type of {kind}; there are {known}]")))
}

/// Checks a connection and writes its defaults out. `null` is no connection.
pub(crate) fn complete(service_type: &str, connection: &mut Value) -> Result<(), ApiError> {
    let wrong = |what: &str| Err(ApiError::bad_request(format!("[{what}]")));
    let members = match connection {
        Value::Null => return Ok(()),
        Value::Object(members) => members,
        _ => return wrong("connection must be an object"),
    };
    if let Some(unknown) = members.keys().find(|key| *key != "config") {
        let unknown = shown(unknown);
        return Err(ApiError::bad_request(format!(
            "Unrecognized field \"{unknown}\" in connection (known: \"config\")"
        )));
    }
    let config = match members.get_mut("config") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(config)) => config,
        Some(_) => return wrong("connection.config must be an object"),
    };
    match config.get("type") {
        None => {}
        Some(Value::String(named)) if named == service_type => {}
        Some(_) => return wrong(&format!("connection.config.type must be the serviceType, {service_type}")),
    }
    defaults::complete(service_type, config);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(mut connection: Value) -> String {
        complete("Postgres", &mut connection).unwrap_err().to_string()
    }

    #[test]
    fn a_connection_of_another_form_is_refused_without_its_content() {
        assert_eq!(refusal(json!("hunter2")), "[connection must be an object]");
        assert_eq!(refusal(json!({"config": ["hunter2"]})), "[connection.config must be an object]");
        assert_eq!(
            refusal(json!({"conf": 1})),
            "Unrecognized field \"conf\" in connection (known: \"config\")"
        );
        for other in [json!("Mysql"), json!(7)] {
            let text = refusal(json!({"config": {"type": other}}));
            assert_eq!(text, "[connection.config.type must be the serviceType, Postgres]");
        }
    }

    #[test]
    fn a_service_needs_no_connection() {
        for mut none in [json!(null), json!({}), json!({"config": null})] {
            let before = none.clone();
            complete("Postgres", &mut none).unwrap();
            assert_eq!(none, before);
        }
    }

    #[test]
    fn only_types_of_the_kind_are_known() {
        assert!(check_service_type(EntityKind::DatabaseService, "Postgres").is_ok());
        assert!(check_service_type(EntityKind::DatabaseService, "Superset").is_err());
        assert!(check_service_type(EntityKind::DatabaseService, "postgres").is_err());
    }
}
