//! What a secret is called in the vault.
//!
//! A name is computed once, when a field gets its first secret; from then on the reference in the row decides. There are
//! two schemes: [`guide`] gives every field a name of its own, [`openmetadata`] gives the name that OpenMetadata's own
//! server computes, faults included. Both begin with the configured prefix and cluster name.

mod guide;
mod openmetadata;

use std::fmt;
use std::str::FromStr;

use strongroom_entities::{EntityKind, FieldPath};
use strongroom_secrets::SecretName;
use uuid::Uuid;

/// How names are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NamingScheme {
    /// As the guide says: `<prefix>-<clusterName>-<kind>-<entity>-<field path>`. Two fields never share a name.
    Guide,
    /// Letter for letter as OpenMetadata's own server does, for a database that it keeps serving.
    Openmetadata,
}

impl fmt::Display for NamingScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Guide => "guide",
            Self::Openmetadata => "openmetadata",
        })
    }
}

impl FromStr for NamingScheme {
    type Err = NamingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "guide" => Ok(Self::Guide),
            "openmetadata" => Ok(Self::Openmetadata),
            _ => Err(NamingError::UnknownScheme),
        }
    }
}

/// Why there is no name. The first few are errors of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NamingError {
    /// The scheme has another name.
    #[error("there is no such naming scheme: the schemes are guide and openmetadata")]
    UnknownScheme,
    /// A character that the name of a secret cannot have.
    #[error(
        "the {setting} holds {character:?}, but names in Key Vault are made of letters, digits and hyphens \
         (a-z, A-Z, 0-9, -): choose another {setting}"
    )]
    IllegalCharacter {
        /// What holds it: `prefix` or `clusterName`.
        setting: &'static str,
        /// The character.
        character: char,
    },
    /// There is no cluster name.
    #[error(
        "the clusterName is empty: every secret's name begins with it, so choose one (the default is openmetadata)"
    )]
    NoClusterName,
    /// Prefix and cluster name leave no room for the rest.
    #[error(
        "prefix and clusterName have {length} characters together, but a secret's name has at most 127 in all: \
         shorten them to {most} or fewer"
    )]
    SettingsTooLong {
        /// How many they have, hyphens included.
        length: usize,
        /// How many they may have.
        most: usize,
    },
    /// The scheme `openmetadata` deletes every other character, so nothing of the entity's name would be left.
    #[error(
        "cannot be named: nothing is left of the name of {kind} {fqn} without an ASCII letter or digit in it, under \
         `naming: openmetadata` (rename the entity, or choose `naming: guide`)"
    )]
    NothingLeft {
        /// What kind of entity.
        kind: EntityKind,
        /// Its fully qualified name.
        fqn: String,
    },
    /// The scheme `openmetadata` has no way to shorten a name.
    #[error(
        "cannot be named: the name of its secret would have {length} characters under `naming: openmetadata`, and Key \
         Vault takes 127 at most (shorten the name of {kind} {fqn}, or choose `naming: guide`)"
    )]
    TooLong {
        /// What kind of entity.
        kind: EntityKind,
        /// Its fully qualified name.
        fqn: String,
        /// How many characters it would have.
        length: usize,
    },
    /// The scheme `openmetadata` knows one name for a field, and no other.
    #[error(
        "cannot have another name: `naming: openmetadata` has one for each field (choose `naming: guide`)"
    )]
    OnlyOneName,
}

/// Computes the names of an installation's secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    prefix: String,
    cluster_name: String,
    scheme: NamingScheme,
}

impl Naming {
    /// Takes the configured prefix (empty: none) and cluster name as they stand.
    ///
    /// # Errors
    /// If one of them holds a character that names cannot have, if there is no cluster name, or if they are so long that
    /// not even a shortened name fits behind them.
    pub fn new(prefix: &str, cluster_name: &str, scheme: NamingScheme) -> Result<Self, NamingError> {
        for (setting, text) in [("prefix", prefix), ("clusterName", cluster_name)] {
            if let Some(character) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || *c == '-')) {
                return Err(NamingError::IllegalCharacter { setting, character });
            }
        }
        if cluster_name.is_empty() {
            return Err(NamingError::NoClusterName);
        }
        let naming = Self { prefix: prefix.to_owned(), cluster_name: cluster_name.to_owned(), scheme };
        let (length, most) = (naming.base().len(), guide::longest_base());
        if length > most {
            return Err(NamingError::SettingsTooLong { length, most });
        }
        Ok(naming)
    }

    /// The scheme of [`Naming::name`].
    pub fn scheme(&self) -> NamingScheme {
        self.scheme
    }

    /// The name for the secret of a field.
    ///
    /// # Errors
    /// Under `openmetadata` if the entity's name has no ASCII letter or digit, or the result is too long.
    pub fn name(&self, kind: EntityKind, fqn: &str, path: &FieldPath) -> Result<SecretName, NamingError> {
        match self.scheme {
            NamingScheme::Guide => Ok(guide::name(&self.base(), kind, fqn, path)),
            NamingScheme::Openmetadata => self.openmetadata_name(kind, fqn, path),
        }
    }

    /// The name for a field whose [`Naming::name`] is taken by another owner: hashed, with the entity's id in the hash.
    ///
    /// # Errors
    /// [`NamingError::OnlyOneName`] under `openmetadata`.
    pub fn name_with_id(
        &self,
        kind: EntityKind,
        fqn: &str,
        path: &FieldPath,
        id: Uuid,
    ) -> Result<SecretName, NamingError> {
        match self.scheme {
            NamingScheme::Guide => Ok(guide::hashed_name(&self.base(), kind, fqn, path, Some(id))),
            NamingScheme::Openmetadata => Err(NamingError::OnlyOneName),
        }
    }

    /// What OpenMetadata's own server calls the secret of a field, whatever our scheme.
    ///
    /// # Errors
    /// If the entity's name has no ASCII letter or digit, or the result is too long.
    pub fn openmetadata_name(
        &self,
        kind: EntityKind,
        fqn: &str,
        path: &FieldPath,
    ) -> Result<SecretName, NamingError> {
        openmetadata::name(&self.openmetadata_base(), kind, fqn, path)
    }

    /// Whether a name lies where this installation's secrets lie, in the form of either scheme. Case does not count.
    pub fn is_ours(&self, name: &SecretName) -> bool {
        let name = name.key();
        [self.base(), self.openmetadata_base()]
            .iter()
            .any(|base| name.starts_with(&base.to_ascii_lowercase()))
    }

    /// What every name begins with under `guide`.
    fn base(&self) -> String {
        if self.prefix.is_empty() {
            format!("{}-", self.cluster_name)
        } else {
            format!("{}-{}-", self.prefix, self.cluster_name)
        }
    }

    /// What every name begins with in OpenMetadata's own server, which joins the two without a hyphen.
    fn openmetadata_base(&self) -> String {
        format!("{}{}-", self.prefix, self.cluster_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming(prefix: &str, cluster_name: &str, scheme: NamingScheme) -> Naming {
        Naming::new(prefix, cluster_name, scheme).unwrap()
    }

    fn name(text: &str) -> SecretName {
        SecretName::new(text).unwrap()
    }

    #[test]
    fn prefix_and_cluster_name_stand_as_configured() {
        let path = "connection.config.authType.password".parse().unwrap();
        for (prefix, cluster_name, expected) in [
            ("", "openmetadata", "openmetadata-database-sales-authtype-password"),
            ("acme", "openmetadata", "acme-openmetadata-database-sales-authtype-password"),
            ("A--b-", "Prod-", "A--b--Prod--database-sales-authtype-password"),
        ] {
            let naming = naming(prefix, cluster_name, NamingScheme::Guide);
            let name = naming.name(EntityKind::DatabaseService, "sales", &path).unwrap();
            assert_eq!(name.as_str(), expected);
            assert!(naming.is_ours(&name));
        }
    }

    #[test]
    fn openmetadatas_server_joins_prefix_and_cluster_name_without_a_hyphen() {
        let naming = naming("Acme", "openmetadata", NamingScheme::Openmetadata);
        let path = "connection.config.authType.password".parse().unwrap();
        let name = naming.name(EntityKind::DatabaseService, "sales", &path).unwrap();
        assert_eq!(name.as_str(), "acmeopenmetadata-database-sales-authtype-password");
        assert!(naming.is_ours(&name));
    }

    #[test]
    fn what_names_cannot_hold_is_an_error_of_the_configuration() {
        for (prefix, cluster_name, setting, character) in
            [("a_b", "c", "prefix", '_'), ("50%", "c", "prefix", '%'), ("", "my cluster", "clusterName", ' ')]
        {
            assert_eq!(
                Naming::new(prefix, cluster_name, NamingScheme::Guide),
                Err(NamingError::IllegalCharacter { setting, character })
            );
        }
        assert_eq!(Naming::new("p", "", NamingScheme::Guide), Err(NamingError::NoClusterName));
    }

    #[test]
    fn prefix_and_cluster_name_must_leave_room() {
        let most = guide::longest_base();
        assert!(Naming::new("", &"c".repeat(most - 1), NamingScheme::Guide).is_ok());
        assert_eq!(
            Naming::new("", &"c".repeat(most), NamingScheme::Guide),
            Err(NamingError::SettingsTooLong { length: most + 1, most })
        );
    }

    #[test]
    fn only_names_behind_our_own_prefix_and_cluster_name_are_ours() {
        let naming = naming("acme", "prod", NamingScheme::Guide);
        for ours in ["acme-prod-x", "ACME-Prod-", "acmeprod-database-x"] {
            assert!(naming.is_ours(&name(ours)), "{ours}");
        }
        for foreign in ["acme-prod", "acme-prod2-x", "prod-x", "x-acme-prod-x", "acme"] {
            assert!(!naming.is_ours(&name(foreign)), "{foreign}");
        }
    }

    #[test]
    fn a_scheme_is_known_by_its_name() {
        for scheme in [NamingScheme::Guide, NamingScheme::Openmetadata] {
            assert_eq!(scheme.to_string().parse(), Ok(scheme));
        }
        assert_eq!("Guide".parse::<NamingScheme>(), Err(NamingError::UnknownScheme));
    }

    #[test]
    fn only_the_scheme_of_the_guide_has_a_second_name() {
        let path = "connection.config.password".parse().unwrap();
        let of = |scheme| {
            naming("", "c", scheme).name_with_id(EntityKind::DatabaseService, "a", &path, Uuid::nil())
        };
        assert_eq!(of(NamingScheme::Openmetadata), Err(NamingError::OnlyOneName));
        assert!(of(NamingScheme::Guide).is_ok());
    }
}
