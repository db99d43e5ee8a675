//! What a deployed pipeline is told about this server: its `openMetadataServerConnection`.
//!
//! The ingestion finds the server, its bot's token and the vault by it. It is told the provider that is configured, under
//! `azure-kv` too, where OpenMetadata's own server says `db`: then the ingestion would take `secret:x` for the password `x`.

use serde_json::{Value, json};
use strongroom_entities::{EntityKind, fqn_hash, quote_name};
use strongroom_metastore::{Row, StoreError};

use crate::app::App;
use crate::auth::bot_tokens::token_field;
use crate::bootstrap::INGESTION_BOT;
use crate::documents::is_deleted;
use crate::errors::ApiError;

/// What all deployed pipelines are told (`pipelineServiceClientConfiguration`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineOptions {
    /// `clusterName`.
    pub cluster_name: String,
    /// Where the ingestion finds the API: `http://host:8585/api`.
    pub api_endpoint: String,
    /// How the ingestion finds the vault's credentials: `noop`, `airflow` or `env`.
    pub secrets_manager_loader: String,
    /// How far the ingestion believes the server's certificate.
    pub verify_ssl: VerifySsl,
    /// Under [`VerifySsl::Validate`]: the file of the authority to believe, where the ingestion runs.
    pub ca_certificate: Option<String>,
}

impl Default for PipelineOptions {
    fn default() -> Self {
        Self {
            cluster_name: "openmetadata".to_owned(),
            api_endpoint: "http://localhost:8585/api".to_owned(),
            secrets_manager_loader: "noop".to_owned(),
            verify_ssl: VerifySsl::default(),
            ca_certificate: None,
        }
    }
}

/// How far the ingestion believes the server's certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VerifySsl {
    /// The server speaks plain HTTP.
    #[default]
    NoSsl,
    /// Whatever it is.
    Ignore,
    /// As an authority vouches for it.
    Validate,
}

impl VerifySsl {
    /// The name in files and requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSsl => "no-ssl",
            Self::Ignore => "ignore",
            Self::Validate => "validate",
        }
    }
}

/// The `openMetadataServerConnection` of a pipeline of `pipeline_type` (`metadata`, `usage`, `profiler`, …); of one of the type
/// `application`, for the application of that type.
///
/// The token is the bot's: a reference to it where a vault keeps it, else the token itself.
///
/// # Errors
/// If no bot has a token, or it cannot be decrypted.
pub async fn server_connection(
    app: &App,
    pipeline_type: &str,
    application: Option<&str>,
) -> Result<Value, ApiError> {
    let wanted = bot_of(pipeline_type, application);
    let mut bot = find(app, &wanted).await?;
    if bot.is_none() && wanted != INGESTION_BOT {
        bot = find(app, INGESTION_BOT).await?;
    }
    let Some(bot) = bot else {
        return Err(ApiError::unexpected(format!("there is neither a bot {wanted} nor {INGESTION_BOT}")));
    };
    let mut user = bot.json;
    app.manager.for_bot(EntityKind::User, &mut user)?;
    let Some(token) = token_field().get(&user).filter(|token| token.is_string()) else {
        return Err(ApiError::unexpected(format!(
            "the bot that pipelines of type {pipeline_type} use has no token"
        )));
    };
    let options = &app.options.pipelines;
    let mut connection = json!({
        "clusterName": options.cluster_name,
        "type": "OpenMetadata",
        "hostPort": options.api_endpoint,
        "authProvider": "openmetadata",
        "verifySSL": options.verify_ssl.as_str(),
        "securityConfig": {"jwtToken": token},
        "secretsManagerProvider": app.manager.provider_name(),
        "secretsManagerLoader": options.secrets_manager_loader,
    });
    if let (VerifySsl::Validate, Some(file)) = (options.verify_ssl, &options.ca_certificate) {
        connection["sslConfig"] = json!({"caCertificate": file});
    }
    Ok(connection)
}

/// The bot that a pipeline signs in as, if it exists.
fn bot_of(pipeline_type: &str, application: Option<&str>) -> String {
    match (pipeline_type, application) {
        ("metadata" | "dbt", _) => INGESTION_BOT.to_owned(),
        ("application", Some(application)) => format!("{application}ApplicationBot"),
        ("application", None) => INGESTION_BOT.to_owned(),
        _ => format!("{}-bot", pipeline_type.to_lowercase()),
    }
}

/// A bot's user.
async fn find(app: &App, name: &str) -> Result<Option<Row>, StoreError> {
    let user = app.store.get_by_hash(EntityKind::User, &fqn_hash(&quote_name(name))).await?;
    Ok(user.filter(|user| !is_deleted(&user.json)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_of_pipeline_has_its_bot() {
        for (pipeline_type, application, bot) in [
            ("metadata", None, "ingestion-bot"),
            ("dbt", None, "ingestion-bot"),
            ("usage", None, "usage-bot"),
            ("autoClassification", None, "autoclassification-bot"),
            ("TestSuite", None, "testsuite-bot"),
            ("application", Some("DataInsights"), "DataInsightsApplicationBot"),
            ("application", None, "ingestion-bot"),
        ] {
            assert_eq!(bot_of(pipeline_type, application), bot);
        }
    }
}
