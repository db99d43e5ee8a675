//! What is examined: a configuration, or what a loader finds, and for whom.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use strongroom_config::{Environment, SecretsManager, Settings, VaultKind};
use strongroom_ingestion::{Loader, open_vault_itself};
use strongroom_secrets::Provider;
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::file::FileConfig;
use strongroom_secrets::probe::DataAction;
use strongroom_secrets::random::SystemRandom;

use crate::vaults;

/// Whose identity it is: the two of the guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Principal {
    /// The metadata server, which writes secrets: Key Vault Secrets Officer
    Server,
    /// The ingestion, which reads them: Key Vault Secrets User
    Ingestion,
}

impl Principal {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Ingestion => "ingestion",
        }
    }
}

/// What is examined.
pub(super) struct Subject {
    pub(super) principal: Principal,
    pub(super) settings: Option<Settings>,
    /// By which loader the vault is found, unless the configuration says it.
    pub(super) loader: Option<Loader>,
    pub(super) provider: SecretsManager,
    /// How long a call may take.
    pub(super) call_timeout: Duration,
}

impl Subject {
    /// What the identity has to be allowed.
    pub(super) fn needed(&self) -> &'static [DataAction] {
        match self.principal {
            // Without a managed vault the server writes nothing there.
            Principal::Server if self.provider.is_managed() => &[
                DataAction::Get,
                DataAction::List,
                DataAction::Set,
                DataAction::Update,
                DataAction::Delete,
                DataAction::Recover,
            ],
            Principal::Server | Principal::Ingestion => &[DataAction::Get],
        }
    }

    /// The file that is examined, as it was named.
    pub(super) fn file(&self) -> Option<&Path> {
        self.settings.as_ref().and_then(|settings| settings.file.as_deref())
    }

    /// Where a setting stands, in brackets; nothing if it is not set or comes from elsewhere.
    pub(super) fn place(&self, key: &str) -> String {
        let settings = self.settings.as_ref().filter(|_| self.loader.is_none());
        let place = settings.and_then(|settings| settings.origins.place(key));
        place.map_or_else(String::new, |place| format!("{key} stands in {place}"))
    }

    /// Opens the vault; `None` if there is none. Nothing is sent yet.
    pub(super) fn open(&self, environment: &Environment) -> Result<Option<Arc<dyn Provider>>> {
        let Some(kind) = self.provider.vault() else { return Ok(None) };
        if let Some(loader) = self.loader {
            let variable = |name: &str| environment.get(name).map(str::to_owned);
            let timeout = Some(self.call_timeout);
            let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
            return Ok(Some(open_vault_itself(self.provider, loader, &variable, timeout, clock, random)?));
        }
        self.settings.as_ref().map(|settings| vaults::open(kind, settings, environment)).transpose()
    }

    /// The place of a vault that is not there yet: its first write would make it.
    pub(super) fn not_made_yet(&self, environment: &Environment) -> Option<String> {
        let kind = self.provider.vault()?;
        let folder = match (self.loader, &self.settings) {
            (None, Some(settings)) => vaults::not_made_yet(kind, settings)?,
            _ => {
                let variable = |name: &str| environment.get(name).map(str::to_owned);
                let config = (kind == VaultKind::Folder).then(|| FileConfig::from_environment(&variable));
                config.flatten().map(|config| config.folder).filter(|folder| !folder.exists())?
            }
        };
        Some(folder.display().to_string())
    }
}
