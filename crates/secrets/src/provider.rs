//! The one trait behind which every kind of vault stands.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display};

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::{Capabilities, Remote, Result, SecretName, SecretValue};

/// Name-value pairs on a version of a secret: at most [`MAX_TAGS`], each side at most [`MAX_TAG_LENGTH`] characters.
pub type Tags = BTreeMap<String, String>;

/// How many tags a version takes (<https://learn.microsoft.com/azure/key-vault/secrets/about-secrets>).
pub const MAX_TAGS: usize = 15;

/// The longest name or value of a tag, in characters. Older documents of the service say 256.
pub const MAX_TAG_LENGTH: usize = 512;

/// The identifier that a vault gave to one version of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretVersion(String);

impl SecretVersion {
    /// Takes the identifier as the vault wrote it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for SecretVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What to store as the new latest version of a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewSecret {
    /// The value.
    pub value: SecretValue,
    /// What the value is, for people: a media type or a word.
    pub content_type: Option<String>,
    /// The version's tags.
    pub tags: Tags,
    /// Whether it can be read; `None` leaves it to the vault, which says yes.
    pub enabled: Option<bool>,
    /// Unix seconds before which it should not be used.
    pub not_before: Option<i64>,
    /// Unix seconds after which it should not be used.
    pub expires: Option<i64>,
    /// The name of a tag whose value no other write has. A provider whose answer got lost looks for it: if the latest
    /// version carries it, the write is done. Without a mark such a write is an error, and whether it took effect is not
    /// known.
    pub mark: Option<String>,
}

impl NewSecret {
    /// Whether a version with these tags was made by this very write; never, if it has no mark.
    pub fn made(&self, tags: &Tags) -> bool {
        let mark = self.mark.as_ref().and_then(|name| Some((name, self.tags.get(name)?)));
        mark.is_some_and(|(name, value)| tags.get(name) == Some(value))
    }
}

/// What to change of a version without making a new one; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretUpdate {
    /// Replaces all tags.
    pub tags: Option<Tags>,
    /// What the value is, for people.
    pub content_type: Option<String>,
    /// Whether it can be read.
    pub enabled: Option<bool>,
    /// Unix seconds before which it should not be used.
    pub not_before: Option<i64>,
    /// Unix seconds after which it should not be used.
    pub expires: Option<i64>,
}

impl SecretUpdate {
    /// Replaces the tags and nothing else.
    pub fn tags(tags: Tags) -> Self {
        Self { tags: Some(tags), ..Self::default() }
    }
}

/// All of a version but its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretProperties {
    /// The secret's name, in the case that the vault keeps.
    pub name: SecretName,
    /// The version; `None` in a listing of secrets, which names none.
    pub version: Option<SecretVersion>,
    /// What the value is, for people.
    pub content_type: Option<String>,
    /// The version's tags.
    pub tags: Tags,
    /// Whether it can be read.
    pub enabled: bool,
    /// Unix seconds before which it should not be used.
    pub not_before: Option<i64>,
    /// Unix seconds after which it should not be used.
    pub expires: Option<i64>,
    /// Unix seconds of its creation.
    pub created: Option<i64>,
    /// Unix seconds of its last change.
    pub updated: Option<i64>,
}

/// A version with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The value.
    pub value: SecretValue,
    /// Everything else.
    pub properties: SecretProperties,
}

/// A secret that is soft-deleted: it keeps its name until it is purged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedSecret {
    /// What the secret's latest version was.
    pub properties: SecretProperties,
    /// Unix seconds of the deletion.
    pub deleted: Option<i64>,
    /// Unix seconds at which the vault forgets it for good.
    pub scheduled_purge: Option<i64>,
}

/// What [`Provider::list`] goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListScope<'a> {
    /// Every secret, once, with the properties of its latest version.
    Secrets,
    /// Every version of one secret. An unknown name gives an empty list.
    Versions(&'a SecretName),
    /// Every soft-deleted secret.
    Deleted,
}

/// A place where secrets live.
///
/// Names compare without case. A write is a new version; of a version everything may change but its value. `Display` names
/// the instance for logs and messages (`Azure Key Vault https://v1.vault.azure.net`), without credentials. Every call ends
/// within a bounded time. What a provider lacks of [`Capabilities`] it refuses.
///
/// No method has a default, so that a decorator cannot leave one out: what it does not pass on does not compile.
///
/// ```compile_fail,E0046
/// use async_trait::async_trait;
/// use futures::stream::BoxStream;
/// use strongroom_secrets::*;
///
/// #[derive(Debug)]
/// struct Decorator(std::sync::Arc<dyn Provider>);
///
/// impl std::fmt::Display for Decorator {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         self.0.fmt(f)
///     }
/// }
///
/// #[async_trait]
/// impl Provider for Decorator {
///     fn capabilities(&self) -> Capabilities {
///         self.0.capabilities()
///     }
///     async fn get(&self, name: &SecretName, version: Option<&SecretVersion>) -> Result<Secret> {
///         self.0.get(name, version).await
///     }
///     // set is left out.
///     async fn update(
///         &self,
///         name: &SecretName,
///         version: &SecretVersion,
///         update: SecretUpdate,
///     ) -> Result<SecretProperties> {
///         self.0.update(name, version, update).await
///     }
///     fn list<'a>(&'a self, scope: ListScope<'a>) -> BoxStream<'a, Result<SecretProperties>> {
///         self.0.list(scope)
///     }
///     async fn delete(&self, name: &SecretName) -> Result<()> {
///         self.0.delete(name).await
///     }
///     async fn get_deleted(&self, name: &SecretName) -> Result<DeletedSecret> {
///         self.0.get_deleted(name).await
///     }
///     async fn recover(&self, name: &SecretName) -> Result<SecretProperties> {
///         self.0.recover(name).await
///     }
///     async fn purge(&self, name: &SecretName) -> Result<()> {
///         self.0.purge(name).await
///     }
/// }
/// ```
#[async_trait]
pub trait Provider: Debug + Display + Send + Sync + 'static {
    /// What this kind of vault can do. What the identity may do is another question: only a call can tell.
    fn capabilities(&self) -> Capabilities;

    /// Reads a version, or the latest.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) also for a soft-deleted secret;
    /// [`Disabled`](crate::ErrorKind::Disabled) if it may not be read.
    async fn get(&self, name: &SecretName, version: Option<&SecretVersion>) -> Result<Secret>;

    /// Writes a new latest version and answers with its properties, the version among them.
    ///
    /// # Errors
    /// [`Deleted`](crate::ErrorKind::Deleted) if the name is soft-deleted.
    async fn set(&self, name: &SecretName, new: NewSecret) -> Result<SecretProperties>;

    /// Changes what `update` names of a version, disabled or not; its value and all else stay, and no version is made.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such version.
    async fn update(
        &self,
        name: &SecretName,
        version: &SecretVersion,
        update: SecretUpdate,
    ) -> Result<SecretProperties>;

    /// Goes through the secrets of `scope`, page by page, in no particular order.
    fn list<'a>(&'a self, scope: ListScope<'a>) -> BoxStream<'a, Result<SecretProperties>>;

    /// Soft-deletes a secret with all its versions.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none.
    async fn delete(&self, name: &SecretName) -> Result<()>;

    /// Reads what is known of a soft-deleted secret.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if no secret of that name is soft-deleted.
    async fn get_deleted(&self, name: &SecretName) -> Result<DeletedSecret>;

    /// Brings a soft-deleted secret back and returns when it can be read and written again.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if no secret of that name is soft-deleted.
    async fn recover(&self, name: &SecretName) -> Result<SecretProperties>;

    /// Forgets a soft-deleted secret for good, with all its versions; its name is free again, at once or soon.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if no secret of that name is soft-deleted;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if the vault is protected against it.
    async fn purge(&self, name: &SecretName) -> Result<()>;

    /// What there is to tell of a vault that is reached over a network, with an identity; `None` if it lies here.
    fn remote(&self) -> Option<&dyn Remote> {
        None
    }
}
