//! What the side that connects to the sources needs: to find the vault, and to put values in the place of references.
//!
//! A [`Loader`] says where the settings of the vault come from, as OpenMetadata's `secretsManagerLoader` does, and opens
//! it; a [`Resolver`] turns [`Reference`](strongroom_entities::reference::Reference)s into values. The environment is handed
//! in ([`Environment`]), never read here.
//!
//! Not here: whether a text is a reference at all (`strongroom_entities::reference`), and how a vault is spoken to
//! (`strongroom_secrets`). Start with [`Resolver`].

mod loader;
mod resolver;

pub use loader::{Loader, UnknownLoader};
pub use resolver::{ResolveError, Resolver, Wanted, requested};

/// The variables of an environment by name: `&|name| std::env::var(name).ok()` for the process's own.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;
