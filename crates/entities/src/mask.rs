//! Documents as people may see them.

use serde_json::Value;

use crate::kind::EntityKind;
use crate::walk::walk;

/// What stands in the place of a secret that the reader may not see. Coming back in a request it means "unchanged".
pub const MASK: &str = "*********";

/// Puts [`MASK`] over every secret field that is present and not `null`, whatever its JSON type, empty texts too.
pub fn mask(kind: EntityKind, document: &mut Value) {
    for field in walk(kind, document).fields {
        field.set(document, Value::from(MASK));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_secret_of_any_type_is_masked_and_nothing_else() {
        let mut document = json!({
            "name": "s", "serviceType": "Postgres",
            "connection": {"config": {
                "username": "om",
                "authType": {"password": {"odd": "hunter2"}, "azureConfig": {"clientSecret": ""}},
                "sslConfig": {"sslKey": null, "caCertificate": 7},
            }},
        });
        mask(EntityKind::DatabaseService, &mut document);
        assert_eq!(
            document["connection"]["config"],
            json!({
                "username": "om",
                "authType": {"password": MASK, "azureConfig": {"clientSecret": MASK}},
                "sslConfig": {"sslKey": null, "caCertificate": MASK},
            })
        );
    }

    #[test]
    fn masking_a_masked_document_changes_nothing() {
        let mut once = json!({"serviceType": "Mcp", "connection": {"config": {"servers": [{"apiKey": "a"}, {"apiKey": "b"}]}}});
        mask(EntityKind::McpService, &mut once);
        let mut twice = once.clone();
        mask(EntityKind::McpService, &mut twice);
        assert_eq!(once, twice);
        assert_eq!(once["connection"]["config"]["servers"], json!([{"apiKey": MASK}, {"apiKey": MASK}]));
    }
}
