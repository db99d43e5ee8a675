//! Variables take effect where the file leaves a key out or empty; a value in the file wins.

use std::path::Path;
use std::time::Duration;

use strongroom_config::{
    Environment, FernetKey, NamingChoice, SecretsManager, SecretsManagerLoader, Settings,
};
use strongroom_secrets::SecretValue;
use tempfile::TempDir;

use crate::{assert_error, load, without_file, write};

/// Every variable that is read directly, with a value that is not the default, and how it shows in the settings.
type Shows = fn(&Settings) -> String;
const VARIABLES: [(&str, &str, &str, Shows); 32] = [
    ("OPENMETADATA_CLUSTER_NAME", "om", "om", |s| s.cluster_name.clone()),
    ("SERVER_HOST", "::1", "::1 ::1", |s| format!("{} {}", s.server.host, s.server.admin_host)),
    ("SERVER_PORT", "1234", "1234", |s| s.server.port.to_string()),
    ("SERVER_ADMIN_PORT", "0", "0", |s| s.server.admin_port.to_string()),
    ("FERNET_KEY", "kkk", "kkk", |s| match &s.fernet.key {
        FernetKey::Keys(keys) => keys.expose().to_owned(),
        FernetKey::NotSet | FernetKey::NoEncryption => String::new(),
    }),
    ("JWT_ISSUER", "me", "me", |s| s.jwt.issuer.clone()),
    ("JWT_KEY_ID", "kid", "kid", |s| s.jwt.key_id.clone().unwrap_or_default()),
    ("AUTHORIZER_ADMIN_PRINCIPALS", "[ann]", "ann", |s| s.authorizer.admin_principals[0].name.clone()),
    ("AUTHORIZER_PRINCIPAL_DOMAIN", "acme.io", "acme.io", |s| s.authorizer.principal_domain.clone()),
    ("AUTHORIZER_ENFORCE_PRINCIPAL_DOMAIN", "true", "true", |s| {
        s.authorizer.enforce_principal_domain.to_string()
    }),
    ("AUTHORIZER_ALLOWED_DOMAINS", "[x.io,y.io]", "x.io y.io", |s| s.authorizer.allowed_domains.join(" ")),
    ("AUTHENTICATION_PROVIDER", "google", "google", |s| s.authentication.provider.clone()),
    ("AUTHENTICATION_CLIENT_TYPE", "confidential", "confidential", |s| s.authentication.client_type.clone()),
    ("AUTHENTICATION_PUBLIC_KEYS", "[http://k]", "http://k", |s| s.authentication.public_key_urls.join(" ")),
    ("AUTHENTICATION_JWT_PRINCIPAL_CLAIMS", "[sub]", "sub", |s| {
        s.authentication.jwt_principal_claims.join(" ")
    }),
    ("AUTHENTICATION_JWT_PRINCIPAL_CLAIMS_MAPPING", "['username:sub']", "username:sub", |s| {
        s.authentication.jwt_principal_claims_mapping.join(" ")
    }),
    ("AUTHENTICATION_ENABLE_SELF_SIGNUP", "FALSE", "false", |s| {
        s.authentication.enable_self_signup.to_string()
    }),
    ("SECRET_MANAGER_PREFIX", "acme", "acme", |s| s.secrets_manager.prefix.clone()),
    ("SECRET_MANAGER_TAGS", "[a:b]", "[(\"a\", \"b\")]", |s| format!("{:?}", s.secrets_manager.tags)),
    ("OM_SM_VAULT_NAME", "v1", "v1", |s| s.secrets_manager.azure.vault_name.clone().unwrap_or_default()),
    ("OM_SM_VAULT_URL", "https://v:1/", "https://v:1", |s| {
        s.secrets_manager.azure.vault_url.clone().unwrap_or_default()
    }),
    ("OM_SM_CA_FILE", "ca.pem", "ca.pem", |s| {
        s.secrets_manager.azure.ca_file.clone().unwrap_or_default().display().to_string()
    }),
    ("OM_SM_CLIENT_ID", "1", "1", |s| s.secrets_manager.azure.client_id.clone().unwrap_or_default()),
    ("OM_SM_CLIENT_SECRET", "a #b: c", "a #b: c", |s| {
        s.secrets_manager.azure.client_secret.clone().unwrap_or_default().expose().to_owned()
    }),
    ("OM_SM_TENANT_ID", "t", "t", |s| s.secrets_manager.azure.tenant_id.clone().unwrap_or_default()),
    ("PIPELINE_SERVICE_CLIENT_SECRETS_MANAGER_LOADER", "airflow", "airflow", |s| {
        s.pipeline.secrets_manager_loader.as_str().to_owned()
    }),
    ("SERVER_HOST_API_URL", "http://om/api", "http://om/api", |s| s.pipeline.metadata_api_endpoint.clone()),
    ("STRONGROOM_NAMING", "guide", "Some(Guide)", |s| format!("{:?}", s.strongroom.naming)),
    ("STRONGROOM_REFERENCES", "wrapped", "true", |s| s.strongroom.wrapped_references.to_string()),
    ("STRONGROOM_INTENTS_LEASE_SECONDS", "61", "61s", |s| format!("{:?}", s.strongroom.intent_lease)),
    ("STRONGROOM_INTENTS_CALL_TIMEOUT_SECONDS", "0.5", "500ms", |s| {
        format!("{:?}", s.strongroom.call_timeout)
    }),
    ("STRONGROOM_ADMIN_PASSWORD", "pw", "pw", |s| {
        s.strongroom.admin_password.clone().unwrap_or_default().expose().to_owned()
    }),
];

/// All keys that have a variable, left empty in the ways that a file can.
const EMPTY: &str = "
clusterName: ''
server: {applicationConnectors: [{type: http, bindHost: , port: ''}], adminConnectors: []}
fernetConfiguration: {fernetKey: }
jwtTokenConfiguration: {jwtissuer: '', keyId: ~}
authorizerConfiguration: {adminPrincipals: [], principalDomain: '', enforcePrincipalDomain: , allowedDomains: ''}
authenticationConfiguration: {provider: , clientType: '', publicKeyUrls: [], jwtPrincipalClaims: [''], enableSelfSignup: }
secretsManagerConfiguration:
  secretsManager:
  prefix: ''
  tags: []
  parameters: {vaultName: '', vaultUrl: , caFile: ~, authorityHost: '', clientId: '', clientSecret: '', tenantId: ''}
pipelineServiceClientConfiguration: {secretsManagerLoader: '', metadataApiEndpoint: }
strongroom: {naming: , intents: {leaseSeconds: '', callTimeoutSeconds: }, admin: {password: ''}, dataDir: ''}
";

#[test]
fn a_variable_counts_where_the_file_has_nothing() {
    for (name, value, wanted, shows) in VARIABLES {
        assert_ne!(shows(&load("", &[]).unwrap()), wanted, "{name} is tried with its default");
        for text in ["", EMPTY] {
            assert_eq!(shows(&load(text, &[(name, value)]).unwrap()), wanted, "{name}");
        }
        assert_eq!(shows(&without_file(&[(name, value)]).unwrap()), wanted, "{name}");
    }
}

#[test]
fn quotes_that_helm_adds_are_taken_off() {
    for (name, value, wanted, shows) in VARIABLES {
        let quoted = format!("\"{value}\"");
        assert_eq!(shows(&load("", &[(name, &quoted)]).unwrap()), wanted, "{name}");
    }
    let settings = without_file(&[("OM_SM_CLIENT_SECRET", r#""a\"b\\c""#)]).unwrap();
    assert_eq!(settings.secrets_manager.azure.client_secret, Some(SecretValue::new(r#"a"b\c"#)));
    let settings = without_file(&[("OM_SM_CLIENT_SECRET", r#"a"b\c"#)]).unwrap();
    assert_eq!(settings.secrets_manager.azure.client_secret, Some(SecretValue::new(r#"a"b\c"#)));
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let defaults = load("", &[]).unwrap();
    for (name, ..) in VARIABLES {
        for empty in ["", "\"\""] {
            let settings = load("", &[(name, empty)]).unwrap();
            assert_eq!(
                Settings { file: None, ..settings },
                Settings { file: None, ..defaults.clone() },
                "{name}"
            );
        }
    }
}

#[test]
fn a_value_in_the_file_wins() {
    let text = "
clusterName: mine
server: {applicationConnectors: [{bindHost: 10.0.0.1, port: 1}], adminConnectors: [{bindHost: 10.0.0.2, port: 2}]}
fernetConfiguration: {fernetKey: mine}
secretsManagerConfiguration:
  secretsManager: db
  prefix: mine
  tags: [mine:1]
  parameters: {vaultName: mine, clientId: mine, clientSecret: mine, tenantId: mine}
strongroom: {naming: openmetadata, admin: {password: mine}}
";
    let others = [
        ("SECRET_MANAGER", "managed-azure-kv"),
        ("OPENMETADATA_CLUSTER_NAME", "x"),
        ("SERVER_HOST", "x"),
        ("SERVER_PORT", "9"),
        ("SERVER_ADMIN_PORT", "9"),
        ("FERNET_KEY", "x"),
        ("FERNET_KEY_FILE", "/nowhere"),
        ("SECRET_MANAGER_PREFIX", "x"),
        ("SECRET_MANAGER_TAGS", "[x:1]"),
        ("OM_SM_VAULT_NAME", "x"),
        ("OM_SM_CLIENT_ID", "x"),
        ("OM_SM_CLIENT_SECRET", "x"),
        ("OM_SM_TENANT_ID", "x"),
        ("STRONGROOM_NAMING", "guide"),
        ("STRONGROOM_ADMIN_PASSWORD", "x"),
    ];
    let with = load(text, &others).unwrap();
    assert_eq!(Settings { file: None, ..with.clone() }, Settings { file: None, ..load(text, &[]).unwrap() });
    assert_eq!(with.secrets_manager.provider, Some(SecretsManager::Db));
    assert_eq!((with.server.host.as_str(), with.server.admin_host.as_str()), ("10.0.0.1", "10.0.0.2"));
    assert_eq!(with.strongroom.naming, Some(NamingChoice::Openmetadata));
}

#[test]
fn the_database_variables_alone_make_no_database() {
    let settings =
        load("", &[("DB_HOST", "db"), ("DB_SCHEME", "postgresql"), ("DB_USER_PASSWORD", "x")]).unwrap();
    assert!(!settings.database.configured);
}

#[test]
fn the_authority_comes_from_its_own_variable_before_azure_s() {
    let host = |variables: &[_]| without_file(variables).unwrap().secrets_manager.azure.authority_host;
    let (ours, azures) =
        (("OM_SM_AUTHORITY_HOST", "https://login.x:1/"), ("AZURE_AUTHORITY_HOST", "login.y"));
    assert_eq!(host(&[ours, azures]).as_deref(), Some("https://login.x:1"));
    assert_eq!(host(&[azures]).as_deref(), Some("https://login.y"));
    assert_eq!(host(&[]), None);
}

#[test]
fn without_a_file_the_vault_is_embedded_unless_a_variable_names_one() {
    let settings = without_file(&[]).unwrap();
    assert_eq!((settings.file, settings.secrets_manager.provider), (None, None));
    assert_eq!((settings.server.host.as_str(), settings.server.port), ("127.0.0.1", 8585));
    assert_eq!(settings.data_dir, Path::new("strongroom-data"));
    assert_eq!(settings.database.file(), Some(Path::new("strongroom-data/metastore.db")));
    assert_eq!(settings.pipeline.secrets_manager_loader, SecretsManagerLoader::Noop);
    let settings =
        without_file(&[("SECRET_MANAGER", "\"managed-azure-kv\""), ("OM_SM_VAULT_NAME", "v")]).unwrap();
    assert_eq!(settings.secrets_manager.provider, Some(SecretsManager::ManagedAzureKv));
    assert_error(
        without_file(&[("SECRET_MANAGER", "azure-kv")]),
        None,
        Some("secretsManagerConfiguration.secretsManager"),
        &["environment variable SECRET_MANAGER", "OM_SM_VAULT_NAME"],
    );
}

#[test]
fn a_secret_can_come_from_a_file_that_a_variable_names() {
    let folder = TempDir::new().unwrap();
    let secret = write(&folder, "secret", "s3 #${HOME}\r\n");
    let secret = secret.to_str().unwrap();
    for text in ["", include_str!("../fixtures/openmetadata.yaml")] {
        let settings = load(
            text,
            &[
                ("FERNET_KEY_FILE", secret),
                ("OM_SM_CLIENT_SECRET_FILE", secret),
                ("STRONGROOM_ADMIN_PASSWORD_FILE", secret),
            ],
        )
        .unwrap();
        let wanted = SecretValue::new("s3 #${HOME}");
        assert_eq!(settings.fernet.key, FernetKey::Keys(wanted.clone()));
        assert!(!settings.fernet.is_public_default);
        assert_eq!(settings.secrets_manager.azure.client_secret, Some(wanted.clone()));
        assert_eq!(settings.strongroom.admin_password, Some(wanted));
    }
    let settings = load("", &[("FERNET_KEY", "direct"), ("FERNET_KEY_FILE", secret)]).unwrap();
    assert_eq!(settings.fernet.key, FernetKey::Keys(SecretValue::new("direct")));
}

#[test]
fn a_secret_file_that_cannot_be_used_is_an_error() {
    let folder = TempDir::new().unwrap();
    let (empty, large) = (write(&folder, "empty", "\n"), write(&folder, "large", vec![b'x'; 70_000]));
    for (path, says) in [
        (folder.path().join("none"), "cannot be read"),
        (folder.path().to_owned(), "cannot be read"),
        (empty, "is empty"),
        (large, "larger than 65536 bytes"),
    ] {
        let variables = [("FERNET_KEY_FILE", path.to_str().unwrap())];
        let says = ["environment variable FERNET_KEY_FILE", says];
        assert_error(load("", &variables), None, Some("fernetConfiguration.fernetKey"), &says);
    }
}

#[test]
fn the_environment_shows_no_values() {
    let environment = Environment::from([("OM_SM_CLIENT_SECRET", "hunter2")]);
    assert_eq!(format!("{environment:?}"), "{\"OM_SM_CLIENT_SECRET\"}");
    let settings = Settings::load(None, &environment, None).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
    assert_eq!(settings.strongroom.call_timeout, Duration::from_secs(30));
}

#[test]
fn the_process_s_environment_is_read() {
    let environment = Environment::process();
    let path = std::env::var("PATH").unwrap();
    assert_eq!(environment.get("PATH"), Some(path.as_str()));
}
