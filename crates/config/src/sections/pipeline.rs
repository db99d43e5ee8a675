//! `pipelineServiceClientConfiguration`: what a deployed pipeline is told.

use crate::error::ConfigError;
use crate::found::Found;
use crate::section::{Keys, Section};

/// What a deployed pipeline is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineSettings {
    /// How the ingestion finds the vault's credentials.
    pub secrets_manager_loader: SecretsManagerLoader,
    /// The address of our API as the ingestion sees it: `http://localhost:8585/api` unless configured.
    pub metadata_api_endpoint: String,
}

/// How the ingestion finds the vault's credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretsManagerLoader {
    /// Not at all: the default.
    #[default]
    Noop,
    /// In Airflow's settings.
    Airflow,
    /// In environment variables.
    Env,
}

impl SecretsManagerLoader {
    const ALL: [Self; 3] = [Self::Noop, Self::Airflow, Self::Env];

    /// The name in files and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::Airflow => "airflow",
            Self::Env => "env",
        }
    }
}

const PIPELINE: Keys = Keys {
    ours: &["secretsManagerLoader", "metadataApiEndpoint"],
    others: &[
        "apiEndpoint",
        "className",
        "enabled",
        "healthCheckInterval",
        "hostIp",
        "ingestionIpInfoEnabled",
        "logStorageConfiguration",
        "parameters",
        "sslConfig",
        "verifySSL",
    ],
    open: true,
};

pub(crate) fn read(root: &Section<'_>) -> Result<PipelineSettings, ConfigError> {
    let section = root.section("pipelineServiceClientConfiguration", &PIPELINE)?;
    let loader = section.text("secretsManagerLoader", &["PIPELINE_SERVICE_CLIENT_SECRETS_MANAGER_LOADER"])?;
    let endpoint = section.text("metadataApiEndpoint", &["SERVER_HOST_API_URL"])?;
    Ok(PipelineSettings {
        secrets_manager_loader: match loader {
            None => SecretsManagerLoader::default(),
            Some(found) => SecretsManagerLoader::ALL
                .into_iter()
                .find(|loader| loader.as_str().eq_ignore_ascii_case(found.text()))
                .ok_or_else(|| found.fault("there is no such loader").hint("noop, airflow or env"))?,
        },
        metadata_api_endpoint: endpoint
            .map_or_else(|| "http://localhost:8585/api".to_owned(), Found::into_text),
    })
}
