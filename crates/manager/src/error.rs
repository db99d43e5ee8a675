//! Why a write was refused or failed.

use strongroom_entities::FieldPath;
use strongroom_metastore::StoreError;
use strongroom_secrets::{ErrorKind, SecretName};

/// Why a document was not stored. The text is for whoever sent it: it names fields and secrets, never a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The row is no longer the one that the change was made from: make it anew.
    #[error("the entity was changed by somebody else in the meantime: read it again and repeat the change")]
    Changed,
    /// An entity of that name exists.
    #[error("Entity already exists")]
    AlreadyExists,
    /// The entity is gone.
    #[error("the entity does not exist any more")]
    NotFound,
    /// The secret's name belongs to another field.
    #[error(
        "the secret {name} is kept for {owner}, so it cannot be used for another field: rename one of the two entities"
    )]
    Taken {
        /// The name.
        name: SecretName,
        /// Whose it is.
        owner: String,
    },
    /// The vault holds a secret of that name that is not ours.
    #[error(
        "the vault already holds a secret {name} that Strongroom did not write: delete or rename it there, \
         or refer to it with secret:{name}"
    )]
    Foreign {
        /// The name.
        name: SecretName,
    },
    /// Another write to the same secret is under way.
    #[error("another change of the secret {name} is under way: try again in a moment")]
    Busy {
        /// The name.
        name: SecretName,
    },
    /// A field that cannot be stored as it is.
    #[error("the field {field} {reason}")]
    InvalidField {
        /// The field.
        field: FieldPath,
        /// What is wrong with it, as the rest of the sentence.
        reason: String,
    },
    /// A reference to a secret that is kept for another field.
    #[error(
        "the field {field} may not refer to the secret {name}, which is kept for another field: type the password itself"
    )]
    ForbiddenReference {
        /// The field.
        field: FieldPath,
        /// The name.
        name: SecretName,
    },
    /// The vault refused or did not answer.
    #[error("{0}")]
    Vault(#[from] strongroom_secrets::Error),
    /// What the vault read back is not what was written.
    #[error("the vault answered with another version of {name} than was written: somebody else writes to it")]
    Unverified {
        /// The name.
        name: SecretName,
    },
    /// The database failed.
    #[error(transparent)]
    Store(StoreError),
    /// There is no key to encrypt with.
    #[error("no Fernet key is configured (fernetConfiguration.fernetKey)")]
    NoFernetKey,
    /// A stored value cannot be decrypted.
    #[error(
        "the stored value of {field} cannot be decrypted: was the Fernet key changed? (fernetConfiguration.fernetKey takes several, separated by commas)"
    )]
    Fernet {
        /// The field.
        field: FieldPath,
    },
}

impl WriteError {
    /// Why nothing more can be stored just now, whatever it is, as the rest of a sentence; `None` if only this failed.
    pub fn stops_all(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => error.stops_all(),
            _ => None,
        }
    }

    /// The HTTP status that says the same.
    pub fn status(&self) -> u16 {
        match self {
            Self::Changed
            | Self::AlreadyExists
            | Self::Taken { .. }
            | Self::Foreign { .. }
            | Self::Busy { .. }
            | Self::Store(StoreError::InUse(_)) => 409,
            Self::NotFound => 404,
            Self::InvalidField { .. } | Self::ForbiddenReference { .. } => 400,
            Self::Vault(error) if error.kind() == ErrorKind::InvalidInput => 400,
            Self::Vault(error) if error.is_transient() => 503,
            Self::Store(StoreError::Again(_) | StoreError::Gone(_)) => 503,
            Self::Vault(_) | Self::Unverified { .. } => 502,
            Self::Store(_) | Self::Fernet { .. } | Self::NoFernetKey => 500,
        }
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::AlreadyExists => Self::AlreadyExists,
            other => Self::Store(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_by_is_worth_another_try_and_what_does_not_is_a_fault() {
        let status = |error| WriteError::from(error).status();
        let why = || "error 1".to_owned();
        assert_eq!(status(StoreError::InUse(why())), 409);
        assert_eq!([StoreError::Again(why()), StoreError::Gone(why())].map(status), [503, 503]);
        assert_eq!([StoreError::Full(why()), StoreError::ReadOnly(why())].map(status), [500, 500]);
    }
}
