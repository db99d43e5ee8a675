//! The stored documents and where they keep secrets.
//!
//! An entity (a service, a bot's user, an ingestion pipeline, a workflow) is one JSON document. Here stands what kinds
//! there are and which tables hold them ([`EntityKind`]), which of their fields are secrets (the catalogue, a data file
//! read by [`catalogue`]), how to point at such a field ([`FieldPath`]), to find all of them ([`walk()`], and in the ingestion's
//! files [`walk_workflow_file`]; those that no schema lists in [`unlisted`]), and to show a document without them ([`mask()`]). What the text of such a field means (a mask, a reference, a Fernet token, a
//! plain value) is told by [`reference::classify`]. [`mod@text`] reads the stored text
//! strictly and writes it again with only what changed. [`FernetKeys`] and [`fqn`] speak the two encodings of the database:
//! encrypted values, and the hashes that rows are found by; [`tokens`] finds encrypted values in texts of any form, [`literals`] the texts of a
//! document.
//!
//! Not here: databases, vaults, or the names that secrets get. Nothing here reads or writes anything. Start with
//! [`walk()`].

pub mod catalogue;
pub mod fernet;
pub mod fqn;
pub mod kind;
pub mod literals;
pub mod mask;
pub mod path;
pub mod reference;
pub mod text;
pub mod tokens;
pub mod unlisted;
pub mod walk;

pub use fernet::{FernetError, FernetKeyError, FernetKeys};
pub use fqn::{fqn_hash, name_hash, quote_name, split_fqn, unquote_name};
pub use kind::EntityKind;
pub use mask::{MASK, mask};
pub use path::{FieldPath, ParsePathError, Step};
pub use unlisted::secret_options;
pub use walk::{Walk, walk, walk_workflow_file};
