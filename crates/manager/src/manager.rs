//! The secrets manager itself: what it is made of, and what it can be asked about one document.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde_json::Value;
use strongroom_entities::reference::{self, FieldText};
use strongroom_entities::{EntityKind, FernetKeys, FieldPath};
use strongroom_metastore::{Metastore, Row, StoreError};
use strongroom_secrets::{Clock, Provider, Random, SecretValue, Tags};
use uuid::Uuid;

use crate::error::WriteError;
use crate::lease::Timing;
use crate::naming::Naming;
use crate::placing::id_of;

/// Where the values of secret fields are kept.
#[derive(Clone)]
pub enum Keeping {
    /// In a vault; the database holds references (`managed-azure-kv`).
    Managed(Arc<dyn Provider>),
    /// In the database, encrypted with Fernet; references that users type are resolved from the vault, if there is one
    /// (`azure-kv` and `db`).
    InDatabase(Option<Arc<dyn Provider>>),
}

/// What a [`Manager`] is made of.
pub struct Parts {
    /// The metadata database.
    pub store: Metastore,
    /// Where values are kept.
    pub keeping: Keeping,
    /// The provider's name in configuration files, which the ingestion is told.
    pub provider_name: String,
    /// How secrets are named.
    pub naming: Naming,
    /// Tags of the users' own on every secret that is written.
    pub tags: Tags,
    /// The keys to values in the database; `None` if they lie there in clear text.
    pub fernet: Option<FernetKeys>,
    /// Who this process is to others that share the database: intents carry it.
    pub holder: String,
    /// How long leases and calls may be.
    pub timing: Timing,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub random: Arc<dyn Random>,
}

/// The secrets manager: which secret is kept where, and how it gets there.
pub struct Manager {
    pub(crate) store: Metastore,
    pub(crate) keeping: Keeping,
    pub(crate) former: Vec<Arc<dyn Provider>>,
    pub(crate) former_namings: Vec<Naming>,
    pub(crate) naming: Naming,
    pub(crate) tags: Tags,
    pub(crate) fernet: Option<FernetKeys>,
    pub(crate) holder: String,
    pub(crate) timing: Timing,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) installation: Uuid,
    /// How many secrets this manager has begun to delete.
    pub(crate) deletions: AtomicU64,
    /// Whether references are encrypted in the database, as OpenMetadata's own server writes them.
    pub(crate) wrapped_references: bool,
    provider_name: String,
}

impl Manager {
    /// How many calls to the vault one batch has under way at a time.
    pub(crate) const CONCURRENCY: usize = 16;

    /// Puts a manager together. A database that may not be written to and has no installation id yet gets one that is
    /// nobody's: right for a plan, which writes nothing.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn new(parts: Parts) -> Result<Self, StoreError> {
        let installation = parts.store.installation(&*parts.random).await?.unwrap_or(Uuid::nil());
        Ok(Self {
            store: parts.store,
            keeping: parts.keeping,
            former: Vec::new(),
            former_namings: Vec::new(),
            naming: parts.naming,
            tags: parts.tags,
            fernet: parts.fernet,
            holder: parts.holder,
            timing: parts.timing,
            clock: parts.clock,
            random: parts.random,
            installation,
            deletions: AtomicU64::new(0),
            wrapped_references: false,
            provider_name: parts.provider_name,
        })
    }

    /// Names vaults that secrets of this installation may still be kept in. A migration reads them from there; nothing is written
    /// there, and nothing else looks there.
    #[must_use]
    pub fn with_former_vaults(mut self, vaults: Vec<Arc<dyn Provider>>) -> Self {
        self.former = vaults;
        self
    }

    /// Encrypts references in the database, as OpenMetadata's own server writes them, if there is a Fernet key to do it with.
    #[must_use]
    pub fn with_wrapped_references(mut self, wrapped: bool) -> Self {
        self.wrapped_references = wrapped;
        self
    }

    /// Tells how secrets were named before: a migration knows by that whose a secret is which nobody has written down.
    #[must_use]
    pub fn with_former_namings(mut self, namings: Vec<Naming>) -> Self {
        self.former_namings = namings;
        self
    }

    /// The vault of the configured provider, if it has one: what references lead to.
    pub fn vault(&self) -> Option<&Arc<dyn Provider>> {
        match &self.keeping {
            Keeping::Managed(vault) => Some(vault),
            Keeping::InDatabase(vault) => vault.as_ref(),
        }
    }

    /// Every vault that is known: the configured one, and those that secrets may still be kept in.
    pub(crate) fn vaults(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.vault().into_iter().chain(&self.former)
    }

    /// Whether a vault that intents and the journal name is one of those that are known here.
    pub fn knows_vault(&self, id: &str) -> bool {
        self.vaults().any(|vault| id_of(vault) == id)
    }

    /// The provider's name in configuration files: what ingestion is told to use.
    pub fn provider_name(&self) -> &str {
        &self.provider_name
    }

    /// The keys to values in the database; `None` if they lie there in clear text.
    pub fn fernet_keys(&self) -> Option<&FernetKeys> {
        self.fernet.as_ref()
    }

    /// The database that this manager works on.
    pub fn store(&self) -> &Metastore {
        &self.store
    }

    /// Makes a stored document fit for a bot: references stay, and what the database keeps encrypted becomes readable.
    ///
    /// # Errors
    /// [`WriteError::Fernet`] if a value cannot be decrypted.
    pub fn for_bot(&self, kind: EntityKind, document: &mut Value) -> Result<(), WriteError> {
        for field in strongroom_entities::walk(kind, document).fields {
            let Some(Value::String(text)) = field.get(document) else { continue };
            if let FieldText::Fernet(token) = reference::classify(text) {
                let value = self.decrypt(&field, token)?;
                field.set(document, Value::String(value.expose().to_owned()));
            }
        }
        Ok(())
    }

    /// The value of a field of a stored document, wherever it is kept. For the server's own needs, such as comparing a bot's
    /// token; no answer carries it.
    ///
    /// # Errors
    /// [`WriteError::NotFound`] if the field is empty; else what the vault or the decryption says.
    pub async fn reveal(&self, row: &Row, field: &FieldPath) -> Result<SecretValue, WriteError> {
        let text = match field.get(&row.json) {
            Some(Value::String(text)) => self.readable(field, text)?,
            _ => return Err(WriteError::NotFound),
        };
        match reference::classify(text.expose()) {
            FieldText::Reference(reference) => match &self.keeping {
                Keeping::Managed(vault) | Keeping::InDatabase(Some(vault)) => {
                    Ok(vault.get(reference.name(), None).await?.value)
                }
                Keeping::InDatabase(None) => Err(WriteError::InvalidField {
                    field: field.clone(),
                    reason: "is a reference, but no vault is configured (secretsManagerConfiguration)"
                        .to_owned(),
                }),
            },
            _ => Ok(text),
        }
    }

    /// A stored text without its encryption: the password, or the reference.
    pub(crate) fn readable(&self, field: &FieldPath, text: &str) -> Result<SecretValue, WriteError> {
        match reference::classify(text) {
            FieldText::Fernet(token) => self.decrypt(field, token),
            _ => Ok(SecretValue::new(text)),
        }
    }

    fn decrypt(&self, field: &FieldPath, token: &str) -> Result<SecretValue, WriteError> {
        let failed = || WriteError::Fernet { field: field.clone() };
        self.fernet.as_ref().ok_or_else(failed)?.decrypt(token).map_err(|_| failed())
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").field("provider", &self.provider_name).finish_non_exhaustive()
    }
}

impl Timing {
    /// How long after its lease an intent may be claimed: a call that started within the lease has ended by then.
    pub(crate) fn grace(&self) -> Duration {
        self.call_timeout
    }
}
