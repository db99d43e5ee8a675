//! The secrets managers that there are: which vault each means, and what it does with passwords.

use crate::error::ConfigError;
use crate::found::Found;

/// The secrets managers of the reference that are supported, and one of our own.
///
/// The name says two things: which vault ([`Self::vault`]), and whether it holds the passwords ([`Self::is_managed`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretsManager {
    /// `db` (once `noop`): secrets stay in the database, encrypted.
    Db,
    /// `managed-azure-kv`: secrets are kept in an Azure Key Vault, the database holds references.
    ManagedAzureKv,
    /// `azure-kv`: secrets stay in the database; users may write references to secrets of their own Key Vault.
    AzureKv,
    /// `managed-file`: secrets are kept in a folder of encrypted files on this machine, the database holds references.
    ManagedFile,
    /// `in-memory`: secrets are kept in the process and gone with it, the database holds references. For tests.
    InMemory,
}

/// A kind of vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VaultKind {
    /// An Azure Key Vault.
    AzureKeyVault,
    /// A folder of encrypted files.
    Folder,
    /// The memory of the process.
    Memory,
}

impl SecretsManager {
    /// All that are supported.
    pub const ALL: [Self; 5] =
        [Self::Db, Self::ManagedAzureKv, Self::AzureKv, Self::ManagedFile, Self::InMemory];

    /// The name in files, requests and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Db => "db",
            Self::ManagedAzureKv => "managed-azure-kv",
            Self::AzureKv => "azure-kv",
            Self::ManagedFile => "managed-file",
            Self::InMemory => "in-memory",
        }
    }

    /// The one of this name, in whatever case, in its present or its old spelling.
    pub fn named(name: &str) -> Option<Self> {
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        if is("noop") {
            return Some(Self::Db);
        }
        Self::ALL.into_iter().find(|known| is(known.as_str()))
    }

    /// Whether it moves the secrets out of the database.
    pub fn is_managed(self) -> bool {
        match self {
            Self::ManagedAzureKv | Self::ManagedFile | Self::InMemory => true,
            Self::Db | Self::AzureKv => false,
        }
    }

    /// The vault that it moves secrets to, or that users' own references point to.
    pub fn vault(self) -> Option<VaultKind> {
        match self {
            Self::Db => None,
            Self::ManagedAzureKv | Self::AzureKv => Some(VaultKind::AzureKeyVault),
            Self::ManagedFile => Some(VaultKind::Folder),
            Self::InMemory => Some(VaultKind::Memory),
        }
    }
}

/// The rest of the reference's list.
const NOT_YET: [&str; 7] =
    ["managed-aws", "aws", "managed-aws-ssm", "aws-ssm", "gcp", "kubernetes", "managed-openbao"];

/// Reads a name, in whatever case, in its present or its old spelling.
pub(crate) fn read(found: &Found) -> Result<SecretsManager, ConfigError> {
    let name = found.text();
    let is = |known: &str| known.eq_ignore_ascii_case(name);
    if let Some(known) = SecretsManager::named(name) {
        return Ok(known);
    }
    let supported = format!("{} are supported", SecretsManager::ALL.map(SecretsManager::as_str).join(", "));
    if let Some(later) = NOT_YET.into_iter().find(|later| is(later)) {
        return Err(found.fault(format!("{later} is not supported yet")).hint(supported));
    }
    let error = found.fault("there is no such secrets manager");
    Err(match crate::suggest::nearest(name, SecretsManager::ALL.map(SecretsManager::as_str)) {
        Some(known) => error.hint(format!("did you mean {known}?")),
        None => error.hint(supported),
    })
}
