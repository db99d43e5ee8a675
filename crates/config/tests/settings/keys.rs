//! The rules of single keys.

use std::path::Path;

use strongroom_config::{FernetKey, Settings};
use strongroom_secrets::SecretValue;
use tempfile::TempDir;

use crate::{assert_error, load, write};

fn fernet(key: &str) -> Settings {
    load(&format!("fernetConfiguration: {{fernetKey: '{key}'}}"), &[]).unwrap()
}

#[test]
fn what_looks_like_a_number_or_a_boolean_stays_a_text() {
    for text in ["0123", "1e5", "yes", "007", "0x10", "true", "1_0"] {
        let file = format!(
            "clusterName: {text}\nsecretsManagerConfiguration:\n  parameters:\n    clientSecret: {text}\n    tenantId: {text}"
        );
        let settings = load(&file, &[]).unwrap();
        assert_eq!(settings.cluster_name, text);
        assert_eq!(settings.secrets_manager.azure.client_secret, Some(SecretValue::new(text)));
        assert_eq!(settings.secrets_manager.azure.tenant_id.as_deref(), Some(text));
    }
    let file =
        "secretsManagerConfiguration:\n  secretsManager: managed-azure-kv\n  parameters: {vaultName: 0123}";
    assert_eq!(load(file, &[]).unwrap().secrets_manager.azure.vault_name.as_deref(), Some("0123"));
}

#[test]
fn sqlite_urls_name_a_file() {
    for (url, path) in [
        ("sqlite:metastore.db", "metastore.db"),
        ("sqlite:/srv/m.db", "/srv/m.db"),
        ("sqlite:///srv/m.db", "/srv/m.db"),
        ("sqlite:./a b/m.db", "./a b/m.db"),
    ] {
        let settings = load(&format!("database:\n  url: {url}"), &[]).unwrap();
        assert_eq!((settings.database.file(), settings.database.configured), (Some(Path::new(path)), true));
    }
}

#[test]
fn other_urls_are_refused_without_being_shown() {
    for url in [
        "jdbc:oracle://u:hunter2@h/d",
        "postgres://u:hunter2@h/d",
        "sqlite:",
        "sqlite:m.db?key=hunter2",
        "hunter2",
    ] {
        let result = load(&format!("database:\n  url: '{url}'"), &[]);
        assert!(!result.clone().unwrap_err().to_string().contains("hunter2"));
        assert_error(
            result,
            Some(2),
            Some("database.url"),
            &["sqlite:PATH", "leave the database section out"],
        );
    }
}

#[test]
fn a_database_section_without_a_url_is_warned_of() {
    let settings = load("database: {user: x, password: y}", &[]).unwrap();
    assert_eq!(settings.database.file(), Some(Path::new("data/metastore.db")));
    assert_eq!(settings.warnings.len(), 1);
}

#[test]
fn the_public_fernet_key_is_found_among_several_in_any_base64() {
    for key in [
        "jJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=",
        "jJ_9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA",
        "other, jJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=",
    ] {
        assert!(fernet(key).fernet.is_public_default, "{key}");
    }
    assert!(!fernet("mJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=").fernet.is_public_default);
}

#[test]
fn encryption_can_be_switched_off() {
    assert_eq!(fernet("no_encryption_at_rest").fernet.key, FernetKey::NoEncryption);
    assert_eq!(
        load("", &[("FERNET_KEY", "no_encryption_at_rest")]).unwrap().fernet.key,
        FernetKey::NoEncryption
    );
}

#[test]
fn a_key_pair_needs_both_files() {
    let folder = TempDir::new().unwrap();
    let (public, private) = (write(&folder, "public.der", "p"), write(&folder, "private.der", "q"));
    let (public, private) = (public.to_str().unwrap(), private.to_str().unwrap());
    let settings =
        load("", &[("RSA_PUBLIC_KEY_FILE_PATH", public), ("RSA_PRIVATE_KEY_FILE_PATH", private)]).unwrap();
    let pair = settings.jwt.key_pair.unwrap();
    assert_eq!((pair.public.as_path(), pair.private.as_path()), (Path::new(public), Path::new(private)));
    assert!(!settings.jwt.is_public_default);
    let only_public = load("", &[("RSA_PUBLIC_KEY_FILE_PATH", public)]);
    assert_error(
        only_public,
        None,
        Some("jwtTokenConfiguration.rsapublicKeyFilePath"),
        &["the private key", "rsaprivateKeyFilePath"],
    );
    let only_private = load("", &[("RSA_PRIVATE_KEY_FILE_PATH", private)]);
    assert_error(
        only_private,
        None,
        Some("jwtTokenConfiguration.rsaprivateKeyFilePath"),
        &["the public key"],
    );
}

#[test]
fn a_default_key_path_without_a_file_counts_as_not_set() {
    for folder in ["./conf", "conf", "././conf"] {
        let text = format!(
            "jwtTokenConfiguration:\n  rsapublicKeyFilePath: {folder}/public_key.der\n  rsaprivateKeyFilePath: {folder}/private_key.der"
        );
        assert_eq!(load(&text, &[]).unwrap().jwt.key_pair, None, "{folder}");
    }
    let text = "jwtTokenConfiguration:\n  rsapublicKeyFilePath: /nowhere/public_key.der";
    let key = Some("jwtTokenConfiguration.rsapublicKeyFilePath");
    assert_error(load(text, &[]), Some(2), key, &["does not exist", "leave the key out"]);
}

#[test]
fn tags_are_divided_at_their_first_colon() {
    let tags = |list: &str| {
        load(&format!("secretsManagerConfiguration:\n  tags: {list}"), &[]).unwrap().secrets_manager.tags
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(tags("[k1:v1,k2:v2]"), [pair("k1", "v1"), pair("k2", "v2")]);
    assert_eq!(tags("[\"url:https://x:8443/y\"]"), [pair("url", "https://x:8443/y")]);
    assert_eq!(tags("['empty:']"), [pair("empty", "")]);
    assert_eq!(tags("\n    - a:b\n    - c:1e5"), [pair("a", "b"), pair("c", "1e5")]);
    assert_eq!(tags("[a:1,b:2,c:3,d:4,e:5,f:6,g:7,h:8,i:9,j:10]").len(), 10);
}

#[test]
fn malformed_tags_are_refused_without_being_shown() {
    let long = format!("[a:b, hunter2:{}]", "x".repeat(257));
    for (list, entry, says) in [
        ("[a:b, hunter2]", "[1]", "no colon"),
        ("[a:b, ':hunter2']", "[1]", "no key"),
        ("[a:b, hunter2: c]", "[1]", "must be a text, not a mapping"),
        ("[a:b, a:hunter2]", "[1]", "same key"),
        ("[[hunter2:x]]", "[0]", "must be a text, not a list"),
        ("hunter2:v1", "", "must be a list, not a text"),
        ("{hunter2: v1}", "", "must be a list, not a mapping"),
        ("[a:1,b:2,c:3,d:4,e:5,f:6,g:7,h:8,i:9,j:0,hunter2:1]", "[10]", "at most 10"),
        (&long, "[1]", "256 characters"),
    ] {
        let key = format!("secretsManagerConfiguration.tags{entry}");
        let in_file = load(&format!("secretsManagerConfiguration:\n  tags: {list}"), &[]);
        assert!(!in_file.clone().unwrap_err().to_string().contains("hunter2"), "{list}");
        assert_error(in_file, Some(2), Some(&key), &[says]);
        let in_variable = load("", &[("SECRET_MANAGER_TAGS", list)]);
        assert!(!in_variable.clone().unwrap_err().to_string().contains("hunter2"), "{list}");
        assert_error(in_variable, None, Some(&key), &["environment variable SECRET_MANAGER_TAGS"]);
    }
}

#[test]
fn addresses_are_https_hosts() {
    let url = |url: &str| {
        load(&format!("secretsManagerConfiguration:\n  parameters:\n    vaultUrl: '{url}'"), &[])
            .map(|settings| settings.secrets_manager.azure.vault_url.unwrap())
    };
    assert_eq!(url("https://v1.vault.localhost:8443/").unwrap(), "https://v1.vault.localhost:8443");
    assert_eq!(url("v1.vault.azure.net").unwrap(), "https://v1.vault.azure.net");
    assert_eq!(url("https://[::1]:1").unwrap(), "https://[::1]:1");
    for wrong in ["http://v1", "https://", "https://u:hunter2@h", "https://h/secrets/x", "ftp://h", "a b"] {
        assert!(url(wrong).unwrap_err().to_string().contains("the address must"), "{wrong}");
    }
}

#[test]
fn the_name_of_a_vault_is_no_address() {
    for name in ["https://v1.vault.azure.net", "v1.vault.azure.net", "v/1", "v 1"] {
        let result = load("", &[("OM_SM_VAULT_NAME", name)]);
        assert_error(result, None, Some("secretsManagerConfiguration.parameters.vaultName"), &["vaultUrl"]);
    }
}

#[test]
fn half_of_a_client_secret_is_an_error_that_names_the_rest() {
    let parameters = "secretsManagerConfiguration.parameters";
    for (given, at, says) in [
        (
            "clientSecret: hunter2",
            "clientSecret",
            &["tenantId and clientId", "OM_SM_TENANT_ID and OM_SM_CLIENT_ID"],
        ),
        ("clientId: c, clientSecret: hunter2", "clientId", &["tenantId is not set", "set OM_SM_TENANT_ID"]),
        ("tenantId: t, clientSecret: hunter2", "tenantId", &["clientId is not set", "set OM_SM_CLIENT_ID"]),
        (
            "tenantId: t, clientId: 1, clientSecret: ''",
            "tenantId",
            &["clientSecret is not set", "set OM_SM_CLIENT_SECRET"],
        ),
    ] {
        let file = format!(
            "secretsManagerConfiguration:\n  secretsManager: managed-azure-kv\n  parameters: {{vaultName: v, {given}}}"
        );
        let result = load(&file, &[]);
        assert!(!result.as_ref().unwrap_err().to_string().contains("hunter2"), "{given}");
        assert_error(result, Some(3), Some(&format!("{parameters}.{at}")), says);
        // The last third may come from anywhere.
        let all = [("OM_SM_TENANT_ID", "\"t\""), ("OM_SM_CLIENT_ID", "1"), ("OM_SM_CLIENT_SECRET", "\"s\"")];
        let azure = load(&file, &all).unwrap().secrets_manager.azure;
        assert!(azure.tenant_id.is_some() && azure.client_id.is_some() && azure.client_secret.is_some());
        assert_eq!(azure.tenant_id.as_deref(), Some("t"));
    }
}

#[test]
fn administrators_may_bring_a_password() {
    let text = "authorizerConfiguration: {adminPrincipals: [ann, 'bob:pa:ss w', \" carl \"]}";
    let admins = load(text, &[]).unwrap().authorizer.admin_principals;
    assert_eq!(admins.iter().map(|admin| admin.name.as_str()).collect::<Vec<_>>(), ["ann", "bob", "carl"]);
    assert_eq!(admins[1].password, Some(SecretValue::new("pa:ss w")));
    for entry in ["':hunter2'", "'hunter2:'", "hunter2: x"] {
        let result = load(&format!("authorizerConfiguration: {{adminPrincipals: [{entry}]}}"), &[]);
        assert!(!result.clone().unwrap_err().to_string().contains("hunter2"));
        assert_error(result, Some(1), Some("authorizerConfiguration.adminPrincipals[0]"), &[]);
    }
}

#[test]
fn one_plain_connector_is_used() {
    let settings = load("server: {applicationConnectors: [{port: 1}, {port: 2}]}", &[]).unwrap();
    assert_eq!((settings.server.port, settings.warnings.len()), (1, 1));
    let text = "server:\n  applicationConnectors:\n    - type: https\n      keyStorePath: x";
    assert_error(
        load(text, &[]),
        Some(3),
        Some("server.applicationConnectors[0].type"),
        &["only plain HTTP"],
    );
}

#[test]
fn values_of_the_wrong_kind_are_refused() {
    for (text, key, says) in [
        ("clusterName: [a]", "clusterName", "must be a text, not a list"),
        ("server: x", "server", "must be a mapping, not a text"),
        (
            "server: {applicationConnectors: {port: 1}}",
            "server.applicationConnectors",
            "must be a list, not a mapping",
        ),
        ("server: {applicationConnectors: [x]}", "server.applicationConnectors[0]", "must be a mapping"),
        (
            "server: {applicationConnectors: [{port: x}]}",
            "server.applicationConnectors[0].port",
            "must be a port",
        ),
        ("server: {adminConnectors: [{port: 65536}]}", "server.adminConnectors[0].port", "must be a port"),
        (
            "authorizerConfiguration: {enforcePrincipalDomain: yes}",
            "authorizerConfiguration.enforcePrincipalDomain",
            "true or false",
        ),
        (
            "pipelineServiceClientConfiguration: {secretsManagerLoader: aws}",
            "pipelineServiceClientConfiguration.secretsManagerLoader",
            "noop, airflow or env",
        ),
        (
            "secretsManagerConfiguration: {secretsManager: managed-azurekv}",
            "secretsManagerConfiguration.secretsManager",
            "did you mean managed-azure-kv?",
        ),
        (
            "secretsManagerConfiguration: {secretsManager: vault}",
            "secretsManagerConfiguration.secretsManager",
            "there is no such secrets manager",
        ),
        (
            "secretsManagerConfiguration: {parameters: [a]}",
            "secretsManagerConfiguration.parameters",
            "must be a mapping, not a list",
        ),
    ] {
        assert_error(load(text, &[]), Some(1), Some(key), &[says]);
    }
}

#[test]
fn the_reference_s_other_secrets_managers_are_not_supported_yet() {
    for name in ["managed-aws", "aws", "managed-aws-ssm", "aws-ssm", "gcp", "Kubernetes", "managed-openbao"] {
        let key = Some("secretsManagerConfiguration.secretsManager");
        let says = [&format!("{} is not supported yet", name.to_lowercase()) as &str, "managed-azure-kv"];
        assert_error(
            load(&format!("secretsManagerConfiguration: {{secretsManager: {name}}}"), &[]),
            Some(1),
            key,
            &says,
        );
        assert_error(load("", &[("SECRET_MANAGER", name)]), None, key, &says);
    }
}
