//! The walk: all secret fields of one document.

use serde_json::Value;

use crate::catalogue::{Catalogue, Node};
use crate::kind::EntityKind;
use crate::path::{FieldPath, Step};
use crate::unlisted::secrets_of_setting;

/// What a walk found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walk {
    /// The secret fields that are present and not `null`, in the document's order. What stands there may be of any JSON
    /// type: a malformed document can hold an object where a password belongs. No field lies within another.
    pub fields: Vec<FieldPath>,
    /// A connection type that the catalogue does not have. Its connection was then walked by the paths of all types that
    /// it could be, since a secret too many is masked rather than one too few.
    pub unknown_type: Option<String>,
}

/// Finds the secret fields of a document.
///
/// - A service is walked by its `serviceType`, or by the `type` in its connection if it has none.
/// - A workflow's `request.connection.config` is walked by `request.connectionType`, in the category that
///   `request.serviceType` names.
/// - The connections embedded in a pipeline are walked by their own `type`.
/// - A user is walked only if it is a bot's. The bcrypt hash of a password is none of the fields.
///
/// - Settings, event subscriptions and applications have no schema here: theirs are known by their keys, or because they are
///   encrypted.
///
/// A document of an unexpected form is walked as far as it has the expected one.
pub fn walk(kind: EntityKind, document: &Value) -> Walk {
    let mut walker =
        Walker { catalogue: Catalogue::get(), kind, document, at: Vec::new(), found: Walk::default() };
    if kind.is_setting() {
        walker.found.fields = secrets_of_setting(kind, document);
    } else if kind.is_service() {
        walker.service();
    } else if kind != EntityKind::User || document["isBot"] == Value::Bool(true) {
        walker.descend(walker.catalogue.root(kind), document);
    }
    walker.found
}

/// Finds the secret fields of a workflow file of the ingestion: those of the source's connection (by its own `type`), of the
/// source's configuration and of the connection to the metadata server.
pub fn walk_workflow_file(file: &Value) -> Walk {
    let mut walker = Walker {
        catalogue: Catalogue::get(),
        // What the two have in common: a connection is walked by its own type, in whatever category.
        kind: EntityKind::IngestionPipeline,
        document: file,
        at: Vec::new(),
        found: Walk::default(),
    };
    walker.descend(walker.catalogue.run(), file);
    walker.found
}

struct Walker<'a> {
    catalogue: &'static Catalogue,
    kind: EntityKind,
    document: &'a Value,
    at: Vec<Step>,
    found: Walk,
}

impl<'a> Walker<'a> {
    fn service(&mut self) {
        let config = &self.document["connection"]["config"];
        let declared = self.document["serviceType"].as_str();
        self.at = FieldPath::of_keys(self.kind.secret_root().iter().copied()).steps().to_vec();
        self.connection(Some(self.kind.name_segment()), declared, config);
    }

    /// Walks a connection by its declared type, or by the one in itself.
    fn connection(&mut self, category: Option<&str>, declared: Option<&str>, config: &'a Value) {
        if !config.is_object() {
            return;
        }
        let connection_type = declared.or_else(|| config["type"].as_str()).unwrap_or_default();
        let node = self.catalogue.connection(category, connection_type).unwrap_or_else(|any| {
            self.found.unknown_type = Some(connection_type.to_owned());
            any
        });
        self.descend(node, config);
    }

    fn embedded_connection(&mut self, config: &'a Value) {
        if self.kind == EntityKind::Workflow {
            let request = &self.document["request"];
            let category = request["serviceType"].as_str().map(str::to_ascii_lowercase);
            self.connection(category.as_deref(), request["connectionType"].as_str(), config);
        } else {
            self.connection(None, None, config);
        }
    }

    /// Goes down tree and document together. The tree bounds the depth.
    fn descend(&mut self, node: &Node, value: &'a Value) {
        // Where the category of a connection is unknown, a secret of one type can be an object of another's.
        let opens = value.is_object() && !node.is_leaf();
        if node.connection {
            self.embedded_connection(value);
        } else if node.secret && !opens {
            if !value.is_null() {
                self.found.fields.push(FieldPath::new(self.at.clone()));
            }
        } else if let (Some(elements), Value::Array(list)) = (&node.elements, value) {
            for (index, element) in list.iter().enumerate() {
                self.step(Step::Index(index), elements, element);
            }
        } else if let Value::Object(members) = value {
            for (key, member) in members {
                if let Some(child) = node.members.get(key) {
                    self.step(Step::Key(key.clone()), child, member);
                }
            }
        }
    }

    fn step(&mut self, step: Step, node: &Node, value: &'a Value) {
        self.at.push(step);
        self.descend(node, value);
        self.at.pop();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(kind: EntityKind, document: &Value) -> Vec<String> {
        let walk = walk(kind, document);
        assert_eq!(walk.unknown_type, None);
        walk.fields.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_service_is_walked_by_its_service_type_in_document_order() {
        let document = json!({
            "serviceType": "Postgres",
            "connection": {"config": {
                "type": "Postgres",
                "sslConfig": {"sslKey": "k", "caCertificate": "c"},
                "password": "not a field of this type",
                "authType": {"password": "p", "awsConfig": {"awsSecretAccessKey": null}},
            }},
        });
        assert_eq!(
            fields(EntityKind::DatabaseService, &document),
            [
                "connection.config.sslConfig.sslKey",
                "connection.config.sslConfig.caCertificate",
                "connection.config.authType.password"
            ]
        );
    }

    #[test]
    fn a_service_without_a_service_type_is_walked_by_the_type_of_its_connection() {
        let document = json!({"connection": {"config": {"type": "Oracle", "password": "p"}}});
        assert_eq!(fields(EntityKind::DatabaseService, &document), ["connection.config.password"]);
    }

    #[test]
    fn one_type_of_two_categories_has_the_paths_of_its_own() {
        let document = json!({
            "serviceType": "VertexAI",
            "connection": {"config": {"credentials": {"gcpConfig": {"privateKey": "k"}}}},
        });
        assert_eq!(
            fields(EntityKind::MlmodelService, &document),
            ["connection.config.credentials.gcpConfig.privateKey"]
        );
        assert_eq!(fields(EntityKind::LlmService, &document), ["connection.config.credentials"]);
    }

    #[test]
    fn every_element_of_a_list_is_walked() {
        let document = json!({
            "serviceType": "Mcp",
            "connection": {"config": {"servers": [{"apiKey": "a"}, {}, "odd", {"apiKey": ""}]}},
        });
        assert_eq!(
            fields(EntityKind::McpService, &document),
            ["connection.config.servers[0].apiKey", "connection.config.servers[3].apiKey"]
        );
    }

    #[test]
    fn an_unknown_type_is_named_and_walked_as_any_of_its_category() {
        let document = json!({
            "serviceType": "Brandnew",
            "connection": {"config": {"authType": {"password": "p"}, "hostPort": "h"}},
        });
        let walk = walk(EntityKind::DatabaseService, &document);
        assert_eq!(walk.unknown_type.as_deref(), Some("Brandnew"));
        assert_eq!(walk.fields, ["connection.config.authType.password".parse().unwrap()]);
    }

    #[test]
    fn a_service_without_a_connection_has_no_secrets() {
        for connection in
            [json!(null), json!({}), json!({"config": null}), json!("x"), json!([{"config": {}}])]
        {
            let document = json!({"serviceType": "Postgres", "connection": connection});
            assert_eq!(walk(EntityKind::DatabaseService, &document), Walk::default());
        }
    }

    #[test]
    fn a_workflow_is_walked_by_the_type_in_its_request() {
        let request = json!({
            "serviceType": "MlModel", "connectionType": "VertexAI",
            "connection": {"config": {"credentials": {"gcpConfig": {"privateKey": "k"}}}},
        });
        assert_eq!(
            fields(EntityKind::Workflow, &json!({"request": request})),
            ["request.connection.config.credentials.gcpConfig.privateKey"]
        );
        let of_unknown_category = json!({"request": {
            "connectionType": "Postgres", "connection": {"config": {"authType": {"password": "p"}}},
        }});
        assert_eq!(
            fields(EntityKind::Workflow, &of_unknown_category),
            ["request.connection.config.authType.password"]
        );
    }

    #[test]
    fn a_workflow_file_has_the_secrets_of_its_source_and_of_its_server() {
        let file = json!({
            "source": {
                "type": "postgres",
                "serviceConnection": {"config": {"type": "Postgres", "authType": {"password": "p"}, "password": "x"}},
                "sourceConfig": {"config": {
                    "dbtConfigSource": {"dbtCloudAuthToken": "t"},
                    "serviceConnections": [{"serviceConnection": {"config": {"type": "Oracle", "password": "p"}}}],
                }},
            },
            "sink": {"config": {"password": "none of the fields"}},
            "workflowConfig": {"openMetadataServerConfig": {
                "securityConfig": {"jwtToken": "j"}, "sslConfig": {"sslKey": "k"}, "hostPort": "h",
            }},
        });
        let walk = walk_workflow_file(&file);
        let fields: Vec<_> = walk.fields.iter().map(ToString::to_string).collect();
        assert_eq!(
            fields,
            [
                "source.serviceConnection.config.authType.password",
                "source.sourceConfig.config.dbtConfigSource.dbtCloudAuthToken",
                "source.sourceConfig.config.serviceConnections[0].serviceConnection.config.password",
                "workflowConfig.openMetadataServerConfig.securityConfig.jwtToken",
                "workflowConfig.openMetadataServerConfig.sslConfig.sslKey",
            ]
        );
        assert_eq!(walk.unknown_type, None);
        assert_eq!(walk_workflow_file(&json!([])), Walk::default());
    }

    #[test]
    fn a_pipeline_has_its_own_secrets_and_those_of_embedded_connections() {
        let document = json!({"sourceConfig": {"config": {
            "dbtConfigSource": {"dbtCloudAuthToken": "t"},
            "serviceConnections": [
                {"serviceConnection": {"config": {"type": "Oracle", "password": "p"}}},
                {"serviceConnection": {"config": {"type": "VertexAI", "credentials": {"gcpConfig": {"privateKey": "k"}}}}},
                {"serviceConnection": {"config": {"type": "VertexAI", "credentials": "json"}}},
            ],
        }}});
        assert_eq!(
            fields(EntityKind::IngestionPipeline, &document),
            [
                "sourceConfig.config.dbtConfigSource.dbtCloudAuthToken",
                "sourceConfig.config.serviceConnections[0].serviceConnection.config.password",
                "sourceConfig.config.serviceConnections[1].serviceConnection.config.credentials.gcpConfig.privateKey",
                "sourceConfig.config.serviceConnections[2].serviceConnection.config.credentials",
            ]
        );
    }

    #[test]
    fn only_users_of_bots_have_secrets_and_a_bcrypt_hash_is_none() {
        let mechanism = json!({"authType": "JWT", "config": {"JWTToken": "t"}});
        let bot = json!({"isBot": true, "authenticationMechanism": mechanism});
        let person = json!({"isBot": false, "authenticationMechanism": mechanism});
        let basic = json!({"isBot": true, "authenticationMechanism": {"authType": "BASIC", "config": {"password": "$2a$12$x"}}});
        assert_eq!(fields(EntityKind::User, &bot), ["authenticationMechanism.config.JWTToken"]);
        assert!(fields(EntityKind::User, &person).is_empty());
        assert!(fields(EntityKind::User, &basic).is_empty());
    }
}
