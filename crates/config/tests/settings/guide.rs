//! The snippets of the guide, as they stand.

use std::path::Path;

use strongroom_config::{FolderSettings, SecretsManager, SecretsManagerLoader};
use strongroom_secrets::SecretValue;

use crate::{assert_error, load};

const DEFAULT_CREDENTIAL: &str = include_str!("../fixtures/guide-default-credential.yaml");
const CLIENT_SECRET: &str = include_str!("../fixtures/guide-client-secret.yaml");

#[test]
fn the_default_credential_needs_a_vault_only() {
    let settings = load(DEFAULT_CREDENTIAL, &[("OM_SM_VAULT_NAME", "contoso")]).unwrap();
    let manager = settings.secrets_manager;
    assert_eq!(manager.provider, Some(SecretsManager::ManagedAzureKv));
    assert_eq!(manager.azure.vault_name.as_deref(), Some("contoso"));
    assert_eq!(
        (manager.azure.client_id, manager.azure.client_secret, manager.azure.tenant_id),
        (None, None, None)
    );
    assert_eq!((manager.prefix.as_str(), manager.tags.len()), ("", 0));
    assert_eq!(settings.pipeline.secrets_manager_loader, SecretsManagerLoader::Airflow);
    assert_eq!(settings.warnings, Vec::<String>::new());
}

#[test]
fn the_client_secret_comes_from_its_variables() {
    let settings = load(
        CLIENT_SECRET,
        &[
            ("SECRET_MANAGER_PREFIX", "acme"),
            ("SECRET_MANAGER_TAGS", "[team:data,url:https://x:1]"),
            ("OM_SM_VAULT_NAME", "contoso"),
            ("OM_SM_CLIENT_ID", "11111111-1111-1111-1111-111111111111"),
            ("OM_SM_CLIENT_SECRET", "s3~cr.et"),
            ("OM_SM_TENANT_ID", "adfs"),
            ("PIPELINE_SERVICE_CLIENT_SECRETS_MANAGER_LOADER", "env"),
        ],
    )
    .unwrap();
    let manager = settings.secrets_manager;
    assert_eq!(manager.prefix, "acme");
    assert_eq!(
        manager.tags,
        [("team".to_owned(), "data".to_owned()), ("url".to_owned(), "https://x:1".to_owned())]
    );
    assert_eq!(manager.azure.client_id.as_deref(), Some("11111111-1111-1111-1111-111111111111"));
    assert_eq!(manager.azure.client_secret, Some(SecretValue::new("s3~cr.et")));
    assert_eq!(manager.azure.tenant_id.as_deref(), Some("adfs"));
    assert_eq!(settings.pipeline.secrets_manager_loader, SecretsManagerLoader::Env);
}

#[test]
fn without_a_vault_the_error_names_the_key_and_the_variable() {
    for text in [DEFAULT_CREDENTIAL, CLIENT_SECRET] {
        for variables in [&[][..], &[("OM_SM_VAULT_NAME", "")], &[("OM_SM_VAULT_NAME", "\"\"")]] {
            assert_error(
                load(text, variables),
                Some(3),
                Some("secretsManagerConfiguration.secretsManager"),
                &["managed-azure-kv", "vaultName", "OM_SM_VAULT_NAME"],
            );
        }
    }
}

#[test]
fn a_variable_that_is_not_set_and_has_no_default_is_named() {
    let text = CLIENT_SECRET.replace("${OM_SM_VAULT_NAME:-\"\"}", "${OM_SM_VAULT_NAME}");
    assert_error(
        load(&text, &[]),
        Some(11),
        Some("secretsManagerConfiguration.parameters.vaultName"),
        &["OM_SM_VAULT_NAME is not set"],
    );
    let text = CLIENT_SECRET.replace("${SECRET_MANAGER_TAGS:-[]}", "${SECRET_MANAGER_TAGS}");
    let key = Some("secretsManagerConfiguration.tags");
    assert_error(load(&text, &[]), Some(5), key, &["SECRET_MANAGER_TAGS is not set"]);
    let text = CLIENT_SECRET.replace("${SECRET_MANAGER_TAGS:-[]}", "[a:b, '${MY_TAG}']");
    let key = Some("secretsManagerConfiguration.tags[1]");
    assert_error(load(&text, &[("OM_SM_VAULT_NAME", "v")]), Some(5), key, &["MY_TAG is not set"]);
}

#[test]
fn a_default_in_a_default_is_not_nested_and_said_so() {
    let text = CLIENT_SECRET.replace("${OM_SM_VAULT_NAME:-\"\"}", "${OM_SM_VAULT_NAME:-${VAULT}}");
    let key = Some("secretsManagerConfiguration.parameters.vaultName");
    assert_error(load(&text, &[("VAULT", "v")]), Some(11), key, &["VAULT"]);
}

#[test]
fn azure_kv_needs_a_vault_and_db_needs_nothing() {
    let text = DEFAULT_CREDENTIAL.replace("managed-azure-kv", "azure-kv");
    let key = Some("secretsManagerConfiguration.secretsManager");
    assert_error(
        load(&text, &[]),
        Some(3),
        key,
        &["azure-kv needs a vault", "vaultName", "OM_SM_VAULT_NAME"],
    );
    let settings = load(&text, &[("OM_SM_VAULT_URL", "https://v1.vault.localhost:8443/")]).unwrap();
    assert_eq!(settings.secrets_manager.provider, Some(SecretsManager::AzureKv));
    for name in ["db", "noop", "NOOP", "Db"] {
        let text = DEFAULT_CREDENTIAL.replace("managed-azure-kv", name);
        assert_eq!(load(&text, &[]).unwrap().secrets_manager.provider, Some(SecretsManager::Db));
    }
}

#[test]
fn the_name_of_a_secrets_manager_is_taken_in_any_case() {
    for (name, manager) in [
        ("Managed-Azure-KV", SecretsManager::ManagedAzureKv),
        ("AZURE-KV", SecretsManager::AzureKv),
        ("In-Memory", SecretsManager::InMemory),
        ("Managed-File", SecretsManager::ManagedFile),
    ] {
        let text = DEFAULT_CREDENTIAL.replace("managed-azure-kv", name);
        let settings = load(&text, &[("OM_SM_VAULT_NAME", "v")]).unwrap();
        assert_eq!(settings.secrets_manager.provider, Some(manager));
    }
    // Only its own vault is told to the ingestion, in the one spelling that it knows.
    assert_eq!(SecretsManager::AzureKv.as_str(), "azure-kv");
}

#[test]
fn a_folder_of_files_needs_nothing_and_takes_a_place_and_a_key() {
    let file = |parameters: &str| {
        format!(
            "secretsManagerConfiguration:\n  secretsManager: managed-file\n  parameters: {{{parameters}}}"
        )
    };
    let usual = load(&file(""), &[]).unwrap().secrets_manager;
    assert_eq!(usual.provider, Some(SecretsManager::ManagedFile));
    assert_eq!(usual.folder, FolderSettings::default());

    let placed = load(&file("folder: /data/secrets, keyFile: /run/key"), &[]).unwrap().secrets_manager.folder;
    assert_eq!(placed.folder.unwrap(), Path::new("/data/secrets"));
    assert_eq!((placed.key_file.unwrap().as_path(), placed.key), (Path::new("/run/key"), None));

    let variables = [("OM_SM_FOLDER", "secrets"), ("OM_SM_FOLDER_KEY", "a2V5")];
    let given = load(&file(""), &variables).unwrap().secrets_manager.folder;
    assert_eq!(given.key, Some(SecretValue::new("a2V5")));
    assert!(!format!("{given:?}").contains("a2V5"));

    // A key file is named, not read: whoever uses it looks at its mode.
    let named = load(&file(""), &[("OM_SM_FOLDER_KEY_FILE", "/does/not/exist")]).unwrap();
    assert_eq!(named.secrets_manager.folder.key_file.unwrap(), Path::new("/does/not/exist"));

    assert_error(
        load(&file("keyFile: /run/key, key: hunter2"), &[]),
        Some(3),
        Some("secretsManagerConfiguration.parameters.key"),
        &["keyFile", "keep one of the two"],
    );
}
