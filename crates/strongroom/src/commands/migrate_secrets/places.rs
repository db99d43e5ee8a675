//! Where secrets are and where they go: what `-c`, `--from` and `--to` say together.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use strongroom_config::{Environment, SecretsManager, Settings};
use strongroom_manager::Keeping;
use strongroom_manager::naming::{Naming, NamingScheme};
use strongroom_secrets::Provider;

use crate::exit::Usage;
use crate::{vaults, wiring};

/// Where secrets are, and where they go.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct PlaceArgs {
    /// Where secrets are now: a secrets manager's name, or another configuration [default: the vaults that -c describes]
    #[arg(long, value_name = "NAME|FILE")]
    pub(super) from: Option<String>,
    /// Where they go: db or another secrets manager's name, or another configuration [default: -c]
    #[arg(long, value_name = "NAME|FILE")]
    pub(super) to: Option<String>,
}

/// Where secrets go, and the vaults that they may be in now.
pub(super) struct Places {
    /// The settings of the place where they go.
    pub(super) settings: Settings,
    pub(super) provider: SecretsManager,
    pub(super) keeping: Keeping,
    pub(super) former: Vec<Arc<dyn Provider>>,
    pub(super) former_namings: Vec<Naming>,
}

impl Places {
    /// Opens the vaults that `base`, which is the configuration of the database, and the arguments name.
    pub(super) fn open(
        base: &Settings,
        args: &PlaceArgs,
        environment: &Environment,
        data_dir: Option<&Path>,
    ) -> Result<Self> {
        let named = |option: &str, place: &Option<String>| {
            place.as_ref().map(|place| described(option, place, base, environment, data_dir)).transpose()
        };
        let (from, to) = (named("--from", &args.from)?, named("--to", &args.to)?);
        let settings = to.clone().unwrap_or_else(|| base.clone());
        let provider = provider(&settings);
        let keeping = wiring::keeping(provider, &settings, environment)?;
        let own = match &keeping {
            Keeping::Managed(vault) | Keeping::InDatabase(Some(vault)) => Some(vault.to_string()),
            Keeping::InDatabase(None) => None,
        };
        let mut former: Vec<Arc<dyn Provider>> = Vec::new();
        let mut namings = Vec::new();
        // What the arguments leave is the database's own configuration.
        let sources = from.iter().chain(to.is_some().then_some(base));
        for source in sources {
            if let Some(kind) = self::provider(source).vault() {
                former.push(vaults::open(kind, source, environment)?);
            }
            former.extend(vaults::former(self::provider(source), source, environment));
            namings.extend(naming(source));
        }
        former.extend(vaults::former(provider, &settings, environment));
        let mut seen: Vec<String> = own.into_iter().collect();
        former.retain(|vault| {
            let id = vault.to_string();
            let is_new = !seen.contains(&id);
            seen.push(id);
            is_new
        });
        Ok(Self { settings, provider, keeping, former, former_namings: namings })
    }
}

/// The settings that an argument stands for.
fn described(
    option: &str,
    place: &str,
    base: &Settings,
    environment: &Environment,
    data_dir: Option<&Path>,
) -> Result<Settings> {
    if let Some(provider) = SecretsManager::named(place) {
        let mut settings = base.clone();
        settings.secrets_manager.provider = Some(provider);
        return Ok(settings);
    }
    let path = Path::new(place);
    if !path.exists() {
        let known = SecretsManager::ALL.map(SecretsManager::as_str).join(", ");
        let message =
            format!("{option} {place}: there is no secrets manager of that name ({known}), and no such file");
        return Err(Usage(message).into());
    }
    let settings = Settings::load(Some(path), environment, data_dir)?;
    wiring::warn(&settings);
    Ok(settings)
}

fn provider(settings: &Settings) -> SecretsManager {
    settings.secrets_manager.provider.unwrap_or(SecretsManager::Db)
}

/// How secrets were named in another place. Whatever its scheme was, the names of both are known by it.
fn naming(settings: &Settings) -> Option<Naming> {
    Naming::new(&settings.secrets_manager.prefix, &settings.cluster_name, NamingScheme::Guide).ok()
}
