//! From settings to a working secrets manager.

use std::sync::Arc;

use anyhow::{Context, Result};
use strongroom_config::{
    AzureKeyVaultSettings, DatabaseKind, DatabasePlace, DatabaseSettings, DatabaseTls, Environment,
    FernetKey, NamingChoice, SecretsManager, Settings,
};
use strongroom_entities::FernetKeys;
use strongroom_manager::naming::{Naming, NamingError, NamingScheme};
use strongroom_manager::{Keeping, Manager, Parts, Timing};
use strongroom_metastore::{Location, Metastore, Server, ServerKind, Tls, TlsMode};
use strongroom_secrets::azure::{AzureConfig, AzureProvider, ClientSecret, Credential, locate};
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::transport::Trust;
use strongroom_secrets::{Provider, SecretValue};

use crate::exit::Usage;
use crate::vaults;

/// Which keeping a provider's name stands for, with the vault that the settings describe.
pub(crate) fn keeping(
    provider: SecretsManager,
    settings: &Settings,
    environment: &Environment,
) -> Result<Keeping> {
    let vault = provider.vault().map(|kind| vaults::open(kind, settings, environment)).transpose()?;
    match vault {
        Some(vault) if provider.is_managed() => {
            let missing = vault.capabilities().missing_to_manage();
            if !missing.is_empty() {
                let message =
                    format!("secrets cannot be kept in the {vault}: it cannot {}", missing.join(", nor "));
                return Err(Usage(message).into());
            }
            Ok(Keeping::Managed(vault))
        }
        vault => Ok(Keeping::InDatabase(vault)),
    }
}

/// The Key Vault that the settings describe.
pub(crate) fn key_vault(settings: &Settings, environment: &Environment) -> Result<Arc<dyn Provider>> {
    let azure = &settings.secrets_manager.azure;
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    let (url, name) = (azure.vault_url.as_deref(), azure.vault_name.as_deref());
    if url.or(name).is_none() {
        return Err(Usage("parameters.vaultName is not set (OM_SM_VAULT_NAME)".to_owned()).into());
    }
    let (vault, authority) = locate(url, name, azure.authority_host.as_deref())
        .context("secretsManagerConfiguration.parameters: vaultName, vaultUrl, authorityHost")?;
    let mut config = AzureConfig::new(vault, credential(azure, &variable)?);
    config.authority = authority;
    config.trust = Trust::from_environment(&variable);
    if let Some(file) = &azure.ca_file {
        config.trust = config.trust.with_ca_file(file);
    }
    config.call_timeout = settings.strongroom.call_timeout;
    Ok(Arc::new(AzureProvider::new(&config)?))
}

/// The configured client secret; else the default chain, from the environment. Half of a client secret is neither.
fn credential(
    azure: &AzureKeyVaultSettings,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Credential> {
    match (&azure.tenant_id, &azure.client_id, &azure.client_secret) {
        (Some(tenant), Some(client_id), Some(client_secret)) => Ok(Credential::ClientSecret(ClientSecret {
            tenant: tenant.clone(),
            client_id: client_id.clone(),
            client_secret: client_secret.clone(),
        })),
        (None, None, None) => Ok(Credential::from_environment(variable)?),
        _ => {
            let missing: Vec<&str> = [
                ("tenantId (OM_SM_TENANT_ID)", azure.tenant_id.is_none()),
                ("clientId (OM_SM_CLIENT_ID)", azure.client_id.is_none()),
                ("clientSecret (OM_SM_CLIENT_SECRET)", azure.client_secret.is_none()),
            ]
            .into_iter()
            .filter_map(|(name, missing)| missing.then_some(name))
            .collect();
            Err(Usage(format!(
                "secretsManagerConfiguration.parameters lacks {}: a client secret needs tenantId, clientId and clientSecret",
                missing.join(" and ")
            ))
            .into())
        }
    }
}

/// Where the settings say that the metadata lies.
pub(crate) fn database(settings: &DatabaseSettings) -> Location {
    let server = match &settings.place {
        DatabasePlace::File(path) => return Location::Sqlite(path.clone()),
        DatabasePlace::Server(server) => server,
    };
    Location::Server(Server {
        kind: match server.kind {
            DatabaseKind::Mysql => ServerKind::Mysql,
            DatabaseKind::Postgresql => ServerKind::Postgres,
        },
        host: server.host.clone(),
        port: server.port,
        database: server.name.clone(),
        schema: server.schema.clone(),
        user: server.user.clone(),
        password: server.password.clone(),
        tls: Tls {
            mode: match server.tls {
                DatabaseTls::Off => TlsMode::Off,
                DatabaseTls::IfOffered => TlsMode::IfOffered,
                DatabaseTls::Required => TlsMode::Required,
                DatabaseTls::VerifyCa => TlsMode::VerifyCa,
                DatabaseTls::VerifyHost => TlsMode::VerifyHost,
            },
            ca_file: server.ca_file.clone(),
            client: server.client_certificate.clone(),
        },
        connections: server.connections,
    })
}

/// The configured Fernet keys. `made` gives the key of a data folder where none is configured.
pub(crate) fn fernet(
    settings: &Settings,
    made: impl FnOnce() -> Result<Option<SecretValue>>,
) -> Result<Option<FernetKeys>> {
    let key = match &settings.fernet.key {
        FernetKey::NoEncryption => return Ok(None),
        FernetKey::Keys(keys) => Some(keys.clone()),
        FernetKey::NotSet => made()?,
    };
    key.map(|key| {
        FernetKeys::parse(&key)
            .map_err(|error| Usage(format!("fernetConfiguration.fernetKey: {error}")).into())
    })
    .transpose()
}

/// What it means that names are computed otherwise than by OpenMetadata's own server, on a database of that one.
pub(crate) const GUIDE_ON_THEIRS: &str = "this database was made by OpenMetadata's own server, which updates and deletes secrets by \
    names that it computes itself: under strongroom.naming: guide it will not find them, so do not start it again on this database, \
    or leave strongroom.naming out";

/// How secrets are named, on a database that OpenMetadata's own server made (`theirs`) or we did.
pub(crate) fn naming(settings: &Settings, theirs: bool) -> Result<Naming, NamingError> {
    let scheme = match settings.strongroom.naming {
        Some(NamingChoice::Guide) => NamingScheme::Guide,
        Some(NamingChoice::Openmetadata) => NamingScheme::Openmetadata,
        None if theirs => NamingScheme::Openmetadata,
        None => NamingScheme::Guide,
    };
    Naming::new(&settings.secrets_manager.prefix, &settings.cluster_name, scheme)
}

/// A secrets manager on `store`, as the settings want it.
pub(crate) async fn manager(
    settings: &Settings,
    store: &Metastore,
    keeping: Keeping,
    provider: SecretsManager,
    fernet: Option<FernetKeys>,
    holder: String,
) -> Result<Manager> {
    let theirs = store.made_by_reference().await?;
    if theirs && settings.strongroom.naming == Some(NamingChoice::Guide) {
        tracing::warn!("{GUIDE_ON_THEIRS}");
    }
    let naming = naming(settings, theirs).map_err(|error| Usage(error.to_string()))?;
    let parts = Parts {
        store: store.clone(),
        keeping,
        provider_name: provider.as_str().to_owned(),
        naming,
        tags: settings.secrets_manager.tags.iter().cloned().collect(),
        fernet,
        holder,
        timing: Timing {
            lease: settings.strongroom.intent_lease,
            call_timeout: settings.strongroom.call_timeout,
            ..Timing::default()
        },
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    };
    Ok(Manager::new(parts).await?.with_wrapped_references(settings.strongroom.wrapped_references))
}

/// Says on stderr what the settings warn about.
pub(crate) fn warn(settings: &Settings) {
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
}
