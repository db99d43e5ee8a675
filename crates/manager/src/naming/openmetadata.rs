//! The scheme `openmetadata`: the names that OpenMetadata's own server computes.
//!
//! Every part loses each character outside `[A-Za-z0-9-]`, the parts are joined with `-`, and all is lower-cased. So
//! `my_svc` and `mysvc` share a name: whoever uses this scheme must find such collisions before writing.

use strongroom_entities::{EntityKind, FieldPath, Step, split_fqn, unquote_name};
use strongroom_secrets::SecretName;

use super::NamingError;

/// The name behind `base`, which ends with its `-`.
pub(super) fn name(
    base: &str,
    kind: EntityKind,
    fqn: &str,
    path: &FieldPath,
) -> Result<SecretName, NamingError> {
    // A pipeline is named without its service.
    let entity = split_fqn(fqn).last().map(|part| clean(&unquote_name(part))).unwrap_or_default();
    if !entity.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return Err(NamingError::NothingLeft { kind, fqn: fqn.to_owned() });
    }
    let root = match kind {
        EntityKind::IngestionPipeline => "pipeline",
        _ => kind.name_segment(),
    };
    let mut name = format!("{base}{root}-{entity}");
    for step in super::guide::below_root(kind, path) {
        name.push('-');
        match step {
            Step::Key(key) => name.push_str(&clean(key)),
            // That server does not walk lists, so nobody expects a certain name here.
            Step::Index(index) => name.push_str(&index.to_string()),
        }
    }
    name.make_ascii_lowercase();
    let length = name.len();
    SecretName::new(name).map_err(|_| NamingError::TooLong { kind, fqn: fqn.to_owned(), length })
}

fn clean(part: &str) -> String {
    part.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(kind: EntityKind, fqn: &str, path: &str) -> Result<String, NamingError> {
        name("openmetadata-", kind, fqn, &path.parse().unwrap()).map(|name| name.as_str().to_owned())
    }

    /// The ids that were recorded from a running server.
    #[test]
    fn names_are_those_of_openmetadatas_own_server() {
        const PASSWORD: &str = "connection.config.authType.password";
        for (kind, fqn, path, expected) in [
            (
                EntityKind::DatabaseService,
                "pg_shop",
                PASSWORD,
                "openmetadata-database-pgshop-authtype-password",
            ),
            (
                EntityKind::DatabaseService,
                "\"pg.dotted name\"",
                PASSWORD,
                "openmetadata-database-pgdottedname-authtype-password",
            ),
            (
                EntityKind::DatabaseService,
                "Ünïcode-сервис",
                PASSWORD,
                "openmetadata-database-ncode--authtype-password",
            ),
            (
                EntityKind::DatabaseService,
                "bq",
                "connection.config.credentials.gcpConfig.privateKey",
                "openmetadata-database-bq-credentials-gcpconfig-privatekey",
            ),
            (
                EntityKind::DashboardService,
                "superset_pg",
                "connection.config.connection.authType.password",
                "openmetadata-dashboard-supersetpg-connection-authtype-password",
            ),
            (
                EntityKind::IngestionPipeline,
                "pg_shop.pg_shop_dbt_cloud",
                "sourceConfig.config.dbtConfigSource.dbtCloudAuthToken",
                "openmetadata-pipeline-pgshopdbtcloud-sourceconfig-config-dbtconfigsource-dbtcloudauthtoken",
            ),
            (
                EntityKind::Workflow,
                "test-connection-Postgres-wf1",
                "request.connection.config.authType.password",
                "openmetadata-workflow-test-connection-postgres-wf1-request-connection-config-authtype-password",
            ),
            (
                EntityKind::User,
                "ingestion-bot",
                "authenticationMechanism.config.JWTToken",
                "openmetadata-bot-ingestion-bot-config-jwttoken",
            ),
        ] {
            assert_eq!(of(kind, fqn, path).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_name_without_an_ascii_letter_or_digit_is_refused_with_the_way_out() {
        for fqn in ["сервис", "---", "", "\"..\""] {
            let error = of(EntityKind::DatabaseService, fqn, "connection.config.password").unwrap_err();
            assert!(matches!(error, NamingError::NothingLeft { .. }), "{fqn}");
            assert!(error.to_string().contains("naming: guide"), "{error}");
        }
        let error = of(EntityKind::IngestionPipeline, "pg.данные", "sourceConfig.config.x").unwrap_err();
        assert!(matches!(error, NamingError::NothingLeft { .. }));
    }

    #[test]
    fn a_name_that_is_too_long_is_refused() {
        let of_length = |length: usize| {
            of(EntityKind::DatabaseService, &"a".repeat(length), "connection.config.password")
        };
        let frame = "openmetadata-database--password".len();
        assert_eq!(of_length(127 - frame).unwrap().len(), 127);
        let error = of_length(128 - frame).unwrap_err();
        assert!(matches!(error, NamingError::TooLong { length: 128, .. }), "{error}");
    }

    proptest! {
        #[test]
        fn a_name_is_legal_or_refused(fqn in any::<String>(), long in "[a-z]{0,200}", key in any::<String>()) {
            let path = FieldPath::of_keys(["connection", "config", key.as_str()]);
            for fqn in [fqn, long] {
                if let Ok(name) = name("openmetadata-", EntityKind::DatabaseService, &fqn, &path) {
                    prop_assert!(name.as_str().starts_with("openmetadata-database-"));
                    prop_assert!(!name.as_str().bytes().any(|byte| byte.is_ascii_uppercase()));
                }
            }
        }
    }
}
