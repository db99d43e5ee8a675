//! A file with every key of the reference's own.

use std::path::Path;
use std::time::Duration;

use strongroom_config::{
    AdminPrincipal, DatabaseKind, DatabasePlace, DatabaseTls, FernetKey, SecretsManager, SecretsManagerLoader,
};
use strongroom_secrets::SecretValue;

use crate::load;

const WHOLE_FILE: &str = include_str!("../fixtures/openmetadata.yaml");

#[test]
fn the_whole_file_gives_the_reference_s_defaults() {
    let settings = load(WHOLE_FILE, &[]).unwrap();
    assert_eq!(settings.warnings, Vec::<String>::new());
    assert_eq!(settings.cluster_name, "openmetadata");
    assert_eq!((settings.server.host.as_str(), settings.server.port), ("0.0.0.0", 8585));
    assert_eq!((settings.server.admin_host.as_str(), settings.server.admin_port), ("0.0.0.0", 8586));
    assert_eq!(settings.database.file(), Some(Path::new("/srv/metadata.db")));
    assert!(settings.database.configured);
    assert!(settings.fernet.is_public_default);
    assert!(matches!(settings.fernet.key, FernetKey::Keys(_)));
    assert_eq!((settings.jwt.key_pair, settings.jwt.is_public_default), (None, false));
    assert_eq!(settings.jwt.issuer, "open-metadata.org");
    assert_eq!(settings.jwt.key_id.as_deref(), Some("Gb389a-9f76-gdjs-a92j-0242bk94356"));
    assert_eq!(
        settings.authorizer.admin_principals,
        [AdminPrincipal { name: "admin".into(), password: None }]
    );
    assert_eq!(settings.authorizer.principal_domain, "open-metadata.org");
    assert!(!settings.authorizer.enforce_principal_domain);
    assert_eq!(settings.authorizer.allowed_domains, Vec::<String>::new());
    assert_eq!(settings.authentication.provider, "basic");
    assert_eq!(settings.authentication.client_type, "public");
    assert_eq!(settings.authentication.public_key_urls, ["http://localhost:8585/api/v1/system/config/jwks"]);
    assert_eq!(settings.authentication.jwt_principal_claims, ["email", "preferred_username", "sub"]);
    assert!(settings.authentication.enable_self_signup);
    assert_eq!(settings.secrets_manager.provider, Some(SecretsManager::Db));
    assert_eq!(settings.pipeline.secrets_manager_loader, SecretsManagerLoader::Noop);
    assert_eq!(settings.pipeline.metadata_api_endpoint, "http://localhost:8585/api");
    assert_eq!(settings.strongroom.intent_lease, Duration::from_secs(120));
    assert_eq!(settings.strongroom.call_timeout, Duration::from_secs(30));
}

#[test]
fn the_variables_that_helm_puts_in_quotes_are_read_like_the_others() {
    let settings = load(
        WHOLE_FILE,
        &[
            ("SECRET_MANAGER", "\"managed-azure-kv\""),
            ("SECRET_MANAGER_TAGS", "[\"a:b\",\"c:d\"]"),
            ("OM_SM_VAULT_NAME", "0123"),
            ("AUTHORIZER_ADMIN_PRINCIPALS", "[\"admin:pa:ss\",\"ann\"]"),
            ("SERVER_PORT", "0"),
            ("OPENMETADATA_CLUSTER_NAME", "1e5"),
        ],
    )
    .unwrap();
    assert_eq!(settings.secrets_manager.provider, Some(SecretsManager::ManagedAzureKv));
    assert_eq!(settings.secrets_manager.tags.len(), 2);
    assert_eq!(settings.secrets_manager.azure.vault_name.as_deref(), Some("0123"));
    assert_eq!(
        settings.authorizer.admin_principals,
        [
            AdminPrincipal { name: "admin".into(), password: Some(SecretValue::new("pa:ss")) },
            AdminPrincipal { name: "ann".into(), password: None },
        ]
    );
    assert_eq!((settings.server.port, settings.cluster_name.as_str()), (0, "1e5"));
}

#[test]
fn its_jdbc_url_is_read_for_either_server_whatever_parameters_are_left_in() {
    let text = WHOLE_FILE.replace(
        "url: sqlite:/srv/metadata.db",
        "url: jdbc:${DB_SCHEME:-mysql}://${DB_HOST:-localhost}:${DB_PORT:-3306}/${OM_DATABASE:-openmetadata_db}?${DB_PARAMS:-allowPublicKeyRetrieval=true&useSSL=false&serverTimezone=UTC}",
    );
    let server = |variables: &[(&str, &str)]| match load(&text, variables).unwrap().database.place {
        DatabasePlace::Server(server) => server,
        place @ DatabasePlace::File(_) => panic!("{place:?}"),
    };
    let mysql = server(&[]);
    assert_eq!((mysql.kind, mysql.host.as_str(), mysql.port), (DatabaseKind::Mysql, "localhost", 3306));
    assert_eq!((mysql.name.as_str(), mysql.user.as_str()), ("openmetadata_db", "openmetadata_user"));
    assert_eq!(mysql.password, Some(SecretValue::new("openmetadata_password")));
    assert_eq!((mysql.tls, mysql.connections), (DatabaseTls::Off, 20));
    let postgres = server(&[("DB_SCHEME", "postgresql"), ("DB_PORT", "5432"), ("DB_USER_PASSWORD", "p")]);
    assert_eq!((postgres.kind, postgres.port), (DatabaseKind::Postgresql, 5432));
    assert_eq!((postgres.tls, postgres.schema), (DatabaseTls::IfOffered, None));
}

#[test]
fn sections_that_are_not_ours_may_hold_anything() {
    let text = "elasticsearch: [1, {a: b}]\nlogging: ${UNSET}\nemail: ~\ncache: text\nsomethingNew:\n  secretsManagr: x\n";
    let settings = load(text, &[]).unwrap();
    assert_eq!(settings.secrets_manager.provider, Some(SecretsManager::Db));
    assert!(!settings.database.configured);
    assert_eq!(settings.database.file(), Some(Path::new("data/metastore.db")));
}

#[test]
fn an_empty_file_and_empty_sections_give_the_defaults() {
    let sections =
        "server:\ndatabase: ~\nfernetConfiguration: {}\nsecretsManagerConfiguration:\n  parameters:\n";
    for text in ["", "---\n", "# nothing\n", sections] {
        let settings = load(text, &[]).unwrap();
        assert_eq!(settings.server.host, "0.0.0.0", "{text:?}");
        assert_eq!(settings.secrets_manager.provider, Some(SecretsManager::Db));
        assert_eq!(settings.fernet.key, FernetKey::NotSet);
        assert_eq!(settings.jwt.key_id, None);
    }
}
