//! The result of a connection test, as a bot reports it.

use serde_json::{Map, Value};

use crate::documents::shown;
use crate::errors::ApiError;

const STATUSES: [&str; 3] = ["Successful", "Failed", "Running"];
/// No test has more steps.
const MAX_STEPS: usize = 100;

/// Checks the form of a result: clients refuse what the schema does not have.
pub(crate) fn check(result: &Value) -> Result<(), ApiError> {
    let members = object(result, "the result")?;
    known(members, &["lastUpdatedAt", "status", "steps"])?;
    if members.get("lastUpdatedAt").is_some_and(|at| !at.is_null() && !at.is_i64()) {
        return wrong("lastUpdatedAt must be an instant in milliseconds");
    }
    match members.get("status") {
        None | Some(Value::Null) => {}
        Some(Value::String(status)) if STATUSES.contains(&status.as_str()) => {}
        Some(_) => return wrong("status must be one of Successful, Failed, Running"),
    }
    let Some(Value::Array(steps)) = members.get("steps") else { return wrong("steps must be a list") };
    if steps.len() > MAX_STEPS {
        return wrong("steps must be 100 at most");
    }
    steps.iter().try_for_each(check_step)
}

fn check_step(step: &Value) -> Result<(), ApiError> {
    let members = object(step, "a step")?;
    known(members, &["name", "mandatory", "passed", "message", "errorLog"])?;
    for (field, required) in [("name", true), ("message", false), ("errorLog", false)] {
        match members.get(field) {
            Some(Value::String(_)) => {}
            None | Some(Value::Null) if !required => {}
            _ => return wrong(&format!("{field} of a step must be a string")),
        }
    }
    for field in ["mandatory", "passed"] {
        if !members.get(field).is_some_and(Value::is_boolean) {
            return wrong(&format!("{field} of a step must be true or false"));
        }
    }
    Ok(())
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, ApiError> {
    value.as_object().ok_or_else(|| ApiError::bad_request(format!("[{what} must be an object]")))
}

fn known(members: &Map<String, Value>, fields: &[&str]) -> Result<(), ApiError> {
    match members.keys().find(|key| !fields.contains(&key.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(ApiError::bad_request(format!("Unrecognized field \"{}\"", shown(unknown)))),
    }
}

fn wrong(what: &str) -> Result<(), ApiError> {
    Err(ApiError::bad_request(format!("[{what}]")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_recorded_result_is_accepted() {
        let step = json!({"name": "CheckAccess", "mandatory": true, "passed": true});
        assert!(check(&json!({"status": "Successful", "steps": [step]})).is_ok());
    }

    #[test]
    fn what_clients_would_refuse_is_refused() {
        for wrong in [
            json!([]),
            json!({}),
            json!({"steps": {}}),
            json!({"status": "Fine", "steps": []}),
            json!({"steps": [], "extra": 1}),
            json!({"steps": [{"name": "a", "mandatory": true}]}),
            json!({"steps": [{"name": 1, "mandatory": true, "passed": true}]}),
            json!({"steps": [{"name": "a", "mandatory": true, "passed": true, "extra": 1}]}),
        ] {
            assert!(check(&wrong).is_err(), "{wrong}");
        }
    }
}
