//! Opening what a configuration describes: the database, and a secrets manager on it.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use strongroom_config::{Environment, SecretsManager, Settings};
use strongroom_manager::migrate::{Pattern, Selection};
use strongroom_manager::{Manager, migrate};
use strongroom_metastore::{Access, Metastore, Options};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{Provider, Random};

use crate::exit::Usage;
use crate::{data_folder, wiring};

/// Which installation.
#[derive(Debug, Args)]
pub(super) struct InstallationArgs {
    /// The configuration: openmetadata.yaml
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// The data folder, for what the configuration does not name [default: ./strongroom-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Which entities.
#[derive(Debug, Args)]
pub(super) struct SelectionArgs {
    /// Only these entities: KIND, KIND:NAME or *:NAME, where * and ? in a name stand for characters (`database`, `database:sales`,
    /// `pipeline:*-prod`); can be repeated
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    only: Vec<Pattern>,
    /// All but these
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    except: Vec<Pattern>,
}

/// An opened installation.
pub(super) struct Installation {
    pub(super) store: Metastore,
    pub(super) manager: Manager,
    provider: SecretsManager,
}

impl InstallationArgs {
    /// Opens the installation.
    pub(super) async fn open(&self, access: Access) -> Result<Installation> {
        let environment = Environment::process();
        let settings = Settings::load(Some(&self.config), &environment, self.data_dir.as_deref())?;
        wiring::warn(&settings);
        let provider = settings.secrets_manager.provider.unwrap_or(SecretsManager::Db);
        let store = Metastore::open(&Options::new(wiring::database(&settings.database), access)).await?;
        let fernet = wiring::fernet(&settings, || data_folder::existing_fernet_key(&settings.data_dir))?;
        let keeping = wiring::keeping(provider, &settings, &environment)?;
        let random: &dyn Random = &SystemRandom;
        // What such a process leaves behind is known to be abandoned as soon as another has the lock of migrations.
        let holder = migrate::holder(random.uuid());
        let manager = wiring::manager(&settings, &store, keeping, provider, fernet, holder).await?;
        Ok(Installation { store, manager, provider })
    }
}

impl SelectionArgs {
    pub(super) fn selection(&self) -> Selection {
        Selection { only: self.only.clone(), except: self.except.clone() }
    }
}

impl Installation {
    /// The vault that references lead to; without one there is nothing to look for.
    pub(super) fn vault(&self) -> Result<Arc<dyn Provider>> {
        self.manager.vault().cloned().ok_or_else(|| {
            Usage(format!(
                "under the secrets manager {} nothing is kept in a vault: name another one with \
                 secretsManagerConfiguration.secretsManager (SECRET_MANAGER)",
                self.provider.as_str()
            ))
            .into()
        })
    }
}
