//! What the side that connects to the sources needs: to find the vault, and to put values in the place of references.
//!
//! A [`Loader`] says where the settings of the vault come from, as OpenMetadata's `secretsManagerLoader` does, and opens
//! it: from variables, or from Airflow's settings, which [`airflow`] reads as Airflow does; [`open_vault`] does so
//! for the secrets manager that is configured. [`workflow_fields`] tells what stands
//! in the secret fields of a workflow file; a [`Resolver`] turns [`Reference`](strongroom_entities::reference::Reference)s
//! into values. The environment is handed in ([`Environment`]), never read here.
//!
//! Not here: whether a text is a reference at all (`strongroom_entities::reference`), how a workflow file is parsed
//! (`strongroom_config`), and how a vault is spoken to (`strongroom_secrets`). Start with [`Resolver`].

pub mod airflow;
mod fields;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod loader;
mod resolver;
mod vault;

pub use fields::{Fault, Holds, WorkflowField, workflow_fields};
pub use loader::{Loader, UnknownLoader};
pub use resolver::{ResolveError, Resolver, Wanted, requested};
pub use vault::{open_vault, open_vault_itself};

/// The variables of an environment by name: `&|name| std::env::var(name).ok()` for the process's own.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;
