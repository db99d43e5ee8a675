//! What the ingestion accepts in a workflow file: which keys, which of them it needs, which choices there are.

use std::fmt;

use crate::error::{ConfigError, Place};
use crate::found::Found;
use crate::section::{Keys, Section};
use crate::sections::pipeline::SecretsManagerLoader;
use crate::sections::secrets_manager::{self, SecretsManager};

/// What a workflow file makes the ingestion do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Read the metadata of a source.
    Ingest,
    /// Read lineage out of a database's query log.
    Lineage,
    /// Read the usage of tables out of a database's query log.
    Usage,
    /// Profile the tables of a database.
    Profile,
    /// Classify the columns of a database by samples.
    Classify,
    /// Run the tests of a table.
    Test,
}

impl Run {
    /// How the run is called: the command of the ingestion that takes the file, or `lineage`, which `ingest` takes too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Lineage => "lineage",
            Self::Usage => "usage",
            Self::Profile => "profile",
            Self::Classify => "classify",
            Self::Test => "test",
        }
    }

    /// The run of a `sourceConfig.config.type`. All that are not named here are read by `ingest`.
    fn of(source_config: &str) -> Self {
        match source_config {
            "DatabaseLineage" => Self::Lineage,
            "DatabaseUsage" => Self::Usage,
            "Profiler" => Self::Profile,
            "AutoClassification" => Self::Classify,
            "TestSuite" => Self::Test,
            _ => Self::Ingest,
        }
    }

    /// The steps that a run consists of, besides its source.
    fn steps(self) -> &'static [&'static str] {
        match self {
            Self::Ingest | Self::Lineage => &["sink"],
            Self::Usage => &["processor", "stage", "bulkSink"],
            Self::Profile | Self::Classify | Self::Test => &["processor", "sink"],
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the check of a file has found out.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) run: Run,
    pub(super) provider: SecretsManager,
    pub(super) loader: SecretsManagerLoader,
    pub(super) place_of_provider: Place,
}

const STEPS: [&str; 4] = ["processor", "sink", "stage", "bulkSink"];

const TOP: Keys = closed(&[
    "source",
    "processor",
    "sink",
    "stage",
    "bulkSink",
    "workflowConfig",
    "ingestionPipelineFQN",
    "pipelineRunId",
    "enableStreamableLogs",
    "ingestionRunnerName",
]);
const SOURCE: Keys = closed(&["type", "serviceName", "serviceConnection", "sourceConfig"]);
const STEP: Keys = closed(&["type", "config"]);
const CONFIG: Keys = closed(&["config"]);
const WORKFLOW: Keys =
    closed(&["loggerLevel", "raiseOnError", "successThreshold", "openMetadataServerConfig", "config"]);
const SERVER: Keys = Keys {
    ours: &[
        "hostPort",
        "authProvider",
        "securityConfig",
        "verifySSL",
        "sslConfig",
        "secretsManagerProvider",
        "secretsManagerLoader",
        "storeServiceConnection",
        "clusterName",
        "apiVersion",
        "enableVersionValidation",
        "forceEntityOverwriting",
        "extraHeaders",
    ],
    others: &[
        "type",
        "includeTopics",
        "includeTables",
        "includeDashboards",
        "includePipelines",
        "includeMlModels",
        "includeUsers",
        "includeTeams",
        "includeGlossaryTerms",
        "includeTags",
        "includePolicy",
        "includeMessagingServices",
        "includeDatabaseServices",
        "includePipelineServices",
        "limitRecords",
        "elasticsSearch",
        "schemaFilterPattern",
        "tableFilterPattern",
        "databaseFilterPattern",
        "supportsDataInsightExtraction",
        "supportsElasticSearchReindexingExtraction",
    ],
    open: false,
};
const SSL: Keys = closed(&["caCertificate", "sslCertificate", "sslKey"]);
/// The members of a connection and of a configuration are the connector's affair.
const ANY: Keys = Keys { ours: &[], others: &[], open: true };

/// What the keys of older files meant. The ingestion refuses them.
const GONE: &str = "secretsManagerCredentials";

const LEVELS: [&str; 4] = ["DEBUG", "INFO", "WARN", "ERROR"];
const AUTH_PROVIDERS: [&str; 10] = [
    "basic",
    "azure",
    "google",
    "okta",
    "auth0",
    "aws-cognito",
    "custom-oidc",
    "ldap",
    "saml",
    "openmetadata",
];
const VERIFY_SSL: [&str; 3] = ["no-ssl", "ignore", "validate"];
const LOADERS: [SecretsManagerLoader; 3] =
    [SecretsManagerLoader::Noop, SecretsManagerLoader::Airflow, SecretsManagerLoader::Env];

const fn closed(ours: &'static [&'static str]) -> Keys {
    Keys { ours, others: &[], open: false }
}

/// Checks a file from its root on.
pub(super) fn check(root: &Section<'_>) -> Result<Checked, ConfigError> {
    root.check(&TOP)?;
    let run = source(root)?;
    for step in STEPS {
        let there = root.place_of(step);
        let section = root.section(step, &STEP)?;
        match there {
            Some(place) => {
                needed(&section, "type", &place)?;
                section.section("config", &ANY)?;
            }
            None if run.steps().contains(&step) => {
                return Err(ConfigError::new(format!("a run of the kind {run} needs {step}"))
                    .at(root.place_of("source").unwrap_or_else(|| root.file()))
                    .key(step)
                    .hint(format!("it consists of source, {}", run.steps().join(", "))));
            }
            None => {}
        }
    }
    let (provider, loader, place_of_provider) = workflow(root)?;
    Ok(Checked { run, provider, loader, place_of_provider })
}

fn source(root: &Section<'_>) -> Result<Run, ConfigError> {
    let place = mapping(root, "source", &root.file())?;
    let source = root.section("source", &SOURCE)?;
    needed(&source, "type", &place)?;
    source.text("serviceName", &[])?;
    source.section("serviceConnection", &CONFIG)?.section("config", &ANY)?;
    mapping(&source, "sourceConfig", &place)?;
    let config = source.section("sourceConfig", &CONFIG)?.section("config", &ANY)?;
    Ok(config.text("type", &[])?.map_or(Run::Ingest, |found| Run::of(found.text())))
}

fn workflow(root: &Section<'_>) -> Result<(SecretsManager, SecretsManagerLoader, Place), ConfigError> {
    let place = mapping(root, "workflowConfig", &root.file())?;
    let workflow = root.section("workflowConfig", &WORKFLOW)?;
    choice(workflow.text("loggerLevel", &[])?, "level", &LEVELS)?;
    if let Some(found) = workflow.text("successThreshold", &[])? {
        let percent = found.text().parse::<u8>().ok().filter(|percent| *percent <= 100);
        percent.ok_or_else(|| found.fault("must be a whole number from 0 to 100"))?;
    }
    let place = mapping(&workflow, "openMetadataServerConfig", &place)?;
    let server = workflow.section_unchecked("openMetadataServerConfig")?;
    if let Some(place) = server.place_of(GONE) {
        return Err(ConfigError::new("this key is gone: the ingestion refuses it since version 1.1")
            .at(place)
            .key(server.path_of(GONE))
            .hint(
                "remove it; secretsManagerLoader says where the vault's name and the credentials are found: env or airflow",
            ));
    }
    server.check(&SERVER)?;
    needed(&server, "hostPort", &place)?;
    choice(server.text("authProvider", &[])?, "authentication provider", &AUTH_PROVIDERS)?;
    choice(server.text("verifySSL", &[])?, "way to verify certificates", &VERIFY_SSL)?;
    server.section("sslConfig", &SSL)?;
    server.section("securityConfig", &ANY)?;
    let provider = server.text("secretsManagerProvider", &[])?;
    let place_of_provider = provider.as_ref().map_or(place, |found| found.place.clone());
    let provider = match provider {
        Some(found) => secrets_manager::provider(&found)?,
        None => SecretsManager::Db,
    };
    let loader = match server.text("secretsManagerLoader", &[])? {
        Some(found) => LOADERS
            .into_iter()
            .find(|loader| loader.as_str().eq_ignore_ascii_case(found.text()))
            .ok_or_else(|| found.fault("there is no such loader").hint("noop, airflow or env"))?,
        None => SecretsManagerLoader::default(),
    };
    Ok((provider, loader, place_of_provider))
}

/// Insists on a mapping under `key` and tells where it stands.
fn mapping(section: &Section<'_>, key: &str, parent: &Place) -> Result<Place, ConfigError> {
    section.place_of(key).ok_or_else(|| missing(section, key, parent))
}

/// Insists on a text under `key`.
fn needed(section: &Section<'_>, key: &str, parent: &Place) -> Result<Found, ConfigError> {
    section.text(key, &[])?.ok_or_else(|| missing(section, key, parent))
}

fn missing(section: &Section<'_>, key: &str, parent: &Place) -> ConfigError {
    ConfigError::new("the key is missing, or has no value").at(parent.clone()).key(section.path_of(key))
}

fn choice(found: Option<Found>, what: &str, choices: &[&str]) -> Result<(), ConfigError> {
    match found {
        Some(found) if !choices.contains(&found.text()) => {
            Err(found.fault(format!("there is no such {what}")).hint(choices.join(", ")))
        }
        _ => Ok(()),
    }
}
