//! What a vault's refusals mean: the one place that looks at the status, code and text of its answers.

use azure_core::http::RawResponse;
use serde::Deserialize;

use super::action::recover_hint;
use super::failure::Doing;
use super::meaning::{Meaning, QUOTA};
use crate::{Error, ErrorKind};

/// A vault's refusal, as it writes it.
#[derive(Deserialize, Default)]
struct Body {
    error: Option<Detail>,
}

#[derive(Deserialize, Default)]
struct Detail {
    code: Option<String>,
    message: Option<String>,
    innererror: Option<Box<Detail>>,
}

impl Doing<'_> {
    /// What it means that the vault answered with an error.
    pub(super) fn explain_answer(&self, answer: &RawResponse) -> Error {
        let status = u16::from(answer.status());
        let body: Body = serde_json::from_slice(answer.body().as_ref()).unwrap_or_default();
        let detail = body.error.unwrap_or_default();
        let code = detail.code.unwrap_or_default();
        let inner = detail.innererror.and_then(|inner| inner.code).unwrap_or_default();
        let most_specific = if inner.is_empty() { &code } else { &inner };
        let said = match (
            self.presentable(most_specific),
            self.presentable(detail.message.as_deref().unwrap_or_default()),
        ) {
            (code, message) if code.is_empty() && message.is_empty() => format!("status {status}"),
            (code, message) if message.is_empty() => format!("{status} {code}"),
            (code, message) => format!("{status} {code}: {message}"),
        };
        self.mean(self.refusal(status, &code, &inner, &said))
    }

    fn refusal(&self, status: u16, code: &str, inner: &str, said: &str) -> Meaning {
        let told =
            |kind, why: &str, hint: &str| Meaning::new(kind, format!("{why} ({said})")).with_hint(hint);
        let known = |kind, why: &str, hint: &str| Meaning::new(kind, why).with_hint(hint);
        match (status, code, inner) {
            (401, ..) => told(
                ErrorKind::Unauthenticated,
                "the vault does not accept the token",
                "the tenant and the authority host must be those of the vault's own directory, and this machine's clock right",
            ),
            (403, _, "SecretDisabled") => {
                known(ErrorKind::Disabled, "the secret is disabled", "enable it, or write a new version")
            }
            (403, _, "ForbiddenByFirewall") => told(
                ErrorKind::NetworkDenied,
                "the vault's firewall does not let us in",
                "allow this machine's address, as the vault sees it, in the vault's network settings, or come from a network that is allowed",
            ),
            (403, _, "ForbiddenByConnection") => told(
                ErrorKind::NetworkDenied,
                "the vault is closed to the public network",
                "run where the vault's name leads to its private endpoint",
            ),
            (400 | 403, "NotSupported", _) => told(
                ErrorKind::Unsupported,
                "the vault does not allow it",
                "with purge protection a deleted secret stays until its retention is over",
            ),
            (403, _, "AccessDenied" | "ForbiddenByPolicy") => {
                told(ErrorKind::PermissionDenied, "the identity may not do that", &self.action.policy_hint())
            }
            (403, ..) => {
                told(ErrorKind::PermissionDenied, "the identity may not do that", &self.action.role_hint())
            }
            (404, "SecretNotFound", _) => known(
                ErrorKind::NotFound,
                "there is no such secret or version",
                "is the name right, and was it deleted perhaps?",
            ),
            (_, "VaultNotFound", _) | (404, ..) => {
                told(ErrorKind::Configuration, "there is no such vault", "check the vault's name or URL")
            }
            (409, _, "ObjectIsDeletedButRecoverable") => known(
                ErrorKind::Deleted,
                "a secret of that name is soft-deleted and still holds the name",
                &self.name.map_or_else(|| "recover it, or purge it".to_owned(), recover_hint),
            ),
            (409, _, "ObjectIsBeingDeleted" | "ObjectIsBeingRecovered") => known(
                ErrorKind::Busy,
                "the secret is being deleted or recovered right now",
                "try again in some seconds",
            ),
            (409, ..) => told(
                ErrorKind::AlreadyExists,
                "there is one of that name already",
                "choose another name, or delete and purge what is there",
            ),
            (400, ..) => told(
                ErrorKind::InvalidInput,
                "the vault refuses it",
                "a name has 1 to 127 letters, digits and hyphens, a value at most 25,600 bytes, a version at most 15 tags",
            ),
            (429, ..) => told(ErrorKind::Throttled, "the vault takes no more requests for now", QUOTA),
            (408 | 500..=599, ..) => {
                told(ErrorKind::Unavailable, "the vault cannot serve now", "try again later")
            }
            _ => known(
                ErrorKind::Other,
                &format!("the vault answered {said}"),
                "is there a Key Vault behind that URL, or a proxy in between?",
            ),
        }
    }
}
