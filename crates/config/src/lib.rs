//! Reads `openmetadata.yaml` as it stands and turns it into [`Settings`], and the workflow files of the ingestion.
//!
//! Start with [`Settings::load`]. The text passes through these steps, each a module: [`substitute`] puts the environment's
//! variables in, [`strongroom_yaml`] reads the YAML without guessing at types, [`section`] finds each key in the file or in its
//! variables, and each file of [`sections`] knows the keys, defaults and rules of one section. Sections that mean nothing to
//! Strongroom are left alone; a misspelt key of ours is an error with a suggestion ([`suggest`]).
//!
//! A [`WorkflowFile`] is what `metadata ingest -c` reads. It has other rules for variables, Python's: [`expandvars()`].
//!
//! Not here: what the settings are used for. Nothing is opened but the files that the settings name, and nothing is printed:
//! see [`Settings::warnings`]. The environment is handed in ([`Environment`]). No error tells the value of a setting.

mod environment;
mod error;
mod expandvars;
mod file;
mod found;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod origins;
mod section;
pub mod sections;
mod settings;
mod source;
mod substitute;
mod suggest;
mod top_level;
mod workflow;

pub use environment::Environment;
pub use error::{ConfigError, Place};
pub use expandvars::{TooLong, expandvars};
pub use origins::Origins;
pub use sections::authentication::AuthenticationSettings;
pub use sections::authorizer::{AdminPrincipal, AuthorizerSettings};
pub use sections::database::{DatabaseKind, DatabasePlace, DatabaseServer, DatabaseSettings, DatabaseTls};
pub use sections::fernet::{FernetKey, FernetSettings};
pub use sections::jwt::{JwtSettings, KeyPairFiles};
pub use sections::pipeline::{AirflowSettings, PipelineSettings, SecretsManagerLoader, VerifySsl};
pub use sections::secrets_manager::{
    AzureKeyVaultSettings, FolderSettings, SecretsManager, SecretsManagerSettings, VaultKind,
};
pub use sections::server::ServerSettings;
pub use sections::strongroom::{NamingChoice, StrongroomSettings};
pub use settings::{DEFAULT_DATA_DIR, Settings};
pub use workflow::{Entry, PathStep, Run, WorkflowFile};
