//! The configuration: whether it can be used, and what may not be meant.

use anyhow::Error;
use strongroom_config::{SecretsManagerLoader, Settings};
use strongroom_manager::naming::{Naming, NamingError};
use strongroom_secrets::Provider;

use super::finding::Finding;
use super::subject::Subject;
use crate::message;

/// A configuration that cannot be read: nothing else can be looked at.
pub(super) fn unreadable(error: &strongroom_config::ConfigError) -> Finding {
    let fix = "correct that; nothing else was looked at, since everything depends on it";
    Finding::failed("configuration.file", error.to_string(), fix)
}

/// The checks of the settings as such.
pub(super) fn findings(subject: &Subject) -> Vec<Finding> {
    let Some(settings) = &subject.settings else {
        let loader = subject.loader.map_or("env", strongroom_ingestion::Loader::name);
        let what = format!("no configuration is given; the vault is found by the loader {loader}");
        return vec![Finding::not_tried("configuration.file", what)];
    };
    let file = subject.file().map_or_else(|| "the environment".to_owned(), |file| file.display().to_string());
    let mut findings = vec![Finding::passed("configuration.file", format!("{file} is understood"))];
    findings.extend(settings.warnings.iter().map(|warning| {
        Finding::warning("configuration.warning", warning.clone(), "correct it if it is not meant so")
    }));
    findings.extend(loader(subject, settings));
    findings
}

/// What deployed pipelines are told of how to find the vault.
fn loader(subject: &Subject, settings: &Settings) -> Option<Finding> {
    const ID: &str = "configuration.loader";
    subject.provider.vault()?;
    let loader = settings.pipeline.secrets_manager_loader;
    Some(match loader {
        SecretsManagerLoader::Noop => Finding::warning(
            ID,
            "pipelines that are deployed are told the loader noop: they find no vault, and no reference of theirs is resolved",
            "set pipelineServiceClientConfiguration.secretsManagerLoader (PIPELINE_SERVICE_CLIENT_SECRETS_MANAGER_LOADER) to airflow \
             or env",
        )
        .and_fix(&subject.place("pipelineServiceClientConfiguration.secretsManagerLoader")),
        loader => Finding::passed(ID, format!("pipelines that are deployed are told the loader {}", loader.as_str())),
    })
}

/// The check of how the vault is set up.
pub(super) fn vault(
    subject: &Subject,
    opened: &Result<Option<std::sync::Arc<dyn Provider>>, Error>,
) -> Finding {
    const ID: &str = "configuration.vault";
    let name = subject.provider.as_str();
    match opened {
        Ok(None) => Finding::passed(ID, format!("{name}: secrets are kept in the database, without a vault")),
        Err(error) => match error.downcast_ref::<strongroom_secrets::Error>() {
            Some(known) => Finding::of_error(ID, known),
            None => Finding::failed(ID, message(error), "correct secretsManagerConfiguration"),
        },
        Ok(Some(vault)) => {
            let can = vault.capabilities();
            let missing = can.missing_to_manage();
            if subject.provider.is_managed() && !missing.is_empty() {
                let what = format!(
                    "{name}: secrets cannot be kept in the {vault}: it cannot {}",
                    missing.join(", nor ")
                );
                return Finding::failed(
                    ID,
                    what,
                    "choose another secretsManagerConfiguration.secretsManager",
                );
            }
            if !can.durable {
                let what = format!("{name}: the {vault} is gone with the process, and all secrets with it");
                let fix = "that is for tests: choose another secretsManagerConfiguration.secretsManager (SECRET_MANAGER)";
                return Finding::warning(ID, what, fix);
            }
            Finding::passed(ID, format!("{name}: {vault}"))
        }
    }
}

/// The check of what names begin with.
pub(super) fn naming(subject: &Subject, naming: &Result<Naming, NamingError>) -> Finding {
    const ID: &str = "configuration.naming";
    match naming {
        Ok(naming) => Finding::passed(ID, format!("names of secrets follow the scheme {}", naming.scheme())),
        Err(error) => Finding::failed(ID, error.to_string(), "change it before the first secret is written")
            .and_fix(&subject.place("secretsManagerConfiguration.prefix"))
            .and_fix(&subject.place("clusterName")),
    }
}

/// The check of the Fernet key as such.
pub(super) fn fernet(
    subject: &Subject,
    keys: &Result<Option<strongroom_entities::FernetKeys>, String>,
) -> Finding {
    const ID: &str = "configuration.fernet";
    match keys {
        Ok(Some(keys)) if keys.count() == 1 => Finding::passed(ID, "there is a Fernet key"),
        Ok(Some(keys)) => Finding::passed(
            ID,
            format!("there are {} Fernet keys: the first encrypts, all decrypt", keys.count()),
        ),
        Ok(None) => Finding::not_tried(
            ID,
            "there is no Fernet key: none is configured, and the data folder holds none",
        ),
        Err(error) => Finding::failed(
            ID,
            error.clone(),
            "set fernetConfiguration.fernetKey (FERNET_KEY) to the key of this database",
        )
        .and_fix(&subject.place("fernetConfiguration.fernetKey")),
    }
}
