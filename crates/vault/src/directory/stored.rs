//! What of the directory the store keeps: vaults, principals and roles that were made at run time, one document each.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::access::SlowHash;
use crate::config::{FederatedSettings, RoleAssignment, RoleSettings, VaultSettings};
use crate::error::{Error, ErrorKind, Result};
use crate::store::StoredDirectory;

/// The kinds of entries. The key of each is a name in lower case.
pub(crate) const VAULT: &str = "vault";
pub(crate) const PRINCIPAL: &str = "principal";
pub(crate) const ROLE: &str = "role";
/// Says that a vault of `vault.yaml` has had purge protection, which nobody can switch off again.
pub(crate) const PROTECTION: &str = "purge protection";

/// Everything that the store keeps of the directory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stored {
    pub(crate) generation: i64,
    pub(crate) vaults: Vec<VaultSettings>,
    pub(crate) principals: Vec<StoredPrincipal>,
    pub(crate) roles: Vec<RoleSettings>,
    /// By name in lower case.
    pub(crate) protected: BTreeSet<String>,
}

/// A principal that was made at run time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredPrincipal {
    pub(crate) name: String,
    pub(crate) client_id: String,
    /// Unix seconds.
    pub(crate) created: i64,
    #[serde(default)]
    pub(crate) secrets: Vec<StoredSecret>,
    /// PEM texts.
    #[serde(default)]
    pub(crate) certificates: Vec<String>,
    #[serde(default)]
    pub(crate) federated_credentials: Vec<FederatedSettings>,
    #[serde(default)]
    pub(crate) roles: Vec<RoleAssignment>,
}

/// A client secret: what it is known by, and what it is checked with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredSecret {
    pub(crate) id: String,
    /// Unix seconds, as the next.
    pub(crate) created: i64,
    #[serde(default)]
    pub(crate) expires: Option<i64>,
    pub(crate) proof: StoredProof,
}

/// What a presented secret is compared with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum StoredProof {
    /// Base64url of the SHA-256 of a secret that was drawn here: nobody guesses 256 bits.
    Sha256(String),
    /// For secrets that people choose.
    Argon2id(SlowHash),
}

impl Stored {
    /// Reads the documents.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database) if one is not as this program writes it.
    pub(crate) fn parse(directory: &StoredDirectory) -> Result<Self> {
        let mut stored = Self { generation: directory.generation, ..Self::default() };
        for entry in &directory.entries {
            match entry.kind.as_str() {
                VAULT => stored.vaults.push(document(&entry.kind, &entry.key, &entry.document)?),
                PRINCIPAL => stored.principals.push(document(&entry.kind, &entry.key, &entry.document)?),
                ROLE => stored.roles.push(document(&entry.kind, &entry.key, &entry.document)?),
                PROTECTION => {
                    stored.protected.insert(entry.key.clone());
                }
                kind => tracing::warn!(kind, "the directory has an entry of a kind that is not known here"),
            }
        }
        Ok(stored)
    }

    pub(crate) fn principal(&self, name: &str) -> Option<&StoredPrincipal> {
        self.principals.iter().find(|known| known.name.eq_ignore_ascii_case(name))
    }
}

fn document<T: DeserializeOwned>(kind: &str, key: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| {
        // The parser's words could quote a hash.
        Error::new(ErrorKind::Database, format!("the {kind} {key:?} of the database cannot be read"))
            .with_hint("it was written by another version of the program; use that one, or restore a backup")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DirectoryEntry;

    fn directory(kind: &str, document: &str) -> StoredDirectory {
        let entry = DirectoryEntry { kind: kind.into(), key: "a".into(), document: document.into() };
        StoredDirectory { generation: 7, entries: vec![entry] }
    }

    #[test]
    fn documents_are_read_back_as_they_were_written() {
        let secret = StoredSecret {
            id: "1".into(),
            created: 5,
            expires: Some(6),
            proof: StoredProof::Sha256("digest".into()),
        };
        let principal = StoredPrincipal {
            name: "a".into(),
            client_id: "id".into(),
            created: 5,
            secrets: vec![secret],
            certificates: vec![],
            federated_credentials: vec![],
            roles: vec![RoleAssignment::new("v1", "Key Vault Reader")],
        };
        let stored =
            Stored::parse(&directory(PRINCIPAL, &serde_json::to_string(&principal).unwrap())).unwrap();
        assert_eq!(stored.generation, 7);
        let read = stored.principal("A").unwrap();
        assert_eq!((read.secrets[0].expires, read.roles[0].role.as_str()), (Some(6), "Key Vault Reader"));
    }

    #[test]
    fn a_document_that_cannot_be_read_is_not_passed_over_and_not_quoted() {
        let error = Stored::parse(&directory(PRINCIPAL, "{\"name\": \"hunter2\"")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Database);
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(Stored::parse(&directory("of the future", "?")).unwrap().principals.is_empty());
    }
}
