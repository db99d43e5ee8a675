//! `secretsManagerConfiguration`: which vault holds the secrets, and how it is reached.

mod folder;
mod kinds;

use std::path::PathBuf;

pub use folder::FolderSettings;
pub(crate) use kinds::read as provider;
pub use kinds::{SecretsManager, VaultKind};
use strongroom_secrets::SecretValue;

use crate::error::ConfigError;
use crate::found::Found;
use crate::section::{Keys, Section};

/// Key Vault stores 15 tags with a secret; five are kept for Strongroom's own.
const MAX_TAGS: usize = 10;

/// The longest name and value of a tag in Key Vault, in characters.
const MAX_TAG_CHARS: usize = 256;

/// Which vault holds the secrets, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretsManagerSettings {
    /// Which secrets manager. None only where there is neither a file nor a variable that says so: the embedded vault.
    pub provider: Option<SecretsManager>,
    /// What stands before the cluster name in the names of secrets; empty: nothing.
    pub prefix: String,
    /// The user's tags for each secret that is made, at most 10, in the order of the file.
    pub tags: Vec<(String, String)>,
    /// How an Azure Key Vault is reached. Read whatever the provider is; checked if it is one of Azure's.
    pub azure: AzureKeyVaultSettings,
    /// The folder of encrypted files, whatever the provider is.
    pub folder: FolderSettings,
}

/// How an Azure Key Vault is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AzureKeyVaultSettings {
    /// The vault's name; its address is `https://<name>.vault.azure.net` unless [`Self::vault_url`] is set.
    pub vault_name: Option<String>,
    /// The vault's address, for another cloud or another server.
    pub vault_url: Option<String>,
    /// A file of certificates (PEM) to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Where tokens are asked for; none: the public cloud.
    pub authority_host: Option<String>,
    /// The application's id. None: the default credential chain.
    pub client_id: Option<String>,
    /// The application's secret.
    pub client_secret: Option<SecretValue>,
    /// The directory's id.
    pub tenant_id: Option<String>,
}

const SECRETS_MANAGER: Keys =
    Keys { ours: &["secretsManager", "prefix", "tags", "parameters"], others: &[], open: false };

/// A free map in the reference, so a key that nobody knows is left alone.
const PARAMETERS: Keys = Keys {
    ours: &[
        "vaultName",
        "vaultUrl",
        "caFile",
        "authorityHost",
        "clientId",
        "clientSecret",
        "tenantId",
        "folder",
        "keyFile",
        "key",
    ],
    others: &[
        "accessKeyId",
        "enabled",
        "inCluster",
        "kubeconfigPath",
        "namespace",
        "projectId",
        "region",
        "secretAccessKey",
    ],
    open: true,
};

pub(crate) fn read(root: &Section<'_>, has_file: bool) -> Result<SecretsManagerSettings, ConfigError> {
    let section = root.section("secretsManagerConfiguration", &SECRETS_MANAGER)?;
    let named = section.text("secretsManager", &["SECRET_MANAGER"])?;
    let provider = match &named {
        Some(found) => Some(kinds::read(found)?),
        None => has_file.then_some(SecretsManager::Db),
    };
    let prefix = section.text("prefix", &["SECRET_MANAGER_PREFIX"])?;
    let tags = section.list("tags", &["SECRET_MANAGER_TAGS"])?.unwrap_or_default();
    let parameters = section.section("parameters", &PARAMETERS)?;
    let azure = azure(&parameters)?;
    let vault = provider.and_then(SecretsManager::vault);
    if let (Some(VaultKind::AzureKeyVault), Some(named)) = (vault, &named) {
        check_azure(&azure, named, &parameters)?;
    }
    Ok(SecretsManagerSettings {
        provider,
        prefix: prefix.map(Found::into_text).unwrap_or_default(),
        tags: read_tags(&tags)?,
        azure,
        folder: folder::read(&parameters)?,
    })
}

fn check_azure(
    azure: &AzureKeyVaultSettings,
    named: &Found,
    parameters: &Section<'_>,
) -> Result<(), ConfigError> {
    if azure.vault_name.is_none() && azure.vault_url.is_none() {
        return Err(named
            .fault(format!("{} needs a vault, but there is no vaultName", named.text()))
            .hint(format!(
                "set {} or OM_SM_VAULT_NAME to the name of the Key Vault (or vaultUrl, OM_SM_VAULT_URL, to its address)",
                parameters.path_of("vaultName")
            )));
    }
    check_client_secret(parameters)
}

/// A client secret needs all of its three parts. With none of them, the default chain of credentials is meant.
fn check_client_secret(parameters: &Section<'_>) -> Result<(), ConfigError> {
    let parts = [
        ("tenantId", "OM_SM_TENANT_ID", parameters.text("tenantId", &["OM_SM_TENANT_ID"])?),
        ("clientId", "OM_SM_CLIENT_ID", parameters.text("clientId", &["OM_SM_CLIENT_ID"])?),
        ("clientSecret", "OM_SM_CLIENT_SECRET", parameters.secret("clientSecret", &["OM_SM_CLIENT_SECRET"])?),
    ];
    let Some(given) = parts.iter().find_map(|(.., found)| found.as_ref()) else { return Ok(()) };
    let missing: Vec<_> = parts.iter().filter(|(.., found)| found.is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> = missing.iter().map(|(key, ..)| *key).collect();
    let variables: Vec<_> = missing.iter().map(|(_, variable, _)| *variable).collect();
    Err(given.fault(format!("the client secret is incomplete: {} is not set", keys.join(" and "))).hint(
        format!(
            "set {}, or leave tenantId, clientId and clientSecret all out to sign in as the environment says",
            variables.join(" and ")
        ),
    ))
}

fn azure(parameters: &Section<'_>) -> Result<AzureKeyVaultSettings, ConfigError> {
    let text = |key: &str, variables: &[&str]| -> Result<Option<String>, ConfigError> {
        Ok(parameters.text(key, variables)?.map(Found::into_text))
    };
    let address =
        |key: &str, variables: &[&str]| parameters.text(key, variables)?.as_ref().map(address).transpose();
    Ok(AzureKeyVaultSettings {
        vault_name: parameters.text("vaultName", &["OM_SM_VAULT_NAME"])?.map(vault_name).transpose()?,
        vault_url: address("vaultUrl", &["OM_SM_VAULT_URL"])?,
        ca_file: text("caFile", &["OM_SM_CA_FILE"])?.map(PathBuf::from),
        authority_host: address("authorityHost", &["OM_SM_AUTHORITY_HOST", "AZURE_AUTHORITY_HOST"])?,
        client_id: text("clientId", &["OM_SM_CLIENT_ID"])?,
        client_secret: parameters.secret("clientSecret", &["OM_SM_CLIENT_SECRET"])?.map(Found::into_secret),
        tenant_id: text("tenantId", &["OM_SM_TENANT_ID"])?,
    })
}

/// The name becomes part of a host name, so nothing may stand in it that leads elsewhere.
fn vault_name(found: Found) -> Result<String, ConfigError> {
    if found.text().chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Ok(found.into_text());
    }
    Err(found
        .fault("the name of a vault has only letters, digits and -")
        .hint("give the name alone; a whole address belongs in vaultUrl (OM_SM_VAULT_URL)"))
}

/// `https://host` or `https://host:port`. A bare host is completed, as Azure's own clients do, and a slash at the end dropped.
fn address(found: &Found) -> Result<String, ConfigError> {
    let host = match found.text().split_once("://") {
        Some(("https", host)) => host,
        None => found.text(),
        Some(_) => return Err(found.fault("the address must begin with https://")),
    };
    let host = host.trim_end_matches('/');
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if host.is_empty() || host.ends_with(':') || !host.chars().all(allowed) {
        return Err(found
            .fault("the address must be a host, with a port if need be")
            .hint("as in https://v1.vault.localhost:8443"));
    }
    Ok(format!("https://{host}"))
}

/// Reads `key:value` entries. The first colon divides; later ones belong to the value.
fn read_tags(entries: &[Found]) -> Result<Vec<(String, String)>, ConfigError> {
    const FORM: &str = "write [key1:value1,key2:value2], at most 10 tags";
    let mut tags: Vec<(String, String)> = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some((name, value)) = entry.text().split_once(':') else {
            return Err(entry.fault("the tag has no colon").hint(FORM));
        };
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() {
            return Err(entry.fault("the tag has no key before its colon").hint(FORM));
        }
        if name.chars().count() > MAX_TAG_CHARS || value.chars().count() > MAX_TAG_CHARS {
            return Err(
                entry.fault(format!("a tag's key and value hold at most {MAX_TAG_CHARS} characters each"))
            );
        }
        if tags.iter().any(|(known, _)| known == name) {
            return Err(entry.fault("the tag has the same key as one before it"));
        }
        tags.push((name.to_owned(), value.to_owned()));
    }
    match entries.get(MAX_TAGS) {
        Some(first) => Err(first.fault(format!("there are {} tags", entries.len())).hint(format!(
            "at most {MAX_TAGS}: Key Vault stores 15 with a secret, and Strongroom adds its own"
        ))),
        None => Ok(tags),
    }
}
