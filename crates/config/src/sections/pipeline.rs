//! `pipelineServiceClientConfiguration`: what a deployed pipeline is told.

use strongroom_secrets::SecretValue;

use crate::error::ConfigError;
use crate::found::Found;
use crate::section::{Keys, Section};

/// What a deployed pipeline is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineSettings {
    /// The plugin in Airflow.
    pub airflow: AirflowSettings,
    /// How the ingestion finds the vault's credentials.
    pub secrets_manager_loader: SecretsManagerLoader,
    /// The address of our API as the ingestion sees it: `http://localhost:8585/api` unless configured.
    pub metadata_api_endpoint: String,
    /// How far the ingestion believes our certificate.
    pub verify_ssl: VerifySsl,
    /// The file of the authority that it believes, where it runs; for [`VerifySsl::Validate`].
    pub certificate_path: Option<String>,
}

/// The plugin in Airflow, to which pipelines are deployed. Strongroom reads this to warn of it only, so what cannot be read counts
/// as not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AirflowSettings {
    /// Where it answers, if that is configured and not switched off.
    pub endpoint: Option<String>,
    /// The user by whom Airflow knows the server.
    pub user: Option<String>,
    /// That user's password.
    pub password: Option<SecretValue>,
}

/// How far the ingestion believes our certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerifySsl {
    /// There is none: plain HTTP, the default.
    #[default]
    NoSsl,
    /// Whatever it is.
    Ignore,
    /// As an authority vouches for it.
    Validate,
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
    ours: &["secretsManagerLoader", "metadataApiEndpoint", "verifySSL", "sslConfig"],
    others: &[
        "apiEndpoint",
        "className",
        "enabled",
        "healthCheckInterval",
        "hostIp",
        "ingestionIpInfoEnabled",
        "logStorageConfiguration",
        "parameters",
    ],
    open: true,
};

const SSL: Keys = Keys { ours: &["certificatePath"], others: &[], open: true };

pub(crate) fn read(root: &Section<'_>) -> Result<PipelineSettings, ConfigError> {
    let section = root.section("pipelineServiceClientConfiguration", &PIPELINE)?;
    let loader = section.text("secretsManagerLoader", &["PIPELINE_SERVICE_CLIENT_SECRETS_MANAGER_LOADER"])?;
    let endpoint = section.text("metadataApiEndpoint", &["SERVER_HOST_API_URL"])?;
    let ssl = section.section("sslConfig", &SSL)?;
    let certificate = ssl.text("certificatePath", &["PIPELINE_SERVICE_CLIENT_SSL_CERT_PATH"])?;
    Ok(PipelineSettings {
        airflow: airflow(&section),
        verify_ssl: match section.text("verifySSL", &["PIPELINE_SERVICE_CLIENT_VERIFY_SSL"])? {
            None => VerifySsl::default(),
            Some(found) => match found.text().to_ascii_lowercase().as_str() {
                "no-ssl" => VerifySsl::NoSsl,
                "ignore" => VerifySsl::Ignore,
                "validate" => VerifySsl::Validate,
                _ => {
                    return Err(found
                        .fault("there is no such way to verify")
                        .hint("no-ssl, ignore or validate"));
                }
            },
        },
        certificate_path: certificate.map(Found::into_text),
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

fn airflow(section: &Section<'_>) -> AirflowSettings {
    let text = |section: &Section<'_>, key: &str, variable: &str| {
        section.text(key, &[variable]).ok().flatten().map(Found::into_text)
    };
    let enabled = text(section, "enabled", "PIPELINE_SERVICE_CLIENT_ENABLED");
    let endpoint = text(section, "apiEndpoint", "PIPELINE_SERVICE_CLIENT_ENDPOINT");
    let Ok(parameters) = section.section_unchecked("parameters") else { return AirflowSettings::default() };
    AirflowSettings {
        endpoint: endpoint.filter(|_| !enabled.is_some_and(|text| text.eq_ignore_ascii_case("false"))),
        user: text(&parameters, "username", "AIRFLOW_USERNAME"),
        password: parameters.secret("password", &["AIRFLOW_PASSWORD"]).ok().flatten().map(Found::into_secret),
    }
}
