//! Passwords of people: bcrypt, as OpenMetadata stores them.

use serde_json::Value;
use strongroom_entities::{EntityKind, fqn_hash, quote_name};
use strongroom_metastore::{Metastore, StoreError};
use strongroom_secrets::{Random, SecretValue};

use crate::app::App;
use crate::errors::ApiError;

/// How much work a hash is: 2^12 rounds.
pub(crate) const COST: u32 = 12;
/// A hash that is compared with where there is no user, so that it takes as long. Whatever matches it is refused all the same.
const DECOY: &str = "$2a$12$hUnRMkhvyAm5CgI2kBiDZOfzq.Xg.YeHe5PJzNtnzYzmCN12idK6S";

/// Whether `password` is the one that `hash` was made of. `None` takes as long, and is never right.
pub(crate) async fn verify(app: &App, password: SecretValue, hash: Option<String>) -> Result<bool, ApiError> {
    let permit = app.hashing.clone().acquire_owned().await.map_err(ApiError::unexpected)?;
    let verified = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let matches = bcrypt::non_truncating_verify(password.expose(), hash.as_deref().unwrap_or(DECOY));
        hash.is_some() && matches.unwrap_or(false)
    });
    verified.await.map_err(|_| ApiError::unexpected("the verification of a password panicked"))
}

/// Hashes a password. Takes a quarter of a second: call it where that does not hold anybody up.
///
/// # Errors
/// If the password is longer than 72 bytes, since bcrypt would ignore the rest, or holds a NUL byte.
pub(crate) fn hash(password: &SecretValue, random: &dyn Random) -> Result<String, bcrypt::BcryptError> {
    let parts = bcrypt::non_truncating_hash_with_salt(password.expose(), COST, random.bytes())?;
    Ok(parts.format_for_version(bcrypt::Version::TwoA))
}

/// The password that OpenMetadata gives the first administrator.
const DEFAULT_PASSWORD: &str = "admin";

/// Which of these users can sign in with the password that OpenMetadata gives the first administrator. Takes a quarter of a second
/// for each.
///
/// # Errors
/// If the database fails.
pub async fn with_default_password(store: &Metastore, names: &[String]) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for name in names {
        let hash = fqn_hash(&quote_name(&name.to_lowercase()));
        let Some(user) = store.get_by_hash(EntityKind::User, &hash).await? else { continue };
        let password = user.json.pointer("/authenticationMechanism/config/password").and_then(Value::as_str);
        let Some(password) = password.map(str::to_owned) else { continue };
        let matches = move || bcrypt::non_truncating_verify(DEFAULT_PASSWORD, &password).unwrap_or(false);
        if tokio::task::spawn_blocking(matches).await.unwrap_or(false) {
            found.push(name.clone());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use strongroom_secrets::random::SequentialRandom;

    use super::*;

    #[test]
    fn a_hash_has_the_reference_s_form_and_proves_its_password_only() {
        let hash = hash(&"dummy-admin".into(), &SequentialRandom::default()).unwrap();
        assert!(hash.starts_with("$2a$12$"), "{hash}");
        assert!(bcrypt::non_truncating_verify("dummy-admin", &hash).unwrap());
        assert!(!bcrypt::non_truncating_verify("dummy-admim", &hash).unwrap());
    }

    #[test]
    fn a_password_that_bcrypt_would_cut_is_refused() {
        assert!(hash(&"x".repeat(73).into(), &SequentialRandom::default()).is_err());
    }

    #[test]
    fn the_decoy_is_as_much_work_as_a_real_hash() {
        let parts: bcrypt::HashParts = DECOY.parse().unwrap();
        assert_eq!(parts.get_cost(), COST);
    }
}
