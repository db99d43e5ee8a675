//! All settings, and how they are read.

use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::error::{ConfigError, Place};
use crate::found::Found;
use crate::origins::Origins;
use crate::section::Section;
use crate::sections::authentication::AuthenticationSettings;
use crate::sections::authorizer::AuthorizerSettings;
use crate::sections::database::DatabaseSettings;
use crate::sections::fernet::FernetSettings;
use crate::sections::jwt::JwtSettings;
use crate::sections::pipeline::PipelineSettings;
use crate::sections::secrets_manager::SecretsManagerSettings;
use crate::sections::server::ServerSettings;
use crate::sections::strongroom::StrongroomSettings;
use crate::sections::{
    authentication, authorizer, database, fernet, jwt, pipeline, secrets_manager, server, strongroom,
};
use crate::source::Source;
use crate::substitute::{self, Expanded};
use crate::{file, top_level};
use strongroom_yaml::Node;

/// The data folder, unless the command line, the file or the environment names another.
pub const DEFAULT_DATA_DIR: &str = "strongroom-data";

/// Everything that `openmetadata.yaml` and the environment say, checked and with its defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
    /// The folder for the database and the keys that are made.
    pub data_dir: PathBuf,
    /// `clusterName` (OPENMETADATA_CLUSTER_NAME): the first part of the names of secrets, `openmetadata` by default.
    pub cluster_name: String,
    /// Where the server listens.
    pub server: ServerSettings,
    /// Where the metadata is stored.
    pub database: DatabaseSettings,
    /// The key of secrets in the database.
    pub fernet: FernetSettings,
    /// How tokens are signed.
    pub jwt: JwtSettings,
    /// Who is an administrator.
    pub authorizer: AuthorizerSettings,
    /// How people sign in.
    pub authentication: AuthenticationSettings,
    /// Which vault holds the secrets.
    pub secrets_manager: SecretsManagerSettings,
    /// What a deployed pipeline is told.
    pub pipeline: PipelineSettings,
    /// What is Strongroom's own.
    pub strongroom: StrongroomSettings,
    /// What may not be meant as it is written: lines for people, without values of secrets.
    pub warnings: Vec<String>,
    /// Where all this was found.
    pub origins: Origins,
}

impl Settings {
    /// Reads the settings from a file, if one is given, and the environment.
    ///
    /// `data_dir` is the folder that the command line names; without it `strongroom.dataDir`, `STRONGROOM_DATA_DIR` and
    /// [`DEFAULT_DATA_DIR`] decide, in this order. Relative paths are those of the process's working folder.
    ///
    /// # Errors
    /// The first thing that is wrong: the file cannot be read, is no YAML, or holds what cannot be used.
    pub fn load(
        path: Option<&Path>,
        environment: &Environment,
        data_dir: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let text = path.map(file::read).transpose()?;
        let expanded = match (path, &text) {
            (Some(path), Some(text)) => Some(expand(path, text, environment)?),
            _ => None,
        };
        let node = match (path, &expanded) {
            (Some(path), Some(expanded)) => parse(path, expanded)?,
            _ => Node::NOTHING,
        };
        let written = text.as_deref().unwrap_or_default();
        let source = Source::new(environment, path.zip(expanded.as_ref()), written);
        if let Some(expanded) = &expanded {
            source.warnings.borrow_mut().extend(expanded.warnings.iter().cloned());
        }
        let root = Section::root(&source, &node)?;
        top_level::check(&root)?;
        let data_dir = match data_dir {
            Some(data_dir) => data_dir.to_owned(),
            None => strongroom::data_dir(&root)?.unwrap_or_else(|| DEFAULT_DATA_DIR.into()),
        };
        let cluster_name = root.text("clusterName", &["OPENMETADATA_CLUSTER_NAME"])?;
        let settings = Self {
            file: path.map(Path::to_owned),
            cluster_name: cluster_name.map_or_else(|| "openmetadata".to_owned(), Found::into_text),
            server: server::read(&root, if path.is_some() { "0.0.0.0" } else { "127.0.0.1" })?,
            database: database::read(&root, &data_dir)?,
            fernet: fernet::read(&root)?,
            jwt: jwt::read(&root)?,
            authorizer: authorizer::read(&root)?,
            authentication: authentication::read(&root)?,
            secrets_manager: secrets_manager::read(&root, path.is_some())?,
            pipeline: pipeline::read(&root)?,
            strongroom: strongroom::read(&root)?,
            data_dir,
            warnings: Vec::new(),
            origins: Origins::default(),
        };
        let (warnings, origins) = source.into_noted();
        Ok(Self { warnings, origins, ..settings })
    }
}

fn expand(path: &Path, text: &str, environment: &Environment) -> Result<Expanded, ConfigError> {
    substitute::expand(text, environment).map_err(|error| {
        let place = Place::File { file: path.to_owned(), line: error.line, column: None };
        error.kind.explain().at(place)
    })
}

fn parse(path: &Path, expanded: &Expanded) -> Result<Node, ConfigError> {
    strongroom_yaml::parse(expanded.text.expose()).map_err(|error| {
        let (line, column) = expanded.written(error.line, error.column);
        let place = Place::File { file: path.to_owned(), line, column };
        let explained = ConfigError::new(error.what).at(place);
        match (expanded.unset_on(error.line), column) {
            (Some(name), _) => explained.hint(format!("the environment variable {name} in this line is not set")),
            (None, None) => explained.hint(
                "the value of the variable in this line may hold characters that YAML keeps for itself: put ${…} in quotes",
            ),
            (None, Some(_)) => explained.hint("values that hold #, : or quotes, or begin with a sign, need quotes"),
        }
    })
}
