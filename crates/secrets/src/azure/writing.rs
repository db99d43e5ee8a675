//! Writing a version, and finding out what became of it if the answer was lost.
//!
//! Each write makes a version, so one that may have arrived is never sent again. If it carries a mark, the latest version
//! tells whether it took effect.

use azure_core::error::{Error as AzureError, ErrorKind as AzureErrorKind};
use azure_core::http::Response;
use azure_security_keyvault_secrets::models::SecretClientSetSecretOptions;

use super::action::Action;
use super::channel::{Cause, Failure, Peer, find};
use super::client::{AzureProvider, about, method_options};
use super::failure::Doing;
use super::models;
use super::retry::{Attempt, backoff};
use crate::random::SystemRandom;
use crate::{Error, ErrorKind, NewSecret, Result, SecretName, SecretProperties, SecretValue};

/// How often the latest version is read: a write can still be under way when its answer is lost.
const LOOKS: u32 = 3;

impl AzureProvider {
    pub(super) async fn write(&self, name: &SecretName, new: NewSecret) -> Result<SecretProperties> {
        let mut doing = self.doing(format!("write secret {name}"), Action::Set, Some(name));
        doing.secrets.push(&new.value);
        if new.value.len() > SecretValue::MAX_BYTES {
            let why = format!(
                "its value has {} bytes, at most {} are kept",
                new.value.len(),
                SecretValue::MAX_BYTES
            );
            return Err(doing
                .fail(ErrorKind::InvalidInput, &why)
                .with_hint("keep what is that long elsewhere, and only its key in the vault"));
        }
        let attempt = Attempt::new(self.call_timeout);
        let parameters = models::set_parameters(&new)?;
        let (doing, new) = (&doing, &new);
        self.run(doing, &attempt, || async {
            let options = SecretClientSetSecretOptions { method_options: method_options(&attempt) };
            let answer = self.client.set_secret(name.as_str(), parameters.clone(), Some(options)).await;
            match answer.and_then(Response::into_model) {
                Ok(bundle) => {
                    let properties = models::properties_of_secret(bundle)?;
                    about(doing, name, &properties)?;
                    Ok(properties)
                }
                Err(error) if may_have_arrived(&error) => {
                    self.look_for(doing, &attempt, name, new, doing.explain(&error)).await
                }
                Err(error) => Err(doing.explain(&error)),
            }
        })
        .await
    }

    /// The version that a write made whose answer was lost with `lost`; that, if it cannot be found.
    async fn look_for(
        &self,
        doing: &Doing<'_>,
        attempt: &Attempt,
        name: &SecretName,
        new: &NewSecret,
        lost: Error,
    ) -> Result<SecretProperties> {
        if new.mark.is_none() {
            return Err(lost);
        }
        for look in 1..=LOOKS {
            let delay = backoff(look, &SystemRandom);
            if !attempt.has_time_for(delay) {
                break;
            }
            tokio::time::sleep(delay).await;
            // A look that fails says nothing: what was lost with the write is the better reason.
            let Ok(latest) = self.get_once(doing, attempt, name, None).await else { continue };
            if new.made(&latest.properties.tags) {
                return Ok(latest.properties);
            }
        }
        Err(lost)
    }
}

/// Whether a write that failed so may have reached the vault all the same.
fn may_have_arrived(error: &AzureError) -> bool {
    match find::<Failure>(error) {
        Some(Failure { peer: Peer::Vault, cause }) => matches!(
            cause,
            Cause::Lost(_) | Cause::Silent | Cause::TooLong | Cause::Refused(408 | 500 | 502 | 504)
        ),
        Some(_) => false,
        None => match error.kind() {
            AzureErrorKind::HttpResponse { status, .. } => {
                matches!(u16::from(*status), 408 | 500 | 502 | 504)
            }
            AzureErrorKind::Credential => false,
            // An answer of success that cannot be understood.
            _ => matches!(error.kind(), AzureErrorKind::DataConversion | AzureErrorKind::Io),
        },
    }
}
